//! Leadership: one worker at most leads, under a lease and a term.
//!
//! The **term** is the fencing token of Martin Kleppmann's "How to do distributed locking" (2016): it grows with each
//! new lead, and whatever the leader writes to refuses a smaller one than it has seen.

use std::fmt;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use convoke_macros::operations;
use serde::{Deserialize, Serialize};

use crate::error::{self, Result};
use crate::names::WorkerName;
use crate::time::{Timestamp, Ttl};
use crate::workers::{Incarnation, Registration, Role, WorkerStatus};

/// Election and lease of the one leader.
///
/// A lease that was granted is a promise: nobody else is elected before it runs out, unless its holder resigned.
/// So a lead that is vacated early (its worker died, was disabled, or registered again) cannot be renewed, and still
/// keeps the seat empty until its time. Whoever stops acting by the end of its lease never acts beside another.
#[operations]
#[async_trait]
pub trait Leadership: Send + Sync {
    /// Announces a candidacy that lapses after `valid_for`, or with the worker.
    ///
    /// Refused, with the reason, while somebody leads or when the worker is not alive. Announcing again replaces the
    /// time. Whoever becomes a candidate, by this or by [`Leadership::campaign`], lets go of a lead of its own that ran
    /// out: nobody is holder of the seat and candidate at a time.
    ///
    /// # Errors
    /// NotFound for an unknown worker, Fenced for a stale registration.
    async fn announce_candidacy(&self, registration: &Registration, valid_for: Ttl) -> Result<Announcement>;

    /// Asks whether the announced candidacy wins: the greatest name among live candidates does, when the seat is free.
    ///
    /// The winner holds the lease for `ttl` under a new term, and all candidacies end. Whoever leads already keeps
    /// its term and has its lease prolonged.
    ///
    /// # Errors
    /// NotFound for an unknown worker, Fenced for a stale registration.
    async fn check_candidacy(&self, registration: &Registration, ttl: Ttl) -> Result<Candidacy>;

    /// Announces and checks in one step. The candidacy it leaves when deferred lapses after the lesser of `ttl` and
    /// [`LEADER_TIMEOUT`].
    ///
    /// # Errors
    /// NotFound for an unknown worker, Fenced for a stale registration.
    ///
    /// # Example
    /// ```
    /// # use convoke_core::*;
    /// # async fn example(store: &dyn Coordination) -> Result<()> {
    /// let me = store.register_worker(&WorkerName::new("a")?).await?;
    /// match store.campaign(&me, Ttl::from_secs(10)).await? {
    ///     Candidacy::Elected(lease) => println!("leading in term {}", lease.term),
    ///     Candidacy::Deferred(why) => println!("not leading: {why}"),
    /// }
    /// # Ok(()) }
    /// ```
    async fn campaign(&self, registration: &Registration, ttl: Ttl) -> Result<Candidacy>;

    /// Prolongs a live lease to `ttl` from now; it never gets shorter. Counts as a ping.
    ///
    /// Lost when the lease ran out, even if nobody else has won yet, or when the lead was vacated.
    async fn renew_lease(&self, lease: &Lease, ttl: Ttl) -> Result<Renewal>;

    /// Gives the lead up at once; the next election need not wait.
    async fn resign(&self, lease: &Lease) -> Result<Resignation>;

    /// Who holds the live lease.
    #[read]
    async fn leader(&self) -> Result<Option<Leader>>;

    /// Checks inside the store that `term` leads now.
    ///
    /// # Errors
    /// Fenced when it does not.
    #[read]
    async fn check_term(&self, term: Term) -> Result<()>;
}

/// After how long a candidacy left by [`Leadership::campaign`] lapses at the latest: 10 s.
pub const LEADER_TIMEOUT: Ttl = Ttl::from_secs(10);

/// Counts leads: each new one has a term greater than all before it. The fencing token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Term(u64);

impl Term {
    /// The term of this number. For backends, and for whoever was handed a term as text.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number; 0 before the first lead.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The term after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The right to lead until it runs out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Who holds it.
    pub registration: Registration,
    /// Its term.
    pub term: Term,
    /// When it runs out, by the store's clock.
    pub expires: Timestamp,
}

/// Until when the holder of a lease may act, by its own monotonic clock.
///
/// Take `asked` **before** the call that granted or renewed the lease is sent: the lease can then only run out later
/// in the store than here.
///
/// ```
/// use std::time::{Duration, Instant};
/// use convoke_core::{LeaseDeadline, Ttl};
/// let asked = Instant::now();
/// // … campaign or renew_lease with a ttl of 10 s …
/// let deadline = LeaseDeadline::new(asked, Ttl::from_secs(10));
/// assert!(deadline.may_act(asked + Duration::from_secs(9)));
/// assert!(!deadline.may_act(asked + Duration::from_secs(10)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeaseDeadline(Instant);

