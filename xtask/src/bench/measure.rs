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
    /// There was nothing to do; this caller stops.
    Exhausted,
}

/// What was measured.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    calls: u64,
    elapsed: Duration,
    nanos: Histogram<u64>,
}

impl Measured {
    pub(crate) fn nothing() -> Result<Self> {
        Ok(Self {
            calls: 0,
            elapsed: Duration::ZERO,
            nanos: Histogram::new(3)?,
        })
    }

    pub(crate) fn add(&mut self, other: &Self) -> Result<()> {
        self.calls += other.calls;
        self.elapsed += other.elapsed;
        self.nanos.add(&other.nanos)?;
        Ok(())
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.calls as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    pub(crate) fn micros_at(&self, quantile: f64) -> f64 {
        self.nanos.value_at_quantile(quantile) as f64 / 1_000.0
    }
}

/// How often a caller lets the others have its thread, where the store never makes it wait.
const CALLS_IN_A_ROW: u64 = 64;

/// Lets all callers call for so long. A call under way at the end is waited for, and counted.
pub(crate) async fn slice<C, F>(
    callers: &[Arc<C>],
    length: Duration,
    call: impl Fn(Arc<C>) -> F + Copy + Send + 'static,
) -> Result<Measured>
where
    C: Send + Sync + 'static,
    F: Future<Output = Result<Step>> + Send + 'static,
{
    let begun = Instant::now();
    let tasks = callers
        .iter()
        .cloned()
        .map(|caller| tokio::spawn(one_caller(caller, begun + length, call)));
    let mut measured = Measured::nothing()?;
    for nanos in try_join_all(tasks).await.context("a caller panicked")? {
        let nanos = nanos?;
        measured.calls += nanos.len();
        measured.nanos.add(&nanos)?;
    }
    measured.elapsed = begun.elapsed();
    Ok(measured)
}

async fn one_caller<C, F>(caller: Arc<C>, end: Instant, call: impl Fn(Arc<C>) -> F) -> Result<Histogram<u64>>
where
    F: Future<Output = Result<Step>>,
{
    let mut nanos = Histogram::new(3)?;
    let mut before = Instant::now();
    while before < end {
        if call(caller.clone()).await? == Step::Exhausted {
            break;
        }
        let after = Instant::now();
        nanos.record(u64::try_from((after - before).as_nanos()).unwrap_or(u64::MAX))?;
        before = after;
        if nanos.len() % CALLS_IN_A_ROW == 0 {
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
        let measured = measured.await.unwrap();
        assert_eq!(measured.calls(), 8);
        assert!(measured.per_second() > 8.0 / 60.0);
    }
}
