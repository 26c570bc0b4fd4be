//! A store of one's own that may be hurt.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use convoke_test_servers::{Kind, Server, private_with};
use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use sqlx::Connection as _;

/// The name of the installation: a database, or a namespace.
const NAME: &str = "chaos";
/// How long SQLite is asked for its lock until somebody else surely holds it.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long whoever is to hold the lock of SQLite tries to get it.
const HOLDER_PATIENCE: Duration = Duration::from_secs(60);

/// A store that is stopped and killed.
#[derive(Debug)]
pub(crate) enum Victim {
    /// A file. There is no server to stop: another process holds its lock for as long, within a transaction that has
    /// written much, and is killed there.
    Sqlite {
        file: PathBuf,
        holder: Option<Holder>,
        /// Who asks whether it answers.
        asker: Connection,
    },
    Server {
        server: Server,
        url: String,
    },
}

/// A process within a transaction; it ends when its standard input does.
#[derive(Debug)]
pub(crate) struct Holder(Child);

impl Victim {
    /// A fresh one by its name on the command line; a server is started with these arguments, too.
    pub(crate) async fn of(name: &str, arguments: &[&str], directory: &Path) -> Result<Self> {
        match (name, Kind::of_word(name)) {
            ("sqlite", _) => {
                let file = directory.join("store.db");
                drop(crate::bench::place::open(&format!("sqlite://{}", file.display())).await?);
                let asker = Connection::open(&file)?;
                asker.busy_timeout(PATIENCE)?;
                Ok(Self::Sqlite {
                    file,
                    holder: None,
                    asker,
                })
            }
            (_, Some(kind @ (Kind::MariaDb | Kind::MySql))) => {
                let server = private_with(kind, arguments)?;
                let mut connection = sqlx::MySqlConnection::connect(server.url()).await?;
                sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {NAME}")))
                    .execute(&mut connection)
                    .await?;
                connection.close().await?;
                let url = format!("{}{NAME}", server.url());
                Ok(Self::Server { server, url })
            }
            (_, Some(kind @ (Kind::Redis | Kind::Valkey))) => {
                let server = private_with(kind, arguments)?;
                let url = format!("{}0?namespace={NAME}", server.url());
                Ok(Self::Server { server, url })
            }
            (_, None) => bail!("{name} is not one of sqlite, mariadb, mysql, redis, valkey"),
        }
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite { file, .. } => format!("sqlite://{}", file.display()),
            Self::Server { url, .. } => url.clone(),
        }
    }

    /// From now on it answers nobody, and cuts nobody off.
    pub(crate) fn stop(&mut self) -> Result<()> {
        match self {
            Self::Sqlite { file, holder, .. } => *holder = Some(Holder::start(file)?),
            Self::Server { server, .. } => server.pause(),
        }
        Ok(())
    }

    /// It answers again when this returns.
    pub(crate) fn go_on(&mut self) -> Result<()> {
        match self {
            Self::Sqlite { holder, .. } => {
                if let Some(holder) = holder.take() {
                    holder.release()?;
                }
            }
            Self::Server { server, .. } => server.resume(),
        }
        Ok(())
    }

    /// From now on it is gone. SQLite is gone in that whoever held its lock was killed while it wrote.
    pub(crate) fn kill(&mut self) -> Result<()> {
        match self {
            Self::Sqlite { .. } => return self.stop(),
            Self::Server { server, .. } => server.kill(),
        }
        Ok(())
    }

    /// It answers again when this returns.
    pub(crate) fn start(&mut self) -> Result<()> {
        match self {
            Self::Sqlite { holder, .. } => drop(holder.take()),
            Self::Server { server, .. } => server.start()?,
        }
        Ok(())
    }

    /// Whether it answers, when it was not disturbed itself: an agent that is stopped within a transaction on SQLite
    /// locks all others out.
    pub(crate) fn answers(&mut self) -> Result<bool> {
        let Self::Sqlite { asker, .. } = self else {
            return Ok(true);
        };
        match asker.transaction_with_behavior(TransactionBehavior::Immediate) {
            Ok(transaction) => Ok(transaction.rollback().is_ok()),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(false),
            Err(error) => Err(error).context("asking SQLite whether it answers"),
        }
    }
}

impl Holder {
    /// Returns when it holds the lock.
    fn start(file: &Path) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["trial", "hold"])
            .arg(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting a process that holds the lock of SQLite")?;
        let mut said = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut said)?;
        }
        ensure!(said == "held\n", "the lock of SQLite was not to be had: {said:?}");
        Ok(Self(process))
    }

    /// Lets it undo what it wrote, and end.
    fn release(mut self) -> Result<()> {
        drop(self.0.stdin.take());
        ensure!(self.0.wait()?.success(), "the process that held the lock failed");
        Ok(())
    }
}

impl Drop for Holder {
    /// Kills it within its transaction, unless it was released.
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Holds the lock of a SQLite file until the standard input ends, and undoes what it wrote.
pub(crate) fn hold(file: &Path) -> Result<()> {
    let mut connection = Connection::open(file)?;
    connection.busy_timeout(HOLDER_PATIENCE)?;
    // So few pages that what it writes goes to the log at once, from which it has to be undone.
    connection.execute_batch("PRAGMA cache_size = 4")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE held (content BLOB);
         WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 256)
         INSERT INTO held SELECT randomblob(4096) FROM number;",
    )?;
    let mut output = std::io::stdout();
    output.write_all(b"held\n")?;
    output.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    transaction.rollback()?;
    Ok(())
}
