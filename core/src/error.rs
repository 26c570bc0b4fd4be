//! The one error type of every operation on every backend.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

/// The result of an operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of thing went wrong. Refusals (a lost election, an empty queue) are answers, not errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument breaks a rule that can be checked without the store. Nothing was sent.
    InvalidArgument,
    /// What the operation names does not exist.
    NotFound,
    /// What the operation would make exists already, and differs.
    AlreadyExists,
    /// The state or version that the operation needs is not met.
    Conflict,
    /// The incarnation, term, lease or receipt that came with the operation is stale.
    Fenced,
    /// The store could not be reached or did not take the operation. Nothing happened; a retry is safe.
    Unavailable,
    /// The store turns away whoever asks: a wrong password, a database that does not exist, rights that lack, a
    /// certificate that nobody known vouches for. Nothing happened, and waiting does not help: somebody has to change what the message names.
    Denied,
    /// The operation was sent and its reply was lost: it may have happened or not. Look before you repeat it.
    OutcomeUnknown,
    /// The store holds something that this program did not write or cannot read.
    Corrupt,
    /// The backend, or the schema it found, does not do this.
    Unsupported,
    /// A fault of this program.
    Internal,
}

impl ErrorKind {
    /// The kind as one word in snake case, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArgument => "invalid_argument",
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::Conflict => "conflict",
            Self::Fenced => "fenced",
            Self::Unavailable => "unavailable",
            Self::Denied => "denied",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Corrupt => "corrupt",
            Self::Unsupported => "unsupported",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error: its [kind](ErrorKind), the operation, a sentence that says what to do, context pairs and the source.
///
/// ```
/// use convoke_core::WorkerName;
///
/// let error = WorkerName::new("").unwrap_err();
/// assert_eq!(error.kind(), convoke_core::ErrorKind::InvalidArgument);
/// assert!(!error.is_retryable());
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    operation: Option<Cow<'static, str>>,
    message: Cow<'static, str>,
    context: Vec<(&'static str, String)>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of this kind. `message` says in a sentence what is wrong and, where it can, what to do.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            operation: None,
            message: message.into(),
            context: Vec::new(),
            source: None,
        }))
    }

    /// Names the operation, such as `leadership.campaign`. The first name given stays.
    #[must_use]
    pub fn at(mut self, operation: impl Into<Cow<'static, str>>) -> Self {
        self.0.operation.get_or_insert_with(|| operation.into());
        self
    }

    /// Adds a pair of context. Never pass a secret.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.0.context.push((key, value.to_string()));
        self
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The operation that failed, when known.
    #[must_use]
    pub fn operation(&self) -> Option<&str> {
        self.0.operation.as_deref()
    }

    /// The sentence that says what is wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The context pairs, in the order in which they were added.
    pub fn context(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.context.iter().map(|(key, value)| (*key, value.as_str()))
    }

    /// Whether the same call can be made again as it is: nothing happened, and the cause may pass.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.kind() == ErrorKind::Unavailable
    }

    /// Whether the store turned the caller away: a person has to change a password, a name or a right first.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        self.kind() == ErrorKind::Denied
    }

    /// Whether an expected state or version was not met.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.kind() == ErrorKind::Conflict
    }

    /// Whether a stale incarnation, term, lease or receipt was refused: whoever gets this must stop acting.
    #[must_use]
    pub fn is_fenced(&self) -> bool {
        self.kind() == ErrorKind::Fenced
    }

    /// Whether the operation may or may not have happened.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        self.kind() == ErrorKind::OutcomeUnknown
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(operation) = &self.0.operation {
            write!(f, "{operation}: ")?;
        }
        f.write_str(&self.0.message)?;
        if !self.0.context.is_empty() {
            f.write_str(" (")?;
            for (index, (key, value)) in self.0.context.iter().enumerate() {
                let comma = if index == 0 { "" } else { ", " };
                write!(f, "{comma}{key}: {value:?}")?;
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.0.kind)?;
        if let Some(source) = &self.0.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| source.as_ref() as _)
    }
}

