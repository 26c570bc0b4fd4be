//! The cluster: a database, workers of both kinds in processes of their own, and what they run.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use convoke::{Limit, Page, Payload, Store, Topology, TopologyId, TopologyStatus, WorkerName, WorkerStatus};
use rustix::process::Signal;
use sqlx::{Connection, MySqlConnection};

use super::monotonic;
use super::process::{Kind, Process, Said};
use super::stamps::Stamps;
use super::watch::{Views, Watch};

/// A time stamp that is older than this is of a run that is over, unless the host stood still.
const FRESH: Duration = Duration::from_secs(1);

/// Everything. What is dropped first ends first: the workers before the database.
pub(super) struct Cluster {
    processes: Vec<Process>,
    pub(super) store: Arc<dyn Store>,
    pub(super) watch: Watch,
    pub(super) topologies: Vec<String>,
    pub(super) stamps: Stamps,
    folder: tempfile::TempDir,
    url: String,
    database: String,
    /// The program.
    convoke: PathBuf,
    begun: Instant,
    _server: convoke_test_servers::Server,
}

impl Cluster {
    /// An installation of ours on a database of its own, and the published client beside it.
    pub(super) async fn prepare(topologies: usize) -> Result<Self> {
        let begun = Instant::now();
        let folder = tempfile::tempdir()?;
        super::packages::install(folder.path())?;
        let convoke = super::packages::convoke()?;
        let server = convoke_test_servers::private(convoke_test_servers::Kind::MariaDb)?;
        let mut connection = MySqlConnection::connect(server.url()).await?;
        sqlx::query("CREATE DATABASE both_kinds")
            .execute(&mut connection)
            .await?;
        connection.close().await?;
        let url = format!("{}/both_kinds", server.url().trim_end_matches('/'));
        let store = crate::bench::place::open(&url).await?;
        let stamps_folder = folder.path().join("stamps");
        fs::create_dir(&stamps_folder)?;
        let topologies: Vec<_> = (1..=topologies).map(|number| format!("topology-{number}")).collect();
        Ok(Self {
            watch: Watch::start(&url).await?,
            stamps: Stamps::of(stamps_folder, &topologies),
            database: super::packages::database(&url)?,
            store,
            topologies,
            convoke,
            folder,
            url,
            processes: Vec::new(),
            begun,
            _server: server,
        })
    }

    /// Says something, with the time.
    pub(super) fn say(&self, what: &str) {
        eprintln!("[{:6.1} s] {what}", self.begun.elapsed().as_secs_f64());
    }

    /// Starts a worker.
    pub(super) fn start(&mut self, name: &str, kind: Kind) -> Result<()> {
        let notes = self
            .folder
            .path()
            .join(format!("{name}.notes.{}", self.processes.len()));
        let command = match kind {
            Kind::Ours => {
                let mut command = Command::new(&self.convoke);
                command.args(["agent", "--store", &self.url, "--name", name, "--ttl", "30s", "--json"]);
                command
            }
            Kind::Node => {
                let mut command = self.node("worker.js");
                command.arg(name).arg(&notes);
                command
            }
        };
        let log = self.log(name);
        let said = Said { log: &log, notes };
        self.processes.push(Process::start(command, name, kind, said)?);
        Ok(())
    }

    fn node(&self, script: &str) -> Command {
        let mut command = Command::new("node");
        command.arg(script).current_dir(self.folder.path());
        command.env("TRIAL_DATABASE", &self.database);
        command
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.log"))
    }

    /// What the workers of the old client complained about: its statements that failed.
    pub(super) fn complaints(&self) -> Result<Vec<String>> {
        let mut complaints = Vec::new();
        let nodes = self.processes.iter().filter(|process| process.kind == Kind::Node);
        let mut names: Vec<_> = nodes.map(|process| process.name.as_str()).collect();
        names.dedup();
        for name in names {
            let text = fs::read_to_string(self.log(name)).unwrap_or_default();
            let errors = text.lines().filter(|line| line.contains("ER_"));
            complaints.extend(errors.map(|line| format!("{name}: {line}")));
        }
        complaints.sort();
        complaints.dedup();
        Ok(complaints)
    }

