//! Locks: one owner at a time, under a time to live and a fencing token.

use std::fmt;

use async_trait::async_trait;
use convoke_macros::operations;
use serde::{Deserialize, Serialize};

use crate::error::{self, Result};
use crate::names::{LockName, LockOwner};
use crate::page::{Page, Paged};
use crate::time::{Timestamp, Ttl};

/// Named locks, each held by one owner at most.
///
/// Whoever acquires a lock gets a **token** greater than all that this store gave out before: the fencing token to hand
/// to whatever it writes to. A lock that was granted is a promise: nobody else gets it before it runs out, unless it is
/// released; not even [`Installation::clear`](crate::Installation::clear) takes it away.
#[operations]
#[async_trait]
pub trait Locks: Send + Sync {
    /// Takes the lock for `ttl`, or answers who has it.
    ///
    /// Not reentrant: an owner that asks again is told that it holds the lock, since it may be a second process of the
    /// same name that asks.
    ///
    /// # Example
    /// ```
    /// # use convoke_core::*;
    /// # async fn example(store: &dyn Coordination) -> Result<()> {
    /// let (name, me) = (LockName::new("nightly")?, LockOwner::new("host 1")?);
    /// match store.acquire_lock(&name, &me, Ttl::from_secs(30)).await? {
    ///     LockAcquisition::Acquired(lock) => {
    ///         println!("write with token {}", lock.token);
    ///         store.release_lock(&lock).await?;
    ///     }
    ///     LockAcquisition::HeldBy(other) => println!("{} has it until {}", other.owner, other.expires),
    /// }
    /// # Ok(()) }
    /// ```
    async fn acquire_lock(&self, name: &LockName, owner: &LockOwner, ttl: Ttl) -> Result<LockAcquisition>;

    /// Prolongs a lock to `ttl` from now; it never gets shorter.
    ///
    /// Lost when it ran out, even if nobody else has taken it yet.
    async fn renew_lock(&self, lock: &Lock, ttl: Ttl) -> Result<LockRenewal>;

    /// Gives a lock back at once.
    async fn release_lock(&self, lock: &Lock) -> Result<LockRelease>;

    /// Checks inside the store that this token holds the lock now.
    ///
    /// # Errors
    /// Fenced when it does not.
    #[read]
    async fn check_lock(&self, name: &LockName, token: LockToken) -> Result<()>;

    /// Who has the lock now.
    #[read]
    async fn get_lock(&self, name: &LockName) -> Result<Option<Lock>>;

    /// A page of the locks that are held now, ordered by name, byte by byte.
    #[read]
    async fn list_locks(&self, page: &Page) -> Result<Paged<Lock>>;
}

/// How many locks that ran out one [`Locks::acquire_lock`] sweeps away beside its own, so that names used once do not
/// stay for ever.
pub const MAX_SWEPT: usize = 2;

/// Counts what a store granted: each lock has a token greater than all before it. The fencing token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LockToken(u64);

impl LockToken {
    /// The token of this number. For backends, and for whoever was handed a token as text.
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

impl fmt::Display for LockToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A lock that somebody holds, or held.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lock {
    /// Its name.
    pub name: LockName,
    /// Who holds it.
    pub owner: LockOwner,
    /// Under which token.
    pub token: LockToken,
    /// When it runs out, by the store's clock.
    pub expires: Timestamp,
}

impl Lock {
    /// Whether it is held at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires
    }
}

/// What [`Locks::acquire_lock`] answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockAcquisition {
    /// The lock is yours.
    Acquired(Lock),
    /// Somebody has it, perhaps you.
    HeldBy(Lock),
}

impl LockAcquisition {
    /// The lock, when acquired.
    #[must_use]
    pub fn acquired(self) -> Option<Lock> {
        match self {
            Self::Acquired(lock) => Some(lock),
            Self::HeldBy(_) => None,
        }
    }
}

/// What [`Locks::renew_lock`] answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockRenewal {
    /// The lock is held on, with its new end.
    Renewed(Lock),
    /// It is over; who has it now, if anybody.
    Lost(Option<Lock>),
}

