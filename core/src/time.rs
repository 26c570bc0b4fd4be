//! Points in time, lengths of time, and whose clock tells "now".

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::error::{self, Error, Result};

/// A point in time, UTC, in whole microseconds since 1970-01-01. Written as RFC 3339.
///
/// ```
/// use convoke_core::Timestamp;
/// let at = Timestamp::from_micros(1_500_000);
/// assert_eq!(at.to_string(), "1970-01-01T00:00:01.5Z");
/// assert_eq!(at.to_string().parse::<Timestamp>().unwrap(), at);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// The point this many microseconds after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// What this host's clock says now.
    #[must_use]
    pub fn of_host() -> Self {
        let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros),
        };
        Self(micros)
    }

    /// The point this much later, cut to whole microseconds; the end of time when that is past it.
    #[must_use]
    pub fn plus(self, length: impl Into<Duration>) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(length.into().as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(at) => at.fmt(f),
            Err(_) => write!(f, "{} µs", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Timestamp> for String {
    fn from(at: Timestamp) -> Self {
        at.to_string()
    }
}

impl std::str::FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let at: jiff::Timestamp = text.parse().map_err(|source| {
            error::invalid("a time is written as RFC 3339, such as 2026-11-20T18:00:00Z").caused_by(source)
        })?;
        Ok(Self(at.as_microsecond()))
    }
}

impl TryFrom<String> for Timestamp {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

/// How long a lease, a message or a claim lives: 1 millisecond to 365 days, in whole microseconds.
///
/// ```
/// use std::time::Duration;
/// use convoke_core::Ttl;
/// assert!(Ttl::new(Duration::from_secs(10)).is_ok());
/// assert!(Ttl::new(Duration::ZERO).is_err());
/// assert!(Ttl::new(Duration::from_secs(2 * 366 * 86_400)).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u64", try_from = "u64")]
pub struct Ttl(u64);

impl Ttl {
    /// The shortest: 1 millisecond.
    pub const MIN: Self = Self(1_000);
    /// The longest: 365 days.
    pub const MAX: Self = Self(365 * 86_400 * 1_000_000);

    /// Checks and cuts to whole microseconds.
    ///
    /// # Errors
    /// InvalidArgument when shorter than 1 millisecond or longer than 365 days.
    pub fn new(length: Duration) -> Result<Self> {
        u64::try_from(length.as_micros()).map_or_else(|_| Self::try_from(u64::MAX), Self::try_from)
    }

    /// `seconds`, held between [`Ttl::MIN`] and [`Ttl::MAX`].
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self::from_millis(seconds.saturating_mul(1_000))
    }

    /// `milliseconds`, held between [`Ttl::MIN`] and [`Ttl::MAX`].
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        let micros = milliseconds.saturating_mul(1_000);
        if micros < Self::MIN.0 {
            Self::MIN
        } else if micros > Self::MAX.0 {
            Self::MAX
        } else {
            Self(micros)
        }
    }

    /// In microseconds.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// As a duration.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        Duration::from_micros(self.0)
    }
}

impl From<Ttl> for Duration {
    fn from(ttl: Ttl) -> Self {
        ttl.as_duration()
    }
}

impl From<Ttl> for u64 {
    fn from(ttl: Ttl) -> Self {
        ttl.0
    }
}

impl TryFrom<Duration> for Ttl {
    type Error = Error;

    fn try_from(length: Duration) -> Result<Self> {
        Self::new(length)
    }
}

impl TryFrom<u64> for Ttl {
    type Error = Error;

    fn try_from(micros: u64) -> Result<Self> {
        if (Self::MIN.0..=Self::MAX.0).contains(&micros) {
            Ok(Self(micros))
        } else {
            Err(error::invalid("a time to live is between 1 millisecond and 365 days").with("microseconds", micros))
        }
    }
}

/// How long to wait before something is seen again: nothing to 365 days, in whole microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u64", try_from = "u64")]
pub struct Delay(u64);

impl Delay {
    /// No wait at all.
    pub const ZERO: Self = Self(0);

    /// Checks and cuts to whole microseconds.
    ///
    /// # Errors
    /// InvalidArgument when longer than 365 days.
    pub fn new(length: Duration) -> Result<Self> {
        u64::try_from(length.as_micros()).map_or_else(|_| Self::try_from(u64::MAX), Self::try_from)
    }

    /// In microseconds.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }
}

impl From<Delay> for Duration {
    fn from(delay: Delay) -> Self {
        Self::from_micros(delay.0)
    }
}

impl From<Delay> for u64 {
    fn from(delay: Delay) -> Self {
        delay.0
    }
}

impl TryFrom<u64> for Delay {
    type Error = Error;

    fn try_from(micros: u64) -> Result<Self> {
        if micros <= Ttl::MAX.0 {
            Ok(Self(micros))
        } else {
            Err(error::invalid("a delay is at most 365 days").with("microseconds", micros))
        }
    }
}

/// Whose clock judges leases, expiry and "now".
///
/// With [`Clock::Store`] (the default) it is the store's: MySQL's, Redis's, the host's for SQLite and memory.
/// A client's clock is never trusted. With [`Clock::Manual`] every operation of the handle obeys the given clock.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The store's own clock.
    #[default]
    Store,
    /// A clock that only moves when it is told to.
    Manual(ManualClock),
}

impl Clock {
    /// The time to pass to the store: `None` asks it for its own.
    #[must_use]
    pub fn override_now(&self) -> Option<Timestamp> {
        match self {
            Self::Store => None,
            Self::Manual(clock) => Some(clock.now()),
        }
    }

    /// Now, for a store whose clock is this host's.
    #[must_use]
    pub fn host_now(&self) -> Timestamp {
        self.override_now().unwrap_or_else(Timestamp::of_host)
    }
}

/// A clock moved by hand, shared by its clones. For tests and for replaying operations.
///
/// ```
/// use std::time::Duration;
/// use convoke_core::ManualClock;
/// let clock = ManualClock::default();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(5));
/// assert_eq!(clock.now().since(before), Duration::from_secs(5));
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(start.as_micros())))
    }

    /// Where it stands.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }

    /// Moves it forward.
    pub fn advance(&self, by: impl Into<Duration>) {
        let next = self.now().plus(by);
        self.0.store(next.as_micros(), Ordering::SeqCst);
    }

    /// Moves it to `now`, back too.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_micros(), Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    /// Stands at 2026-01-01T00:00:00Z.
    fn default() -> Self {
        Self::new(Timestamp::from_micros(1_767_225_600_000_000))
    }
}
