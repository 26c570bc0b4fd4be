//! The schema: how it stands, and how it becomes what this program needs.
//!
//! Migrations are append-only and checked by their sums; procedures and triggers belong to the version of the program and
//! are created anew when theirs differs. DDL commits by itself, so a migration is recorded as begun before its first
//! statement and as done behind its last one: one that was begun is repeated from its start, and whatever of it is there
//! already is passed over. All of it runs under a lock of the server, named after the database, on a connection of its own
//! that is closed at the end, whatever the end is.

use convoke_core::{Error, ErrorKind, Result, SchemaStatus};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, Row};

use crate::error::{self, Stage};
use crate::routines::{self, ROUTINES, Routine};
use crate::server::{Family, Server};
use crate::store::MysqlStore;

/// For how many seconds a process waits while others migrate.
const LOCK_SECONDS: u32 = 120;

struct Migration {
    number: u32,
    name: &'static str,
    sql: &'static str,
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
const MIGRATIONS: &[Migration] = migrations![
    1 "0001_settings",
    2 "0002_workers",
    3 "0003_topologies",
    4 "0004_messages",
    5 "0005_worker_history",
    6 "0006_topology_history",
    7 "0007_seat",
    8 "0008_counters",
    9 "0009_db_version",
];

/// The number under which it is recorded whether the tables of a predecessor are adopted.
const ORIGIN: u32 = 0;

/// What is recorded there when they are.
const ADOPTED: &str = "adopted from qtopology-mysql";

/// The line above a statement that runs only then.
const ADOPT: &str = "-- ADOPT";

/// The name under which the procedures and triggers are pending.
const PROCEDURES: &str = "procedures";

/// The tables in which the schema is recorded.
const RECORDS: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS convoke_migration (
      number INT NOT NULL,
      name VARCHAR(100) NOT NULL,
      checksum CHAR(64) NOT NULL,
      done TINYINT NOT NULL DEFAULT 0,
      at_us BIGINT NOT NULL DEFAULT (TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))),
      PRIMARY KEY (number)
    ) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
    "CREATE TABLE IF NOT EXISTS convoke_procedures (
      id TINYINT NOT NULL,
      version INT NOT NULL,
      checksum CHAR(64) NOT NULL,
      PRIMARY KEY (id)
    ) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
];

/// The tables that the migrations make.
const TABLES: &[&str] = &[
    "qtopology_message",
    "qtopology_worker_history",
    "qtopology_topology_history",
    "qtopology_worker",
    "qtopology_topology",
    "qtopology_settings",
    "convoke_seat",
    "convoke_counter",
];

