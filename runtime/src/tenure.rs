//! Until when a worker's units may run.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::boottime::Boottime;

/// Until when a worker surely is not taken for dead, by two clocks that were read *before* the store was asked: the store's
/// own patience ends later, however long its answer took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    instant: Instant,
    boottime: Boottime,
}

impl Deadline {
    /// That long from now. To be made before the store is asked for what it stands for.
    #[must_use]
    pub fn after(length: Duration) -> Self {
        Self {
            // tokio's clock, so that tests which move it move this one.
            instant: tokio::time::Instant::now().into_std() + length,
            boottime: Boottime::now().plus(length),
        }
    }

    /// By the monotonic clock of this process.
    #[must_use]
    pub const fn instant(&self) -> Instant {
        self.instant
    }

    /// By the clock that all processes of this host share, to be handed to another one.
    #[must_use]
    pub const fn boottime(&self) -> Boottime {
        self.boottime
    }

    /// Whether it is over by either clock.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.instant <= tokio::time::Instant::now().into_std() || self.boottime <= Boottime::now()
    }
}

/// For how long a unit may run: until a deadline that each ping which the store takes puts off.
///
/// A deadline that is over is never put off. The store may have given the topology to somebody else meanwhile, whatever it
/// says to a later ping.
#[derive(Clone, Debug)]
pub struct Tenure {
    until: Deadline,
    news: watch::Receiver<Deadline>,
}

impl Tenure {
    pub(crate) const fn new(until: Deadline, news: watch::Receiver<Deadline>) -> Self {
        Self { until, news }
    }

    /// The deadline as it was last heard of.
    #[must_use]
    pub const fn until(&self) -> Deadline {
        self.until
    }

    /// Waits for the next deadline, and answers it; none when there will be none. Dropping the future loses nothing.
    ///
    /// One that is not later than the last says that the worker is over: somebody else has taken its name.
    pub async fn prolonged(&mut self) -> Option<Deadline> {
        self.news.changed().await.ok()?;
        if self.until.is_over() {
            return None;
        }
        self.until = *self.news.borrow_and_update();
        Some(self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_deadline_is_put_off_while_it_lasts_and_never_afterwards() {
        let first = Deadline::after(Duration::from_secs(3_600));
        let (deadline, news) = watch::channel(first);
        let mut tenure = Tenure::new(first, news);
        let later = Deadline::after(Duration::from_secs(7_200));
        deadline.send_replace(later);
        assert_eq!(tenure.prolonged().await, Some(later));

        deadline.send_replace(Deadline::after(Duration::ZERO));
        assert!(tenure.prolonged().await.is_some_and(|over| over.is_over()));
        deadline.send_replace(later);
        assert_eq!(tenure.prolonged().await, None);
    }

    #[tokio::test]
    async fn without_its_worker_a_tenure_ends() {
        let until = Deadline::after(Duration::from_secs(3_600));
        let (deadline, news) = watch::channel(until);
        drop(deadline);
        assert_eq!(Tenure::new(until, news).prolonged().await, None);
    }
}
