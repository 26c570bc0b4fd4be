//! Wake-ups: polled, and pushed within one handle.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use convoke_core::{Hints, WorkerName, async_trait};
use tokio::sync::Notify;

use crate::store::MysqlStore;

/// The longest that a receiver waits before it looks again.
pub(crate) const POLL_BOUND: Duration = Duration::from_millis(500);

/// How many workers are waited for before those nobody waits for any more are forgotten.
const REMEMBERED: usize = 1_024;

/// Who waits for messages by this handle.
#[derive(Default)]
pub(crate) struct Waiting(Mutex<HashMap<WorkerName, Arc<Notify>>>);

impl Waiting {
    /// Wakes whoever waits for the worker; when nobody does, the next one who waits returns at once.
    pub(crate) fn wake(&self, worker: &WorkerName) {
        if let Some(notify) = self.locked().get(worker) {
            notify.notify_one();
        }
    }

    fn of(&self, worker: &WorkerName) -> Arc<Notify> {
        let mut waiting = self.locked();
        if waiting.len() > REMEMBERED {
            waiting.retain(|_, notify| Arc::strong_count(notify) > 1);
        }
        Arc::clone(waiting.entry(worker.clone()).or_default())
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, HashMap<WorkerName, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Hints for MysqlStore {
    async fn await_message(&self, worker: &WorkerName, at_most: Duration) {
        let notify = self.waiting.of(worker);
        // Running out of time is as good an answer as a hint.
        let _ = tokio::time::timeout(at_most.min(POLL_BOUND), notify.notified()).await;
    }
}
