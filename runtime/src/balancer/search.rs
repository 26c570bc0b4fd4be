//! Steepest descent from a placement: one move at a time, until none lowers the cost.

use std::collections::{BTreeMap, BTreeSet};

use convoke_core::{TopologyId, WorkerName};

use super::{Balancer, Unit, factor};

/// What counts as rounding, of the whole cost.
const ROUNDING: f64 = 1e-9;

/// A placement under way. The cost of a worker is its load times its pull: the sum of its topologies' weights, each
/// divided by the factor of its affinity.
pub(super) struct Search<'a> {
    workers: Vec<&'a WorkerName>,
    load: Vec<f64>,
    pull: Vec<f64>,
    pieces: Vec<Piece<'a>>,
    by_topology: BTreeMap<&'a TopologyId, usize>,
    /// The workers, first those on which a topology without affinity costs least: what it adds grows with load + pull. By
    /// the bits of the number, which is never negative.
    by_price: BTreeSet<(u64, usize)>,
}

struct Piece<'a> {
    unit: &'a Unit,
    at: Option<usize>,
    preferred: Vec<usize>,
}

struct Step {
    gain: f64,
    piece: usize,
    to: usize,
}

impl<'a> Search<'a> {
    /// The placement as `place` says; what it leaves out is placed where it costs least.
    pub(super) fn new(balancer: &'a Balancer, units: &'a [Unit], place: impl Fn(&Unit) -> Option<WorkerName>) -> Self {
        let mut search = Self::placed(balancer, units, place);
        for piece in 0..search.pieces.len() {
            if search.pieces[piece].at.is_none()
                && let Some(step) = search.best_step(piece)
            {
                search.take(&step);
            }
        }
        search
    }

    /// The placement as it is; what nobody has stays so.
    pub(super) fn of_placed(balancer: &'a Balancer, units: &'a [Unit]) -> Self {
        Self::placed(balancer, units, |unit| unit.worker.clone())
    }

    fn placed(balancer: &'a Balancer, units: &'a [Unit], place: impl Fn(&Unit) -> Option<WorkerName>) -> Self {
        let workers: Vec<_> = balancer.loads().keys().collect();
        let index: BTreeMap<_, _> = workers
            .iter()
            .enumerate()
            .map(|(index, worker)| (*worker, index))
            .collect();
        let pieces: Vec<_> = units
            .iter()
            .map(|unit| Piece {
                unit,
                at: place(unit).and_then(|worker| index.get(&worker).copied()),
                preferred: unit
                    .affinity
                    .workers()
                    .iter()
                    .filter_map(|worker| index.get(worker).copied())
                    .collect(),
            })
            .collect();
        let mut load = vec![0.0; workers.len()];
        let mut pull = vec![0.0; workers.len()];
        for piece in &pieces {
            if let Some(at) = piece.at {
                load[at] += piece.weight();
                pull[at] += piece.pull_on(at);
            }
        }
        let by_price = load
            .iter()
            .zip(&pull)
            .map(price)
            .enumerate()
            .map(|(index, price)| (price, index))
            .collect();
        let by_topology = units
            .iter()
            .enumerate()
            .map(|(index, unit)| (&unit.topology, index))
            .collect();
        Self {
            workers,
            load,
            pull,
            pieces,
            by_topology,
            by_price,
        }
    }

    /// Moves until no move lowers the cost.
    pub(super) fn descend(&mut self) {
        while let Some(step) = self.steepest() {
            self.take(&step);
        }
    }

    pub(super) fn cost(&self) -> f64 {
        // Begun with a zero that has no sign, which the sum of nothing has.
        let costs = self.load.iter().zip(&self.pull).map(|(load, pull)| load * pull);
        costs.fold(0.0, |sum, cost| sum + cost)
    }

    /// What of the cost is rounding.
    pub(super) fn tolerance(&self) -> f64 {
        self.cost() * ROUNDING
    }

