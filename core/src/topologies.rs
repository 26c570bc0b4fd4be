//! Topologies: units of work, each run by one worker at most.

use std::fmt;

use async_trait::async_trait;
use convoke_macros::operations;
use serde::{Deserialize, Serialize};

use crate::error::{self, Result};
use crate::history::{Retention, Trimmed};
use crate::leadership::Term;
use crate::names::{Command, TopologyId, WorkerName};
use crate::page::{Page, Paged};
use crate::payload::Payload;
use crate::time::{Timestamp, Ttl};
use crate::workers::{Registration, WorkerStatus};

mod rules;
mod values;

pub use rules::{check_holder, check_topology_deletable, decide_assignment, decide_report};
pub use values::{Affinity, ErrorText, Placement, Placements, Weight};

/// The register of topologies.
///
/// A **topology** is one unit of work: an opaque JSON config that runs on at most one worker. The leader assigns it, which
/// makes it `waiting`; the worker that has it reports that it is `running`, or in `error`, or that it let go of it. Whoever
/// starts work only after its report of running was accepted, and stops it before it can be taken for dead, never runs
/// beside another.
///
/// A worker **has** a topology from its assignment until it releases it or it is taken away; also while it is in error.
///
/// # Telling
/// What a worker has to be told is put into its queue in the same step, as the message of the contract that qtopology's
/// workers know: [`START_TOPOLOGY`], [`STOP_TOPOLOGY`], [`KILL_TOPOLOGY`], each with the content `{"uuid":"the id"}`
/// ([`told`]). A worker that is not registered is told nothing.
///
/// # History
/// A row is written in the same step whenever what [`Topology`] shows beside `since` changes, and on each registration.
/// A call that changes nothing writes none. Deleting a topology leaves its history.
#[operations]
#[async_trait]
pub trait Topologies: Send + Sync {
    /// Registers a topology, or replaces the config, weight and affinity of the one that there is.
    ///
    /// A new one is disabled and unassigned. Everything else of an old one stays; what runs already goes on with the
    /// config that it was started with.
    ///
    /// # Example
    /// ```
    /// # use convoke_core::*;
    /// # async fn example(store: &dyn Coordination, lease: &Lease, me: &Registration) -> Result<()> {
    /// let id = TopologyId::new("import")?;
    /// store.register_topology(&NewTopology::new(id.clone(), Payload::parse(r#"{"command":["import"]}"#)?)).await?;
    /// store.enable_topology(&id).await?;
    /// let placements = Placements::new([Placement::new(id.clone(), me.worker.clone())])?;
    /// assert_eq!(store.assign_topologies(lease.term, &placements).await?, [Assignment::Assigned]);
    /// assert!(store.report_topology(me, &id, &Report::Running).await?.is_accepted());
    /// # Ok(()) }
    /// ```
    async fn register_topology(&self, topology: &NewTopology) -> Result<TopologyRegistered>;

    /// Gives topologies to workers, and tells each worker to start. Only for the leader.
    ///
    /// Each placement has its own answer, in the order in which they were given; only an enabled, unassigned topology is
    /// assigned, and only to an alive worker.
    ///
    /// # Errors
    /// Fenced when the term does not lead; nothing is assigned then.
    async fn assign_topologies(&self, term: Term, placements: &Placements) -> Result<Vec<Assignment>>;

    /// Says how a topology does. Only by the worker that has it; it is not a ping.
    ///
    /// A disabled topology can't begin to run. One that is let go of in error stays in error, without a worker. What is
    /// reported again changes nothing.
    ///
    /// # Errors
    /// NotFound for an unknown worker or topology, Fenced for a stale registration.
    async fn report_topology(&self, registration: &Registration, id: &TopologyId, report: &Report) -> Result<Reported>;

    /// Says by which process the topology runs. Only by the worker that has it; it is not a ping.
    ///
    /// # Errors
    /// NotFound for an unknown worker or topology, Fenced for a stale registration.
    async fn set_topology_pid(
        &self,
        registration: &Registration,
        id: &TopologyId,
        pid: Option<u32>,
    ) -> Result<Reported>;

    /// Says that the topology is to run: from now on it can be assigned and started.
    ///
    /// # Errors
    /// NotFound for an unknown topology.
    async fn enable_topology(&self, id: &TopologyId) -> Result<()>;

    /// Says that the topology is not to run: from now on it can't be assigned or started.
    ///
    /// Who has it keeps it, and nobody is told. A worker that compares what runs with what is wanted, as those of
    /// `convoke-runtime` do from time to time, ends it then in good order and lets go of it; [`Topologies::stop_topology`]
    /// and [`Topologies::kill_topology`] tell it at once.
    ///
    /// # Errors
    /// NotFound for an unknown topology.
    async fn disable_topology(&self, id: &TopologyId) -> Result<()>;

