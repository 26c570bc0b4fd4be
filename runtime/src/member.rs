//! A member of a cluster: a worker, and a leader to be beside it.

use std::sync::Arc;

use convoke_core::{Result, Store, WorkerName};
use tokio_util::sync::CancellationToken;

use crate::leader::Leader;
use crate::settings::{LeaderSettings, WorkerSettings};
use crate::work::Work;
use crate::worker::Worker;

/// A worker, and a leader beside it that campaigns under its registration.
pub struct Member {
    worker: Worker,
    leader: Leader,
}

impl Member {
    /// Both under one name.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        name: WorkerName,
        work: Arc<dyn Work>,
        worker: WorkerSettings,
        leader: LeaderSettings,
    ) -> Self {
        Self {
            worker: Worker::new(Arc::clone(&store), name, work, worker),
            leader: Leader::new(store, leader),
        }
    }

    /// Its worker, to watch.
    #[must_use]
    pub const fn worker(&self) -> &Worker {
        &self.worker
    }

    /// Its leader, to watch.
    #[must_use]
    pub const fn leader(&self) -> &Leader {
        &self.leader
    }

    /// Takes part until `shutdown`: works, and leads when it is elected.
    ///
    /// # Errors
    /// Those of [`Worker::run`].
    pub async fn run(&self, shutdown: CancellationToken) -> Result<()> {
        let Self { worker, leader } = self;
        let leading = CancellationToken::new();
        let works = async {
            let ended = worker.run(shutdown.clone()).await;
            leading.cancel();
            ended
        };
        // A member that is asked to end resigns first, so that somebody else hands out what it lets go of.
        let until = async {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = leading.cancelled() => {}
            }
            leading.cancel();
        };
        let leads = leader.run(worker.registration(), worker.rebalance_requests(), leading.clone());
        let (ended, (), ()) = tokio::join!(works, leads, until);
        ended
    }
}

/// Takes part in a cluster: works under a name, and leads when it is elected, until `shutdown`.
///
/// # Errors
/// Those of [`Worker::run`].
///
/// # Example
/// ```no_run
/// use std::sync::Arc;
/// use convoke_core::{Store, WorkerName};
/// use convoke_runtime::{LeaderSettings, Work, WorkerSettings, join};
/// use tokio_util::sync::CancellationToken;
///
/// # async fn example(store: Arc<dyn Store>, work: Arc<dyn Work>) -> convoke_core::Result<()> {
/// let shutdown = CancellationToken::new();
/// join(store, WorkerName::new("host 1")?, work, WorkerSettings::default(), LeaderSettings::default(), shutdown).await
/// # }
/// ```
pub async fn join(
    store: Arc<dyn Store>,
    name: WorkerName,
    work: Arc<dyn Work>,
    worker: WorkerSettings,
    leader: LeaderSettings,
    shutdown: CancellationToken,
) -> Result<()> {
    Member::new(store, name, work, worker, leader).run(shutdown).await
}