    pub(super) fn worker_of(&self, unit: &Unit) -> Option<WorkerName> {
        let piece = &self.pieces[*self.by_topology.get(&unit.topology)?];
        piece.at.map(|at| self.workers[at].clone())
    }

    fn steepest(&self) -> Option<Step> {
        let tolerance = self.tolerance();
        let steps = (0..self.pieces.len()).filter_map(|piece| self.best_step(piece));
        let steps = steps.filter(|step| step.gain > tolerance);
        steps.reduce(|best, step| {
            if self.is_better(&step, &best, tolerance) {
                step
            } else {
                best
            }
        })
    }

    /// Whether `a` goes before `b`: it gains more, or as much with a lighter topology, or one of a greater id.
    fn is_better(&self, a: &Step, b: &Step, tolerance: f64) -> bool {
        let (first, second) = (self.pieces[a.piece].unit, self.pieces[b.piece].unit);
        if (a.gain - b.gain).abs() > tolerance {
            return a.gain > b.gain;
        }
        let by_weight = first.weight.get().total_cmp(&second.weight.get());
        by_weight.then_with(|| second.topology.cmp(&first.topology)).is_lt()
    }

    /// The move of one topology that gains most: to the cheapest worker of all, or to one of those that it prefers.
    fn best_step(&self, piece: usize) -> Option<Step> {
        let preferred = self.pieces[piece].preferred.iter().copied();
        let free = self.by_price.iter().map(|(_, worker)| *worker);
        // Where it sits, and where it prefers to, is not where it would go for being free.
        let free = free
            .filter(|worker| !self.pieces[piece].preferred.contains(worker))
            .find(|worker| self.pieces[piece].at != Some(*worker));
        let targets = preferred.chain(free).filter(|to| self.pieces[piece].at != Some(*to));
        let steps = targets.map(|to| Step {
            gain: self.gain(piece, to),
            piece,
            to,
        });
        steps.reduce(|best, step| {
            let is_earlier_of_equals = step.gain == best.gain && step.to < best.to;
            if step.gain > best.gain || is_earlier_of_equals {
                step
            } else {
                best
            }
        })
    }

    fn gain(&self, piece: usize, to: usize) -> f64 {
        let moved = &self.pieces[piece];
        let weight = moved.weight();
        let left = moved.at.map_or(0.0, |at| {
            self.load[at] * self.pull[at] - (self.load[at] - weight) * (self.pull[at] - moved.pull_on(at))
        });
        left + self.load[to] * self.pull[to] - (self.load[to] + weight) * (self.pull[to] + moved.pull_on(to))
    }

    fn take(&mut self, step: &Step) {
        let from = self.pieces[step.piece].at.replace(step.to);
        let (weight, pull) = (self.pieces[step.piece].weight(), |at| {
            self.pieces[step.piece].pull_on(at)
        });
        let (pull_from, pull_to) = (from.map(pull), pull(step.to));
        if let (Some(from), Some(pull)) = (from, pull_from) {
            self.set(
                from,
                (self.load[from] - weight).max(0.0),
                (self.pull[from] - pull).max(0.0),
            );
        }
        self.set(step.to, self.load[step.to] + weight, self.pull[step.to] + pull_to);
    }

    fn set(&mut self, worker: usize, load: f64, pull: f64) {
        self.by_price
            .remove(&(price((&self.load[worker], &self.pull[worker])), worker));
        self.by_price.insert((price((&load, &pull)), worker));
        self.load[worker] = load;
        self.pull[worker] = pull;
    }
}

impl Piece<'_> {
    fn weight(&self) -> f64 {
        self.unit.weight.get()
    }

    fn pull_on(&self, worker: usize) -> f64 {
        self.weight() / factor(self.preferred.contains(&worker))
    }
}

fn price((load, pull): (&f64, &f64)) -> u64 {
    (load + pull).to_bits()
}
