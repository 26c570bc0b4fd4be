//! What `convoke agent` says.

use std::fmt;

use convoke::{Term, TopologyId};
use serde::Serialize;

/// Something that happened to an agent or to one of its units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    Registered { incarnation: u64 },
    Elected { term: Term },
    LeadOver { term: Term },
    StoreLost { error: String },
    StoreBack,
    UnitStarted { topology: TopologyId, pid: i32 },
    UnitEnded { topology: TopologyId, how: String },
    UnitFailed { topology: TopologyId, error: String },
    UnitRunsOut { topology: TopologyId },
    GuardGone { topology: TopologyId },
    GuardLate { topology: TopologyId },
    Stopping { signals: u32 },
    Stopped,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registered { incarnation } => write!(f, "registered, incarnation {incarnation}"),
            Self::Elected { term } => write!(f, "elected, term {term}"),
            Self::LeadOver { term } => write!(f, "term {term}: the lead is over"),
            Self::StoreLost { error } => write!(
                f,
                "the store does not answer, trying again; units end before this agent could be taken for dead: {error}"
            ),
            Self::StoreBack => f.write_str("the store answers again"),
            Self::UnitStarted { topology, pid } => write!(f, "{topology}: runs as process {pid}"),
            Self::UnitEnded { topology, how } => write!(f, "{topology}: {how}"),
            Self::UnitFailed { topology, error } => write!(f, "{topology}: failed: {error}"),
            Self::UnitRunsOut { topology } => write!(
                f,
                "{topology}: the store was not heard of in time; its guard stops it"
            ),
            Self::GuardGone { topology } => write!(f, "{topology}: its guard failed or was killed; ending it"),
            Self::GuardLate { topology } => write!(f, "{topology}: time is up, and its guard does not act; ending it"),
            Self::Stopping { signals: 1 } => f.write_str("told to stop; stopping all units"),
            Self::Stopping { .. } => f.write_str("told to stop again; killing all units"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}
