//! The store: connections to one database, and a clock.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use convoke_core::{Clock, Result};
use sqlx::mysql::MySqlRow;

use crate::call::{self, Param};
use crate::connection::Pool;
use crate::hints::Waiting;
use crate::renewals::Renewals;
use crate::sends::Sends;
use crate::server::Server;

/// A handle to an installation in a database of MariaDB or MySQL. Cheap to clone; clones share their connections.
///
/// Opened by [`MysqlDriver`](crate::MysqlDriver).
#[derive(Clone)]
pub struct MysqlStore {
    pub(crate) pool: Arc<Pool>,
    pub(crate) server: Arc<Server>,
    pub(crate) database: Arc<str>,
    pub(crate) clock: Clock,
    pub(crate) waiting: Arc<Waiting>,
    pub(crate) renewals: Arc<Renewals>,
    pub(crate) sends: Arc<Sends>,
}

impl MysqlStore {
    /// The time to pass to a procedure; none asks the server for its own.
    pub(crate) fn now_param(&self) -> Param<'static> {
        self.clock.override_now().into()
    }

    /// One call that may change something.
    pub(crate) async fn write(
        &self,
        at: &'static str,
        sql: &'static str,
        params: &[Param<'_>],
    ) -> Result<Vec<MySqlRow>> {
        let deadline = Instant::now() + self.pool.timeout();
        self.write_by(at, sql, params, deadline).await
    }

    /// One call that may change something, and ends by the deadline.
    pub(crate) async fn write_by(
        &self,
        at: &'static str,
        sql: &'static str,
        params: &[Param<'_>],
        deadline: Instant,
    ) -> Result<Vec<MySqlRow>> {
        call::write(&self.pool, sql, params, deadline)
            .await
            .map_err(|error| error.at(at))
    }

    /// One call that changes nothing.
    pub(crate) async fn read(
        &self,
        at: &'static str,
        sql: &'static str,
        params: &[Param<'_>],
    ) -> Result<Vec<MySqlRow>> {
        let deadline = Instant::now() + self.pool.timeout();
        call::read(&self.pool, sql, params, deadline)
            .await
            .map_err(|error| error.at(at))
    }
}

impl fmt::Debug for MysqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MysqlStore")
            .field("server", &self.server.name())
            .field("database", &self.database)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}