    /// Disables the topology and tells the worker that has it to end it; answers who was told.
    ///
    /// # Errors
    /// NotFound for an unknown topology.
    async fn stop_topology(&self, id: &TopologyId) -> Result<Option<WorkerName>>;

    /// Disables the topology and tells the worker that has it to kill it; answers who was told.
    ///
    /// # Errors
    /// NotFound for an unknown topology.
    async fn kill_topology(&self, id: &TopologyId) -> Result<Option<WorkerName>>;

    /// Puts the topology in error, as an operator, and tells the worker that has it to end it; answers who was told.
    ///
    /// # Errors
    /// NotFound for an unknown topology.
    async fn set_topology_error(&self, id: &TopologyId, error: &ErrorText) -> Result<Option<WorkerName>>;

    /// Takes the topology out of error: back to the worker that has it when that one is alive and the topology is
    /// enabled (assigned, and told to start), else unassigned. Answers who was told.
    ///
    /// # Errors
    /// NotFound for an unknown topology, Conflict for one that is not in error.
    async fn clear_topology_error(&self, id: &TopologyId) -> Result<Option<WorkerName>>;

    /// Forgets a topology. Its history stays.
    ///
    /// # Errors
    /// NotFound for an unknown topology, Conflict while it is waiting or running.
    async fn delete_topology(&self, id: &TopologyId) -> Result<()>;

    /// One topology with its config.
    ///
    /// # Errors
    /// NotFound for an unknown topology.
    #[read]
    async fn get_topology(&self, id: &TopologyId) -> Result<TopologyDetails>;

    /// A page of all topologies, ordered by id, byte by byte.
    #[read]
    async fn list_topologies(&self, page: &Page) -> Result<Paged<Topology>>;

    /// A page of the topologies that a worker has, ordered by id, byte by byte. Empty for a worker never seen.
    #[read]
    async fn list_assigned_topologies(&self, worker: &WorkerName, page: &Page) -> Result<Paged<Topology>>;

    /// What changed with a topology, newest first. Empty for an id never seen.
    #[read]
    async fn topology_history(&self, id: &TopologyId, page: &Page) -> Result<Paged<TopologyChange>>;

    /// Drops what is too old or too much of the histories of topologies: those of a page of ids that have a history,
    /// ordered byte by byte. See [`Retention`].
    async fn trim_topology_history(&self, retention: &Retention, page: &Page) -> Result<Trimmed>;
}

/// The everyday calls on topologies, each one step of [`Topologies`].
#[async_trait]
pub trait TopologiesExt: Topologies {
    /// Gives one topology to one worker: [`Topologies::assign_topologies`] of one placement.
    ///
    /// # Errors
    /// Fenced when the term does not lead.
    async fn assign_topology(&self, term: Term, id: &TopologyId, worker: &WorkerName) -> Result<Assignment> {
        let placements = Placements::new([Placement::new(id.clone(), worker.clone())])?;
        let answers = self.assign_topologies(term, &placements).await?;
        answers
            .into_iter()
            .next()
            .ok_or_else(|| error::missing_answer("topologies.assign"))
    }
}

impl<T: Topologies + ?Sized> TopologiesExt for T {}

/// Tells a worker to start a topology that it has.
pub const START_TOPOLOGY: &str = "start_topology";
/// Tells a worker to end a topology in good order.
pub const STOP_TOPOLOGY: &str = "stop_topology";
/// Tells a worker to end a topology at once.
pub const KILL_TOPOLOGY: &str = "kill_topology";
/// How long [`START_TOPOLOGY`] is worth something: 120 s.
pub const START_TTL: Ttl = Ttl::from_secs(120);
/// How long [`STOP_TOPOLOGY`] and [`KILL_TOPOLOGY`] are worth something: 30 s.
pub const STOP_TTL: Ttl = Ttl::from_secs(30);

/// The message that tells a worker something about a topology.
///
/// # Errors
/// None for the three commands of this module.
pub fn told(command: &'static str, id: &TopologyId) -> Result<(Command, Payload)> {
    let content = Payload::of(&serde_json::json!({ "uuid": id.as_str() }))?;
    Ok((Command::new(command)?, content))
}

/// How a topology stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TopologyStatus {
    /// Nobody has it.
    Unassigned,
    /// Its worker was told to start it.
    Waiting,
    /// Its worker runs it.
    Running,
    /// It failed; it stays so until [`Topologies::clear_topology_error`], or until its worker runs it again.
    Error,
}

