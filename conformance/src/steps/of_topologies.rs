//! Random deeds with topologies.

use convoke_core::{
    Affinity, Assignment, ErrorText, NewTopology, Operation, Payload, Placement, Placements, Report, Result, Timestamp,
    TopologiesAnswer as TA, TopologiesOperation as TO, TopologyId, Weight, WorkerName,
};
use proptest::prelude::*;

use super::{Keep, Known, LENGTHS, Recency, keep, limit, name, recency, who};

/// Ids that are close to each other.
const TOPOLOGIES: [&str; 4] = ["t", "T", "ü", "u\u{308}"];

const WEIGHTS: [f64; 5] = [1.0, 0.0, 0.1, 5e-324, 1_000_000.0];

const AFFINITIES: [&[&str]; 4] = [&[], &["a"], &["b", "a,b", "A"], &["nobody"]];

const ERRORS: [&str; 4] = ["it broke", "", "\0'; -- \\ ?\n", "💥"];

/// What somebody may do with a topology. `which` numbers the topologies, `by` the workers: the one that was given it
/// last when none.
#[derive(Clone, Debug)]
#[rustfmt::skip]
pub(crate) enum TopologyDeed {
    Register { which: usize, weight: usize, affinity: usize },
    Assign { recency: Recency, placements: Vec<(usize, usize)> },
    Report { by: Option<usize>, recency: Recency, which: usize, says: Says },
    Pid { by: Option<usize>, recency: Recency, which: usize, pid: Option<u32> },
    Enable { which: usize },
    Disable { which: usize },
    Stop { which: usize },
    Kill { which: usize },
    SetError { which: usize, why: usize },
    ClearError { which: usize },
    Delete { which: usize },
    Get { which: usize },
    List { limit: u32, on: bool },
    ListAssigned { who: usize, limit: u32, on: bool },
    History { which: usize, limit: u32, on: bool },
    Trim { keep: Keep, limit: u32, on: bool },
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Says {
    Runs,
    Failed(usize),
    Released,
}

/// Every topology, registered and enabled.
pub(super) fn first() -> impl Iterator<Item = TopologyDeed> {
    (0..TOPOLOGIES.len()).flat_map(|which| {
        let register = TopologyDeed::Register {
            which,
            weight: which,
            affinity: which,
        };
        [register, TopologyDeed::Enable { which }]
    })
}

pub(super) fn deed() -> BoxedStrategy<TopologyDeed> {
    use TopologyDeed as T;
    let by = || prop::option::weighted(0.2, who());
    let says = prop_oneof![
        4 => Just(Says::Runs),
        1 => why().prop_map(Says::Failed),
        2 => Just(Says::Released),
    ];
    let pid = prop::option::of(prop_oneof![4 => 0..3u32, 1 => Just(u32::MAX)]);
    let written = prop_oneof![
        3 => (which(), 0..WEIGHTS.len(), 0..AFFINITIES.len())
            .prop_map(|(which, weight, affinity)| T::Register { which, weight, affinity }),
        9 => (recency(), prop::collection::vec((which(), who()), 1..4))
            .prop_map(|(recency, placements)| T::Assign { recency, placements }),
        7 => (by(), recency(), which(), says)
            .prop_map(|(by, recency, which, says)| T::Report { by, recency, which, says }),
        2 => (by(), recency(), which(), pid).prop_map(|(by, recency, which, pid)| T::Pid { by, recency, which, pid }),
        4 => which().prop_map(|which| T::Enable { which }),
        1 => which().prop_map(|which| T::Disable { which }),
        2 => which().prop_map(|which| T::Stop { which }),
        2 => which().prop_map(|which| T::Kill { which }),
        2 => (which(), why()).prop_map(|(which, why)| T::SetError { which, why }),
        2 => which().prop_map(|which| T::ClearError { which }),
        1 => which().prop_map(|which| T::Delete { which }),
        1 => (keep(), limit(), any::<bool>()).prop_map(|(keep, limit, on)| T::Trim { keep, limit, on }),
    ];
    let read = prop_oneof![
        2 => which().prop_map(|which| T::Get { which }),
        1 => (limit(), any::<bool>()).prop_map(|(limit, on)| T::List { limit, on }),
        2 => (who(), limit(), any::<bool>()).prop_map(|(who, limit, on)| T::ListAssigned { who, limit, on }),
        2 => (which(), limit(), any::<bool>()).prop_map(|(which, limit, on)| T::History { which, limit, on }),
    ];
    prop_oneof![4 => written, 1 => read].boxed()
}

fn which() -> impl Strategy<Value = usize> {
    prop_oneof![4 => Just(0), 2 => Just(1), 1 => Just(2), 1 => Just(3)]
}

fn why() -> impl Strategy<Value = usize> {
    0..ERRORS.len()
}

impl TopologyDeed {
    #[rustfmt::skip]
    pub(super) fn operation(&self, known: &mut Known, now: Timestamp) -> Result<TO> {
        Ok(match *self {
            Self::Register { which, weight, affinity } => {
                known.made += 1;
                let config = Payload::of(&known.made)?;
                let workers = AFFINITIES[affinity].iter().map(WorkerName::new).collect::<Result<Vec<_>>>()?;
                let topology = NewTopology::new(id(which)?, config)
                    .with_weight(Weight::new(WEIGHTS[weight])?)
                    .with_affinity(Affinity::new(workers)?);
                TO::RegisterTopology { topology }
            }
            Self::Assign { recency, ref placements } => {
                known.ends.extend(LENGTHS.map(|waiting| now.plus(waiting)));
                TO::AssignTopologies { term: known.lease(recency)?.term, placements: batch(placements)? }
            }
            Self::Report { by, recency, which, says } => {
                let registration = known.registration_of(by, which, recency)?;
                let report = match says {
                    Says::Runs => Report::Running,
                    Says::Failed(why) => Report::Failed(ErrorText::new(ERRORS[why])),
                    Says::Released => Report::Released,
                };
                TO::ReportTopology { registration, id: id(which)?, report }
            }
            Self::Pid { by, recency, which, pid } => {
                let registration = known.registration_of(by, which, recency)?;
                TO::SetTopologyPid { registration, id: id(which)?, pid }
            }
            Self::Enable { which } => TO::EnableTopology { id: id(which)? },
            Self::Disable { which } => TO::DisableTopology { id: id(which)? },
            Self::Stop { which } => TO::StopTopology { id: id(which)? },
            Self::Kill { which } => TO::KillTopology { id: id(which)? },
            Self::SetError { which, why } => {
                TO::SetTopologyError { id: id(which)?, error: ErrorText::new(ERRORS[why]) }
            }
            Self::ClearError { which } => TO::ClearTopologyError { id: id(which)? },
            Self::Delete { which } => TO::DeleteTopology { id: id(which)? },
            Self::Get { which } => TO::GetTopology { id: id(which)? },
            Self::List { limit, on } => TO::ListTopologies { page: known.page(ALL, limit, on)? },
            Self::ListAssigned { who, limit, on } => {
                TO::ListAssignedTopologies { worker: name(who)?, page: known.page(HELD[who], limit, on)? }
            }
            Self::History { which, limit, on } => {
                TO::TopologyHistory { id: id(which)?, page: known.page(HISTORIES[which], limit, on)? }
            }
            Self::Trim { keep, limit, on } => {
                TO::TrimTopologyHistory { retention: keep.retention(), page: known.page(TRIM, limit, on)? }
            }
        })
    }
}

impl Known {
    fn registration_of(&self, by: Option<usize>, which: usize, recency: Recency) -> Result<convoke_core::Registration> {
        let holder = self.given.get(&id(which)?);
        let holder = holder.and_then(|holder| super::NAMES.iter().position(|name| *name == holder.as_str()));
        self.registration(by.or(holder).unwrap_or_default(), recency)
    }
}

pub(super) fn learn(known: &mut Known, operation: &Operation, answer: &TA) {
    let Operation::Topologies(operation) = operation else {
        return;
    };
    match (operation, answer) {
        (TO::AssignTopologies { placements, .. }, TA::AssignTopologies(assignments)) => {
            for (placement, assignment) in placements.as_slice().iter().zip(assignments) {
                if *assignment == Assignment::Assigned {
                    known.given.insert(placement.topology.clone(), placement.worker.clone());
                }
            }
        }
        (_, TA::ListTopologies(page)) => known.turn(ALL, page.next.clone()),
        (TO::ListAssignedTopologies { worker, .. }, TA::ListAssignedTopologies(page)) => {
            known.turn(super::list_of(&HELD, worker), page.next.clone());
        }
        (TO::TopologyHistory { id, .. }, TA::TopologyHistory(page)) => {
            let which = TOPOLOGIES.iter().position(|topology| *topology == id.as_str());
            known.turn(HISTORIES[which.unwrap_or_default()], page.next.clone());
        }
        (_, TA::TrimTopologyHistory(trimmed)) => known.turn(TRIM, trimmed.next.clone()),
        _ => {}
    }
}

fn id(which: usize) -> Result<TopologyId> {
    TopologyId::new(TOPOLOGIES[which])
}

/// The placements, the first of each topology.
fn batch(placements: &[(usize, usize)]) -> Result<Placements> {
    let mut batch: Vec<Placement> = Vec::new();
    for (which, who) in placements {
        let placement = Placement::new(id(*which)?, name(*who)?);
        if batch.iter().all(|before| before.topology != placement.topology) {
            batch.push(placement);
        }
    }
    Placements::new(batch)
}

const ALL: &str = "topologies";
const TRIM: &str = "trim of topologies";
const HISTORIES: [&str; TOPOLOGIES.len()] = ["history of t", "history of T", "history of ü", "history of u\u{308}"];
const HELD: [&str; super::NAMES.len()] = ["held by a", "held by A", "held by b", "held by ab"];
