//! What sqlx and the server say, as errors of Convoke.

use convoke_core::{Error, ErrorKind};
use sqlx::mysql::MySqlDatabaseError;

/// What was under way when an error came up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing was asked of the server yet.
    Connecting,
    /// Something that changes nothing.
    Reading,
    /// Something that may have happened when no answer came.
    Writing,
}

/// Deadlock, lock wait time-out, a row changed since it was read, a statement to be prepared anew, a connection closed for
/// idling: each ends the call before anything happened, since the procedure's handler has rolled it back. So does a server
/// that keeps as many prepared statements as it may: the connection is closed, and those that it kept are free.
pub(crate) fn is_transient(error: &sqlx::Error) -> bool {
    matches!(
        number(error),
        Some(LOCK_WAIT | DEADLOCK | TOO_MANY_STATEMENTS | 1020 | 1615 | 4031)
    )
}

/// A lock that somebody held for longer than this session waits.
pub(crate) fn is_lock_wait(error: &sqlx::Error) -> bool {
    number(error) == Some(LOCK_WAIT)
}

/// The procedure is not there, or calls one that is of another version: for a moment, while another process creates them anew, or
/// for good.
pub(crate) fn is_missing_routine(error: &sqlx::Error) -> bool {
    matches!(number(error), Some(1305 | 1318))
}

/// A table that does not exist.
pub(crate) fn is_missing_table(error: &sqlx::Error) -> bool {
    number(error) == Some(1146)
}

/// Whether a statement of a migration failed because it was applied before: a table, column or key that is there, or a
/// key that was dropped.
pub(crate) fn is_applied_already(error: &sqlx::Error) -> bool {
    matches!(number(error), Some(1050 | 1060 | 1061 | 1091))
}

/// The number of an error of the server.
pub(crate) fn number(error: &sqlx::Error) -> Option<u16> {
    let sqlx::Error::Database(error) = error else {
        return None;
    };
    error
        .try_downcast_ref::<MySqlDatabaseError>()
        .map(MySqlDatabaseError::number)
}

const LOCK_WAIT: u16 = 1205;
const DEADLOCK: u16 = 1213;
const TOO_MANY_STATEMENTS: u16 = 1461;

/// The error of Convoke for one of sqlx.
pub(crate) fn from_sqlx(error: sqlx::Error, stage: Stage) -> Error {
    let (kind, message) = match (&error, number(&error)) {
        (_, Some(number)) => of_server(number, stage),
        (sqlx::Error::Configuration(_), _) => (
            ErrorKind::InvalidArgument,
            "the URL of the database is not understood, or the server wants TLS for the password, which this build lacks; correct it, \
             or build with the feature tls-rustls",
        ),
        (sqlx::Error::Tls(_), _) => (
            ErrorKind::InvalidArgument,
            "TLS with the server failed; check ssl-mode and ssl-ca in the URL, and build with the feature tls-rustls",
        ),
        // What came over the wire is not to be trusted: so rustls says that it refuses a certificate.
        (sqlx::Error::Io(source), _)
            if stage == Stage::Connecting && source.kind() == std::io::ErrorKind::InvalidData =>
        {
            (
                ErrorKind::Denied,
                "TLS with the server failed; its certificate must be for the host in the URL and of an authority in the file that \
                 ssl-ca names (without it, of a public one): correct the URL, or the certificate",
            )
        }
        (sqlx::Error::Io(_), _) if stage == Stage::Connecting => (
            ErrorKind::Unavailable,
            "the server cannot be reached; check that it runs, and the host and port in the URL",
        ),
        (sqlx::Error::Protocol(_), _) if stage == Stage::Connecting => (
            ErrorKind::Unavailable,
            "the server does not speak the protocol of MySQL, or ended the conversation while connecting",
        ),
        (sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed, _) => lost(stage),
        (sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnIndexOutOfBounds { .. }, _) => {
            (
                ErrorKind::Corrupt,
                "the database answers what this program does not understand; run `convoke check`",
            )
        }
        _ => (ErrorKind::Internal, "the driver failed; please report this"),
    };
    Error::new(kind, message).caused_by(error)
}

