//! What a user implements: how one unit of work is done.

use std::error::Error as StdError;
use std::fmt;

use async_trait::async_trait;
use convoke_core::{Payload, TopologyDetails, TopologyId};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::tenure::Tenure;

/// Why a unit failed: anything that can be shown.
pub type Failure = Box<dyn StdError + Send + Sync>;

/// A failure that starting again does not cure: the topology is let go of in error, and is not started again until an
/// operator clears the error. Any other failure is started again after a while.
///
/// ```
/// use convoke_runtime::{Failure, Permanent};
///
/// let failure = Failure::from(Permanent::new("there is no such table"));
/// assert!(failure.is::<Permanent>());
/// ```
#[derive(Debug)]
pub struct Permanent(Failure);

impl Permanent {
    /// Of this cause.
    pub fn new(why: impl Into<Failure>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Permanent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Permanent {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

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
    /// in error, with the text of the failure, and started again after a while unless the failure is [`Permanent`].
    ///
    /// The future is dropped when the unit does not stop in time, is to be killed, or when the worker could be taken for
    /// dead: dropping it must end the work at once.
    async fn run(&self, unit: Unit) -> Result<(), Failure>;

    /// Waits until nothing is left of a unit whose future ended or was dropped; until then its topology is not let go of.
    ///
    /// For work that takes a moment to end after it was told to, such as processes. Whatever it waits for must be over by
    /// the unit's deadline in any case. By default it waits for nothing.
    async fn gone(&self, _topology: &TopologyId) {}
}

/// A unit under way.
#[derive(Debug)]
pub struct Unit {
    details: TopologyDetails,
    stop: CancellationToken,
    tenure: Tenure,
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
        tenure: Tenure,
        events: mpsc::UnboundedSender<UnitEvent>,
        generation: u64,
    ) -> Self {
        Self {
            details,
            stop,
            tenure,
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

    /// For how long it may run. The future is dropped when that is over; this is for what must end even if this process
    /// can't act then, because it is stopped or killed: it is to be handed to a process that can.
    #[must_use]
    pub fn tenure(&self) -> Tenure {
        self.tenure.clone()
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
