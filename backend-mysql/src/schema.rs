//! How the schema of a database stands: what it has, what this program needs, and what it refuses.

use convoke_core::{Error, ErrorKind, Result, SchemaStatus};
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{Executor, Row};

use crate::error::{self, Stage};
use crate::routines::{self, ROUTINES, Routine};
use crate::store::MysqlStore;

/// A file of `migrations/`.
pub(crate) struct Migration {
    pub(crate) number: u32,
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

macro_rules! migrations {
    ($($number:literal $name:literal),* $(,)?) => {
        &[$(Migration {
            number: $number,
            name: $name,
            sql: include_str!(concat!("../migrations/", $name, ".sql")),
        }),*]
    };
}

/// In their order. Append only: what was released never changes.
pub(crate) const MIGRATIONS: &[Migration] = migrations![
    1 "0001_settings",
    2 "0002_workers",
    3 "0003_topologies",
    4 "0004_messages",
    5 "0005_worker_history",
    6 "0006_topology_history",
    7 "0007_seat",
    8 "0008_counters",
    9 "0009_db_version",
    11 "0011_locks",
    12 "0012_settings",
    13 "0013_topologies",
    14 "0014_topology_history",
    15 "0015_gone_workers",
    16 "0016_keyed_by_name",
    17 "0017_fewer_index_entries",
];

/// The number under which it is recorded whether the tables of a predecessor are adopted; done when they are what
/// [`PREDECESSOR`] makes of them.
pub(crate) const ORIGIN: u32 = 0;

/// What comes before the migrations where the tables of a predecessor are adopted.
pub(crate) const PREDECESSOR: Migration = Migration {
    number: ORIGIN,
    name: "0000_predecessor",
    sql: include_str!("../migrations/0000_predecessor.sql"),
};

/// The last version of qtopology-mysql's schema.
const LAST_OF_PREDECESSOR: u32 = 17;

/// What is recorded there when they are.
pub(crate) const ADOPTED: &str = "adopted from qtopology-mysql";

/// The name under which the procedures and triggers are pending.
pub(crate) const PROCEDURES: &str = "procedures";

/// The tables that the migrations make.
pub(crate) const TABLES: &[&str] = &[
    "qtopology_message",
    "qtopology_worker_history",
    "qtopology_topology_history",
    "qtopology_worker",
    "qtopology_topology",
    "qtopology_settings",
    "convoke_seat",
    "convoke_counter",
    "convoke_lock",
    "convoke_setting",
];

/// What is recorded of a migration.
pub(crate) struct Applied {
    pub(crate) number: u32,
    pub(crate) name: String,
    checksum: String,
    pub(crate) done: bool,
}

/// How the schema of the store stands. Only looks.
pub(crate) async fn status(store: &MysqlStore) -> Result<SchemaStatus> {
    let look = async {
        let mut connection = store.pool.connect().await?;
        let (applied, current) = inspect(&mut connection).await?;
        Ok(status_of(&applied, current))
    };
    match tokio::time::timeout(store.pool.timeout(), look).await {
        Ok(status) => status,
        Err(_) => Err(error::timed_out(Stage::Reading)),
    }
}

/// What is recorded, and whether the procedures are those of this program.
///
/// # Errors
/// Unsupported or Corrupt for what this program must not touch.
pub(crate) async fn inspect(connection: &mut MySqlConnection) -> Result<(Vec<Applied>, bool)> {
    let mut known = applied(connection).await?;
    if known.is_empty() {
        let Err(refused) = has_predecessor(connection).await else {
            return Ok((known, false));
        };
        // Another process may have begun to set the schema up between these two looks: then it has said so before it
        // made the first table.
        known = applied(connection).await?;
        if known.is_empty() {
            return Err(refused);
        }
    }
    check_applied(&known)?;
    let current = are_procedures_current(connection).await?;
    Ok((known, current))
}

fn status_of(applied: &[Applied], procedures_are_current: bool) -> SchemaStatus {
    let is_done = |migration: &Migration| {
        applied
            .iter()
            .any(|known| known.number == migration.number && known.done)
    };
    let mut pending: Vec<_> = MIGRATIONS
        .iter()
        .filter(|migration| !is_done(migration))
        .map(|migration| migration.name.to_owned())
        .collect();
    let needed = MIGRATIONS.len() as u32;
    let found = needed - pending.len() as u32;
    if !procedures_are_current {
        pending.push(PROCEDURES.to_owned());
    }
    SchemaStatus { found, needed, pending }
}

async fn applied(connection: &mut MySqlConnection) -> Result<Vec<Applied>> {
    let rows = connection
        .fetch_all("SELECT number, name, checksum, done FROM convoke_migration ORDER BY number")
        .await;
    let rows = match rows {
        Err(source) if error::is_missing_table(&source) => return Ok(Vec::new()),
        rows => rows.map_err(failed)?,
    };
    let read = |row: &MySqlRow| {
        Ok(Applied {
            number: u32::try_from(row.try_get::<i32, _>(0)?).unwrap_or(u32::MAX),
            name: row.try_get(1)?,
            checksum: row.try_get(2)?,
            done: row.try_get::<i8, _>(3)? != 0,
        })
    };
    rows.iter()
        .map(read)
        .collect::<Result<_, sqlx::Error>>()
        .map_err(failed)
}

/// Refuses a schema that is newer than this program, or not the one that it knows.
fn check_applied(applied: &[Applied]) -> Result<()> {
    for known in applied.iter().filter(|known| known.number != ORIGIN) {
        match MIGRATIONS.iter().find(|migration| migration.number == known.number) {
            None => return Err(newer("migration", &known.name)),
            Some(migration) if routines::checksum_of(migration.sql) != known.checksum => {
                return Err(Error::new(
                    ErrorKind::Corrupt,
                    "a migration of this database is not the one that this program has; use the program that made it",
                )
                .with("migration", &known.name));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn newer(what: &'static str, name: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "the schema of this database is newer than this program; use a newer program",
    )
    .with(what, name)
}

/// Whether tables of qtopology-mysql are there, of whichever version, or of an upgrade that was cut short. Refuses those of a
/// version that there never was.
pub(crate) async fn has_predecessor(connection: &mut MySqlConnection) -> Result<bool> {
    let tables: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN \
         ('qtopology_settings', 'qtopology_worker', 'qtopology_topology', 'qtopology_message')",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(failed)?;
    if tables == 0 {
        return Ok(false);
    }
    let version = sqlx::query_scalar::<_, String>("SELECT value FROM qtopology_settings WHERE name = 'db_version'");
    let version = match version.fetch_optional(&mut *connection).await {
        Err(source) if error::is_missing_table(&source) => None,
        version => version.map_err(failed)?,
    };
    let number = version.as_deref().map_or(Ok(0), str::parse);
    if number.is_ok_and(|number: u32| number <= LAST_OF_PREDECESSOR) {
        return Ok(true);
    }
    Err(Error::new(
        ErrorKind::Unsupported,
        "this database was made by a qtopology-mysql that this program does not know; it adopts the versions 1 to 17 of its schema",
    )
    .with("db_version", version.as_deref().unwrap_or("none")))
}

/// Whether the procedures and triggers in the database are those of this program.
async fn are_procedures_current(connection: &mut MySqlConnection) -> Result<bool> {
    let found = connection
        .fetch_optional("SELECT version, checksum FROM convoke_procedures WHERE id = 1")
        .await;
    let found = match found {
        Err(source) if error::is_missing_table(&source) => None,
        found => found.map_err(failed)?,
    };
    let Some(row) = found else { return Ok(false) };
    let version: i32 = row.try_get(0).map_err(failed)?;
    let checksum: String = row.try_get(1).map_err(failed)?;
    if i64::from(version) > i64::from(routines::VERSION) {
        return Err(newer("version of the procedures", version));
    }
    if checksum != routines::checksum() {
        return Ok(false);
    }
    // Users who may only call procedures do not see triggers.
    let found = names_of_routines(connection).await?;
    let is_there = |routine: &Routine| found.iter().any(|(_, name)| name == routine.name);
    Ok(ROUTINES
        .iter()
        .filter(|routine| routine.kind == "PROCEDURE")
        .all(is_there))
}

/// The procedures and triggers of ours that the database has.
pub(crate) async fn names_of_routines(connection: &mut MySqlConnection) -> Result<Vec<(String, String)>> {
    let rows = connection
        .fetch_all(
            "SELECT CAST('PROCEDURE' AS CHAR), CAST(ROUTINE_NAME AS CHAR) FROM information_schema.ROUTINES \
             WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_TYPE = 'PROCEDURE' \
             AND (ROUTINE_NAME LIKE 'convoke\\_%' OR ROUTINE_NAME LIKE 'qtopology\\_sp\\_%') \
             UNION ALL SELECT CAST('TRIGGER' AS CHAR), CAST(TRIGGER_NAME AS CHAR) FROM information_schema.TRIGGERS \
             WHERE TRIGGER_SCHEMA = DATABASE() AND TRIGGER_NAME LIKE 'convoke\\_%'",
        )
        .await
        .map_err(failed)?;
    let read = |row: &MySqlRow| Ok((row.try_get(0)?, row.try_get(1)?));
    rows.iter()
        .map(read)
        .collect::<Result<_, sqlx::Error>>()
        .map_err(failed)
}

/// Schema changes can be repeated: whatever was cut short goes on from there, so nothing is unknown about them.
pub(crate) fn failed(source: sqlx::Error) -> Error {
    error::from_sqlx(source, Stage::Reading)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_as_their_files_say() {
        assert!(MIGRATIONS.is_sorted_by(|before, after| before.number < after.number));
        for migration in MIGRATIONS {
            assert!(
                migration.name.starts_with(&format!("{:04}_", migration.number)),
                "{}",
                migration.name
            );
        }
    }

    #[test]
    fn a_newer_schema_is_unsupported_and_a_changed_one_corrupt() {
        let applied = |number, checksum: &str| Applied {
            number,
            name: "0001_settings".to_owned(),
            checksum: checksum.to_owned(),
            done: true,
        };
        assert!(check_applied(&[applied(1, &routines::checksum_of(MIGRATIONS[0].sql))]).is_ok());
        assert_eq!(
            check_applied(&[applied(99, "")]).unwrap_err().kind(),
            ErrorKind::Unsupported
        );
        assert_eq!(check_applied(&[applied(1, "")]).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
