//! The schema: numbered migrations that are only ever added to.
//!
//! Each is recorded with a checksum in the transaction that applies it. All pending ones are applied in one
//! transaction that holds the write lock from its beginning, so a crash leaves all of them or none.

use std::time::Instant;

use convoke_core::{Error, ErrorKind, Result, SchemaStatus, Timestamp};
use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use crate::connection::{Access, Opened, patiently};
use crate::error::{Failure, Fault};
use crate::options::FileOptions;

/// A change of the schema. What has been released is never edited: the checksum would tell.
struct Migration {
    version: u32,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: [Migration; 3] = [
    Migration {
        version: 1,
        name: "0001_coordination",
        sql: include_str!("../migrations/0001_coordination.sql"),
    },
    Migration {
        version: 2,
        name: "0002_arrivals",
        sql: include_str!("../migrations/0002_arrivals.sql"),
    },
    Migration {
        version: 3,
        name: "0003_topologies",
        sql: include_str!("../migrations/0003_topologies.sql"),
    },
];

const RECORDS: &str = "CREATE TABLE IF NOT EXISTS convoke_migration (
    version  INTEGER NOT NULL PRIMARY KEY,
    name     TEXT    NOT NULL,
    checksum TEXT    NOT NULL,
    applied  INTEGER NOT NULL
) STRICT";

/// The schema as statements, as SQLite prints it after all migrations. `schema.sql` is a copy of it.
///
/// # Errors
/// Internal when a migration is not SQL.
pub fn schema() -> Result<String> {
    let dump = || -> Result<String, Fault> {
        let connection = Connection::open_in_memory()?;
        set_up(&connection)?;
        let mut statement = connection
            .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY tbl_name, type = 'index', name")?;
        let mut rows = statement.query([])?;
        let mut dump = String::from("-- Made by `cargo xtask schema` from migrations/*.sql. Do not edit.\n");
        while let Some(row) = rows.next()? {
            dump.push('\n');
            dump.push_str(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?);
            dump.push_str(";\n");
        }
        Ok(dump)
    };
    dump().map_err(Error::from)
}

/// Applies everything to an empty database.
pub(crate) fn set_up(connection: &Connection) -> Result<(), Fault> {
    apply(connection, &MIGRATIONS.iter().collect::<Vec<_>>())
}

/// Compares the file with what this program needs. Creates and changes nothing.
pub(crate) fn check(file: &FileOptions) -> Result<SchemaStatus, Fault> {
    let there = std::fs::metadata(&file.path);
    if there.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        return Ok(status(&[]));
    }
    let found = match Opened::new(file, Access::Read) {
        Ok(opened) => applied(&opened.connection),
        Err(failure) => return Err(failure.into()),
    };
    let found = match found {
        // In a directory that can't be written no log can be made; if there is none, the file is all there is.
        Err(error) if is_locked_away(&error) && !has_log(file) => applied(&immutable(file)?),
        found => found,
    }?;
    compare(&found)?;
    Ok(status(&found))
}

/// Refuses a file whose schema is not current.
pub(crate) fn require_current(file: &FileOptions) -> Result<(), Fault> {
    let status = check(file)?;
    if status.is_current() {
        return Ok(());
    }
    let what = "the schema of this file is older than this program needs; run `convoke migrate`";
    Err(Error::new(ErrorKind::Unsupported, what)
        .with("found", status.found)
        .with("needed", status.needed)
        .into())
}

/// Applies what is pending and says what that was.
pub(crate) fn migrate(file: &FileOptions) -> Result<Vec<String>, Fault> {
    let Opened { connection, .. } = &Opened::new(file, Access::SetUp)?;
    let deadline = Instant::now() + file.busy_timeout;
    // Looking first spares the lock where everything is in place, which is nearly always.
    let found = patiently(deadline, || applied(connection))?;
    compare(&found)?;
    if pending(&found).next().is_none() {
        return Ok(Vec::new());
    }
    patiently(deadline, || connection.execute_batch("BEGIN IMMEDIATE"))?;
    let now_applied = in_transaction(connection, || {
        let found = applied(connection)?;
        compare(&found)?;
        let pending: Vec<_> = pending(&found).collect();
        apply(connection, &pending)?;
        Ok(pending.iter().map(|migration| migration.name.to_owned()).collect())
    })?;
    Ok(now_applied)
}

/// Removes all tables of this program, the record of migrations included. Other tables of the file stay.
pub(crate) fn remove(file: &FileOptions) -> Result<(), Fault> {
    let Opened { connection, .. } = &Opened::new(file, Access::Write)?;
    let deadline = Instant::now() + file.busy_timeout;
    patiently(deadline, || connection.execute_batch("BEGIN IMMEDIATE"))?;
    in_transaction(connection, || {
        let mut statement =
            connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'convoke_*'")?;
        let tables = statement
            .query_map([], |row| row.get::<_, String>(0))?
            .collect::<Result<Vec<_>, _>>()?;
        drop(statement);
        for table in tables {
            connection.execute_batch(&format!("DROP TABLE \"{}\"", table.replace('"', "\"\"")))?;
        }
        Ok(())
    })
}

