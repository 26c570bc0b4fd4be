//! Workers: the processes that take part.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use convoke_macros::operations;
use serde::{Deserialize, Serialize};

use crate::error::{self, Result};
use crate::history::{Retention, Trimmed};
use crate::leadership::Term;
use crate::names::{TopologyId, WorkerName};
use crate::page::{Page, Paged};
use crate::time::{Timestamp, Ttl};

/// The register of workers.
///
/// A **worker** is a process that takes part, known by its name. Each time a name is registered it gets a new
/// **incarnation**, greater than any given before by this store; whatever an older incarnation still writes is Fenced.
///
/// # Being heard of
/// A worker is heard of by each call that carries its latest registration and is not refused: a ping, a status that it
/// sets itself, a candidacy announced, checked or campaigned for (also when deferred), a lease renewed, messages
/// received or taken. Acknowledging is not a ping, and neither is what an operator does to it.
///
/// # History
/// A row is written in the same step whenever a worker is registered, its status changes, or its role does: it becomes
/// a candidate without being a live one; it is elected; another's election ends its candidacy or the lead that it had
/// let run out; it resigns; [`Workers::refresh_statuses`] finds it dead, its lead over or its candidacy lapsed. One
/// step writes one row per worker at most, with how it stands afterwards. Prolonging writes none, and neither does a
/// lease or a candidacy that just runs out.
#[operations]
#[async_trait]
pub trait Workers: Send + Sync {
    /// Takes the name, alive and in the role normal, with a new incarnation.
    ///
    /// Taking over a name makes its old registration stale. Its messages stay. Had the old one led, the lead is
    /// vacated; a lease that was promised is still honoured, so the next election waits for its end.
    ///
    /// # Atomicity
    /// One step, with its history row.
    ///
    /// # Example
    /// ```
    /// # use convoke_core::*;
    /// # async fn example(store: &dyn Coordination) -> Result<()> {
    /// let first = store.register_worker(&WorkerName::new("a")?).await?;
    /// let second = store.register_worker(&WorkerName::new("a")?).await?;
    /// assert!(second.incarnation > first.incarnation);
    /// assert!(store.ping_worker(&first).await.unwrap_err().is_fenced());
    /// # Ok(()) }
    /// ```
    async fn register_worker(&self, name: &WorkerName) -> Result<Registration>;

    /// Tells the store that the worker lives. Never changes its status.
    ///
    /// # Errors
    /// NotFound for an unknown worker, Fenced for a stale registration.
    async fn ping_worker(&self, registration: &Registration) -> Result<()>;

    /// Sets the status of a worker.
    ///
    /// With an incarnation it is the worker itself that speaks, and is Fenced when stale; without, an operator.
    /// Any status but alive ends its candidacy and vacates its lead in the same step. A status that it has already
    /// changes nothing and leaves no history row.
    ///
    /// # Errors
    /// NotFound for an unknown worker, Fenced for a stale incarnation.
    async fn set_worker_status(
        &self,
        name: &WorkerName,
        incarnation: Option<Incarnation>,
        status: WorkerStatus,
    ) -> Result<()>;

    /// One worker.
    ///
    /// # Errors
    /// NotFound for an unknown worker.
    #[read]
    async fn get_worker(&self, name: &WorkerName) -> Result<Worker>;

    /// A page of all workers, ordered by name, byte by byte.
    #[read]
    async fn list_workers(&self, page: &Page) -> Result<Paged<Worker>>;

    /// How many workers are in each role now.
    #[read]
    async fn count_workers(&self) -> Result<RoleCounts>;

    /// Forgets a worker and the messages that wait for it. Its history stays.
    ///
    /// # Errors
    /// NotFound for an unknown worker, Conflict for one that is not unloaded or that topologies still wait for or run on
    /// ([`Workers::refresh_statuses`] takes them away).
    async fn delete_worker(&self, name: &WorkerName) -> Result<()>;

