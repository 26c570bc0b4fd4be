//! A transaction as the operations see it.

use std::cell::{Cell, RefCell};

use convoke_core::{Timestamp, WorkerName};
use rusqlite::{Connection, Params, Row};

use crate::error::{Fault, corrupt};

/// One step of an operation inside an open transaction, as of a moment.
///
/// The writer runs many steps in one transaction and undoes none of them alone. So a step **decides first and writes
/// then**: whatever it refuses, it refuses before its first write. Tidying does not count.
pub(crate) struct Transaction<'a> {
    connection: &'a Connection,
    pub(crate) now: Timestamp,
    hints: RefCell<Vec<WorkerName>>,
    changes_before: u64,
    /// How many of the changes since then change nothing for anybody.
    tidied: Cell<u64>,
}

impl<'a> Transaction<'a> {
    pub(crate) fn new(connection: &'a Connection, now: Timestamp) -> Self {
        Self {
            connection,
            now,
            hints: RefCell::default(),
            changes_before: connection.total_changes(),
            tidied: Cell::default(),
        }
    }

    /// Whether this step has written something that somebody could see.
    pub(crate) fn has_written(&self) -> bool {
        self.connection.total_changes() - self.changes_before != self.tidied.get()
    }

    /// Moves things to where they belong. What the whole of it writes may be committed whatever becomes of the step.
    pub(crate) fn change_nothing(&self, tidy: impl FnOnce() -> Result<(), Fault>) -> Result<(), Fault> {
        let before = self.connection.total_changes();
        tidy()?;
        self.tidied
            .set(self.tidied.get() + self.connection.total_changes() - before);
        Ok(())
    }

    /// Wakes who waits for messages of this worker, once everything is committed.
    pub(crate) fn hint(&self, worker: &WorkerName) {
        self.hints.borrow_mut().push(worker.clone());
    }

    pub(crate) fn into_hints(self) -> Vec<WorkerName> {
        self.hints.into_inner()
    }

    pub(crate) fn execute(&self, sql: &'static str, values: impl Params) -> Result<usize, Fault> {
        Ok(self.connection.prepare_cached(sql)?.execute(values)?)
    }

    /// The first row, if there is one.
    pub(crate) fn first<T>(
        &self,
        sql: &'static str,
        values: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(values)?;
        rows.next()?.map(read).transpose()
    }

    /// Each row, in order.
    pub(crate) fn all<T>(
        &self,
        sql: &'static str,
        values: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let mut found = Vec::new();
        self.walk(sql, values, |row| {
            found.push(read(row)?);
            Ok(true)
        })?;
        Ok(found)
    }

    /// Shows each row in order for as long as `visit` wants more.
    pub(crate) fn walk(
        &self,
        sql: &'static str,
        values: impl Params,
        mut visit: impl FnMut(&Row<'_>) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(values)?;
        while let Some(row) = rows.next()? {
            if !visit(row)? {
                break;
            }
        }
        Ok(())
    }

    /// The next number of a counter. Two statements, because one with RETURNING takes twice as long as both.
    pub(crate) fn next(&self, counter: &'static str) -> Result<u64, Fault> {
        let latest = self.first("SELECT value FROM convoke_counter WHERE name = ?1", [counter], |row| {
            number(row, 0)
        })?;
        let next = 1 + latest.ok_or_else(|| corrupt("a counter is missing; restore the file from a copy"))?;
        self.execute(
            "UPDATE convoke_counter SET value = ?2 WHERE name = ?1",
            (counter, stored(next)),
        )?;
        Ok(next)
    }
}

/// Text in this column.
pub(crate) fn text<'r>(row: &'r Row<'_>, column: usize) -> Result<&'r str, Fault> {
    Ok(row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?)
}

/// Text or nothing in this column.
pub(crate) fn text_if_any<'r>(row: &'r Row<'_>, column: usize) -> Result<Option<&'r str>, Fault> {
    Ok(row.get_ref(column)?.as_str_or_null().map_err(rusqlite::Error::from)?)
}

/// A worker's name in this column.
pub(crate) fn worker_name(row: &Row<'_>, column: usize) -> Result<WorkerName, Fault> {
    checked_name(text(row, column)?)
}

/// A worker's name or nothing in this column.
pub(crate) fn worker_name_if_any(row: &Row<'_>, column: usize) -> Result<Option<WorkerName>, Fault> {
    text_if_any(row, column)?.map(checked_name).transpose()
}

fn checked_name(name: &str) -> Result<WorkerName, Fault> {
    WorkerName::new(name).map_err(|_| corrupt("the file holds a worker's name that breaks the rules of names").into())
}

/// A moment in this column.
pub(crate) fn timestamp(row: &Row<'_>, column: usize) -> Result<Timestamp, Fault> {
    Ok(Timestamp::from_micros(row.get(column)?))
}

/// A moment or nothing in this column.
pub(crate) fn timestamp_if_any(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>, Fault> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_micros))
}

/// A number that is never negative in this column.
pub(crate) fn number(row: &Row<'_>, column: usize) -> Result<u64, Fault> {
    u64::try_from(row.get::<_, i64>(column)?)
        .map_err(|_| corrupt("the file holds a negative number where none can be").into())
}

/// A number as SQLite keeps it. One that it can't keep becomes the greatest, which nothing in the file has.
pub(crate) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