impl LeaseDeadline {
    /// The deadline of a lease of `ttl` that was asked for at `asked`.
    #[must_use]
    pub fn new(asked: Instant, ttl: Ttl) -> Self {
        Self(asked + Duration::from(ttl))
    }

    /// Whether the lease surely lives at `now`.
    #[must_use]
    pub fn may_act(self, now: Instant) -> bool {
        now < self.0
    }

    /// The instant itself.
    #[must_use]
    pub const fn instant(self) -> Instant {
        self.0
    }
}

/// Who leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leader {
    /// Its name.
    pub worker: WorkerName,
    /// Its registration.
    pub incarnation: Incarnation,
    /// Its term.
    pub term: Term,
    /// When its lease runs out, by the store's clock.
    pub expires: Timestamp,
}

/// What [`Leadership::announce_candidacy`] answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Announcement {
    /// The candidacy stands until then.
    Announced(Timestamp),
    /// It was not taken.
    Refused(Deferral),
}

/// What a candidate is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Candidacy {
    /// It leads.
    Elected(Lease),
    /// It does not, and why.
    Deferred(Deferral),
}

impl Candidacy {
    /// The lease, when elected.
    #[must_use]
    pub fn elected(self) -> Option<Lease> {
        match self {
            Self::Elected(lease) => Some(lease),
            Self::Deferred(_) => None,
        }
    }
}

/// Why a candidate does not lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deferral {
    /// This one leads.
    LedBy(Leader),
    /// Nobody leads, but a lease that was vacated is honoured until then.
    Promised(Timestamp),
    /// A live candidate has a greater name.
    Outranked {
        /// The greatest of them.
        by: WorkerName,
        /// When its candidacy lapses.
        until: Timestamp,
    },
    /// No live candidacy of this worker is announced.
    NotAnnounced,
    /// Only an alive worker can lead, and this one is not.
    NotAlive(WorkerStatus),
}

impl fmt::Display for Deferral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LedBy(leader) => write!(
                f,
                "{} leads in term {} until {}",
                leader.worker, leader.term, leader.expires
            ),
            Self::Promised(until) => write!(f, "a vacated lease is honoured until {until}"),
            Self::Outranked { by, until } => {
                write!(f, "{by} is a candidate too, until {until}, and has the greater name")
            }
            Self::NotAnnounced => f.write_str("no live candidacy is announced"),
            Self::NotAlive(status) => write!(f, "the worker is {status}; only an alive one can lead"),
        }
    }
}

/// What [`Leadership::renew_lease`] answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Renewal {
    /// The lease lives on, with its new end.
    Renewed(Lease),
    /// It is over; who leads now, if anybody.
    Lost(Option<Leader>),
}

/// What [`Leadership::resign`] answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resignation {
    /// The seat is free.
    Resigned,
    /// The lease was over already; who leads now, if anybody.
    Lost(Option<Leader>),
}

/// The state of leadership in a store: there is one seat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Seat {
    /// The latest term; 0 before the first lead.
    pub term: Term,
    /// Who was elected and neither resigned nor was vacated; its lease may have run out.
    pub holder: Option<Registration>,
    /// Until when the latest lease was promised.
    pub promised_until: Timestamp,
}

impl Seat {
    /// Who holds the live lease at `now`.
    #[must_use]
    pub fn leader(&self, now: Timestamp) -> Option<Leader> {
        let holder = self.holder.as_ref().filter(|_| now < self.promised_until)?;
        Some(Leader {
            worker: holder.worker.clone(),
            incarnation: holder.incarnation,
            term: self.term,
            expires: self.promised_until,
        })
    }

    /// Whether `lease` lives at `now`.
    #[must_use]
    pub fn holds(&self, lease: &Lease, now: Timestamp) -> bool {
        now < self.promised_until && self.term == lease.term && self.holder.as_ref() == Some(&lease.registration)
    }

    /// The seat without its holder; the promise stays.
    #[must_use]
    pub fn vacated(&self) -> Self {
        Self {
            holder: None,
            ..self.clone()
        }
    }

    fn lease(&self) -> Option<Lease> {
        let registration = self.holder.clone()?;
        Some(Lease {
            registration,
            term: self.term,
            expires: self.promised_until,
        })
    }
}

/// A candidate as the rule sees it: alive, with a candidacy that stands until then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub worker: WorkerName,
    /// When its candidacy lapses.
    pub until: Timestamp,
}

