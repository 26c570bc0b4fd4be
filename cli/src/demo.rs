//! `convoke demo`: a cluster to be seen.
//!
//! Three real `convoke agent` processes keep a dozen units running on one SQLite file. The leading one is killed with
//! SIGKILL, comes back and is given work again, another one is drained, and in the end all are told to stop. What ran
//! where and when is told by the time stamps that the units write themselves.

mod agents;
mod picture;
mod stamps;
mod summary;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use convoke::runtime::{DRAIN, REBALANCE};
use convoke::{
    Command, Limit, NewMessage, NewTopology, Page, Payload, Role, Store, TopologyId, Ttl, Worker, WorkerName,
    WorkerStatus, error,
};
use tokio::signal::unix::{SignalKind, signal};

pub(crate) use stamps::{TickArgs, tick};

use crate::guard::{Boottime, Household};
use crate::output::Output;
use agents::Agents;
use picture::Screen;
use stamps::Stamps;
use summary::{Step, Summary};

const NAMES: [&str; 3] = ["amber", "birch", "cedar"];
const UNITS: usize = 12;
/// The longest ttl with which the demo ends within 30 s.
const LONGEST: Duration = Duration::from_secs(2);
/// Whatever happens, it ends after this long.
const ENDS_WITHIN: Duration = Duration::from_secs(28);
/// How often to look at what the units wrote.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What `convoke demo` is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// How long a silent agent is waited for, and how long a lead is: 300ms to 2s
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = crate::args::ttl)]
    ttl: Ttl,
}

/// Runs the demo. Leaves no process and no file behind, also when it fails or is interrupted.
pub(crate) async fn run(args: DemoArgs, output: Output) -> Result<ExitCode> {
    if args.ttl.as_duration() > LONGEST {
        return Err(error::invalid("--ttl has to be 300ms to 2s, so that the demo ends within 30 s").into());
    }
    let mut interrupts = [
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
        signal(SignalKind::hangup())?,
    ];
    let household = Household::found()?;
    let directory = tempfile::Builder::new()
        .prefix("convoke-demo-")
        .tempdir()
        .context("cannot make a directory")?;
    let [interrupt, terminate, hang_up] = &mut interrupts;
    let play = async { Stage::set(args.ttl, directory.path(), output).await?.play().await };
    let result = tokio::select! {
        result = tokio::time::timeout(ENDS_WITHIN, play) =>
            result.unwrap_or_else(|_| bail!("the demo did not end in time; is this host very busy?")),
        _ = interrupt.recv() => Err(Interrupted(2).into()),
        _ = terminate.recv() => Err(Interrupted(15).into()),
        _ = hang_up.recv() => Err(Interrupted(1).into()),
    };
    household.clear_away().await?;
    directory.close().context("cannot remove the directory of the demo")?;
    match result {
        Ok(summary) => {
            output.answer(&summary, summary::shown)?;
            Ok(if summary.overlaps == 0 {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        Err(error) => match error.downcast_ref() {
            Some(Interrupted(signal)) => Ok(ExitCode::from(128 + signal)),
            None => Err(error),
        },
    }
}

#[derive(Debug)]
struct Interrupted(u8);

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "interrupted by signal {}", self.0)
    }
}

impl std::error::Error for Interrupted {}

struct Stage {
    ttl: Ttl,
    store: Arc<dyn Store>,
    agents: Agents,
    units: Vec<TopologyId>,
    stamps_path: PathBuf,
    stamps: Stamps,
    screen: Screen,
    steps: Vec<Step>,
}

impl Stage {
    async fn set(ttl: Ttl, directory: &Path, output: Output) -> Result<Self> {
        let url = format!("sqlite://{}", directory.join("demo.db").display());
        let screen = Screen::new(output);
        Ok(Self {
            ttl,
            // Before all agents: three that set the schema up at once is not what is to be seen here.
            store: convoke::open(&url).await?,
            agents: Agents::new(&url, ttl, directory, screen.teller()),
            units: (1..=UNITS)
                .map(|number| TopologyId::new(format!("unit-{number:02}")))
                .collect::<convoke::Result<_>>()?,
            stamps_path: directory.join("stamps"),
            stamps: Stamps::default(),
            screen,
            steps: Vec::new(),
        })
    }

