//! The stores that are measured, each with installations of its own on a server of its own.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use convoke::Store;
use convoke_test_servers::{Kind, Server, private_with, shared};
use sqlx::{AssertSqlSafe, Connection, MySqlConnection};

/// A store by its name on the command line, with what must live as long as it is used.
#[derive(Debug)]
pub(crate) enum Place {
    Memory,
    Sqlite(tempfile::TempDir),
    Database(At),
    KeyValue(At),
}

/// A server: the one that the environment names, or one of our own.
#[derive(Debug)]
pub(crate) struct At {
    url: String,
    /// It is stopped when this is dropped.
    own: Option<Server>,
}

impl At {
    fn of(kind: Kind) -> Result<Self> {
        if std::env::var_os(kind.variable()).is_some_and(|url| !url.is_empty()) {
            let url = shared(kind)?.url().to_owned();
            return Ok(Self { url, own: None });
        }
        // The caches and logs of the test servers are so small that a crowd would not fit, nor would its connections.
        let sizes: &[&str] = match kind {
            Kind::MariaDb => &[
                "--innodb-buffer-pool-size=512M",
                "--innodb-log-file-size=256M",
                "--max-connections=5000",
            ],
            Kind::MySql => &[
                "--innodb-buffer-pool-size=512M",
                "--innodb-redo-log-capacity=256M",
                "--max-connections=5000",
            ],
            Kind::Redis | Kind::Valkey => &[],
        };
        let own = private_with(kind, sizes)?;
        Ok(Self {
            url: own.url().to_owned(),
            own: Some(own),
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The server's process, when it is one of our own.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.own.as_ref().and_then(Server::pid)
    }
}

impl Place {
    pub(crate) fn of(name: &str) -> Result<Self> {
        Ok(match (name, Kind::of_word(name)) {
            ("memory", _) => Self::Memory,
            // On the disk of the workspace: the temporary directory may be one in memory.
            ("sqlite", _) => {
                let target = crate::workspace::root().join("target");
                // It is not there when CARGO_TARGET_DIR names another one.
                std::fs::create_dir_all(&target)?;
                Self::Sqlite(tempfile::tempdir_in(target)?)
            }
            (_, Some(kind @ (Kind::MariaDb | Kind::MySql))) => Self::Database(At::of(kind)?),
            (_, Some(kind @ (Kind::Redis | Kind::Valkey))) => Self::KeyValue(At::of(kind)?),
            (_, None) => bail!("{name} is not one of memory, sqlite, mariadb, mysql, redis, valkey"),
        })
    }

    /// The URL of an installation of this name, which is not there yet.
    pub(crate) async fn fresh(&self, name: &str) -> Result<String> {
        let name = format!("bench_{}_{name}", std::process::id());
        Ok(match self {
            Self::Memory => format!("memory:{name}"),
            Self::Sqlite(folder) => format!("sqlite://{}", folder.path().join(name).display()),
            Self::Database(server) => {
                let mut connection = MySqlConnection::connect(server.url()).await?;
                let sql = format!("CREATE DATABASE {name}");
                sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await?;
                connection.close().await?;
                format!("{}/{name}", server.url().trim_end_matches('/'))
            }
            Self::KeyValue(server) => format!("{}/0?namespace={name}", server.url().trim_end_matches('/')),
        })
    }

    /// Removes the databases that [`Place::fresh`] made, on servers that others may use.
    pub(crate) async fn remove(&self) -> Result<()> {
        let Self::Database(server) = self else { return Ok(()) };
        let mut connection = MySqlConnection::connect(server.url()).await?;
        let like = format!("bench\\_{}\\_%", std::process::id());
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT CAST(schema_name AS CHAR) FROM information_schema.schemata WHERE schema_name LIKE ?",
        )
        .bind(like)
        .fetch_all(&mut connection)
        .await?;
        for name in names {
            sqlx::query(AssertSqlSafe(format!("DROP DATABASE {name}")))
                .execute(&mut connection)
                .await?;
        }
        Ok(())
    }
}

/// Opens a store as a program would.
pub(crate) async fn open(url: &str) -> Result<Arc<dyn Store>> {
    convoke::open(url)
        .await
        .with_context(|| "opening a store to measure it")
}
