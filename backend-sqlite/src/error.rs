//! What a failure of SQLite means to a caller. Errors of this backend are made here.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::path::Path;
use std::sync::Arc;

use convoke_core::{Error, ErrorKind};
use rusqlite::{ErrorCode, ffi};

/// Why a step did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Fault {
    /// By a rule of the contract: it is the caller's answer, and nothing is wrong with the store.
    Refused(Error),
    /// By the store.
    Failed(Failure),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(source: rusqlite::Error) -> Self {
        Self::Failed(source.into())
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(error) => error,
            Fault::Failed(failure) => failure.into(),
        }
    }
}

/// A failure of the store. Unlike [`Error`] it can be told to all callers whose operations shared a commit.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    kind: ErrorKind,
    what: Cow<'static, str>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, what: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            what: what.into(),
            source: None,
        }
    }

    #[must_use]
    pub(crate) fn caused_by(self, source: impl StdError + Send + Sync + 'static) -> Self {
        Self {
            source: Some(Arc::new(source)),
            ..self
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(source: rusqlite::Error) -> Self {
        let (kind, what) = meaning(&source);
        Self::new(kind, what).caused_by(source)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let error = Error::new(failure.kind, failure.what);
        match failure.source {
            Some(source) => error.caused_by(source),
            None => error,
        }
    }
}

/// Whether somebody else has the lock that this needed.
pub(crate) fn is_busy(source: &rusqlite::Error) -> bool {
    matches!(
        source.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// What a failed COMMIT means.
///
/// The transaction is undone in any case. But once its last frame is in the log, a power cut right now could bring it
/// back when the file is opened next: SQLite had only failed to make sure of it.
pub(crate) fn of_commit(source: rusqlite::Error) -> Failure {
    let code = source.sqlite_error().map(|error| error.extended_code);
    let surely_undone = is_busy(&source)
        || matches!(
            source.sqlite_error_code(),
            Some(ErrorCode::DiskFull | ErrorCode::ReadOnly)
        )
        || code == Some(ffi::SQLITE_IOERR_WRITE);
    if surely_undone {
        return source.into();
    }
    let what = "the disk did not confirm the commit; look whether it happened before repeating it";
    Failure::new(ErrorKind::OutcomeUnknown, what).caused_by(source)
}

/// What it means to an operation that another one of the same commit failed.
pub(crate) fn of_neighbour(failure: Option<Failure>) -> Failure {
    match failure {
        Some(failure) if matches!(failure.kind, ErrorKind::Denied | ErrorKind::Unavailable) => failure,
        failure => Failure {
            kind: ErrorKind::Unavailable,
            what: "rolled back with an operation that shared the commit and failed; repeat the call".into(),
            source: failure.and_then(|failure| failure.source),
        },
    }
}

/// Something is stored that this program did not write.
pub(crate) fn corrupt(what: &'static str) -> Failure {
    Failure::new(ErrorKind::Corrupt, what)
}

/// The path leads to no file.
pub(crate) fn no_file(path: &Path) -> Failure {
    let missing = path
        .ancestors()
        .skip(1)
        .find(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    let what: Cow<'static, str> = match missing {
        Some(folder) => format!(
            "the directory {} does not exist; create it, or correct the path",
            folder.display()
        )
        .into(),
        None => "the file does not exist; migrate to set it up (opening does so unless told otherwise), or put it back"
            .into(),
    };
    Failure::new(ErrorKind::Unavailable, what)
}

/// The path leads to something else than a file.
pub(crate) fn no_regular_file() -> Failure {
    Failure::new(
        ErrorKind::InvalidArgument,
        "the path names a directory; name a file in it",
    )
}

fn meaning(source: &rusqlite::Error) -> (ErrorKind, &'static str) {
    use ErrorKind::{Corrupt, Denied, Internal, InvalidArgument, Unavailable, Unsupported};
    let Some(error) = source.sqlite_error() else {
        return match source {
            rusqlite::Error::NulError(_) => (InvalidArgument, "a path has no NUL character"),
            _ => (Corrupt, "the file holds a value that this program did not write"),
        };
    };
    match error.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => (
            Unavailable,
            "another process kept the file locked for longer than the time-out; repeat the call, or raise busy_timeout",
        ),
        ErrorCode::DiskFull => (
            Unavailable,
            "the disk is full; nothing was written; free some space and repeat the call",
        ),
        ErrorCode::ReadOnly if error.extended_code == ffi::SQLITE_READONLY_DBMOVED => (
            Unavailable,
            "the file was moved or deleted while it was open; nothing was written; repeat the call",
        ),
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied => (
            Denied,
            "the file can't be written; give this process the right to write it and its directory, and repeat the call",
        ),
        ErrorCode::CannotOpen => (
            Denied,
            "the file can't be opened; give this process the right to read and write it and its directory, and to open \
             more files if it has too many open",
        ),
        ErrorCode::SystemIoFailure => (
            Unavailable,
            "the disk failed to read or write; nothing was written; see to the disk and repeat the call",
        ),
        ErrorCode::NotADatabase => (
            Corrupt,
            "the file is not an SQLite database (or is encrypted); name another one",
        ),
        ErrorCode::DatabaseCorrupt => (
            Corrupt,
            "the file is damaged; restore it from a copy; `PRAGMA integrity_check` says more",
        ),
        ErrorCode::TooBig => (InvalidArgument, "a value is larger than SQLite stores"),
        ErrorCode::OutOfMemory => (Unavailable, "this process has no memory left"),
        ErrorCode::Unknown if source.to_string().contains("no such table: convoke_") => (
            Unsupported,
            "nothing is set up in this file (or it was reset); migrate, or open it again",
        ),
        _ => (Internal, "SQLite refused a statement of this program; please report it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(extended_code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(extended_code), None)
    }

    #[test]
    fn every_bad_day_has_its_kind() {
        for (code, kind) in [
            (ffi::SQLITE_BUSY, ErrorKind::Unavailable),
            (ffi::SQLITE_BUSY_RECOVERY, ErrorKind::Unavailable),
            (ffi::SQLITE_FULL, ErrorKind::Unavailable),
            (ffi::SQLITE_READONLY, ErrorKind::Denied),
            (ffi::SQLITE_READONLY_DIRECTORY, ErrorKind::Denied),
            (ffi::SQLITE_READONLY_DBMOVED, ErrorKind::Unavailable),
            (ffi::SQLITE_CANTOPEN, ErrorKind::Denied),
            (ffi::SQLITE_IOERR_READ, ErrorKind::Unavailable),
            (ffi::SQLITE_NOTADB, ErrorKind::Corrupt),
            (ffi::SQLITE_CORRUPT, ErrorKind::Corrupt),
            (ffi::SQLITE_CONSTRAINT, ErrorKind::Internal),
        ] {
            assert_eq!(Failure::from(failed(code)).kind, kind, "{code}");
        }
    }

    #[test]
    fn a_commit_that_the_disk_did_not_confirm_may_have_happened() {
        for (code, kind) in [
            (ffi::SQLITE_FULL, ErrorKind::Unavailable),
            (ffi::SQLITE_IOERR_WRITE, ErrorKind::Unavailable),
            (ffi::SQLITE_IOERR_FSYNC, ErrorKind::OutcomeUnknown),
        ] {
            assert_eq!(of_commit(failed(code)).kind, kind, "{code}");
        }
    }
}