    /// Keeps the logs of the workers for whoever wants to know why it failed.
    pub(super) fn keep_logs(&self) -> Result<PathBuf> {
        let kept = std::env::temp_dir().join(format!("convoke-trial-node-{}", std::process::id()));
        fs::create_dir_all(&kept)?;
        for entry in fs::read_dir(self.folder.path())? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "log") {
                fs::copy(&path, kept.join(path.file_name().unwrap_or_default()))?;
            }
        }
        Ok(kept)
    }

    /// What an operator does with the tools of the old client.
    pub(super) fn node_tool(&self, arguments: &[&str]) -> Result<()> {
        let log = OpenOptions::new().create(true).append(true).open(self.log("tool"))?;
        let mut command = self.node("tool.js");
        let status = command.args(arguments).stdout(log.try_clone()?).stderr(log).status()?;
        ensure!(status.success(), "tool.js {}: {status}", arguments.join(" "));
        Ok(())
    }

    /// Sends a signal to a worker.
    pub(super) fn signal(&self, name: &str, signal: Signal) -> Result<()> {
        self.process(name)?.signal(signal)
    }

    fn process(&self, name: &str) -> Result<&Process> {
        let mut processes = self.processes.iter().rev();
        let process = processes.find(|process| process.name == name && process.ended.is_none());
        process.with_context(|| format!("{name} does not run"))
    }

    /// The workers whose processes run.
    pub(super) fn running(&self, kind: Kind) -> Vec<String> {
        let running = self.processes.iter().filter(|it| it.ended.is_none() && it.kind == kind);
        running.map(|process| process.name.clone()).collect()
    }

    /// Waits until this holds; says every ten seconds that it does.
    pub(super) async fn until<T>(
        &mut self,
        what: &str,
        patience: Duration,
        mut holds: impl AsyncFnMut(&mut Self) -> Result<Option<T>>,
    ) -> Result<T> {
        let begun = Instant::now();
        let mut said = Duration::ZERO;
        loop {
            self.processes.iter_mut().try_for_each(Process::reap)?;
            if let Some(held) = holds(self).await? {
                return Ok(held);
            }
            let waited = begun.elapsed();
            if waited > patience {
                bail!("not within {} s: {what}. {}", patience.as_secs(), self.picture().await?);
            }
            if waited - said > Duration::from_secs(10) {
                said = waited;
                self.say(&format!(
                    "waiting until {what}: {} of at most {} s",
                    waited.as_secs(),
                    patience.as_secs()
                ));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until these processes have ended.
    pub(super) async fn ended(&mut self, names: &[String], patience: Duration) -> Result<()> {
        let what = format!("{} ended", names.join(" and "));
        self.until(&what, patience, async |cluster| {
            Ok(names.iter().all(|name| cluster.process(name).is_err()).then_some(()))
        })
        .await
    }

    /// Waits until somebody of this kind leads, and says who.
    pub(super) async fn led_by(&mut self, kind: Kind, patience: Duration) -> Result<String> {
        let legacy = kind == Kind::Node;
        self.until(&format!("{kind:?} leads"), patience, async |cluster| {
            Ok(cluster.watch.leader().filter(|it| it.1 == legacy).map(|(name, _)| name))
        })
        .await
    }

    /// Waits until all these are alive in the store.
    pub(super) async fn alive(&mut self, names: &[&str], patience: Duration) -> Result<()> {
        self.until(&format!("{} are alive", names.join(", ")), patience, async |cluster| {
            for name in names {
                if cluster.status(name).await? != Some(WorkerStatus::Alive) {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
        .await
    }

    pub(super) async fn status(&self, name: &str) -> Result<Option<WorkerStatus>> {
        match self.store.get_worker(&WorkerName::new(name)?).await {
            Ok(worker) => Ok(Some(worker.status)),
            Err(error) if error.kind() == convoke::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until each of these runs exactly once, by the store and by the stamps.
    pub(super) async fn all_run(&mut self, topologies: &[String], patience: Duration) -> Result<()> {
        self.until("each topology runs once", patience, async |cluster| {
            for topology in topologies {
                if cluster.runs_on(topology).await?.is_none() {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
        .await
    }

    /// Where a topology runs, once and nowhere else, by the store and by the stamps.
    pub(super) async fn runs_on(&mut self, topology: &str) -> Result<Option<String>> {
        let stored = self.topology(topology).await?;
        self.stamps.read()?;
        let runners = self.stamps.runners(topology, monotonic(), FRESH);
        let worker = stored.worker.as_ref().map(WorkerName::as_str);
        Ok(match (stored.status, worker, &runners[..]) {
            (TopologyStatus::Running, Some(worker), [runner]) if worker == *runner => Some(worker.to_owned()),
            _ => None,
        })
    }

    /// Waits until a topology runs nowhere, by the store and by the stamps.
    pub(super) async fn runs_nowhere(&mut self, topology: &str, patience: Duration) -> Result<()> {
        self.until(&format!("{topology} runs nowhere"), patience, async |cluster| {
            let stored = cluster.topology(topology).await?;
            cluster.stamps.read()?;
            let is_over = cluster.stamps.runners(topology, monotonic(), FRESH).is_empty();
            Ok((is_over && stored.status == TopologyStatus::Unassigned).then_some(()))
        })
        .await
    }

    pub(super) async fn topology(&self, id: &str) -> Result<Topology> {
        Ok(self.store.get_topology(&TopologyId::new(id)?).await?.topology)
    }

    /// A topology that runs on a worker of this kind.
    pub(super) async fn one_of(&mut self, kind: Kind) -> Result<String> {
        let workers = self.running(kind);
        for topology in self.topologies.clone() {
            if self
                .runs_on(&topology)
                .await?
                .is_some_and(|worker| workers.contains(&worker))
            {
                return Ok(topology);
            }
        }
        bail!("no topology runs on a worker of {kind:?}")
    }

    /// How many run on each kind.
    pub(super) async fn shares(&mut self) -> Result<(usize, usize)> {
        let (ours, nodes) = (self.running(Kind::Ours), self.running(Kind::Node));
        let (mut on_ours, mut on_nodes) = (0, 0);
        for topology in self.topologies.clone() {
            match self.runs_on(&topology).await? {
                Some(worker) if ours.contains(&worker) => on_ours += 1,
                Some(worker) if nodes.contains(&worker) => on_nodes += 1,
                _ => {}
            }
        }
        Ok((on_ours, on_nodes))
    }

    /// A topology that workers of both kinds run. qtopology's schema knows all keys but those of `init`; so what an agent
    /// runs stands in a spout that is disabled, which the Node client skips.
    pub(super) fn config(&self, topology: &str) -> serde_json::Value {
        let folder = self.folder.path();
        let file = folder.join("stamps").join(topology);
        serde_json::json!({
            "general": { "heartbeat": 1000 },
            "spouts": [
                {
                    "name": "stamps",
                    "type": "inproc",
                    "working_dir": folder,
                    "cmd": "stamps.js",
                    "init": { "file": file },
                },
                {
                    "name": "convoke",
                    "disabled": true,
                    "working_dir": folder,
                    "cmd": "",
                    "init": { "command": ["node", folder.join("stamps.js"), file] },
                },
            ],
            "bolts": [],
            "variables": {},
        })
    }

    /// The same in a file, for tools that want one.
    pub(super) fn config_file(&self, topology: &str) -> Result<PathBuf> {
        let path = self.folder.path().join(format!("{topology}.json"));
        let text = Payload::of(&self.config(topology))?;
        File::create(&path)?.write_all(text.as_str().as_bytes())?;
        Ok(path)
    }

    /// What all took themselves for.
    pub(super) fn views(&self) -> Result<Views> {
        let mut views = Views::default();
        for process in &self.processes {
            let end = process.ended.unwrap_or_else(monotonic);
            views.read(&process.name, process.kind == Kind::Node, &process.notes, end)?;
        }
        Ok(views)
    }

    /// How everything stands, for people.
    async fn picture(&self) -> Result<String> {
        let page = Page {
            limit: Limit::MAX,
            after: None,
        };
        let workers = self.store.list_workers(&page).await?.items;
        let workers = workers.iter().map(|it| format!("{} {}", it.name, it.status));
        let topologies = self.store.list_topologies(&page).await?.items;
        let topologies = topologies.iter().map(|it| {
            let worker = it.worker.as_ref().map_or("nobody", WorkerName::as_str);
            format!("{} {} on {worker}", it.id, it.status)
        });
        let all: Vec<_> = workers.chain(topologies).collect();
        Ok(format!("leader {:?}; {}", self.watch.leader(), all.join(", ")))
    }
}
