//! Pauses between attempts.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Pauses that double from the first to the longest.
///
/// ```
/// use convoke_runtime::Backoff;
/// use std::time::Duration;
///
/// let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(3));
/// let pauses: Vec<u64> = (0..4).map(|_| backoff.pause().as_secs()).collect();
/// assert_eq!(pauses, [1, 2, 3, 3]);
/// backoff.reset();
/// assert_eq!(backoff.pause(), Duration::from_secs(1));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    next: Duration,
    longest: Duration,
}

impl Backoff {
    /// From `first` to `longest`, or to `first` when that is longer.
    #[must_use]
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            next: first,
            longest: longest.max(first),
        }
    }

    /// How long to pause now.
    pub fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (self.next * 2).min(self.longest);
        pause
    }

    /// How long to pause after something that went on for `ran_for` has ended: from the first pause again when that was longer
    /// than the longest pause. Up to a fifth of the pause is taken off by chance, so that what ended together does not begin
    /// together.
    pub fn pause_after(&mut self, ran_for: Duration) -> Duration {
        if ran_for > self.longest {
            self.reset();
        }
        let pause = self.pause();
        pause - up_to(pause / 5)
    }

    /// How long to pause when many others pause for the same reason: half of the pause, and up to as much again by chance.
    pub fn scattered_pause(&mut self) -> Duration {
        let pause = self.pause();
        pause - up_to(pause / 2)
    }

    /// Begins anew, after a success.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

/// A length of time by chance. The keys of a new state are the randomness that the standard library has.
fn up_to(longest: Duration) -> Duration {
    let longest = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(RandomState::new().hash_one(()).checked_rem(longest).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_ends_soon_again_and_again_is_paused_for_longer_and_never_for_too_long() {
        let mut backoff = Backoff::new(SECOND, SECOND * 5);
        for full in [1, 2, 4, 5, 5] {
            let pause = backoff.pause_after(SECOND);
            assert!(
                SECOND * full * 4 / 5 <= pause && pause <= SECOND * full,
                "{full} {pause:?}"
            );
        }
    }

    #[test]
    fn a_scattered_pause_is_at_least_half_of_it() {
        let mut backoff = Backoff::new(SECOND, SECOND * 5);
        for full in [1, 2, 4, 5, 5] {
            let pause = backoff.scattered_pause();
            assert!(SECOND * full / 2 <= pause && pause <= SECOND * full, "{full} {pause:?}");
        }
    }

    #[test]
    fn what_went_on_for_long_begins_with_the_first_pause() {
        let mut backoff = Backoff::new(SECOND, SECOND * 5);
        backoff.pause();
        backoff.pause();
        assert!(backoff.pause_after(SECOND * 6) <= SECOND);
    }

    #[test]
    fn without_a_pause_there_is_none() {
        assert_eq!(
            Backoff::new(Duration::ZERO, Duration::ZERO).pause_after(SECOND),
            Duration::ZERO
        );
    }
}
