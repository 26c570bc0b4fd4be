//! The clock that a lease's deadline is kept by.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// A moment by CLOCK_BOOTTIME: the same in all processes of this host, never set, and it goes on while the host is
/// suspended, as the lease in the store does. (`Instant` stands still then.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Boottime {
    nanos: u64,
}

impl Boottime {
    pub(crate) fn now() -> Self {
        let now = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
        let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
        Self {
            nanos: seconds.saturating_mul(1_000_000_000).saturating_add(nanos),
        }
    }

    pub(crate) fn plus(self, length: Duration) -> Self {
        Self {
            nanos: self.nanos.saturating_add(nanos(length)),
        }
    }

    pub(crate) fn minus(self, length: Duration) -> Self {
        Self {
            nanos: self.nanos.saturating_sub(nanos(length)),
        }
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos.saturating_sub(earlier.nanos))
    }

    /// How long until then; zero when it is past.
    pub(crate) fn remaining(self) -> Duration {
        self.since(Self::now())
    }

    /// For the kernel's timers.
    pub(crate) fn as_timespec(self) -> Timespec {
        Timespec {
            tv_sec: i64::try_from(self.nanos / 1_000_000_000).unwrap_or(i64::MAX),
            // Below a thousand million, so it fits whatever the type is on this platform.
            tv_nsec: (self.nanos % 1_000_000_000) as _,
        }
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