/// [`ErrorKind::InvalidArgument`] with a sentence.
pub fn invalid(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

/// [`ErrorKind::NotFound`] for a worker that is not registered.
#[must_use]
pub fn unknown_worker(name: &crate::WorkerName) -> Error {
    Error::new(ErrorKind::NotFound, "no worker has this name; register it first").with("worker", name)
}

/// [`ErrorKind::Fenced`] for an incarnation that another registration has taken over.
#[must_use]
pub fn stale_registration(registration: &crate::Registration) -> Error {
    Error::new(
        ErrorKind::Fenced,
        "this registration is stale: the name was registered again; stop, or register anew",
    )
    .with("worker", &registration.worker)
    .with("incarnation", registration.incarnation)
}

/// [`ErrorKind::Fenced`] for a term that does not lead any more.
#[must_use]
pub fn stale_term(term: crate::Term) -> Error {
    Error::new(
        ErrorKind::Fenced,
        "this term does not lead any more; stop acting as the leader",
    )
    .with("term", term)
}

/// [`ErrorKind::Fenced`] for a receipt whose claim ended: acknowledged, expired, or delivered again.
#[must_use]
pub fn stale_receipt(message: crate::MessageId) -> Error {
    Error::new(
        ErrorKind::Fenced,
        "this receipt is stale: its message was settled, its visibility ended, or its worker registered again",
    )
    .with("message", message)
}

/// [`ErrorKind::Conflict`] for deleting a worker that is not unloaded.
#[must_use]
pub fn not_unloaded(name: &crate::WorkerName, status: crate::WorkerStatus) -> Error {
    Error::new(
        ErrorKind::Conflict,
        "only an unloaded worker can be deleted; set its status to unloaded first",
    )
    .with("worker", name)
    .with("status", status)
}

/// [`ErrorKind::Conflict`] for deleting a worker whose topologies were not taken away yet.
#[must_use]
pub fn worker_in_use(name: &crate::WorkerName) -> Error {
    Error::new(
        ErrorKind::Conflict,
        "topologies still wait for this worker or run on it; refresh the statuses first, which takes them away",
    )
    .with("worker", name)
}

/// [`ErrorKind::NotFound`] for a topology that is not registered.
#[must_use]
pub fn unknown_topology(id: &crate::TopologyId) -> Error {
    Error::new(ErrorKind::NotFound, "no topology has this id; register it first").with("topology", id)
}

/// [`ErrorKind::Conflict`] for deleting a topology that somebody is to run.
#[must_use]
pub fn topology_in_use(topology: &crate::Topology) -> Error {
    let error = Error::new(
        ErrorKind::Conflict,
        "a topology that is waiting or running can't be deleted; stop it first",
    );
    let error = error.with("topology", &topology.id).with("status", topology.status);
    match &topology.worker {
        Some(worker) => error.with("worker", worker),
        None => error,
    }
}

/// [`ErrorKind::Conflict`] for clearing the error of a topology that has none.
#[must_use]
pub fn not_in_error(id: &crate::TopologyId, status: crate::TopologyStatus) -> Error {
    Error::new(
        ErrorKind::Conflict,
        "only a topology in error can have its error cleared",
    )
    .with("topology", id)
    .with("status", status)
}

/// [`ErrorKind::Fenced`] for a token that does not hold its lock any more.
#[must_use]
pub fn stale_lock(name: &crate::LockName, token: crate::LockToken) -> Error {
    Error::new(
        ErrorKind::Fenced,
        "this token does not hold the lock any more; stop acting under it",
    )
    .with("lock", name)
    .with("token", token)
}

/// [`ErrorKind::Internal`] for a write that expects nothing and was refused nevertheless.
#[must_use]
pub fn unexpected_mismatch(key: &crate::SettingKey) -> Error {
    Error::new(ErrorKind::Internal, "the store refused a write that expects nothing").with("key", key)
}

/// [`ErrorKind::Internal`] for a store that answers less than it was asked.
#[must_use]
pub fn missing_answer(operation: &'static str) -> Error {
    Error::new(ErrorKind::Internal, "the store answered less than it was asked").at(operation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_by_waiting_can_be_retried_as_it_is() {
        use ErrorKind::{
            AlreadyExists, Conflict, Corrupt, Denied, Fenced, Internal, InvalidArgument, NotFound, OutcomeUnknown,
            Unavailable, Unsupported,
        };
        let others = [
            AlreadyExists,
            Conflict,
            Corrupt,
            Denied,
            Fenced,
            Internal,
            InvalidArgument,
            NotFound,
            OutcomeUnknown,
            Unsupported,
        ];
        assert!(Error::new(Unavailable, "").is_retryable());
        assert!(others.into_iter().all(|kind| !Error::new(kind, "").is_retryable()));
        assert!(Error::new(Denied, "").is_denied() && !Error::new(Unavailable, "").is_denied());
    }
}
