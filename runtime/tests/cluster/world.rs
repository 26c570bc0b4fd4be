//! A cluster in this process: members on one store, units that write down when they run.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use convoke_backend_memory::MemoryStore;
use convoke_core::{
    Answer, Clock, Command, Confirmed, Error, ErrorKind, Execute, Executed, Hints, Installation, NewMessage,
    NewTopology, Operation, Payload, Properties, Result, SchemaStatus, Store, Timeouts, Timestamp, Topology,
    TopologyId, Ttl, WorkerName, async_trait,
};
use convoke_runtime::{ClusterSettings, Failure, LeaderSettings, Permanent, Unit, Work, WorkerSettings, join};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) fn cluster() -> ClusterSettings {
    // Long enough for a host that stands still for a while: then units end, as they should.
    let timeout = Ttl::from_millis(1_500);
    let timeouts = Timeouts::default().with_worker(timeout).with_waiting(timeout);
    ClusterSettings::default()
        .with_timeouts(timeouts)
        .with_lead(Ttl::from_millis(800))
}

pub(crate) fn settings() -> WorkerSettings {
    WorkerSettings::of(cluster())
        .with_reconcile_every(Duration::from_millis(200))
        .with_stop_within(Duration::from_millis(150))
        .with_restart_after(Duration::from_millis(50), Duration::from_millis(400))
}

pub(crate) fn name(text: &str) -> WorkerName {
    WorkerName::new(text).unwrap()
}

pub(crate) fn id(text: &str) -> TopologyId {
    TopologyId::new(text).unwrap()
}

/// A run of a unit: where, from when, and until when.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) worker: String,
    pub(crate) from: Instant,
    pub(crate) until: Option<Instant>,
    /// It ended by itself when it was asked to, and was not dropped.
    pub(crate) was_asked_to_stop: bool,
}

/// What ran.
#[derive(Clone, Default)]
pub(crate) struct Book(Arc<Mutex<BTreeMap<TopologyId, Vec<Run>>>>);

impl Book {
    pub(crate) fn runs(&self, id: &TopologyId) -> Vec<Run> {
        self.0.lock().unwrap().get(id).cloned().unwrap_or_default()
    }

    /// Who runs it now.
    pub(crate) fn runners(&self, id: &TopologyId) -> Vec<String> {
        let runs = self.runs(id).into_iter().filter(|run| run.until.is_none());
        runs.map(|run| run.worker).collect()
    }

    pub(crate) fn assert_never_twice(&self) {
        for (id, runs) in &*self.0.lock().unwrap() {
            for pair in runs.windows(2) {
                let end = pair[0]
                    .until
                    .unwrap_or_else(|| panic!("{id} ran twice at a time: {pair:?}"));
                assert!(end <= pair[1].from, "{id} ran twice at a time: {pair:?}");
            }
        }
    }

    fn begin(&self, id: &TopologyId, worker: &str) -> Page {
        let mut book = self.0.lock().unwrap();
        let runs = book.entry(id.clone()).or_default();
        runs.push(Run {
            worker: worker.to_owned(),
            from: Instant::now(),
            until: None,
            was_asked_to_stop: false,
        });
        Page {
            book: self.clone(),
            id: id.clone(),
            index: runs.len() - 1,
        }
    }
}

/// Writes down the end when it is dropped.
struct Page {
    book: Book,
    id: TopologyId,
    index: usize,
}

impl Page {
    fn was_asked_to_stop(&self) {
        let mut book = self.book.0.lock().unwrap();
        book.get_mut(&self.id).unwrap()[self.index].was_asked_to_stop = true;
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let mut book = self.book.0.lock().unwrap();
        book.get_mut(&self.id).unwrap()[self.index].until = Some(Instant::now());
    }
}

/// Units that do as their config says: `run`, `fail`, `fail once`, `give up`, `panic`, `done`, or `stubborn` (does not stop when asked).
pub(crate) struct Scripted {
    pub(crate) book: Book,
    pub(crate) worker: String,
}

#[async_trait]
impl Work for Scripted {
    async fn run(&self, unit: Unit) -> Result<(), Failure> {
        let page = self.book.begin(unit.id(), &self.worker);
        unit.set_process(Some(7));
        match unit.config().decode::<String>()?.as_str() {
            "fail" => Err("it can't be done: é ' ?".into()),
            // A panic without its report: printing a trace stops this one thread for longer than the time-outs here.
            "panic" => std::panic::resume_unwind(Box::new("it panics")),
            "give up" => Err(Permanent::new("it can never be done").into()),
            "fail once" if self.book.runs(unit.id()).len() == 1 => Err("not at the first time".into()),
            "done" => Ok(()),
            "stubborn" => std::future::pending().await,
            _ => {
                unit.stopped().await;
                page.was_asked_to_stop();
                Ok(())
            }
        }
    }
}

pub(crate) struct Member {
    pub(crate) name: WorkerName,
    shutdown: CancellationToken,
    task: JoinHandle<Result<()>>,
}

impl Member {
    /// Asks it to end in good order, and waits for that.
    pub(crate) async fn end(self) -> Result<()> {
        self.shutdown.cancel();
        self.task.await.unwrap()
    }

    /// Ends it with all that it runs, as a crash of its process does.
    pub(crate) async fn crash(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }

    /// What it came to by itself.
    pub(crate) async fn ended(self) -> Result<()> {
        self.task.await.unwrap()
    }
}

