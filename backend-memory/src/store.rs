//! The store: a state behind a lock, with a clock and with hints.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use convoke_core::{
    Announcement, Assignment, Candidacy, Claim, Clock, Confirmed, Delay, Delivery, Driver, Durability, Error,
    ErrorKind, ErrorText, Hints, Incarnation, Installation, Leader, Leadership, Lease, Limit, Lock, LockAcquisition,
    LockName, LockOwner, LockRelease, LockRenewal, LockToken, Locks, Message, MessageId, Messages, NewMessage,
    NewTopology, OpenOptions, Page, Paged, Placements, Properties, QueuedMessage, Receipt, Refreshed, Registration,
    Renewal, Report, Reported, Resignation, Result, Retention, RoleCounts, SchemaStatus, Setting, SettingKey,
    SettingRange, SettingWrites, Settings, SettingsWritten, Store, Term, Timeouts, Timestamp, Topologies, Topology,
    TopologyChange, TopologyDetails, TopologyId, TopologyRegistered, Trimmed, Ttl, Worker, WorkerChange, WorkerName,
    WorkerStatus, Workers, async_trait, error,
};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::state::State;

/// How long a receiver waits at the longest before it looks again by itself. Only a manual clock makes it matter.
const POLL_BOUND: Duration = Duration::from_millis(100);

/// A handle to a store in memory.
///
/// ```
/// use convoke_backend_memory::MemoryStore;
/// use convoke_core::{Clock, WorkerName, Workers};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> convoke_core::Result<()> {
/// let store = MemoryStore::new(Clock::Store);
/// let me = store.register_worker(&WorkerName::new("a")?).await?;
/// store.ping_worker(&me).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
    clock: Clock,
}

#[derive(Default)]
struct Shared {
    name: Option<String>,
    state: Mutex<State>,
    waiting: Mutex<HashMap<WorkerName, Weak<Notify>>>,
}

impl MemoryStore {
    /// An empty store of its own.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            shared: Arc::default(),
            clock,
        }
    }

    /// Another handle to the same store, by another clock.
    #[must_use]
    pub fn with_clock(&self, clock: Clock) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            clock,
        }
    }

    fn run<T>(&self, operation: &'static str, act: impl FnOnce(&mut State, Timestamp) -> Result<T>) -> Result<T> {
        act(&mut self.shared.state.lock(), self.clock.host_now()).map_err(|error| error.at(operation))
    }

    /// Runs what tells somebody something, and wakes that one.
    fn tell(
        &self,
        operation: &'static str,
        act: impl FnOnce(&mut State, Timestamp) -> Result<Option<WorkerName>>,
    ) -> Result<Option<WorkerName>> {
        let told = self.run(operation, act)?;
        if let Some(worker) = &told {
            self.wake(worker);
        }
        Ok(told)
    }

    fn wake(&self, worker: &WorkerName) {
        let mut waiting = self.shared.waiting.lock();
        if waiting.is_empty() {
            return;
        }
        match waiting.get(worker).map(Weak::upgrade) {
            Some(Some(notify)) => notify.notify_waiters(),
            Some(None) => drop(waiting.remove(worker)),
            None => {}
        }
    }

    fn notify_of(&self, worker: &WorkerName) -> Arc<Notify> {
        let mut waiting = self.shared.waiting.lock();
        if let Some(notify) = waiting.get(worker).and_then(Weak::upgrade) {
            return notify;
        }
        waiting.retain(|_, notify| notify.strong_count() > 0);
        let notify = Arc::new(Notify::new());
        waiting.insert(worker.clone(), Arc::downgrade(&notify));
        notify
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("name", &self.shared.name)
            .field("clock", &self.clock)
            .finish()
    }
}

#[async_trait]
impl Workers for MemoryStore {
    async fn register_worker(&self, name: &WorkerName) -> Result<Registration> {
        self.run("workers.register", |state, now| Ok(state.register_worker(name, now)))
    }

    async fn ping_worker(&self, registration: &Registration) -> Result<()> {
        self.run("workers.ping", |state, now| state.ping_worker(registration, now))
    }

    async fn set_worker_status(
        &self,
        name: &WorkerName,
        incarnation: Option<Incarnation>,
        status: WorkerStatus,
    ) -> Result<()> {
        self.run("workers.set_status", |state, now| {
            state.set_worker_status(name, incarnation, status, now)
        })
    }

