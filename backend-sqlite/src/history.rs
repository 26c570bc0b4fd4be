//! Histories in SQLite: how the rows of a name are numbered, and how the oldest of them are dropped.
//!
//! The rows of a name are numbered without a gap: they are only ever added behind the newest and dropped from the
//! oldest on. A name that has none left goes on behind the greatest number that any such name had, so that a cursor
//! never stands behind a row that was written after it.

use convoke_core::history::MAX_TRIMMED;
use convoke_core::{Cursor, Limit, Result, Retention, Trimmed};

use crate::error::Fault;
use crate::store::SqliteStore;
use crate::transaction::{Transaction, number, stored, text, timestamp};

/// The statements about the histories of one concern.
pub(crate) struct Histories {
    /// The first name behind one.
    pub(crate) next_name: &'static str,
    /// Number and time of the rows of a name, oldest first.
    pub(crate) oldest: &'static str,
    /// The number of the newest row of a name.
    pub(crate) newest: &'static str,
    /// Drops the rows of a name up to a number.
    pub(crate) trim: &'static str,
    /// The counter behind which a name without rows goes on.
    pub(crate) floor: &'static str,
}

impl SqliteStore {
    /// Trims the histories of a page of names. Each step drops a bounded number of rows, so that no write waits for
    /// more than that.
    pub(crate) async fn trim(
        &self,
        operation: &'static str,
        histories: &'static Histories,
        retention: Retention,
        (after, limit): (String, Limit),
    ) -> Result<Trimmed> {
        let mut trimming = Trimming {
            visited: after,
            left: limit.as_usize(),
            rows: 0,
            ended: None,
        };
        loop {
            trimming = self
                .write(operation, move |step| trimming.go_on(step, histories, &retention))
                .await?;
            if let Some(ended) = trimming.ended {
                return Ok(ended);
            }
        }
    }
}

/// How far a trimming got.
struct Trimming {
    /// The last name; at first the one behind which the page begins.
    visited: String,
    /// How many names may still be visited.
    left: usize,
    /// How many rows were dropped.
    rows: u64,
    ended: Option<Trimmed>,
}

impl Trimming {
    /// One step of it.
    fn go_on(mut self, step: &Transaction<'_>, histories: &Histories, retention: &Retention) -> Result<Self, Fault> {
        let enough = self.rows + MAX_TRIMMED as u64;
        while self.ended.is_none() && self.rows < enough {
            let next = step.first(histories.next_name, [self.visited.as_str()], |row| {
                Ok(text(row, 0)?.to_owned())
            })?;
            match next {
                Some(name) if self.left > 0 => {
                    self.rows += trim(step, histories, retention, &name)?;
                    self.left -= 1;
                    self.visited = name;
                }
                next => {
                    self.ended = Some(Trimmed {
                        rows: self.rows,
                        next: next.map(|_| Cursor::from(std::mem::take(&mut self.visited))),
                    });
                }
            }
        }
        Ok(self)
    }
}

/// Drops the oldest rows of a name; answers how many.
fn trim(step: &Transaction<'_>, histories: &Histories, retention: &Retention, name: &str) -> Result<u64, Fault> {
    let newest = step.first(histories.newest, [name], |row| number(row, 0))?.unwrap_or(0);
    let (mut last, mut rows) = (0, 0);
    step.walk(histories.oldest, [name], |row| {
        let oldest = number(row, 0)?;
        let is_over = retention.is_over(timestamp(row, 1)?, newest.saturating_sub(oldest), step.now);
        if is_over {
            last = oldest;
            rows += 1;
        }
        Ok(is_over && rows < MAX_TRIMMED as u64)
    })?;
    if rows == 0 {
        return Ok(0);
    }
    step.execute(histories.trim, (name, stored(last)))?;
    if last == newest {
        step.execute(
            "UPDATE convoke_counter SET value = ?2 WHERE name = ?1 AND value < ?2",
            (histories.floor, stored(last)),
        )?;
    }
    Ok(rows)
}
