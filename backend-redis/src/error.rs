//! Errors of the redis crate as errors of Convoke.

use std::error::Error as StdError;
use std::sync::Arc;

use convoke_core::{Error, ErrorKind};
use redis::RedisError;

use crate::script::Effect;

/// How far a call had come when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There was no connection yet: nothing was sent.
    Connecting,
    /// It was sent, or may have been.
    Sent(Effect),
}

/// Why a call has no answer, or none but a refusal.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// None: the time was over.
    cause: Option<RedisError>,
    progress: Progress,
}

impl Failure {
    /// What the client or the server says.
    pub(crate) fn new(cause: RedisError, progress: Progress) -> Self {
        Self {
            cause: Some(cause),
            progress,
        }
    }

    /// It took too long.
    pub(crate) fn timed_out(progress: Progress) -> Self {
        Self { cause: None, progress }
    }
}

impl From<Failure> for Error {
    fn from(Failure { cause, progress }: Failure) -> Self {
        let Some(error) = cause else {
            return lost(progress).with("cause", "the time-out of the handle ran out");
        };
        match error.code() {
            Some(code) => refused(code, error.detail().unwrap_or_default()),
            None if error.kind() == redis::ErrorKind::AuthenticationFailed => refused("WRONGPASS", ""),
            None if error.kind() == redis::ErrorKind::RESP3NotSupported => refused("ERR", "unknown command HELLO"),
            None if progress == Progress::Connecting && is_refused_by_tls(&error) => untrusted().caused_by(error),
            None => lost(progress).caused_by(error),
        }
    }
}

/// What came over the wire is not to be trusted: so rustls says that it refuses a certificate.
fn is_refused_by_tls(error: &RedisError) -> bool {
    // The client gives its source behind a pointer, which is not the source by itself.
    let source = StdError::source(error).and_then(|source| source.downcast_ref::<Arc<dyn StdError + Send + Sync>>());
    let failed = source.and_then(|source| source.downcast_ref::<std::io::Error>());
    failed.is_some_and(|failed| failed.kind() == std::io::ErrorKind::InvalidData)
}

fn untrusted() -> Error {
    Error::new(
        ErrorKind::Denied,
        "TLS with the server failed; its certificate must be for the host in the URL and of an authority in the file that \
         ssl-ca names (without it, of a public one): correct the URL, or the certificate",
    )
}

fn lost(progress: Progress) -> Error {
    match progress {
        Progress::Connecting => Error::new(
            ErrorKind::Unavailable,
            "the Redis server can't be reached; check that it runs and that the URL names it",
        ),
        Progress::Sent(Effect::Read) => Error::new(
            ErrorKind::Unavailable,
            "the Redis server did not answer; nothing was changed, try again",
        ),
        Progress::Sent(Effect::Write) => Error::new(
            ErrorKind::OutcomeUnknown,
            "the connection to the Redis server was lost before it answered: look whether it happened before you repeat it",
        ),
    }
}

/// What the server said instead of doing it. Where it says so of a script, it did nothing of it.
fn refused(code: &str, detail: &str) -> Error {
    let (kind, message) = match code {
        "LOADING" => (
            ErrorKind::Unavailable,
            "the Redis server is still loading its data; try again",
        ),
        "BUSY" => (
            ErrorKind::Unavailable,
            "the Redis server runs somebody's slow script; try again, or SCRIPT KILL it",
        ),
        "TRYAGAIN" | "CLUSTERDOWN" | "MASTERDOWN" | "MOVED" | "ASK" => (
            ErrorKind::Unavailable,
            "the Redis Cluster does not serve the slot of this namespace now; try again, or see CLUSTER INFO",
        ),
        "READONLY" => (
            ErrorKind::Unavailable,
            "this Redis server is a replica and takes no writes; connect to the primary, or try again after the fail-over",
        ),
        "NOREPLICAS" => (
            ErrorKind::Unavailable,
            "the Redis server has fewer replicas than min-replicas-to-write asks for; bring them back, then try again",
        ),
        "MISCONF" => (
            ErrorKind::Unavailable,
            "the Redis server cannot write to its disk and takes no writes; see its log, then try again",
        ),
        "OOM" => (
            ErrorKind::Unavailable,
            "the Redis server has reached its maxmemory; raise it or free memory, then try again",
        ),
        "NOAUTH" => (
            ErrorKind::Denied,
            "the Redis server wants a password; put it into the URL: redis://user:password@host",
        ),
        "WRONGPASS" => (
            ErrorKind::Denied,
            "the Redis server refuses the user or the password of the URL; correct them",
        ),
        "NOPERM" => (
            ErrorKind::Denied,
            "the Redis server does not permit this to the user; grant it ~{convoke:* &{convoke:* and the commands of the scripts",
        ),
        "WRONGTYPE" | "CORRUPT" => (
            ErrorKind::Corrupt,
            "a key of this namespace holds what Convoke did not write; find out what did, and take another namespace",
        ),
        "NOSCRIPT" => (
            ErrorKind::Unavailable,
            "the Redis server forgets scripts as soon as it gets them; try again",
        ),
        _ => by_detail(detail),
    };
    let error = Error::new(kind, message).with("code", code);
    // What a script throws names the script, and what a command says may repeat its arguments: that much, not more.
    let said: String = detail.chars().take(160).collect();
    if said.is_empty() {
        error
    } else {
        error.with("server", said)
    }
}

fn by_detail(detail: &str) -> (ErrorKind, &'static str) {
    if detail.contains("DB index") {
        let message = "the Redis server has no database of this number; correct the path of the URL";
        (ErrorKind::Denied, message)
    } else if detail.contains("HELLO") || detail.contains("unknown command") {
        (
            ErrorKind::Unsupported,
            "the server lacks a command of Redis 7; use Redis 7, Valkey, or a later one",
        )
    } else if detail.contains("script") {
        let message =
            "a script stumbled over what the store holds; something else writes to the keys of this namespace";
        (ErrorKind::Corrupt, message)
    } else {
        (
            ErrorKind::Internal,
            "the Redis server refused a command that this program should not have sent",
        )
    }
}
