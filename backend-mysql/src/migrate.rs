//! How the schema becomes what this program needs.
//!
//! Migrations are append-only and checked by their sums; procedures and triggers belong to the version of the program and
//! are created anew when theirs differs. DDL commits by itself, so a migration is recorded as begun before its first
//! statement and as done behind its last one: one that was begun is repeated from its start, and whatever of it is there
//! already is passed over. All of it runs under a lock of the server, named after the database, on a connection of its own
//! that is closed at the end, whatever the end is.

use std::time::Duration;

use convoke_core::{Error, ErrorKind, Result};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};

use crate::error::{self, Stage};
use crate::routines::{self, ROUTINES, Routine};
use crate::schema::{
    ADOPTED, MIGRATIONS, Migration, ORIGIN, PREDECESSOR, PROCEDURES, TABLES, failed, has_predecessor, inspect,
    names_of_routines,
};
use crate::server::{Family, Server};
use crate::store::MysqlStore;

/// For how many seconds a process waits while others migrate.
const LOCK_SECONDS: u32 = 120;

/// How long setting up, upgrading or removing a schema may take.
const TIMEOUT: Duration = Duration::from_secs(900);

/// The line above a statement that runs only where the tables of a predecessor are adopted.
const ADOPT: &str = "-- ADOPT";

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

/// Brings the schema to what this program needs, and says what it applied.
pub(crate) async fn migrate(store: &MysqlStore) -> Result<Vec<String>> {
    let act = async {
        let mut connection = locked(store).await?;
        let applied = apply_pending(&mut connection, &store.server).await;
        release(connection).await;
        applied
    };
    in_time(act).await
}

/// Removes the whole installation.
pub(crate) async fn reset(store: &MysqlStore) -> Result<()> {
    let act = async {
        let mut connection = locked(store).await?;
        let dropped = drop_all(&mut connection).await;
        release(connection).await;
        dropped
    };
    in_time(act).await
}

async fn in_time<T>(act: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(TIMEOUT, act).await {
        Ok(done) => done,
        // What was begun is recorded as such: to call again goes on from there.
        Err(_) => Err(error::timed_out(Stage::Reading)),
    }
}

/// A connection of its own that holds the lock of the database.
async fn locked(store: &MysqlStore) -> Result<MySqlConnection> {
    let mut connection = match tokio::time::timeout(store.pool.timeout(), store.pool.connect()).await {
        Ok(connection) => connection?,
        Err(_) => return Err(error::timed_out(Stage::Connecting)),
    };
    // The sum keeps the name within the 64 characters that a lock may have.
    let name = format!("convoke:{}", &routines::checksum_of(&store.database)[..40]);
    // Tables that are large are rebuilt while others wait for the metadata lock.
    execute(
        &mut connection,
        &format!("SET SESSION lock_wait_timeout = {LOCK_SECONDS}"),
    )
    .await?;
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
    if adopts && applied.iter().all(|known| known.number == ORIGIN && !known.done) {
        apply(connection, server, &PREDECESSOR, Begun { adopts, before: true }).await?;
    }
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
            done => {
                done.map_err(|source| failed(source).with("migration", migration.name))?;
            }
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
            done => {
                done.map_err(failed)?;
            }
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
