//! A member of a cluster: a worker, and a leader to be beside it.

use std::sync::Arc;

use convoke_core::{Result, Store, WorkerName};
use tokio_util::sync::CancellationToken;

use crate::leader::Leader;
use crate::settings::{LeaderSettings, WorkerSettings};
use crate::work::Work;
use crate::worker::Worker;

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
    let worker = Worker::new(Arc::clone(&store), name, work, worker);
    let leader = Leader::new(store, leader);
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
