//! What `convoke lead` says.

use std::fmt;

use convoke::Term;
use serde::Serialize;

/// Something that happened to a contender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    Registered { incarnation: u64 },
    Waiting { why: String },
    Elected { term: Term },
    Started { term: Term, pid: i32 },
    RenewalFailed { term: Term, error: String },
    LeaseRunsOut { term: Term },
    LeaseLost { term: Term, why: String },
    GuardGone { term: Term },
    GuardLate { term: Term },
    TooLate { term: Term },
    Stopping { signals: u32 },
    CommandEnded { term: Term, exit_code: u8 },
    Resigned { term: Term },
    ResignFailed { term: Term, error: String },
    StoreFailed { error: String },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registered { incarnation } => write!(f, "registered, incarnation {incarnation}"),
            Self::Waiting { why } => write!(f, "waiting: {why}"),
            Self::Elected { term } => write!(f, "elected, term {term}"),
            Self::Started { term, pid } => write!(f, "term {term}: the command runs as process {pid}"),
            Self::RenewalFailed { term, error } => write!(f, "term {term}: cannot renew, trying again: {error}"),
            Self::LeaseRunsOut { term } => write!(f, "term {term}: the lease runs out; stopping the command"),
            Self::LeaseLost { term, why } => write!(f, "term {term}: the lease is lost ({why}); stopping the command"),
            Self::GuardGone { term } => write!(f, "term {term}: the guard failed or was killed; ending the command"),
            Self::GuardLate { term } => {
                write!(
                    f,
                    "term {term}: the lease runs out, and the guard does not act; ending the command"
                )
            }
            Self::TooLate { term } => write!(f, "term {term}: elected too late to start the command"),
            Self::Stopping { signals: 1 } => f.write_str("told to stop; stopping the command"),
            Self::Stopping { .. } => f.write_str("told to stop again; killing the command"),
            Self::CommandEnded { term, exit_code } => write!(f, "term {term}: the command ended with {exit_code}"),
            Self::Resigned { term } => write!(f, "term {term}: resigned"),
            Self::ResignFailed { term, error } => {
                write!(
                    f,
                    "term {term}: cannot resign, so the next lead waits for the end of the lease: {error}"
                )
            }
            Self::StoreFailed { error } => write!(f, "the store fails, trying again: {error}"),
        }
    }
}
