//! The times of a lead, all derived from the ttl of its lease.

use std::time::Duration;

use convoke::{Result, Ttl, error};

use crate::guard::Schedule;

/// The shortest lease that can be kept: below, a busy host would lose it all the time.
const SHORTEST: Duration = Duration::from_millis(100);

/// When to do what while leading and while waiting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// How long each lease is.
    pub(crate) ttl: Ttl,
    /// When the command's guard acts.
    pub(crate) guard: Schedule,
    /// From one renewal to the next.
    pub(crate) renew_every: Duration,
    /// The longest from one campaign to the next while another leads.
    pub(crate) campaign_every: Duration,
}

impl Timing {
    /// Renewing begins after a third of the ttl, or after 5 s: a worker is given up for dead when nothing is heard of it
    /// for 30 s.
    ///
    /// # Errors
    /// InvalidArgument when the ttl is shorter than 100 ms.
    pub(crate) fn new(ttl: Ttl, grace: Duration) -> Result<Self> {
        let length = ttl.as_duration();
        if length < SHORTEST {
            let why = "--ttl has to be 100ms or more: a shorter lease would be lost whenever the host is busy";
            return Err(error::invalid(why));
        }
        Ok(Self {
            ttl,
            guard: Schedule::new(length, grace),
            renew_every: (length / 3).min(Duration::from_secs(5)),
            campaign_every: (length / 2).min(Duration::from_secs(1)),
        })
    }

    /// How long one call of the store may take while leading: a hung one must leave time for another.
    pub(crate) fn patience(&self) -> Duration {
        (self.ttl.as_duration() / 4).clamp(Duration::from_millis(50), Duration::from_secs(5))
    }

    /// The first pause after a failed call; it doubles up to the second.
    pub(crate) fn back_off(&self) -> BackOff {
        let length = self.ttl.as_duration();
        let first = (length / 50).clamp(Duration::from_millis(5), Duration::from_millis(100));
        BackOff {
            first,
            next: first,
            longest: (length / 6).clamp(first, Duration::from_secs(1)),
        }
    }
}

/// Pauses between attempts that double.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BackOff {
    first: Duration,
    next: Duration,
    longest: Duration,
}

impl BackOff {
    /// How long to pause now.
    pub(crate) fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (self.next * 2).min(self.longest);
        pause
    }

    /// Begins anew, after a success.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_renewals_fit_before_the_command_is_warned() {
        for ttl in [100, 150, 300, 1_000, 10_000, 60_000, 3_600_000] {
            let timing = Timing::new(Ttl::from_millis(ttl), Duration::from_secs(10)).unwrap();
            let warned = timing.ttl.as_duration() - timing.guard.margin - timing.guard.warning;
            assert!(timing.renew_every < warned, "{ttl} {timing:?}");
            assert!(
                warned - timing.renew_every >= timing.ttl.as_duration() / 10,
                "{ttl} {timing:?}"
            );
        }
    }

    #[test]
    fn a_lease_that_could_not_be_kept_is_refused() {
        assert!(Timing::new(Ttl::from_millis(99), Duration::ZERO).is_err());
    }

    #[test]
    fn pauses_double_up_to_a_bound() {
        let timing = Timing::new(Ttl::from_secs(10), Duration::ZERO).unwrap();
        let mut back_off = timing.back_off();
        let pauses: Vec<u128> = (0..6).map(|_| back_off.pause().as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1_000, 1_000]);
        back_off.reset();
        assert_eq!(back_off.pause().as_millis(), 100);
    }
}
