//! Wake-ups: at once for what this process sends, by polling for what others do.
//!
//! SQLite tells nobody that another process has written, but `PRAGMA data_version` costs 1.7 µs to ask. One thread
//! per handle asks while somebody waits, and looks at a queue only when something was committed or a hidden message
//! becomes visible. So whoever waits is woken by messages of its own and never by the pings of others, which would
//! have idle receivers wake each other for ever.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Weak};
use std::thread;
use std::time::Duration;

use convoke_core::messages::Handling;
use convoke_core::{Clock, Hints, Timestamp, WorkerName, async_trait};
use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use crate::arrivals;
use crate::connection::{Access, Opened};
use crate::error::Fault;
use crate::messages::next_deliverable;
use crate::options::FileOptions;
use crate::store::SqliteStore;
use crate::transaction::Transaction;

/// How often the file is asked whether something was committed.
const POLL: Duration = Duration::from_millis(10);
/// The longest that a message of another process waits: one poll and the look that follows it.
pub(crate) const POLL_BOUND: Duration = Duration::from_millis(20);

#[async_trait]
impl Hints for SqliteStore {
    async fn await_message(&self, worker: &WorkerName, at_most: Duration) {
        let waiting = self.watcher.wait_for(worker);
        // Running out of time is as good an answer as a hint.
        let _ = tokio::time::timeout(at_most, waiting.notify.notified()).await;
    }
}

/// Tells the handles of this process on one file what was committed by another one of them.
#[derive(Default)]
pub(crate) struct Bell {
    watchers: Mutex<Vec<Weak<Watched>>>,
}

static BELLS: LazyLock<Mutex<HashMap<PathBuf, Weak<Bell>>>> = LazyLock::new(Mutex::default);

impl Bell {
    /// The bell of the file. Names of it that differ by a link may have two; polling makes up for that.
    pub(crate) fn of(path: &Path) -> Arc<Self> {
        let mut bells = BELLS.lock();
        if let Some(bell) = bells.get(path).and_then(Weak::upgrade) {
            return bell;
        }
        bells.retain(|_, bell| bell.strong_count() > 0);
        let bell = Arc::<Self>::default();
        bells.insert(path.to_owned(), Arc::downgrade(&bell));
        bell
    }

    pub(crate) fn ring(&self, workers: &[WorkerName]) {
        if workers.is_empty() {
            return;
        }
        for watched in self.watchers.lock().iter().filter_map(Weak::upgrade) {
            let waiting = watched.waiting.lock();
            for waiter in workers.iter().filter_map(|worker| waiting.of.get(worker)) {
                waiter.wake_all();
            }
        }
    }
}

/// Wakes those who wait at one handle.
pub(crate) struct Watcher {
    file: Arc<FileOptions>,
    clock: Clock,
    watched: Arc<Watched>,
}

/// Who waits at one handle.
#[derive(Default)]
struct Watched {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    of: HashMap<WorkerName, Waiters>,
    /// Whether the thread runs. It begins with the first who waits.
    runs: bool,
    closed: bool,
}

/// Who waits for messages of one worker.
#[derive(Default)]
struct Waiters {
    notify: Vec<Arc<Notify>>,
    /// Whether somebody came since the queue was looked at.
    is_new: bool,
    /// When a message that is hidden now can be received.
    next: Option<Timestamp>,
}

impl Waiters {
    fn wake_all(&self) {
        // Each has a permit of its own, so a wake-up before the first poll of its future is not lost.
        self.notify.iter().for_each(|notify| notify.notify_one());
    }
}

/// One who waits; dropping it is to wait no longer.
struct WaitingOne {
    watched: Arc<Watched>,
    worker: WorkerName,
    notify: Arc<Notify>,
}

impl Drop for WaitingOne {
    fn drop(&mut self) {
        let mut waiting = self.watched.waiting.lock();
        if let Some(waiters) = waiting.of.get_mut(&self.worker) {
            waiters.notify.retain(|notify| !Arc::ptr_eq(notify, &self.notify));
            if waiters.notify.is_empty() {
                waiting.of.remove(&self.worker);
            }
        }
    }
}

impl Watcher {
    pub(crate) fn new(file: Arc<FileOptions>, clock: Clock, bell: &Bell) -> Self {
        let watched = Arc::<Watched>::default();
        let mut watchers = bell.watchers.lock();
        watchers.retain(|watched| watched.strong_count() > 0);
        watchers.push(Arc::downgrade(&watched));
        Self { file, clock, watched }
    }

