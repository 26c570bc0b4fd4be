//! What a user implements: how one unit of work is done.

use std::error::Error as StdError;

use async_trait::async_trait;
use convoke_core::{Payload, TopologyDetails, TopologyId};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Why a unit failed: anything that can be shown.
pub type Failure = Box<dyn StdError + Send + Sync>;

/// Does units of work.
///
/// ```
/// use convoke_runtime::{Failure, Unit, Work, async_trait};
///
/// struct Counter;
///
/// #[async_trait]
/// impl Work for Counter {
///     async fn run(&self, unit: Unit) -> Result<(), Failure> {
///         let mut count = 0_u64;
///         loop {
///             tokio::select! {
///                 () = unit.stopped() => return Ok(()),
///                 () = tokio::time::sleep(std::time::Duration::from_secs(1)) => count += 1,
///             }
///         }
///     }
/// }
/// ```
#[async_trait]
pub trait Work: Send + Sync + 'static {
    /// Runs one unit until it is done, fails, or is asked to stop.
    ///
    /// Done without having been asked to stop: the topology is disabled and let go of, it has run its course. Failed: it is
    /// in error, with the text of the failure, and started again after a while.
    ///
    /// The future is dropped when the unit does not stop in time, is to be killed, or when the worker could be taken for
    /// dead: dropping it must end the work at once.
    async fn run(&self, unit: Unit) -> Result<(), Failure>;
}

/// A unit under way.
#[derive(Debug)]
pub struct Unit {
    details: TopologyDetails,
    stop: CancellationToken,
    events: mpsc::UnboundedSender<UnitEvent>,
    generation: u64,
}

/// What a unit tells its worker.
#[derive(Debug)]
pub(crate) struct UnitEvent {
    pub(crate) topology: TopologyId,
    pub(crate) generation: u64,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    Process(Option<u32>),
    Ended(End),
}

/// How a unit came to its end.
#[derive(Debug)]
pub(crate) enum End {
    /// It returned by itself, or because it was asked to.
    Returned(Result<(), Failure>),
    /// It panicked.
    Panicked(String),
    /// It was dropped because it was to be killed, or did not stop in time.
    Dropped,
    /// It was dropped because the worker could be taken for dead.
    Orphaned,
}

impl Unit {
    pub(crate) const fn new(
        details: TopologyDetails,
        stop: CancellationToken,
        events: mpsc::UnboundedSender<UnitEvent>,
        generation: u64,
    ) -> Self {
        Self {
            details,
            stop,
            events,
            generation,
        }
    }

    /// Which topology.
    #[must_use]
    pub const fn id(&self) -> &TopologyId {
        &self.details.topology.id
    }

    /// What to run.
    #[must_use]
    pub const fn config(&self) -> &Payload {
        &self.details.config
    }

    /// The topology as it was when it was started.
    #[must_use]
    pub const fn details(&self) -> &TopologyDetails {
        &self.details
    }

    /// Waits until the unit is asked to stop.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// What is cancelled when the unit is asked to stop, to be handed on.
    #[must_use]
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Tells which process does the work now, for people to see.
    pub fn set_process(&self, pid: Option<u32>) {
        // The worker outlives its units, but for the moment in which it is dropped itself.
        let _ = self.events.send(UnitEvent {
            topology: self.id().clone(),
            generation: self.generation,
            what: What::Process(pid),
        });
    }
}
