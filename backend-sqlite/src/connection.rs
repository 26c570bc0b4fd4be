//! Connections to the file.
//!
//! The file is never opened but through SQLite: closing any other descriptor of it would drop the locks of this
//! process, as POSIX has it. Looking at its metadata does not open it.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use crate::error::{self, Failure, is_busy};
use crate::options::FileOptions;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Sets up the schema. The only one that creates the file.
    SetUp,
    /// Commits operations.
    Write,
    /// Only looks.
    Read,
}

/// A connection, and which file it is on.
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    identity: Option<Identity>,
}

/// How many pages the log may have before a commit copies them into the file: 16 MB. SQLite's default, a quarter of
/// it, is made for transactions that write one or two pages.
const CHECKPOINT_PAGES: u32 = 4_000;
/// What the log is cut to when it has been larger.
const LOG_BYTES: u32 = 32 * 1_024 * 1_024;
/// Statements that a connection keeps prepared: more than this crate has.
pub(crate) const STATEMENTS: usize = 128;

impl Opened {
    pub(crate) fn new(file: &FileOptions, access: Access) -> Result<Self, Failure> {
        let path = &file.path;
        match std::fs::metadata(path) {
            Ok(there) if there.is_dir() => return Err(error::no_regular_file()),
            Ok(_) => {}
            Err(_) if access == Access::SetUp && path.parent().is_some_and(Path::exists) => {}
            Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => return Err(error::no_file(path)),
            // SQLite says what is wrong with it.
            Err(_) => {}
        }
        let create = match access {
            Access::SetUp => OpenFlags::SQLITE_OPEN_CREATE,
            Access::Write | Access::Read => OpenFlags::empty(),
        };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | create;
        let connection = Connection::open_with_flags(path, flags)?;
        prepare(&connection, file, access)?;
        Ok(Self {
            connection,
            identity: Identity::of(path),
        })
    }

    /// Whether the path still leads to the file of this connection. SQLite goes on with a file that was deleted, and
    /// whatever it then writes nobody else ever sees.
    pub(crate) fn is_current(&self, path: &Path) -> bool {
        self.identity.is_some() && self.identity == Identity::of(path)
    }
}

/// Tries again while another process has the lock, until the deadline.
pub(crate) fn patiently<T>(deadline: Instant, mut attempt: impl FnMut() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let mut pause = Pause::default();
    loop {
        match attempt() {
            Err(error) if is_busy(&error) && Instant::now() < deadline => pause.sleep(),
            other => return other,
        }
    }
}

/// Waits between attempts, shortly at first. SQLite's own waits grow to 100 ms, during which a lock that is taken
/// for half a millisecond at a time is free a hundred times.
#[derive(Default)]
pub(crate) struct Pause(u32);

impl Pause {
    pub(crate) fn sleep(&mut self) {
        self.0 = (self.0 + 1).min(5);
        thread::sleep(Duration::from_micros(62 << self.0));
    }
}

fn prepare(connection: &Connection, file: &FileOptions, access: Access) -> Result<(), Failure> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "trusted_schema", false)?;
    if access == Access::Read {
        connection.busy_timeout(file.busy_timeout)?;
        connection.pragma_update(None, "query_only", true)?;
        return Ok(());
    }
    // Writers wait by `patiently`, because switching a fresh file to WAL answers BUSY in spite of SQLite's own
    // time-out, and because between attempts the writer lets callers go whose time is over.
    connection.busy_timeout(Duration::ZERO)?;
    let deadline = Instant::now() + file.busy_timeout;
    patiently(deadline, || {
        connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0))
    })?;
    connection.pragma_update(None, "synchronous", file.sync.pragma())?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
    Ok(())
}

/// Tells a file from another one that has its path now.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Identity(u64, u64);

impl Identity {
    #[cfg(unix)]
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let file = std::fs::metadata(path).ok()?;
        Some(Self(file.dev(), file.ino()))
    }

    /// Elsewhere a file that is open can't be deleted.
    #[cfg(not(unix))]
    fn of(path: &Path) -> Option<Self> {
        path.exists().then_some(Self(0, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use convoke_core::OpenOptions;

    #[test]
    fn a_commit_waits_for_the_disk_unless_told_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        // As SQLite numbers them: FULL is 2, NORMAL is 1.
        for (option, synchronous) in [("", 2), ("?durability=full", 2), ("?durability=relaxed", 1)] {
            let url = format!("sqlite://{}/jobs.db{option}", folder.path().display());
            let file = FileOptions::read(&OpenOptions::new(&url).unwrap()).unwrap();
            let Opened { connection, .. } = Opened::new(&file, Access::SetUp).unwrap();
            let pragma =
                |name| connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
            assert_eq!(pragma("synchronous").unwrap(), i64::from(synchronous).into());
            assert_eq!(pragma("journal_mode").unwrap(), "wal".to_owned().into());
        }
    }
}