    /// What changed with a worker, newest first: its registrations, its statuses, its roles. Empty for a name never seen.
    #[read]
    async fn worker_history(&self, name: &WorkerName, page: &Page) -> Result<Paged<WorkerChange>>;

    /// Drops what is too old or too much of the histories of workers: those of a page of names that have a history,
    /// ordered byte by byte. See [`Retention`].
    async fn trim_worker_history(&self, retention: &Retention, page: &Page) -> Result<Trimmed>;

    /// Marks what is over, in this order: workers not heard of become dead, which ends their candidacy and vacates
    /// their lead; a lead whose lease ran out is vacated; candidacies whose time is over lapse; topologies that waited
    /// too long, or that wait for or run on a worker that is dead or unloaded, become unassigned.
    ///
    /// Idempotent; safe to be called by all at once. One call buries at most [`MAX_REFRESHED`] workers, the longest
    /// silent first, and takes away at most as many topologies, first those that wait longest, then those of workers that
    /// are gone, by the names of worker and topology. It says when there are more.
    ///
    /// # Atomicity
    /// One step.
    async fn refresh_statuses(&self, timeouts: &Timeouts) -> Result<Refreshed>;
}

/// How many workers one [`Workers::refresh_statuses`] declares dead at most, and how many topologies it takes away.
pub const MAX_REFRESHED: usize = 1_000;

/// Counts how often names were registered in a store; a greater one makes a smaller one of the same name stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Incarnation(u64);

impl Incarnation {
    /// The incarnation of this number. For backends.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Proof of having registered: the name and its incarnation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Registration {
    /// The name.
    pub worker: WorkerName,
    /// Which registration of the name.
    pub incarnation: Incarnation,
}

/// What a worker does at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerStatus {
    /// It works.
    Alive,
    /// It lives, and takes no work.
    Disabled,
    /// It is about to end.
    Closing,
    /// It was not heard of for too long.
    Dead,
    /// Its work was taken from it; it can be deleted.
    Unloaded,
}

impl WorkerStatus {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Alive, Self::Disabled, Self::Closing, Self::Dead, Self::Unloaded];

    /// The word that stores keep.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Disabled => "disabled",
            Self::Closing => "closing",
            Self::Dead => "dead",
            Self::Unloaded => "unloaded",
        }
    }
}

impl fmt::Display for WorkerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for WorkerStatus {
    type Err = crate::Error;

    fn from_str(word: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == word)
            .ok_or_else(|| {
                error::invalid("a status is alive, disabled, closing, dead or unloaded").with("status", word)
            })
    }
}

/// The part that a worker has in leadership now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// None.
    #[default]
    Normal,
    /// It has announced a candidacy that has not lapsed.
    Candidate,
    /// It holds the live lease.
    Leader,
}

impl Role {
    /// The word that stores keep.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Candidate => "candidate",
            Self::Leader => "leader",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Role {
    type Err = crate::Error;

    fn from_str(word: &str) -> Result<Self> {
        match word {
            "" | "normal" => Ok(Self::Normal),
            "candidate" => Ok(Self::Candidate),
            "leader" => Ok(Self::Leader),
            _ => Err(error::invalid("a role is normal, candidate or leader").with("role", word)),
        }
    }
}

/// A worker as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// The name.
    pub name: WorkerName,
    /// What it does.
    pub status: WorkerStatus,
    /// Its part in leadership, as of now: a lease that ran out no longer makes a leader, a lapsed candidacy no candidate.
    pub role: Role,
    /// Its latest registration.
    pub incarnation: Incarnation,
    /// When it was last heard of.
    pub last_ping: Timestamp,
}

/// One row of a worker's history: how it stood after a change.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WorkerChange {
    /// When.
    pub at: Timestamp,
    /// The name.
    pub name: WorkerName,
    /// The status from then on.
    pub status: WorkerStatus,
    /// The role from then on.
    pub role: Role,
    /// The registration that it was.
    pub incarnation: Incarnation,
}

/// How many workers are in each role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleCounts {
    /// Neither candidate nor leader.
    pub normal: u64,
    /// With a live candidacy.
    pub candidate: u64,
    /// With the live lease: 0 or 1.
    pub leader: u64,
}