    async fn get_worker(&self, name: &WorkerName) -> Result<Worker> {
        self.run("workers.get", |state, now| state.get_worker(name, now))
    }

    async fn list_workers(&self, page: &Page) -> Result<Paged<Worker>> {
        self.run("workers.list", |state, now| state.list_workers(page, now))
    }

    async fn count_workers(&self) -> Result<RoleCounts> {
        self.run("workers.count", |state, now| Ok(state.count_workers(now)))
    }

    async fn delete_worker(&self, name: &WorkerName) -> Result<()> {
        self.run("workers.delete", |state, _| state.delete_worker(name))
    }

    async fn worker_history(&self, name: &WorkerName, page: &Page) -> Result<Paged<WorkerChange>> {
        self.run("workers.history", |state, _| state.worker_history(name, page))
    }

    async fn trim_worker_history(&self, retention: &Retention, page: &Page) -> Result<Trimmed> {
        self.run("workers.trim_history", |state, now| {
            state.trim_worker_history(retention, page, now)
        })
    }

    async fn refresh_statuses(&self, timeouts: &Timeouts) -> Result<Refreshed> {
        self.run("workers.refresh_statuses", |state, now| {
            Ok(state.refresh_statuses(timeouts, now))
        })
    }
}

#[async_trait]
impl Leadership for MemoryStore {
    async fn announce_candidacy(&self, registration: &Registration, valid_for: Ttl) -> Result<Announcement> {
        self.run("leadership.announce", |state, now| {
            state.announce_candidacy(registration, valid_for, now)
        })
    }

    async fn check_candidacy(&self, registration: &Registration, ttl: Ttl) -> Result<Candidacy> {
        self.run("leadership.check", |state, now| {
            state.check_candidacy(registration, ttl, now)
        })
    }

    async fn campaign(&self, registration: &Registration, ttl: Ttl) -> Result<Candidacy> {
        self.run("leadership.campaign", |state, now| {
            state.campaign(registration, ttl, now)
        })
    }

    async fn renew_lease(&self, lease: &Lease, ttl: Ttl) -> Result<Renewal> {
        self.run("leadership.renew", |state, now| Ok(state.renew_lease(lease, ttl, now)))
    }

    async fn resign(&self, lease: &Lease) -> Result<Resignation> {
        self.run("leadership.resign", |state, now| Ok(state.resign(lease, now)))
    }

    async fn leader(&self) -> Result<Option<Leader>> {
        self.run("leadership.leader", |state, now| Ok(state.seat.leader(now)))
    }

    async fn check_term(&self, term: Term) -> Result<()> {
        self.run("leadership.check_term", |state, now| state.check_term(term, now))
    }
}

#[async_trait]
impl Topologies for MemoryStore {
    async fn register_topology(&self, topology: &NewTopology) -> Result<TopologyRegistered> {
        self.run("topologies.register", |state, now| {
            Ok(state.register_topology(topology, now))
        })
    }

    async fn assign_topologies(&self, term: Term, placements: &Placements) -> Result<Vec<Assignment>> {
        let assignments = self.run("topologies.assign", |state, now| {
            state.assign_topologies(term, placements, now)
        })?;
        for (placement, assignment) in placements.as_slice().iter().zip(&assignments) {
            if *assignment == Assignment::Assigned {
                self.wake(&placement.worker);
            }
        }
        Ok(assignments)
    }

    async fn report_topology(&self, registration: &Registration, id: &TopologyId, report: &Report) -> Result<Reported> {
        self.run("topologies.report", |state, now| {
            state.report_topology(registration, id, report, now)
        })
    }

    async fn set_topology_pid(
        &self,
        registration: &Registration,
        id: &TopologyId,
        pid: Option<u32>,
    ) -> Result<Reported> {
        self.run("topologies.set_pid", |state, now| {
            state.set_topology_pid(registration, id, pid, now)
        })
    }

    async fn enable_topology(&self, id: &TopologyId) -> Result<()> {
        self.run("topologies.enable", |state, now| {
            state.set_topology_enabled(id, true, now)
        })
    }

    async fn disable_topology(&self, id: &TopologyId) -> Result<()> {
        self.run("topologies.disable", |state, now| {
            state.set_topology_enabled(id, false, now)
        })
    }

    async fn stop_topology(&self, id: &TopologyId) -> Result<Option<WorkerName>> {
        self.tell("topologies.stop", |state, now| state.stop_topology(id, now))
    }

