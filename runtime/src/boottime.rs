//! The clock that the deadline of a process is kept by.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What goes on while the host is suspended; elsewhere than on Linux only the monotonic clock is at hand.
#[cfg(target_os = "linux")]
const CLOCK: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const CLOCK: ClockId = ClockId::Monotonic;

/// A moment by CLOCK_BOOTTIME: the same in all processes of this host, never set, and it goes on while the host is
/// suspended, as the lease in the store does. ([`Instant`](std::time::Instant) stands still then.)
///
/// ```
/// use convoke_runtime::Boottime;
/// use std::time::Duration;
///
/// let deadline = Boottime::now().plus(Duration::from_secs(60));
/// assert!(deadline.remaining() <= Duration::from_secs(60));
/// assert_eq!(deadline.to_string().parse(), Ok(deadline));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Boottime {
    nanos: u64,
}

impl Boottime {
    /// This moment.
    #[must_use]
    pub fn now() -> Self {
        let now = clock_gettime(CLOCK);
        let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
        let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
        Self {
            nanos: seconds.saturating_mul(1_000_000_000).saturating_add(nanos),
        }
    }

    /// The nanoseconds since boot.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.nanos
    }

    /// That much later.
    #[must_use]
    pub fn plus(self, length: Duration) -> Self {
        Self {
            nanos: self.nanos.saturating_add(nanos(length)),
        }
    }

    /// That much earlier; not before boot.
    #[must_use]
    pub fn minus(self, length: Duration) -> Self {
        Self {
            nanos: self.nanos.saturating_sub(nanos(length)),
        }
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos.saturating_sub(earlier.nanos))
    }

    /// How long until then; zero when it is past.
    #[must_use]
    pub fn remaining(self) -> Duration {
        self.since(Self::now())
    }
}

/// The nanoseconds since boot, which [`FromStr`] reads again.
impl fmt::Display for Boottime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.nanos.fmt(f)
    }
}

impl FromStr for Boottime {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self { nanos: text.parse()? })
    }
}

fn nanos(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}
