//! Callers that do the same thing over and over, and how long each time took.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;

/// What one call says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Done,
    /// So many things were done in one call; each counts, with its share of the time.
    Several(u64),
    /// There was nothing to do; this caller stops.
    Exhausted,
}

/// What was measured in one slice.
#[derive(Debug)]
pub(crate) struct Slice {
    nanos: Histogram<u64>,
    elapsed: Duration,
}

impl Slice {
    fn per_second(&self) -> f64 {
        self.nanos.len() as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

/// What was measured in several slices. Their median counts: a burst of something else on the machine spoils one of
/// them and not the result.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    slices: Vec<Slice>,
}

impl Measured {
    pub(crate) fn add(&mut self, slice: Slice) {
        self.slices.push(slice);
    }

    pub(crate) fn per_second(&self) -> Option<f64> {
        median(self.slices.iter().map(Slice::per_second))
    }

    /// How much faster this is than `floor`, whose slices alternate with these.
    pub(crate) fn ratio_to(&self, floor: &Self) -> Option<f64> {
        let pairs = self.slices.iter().zip(&floor.slices);
        median(pairs.map(|(own, floor)| own.per_second() / floor.per_second()))
    }

    pub(crate) fn micros_at(&self, quantile: f64) -> Option<f64> {
        median(
            self.slices
                .iter()
                .map(|slice| slice.nanos.value_at_quantile(quantile) as f64 / 1_000.0),
        )
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<_> = values.filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// How often a caller lets the others have its thread, where the store never makes it wait.
const CALLS_IN_A_ROW: u64 = 64;

/// Lets all callers call for so long. A call under way at the end is waited for, and counted.
pub(crate) async fn slice<C, F>(
    callers: &[Arc<C>],
    length: Duration,
    call: impl Fn(Arc<C>) -> F + Copy + Send + 'static,
) -> Result<Slice>
where
    C: Send + Sync + 'static,
    F: Future<Output = Result<Step>> + Send + 'static,
{
    let begun = Instant::now();
    let tasks = callers
        .iter()
        .cloned()
        .map(|caller| tokio::spawn(one_caller(caller, begun + length, call)));
    let mut nanos = Histogram::new(3)?;
    for of_one in try_join_all(tasks).await.context("a caller panicked")? {
        nanos.add(of_one?)?;
    }
    let elapsed = begun.elapsed();
    Ok(Slice { nanos, elapsed })
}

async fn one_caller<C, F>(caller: Arc<C>, end: Instant, call: impl Fn(Arc<C>) -> F) -> Result<Histogram<u64>>
where
    F: Future<Output = Result<Step>>,
{
    let mut nanos = Histogram::new(3)?;
    let mut calls = 0;
    let mut before = Instant::now();
    while before < end {
        let done = match call(caller.clone()).await? {
            Step::Exhausted => break,
            Step::Done => 1,
            Step::Several(done) => done,
        };
        let after = Instant::now();
        let each = (after - before).as_nanos() / u128::from(done.max(1));
        nanos.record_n(u64::try_from(each).unwrap_or(u64::MAX), done)?;
        before = after;
        calls += 1;
        if calls % CALLS_IN_A_ROW == 0 {
            tokio::task::yield_now().await;
            before = Instant::now();
        }
    }
    Ok(nanos)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[tokio::test]
    async fn callers_stop_when_there_is_nothing_left_to_do() {
        let left = [3, 5].map(|calls| Arc::new(AtomicU64::new(calls)));
        let measured = slice(&left, Duration::from_secs(60), |left: Arc<AtomicU64>| async move {
            let some = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |calls| calls.checked_sub(1));
            Ok(if some.is_ok() { Step::Done } else { Step::Exhausted })
        });
        let slice = measured.await.unwrap();
        assert_eq!(slice.nanos.len(), 8);
        assert!(slice.per_second() > 8.0 / 60.0);
    }

    #[tokio::test]
    async fn what_one_call_does_several_of_counts_each() {
        let left = [Arc::new(AtomicU64::new(3))];
        let measured = slice(&left, Duration::from_secs(60), |left: Arc<AtomicU64>| async move {
            let some = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |calls| calls.checked_sub(1));
            Ok(if some.is_ok() {
                Step::Several(100)
            } else {
                Step::Exhausted
            })
        });
        assert_eq!(measured.await.unwrap().nanos.len(), 300);
    }

    fn measured(per_second: &[u64]) -> Measured {
        let slice = |calls: &u64| {
            let mut nanos = Histogram::new(3).unwrap();
            nanos.record_n(1_000, *calls).unwrap();
            let elapsed = Duration::from_secs(1);
            Slice { nanos, elapsed }
        };
        Measured {
            slices: per_second.iter().map(slice).collect(),
        }
    }

    #[test]
    fn one_disturbed_slice_does_not_count() {
        let own = measured(&[100, 101, 2]);
        let floor = measured(&[200, 202, 200]);
        assert_eq!(own.per_second(), Some(100.0));
        assert_eq!(own.ratio_to(&floor), Some(0.5));
        assert_eq!(own.micros_at(0.5), Some(1.0));
        assert_eq!(own.ratio_to(&Measured::default()), None);
    }
}