/// What [`Locks::release_lock`] answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockRelease {
    /// The lock is free.
    Released,
    /// It was over already; who has it now, if anybody.
    Lost(Option<Lock>),
}

/// The rule of acquiring: `stored` is the lock as the store keeps it, perhaps over already.
///
/// # Errors
/// The lock that is held.
pub fn decide_acquisition(stored: Option<&Lock>, now: Timestamp) -> Result<(), Lock> {
    match stored.filter(|lock| lock.is_live(now)) {
        Some(held) => Err(held.clone()),
        None => Ok(()),
    }
}

/// The rule of holding: whether `given` is the lock that is stored, and lives.
///
/// # Errors
/// Who has it now, if anybody.
pub fn decide_holding(stored: Option<&Lock>, given: &Lock, now: Timestamp) -> Result<Lock, Option<Lock>> {
    match stored.filter(|lock| lock.is_live(now)) {
        Some(held) if held.token == given.token && held.owner == given.owner => Ok(held.clone()),
        held => Err(held.cloned()),
    }
}

/// The rule of prolonging a lock that is held.
#[must_use]
pub fn prolonged(held: &Lock, ttl: Ttl, now: Timestamp) -> Lock {
    Lock {
        expires: held.expires.max(now.plus(ttl)),
        ..held.clone()
    }
}

/// The rule of fencing by token.
///
/// # Errors
/// Fenced unless `token` holds the lock at `now`.
pub fn check_token(stored: Option<&Lock>, name: &LockName, token: LockToken, now: Timestamp) -> Result<()> {
    match stored {
        Some(held) if held.token == token && held.is_live(now) => Ok(()),
        _ => Err(error::stale_lock(name, token)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000);

    fn lock(token: u64, expires: i64) -> Lock {
        Lock {
            name: LockName::new("l").unwrap(),
            owner: LockOwner::new("o").unwrap(),
            token: LockToken::from_number(token),
            expires: Timestamp::from_micros(expires),
        }
    }

    #[test]
    fn a_lock_is_held_until_its_end_and_not_at_it() {
        let live = lock(1, 1_000_001);
        assert_eq!(decide_acquisition(Some(&live), NOW), Err(live));
        assert_eq!(decide_acquisition(Some(&lock(1, 1_000_000)), NOW), Ok(()));
        assert_eq!(decide_acquisition(None, NOW), Ok(()));
    }

    #[test]
    fn only_the_live_lock_of_the_same_token_and_owner_is_ones_own() {
        let mine = lock(2, 2_000_000);
        assert!(decide_holding(Some(&mine), &mine, NOW).is_ok());
        assert_eq!(
            decide_holding(Some(&mine), &lock(1, 2_000_000), NOW),
            Err(Some(mine.clone()))
        );
        let other = Lock {
            owner: LockOwner::new("p").unwrap(),
            ..mine.clone()
        };
        assert_eq!(decide_holding(Some(&mine), &other, NOW), Err(Some(mine.clone())));
        assert_eq!(
            decide_holding(Some(&mine), &mine, Timestamp::from_micros(2_000_000)),
            Err(None)
        );
        assert_eq!(decide_holding(None, &mine, NOW), Err(None));
    }

    #[test]
    fn a_renewal_never_shortens_a_lock() {
        let mine = lock(1, 9_000_000);
        assert_eq!(prolonged(&mine, Ttl::from_secs(1), NOW).expires, mine.expires);
        assert_eq!(
            prolonged(&mine, Ttl::from_secs(20), NOW).expires,
            NOW.plus(Ttl::from_secs(20))
        );
    }

    #[test]
    fn a_token_that_does_not_hold_the_lock_is_fenced() {
        let mine = lock(2, 2_000_000);
        assert!(check_token(Some(&mine), &mine.name, mine.token, NOW).is_ok());
        assert!(
            check_token(Some(&mine), &mine.name, LockToken::from_number(1), NOW)
                .unwrap_err()
                .is_fenced()
        );
        assert!(
            check_token(Some(&mine), &mine.name, mine.token, mine.expires)
                .unwrap_err()
                .is_fenced()
        );
        assert!(check_token(None, &mine.name, mine.token, NOW).unwrap_err().is_fenced());
    }
}