/// What is recorded of a migration.
struct Applied {
    number: u32,
    name: String,
    checksum: String,
    done: bool,
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

/// Brings the schema to what this program needs, and says what it applied.
pub(crate) async fn migrate(store: &MysqlStore) -> Result<Vec<String>> {
    let mut connection = locked(store).await?;
    let applied = apply_pending(&mut connection, &store.server).await;
    release(connection).await;
    applied
}

/// Removes the whole installation.
pub(crate) async fn reset(store: &MysqlStore) -> Result<()> {
    let mut connection = locked(store).await?;
    let dropped = drop_all(&mut connection).await;
    release(connection).await;
    dropped
}

/// A connection of its own that holds the lock of the database.
async fn locked(store: &MysqlStore) -> Result<MySqlConnection> {
    let mut connection = store.pool.connect().await?;
    // The sum keeps the name within the 64 characters that a lock may have.
    let name = format!("convoke:{}", &routines::checksum_of(&store.database)[..40]);
    // Tables that are large are rebuilt while others wait for the metadata lock.
    execute(&mut connection, "SET SESSION lock_wait_timeout = 120").await?;
    let taken: Option<i64> = sqlx::query_scalar("SELECT CAST(GET_LOCK(?, ?) AS SIGNED)")
        .bind(name)
        .bind(LOCK_SECONDS)
        .fetch_one(&mut connection)
        .await
        .map_err(failed)?;
    if taken == Some(1) {
        return Ok(connection);
    }
    release(connection).await;
    Err(Error::new(
        ErrorKind::Unavailable,
        "another process has been migrating this database for too long; see what holds it in SHOW PROCESSLIST, or try again",
    )
    .with("waited, in seconds", LOCK_SECONDS))
}

/// Closing the connection frees its lock; a server that cannot be told any more has freed it already.
async fn release(connection: MySqlConnection) {
    if let Err(source) = connection.close().await {
        tracing::debug!(%source, "the connection of a migration did not close cleanly");
    }
}

async fn inspect(connection: &mut MySqlConnection) -> Result<(Vec<Applied>, bool)> {
    let applied = applied(connection).await?;
    check_applied(&applied)?;
    if applied.is_empty() {
        has_predecessor(connection).await?;
        return Ok((applied, false));
    }
    let current = are_procedures_current(connection).await?;
    Ok((applied, current))
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
    let read = |row: &sqlx::mysql::MySqlRow| {
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

/// Whether the tables of qtopology-mysql are there. Refuses those of an older one: only its last version is adopted.
async fn has_predecessor(connection: &mut MySqlConnection) -> Result<bool> {
    let tables: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN \
         ('qtopology_worker', 'qtopology_topology', 'qtopology_message')",
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
    if version.as_deref() == Some("17") {
        return Ok(true);
    }
    Err(Error::new(
        ErrorKind::Unsupported,
        "this database was made by qtopology-mysql before its version 17; let qtopology-mysql 2.2.1 upgrade it first",
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
async fn names_of_routines(connection: &mut MySqlConnection) -> Result<Vec<(String, String)>> {
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
    let read = |row: &sqlx::mysql::MySqlRow| Ok((row.try_get(0)?, row.try_get(1)?));
    rows.iter()
        .map(read)
        .collect::<Result<_, sqlx::Error>>()
        .map_err(failed)
}

async fn apply_pending(connection: &mut MySqlConnection, server: &Server) -> Result<Vec<String>> {
    // Others may have done it all while this one waited for the lock.
    let (applied, procedures_are_current) = inspect(connection).await?;
    for sql in RECORDS {
        execute(connection, &server.localized(sql)).await?;
    }
    let adopts = match applied.iter().find(|known| known.number == ORIGIN) {
        Some(origin) => origin.name == ADOPTED,
        None => record_origin(connection).await?,
    };
    let mut names = Vec::new();
    for migration in MIGRATIONS {
        let known = applied.iter().find(|known| known.number == migration.number);
        if known.is_none_or(|known| !known.done) {
            apply(
                connection,
                server,
                migration,
                Begun {
                    adopts,
                    before: known.is_some(),
                },
            )
            .await?;
            names.push(migration.name.to_owned());
        }
    }
    if !procedures_are_current {
        create_routines(connection, server).await?;
        names.push(PROCEDURES.to_owned());
    }
    Ok(names)
}

/// Records, before the first table is made, whether those of a predecessor are there.
async fn record_origin(connection: &mut MySqlConnection) -> Result<bool> {
    let adopts = has_predecessor(connection).await?;
    record(connection, ORIGIN, if adopts { ADOPTED } else { "made by convoke" }, "").await?;
    Ok(adopts)
}

async fn record(connection: &mut MySqlConnection, number: u32, name: &str, checksum: &str) -> Result<()> {
    sqlx::query("INSERT IGNORE INTO convoke_migration (number, name, checksum) VALUES (?, ?, ?)")
        .bind(number)
        .bind(name.to_owned())
        .bind(checksum.to_owned())
        .execute(connection)
        .await
        .map(drop)
        .map_err(failed)
}

/// In which circumstances a migration is applied.
#[derive(Clone, Copy)]
struct Begun {
    /// The tables of a predecessor were there.
    adopts: bool,
    /// It was begun before, and not done.
    before: bool,
}

async fn apply(connection: &mut MySqlConnection, server: &Server, migration: &Migration, begun: Begun) -> Result<()> {
    let checksum = routines::checksum_of(migration.sql);
    record(connection, migration.number, migration.name, &checksum).await?;
    let statements = migration
        .sql
        .split(";\n")
        .map(str::trim)
        .filter(|statement| !statement.is_empty());
    for statement in statements.filter(|statement| begun.adopts || !statement.lines().any(|line| line == ADOPT)) {
        let done = connection
            .execute(sqlx::raw_sql(AssertSqlSafe(server.localized(statement))))
            .await;
        match done {
            Err(source) if begun.before && error::is_applied_already(&source) => {}
            done => drop(done.map_err(|source| failed(source).with("migration", migration.name))?),
        }
    }
    sqlx::query("UPDATE convoke_migration SET done = 1 WHERE number = ?")
        .bind(migration.number)
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    Ok(())
}

async fn create_routines(connection: &mut MySqlConnection, server: &Server) -> Result<()> {
    for routine in ROUTINES {
        create(connection, server, routine)
            .await
            .map_err(|source| failed(source).with("procedure", routine.name))?;
    }
    for (kind, name) in names_of_routines(connection).await? {
        if !ROUTINES
            .iter()
            .any(|routine| routine.kind == kind && routine.name == name)
            && name.starts_with("convoke_")
        {
            execute(connection, &format!("DROP {kind} IF EXISTS `{name}`")).await?;
        }
    }
    sqlx::query("REPLACE INTO convoke_procedures (id, version, checksum) VALUES (1, ?, ?)")
        .bind(routines::VERSION)
        .bind(routines::checksum())
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    Ok(())
}

/// MariaDB replaces a routine in one step. On MySQL it is missing for a moment, which the driver sits out.
async fn create(connection: &mut MySqlConnection, server: &Server, routine: &Routine) -> Result<(), sqlx::Error> {
    let Routine { kind, name, sql } = routine;
    let mut sql = server.localized(sql);
    match server.family {
        Family::MariaDb => sql = sql.replacen(&format!("CREATE {kind}"), &format!("CREATE OR REPLACE {kind}"), 1),
        Family::MySql => {
            let drop = format!("DROP {kind} IF EXISTS {name}");
            connection.execute(sqlx::raw_sql(AssertSqlSafe(drop))).await?;
        }
    }
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await?;
    Ok(())
}

/// Drops everything. The record of migrations goes last and is marked as begun first, so that a database whose reset was cut
/// short is set up again by the next one who opens it.
async fn drop_all(connection: &mut MySqlConnection) -> Result<()> {
    for sql in [
        "UPDATE convoke_migration SET done = 0",
        "DELETE FROM convoke_procedures",
    ] {
        match connection.execute(sql).await {
            Err(source) if error::is_missing_table(&source) => {}
            done => drop(done.map_err(failed)?),
        }
    }
    for (kind, name) in names_of_routines(connection).await? {
        execute(connection, &format!("DROP {kind} IF EXISTS `{name}`")).await?;
    }
    for table in TABLES.iter().chain(&["convoke_procedures", "convoke_migration"]) {
        execute(connection, &format!("DROP TABLE IF EXISTS {table}")).await?;
    }
    Ok(())
}

async fn execute(connection: &mut MySqlConnection, sql: &str) -> Result<()> {
    let done = connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await;
    done.map(drop).map_err(failed)
}

/// Schema changes can be repeated: whatever was cut short goes on from there, so nothing is unknown about them.
fn failed(source: sqlx::Error) -> Error {
    error::from_sqlx(source, Stage::Reading)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_as_their_files_say() {
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(migration.number as usize, index + 1);
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