    async fn kill_topology(&self, id: &TopologyId) -> Result<Option<WorkerName>> {
        self.tell("topologies.kill", |state, now| state.kill_topology(id, now))
    }

    async fn set_topology_error(&self, id: &TopologyId, error: &ErrorText) -> Result<Option<WorkerName>> {
        self.tell("topologies.set_error", |state, now| {
            state.set_topology_error(id, error, now)
        })
    }

    async fn clear_topology_error(&self, id: &TopologyId) -> Result<Option<WorkerName>> {
        self.tell("topologies.clear_error", |state, now| {
            state.clear_topology_error(id, now)
        })
    }

    async fn delete_topology(&self, id: &TopologyId) -> Result<()> {
        self.run("topologies.delete", |state, _| state.delete_topology(id))
    }

    async fn get_topology(&self, id: &TopologyId) -> Result<TopologyDetails> {
        self.run("topologies.get", |state, _| state.get_topology(id))
    }

    async fn list_topologies(&self, page: &Page) -> Result<Paged<Topology>> {
        self.run("topologies.list", |state, _| state.list_topologies(page))
    }

    async fn list_assigned_topologies(&self, worker: &WorkerName, page: &Page) -> Result<Paged<Topology>> {
        self.run("topologies.list_assigned", |state, _| {
            state.list_assigned_topologies(worker, page)
        })
    }

    async fn topology_history(&self, id: &TopologyId, page: &Page) -> Result<Paged<TopologyChange>> {
        self.run("topologies.history", |state, _| state.topology_history(id, page))
    }

    async fn trim_topology_history(&self, retention: &Retention, page: &Page) -> Result<Trimmed> {
        self.run("topologies.trim_history", |state, now| {
            state.trim_topology_history(retention, page, now)
        })
    }
}

#[async_trait]
impl Locks for MemoryStore {
    async fn acquire_lock(&self, name: &LockName, owner: &LockOwner, ttl: Ttl) -> Result<LockAcquisition> {
        self.run("locks.acquire", |state, now| {
            Ok(state.acquire_lock(name, owner, ttl, now))
        })
    }

    async fn renew_lock(&self, lock: &Lock, ttl: Ttl) -> Result<LockRenewal> {
        self.run("locks.renew", |state, now| Ok(state.renew_lock(lock, ttl, now)))
    }

    async fn release_lock(&self, lock: &Lock) -> Result<LockRelease> {
        self.run("locks.release", |state, now| Ok(state.release_lock(lock, now)))
    }

    async fn check_lock(&self, name: &LockName, token: LockToken) -> Result<()> {
        self.run("locks.check", |state, now| state.check_lock(name, token, now))
    }

    async fn get_lock(&self, name: &LockName) -> Result<Option<Lock>> {
        self.run("locks.get", |state, now| Ok(state.get_lock(name, now)))
    }

    async fn list_locks(&self, page: &Page) -> Result<Paged<Lock>> {
        self.run("locks.list", |state, now| state.list_locks(page, now))
    }
}

#[async_trait]
impl Settings for MemoryStore {
    async fn get_setting(&self, key: &SettingKey) -> Result<Option<Setting>> {
        self.run("settings.get", |state, _| Ok(state.get_setting(key)))
    }

    async fn list_settings(&self, range: &SettingRange, page: &Page) -> Result<Paged<Setting>> {
        self.run("settings.list", |state, _| state.list_settings(range, page))
    }

    async fn write_settings(&self, writes: &SettingWrites) -> Result<SettingsWritten> {
        self.run("settings.write", |state, now| Ok(state.write_settings(writes, now)))
    }
}

#[async_trait]
impl Messages for MemoryStore {
    async fn send_message(&self, message: &NewMessage) -> Result<MessageId> {
        let id = self.run("messages.send", |state, now| state.send_message(message, now))?;
        self.wake(&message.worker);
        Ok(id)
    }

    async fn receive_messages(&self, registration: &Registration, claim: &Claim) -> Result<Vec<Delivery>> {
        self.run("messages.receive", |state, now| {
            state.receive_messages(registration, claim, now)
        })
    }

    async fn take_messages(&self, registration: &Registration, max: Limit) -> Result<Vec<Message>> {
        self.run("messages.take", |state, now| {
            state.take_messages(registration, max, now)
        })
    }

