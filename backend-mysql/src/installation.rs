//! The installation: a database, its schema and its properties.

use convoke_core::{Confirmed, Installation, Properties, Result, SchemaStatus, Timestamp, async_trait};

use crate::call::sql_now;
use crate::error::unexpected;
use crate::hints::POLL_BOUND;
use crate::migrate;
use crate::row::Columns;
use crate::schema;
use crate::server::durability;
use crate::store::MysqlStore;

#[async_trait]
impl Installation for MysqlStore {
    async fn properties(&self) -> Result<Properties> {
        const AT: &str = "installation.properties";
        let sql = "SELECT CAST(@@innodb_flush_log_at_trx_commit AS SIGNED), CAST(@@log_bin AS SIGNED), \
                   CAST(@@sync_binlog AS SIGNED)";
        let rows = self.read(AT, sql, &[]).await?;
        let row = rows.first().ok_or_else(|| unexpected("no settings").at(AT))?;
        let row = Columns(row);
        let setting = |column| row.int(column).map_err(|error| error.at(AT));
        let sync_binlog = if setting(1)? == 0 { None } else { Some(setting(2)?) };
        Ok(Properties::new(
            "mysql",
            self.server.name(),
            &*self.database,
            durability(setting(0)?, sync_binlog),
            false,
            POLL_BOUND,
        ))
    }

    async fn now(&self) -> Result<Timestamp> {
        const AT: &str = "installation.now";
        if let Some(now) = self.clock.override_now() {
            return Ok(now);
        }
        let rows = self
            .read(AT, concat!("SELECT ", sql_now!()), &[self.now_param()])
            .await?;
        let row = rows.first().ok_or_else(|| unexpected("no time").at(AT))?;
        Columns(row).time(0).map_err(|error| error.at(AT))
    }

    async fn check(&self) -> Result<SchemaStatus> {
        schema::status(self)
            .await
            .map_err(|error| error.at("installation.check"))
    }

    async fn migrate(&self) -> Result<Vec<String>> {
        migrate::migrate(self)
            .await
            .map_err(|error| error.at("installation.migrate"))
    }

    async fn clear(&self, _: Confirmed) -> Result<()> {
        self.write("installation.clear", "CALL convoke_clear()", &[])
            .await
            .map(drop)
    }

    async fn reset(&self, _: Confirmed) -> Result<()> {
        let done = migrate::reset(self).await;
        done.map_err(|error| error.at("installation.reset"))
    }
}