    async fn play(mut self) -> Result<Summary> {
        self.begin().await?;
        let killed = self.kill_the_leader().await?;
        self.bring_back(killed).await?;
        self.drain_another_than(killed).await?;
        self.tell("SIGTERM to all agents");
        let last_at = Boottime::now();
        self.agents.stop_all().await?;
        self.stamps.read(&self.stamps_path)?;
        self.screen.clear();
        Ok(Summary::of(
            self.ttl,
            self.steps,
            &self.stamps,
            Boottime::now().since(last_at),
        ))
    }

    /// Three agents, a dozen units.
    async fn begin(&mut self) -> Result<()> {
        self.tell(&format!(
            "{} agents, {UNITS} units; a silent agent is waited for {:?}",
            NAMES.len(),
            self.ttl.as_duration()
        ));
        for name in NAMES {
            self.agents.start(name)?;
        }
        self.until_workers(|workers| workers.len() == NAMES.len()).await?;
        let began = Boottime::now();
        for id in &self.units {
            let stamp = [
                OsString::from("/proc/self/exe"),
                "tick".into(),
                self.stamps_path.clone().into(),
            ];
            let command: Vec<_> = stamp.iter().map(|word| word.to_string_lossy()).collect();
            let config = Payload::of(&serde_json::json!({ "command": command }))?;
            let unit = NewTopology::new(id.clone(), config);
            self.store.register_topology(&unit).await?;
            self.store.enable_topology(id).await?;
        }
        self.until_all_run_since(began).await?;
        self.note("a dozen units are registered", self.units.clone(), began);
        self.rest().await
    }

