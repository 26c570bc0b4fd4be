//! Histories in memory: one per name, its rows numbered from the oldest.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use convoke_core::history::MAX_TRIMMED;
use convoke_core::{Cursor, Page, Paged, Result, Retention, Timestamp, Trimmed};

/// The histories of all names that have rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Histories<K, T> {
    of: BTreeMap<K, History<T>>,
    /// Greater than the number of every row of a name whose rows were all dropped: its next row goes on from here, so that
    /// no cursor stands in front of rows that are newer than it.
    unused: u64,
}

/// The rows of one name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct History<T> {
    /// The number of the oldest one kept.
    first: u64,
    rows: VecDeque<T>,
}

impl<K, T> Default for Histories<K, T> {
    fn default() -> Self {
        Self {
            of: BTreeMap::new(),
            unused: 0,
        }
    }
}

impl<K: Ord + Clone, T: Clone> Histories<K, T> {
    pub(crate) fn push(&mut self, name: &K, row: T) {
        let unused = self.unused;
        let begun = || History {
            first: unused,
            rows: VecDeque::new(),
        };
        let history = self.of.entry(name.clone()).or_insert_with(begun);
        history.rows.push_back(row);
    }

    /// A page of the history of a name, newest first; empty when it has none.
    pub(crate) fn page(&self, name: &K, page: &Page) -> Result<Paged<T>> {
        let after = page.after.as_ref().map(Cursor::number).transpose()?;
        let (first, items) = match self.of.get(name) {
            Some(history) => (history.first, history.behind(after, page.limit.as_usize() + 1)),
            None => (0, Vec::new()),
        };
        let page = Paged::cut(items, page.limit, |(index, _): &(usize, T)| {
            Cursor::behind_number(first + *index as u64)
        });
        Ok(page.map(|(_, row)| row))
    }

    /// Trims the histories of a page of names.
    pub(crate) fn trim(
        &mut self,
        after: Option<K>,
        retention: &Retention,
        (page, now): (&Page, Timestamp),
        at: impl Fn(&T) -> Timestamp,
        behind: impl Fn(&K) -> Cursor,
    ) -> Trimmed {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let names = self.of.range((from, Bound::Unbounded)).map(|(name, _)| name.clone());
        let names = Paged::cut(names.take(page.limit.as_usize() + 1).collect(), page.limit, behind);
        let mut rows = 0;
        for name in &names.items {
            if let Some(history) = self.of.get_mut(name) {
                rows += history.trim(retention, &at, now);
                if history.rows.is_empty() {
                    self.unused = self.unused.max(history.first);
                    self.of.remove(name);
                }
            }
        }
        Trimmed { rows, next: names.next }
    }
}

impl<T: Clone> History<T> {
    /// Its rows behind the one of this number, however many were dropped since, newest first and with their indexes.
    fn behind(&self, after: Option<u64>, most: usize) -> Vec<(usize, T)> {
        let end = match after {
            None => self.rows.len(),
            Some(number) => {
                let kept = number.saturating_sub(self.first);
                usize::try_from(kept).unwrap_or(usize::MAX).min(self.rows.len())
            }
        };
        let newest_first = self.rows.range(..end).cloned().enumerate().rev();
        newest_first.take(most).collect()
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
        self.first += dropped;
        dropped
    }
}