/// A migration as the file records it.
struct Applied {
    version: u32,
    name: String,
    checksum: String,
}

fn applied(connection: &Connection) -> rusqlite::Result<Vec<Applied>> {
    let recorded = connection
        .query_row(
            "SELECT 1 FROM sqlite_schema WHERE name = 'convoke_migration'",
            [],
            |_| Ok(()),
        )
        .optional()?;
    if recorded.is_none() {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare("SELECT version, name, checksum FROM convoke_migration ORDER BY version")?;
    let rows = statement.query_map([], |row| {
        Ok(Applied {
            version: row.get(0)?,
            name: row.get(1)?,
            checksum: row.get(2)?,
        })
    })?;
    rows.collect()
}

fn compare(found: &[Applied]) -> Result<(), Fault> {
    let needed = MIGRATIONS.len();
    if let Some(newer) = found.iter().find(|applied| applied.version as usize > needed) {
        let what = "the schema of this file is newer than this program; use a newer version of the program";
        return Err(Error::new(ErrorKind::Unsupported, what)
            .with("found", newer.version)
            .with("needed", needed)
            .into());
    }
    for (applied, migration) in found.iter().zip(&MIGRATIONS) {
        if applied.version != migration.version || applied.checksum != checksum(migration) {
            let what = "the file was set up by a migration that differs from this program's; use the program that set \
                        it up, or restore the file from a copy";
            return Err(Error::new(ErrorKind::Corrupt, what)
                .with("migration", &applied.name)
                .with("version", applied.version)
                .into());
        }
    }
    Ok(())
}

fn pending(found: &[Applied]) -> impl Iterator<Item = &'static Migration> {
    MIGRATIONS.iter().skip(found.len())
}

fn status(found: &[Applied]) -> SchemaStatus {
    SchemaStatus {
        found: found.last().map_or(0, |applied| applied.version),
        needed: MIGRATIONS.last().map_or(0, |migration| migration.version),
        pending: pending(found).map(|migration| migration.name.to_owned()).collect(),
    }
}

fn apply(connection: &Connection, migrations: &[&Migration]) -> Result<(), Fault> {
    connection.execute_batch(RECORDS)?;
    for migration in migrations {
        connection.execute_batch(migration.sql)?;
        connection.execute(
            "INSERT INTO convoke_migration (version, name, checksum, applied) VALUES (?1, ?2, ?3, ?4)",
            (
                migration.version,
                migration.name,
                checksum(migration),
                Timestamp::of_host().as_micros(),
            ),
        )?;
    }
    Ok(())
}

fn checksum(migration: &Migration) -> String {
    let digest = Sha256::digest(migration.sql.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Commits what `act` did in the open transaction, or rolls it back.
fn in_transaction<T>(connection: &Connection, act: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    let done = act().and_then(|value| {
        connection.execute_batch("COMMIT")?;
        Ok(value)
    });
    if done.is_err()
        && !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("ROLLBACK")
    {
        tracing::warn!(%error, "SQLite can't roll back; closing the connection does");
    }
    done
}

/// A connection that makes no log and takes no lock.
fn immutable(file: &FileOptions) -> Result<Connection, Failure> {
    use rusqlite::OpenFlags;
    let mut uri = String::from("file:");
    for byte in file.path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => uri.push(char::from(*byte)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(uri, flags)?)
}

fn is_locked_away(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{CannotOpen, ReadOnly};
    matches!(error.sqlite_error_code(), Some(CannotOpen | ReadOnly))
}

fn has_log(file: &FileOptions) -> bool {
    let mut log = file.path.clone().into_os_string();
    log.push("-wal");
    std::path::Path::new(&log).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_before_the_second_migration_stays() {
        let connection = Connection::open_in_memory().unwrap();
        apply(&connection, &[&MIGRATIONS[0]]).unwrap();
        connection
            .execute_batch(
                "INSERT INTO convoke_worker (name, status, incarnation, last_ping, candidacy)
                 VALUES ('a', 'alive', 1, 10, 20), ('b', 'dead', 2, 30, NULL);
                 INSERT INTO convoke_message (worker, id, visible_from, expires, attempts, sent, command, content)
                 VALUES ('a', 1, 5, 99, 1, 0, 'go', '1'), ('a', 2, 6, 99, 2, 0, 'go', '2'),
                        ('a', 3, 0, 99, 0, 0, 'go', '3'), ('b', 4, 0, 99, 0, 0, 'go', '4')",
            )
            .unwrap();
        apply(&connection, &[&MIGRATIONS[1]]).unwrap();
        let mut statement = connection
            .prepare(
                "SELECT name, status, incarnation, last_ping, candidacy, noted_ping, received FROM convoke_worker
                 ORDER BY name",
            )
            .unwrap();
        type Row = (String, String, i64, i64, Option<i64>, i64, i64);
        let rows = statement.query_map([], |row| Row::try_from(row)).unwrap();
        let rows: Vec<_> = rows.map(Result::unwrap).collect();
        assert_eq!(
            rows,
            [
                ("a".to_owned(), "alive".to_owned(), 1, 10, Some(20), 10, 2),
                ("b".to_owned(), "dead".to_owned(), 2, 30, None, 30, 0)
            ]
        );
    }
}
