//! When a guard acts, counted from the deadline that it holds.

use std::time::Duration;

/// How long before what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// From TERM to KILL when told to stop while there is time.
    pub(crate) grace: Duration,
    /// From TERM to KILL when the deadline comes near.
    pub(crate) warning: Duration,
    /// From KILL to the deadline.
    pub(crate) margin: Duration,
}

impl Schedule {
    /// For deadlines that are renewed for `ttl` each. The margin is a tenth of it (25 ms to 2 s), the warning a quarter of
    /// it or the grace if that is less. So more than half of it remains for renewing.
    pub(crate) fn new(ttl: Duration, grace: Duration) -> Self {
        Self {
            grace,
            warning: grace.min(ttl / 4),
            margin: (ttl / 10).clamp(Duration::from_millis(25), Duration::from_secs(2)),
        }
    }
}
