//! Wake-ups: polled, and pushed within one handle.
//!
//! Whoever waits looks for messages by a read. An empty receive would tell the same, but it writes when the worker was heard
//! of, and a commit costs the server several times as much as a look.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use convoke_core::{Hints, WorkerName, async_trait};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};

use crate::call::sql_now;
use crate::store::MysqlStore;

/// From one look of whoever waits to the next.
pub(crate) const POLL_BOUND: Duration = Duration::from_millis(500);

/// core::messages::Handling::is_deliverable.
const LOOK: &str = concat!(
    "SELECT 1 FROM qtopology_message FORCE INDEX (ix_convoke_message_queue) WHERE worker = ? AND expires_us > ",
    sql_now!(),
    " AND visible_from_us <= ",
    sql_now!(),
    " LIMIT 1"
);

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
        let end = Instant::now() + at_most;
        // A look begins only when there is time for it: one that is given up costs a connection.
        while end.saturating_duration_since(Instant::now()) > POLL_BOUND {
            if timeout(POLL_BOUND, notify.notified()).await.is_ok() {
                return;
            }
            match timeout_at(end, self.has_message(worker)).await {
                Ok(false) => {}
                Ok(true) | Err(_) => return,
            }
        }
        // Running out of time is as good an answer as a hint.
        let _ = timeout_at(end, notify.notified()).await;
    }
}

impl MysqlStore {
    /// Whether there is something to receive. A store that can't tell is asked again, by the next look or by receiving.
    async fn has_message(&self, worker: &WorkerName) -> bool {
        let params = [worker.as_str().into(), self.now_param(), self.now_param()];
        let seen = self.read("messages.await", LOOK, &params).await;
        seen.is_ok_and(|rows| !rows.is_empty())
    }
}
