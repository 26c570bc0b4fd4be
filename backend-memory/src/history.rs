//! Histories in memory: one per name, its rows numbered from the oldest.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use convoke_core::history::MAX_TRIMMED;
use convoke_core::{Cursor, Page, Paged, Result, Retention, Timestamp, Trimmed};

/// The rows of one name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct History<T> {
    /// How many were dropped: the number of the oldest one kept.
    dropped: u64,
    rows: VecDeque<T>,
}

impl<T> Default for History<T> {
    fn default() -> Self {
        Self {
            dropped: 0,
            rows: VecDeque::new(),
        }
    }
}

impl<T: Clone> History<T> {
    pub(crate) fn push(&mut self, row: T) {
        self.rows.push_back(row);
    }

    /// A page of it, newest first. A cursor stands behind the number of a row, however many were dropped since.
    pub(crate) fn page(&self, page: &Page) -> Result<Paged<T>> {
        let end = match &page.after {
            None => self.rows.len(),
            Some(cursor) => {
                let kept = cursor.number()?.saturating_sub(self.dropped);
                usize::try_from(kept).unwrap_or(usize::MAX).min(self.rows.len())
            }
        };
        let newest_first = self.rows.range(..end).enumerate().rev().take(page.limit.as_usize() + 1);
        let numbered = newest_first.map(|(index, row)| (self.dropped + index as u64, row.clone()));
        let page = Paged::cut(numbered.collect(), page.limit, |(number, _): &(u64, T)| {
            Cursor::behind_number(*number)
        });
        Ok(page.map(|(_, row)| row))
    }

    fn trim(&mut self, retention: &Retention, at: impl Fn(&T) -> Timestamp, now: Timestamp) -> u64 {
        let mut dropped = 0;
        while let Some(oldest) = self.rows.front()
            && dropped < MAX_TRIMMED as u64
            && retention.is_over(at(oldest), self.rows.len() as u64 - 1, now)
        {
            self.rows.pop_front();
            dropped += 1;
        }
        self.dropped += dropped;
        dropped
    }
}

/// A page of a history that may not be there.
pub(crate) fn page_of<T: Clone>(history: Option<&History<T>>, page: &Page) -> Result<Paged<T>> {
    history.map_or_else(|| History::default().page(page), |history| history.page(page))
}

/// Trims the histories of a page of names.
pub(crate) fn trim<K: Ord + Clone, T: Clone>(
    histories: &mut BTreeMap<K, History<T>>,
    after: Option<K>,
    retention: &Retention,
    (page, now): (&Page, Timestamp),
    at: impl Fn(&T) -> Timestamp,
    behind: impl Fn(&K) -> Cursor,
) -> Trimmed {
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    let names = histories.range((from, Bound::Unbounded)).map(|(name, _)| name.clone());
    let names = Paged::cut(names.take(page.limit.as_usize() + 1).collect(), page.limit, behind);
    let mut rows = 0;
    for name in &names.items {
        if let Some(history) = histories.get_mut(name) {
            rows += history.trim(retention, &at, now);
            if history.rows.is_empty() {
                histories.remove(name);
            }
        }
    }
    Trimmed { rows, next: names.next }
}