/// After how long what is not heard of is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Timeouts {
    /// An alive or closing worker that was silent for this long is dead. Default: 30 s.
    pub worker: Ttl,
    /// A topology that waited for this long is taken from its worker. Default: 30 s.
    pub waiting: Ttl,
}

impl Timeouts {
    /// The defaults, with this time-out for workers.
    #[must_use]
    pub const fn with_worker(self, worker: Ttl) -> Self {
        Self { worker, ..self }
    }

    /// The same with this time-out for waiting topologies.
    #[must_use]
    pub const fn with_waiting(self, waiting: Ttl) -> Self {
        Self { waiting, ..self }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            worker: Ttl::from_secs(30),
            waiting: Ttl::from_secs(30),
        }
    }
}

/// What [`Workers::refresh_statuses`] changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Refreshed {
    /// Workers that are dead from now on, ordered by name.
    pub died: Vec<WorkerName>,
    /// The lead that was vacated: whose, and its term.
    pub vacated: Option<Vacated>,
    /// Workers whose candidacy lapsed, those that died aside, ordered by name.
    pub lapsed: Vec<WorkerName>,
    /// Topologies that nobody has any more, ordered by id.
    pub unassigned: Vec<TopologyId>,
    /// Whether more workers wait to be declared dead, or topologies to be taken away: call again.
    pub more: bool,
}

impl Refreshed {
    /// What changed, from its parts. For backends.
    #[must_use]
    pub fn new(mut died: Vec<WorkerName>, vacated: Option<Vacated>, mut lapsed: Vec<WorkerName>) -> Self {
        died.sort();
        lapsed.sort();
        Self {
            died,
            vacated,
            lapsed,
            ..Self::default()
        }
    }

    /// The same with these topologies taken away. For backends.
    #[must_use]
    pub fn with_unassigned(mut self, mut unassigned: Vec<TopologyId>) -> Self {
        unassigned.sort();
        self.unassigned = unassigned;
        self
    }

    /// The same, with more to do or not. For backends.
    #[must_use]
    pub fn with_more(self, more: bool) -> Self {
        Self { more, ..self }
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A lead that ended without its holder resigning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vacated {
    /// Who had it.
    pub worker: WorkerName,
    /// Its term.
    pub term: Term,
}

/// The rule of fencing by incarnation: `stored` is the worker's latest, none when there is no such worker.
///
/// # Errors
/// NotFound when there is no such worker, Fenced when the registration is not its latest.
pub fn check_registration(stored: Option<Incarnation>, given: &Registration) -> Result<()> {
    match stored {
        None => Err(error::unknown_worker(&given.worker)),
        Some(latest) if latest == given.incarnation => Ok(()),
        Some(_) => Err(error::stale_registration(given)),
    }
}

/// The rule of silence: an alive or closing worker is over `timeout` after it was last heard of.
#[must_use]
pub fn is_silent(status: WorkerStatus, last_ping: Timestamp, timeout: Ttl, now: Timestamp) -> bool {
    matches!(status, WorkerStatus::Alive | WorkerStatus::Closing) && last_ping.plus(Duration::from(timeout)) <= now
}

/// Whether topologies are taken away from a worker of this status.
#[must_use]
pub const fn is_gone(status: WorkerStatus) -> bool {
    matches!(status, WorkerStatus::Dead | WorkerStatus::Unloaded)
}

/// The rule of deletion.
///
/// # Errors
/// NotFound when there is no such worker, Conflict when it is not unloaded or topologies wait for it or run on it.
pub fn check_deletable(name: &WorkerName, status: Option<WorkerStatus>, is_in_use: bool) -> Result<()> {
    match status {
        None => Err(error::unknown_worker(name)),
        Some(WorkerStatus::Unloaded) if is_in_use => Err(error::worker_in_use(name)),
        Some(WorkerStatus::Unloaded) => Ok(()),
        Some(status) => Err(error::not_unloaded(name, status)),
    }
}