    async fn ack_message(&self, receipt: &Receipt) -> Result<()> {
        self.run("messages.ack", |state, now| state.ack_message(receipt, now))
    }

    async fn nack_message(&self, receipt: &Receipt, delay: Delay) -> Result<()> {
        self.run("messages.nack", |state, now| state.nack_message(receipt, delay, now))?;
        self.wake(&receipt.registration.worker);
        Ok(())
    }

    async fn extend_claim(&self, receipt: &Receipt, visibility: Ttl) -> Result<Timestamp> {
        self.run("messages.extend", |state, now| {
            state.extend_claim(receipt, visibility, now)
        })
    }

    async fn peek_messages(&self, worker: &WorkerName, page: &Page) -> Result<Paged<QueuedMessage>> {
        self.run("messages.peek", |state, now| state.peek_messages(worker, page, now))
    }
}

#[async_trait]
impl Hints for MemoryStore {
    async fn await_message(&self, worker: &WorkerName, at_most: Duration) {
        let notify = self.notify_of(worker);
        let notified = notify.notified();
        tokio::pin!(notified);
        // From here on no wake-up is lost; what came before is seen in the queue.
        notified.as_mut().enable();
        let now = self.clock.host_now();
        let until_visible = {
            let state = self.shared.state.lock();
            match state.queues.get(worker) {
                Some(queue) if queue.has_deliverable(now) => return,
                Some(queue) => queue.next_visible().map(|from| from.since(now)),
                None => None,
            }
        };
        let bound = match self.clock {
            Clock::Store => until_visible.unwrap_or(at_most),
            Clock::Manual(_) => POLL_BOUND,
        };
        // Running out of time is as good an answer as a hint.
        let _ = tokio::time::timeout(at_most.min(bound), notified).await;
    }
}

#[async_trait]
impl Installation for MemoryStore {
    async fn properties(&self) -> Result<Properties> {
        let name = self.shared.name.as_deref().unwrap_or("its own");
        let server = format!("this process ({})", std::process::id());
        Ok(Properties::new(
            "memory",
            server,
            name,
            Durability::None,
            true,
            POLL_BOUND,
        ))
    }

    async fn now(&self) -> Result<Timestamp> {
        Ok(self.clock.host_now())
    }

    async fn check(&self) -> Result<SchemaStatus> {
        Ok(SchemaStatus {
            found: 1,
            needed: 1,
            pending: Vec::new(),
        })
    }

    async fn migrate(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    async fn clear(&self, _: Confirmed) -> Result<()> {
        self.run("installation.clear", |state, _| {
            state.clear();
            Ok(())
        })
    }

    async fn reset(&self, _: Confirmed) -> Result<()> {
        self.run("installation.reset", |state, _| {
            *state = State::default();
            Ok(())
        })
    }
}

/// Opens `memory:` (a store of its own) and `memory:NAME` (shared by its name within this process).
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryDriver;

static NAMED: LazyLock<Mutex<HashMap<String, Weak<Shared>>>> = LazyLock::new(Mutex::default);

#[async_trait]
impl Driver for MemoryDriver {
    fn schemes(&self) -> &'static [&'static str] {
        &["memory"]
    }

    async fn open(&self, options: &OpenOptions) -> Result<Arc<dyn Store>> {
        let at = |error: Error| error.at("open").with("url", &options.url);
        if !self.schemes().contains(&options.url.scheme()) {
            return Err(at(error::invalid(
                "the memory backend opens URLs that begin with memory:",
            )));
        }
        options.url.check_options(&[]).map_err(at)?;
        let name = options.url.path().map_err(at)?;
        if options.namespace.is_some() {
            let what = "the memory backend has a name instead of a namespace: open memory:NAME";
            return Err(at(Error::new(ErrorKind::InvalidArgument, what)));
        }
        let shared = if name.is_empty() { Arc::default() } else { named(&name) };
        Ok(Arc::new(MemoryStore {
            shared,
            clock: options.clock.clone(),
        }))
    }
}

fn named(name: &str) -> Arc<Shared> {
    let mut all = NAMED.lock();
    if let Some(shared) = all.get(name).and_then(Weak::upgrade) {
        return shared;
    }
    all.retain(|_, shared| shared.strong_count() > 0);
    let shared = Arc::new(Shared {
        name: Some(name.to_owned()),
        ..Shared::default()
    });
    all.insert(name.to_owned(), Arc::downgrade(&shared));
    shared
}