    async fn kill_the_leader(&mut self) -> Result<&'static str> {
        let leader = self.leader().await?;
        let moved = self.units_on(leader);
        self.tell(&format!(
            "SIGKILL to {leader}, which leads and runs {} units",
            moved.len()
        ));
        let at = Boottime::now();
        self.agents.kill(leader).await?;
        self.until_run_elsewhere(&moved, leader).await?;
        self.note(&format!("SIGKILL to {leader}, which led"), moved, at);
        self.rest().await?;
        Ok(leader)
    }

    /// What was killed is started again, and the load is evened out.
    async fn bring_back(&mut self, name: &'static str) -> Result<()> {
        self.tell(&format!("{name} is started again"));
        self.agents.start(name)?;
        self.until_workers(|workers| {
            workers
                .iter()
                .any(|worker| worker.name.as_str() == name && worker.status == WorkerStatus::Alive)
        })
        .await?;
        let leader = self.leader().await?;
        self.tell(&format!("{leader}, which leads, is asked to rebalance"));
        let before: Vec<_> = self.units.iter().map(|unit| self.place_of(unit)).collect();
        let at = Boottime::now();
        self.ask(leader, REBALANCE).await?;
        let share = UNITS / NAMES.len();
        // Fewer will do where the load is even enough for the balancer.
        let patience = at.plus(self.ttl.as_duration() * 3);
        self.until(|stage| {
            let units = stage.units_on(name).len();
            units >= share || (units > 0 && patience < Boottime::now())
        })
        .await?;
        self.until_all_run().await?;
        let moved = self
            .units
            .iter()
            .zip(before)
            .filter(|(unit, before)| self.place_of(unit) != *before);
        let moved = moved.map(|(unit, _)| unit.clone()).collect();
        self.note(&format!("{name} is back, rebalanced"), moved, at);
        self.rest().await
    }

    /// Drains an agent that does not lead.
    async fn drain_another_than(&mut self, other: &str) -> Result<()> {
        let leader = self.leader().await?;
        let Some(name) = NAMES.into_iter().find(|name| *name != other && *name != leader) else {
            bail!("there is no agent left to drain");
        };
        let moved = self.units_on(name);
        self.tell(&format!("{name} is drained of its {} units", moved.len()));
        let at = Boottime::now();
        self.ask(name, DRAIN).await?;
        self.until_run_elsewhere(&moved, name).await?;
        self.note(&format!("{name} is drained"), moved, at);
        self.rest().await
    }

    async fn ask(&self, worker: &str, command: &str) -> Result<()> {
        let message = NewMessage::new(WorkerName::new(worker)?, Command::new(command)?, Payload::of(&())?);
        self.store.send_message(&message).await?;
        Ok(())
    }

    /// Who leads, once somebody does.
    async fn leader(&mut self) -> Result<&'static str> {
        loop {
            let leader = self.store.leader().await?;
            let named = leader.and_then(|leader| NAMES.into_iter().find(|name| *name == leader.worker.as_str()));
            match named {
                Some(name) if self.agents.runs(name) => return Ok(name),
                _ => self.look().await?,
            }
        }
    }

    async fn until_workers(&mut self, are_so: impl Fn(&[Worker]) -> bool) -> Result<()> {
        while !are_so(&self.workers().await?) {
            self.look().await?;
        }
        Ok(())
    }

    async fn until_all_run_since(&mut self, since: Boottime) -> Result<()> {
        self.until(|stage| {
            let begun = |unit: &TopologyId| stage.stamps.latest(unit.as_str()).is_some_and(|run| run.first > since);
            stage.units.iter().all(begun)
        })
        .await
    }

    async fn until_all_run(&mut self) -> Result<()> {
        self.until(|stage| stage.units.iter().all(|unit| stage.place_of(unit).is_some()))
            .await
    }

    async fn until_run_elsewhere(&mut self, units: &[TopologyId], than: &str) -> Result<()> {
        self.until(|stage| {
            units
                .iter()
                .all(|unit| stage.place_of(unit).is_some_and(|place| place != than))
        })
        .await
    }

    async fn until(&mut self, is_so: impl Fn(&Self) -> bool) -> Result<()> {
        while !is_so(self) {
            self.look().await?;
        }
        Ok(())
    }

    /// Long enough to be seen.
    async fn rest(&mut self) -> Result<()> {
        let until = Boottime::now().plus(self.ttl.as_duration());
        while Boottime::now() < until {
            self.look().await?;
        }
        self.show(true).await
    }

    /// Reads what was written, and shows it.
    async fn look(&mut self) -> Result<()> {
        tokio::time::sleep(LOOK_EVERY).await;
        self.stamps.read(&self.stamps_path)?;
        self.show(false).await
    }

    async fn show(&mut self, on_paper: bool) -> Result<()> {
        if on_paper || self.screen.is_due() {
            let workers = self.workers().await?;
            let rows = NAMES.into_iter().map(|name| {
                let worker = workers.iter().find(|worker| worker.name.as_str() == name);
                picture::Row {
                    agent: name,
                    state: self.state(name, worker),
                    units: self
                        .units
                        .iter()
                        .map(|unit| self.place_of(unit).as_deref() == Some(name))
                        .collect(),
                }
            });
            let rows: Vec<_> = rows.collect();
            self.screen.show(&rows, on_paper);
        }
        Ok(())
    }

    fn state(&self, name: &str, worker: Option<&Worker>) -> String {
        match worker {
            None => "starts".to_owned(),
            Some(_) if !self.agents.runs(name) => "killed".to_owned(),
            Some(worker) if worker.role == Role::Leader => "leads".to_owned(),
            Some(worker) => worker.status.to_string(),
        }
    }

    async fn workers(&self) -> Result<Vec<Worker>> {
        let page = Page {
            limit: Limit::MAX,
            after: None,
        };
        Ok(self.store.list_workers(&page).await?.items)
    }

    /// The agent on which a unit runs, by its stamps of late.
    fn place_of(&self, unit: &TopologyId) -> Option<String> {
        self.stamps.place_of(unit.as_str(), Boottime::now())
    }

    fn units_on(&self, agent: &str) -> Vec<TopologyId> {
        let here = |unit: &&TopologyId| self.stamps.latest(unit.as_str()).is_some_and(|run| run.agent == agent);
        self.units.iter().filter(here).cloned().collect()
    }

    fn note(&mut self, what: &str, moved: Vec<TopologyId>, since: Boottime) {
        let step = Step::of(what, &moved, &self.stamps, since);
        self.tell(&step.sentence());
        self.steps.push(step);
    }

    fn tell(&self, text: &str) {
        self.screen.teller().tell(text);
    }
}
