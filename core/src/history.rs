//! How long histories are kept.

use std::future::Future;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::page::{Cursor, Page};
use crate::time::{Timestamp, Ttl};
use crate::topologies::Topologies;
use crate::workers::Workers;

/// How much of each history is kept. A row that is too old goes, and so does one that has too many newer ones.
///
/// Trimming is a step of its own, which no write waits for; it touches the names of one page at a time and drops at most
/// [`MAX_TRIMMED`] rows of each, the oldest first. Repeat it until nothing is left to do.
///
/// ```
/// use convoke_core::{Retention, Ttl};
/// let retention = Retention::default().with_rows(100).with_age(Ttl::from_secs(7 * 86_400));
/// assert_eq!(retention.rows, Some(100));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Retention {
    /// A row is too old when it was written this long ago. Default: 30 days.
    pub age: Option<Ttl>,
    /// How many rows of one name are kept at most. Default: 1,000.
    pub rows: Option<u32>,
}

impl Retention {
    /// Keeps everything.
    pub const FOREVER: Self = Self { age: None, rows: None };

    /// The same with this age.
    #[must_use]
    pub const fn with_age(self, age: Ttl) -> Self {
        Self { age: Some(age), ..self }
    }

    /// The same with this many rows.
    #[must_use]
    pub const fn with_rows(self, rows: u32) -> Self {
        Self {
            rows: Some(rows),
            ..self
        }
    }

    /// Whether a row written at `at` that has `newer` newer ones is dropped at `now`.
    #[must_use]
    pub fn is_over(&self, at: Timestamp, newer: u64, now: Timestamp) -> bool {
        self.age.is_some_and(|age| at.plus(age) <= now) || self.rows.is_some_and(|rows| u64::from(rows) <= newer)
    }

    /// Rows written at this time or before are too old at `now`; none when no age is set. For backends.
    #[must_use]
    pub fn oldest_dropped(&self, now: Timestamp) -> Option<Timestamp> {
        let age = i64::try_from(self.age?.as_micros()).unwrap_or(i64::MAX);
        Some(Timestamp::from_micros(now.as_micros().saturating_sub(age)))
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            age: Some(Ttl::from_secs(30 * 86_400)),
            rows: Some(1_000),
        }
    }
}

/// How many rows of one name one trimming drops at most.
pub const MAX_TRIMMED: usize = 1_000;

/// What a trimming did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trimmed {
    /// How many rows were dropped.
    pub rows: u64,
    /// Behind which name to go on; none when the last one was visited.
    pub next: Option<Cursor>,
}

/// Trims the history of each worker once, page by page; answers how many rows were dropped.
///
/// # Errors
/// Those of [`Workers::trim_worker_history`]; what was trimmed before stays so.
pub async fn trim_workers<S: Workers + ?Sized>(store: &S, retention: &Retention) -> Result<u64> {
    trim_pages(|page| async move { store.trim_worker_history(retention, &page).await }).await
}

/// Trims the history of each topology once, page by page; answers how many rows were dropped.
///
/// # Errors
/// Those of [`Topologies::trim_topology_history`]; what was trimmed before stays so.
pub async fn trim_topologies<S: Topologies + ?Sized>(store: &S, retention: &Retention) -> Result<u64> {
    trim_pages(|page| async move { store.trim_topology_history(retention, &page).await }).await
}

async fn trim_pages<F: Future<Output = Result<Trimmed>>>(trim: impl Fn(Page) -> F) -> Result<u64> {
    let (mut rows, mut next) = (0, Some(Page::default()));
    while let Some(page) = next {
        let trimmed = trim(page.clone()).await?;
        rows += trimmed.rows;
        next = trimmed.next.map(|cursor| page.behind(cursor));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(10_000_000);

    #[test]
    fn a_row_is_dropped_by_age_or_by_number_and_neither_alone_keeps_it() {
        let retention = Retention::FOREVER.with_age(Ttl::from_secs(1)).with_rows(2);
        let young = Timestamp::from_micros(9_000_001);
        let old = Timestamp::from_micros(9_000_000);
        assert!(!retention.is_over(young, 1, NOW));
        assert!(retention.is_over(young, 2, NOW));
        assert!(retention.is_over(old, 0, NOW));
        assert_eq!(retention.oldest_dropped(NOW), Some(old));
    }

    #[test]
    fn without_limits_everything_is_kept() {
        assert!(!Retention::FOREVER.is_over(Timestamp::EPOCH, u64::MAX, NOW));
        assert_eq!(Retention::FOREVER.oldest_dropped(NOW), None);
    }
}