    fn wait_for(&self, worker: &WorkerName) -> WaitingOne {
        let notify = Arc::new(Notify::new());
        let mut waiting = self.watched.waiting.lock();
        let waiters = waiting.of.entry(worker.clone()).or_default();
        waiters.notify.push(Arc::clone(&notify));
        waiters.is_new = true;
        if !waiting.runs {
            waiting.runs = self.start();
        }
        self.watched.changed.notify_all();
        WaitingOne {
            watched: Arc::clone(&self.watched),
            worker: worker.clone(),
            notify,
        }
    }

    /// Without a thread those who wait do so until their time is over, or this process sends something.
    fn start(&self) -> bool {
        let thread = Thread {
            file: Arc::clone(&self.file),
            clock: self.clock.clone(),
            watched: Arc::clone(&self.watched),
            opened: None,
            version: None,
        };
        let started = thread::Builder::new()
            .name("convoke-sqlite-watcher".to_owned())
            .spawn(move || thread.run());
        if let Err(error) = &started {
            tracing::warn!(%error, "the system gives no thread to wait for messages of other processes");
        }
        started.is_ok()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.watched.waiting.lock().closed = true;
        self.watched.changed.notify_all();
    }
}

struct Thread {
    file: Arc<FileOptions>,
    clock: Clock,
    watched: Arc<Watched>,
    opened: Option<Opened>,
    /// The data version at the last look.
    version: Option<i64>,
}

impl Thread {
    fn run(mut self) {
        while let Some(due) = self.next_round() {
            if let Err(fault) = self.look(&due) {
                tracing::debug!(?fault, "can't look for messages; trying again");
                self.opened = None;
            }
        }
    }

    /// Waits until there is somebody to look for, and until the next poll or somebody new. None when the handle is
    /// closed.
    fn next_round(&self) -> Option<Vec<Wanted>> {
        let mut waiting = self.watched.waiting.lock();
        while waiting.of.is_empty() && !waiting.closed {
            self.watched.changed.wait(&mut waiting);
        }
        if !waiting.closed && !waiting.of.values().any(|waiters| waiters.is_new) {
            self.watched.changed.wait_for(&mut waiting, POLL);
        }
        let wanted = waiting.of.iter_mut().map(|(worker, waiters)| Wanted {
            worker: worker.clone(),
            is_new: std::mem::take(&mut waiters.is_new),
            next: waiters.next,
        });
        let wanted = wanted.collect();
        (!waiting.closed).then_some(wanted)
    }

    fn look(&mut self, wanted: &[Wanted]) -> Result<(), Fault> {
        if self
            .opened
            .as_ref()
            .is_some_and(|opened| !opened.is_current(&self.file.path))
        {
            self.opened = None;
        }
        let Opened { connection, .. } = match &mut self.opened {
            Some(opened) => opened,
            closed => {
                self.version = None;
                closed.insert(Opened::new(&self.file, Access::Read)?)
            }
        };
        let step = Transaction::new(connection, self.clock.host_now());
        // The version first: what is committed after it is seen by the next round at the latest.
        let version = step.first("PRAGMA data_version", [], |row| Ok(row.get::<_, i64>(0)?))?;
        let changed = version != self.version;
        // One look at those for all who wait: they are not sorted by worker.
        let mut arrived = None;
        for Wanted { worker, is_new, next } in wanted {
            if !changed && !is_new && next.is_none_or(|next| step.now < next) {
                continue;
            }
            let arrived = match &mut arrived {
                Some(arrived) => arrived,
                unknown => unknown.insert(arrivals::receivers(&step)?),
            };
            let next = if arrived.contains(worker) {
                Some(Handling::default().visible_from)
            } else {
                next_deliverable(&step, worker)?
            };
            if let Some(waiters) = self.watched.waiting.lock().of.get_mut(worker) {
                waiters.next = next;
                if next.is_some_and(|next| next <= step.now) {
                    waiters.wake_all();
                }
            }
        }
        // Only now: a look that failed is repeated.
        self.version = version;
        Ok(())
    }
}

/// For whom to look.
struct Wanted {
    worker: WorkerName,
    is_new: bool,
    next: Option<Timestamp>,
}
