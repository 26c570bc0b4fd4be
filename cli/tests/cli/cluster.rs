//! Members of a cluster in the process of the test, on the store of its world: somebody for operators to talk to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use convoke::runtime::{
    CancellationToken, ClusterSettings, Failure, LeaderSettings, Unit, Work, WorkerSettings, async_trait, join,
};
use convoke::{Store, Timeouts, Ttl, WorkerName};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::world::{PATIENCE, World};

/// After how long a silent member is dead: short, and longer than a busy host stands still.
const TIMEOUT: Ttl = Ttl::from_millis(3_000);

/// Does nothing until it is asked to stop; fails at once where its config says `"fail"`.
struct Idle;

#[async_trait]
impl Work for Idle {
    async fn run(&self, unit: Unit) -> Result<(), Failure> {
        if unit.config().as_str() == r#""fail""# {
            return Err("it can't be done".into());
        }
        unit.stopped().await;
        Ok(())
    }
}

/// Members that run until they are told otherwise, or dropped.
pub(crate) struct Cluster {
    runtime: Runtime,
    store: Arc<dyn Store>,
    members: BTreeMap<String, (CancellationToken, JoinHandle<convoke::Result<()>>)>,
}

impl Cluster {
    pub(crate) fn of(world: &World, names: &[&str]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let store = runtime.block_on(convoke::open(&world.url)).unwrap();
        let mut cluster = Self {
            runtime,
            store,
            members: BTreeMap::new(),
        };
        for name in names {
            cluster.join(name);
        }
        eventually("all are there and one leads", || {
            let counts = world.json(&["worker", "count"]);
            let all = names.len() as u64;
            (counts["leader"] == 1 && counts["normal"].as_u64() == Some(all - 1)).then_some(())
        });
        cluster
    }

    pub(crate) fn join(&mut self, name: &str) {
        let timeouts = Timeouts::default().with_worker(TIMEOUT);
        let settings = ClusterSettings::default()
            .with_timeouts(timeouts)
            .with_lead(Ttl::from_millis(2_000));
        let leader = LeaderSettings::of(settings.clone()).with_place_every(Duration::from_millis(200));
        let worker = WorkerSettings::of(settings).with_restart_after(Duration::from_secs(60), Duration::from_secs(60));
        let shutdown = CancellationToken::new();
        let work = join(
            Arc::clone(&self.store),
            WorkerName::new(name).unwrap(),
            Arc::new(Idle),
            worker,
            leader,
            shutdown.clone(),
        );
        let task = self.runtime.spawn(work);
        self.members.insert(name.to_owned(), (shutdown, task));
    }

    /// Ends a member as a crash of its process does.
    pub(crate) fn crash(&mut self, name: &str) {
        let (_, task) = self.members.remove(name).unwrap();
        task.abort();
        assert!(self.runtime.block_on(task).unwrap_err().is_cancelled());
    }

    /// Whether a member has ended by itself.
    pub(crate) fn has_ended(&self, name: &str) -> bool {
        self.members[name].1.is_finished()
    }
}

/// Registers and enables topologies, and waits until each runs, or has failed.
pub(crate) fn add(world: &World, ids: &[&str], config: &str) {
    let config = world.written("config.json", config);
    for id in ids {
        world.says(&["topology", "register", id, &config, "--opaque", "--enable"]);
    }
    eventually("all are handed out", || {
        let settled = |id: &&str| matches!(state(world, id).0.as_str(), "running" | "error");
        ids.iter().all(settled).then_some(())
    });
}

/// Looks until it is so, at leisure: each look starts a process, and others measure times meanwhile.
pub(crate) fn eventually(what: &str, mut look: impl FnMut() -> Option<()>) {
    let began = Instant::now();
    while look().is_none() {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The status of a topology, and who has it.
pub(crate) fn state(world: &World, id: &str) -> (String, Option<String>) {
    let topology = &world.json(&["topology", "get", id])["topology"];
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    (text(&topology["status"]).unwrap(), text(&topology["worker"]))
}

/// How many topologies a worker has.
pub(crate) fn held(world: &World, worker: &str) -> usize {
    let page = world.json(&["topology", "list", "--worker", worker]);
    page["items"].as_array().unwrap().len()
}
