//! The store: a handle on one file.

use std::fmt;
use std::sync::Arc;

use convoke_core::{Clock, Error, ErrorKind, OpenOptions, Result, SchemaPolicy};

use crate::error::Fault;
use crate::hints::{Bell, Watcher};
use crate::options::FileOptions;
use crate::readers::Readers;
use crate::schema;
use crate::transaction::Transaction;
use crate::writer::Writer;

/// A handle on one SQLite file, with a writer thread and a few readers of its own.
///
/// Several handles, in one process or many, can share the file. A call whose future is dropped may still happen.
/// Dropping the handle finishes what was accepted and ends its threads. The runtime needs its timer and its I/O enabled.
///
/// ```
/// use convoke_backend_sqlite::SqliteStore;
/// use convoke_core::{OpenOptions, WorkerName, Workers};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> convoke_core::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let url = format!("sqlite://{}/jobs.db", folder.path().display());
/// let store = SqliteStore::open(&OpenOptions::new(&url)?).await?;
/// let me = store.register_worker(&WorkerName::new("a")?).await?;
/// store.ping_worker(&me).await?;
/// # Ok(()) }
/// ```
pub struct SqliteStore {
    pub(crate) file: Arc<FileOptions>,
    pub(crate) clock: Clock,
    pub(crate) watcher: Watcher,
    readers: Arc<Readers>,
    writer: Writer,
}

impl SqliteStore {
    /// Opens the file that the URL names.
    ///
    /// `sqlite:///path/from/root` or `sqlite:path/from/here`, with the options `durability=full` (the default: an
    /// answer means that the disk has it) or `durability=relaxed` (that the operating system has it), and
    /// `busy_timeout=MILLISECONDS`: how long to wait for another process's lock, by default as long as
    /// [`OpenOptions::timeout`].
    ///
    /// # Errors
    /// InvalidArgument for a URL that it does not understand, Unavailable when the file is not there or locked, Denied
    /// when this process lacks the right to use it, Corrupt when it is no database or an applied migration differs,
    /// Unsupported when its schema is newer than this program, or not current with [`SchemaPolicy::Check`].
    pub async fn open(options: &OpenOptions) -> Result<Self> {
        let at = |error: Error| error.at("open").with("url", &options.url);
        let file = Arc::new(FileOptions::read(options).map_err(at)?);
        let policy = options.schema;
        let set_up = {
            let file = Arc::clone(&file);
            move || match policy {
                SchemaPolicy::Migrate => schema::migrate(&file).map(drop),
                SchemaPolicy::Check => schema::require_current(&file),
                SchemaPolicy::LeaveAlone => Ok(()),
            }
        };
        blocking(set_up).await.map_err(at)?;
        let bell = Bell::of(&file.path);
        Ok(Self {
            watcher: Watcher::new(Arc::clone(&file), options.clock.clone(), &bell),
            readers: Arc::new(Readers::new(Arc::clone(&file))),
            writer: Writer::start(Arc::clone(&file), bell).map_err(at)?,
            clock: options.clock.clone(),
            file,
        })
    }

    /// Runs a step in the next commit.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        operation: &'static str,
        act: impl FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        let answer = self.writer.run(self.clock.clone(), act).await;
        answer.map_err(|error| self.place(error, operation))
    }

    /// Looks at what is committed.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        operation: &'static str,
        look: impl FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        let answer = self.readers.run(self.clock.clone(), look).await;
        answer.map_err(|error| self.place(error, operation))
    }

    /// Says which operation failed, and on which file if it is about the file.
    pub(crate) fn place(&self, error: Error, operation: &'static str) -> Error {
        use ErrorKind::{Corrupt, Denied, Internal, OutcomeUnknown, Unavailable, Unsupported};
        let error = error.at(operation);
        match error.kind() {
            Corrupt | Denied | Internal | OutcomeUnknown | Unavailable | Unsupported => {
                error.with("file", self.file.path.display())
            }
            _ => error,
        }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("file", &self.file)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}

/// Runs what waits for the disk beside the runtime.
pub(crate) async fn blocking<T: Send + 'static>(act: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(act).await {
        Ok(answer) => answer.map_err(Error::from),
        Err(source) => {
            let what = "the runtime ended before the call did";
            Err(Error::new(ErrorKind::OutcomeUnknown, what).caused_by(source))
        }
    }
}