fn of_server(number: u16, stage: Stage) -> (ErrorKind, &'static str) {
    match number {
        1045 | 1130 | 1251 | 1698 | 1862 | 3118 | 4151 => (
            ErrorKind::Denied,
            "the server refuses this user or password, or their host; correct them in the URL, or have them allowed",
        ),
        1044 | 1142 | 1143 | 1227 | 1370 => (
            ErrorKind::Denied,
            "the user of the URL lacks rights on the database; GRANT EXECUTE, SELECT, INSERT, UPDATE, DELETE on it, and to \
             set it up also CREATE, ALTER, INDEX, DROP, REFERENCES, TRIGGER, CREATE ROUTINE, ALTER ROUTINE",
        ),
        1419 => (
            ErrorKind::Denied,
            "the server logs binarily and lets only administrators create triggers; migrate once as one, or SET GLOBAL \
             log_bin_trust_function_creators = 1",
        ),
        1049 => (
            ErrorKind::Denied,
            "the database does not exist; correct its name in the URL, or CREATE DATABASE first",
        ),
        1040 | 1203 | 1226 => (
            ErrorKind::Unavailable,
            "the server takes no more connections; raise its max_connections or lower `connections` in the URL",
        ),
        TOO_MANY_STATEMENTS => (
            ErrorKind::Unavailable,
            "the server keeps no more prepared statements; raise its max_prepared_stmt_count",
        ),
        LOCK_WAIT => (
            ErrorKind::Unavailable,
            "another transaction holds what this call needs; look for one that was left open, and try again",
        ),
        DEADLOCK | 1020 | 1615 | 4031 => (
            ErrorKind::Unavailable,
            "the call gave way to others; nothing happened, try again",
        ),
        1290 | 1792 | 1836 => (
            ErrorKind::Unavailable,
            "the server is read-only; connect to the one that is not",
        ),
        1021 | 1037 | 1038 | 1041 | 1114 => (
            ErrorKind::Unavailable,
            "the server has no room left on disk or in memory; make some and try again",
        ),
        1146 | 1305 | 1318 | 1054 => (
            ErrorKind::Unsupported,
            "the schema is not the one that this program needs; run `convoke migrate`",
        ),
        1153 => (
            ErrorKind::InvalidArgument,
            "the message is larger than the server takes; raise its max_allowed_packet",
        ),
        1053
        | 1077
        | 1079
        | 1080
        | 1184
        | 1152
        | 1158..=1161
        | 1189
        | 1190
        | 1317
        | 1927
        | 1969
        | 3024
        | 2006
        | 2013 => lost(stage),
        _ => (
            ErrorKind::Internal,
            "the server refused a statement of the driver; please report this",
        ),
    }
}

/// A connection that was lost, or a call that was cut short.
fn lost(stage: Stage) -> (ErrorKind, &'static str) {
    match stage {
        Stage::Writing => (
            ErrorKind::OutcomeUnknown,
            "the connection was lost before the answer came; it may have happened or not: look before you repeat it",
        ),
        Stage::Connecting | Stage::Reading => (
            ErrorKind::Unavailable,
            "the connection to the server was lost; try again",
        ),
    }
}

/// No answer in time.
pub(crate) fn timed_out(stage: Stage) -> Error {
    match stage {
        Stage::Connecting => Error::new(
            ErrorKind::Unavailable,
            "the server did not take the connection in time; check that it runs, and the host and port in the URL",
        ),
        Stage::Reading => Error::new(ErrorKind::Unavailable, "the server did not answer in time; try again"),
        Stage::Writing => Error::new(
            ErrorKind::OutcomeUnknown,
            "the server did not answer in time; it may have happened or not: look before you repeat it",
        ),
    }
}

/// All connections were busy for the whole time.
pub(crate) fn all_busy(connections: usize) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "all connections were busy for too long; try again, or raise `connections` in the URL",
    )
    .with("connections", connections)
}

/// An answer that the procedures of this version do not give.
pub(crate) fn unexpected(what: &'static str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        "a procedure answers what this program does not understand; run `convoke check`",
    )
    .with("answer", what)
}

/// A topology that another program registered under an id that breaks the rules.
pub(crate) fn foreign_topology(source: Error, id: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        "the database holds a topology whose id breaks the rules; another program made it: delete or rename it",
    )
    .with("topology", id.chars().take(40).collect::<String>())
    .caused_by(source)
}

/// A worker that another program registered under a name that breaks the rules.
pub(crate) fn foreign_name(source: Error, name: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        "the database holds a worker whose name breaks the rules; another program made it: delete or rename it",
    )
    .with("worker", name.chars().take(40).collect::<String>())
    .caused_by(source)
}
