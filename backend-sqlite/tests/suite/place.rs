//! A file of a test's own.

use std::path::PathBuf;
use std::sync::Arc;

use convoke_backend_sqlite::SqliteDriver;
use convoke_core::{Clock, Driver, NewMessage, OpenOptions, Payload, Registration, Result, Store, WorkerName};
use rusqlite::Connection;
use tempfile::TempDir;

/// A directory of its own with the path of a file in it, which is not there yet. Removed when dropped.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("jobs.db")
    }

    pub(crate) fn url(&self) -> String {
        format!("sqlite://{}", self.file().display())
    }

    pub(crate) fn options(&self) -> OpenOptions {
        OpenOptions::new(&self.url()).unwrap()
    }

    /// The same with an option of the URL.
    pub(crate) fn options_with(&self, option: &str) -> OpenOptions {
        OpenOptions::new(&format!("{}?{option}", self.url())).unwrap()
    }

    pub(crate) async fn open(&self) -> Arc<dyn Store> {
        open(&self.options()).await.unwrap()
    }

    pub(crate) async fn open_by(&self, clock: Clock) -> Result<Arc<dyn Store>> {
        open(&self.options().with_clock(clock)).await
    }

    /// A connection beside Convoke's.
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.file()).unwrap()
    }
}

pub(crate) async fn open(options: &OpenOptions) -> Result<Arc<dyn Store>> {
    SqliteDriver.open(options).await
}

pub(crate) fn name(text: &str) -> WorkerName {
    WorkerName::new(text).unwrap()
}

pub(crate) async fn register(store: &Arc<dyn Store>, text: &str) -> Registration {
    store.register_worker(&name(text)).await.unwrap()
}

pub(crate) fn message(worker: &str, command: &str) -> NewMessage {
    let command = convoke_core::Command::new(command).unwrap();
    NewMessage::new(name(worker), command, Payload::empty())
}
