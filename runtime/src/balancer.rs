//! Where units of work run: placing new ones, and moving those that sit badly.
//!
//! Placing is qtopology's rule: the cost of a worker is its load with the new weight, divided by five if the topology has
//! an affinity to it; the least cost wins, among equals the first name.
//!
//! Rebalancing is not. qtopology places everything anew from nothing and moves whatever comes to lie elsewhere, but only
//! when loads are off by half on the average ([`published_rebalance`]). So it moves topologies between places that are
//! equally good, and sits for ever on a placement that it knows to be worse. [`Balancer::rebalance`] begins from what runs
//! and makes the one move that helps most, until none helps; it never ends on a worse placement than qtopology's.

use std::collections::{BTreeMap, BTreeSet};

use convoke_core::{Affinity, TopologyId, Weight, WorkerName};

mod published;
mod search;

pub use published::published_rebalance;
use search::Search;

/// How much stronger a worker pulls the topologies that have an affinity to it: 5.
pub const AFFINITY_FACTOR: f64 = 5.0;

/// The loads of the workers that take work.
///
/// ```
/// use convoke_core::{Affinity, Weight, WorkerName};
/// use convoke_runtime::Balancer;
/// let [a, b] = ["a", "b"].map(|name| WorkerName::new(name).unwrap());
/// let mut balancer = Balancer::new([(a.clone(), 1.0), (b.clone(), 0.0)]);
/// assert_eq!(balancer.place(Weight::default(), &Affinity::default()), Some(b.clone()));
/// assert_eq!(balancer.place(Weight::default(), &Affinity::new([b.clone()]).unwrap()), Some(b));
/// assert_eq!(balancer.place(Weight::default(), &Affinity::default()), Some(a));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Balancer {
    loads: BTreeMap<WorkerName, f64>,
}

/// A topology as the balancer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Which.
    pub topology: TopologyId,
    /// Who has it; whoever takes no work counts as nobody.
    pub worker: Option<WorkerName>,
    /// How much it loads its worker.
    pub weight: Weight,
    /// Where it runs best.
    pub affinity: Affinity,
}

/// A topology that should run elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Move {
    /// Which.
    pub topology: TopologyId,
    /// Who has it.
    pub from: Option<WorkerName>,
    /// Who should.
    pub to: WorkerName,
}

/// What should move, and why.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rebalance {
    /// qtopology's score: how far the loads are from those of a placement from nothing, as the mean over the workers of the
    /// greater load by the smaller one; 0 for a worker whose loads are equal, 100 where one of them is zero.
    pub score: f64,
    /// What should move, ordered by topology.
    pub moves: Vec<Move>,
}

impl Balancer {
    /// The workers that take work, and how loaded each is: the sum of the weights of what it has.
    #[must_use]
    pub fn new(loads: impl IntoIterator<Item = (WorkerName, f64)>) -> Self {
        Self {
            loads: loads.into_iter().collect(),
        }
    }

    /// The workers that take work, with the loads that these topologies make.
    #[must_use]
    pub fn of(workers: impl IntoIterator<Item = WorkerName>, units: &[Unit]) -> Self {
        let mut balancer = Self::new(workers.into_iter().map(|worker| (worker, 0.0)));
        for unit in units {
            if let Some(load) = unit.worker.as_ref().and_then(|worker| balancer.loads.get_mut(worker)) {
                *load += unit.weight.get();
            }
        }
        balancer
    }

    /// How loaded each worker is, ordered by name.
    #[must_use]
    pub const fn loads(&self) -> &BTreeMap<WorkerName, f64> {
        &self.loads
    }

    /// The worker that a new topology should run on, whose load grows by its weight; none when nobody takes work.
    pub fn place(&mut self, weight: Weight, affinity: &Affinity) -> Option<WorkerName> {
        let preferred: BTreeSet<_> = affinity.workers().iter().collect();
        let mut best: Option<(f64, &WorkerName)> = None;
        for (worker, load) in &self.loads {
            let cost = (load + weight.get()) / factor(preferred.contains(worker));
            if best.is_none_or(|(least, _)| cost < least) {
                best = Some((cost, worker));
            }
        }
        let worker = best?.1.clone();
        *self.loads.get_mut(&worker)? += weight.get();
        Some(worker)
    }

    /// Adds the weight of a topology to a worker's load; false when that one takes no work.
    pub fn add(&mut self, worker: &WorkerName, weight: Weight) -> bool {
        match self.loads.get_mut(worker) {
            Some(load) => {
                *load += weight.get();
                true
            }
            None => false,
        }
    }

    /// What should move so that no topology is better off elsewhere.
    ///
    /// The cost of a placement is the sum over the topologies of weight × load of the worker, divided by five where there
    /// is an affinity; what nobody has is placed first. The moves lower it one by one, the one that helps most first; of
    /// equal ones that of the lightest topology, then of the last id. When qtopology's placement from nothing costs
    /// less than where this ends, the moves lead there, and on from there. Moving again at once moves nothing.
    ///
    /// Takes time in the order of topologies × moves.
    #[must_use]
    pub fn rebalance(&self, units: &[Unit]) -> Rebalance {
        let published = published::place_from_nothing(self, units);
        let score = published::score(self, &published);
        let mut search = Search::new(self, units, |unit| unit.worker.clone());
        search.descend();
        let mut anew = Search::new(self, units, |unit| published.places.get(&unit.topology).cloned());
        if anew.cost() < search.cost() - search.tolerance() {
            anew.descend();
            search = anew;
        }
        Rebalance {
            score,
            moves: moves(units, |unit| search.worker_of(unit)),
        }
    }

    /// What this placement costs; see [`Balancer::rebalance`]. What nobody has costs nothing.
    #[must_use]
    pub fn cost(&self, units: &[Unit]) -> f64 {
        Search::of_placed(self, units).cost()
    }
}

fn factor(preferred: bool) -> f64 {
    if preferred { AFFINITY_FACTOR } else { 1.0 }
}

fn moves<'a>(units: &'a [Unit], place: impl Fn(&'a Unit) -> Option<WorkerName>) -> Vec<Move> {
    let moved = units.iter().filter_map(|unit| {
        let to = place(unit)?;
        (unit.worker.as_ref() != Some(&to)).then(|| Move {
            topology: unit.topology.clone(),
            from: unit.worker.clone(),
            to,
        })
    });
    let mut moves: Vec<_> = moved.collect();
    moves.sort();
    moves
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