/// A store, and what ran on it.
pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) book: Book,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::over(Arc::new(MemoryStore::new(Clock::Store)))
    }

    /// On a store that is open.
    pub(crate) fn over(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            book: Book::default(),
        }
    }

    pub(crate) fn join(&self, text: &str) -> Member {
        self.join_on(Arc::clone(&self.store), text)
    }

    pub(crate) fn join_on(&self, store: Arc<dyn Store>, text: &str) -> Member {
        self.join_with(store, text, settings())
    }

    pub(crate) fn join_with(&self, store: Arc<dyn Store>, text: &str, settings: WorkerSettings) -> Member {
        let leader = LeaderSettings::of(settings.cluster.clone()).with_place_every(Duration::from_millis(100));
        let work = Scripted {
            book: self.book.clone(),
            worker: text.to_owned(),
        };
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(join(
            store,
            name(text),
            Arc::new(work),
            settings,
            leader,
            shutdown.clone(),
        ));
        Member {
            name: name(text),
            shutdown,
            task,
        }
    }

    /// Registers and enables topologies `PREFIX0`, `PREFIX1`, …
    pub(crate) async fn add(&self, prefix: &str, count: usize, config: &str) -> Vec<TopologyId> {
        let mut ids = Vec::new();
        for number in 0..count {
            let topology = NewTopology::new(id(&format!("{prefix}{number}")), Payload::of(config).unwrap());
            self.store.register_topology(&topology).await.unwrap();
            self.store.enable_topology(&topology.id).await.unwrap();
            ids.push(topology.id);
        }
        ids
    }

    pub(crate) async fn tell(&self, worker: &WorkerName, command: &str) {
        let message = NewMessage::new(worker.clone(), Command::new(command).unwrap(), Payload::empty());
        self.store.send_message(&message).await.unwrap();
    }

    pub(crate) async fn topology(&self, id: &TopologyId) -> Topology {
        self.store.get_topology(id).await.unwrap().topology
    }

    /// Waits until each of these runs exactly once.
    pub(crate) async fn all_run(&self, ids: &[TopologyId]) {
        eventually("all run once", || async {
            ids.iter().all(|id| self.book.runners(id).len() == 1)
        })
        .await;
    }

    pub(crate) fn on(&self, ids: &[TopologyId], worker: &str) -> usize {
        ids.iter().filter(|id| self.book.runners(id) == [worker]).count()
    }
}

/// Polls a condition, for 20 s at the longest.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(Instant::now() < end, "in 20 s it was never so that {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A store that can be out of reach.
#[derive(Clone, Debug)]
pub(crate) struct Cable {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) cut: Arc<AtomicBool>,
    /// Only what tells that the worker lives does not arrive.
    pub(crate) pings_cut: Arc<AtomicBool>,
    /// The next call of this operation is never answered.
    hangs_once: Arc<Mutex<Option<&'static str>>>,
    /// How many calls of each operation were made.
    pub(crate) calls: Arc<Mutex<BTreeMap<&'static str, usize>>>,
}

impl Cable {
    pub(crate) fn to(store: &Arc<dyn Store>) -> Self {
        Self {
            store: Arc::clone(store),
            cut: Arc::default(),
            pings_cut: Arc::default(),
            hangs_once: Arc::default(),
            calls: Arc::default(),
        }
    }

    pub(crate) fn plug(&self) -> Arc<dyn Store> {
        Arc::new(Executed(self.clone()))
    }

    pub(crate) fn calls(&self, operation: &str) -> usize {
        self.calls.lock().unwrap().get(operation).copied().unwrap_or(0)
    }

    /// The next call of this operation is never answered.
    pub(crate) fn hang_once(&self, operation: &'static str) {
        *self.hangs_once.lock().unwrap() = Some(operation);
    }

    /// Whether the call that is never answered was made.
    pub(crate) fn has_hung(&self) -> bool {
        self.hangs_once.lock().unwrap().is_none()
    }

    fn check(&self) -> Result<()> {
        if self.cut.load(Ordering::SeqCst) {
            Err(Error::new(ErrorKind::Unavailable, "the cable is cut"))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl Execute for Cable {
    async fn execute(&self, operation: Operation) -> Result<Answer> {
        self.check()?;
        *self.calls.lock().unwrap().entry(operation.name().1).or_default() += 1;
        let hangs = self
            .hangs_once
            .lock()
            .unwrap()
            .take_if(|hangs| *hangs == operation.name().1)
            .is_some();
        if hangs {
            return std::future::pending().await;
        }
        let is_heard = ["ping_worker", "receive_messages"].contains(&operation.name().1);
        if is_heard && self.pings_cut.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "pings do not arrive"));
        }
        operation.run(&*self.store).await
    }
}

#[async_trait]
impl Hints for Cable {
    async fn await_message(&self, worker: &WorkerName, at_most: Duration) {
        self.store.await_message(worker, at_most).await;
    }
}

#[async_trait]
impl Installation for Cable {
    async fn properties(&self) -> Result<Properties> {
        self.store.properties().await
    }

    async fn now(&self) -> Result<Timestamp> {
        self.check()?;
        self.store.now().await
    }

    async fn check(&self) -> Result<SchemaStatus> {
        self.store.check().await
    }

    async fn migrate(&self) -> Result<Vec<String>> {
        self.store.migrate().await
    }

    async fn clear(&self, confirmed: Confirmed) -> Result<()> {
        self.store.clear(confirmed).await
    }

    async fn reset(&self, confirmed: Confirmed) -> Result<()> {
        self.store.reset(confirmed).await
    }
}
