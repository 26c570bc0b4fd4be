//! Databases for tests: an empty one for each that asks, on a server that all share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use convoke_backend_mysql::MysqlDriver;
use convoke_conformance::{Harness, Place};
use convoke_core::{Clock, Driver, OpenOptions, Result, Store, async_trait};
use convoke_test_servers::{Kind, shared};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

/// Makes databases on the server of one kind.
#[derive(Clone, Copy)]
pub(crate) struct Databases {
    pub(crate) kind: Kind,
}

impl Databases {
    pub(crate) const fn of(kind: Kind) -> Self {
        Self { kind }
    }

    /// The URL of the server, to which the name of a database can be appended.
    pub(crate) async fn server_url(self) -> String {
        let url = tokio::task::spawn_blocking(move || shared(self.kind).map(|server| server.url().to_owned())).await;
        url.unwrap().unwrap()
    }

    /// A database with nothing in it, not even a schema.
    pub(crate) async fn bare(self) -> Database {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("convoke_test_{}_{number}", std::process::id());
        Database::create(&self.server_url().await, &name).await
    }

    /// An empty database, whose schema may be there already: making one takes a second.
    pub(crate) async fn empty(self) -> Recycled {
        let released = RELEASED.lock().unwrap().entry(self.kind).or_default().pop();
        let kind = self.kind;
        let released = match released {
            Some(database) => database.emptied().await,
            None => None,
        };
        let database = match released {
            Some(database) => database,
            None => self.bare().await,
        };
        Recycled {
            database: Some(database),
            kind,
        }
    }
}

#[async_trait]
impl Harness for Databases {
    async fn fresh(&self) -> Arc<dyn Place> {
        Arc::new(self.empty().await)
    }
}

/// Databases that nobody uses any more.
static RELEASED: LazyLock<Mutex<HashMap<Kind, Vec<Database>>>> = LazyLock::new(Mutex::default);

/// A database that somebody else may get when this is dropped.
pub(crate) struct Recycled {
    database: Option<Database>,
    kind: Kind,
}

impl std::ops::Deref for Recycled {
    type Target = Database;

    fn deref(&self) -> &Database {
        self.database.as_ref().unwrap()
    }
}

impl Drop for Recycled {
    fn drop(&mut self) {
        if let (Some(database), Ok(mut released)) = (self.database.take(), RELEASED.lock()) {
            released.entry(self.kind).or_default().push(database);
        }
    }
}

#[async_trait]
impl Place for Recycled {
    async fn open(&self, clock: Clock) -> Result<Arc<dyn Store>> {
        MysqlDriver.open(&OpenOptions::new(&self.url)?.with_clock(clock)).await
    }
}

/// A database on some server.
pub(crate) struct Database {
    pub(crate) url: String,
}

impl Database {
    pub(crate) async fn create(server: &str, name: &str) -> Self {
        let mut connection = MySqlConnection::connect(server).await.unwrap();
        // A default character set that knows few names, so that the schema may rely on nothing.
        let create = format!("DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name} CHARACTER SET latin1");
        connection.execute(sqlx::raw_sql(AssertSqlSafe(create))).await.unwrap();
        Self {
            url: format!("{server}{name}"),
        }
    }

    /// A store on it, by the server's clock.
    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        MysqlDriver.open(&OpenOptions::new(&self.url).unwrap()).await.unwrap()
    }

    /// A connection as the published client of qtopology-mysql has it: with the session of the server's defaults.
    pub(crate) async fn plain(&self) -> MySqlConnection {
        let options: MySqlConnectOptions = self.url.parse().unwrap();
        let options = options
            .timezone(None)
            .pipes_as_concat(false)
            .no_engine_substitution(false);
        options.connect().await.unwrap()
    }

    /// The same database without its rows; none when its schema is not whole any more.
    async fn emptied(self) -> Option<Self> {
        let mut connection = MySqlConnection::connect(&self.url).await.ok()?;
        let tables = [
            "qtopology_topology",
            "qtopology_worker",
            "qtopology_message",
            "qtopology_worker_history",
            "qtopology_topology_history",
            "convoke_lock",
            "convoke_setting",
        ];
        let emptied = tables
            .iter()
            .map(|table| format!("DELETE FROM {table}; "))
            .collect::<String>()
            + "UPDATE convoke_seat SET term = 0, holder = NULL, incarnation = 0, promised_until_us = 0, legacy = 0; \
               UPDATE convoke_counter SET value = 0";
        connection.execute(sqlx::raw_sql(AssertSqlSafe(emptied))).await.ok()?;
        Some(self)
    }
}
