//! What is read from a row, by the position of the column.

use convoke_core::{Result, Timestamp, TopologyId, WorkerName};
use sqlx::Row;
use sqlx::mysql::MySqlRow;

use crate::error::{self, Stage};

/// A row of an answer.
pub(crate) struct Columns<'r>(pub(crate) &'r MySqlRow);

impl<'r> Columns<'r> {
    pub(crate) fn text(&self, column: usize) -> Result<&'r str> {
        self.0.try_get(column).map_err(corrupt)
    }

    pub(crate) fn int(&self, column: usize) -> Result<i64> {
        self.0.try_get(column).map_err(corrupt)
    }

    pub(crate) fn some_text(&self, column: usize) -> Result<Option<&'r str>> {
        self.0.try_get(column).map_err(corrupt)
    }

    pub(crate) fn some_int(&self, column: usize) -> Result<Option<i64>> {
        self.0.try_get(column).map_err(corrupt)
    }

    pub(crate) fn float(&self, column: usize) -> Result<f64> {
        self.0.try_get(column).map_err(corrupt)
    }

    /// A number that is never negative.
    pub(crate) fn number(&self, column: usize) -> Result<u64> {
        u64::try_from(self.int(column)?).map_err(|_| error::unexpected("a negative number"))
    }

    /// A column of type INT UNSIGNED.
    pub(crate) fn count(&self, column: usize) -> Result<u32> {
        self.0.try_get(column).map_err(corrupt)
    }

    pub(crate) fn time(&self, column: usize) -> Result<Timestamp> {
        self.int(column).map(Timestamp::from_micros)
    }

    /// The name of a worker. One that breaks the rules of names was made by another program.
    pub(crate) fn worker(&self, column: usize) -> Result<WorkerName> {
        let name = self.text(column)?;
        WorkerName::new(name).map_err(|source| error::foreign_name(source, name))
    }

    /// The name of a worker, if there is one.
    pub(crate) fn some_worker(&self, column: usize) -> Result<Option<WorkerName>> {
        self.some_text(column)?.map(|_| self.worker(column)).transpose()
    }

    /// The id of a topology. One that breaks the rules of names was made by another program.
    pub(crate) fn topology(&self, column: usize) -> Result<TopologyId> {
        let id = self.text(column)?;
        TopologyId::new(id).map_err(|source| error::foreign_topology(source, id))
    }
}

/// The outcome that a procedure answers: the first column of its only row; none when it answers nothing.
pub(crate) fn outcome(rows: &[MySqlRow]) -> Result<Option<&str>> {
    rows.first().map(|row| Columns(row).text(0)).transpose()
}

fn corrupt(source: sqlx::Error) -> convoke_core::Error {
    error::from_sqlx(source, Stage::Reading)
}
