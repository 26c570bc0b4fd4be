//! The installation in a file.

use std::sync::Arc;

use convoke_core::{Confirmed, Installation, Properties, Result, SchemaStatus, Timestamp, async_trait};

use crate::arrivals;
use crate::error::Fault;
use crate::hints::POLL_BOUND;
use crate::leadership::{seat, write_seat};
use crate::options::FileOptions;
use crate::schema;
use crate::store::{SqliteStore, blocking};
use crate::transaction::Transaction;

#[async_trait]
impl Installation for SqliteStore {
    async fn properties(&self) -> Result<Properties> {
        Ok(Properties::new(
            "sqlite",
            format!("SQLite {}", rusqlite::version()),
            self.file.path.display().to_string(),
            self.file.sync.durability(),
            false,
            POLL_BOUND,
        ))
    }

    async fn now(&self) -> Result<Timestamp> {
        Ok(self.clock.host_now())
    }

    async fn check(&self) -> Result<SchemaStatus> {
        self.look_after("installation.check", schema::check).await
    }

    async fn migrate(&self) -> Result<Vec<String>> {
        self.look_after("installation.migrate", schema::migrate).await
    }

    async fn clear(&self, _: Confirmed) -> Result<()> {
        self.write("installation.clear", clear).await
    }

    /// Drops the tables and leaves the file: other handles on it say that nothing is set up, until it is set up anew.
    async fn reset(&self, _: Confirmed) -> Result<()> {
        self.look_after("installation.reset", schema::remove).await
    }
}

impl SqliteStore {
    async fn look_after<T: Send + 'static>(
        &self,
        operation: &'static str,
        act: fn(&FileOptions) -> Result<T, Fault>,
    ) -> Result<T> {
        let file = Arc::clone(&self.file);
        let done = blocking(move || act(&file)).await;
        done.map_err(|error| self.place(error, operation))
    }
}

/// Locks stay: whoever holds one was promised it.
fn clear(step: &Transaction<'_>) -> Result<(), Fault> {
    let vacated = seat(step)?.vacated();
    // Which brings the counter of messages up to date.
    arrivals::sort(step)?;
    step.execute("DELETE FROM convoke_worker", [])?;
    step.execute("DELETE FROM convoke_worker_history", [])?;
    step.execute("DELETE FROM convoke_message", [])?;
    step.execute("DELETE FROM convoke_topology", [])?;
    step.execute("DELETE FROM convoke_topology_config", [])?;
    step.execute("DELETE FROM convoke_topology_history", [])?;
    step.execute("DELETE FROM convoke_gone", [])?;
    step.execute("DELETE FROM convoke_setting", [])?;
    write_seat(step, &vacated)
}