/// What the store has to do for [`decide_announcement`] and [`decide_candidacy`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Change nothing and answer this.
    Refuse(Deferral),
    /// Keep the candidacy (announced before, or now) until then, and answer that it is deferred.
    Wait(Deferral, Timestamp),
    /// Write the seat: the holder leads already, its lease is prolonged.
    Prolong(Seat),
    /// Write the seat: a new term. All candidacies end; the holder before, if any, is vacated.
    Elect(Seat),
}

impl Verdict {
    /// What the candidate is told.
    #[must_use]
    pub fn answer(&self) -> Candidacy {
        match self {
            Self::Refuse(why) | Self::Wait(why, _) => Candidacy::Deferred(why.clone()),
            Self::Prolong(seat) | Self::Elect(seat) => seat
                .lease()
                .map_or(Candidacy::Deferred(Deferral::NotAnnounced), Candidacy::Elected),
        }
    }
}

/// The rule of announcing: until when the candidacy stands, or why it is refused.
pub fn decide_announcement(
    seat: &Seat,
    status: WorkerStatus,
    valid_for: Ttl,
    now: Timestamp,
) -> Result<Timestamp, Deferral> {
    if status != WorkerStatus::Alive {
        return Err(Deferral::NotAlive(status));
    }
    match seat.leader(now) {
        Some(leader) => Err(Deferral::LedBy(leader)),
        None => Ok(now.plus(valid_for)),
    }
}

/// The rule of election, for a registration that is not stale.
///
/// `candidacy` is when the worker's own candidacy lapses, if one is announced (for a campaign: the one that it
/// announces); `rival` is the greatest other live candidate.
#[must_use]
pub fn decide_candidacy(
    seat: &Seat,
    candidate: &Registration,
    status: WorkerStatus,
    candidacy: Option<Timestamp>,
    rival: Option<&Candidate>,
    ttl: Ttl,
    now: Timestamp,
) -> Verdict {
    if status != WorkerStatus::Alive {
        return Verdict::Refuse(Deferral::NotAlive(status));
    }
    if let Some(leader) = seat.leader(now) {
        if seat.holder.as_ref() == Some(candidate) {
            let promised_until = seat.promised_until.max(now.plus(ttl));
            return Verdict::Prolong(Seat {
                promised_until,
                ..seat.clone()
            });
        }
        return Verdict::Refuse(Deferral::LedBy(leader));
    }
    let Some(until) = candidacy.filter(|until| now < *until) else {
        return Verdict::Refuse(Deferral::NotAnnounced);
    };
    if now < seat.promised_until {
        return Verdict::Wait(Deferral::Promised(seat.promised_until), until);
    }
    if let Some(rival) = rival.filter(|rival| rival.worker > candidate.worker && now < rival.until) {
        return Verdict::Wait(
            Deferral::Outranked {
                by: rival.worker.clone(),
                until: rival.until,
            },
            until,
        );
    }
    Verdict::Elect(Seat {
        term: seat.term.next(),
        holder: Some(candidate.clone()),
        promised_until: now.plus(ttl),
    })
}

/// The rule of renewal: the seat to write, or who leads now.
pub fn decide_renewal(seat: &Seat, lease: &Lease, ttl: Ttl, now: Timestamp) -> Result<Seat, Option<Leader>> {
    if seat.holds(lease, now) {
        Ok(Seat {
            promised_until: seat.promised_until.max(now.plus(ttl)),
            ..seat.clone()
        })
    } else {
        Err(seat.leader(now))
    }
}

/// The rule of resigning: the seat to write, or who leads now.
pub fn decide_resignation(seat: &Seat, lease: &Lease, now: Timestamp) -> Result<Seat, Option<Leader>> {
    if seat.holds(lease, now) {
        Ok(Seat {
            term: seat.term,
            holder: None,
            promised_until: now,
        })
    } else {
        Err(seat.leader(now))
    }
}

/// The rule of fencing by term.
///
/// # Errors
/// Fenced unless `term` leads at `now`.
pub fn check_leading(seat: &Seat, term: Term, now: Timestamp) -> Result<()> {
    match seat.leader(now) {
        Some(leader) if leader.term == term => Ok(()),
        _ => Err(error::stale_term(term)),
    }
}

/// The rule of roles: what a worker is now, from the seat and its own stored candidacy.
#[must_use]
pub fn role_of(
    seat: &Seat,
    worker: &WorkerName,
    status: WorkerStatus,
    candidacy: Option<Timestamp>,
    now: Timestamp,
) -> Role {
    if seat.leader(now).is_some_and(|leader| leader.worker == *worker) {
        Role::Leader
    } else if status == WorkerStatus::Alive && candidacy.is_some_and(|until| now < until) {
        Role::Candidate
    } else {
        Role::Normal
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
