//! Connections to the server, kept between calls.
//!
//! A pool of our own: a connection belongs to one call and comes back only when the call has ended well, so that one that was
//! given up in the middle (a dropped future, a time-out, an error) is closed, and its transaction with it.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use convoke_core::Result;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::{self, Stage};

/// A connection that was used less long ago than this is used again without asking whether it lives.
const TRUSTED: Duration = Duration::from_secs(1);
/// A connection that nobody needed for this long is closed.
const UNNEEDED: Duration = Duration::from_secs(60);

/// The connections of one store.
pub(crate) struct Pool {
    options: MySqlConnectOptions,
    timeout: Duration,
    size: usize,
    permits: Semaphore,
    /// Used last, taken first, so that those not needed grow old.
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: MySqlConnection,
    since: Instant,
}

/// A connection for one call. Dropped, it is closed; [`Leased::give_back`] keeps it.
pub(crate) struct Leased<'p> {
    pub(crate) connection: MySqlConnection,
    pool: &'p Pool,
    _permit: SemaphorePermit<'p>,
}

impl Pool {
    pub(crate) fn new(options: MySqlConnectOptions, size: usize, timeout: Duration) -> Self {
        Self {
            options,
            timeout,
            size,
            permits: Semaphore::new(size),
            idle: Mutex::default(),
        }
    }

    /// How long one operation may take.
    pub(crate) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How long a statement waits for a lock; so much less than the time-out that the server's word still arrives.
    pub(crate) fn lock_wait(&self) -> Duration {
        Duration::from_secs(self.timeout.as_secs().saturating_sub(1).max(1))
    }

    /// A connection that lives, as far as that can be known.
    pub(crate) async fn acquire(&self, deadline: Instant) -> Result<Leased<'_>> {
        let permit = match tokio::time::timeout_at(deadline.into(), self.permits.acquire()).await {
            Ok(Ok(permit)) => permit,
            // The semaphore is never closed; both mean that no connection was to be had.
            Ok(Err(_)) | Err(_) => return Err(error::all_busy(self.size)),
        };
        while let Some(Idle { mut connection, since }) = self.pop() {
            if since.elapsed() < TRUSTED || is_alive(&mut connection).await {
                return Ok(self.lease(connection, permit));
            }
            // What killed one has most likely killed all.
            self.forget_idle();
        }
        match tokio::time::timeout_at(deadline.into(), self.connect()).await {
            Ok(connection) => Ok(self.lease(connection?, permit)),
            Err(_) => Err(error::timed_out(Stage::Connecting)),
        }
    }

    /// Closes the connections that nobody uses at present.
    pub(crate) fn forget_idle(&self) {
        self.locked().clear();
    }

    /// A new connection, outside of the pool, with the session that all calls need.
    pub(crate) async fn connect(&self) -> Result<MySqlConnection> {
        let session = format!(
            "SET NAMES utf8mb4; \
             SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
             SET SESSION autocommit = 1, time_zone = '+00:00', sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', \
             innodb_lock_wait_timeout = {wait}, lock_wait_timeout = {wait}",
            wait = self.lock_wait().as_secs(),
        );
        let connect = async {
            let mut connection = self.options.connect().await?;
            connection.execute(sqlx::raw_sql(AssertSqlSafe(session))).await?;
            Ok(connection)
        };
        connect
            .await
            .map_err(|source| error::from_sqlx(source, Stage::Connecting))
    }

    fn lease<'p>(&'p self, connection: MySqlConnection, permit: SemaphorePermit<'p>) -> Leased<'p> {
        Leased {
            connection,
            pool: self,
            _permit: permit,
        }
    }

    fn pop(&self) -> Option<Idle> {
        self.locked().pop()
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Leased<'_> {
    /// Keeps the connection for the next call.
    pub(crate) fn give_back(self) {
        let mut idle = self.pool.locked();
        let unneeded = idle.iter().take_while(|old| old.since.elapsed() > UNNEEDED).count();
        idle.drain(..unneeded);
        idle.push(Idle {
            connection: self.connection,
            since: Instant::now(),
        });
    }
}

async fn is_alive(connection: &mut MySqlConnection) -> bool {
    matches!(tokio::time::timeout(TRUSTED, connection.ping()).await, Ok(Ok(())))
}
