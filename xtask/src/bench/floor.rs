//! What a store does at best: one durable change, made by the simplest program that its usual client crate allows.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use redis::aio::ConnectionManager;
use sqlx::mysql::MySqlPoolOptions;
use sqlx::{Executor, MySqlPool};

use super::measure::Step;
use super::place::Place;

/// Which row is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    /// Each caller changes a row of its own.
    Own,
    /// Each caller adds a row.
    New,
    /// All callers change the same row.
    Same,
}

/// One caller of the floor.
#[derive(Debug)]
pub(crate) struct FloorCaller {
    number: i64,
    client: Client,
}

#[derive(Debug)]
enum Client {
    Sqlite(Mutex<rusqlite::Connection>),
    Database(MySqlPool),
    KeyValue(ConnectionManager),
}

const CONTENT: &str = r#"{"job":1}"#;

/// The callers of the floor of a store; none for the memory, which has no floor. SQLite's is that of one caller, however
/// many call the operation: that is what group commit is compared with.
pub(crate) async fn callers(place: &Place, callers: usize) -> Result<Vec<Arc<FloorCaller>>> {
    Ok(match place {
        Place::Memory => Vec::new(),
        Place::Sqlite(_) => vec![Arc::new(FloorCaller {
            number: 0,
            client: Client::Sqlite(Mutex::new(sqlite(&place.fresh("floor").await?)?)),
        })],
        Place::Database(_) => {
            let pool = database(&place.fresh(&format!("floor_{callers}")).await?, callers).await?;
            numbered(callers, || Client::Database(pool.clone()))
        }
        Place::KeyValue(server) => {
            let manager = redis::Client::open(server.url())?.get_connection_manager().await?;
            numbered(callers, || Client::KeyValue(manager.clone()))
        }
    })
}

fn numbered(callers: usize, client: impl Fn() -> Client) -> Vec<Arc<FloorCaller>> {
    let caller = |number| FloorCaller {
        number,
        client: client(),
    };
    (1..).take(callers).map(caller).map(Arc::new).collect()
}

fn sqlite(url: &str) -> Result<rusqlite::Connection> {
    let path = url.strip_prefix("sqlite://").context("a URL of a file")?;
    let connection = rusqlite::Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         CREATE TABLE IF NOT EXISTS own (id INTEGER PRIMARY KEY, value INTEGER NOT NULL);
         CREATE TABLE IF NOT EXISTS new (id INTEGER PRIMARY KEY, content TEXT NOT NULL);
         INSERT OR IGNORE INTO own (id, value) VALUES (0, 0);",
    )?;
    Ok(connection)
}

async fn database(url: &str, callers: usize) -> Result<MySqlPool> {
    let options = MySqlPoolOptions::new()
        .max_connections(u32::try_from(callers)?)
        .test_before_acquire(false);
    let pool = options.connect(url).await?;
    pool.execute("CREATE TABLE own (id BIGINT PRIMARY KEY, value BIGINT NOT NULL) ENGINE=InnoDB")
        .await?;
    pool.execute("CREATE TABLE new (id BIGINT PRIMARY KEY AUTO_INCREMENT, content TEXT NOT NULL) ENGINE=InnoDB")
        .await?;
    for number in 0..=i64::try_from(callers)? {
        sqlx::query("INSERT INTO own (id, value) VALUES (?, 0)")
            .bind(number)
            .execute(&pool)
            .await?;
    }
    Ok(pool)
}

/// One change.
pub(crate) async fn change(caller: Arc<FloorCaller>, row: Row) -> Result<Step> {
    let number = match row {
        Row::Same => 0,
        Row::Own | Row::New => caller.number,
    };
    match &caller.client {
        Client::Sqlite(connection) => {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            match row {
                Row::New => connection
                    .prepare_cached("INSERT INTO new (content) VALUES (?1)")?
                    .execute([CONTENT])?,
                _ => connection
                    .prepare_cached("UPDATE own SET value = value + 1 WHERE id = ?1")?
                    .execute([number])?,
            };
        }
        Client::Database(pool) => {
            let query = match row {
                Row::New => sqlx::query("INSERT INTO new (content) VALUES (?)").bind(CONTENT),
                _ => sqlx::query("UPDATE own SET value = value + 1 WHERE id = ?").bind(number),
            };
            query.execute(pool).await?;
        }
        Client::KeyValue(manager) => {
            let mut manager = manager.clone();
            let () = redis::cmd("SET")
                .arg(key(number))
                .arg(CONTENT)
                .query_async(&mut manager)
                .await?;
        }
    }
    Ok(Step::Done)
}

fn key(number: i64) -> String {
    format!("bench_{}_floor_{number}", std::process::id())
}

/// Removes what the changes left where others may see it.
pub(crate) async fn remove(callers: &[Arc<FloorCaller>]) -> Result<()> {
    for caller in callers {
        if let Client::KeyValue(manager) = &caller.client {
            let keys = [key(0), key(caller.number)];
            let () = redis::cmd("DEL").arg(&keys).query_async(&mut manager.clone()).await?;
        }
    }
    Ok(())
}