impl TopologyStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Unassigned, Self::Waiting, Self::Running, Self::Error];

    /// The word that stores keep.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unassigned => "unassigned",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for TopologyStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for TopologyStatus {
    type Err = crate::Error;

    fn from_str(word: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == word)
            .ok_or_else(|| error::invalid("a status is unassigned, waiting, running or error").with("status", word))
    }
}

/// A topology to be registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTopology {
    /// Which.
    pub id: TopologyId,
    /// What to run; opaque to the store.
    pub config: Payload,
    /// How much it loads its worker.
    pub weight: Weight,
    /// Where it runs best.
    pub affinity: Affinity,
}

impl NewTopology {
    /// A topology of weight 1 that runs anywhere.
    #[must_use]
    pub fn new(id: TopologyId, config: Payload) -> Self {
        Self {
            id,
            config,
            weight: Weight::default(),
            affinity: Affinity::default(),
        }
    }

    /// The same of this weight.
    #[must_use]
    pub fn with_weight(self, weight: Weight) -> Self {
        Self { weight, ..self }
    }

    /// The same with these workers where it runs best.
    #[must_use]
    pub fn with_affinity(self, affinity: Affinity) -> Self {
        Self { affinity, ..self }
    }
}

/// What [`Topologies::register_topology`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TopologyRegistered {
    /// It is new.
    Created,
    /// There was one, which has the new config, weight and affinity.
    Replaced,
}

/// A topology as the store knows it, without its config.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Topology {
    /// Which.
    pub id: TopologyId,
    /// How it stands.
    pub status: TopologyStatus,
    /// Whether it is to run: only then it is assigned and started, and its worker ends it when it sees that it is not.
    pub enabled: bool,
    /// Who has it.
    pub worker: Option<WorkerName>,
    /// How much it loads its worker.
    pub weight: Weight,
    /// Where it runs best.
    pub affinity: Affinity,
    /// The process that runs it, on its worker's machine.
    pub pid: Option<u32>,
    /// Why it is in error.
    pub error: Option<ErrorText>,
    /// Since when it has this status on this worker.
    pub since: Timestamp,
}

/// A topology with its config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopologyDetails {
    /// The topology.
    pub topology: Topology,
    /// What to run.
    pub config: Payload,
}

/// One row of a topology's history: how it stood after a change.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TopologyChange {
    /// When.
    pub at: Timestamp,
    /// Which.
    pub id: TopologyId,
    /// The status from then on.
    pub status: TopologyStatus,
    /// Whether it was enabled from then on.
    pub enabled: bool,
    /// Who had it from then on.
    pub worker: Option<WorkerName>,
    /// The weight from then on.
    pub weight: Weight,
    /// The affinity from then on.
    pub affinity: Affinity,
    /// The process from then on.
    pub pid: Option<u32>,
    /// The error from then on.
    pub error: Option<ErrorText>,
}

/// What a worker says of a topology that it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// It runs from now on.
    Running,
    /// It does not run, for this reason; the worker still has it.
    Failed(ErrorText),
    /// It does not run, and the worker does not have it any more.
    Released,
}

/// What [`Topologies::report_topology`] answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reported {
    /// It is as was reported.
    Accepted,
    /// Nothing changed: the worker does not have it. Who has, if anybody.
    NotHeld(Option<WorkerName>),
    /// Nothing changed: a disabled topology can't begin to run. Release it.
    Disabled,
}

impl Reported {
    /// Whether it was accepted. Start work only then.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted)
    }
}

/// What came of a [`Placement`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assignment {
    /// The worker has it and was told to start it.
    Assigned,
    /// There is no such topology.
    UnknownTopology,
    /// There is no such worker.
    UnknownWorker,
    /// The topology is disabled.
    Disabled,
    /// Somebody has it already.
    HeldBy(WorkerName),
    /// It is in error; clear that first.
    InError,
    /// The worker is not alive.
    NotAlive(WorkerStatus),
}

impl fmt::Display for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assigned => f.write_str("assigned"),
            Self::UnknownTopology => f.write_str("there is no such topology"),
            Self::UnknownWorker => f.write_str("there is no such worker"),
            Self::Disabled => f.write_str("the topology is disabled"),
            Self::HeldBy(worker) => write!(f, "{worker} has it already"),
            Self::InError => f.write_str("the topology is in error; clear that first"),
            Self::NotAlive(status) => write!(f, "the worker is {status}; only an alive one takes work"),
        }
    }
}

#[cfg(test)]
mod tests;
