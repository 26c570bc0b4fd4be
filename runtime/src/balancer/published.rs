//! qtopology's way to rebalance, as published in its version 2.3.2: kept to be compared with.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use convoke_core::{TopologyId, WorkerName};

use super::{Balancer, Rebalance, Unit, moves};

/// Below this score nothing is moved.
const LEAST_SCORE: f64 = 1.5;
/// What a worker counts that has a load of zero in one of the two placements, and not in the other.
const FROM_ZERO: f64 = 100.0;

/// A placement of everything.
pub(super) struct Placed {
    pub(super) places: BTreeMap<TopologyId, WorkerName>,
    loads: BTreeMap<WorkerName, f64>,
}

/// What qtopology moves: everything that comes to lie elsewhere when all is placed from nothing, unless the score is
/// below 1.5.
#[must_use]
pub fn published_rebalance(balancer: &Balancer, units: &[Unit]) -> Rebalance {
    let placed = place_from_nothing(balancer, units);
    let score = score(balancer, &placed);
    let moves = if score < LEAST_SCORE {
        Vec::new()
    } else {
        moves(units, |unit| placed.places.get(&unit.topology).cloned())
    };
    Rebalance { score, moves }
}

/// Places everything on empty workers: first what has an affinity, the shorter lists first, then the heavier, then by id.
pub(super) fn place_from_nothing(balancer: &Balancer, units: &[Unit]) -> Placed {
    let mut ordered: Vec<_> = units.iter().collect();
    ordered.sort_by(|a, b| order(a, b));
    let mut empty = Balancer::new(balancer.loads.keys().map(|worker| (worker.clone(), 0.0)));
    let mut places = BTreeMap::new();
    for unit in ordered {
        if let Some(worker) = empty.place(unit.weight, &unit.affinity) {
            places.insert(unit.topology.clone(), worker);
        }
    }
    Placed {
        places,
        loads: empty.loads,
    }
}

fn order(a: &Unit, b: &Unit) -> Ordering {
    let names = |unit: &Unit| match unit.affinity.workers().len() {
        0 => usize::MAX,
        names => names,
    };
    let by_affinity = names(a).cmp(&names(b));
    let by_weight = b.weight.get().total_cmp(&a.weight.get());
    by_affinity.then(by_weight).then_with(|| a.topology.cmp(&b.topology))
}

/// How far the loads are from those of the placement.
pub(super) fn score(balancer: &Balancer, placed: &Placed) -> f64 {
    if balancer.loads.is_empty() {
        return 0.0;
    }
    let of_worker = |(worker, now): (&WorkerName, &f64)| {
        let then = placed.loads.get(worker).copied().unwrap_or(0.0);
        let (less, more) = if *now < then { (*now, then) } else { (then, *now) };
        if less.total_cmp(&more) == Ordering::Equal {
            0.0
        } else if less == 0.0 {
            FROM_ZERO
        } else {
            more / less
        }
    };
    let sum: f64 = balancer.loads.iter().map(of_worker).sum();
    sum / balancer.loads.len() as f64
}
