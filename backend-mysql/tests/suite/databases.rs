//! Databases for tests: an empty one for each that asks, on a server that all share.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use convoke_backend_mysql::MysqlDriver;
use convoke_conformance::{Harness, Place};
use convoke_core::{Clock, Confirmed, Driver, Installation, OpenOptions, Result, SchemaPolicy, Store, async_trait};
use convoke_test_servers::{Kind, shared};
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection};

/// Makes databases on the server of one kind.
pub(crate) struct Databases {
    kind: Kind,
}

impl Databases {
    pub(crate) const fn of(kind: Kind) -> Self {
        Self { kind }
    }

    /// The URL of the server, to which the name of a database can be appended.
    pub(crate) async fn server_url(&self) -> String {
        let kind = self.kind;
        let url = tokio::task::spawn_blocking(move || shared(kind).map(|server| server.url().to_owned())).await;
        url.unwrap().unwrap()
    }

    /// A database with nothing in it.
    pub(crate) async fn empty(&self) -> Database {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        Database::create(&self.server_url().await, &format!("convoke_test_{}_{number}", std::process::id())).await
    }
}

#[async_trait]
impl Harness for Databases {
    async fn fresh(&self) -> Arc<dyn Place> {
        Arc::new(self.empty().await)
    }
}

/// A database on some server.
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) name: String,
    server: String,
}

impl Database {
    pub(crate) async fn create(server: &str, name: &str) -> Self {
        let mut connection = MySqlConnection::connect(server).await.unwrap();
        let create = format!("CREATE DATABASE {name} CHARACTER SET latin1");
        connection.execute(AssertSqlSafe(create)).await.unwrap();
        Self {
            url: format!("{server}{name}"),
            name: name.to_owned(),
            server: server.to_owned(),
        }
    }
}

#[async_trait]
impl Place for Database {
    async fn open(&self, clock: Clock) -> Result<Arc<dyn Store>> {
        MysqlDriver.open(&OpenOptions::new(&self.url)?.with_clock(clock)).await
    }
}
