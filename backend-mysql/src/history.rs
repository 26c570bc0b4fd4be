//! What the trimmings of the histories have in common.

use convoke_core::history::MAX_TRIMMED;
use convoke_core::{Cursor, Page, Result, Retention, Trimmed};
use sqlx::mysql::MySqlRow;

use crate::call::Param;
use crate::error::unexpected;
use crate::row::Columns;

/// The parameters of a procedure that trims, with the name behind which it begins.
pub(crate) fn trim_params<'a>(retention: &Retention, page: &Page, after: &'a str, now: Param<'a>) -> [Param<'a>; 6] {
    [
        retention.age.map_or(Param::Int(None), |age| age.as_micros().into()),
        retention.rows.into(),
        (MAX_TRIMMED as u64).into(),
        after.into(),
        page.limit.get().into(),
        now,
    ]
}

/// Reads how many rows were dropped, and the last name visited, when there are more.
pub(crate) fn trimmed(rows: &[MySqlRow], behind: impl FnOnce(&Columns<'_>) -> Result<Cursor>) -> Result<Trimmed> {
    let row = rows.first().ok_or_else(|| unexpected("no count of rows"))?;
    let row = Columns(row);
    let next = match row.some_text(1)? {
        None => None,
        Some(_) => Some(behind(&row)?),
    };
    Ok(Trimmed {
        rows: row.number(0)?,
        next,
    })
}
