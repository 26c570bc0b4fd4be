//! What the leader would do, from what it read. Pure.

use std::collections::BTreeMap;

use convoke_core::{Placement, Topology, TopologyId, TopologyStatus, Worker, WorkerName, WorkerStatus};

use crate::balancer::{Balancer, Move, Unit};

/// The cluster as the leader read it, page by page; what changed meanwhile the store refuses.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// All workers.
    pub workers: Vec<Worker>,
    /// All topologies.
    pub topologies: Vec<Topology>,
}

impl Picture {
    /// Where what is enabled and nobody has should run. A topology that is on its way to a worker goes there, as long as
    /// that one takes work.
    #[must_use]
    pub fn placements(&self, on_their_way: &BTreeMap<TopologyId, WorkerName>) -> Vec<Placement> {
        let units: Vec<_> = self.topologies.iter().filter(|it| it.is_in_use()).map(unit).collect();
        let mut balancer = Balancer::of(self.takers(), &units);
        let mut placements = Vec::new();
        for topology in self
            .topologies
            .iter()
            .filter(|it| it.enabled && it.status == TopologyStatus::Unassigned)
        {
            let meant = on_their_way
                .get(&topology.id)
                .filter(|worker| balancer.loads().contains_key(*worker))
                .cloned();
            let worker = match meant {
                Some(worker) => balancer.add(&worker, topology.weight).then_some(worker),
                None => balancer.place(topology.weight, &topology.affinity),
            };
            if let Some(worker) = worker {
                placements.push(Placement::new(topology.id.clone(), worker));
            }
        }
        placements
    }

    /// What should move.
    #[must_use]
    pub fn moves(&self) -> Vec<Move> {
        let held = self.topologies.iter().filter(|it| it.enabled && it.is_in_use());
        let takers: Vec<_> = self.takers().collect();
        // Whoever takes no work keeps what it has, unless it is drained.
        let units: Vec<_> = held
            .map(unit)
            .filter(|unit| unit.worker.as_ref().is_some_and(|it| takers.contains(it)))
            .collect();
        Balancer::of(takers, &units).rebalance(&units).moves
    }

    /// Dead workers that have nothing left but errors: their work was taken away.
    pub fn emptied(&self) -> impl Iterator<Item = &WorkerName> {
        let dead = self.workers.iter().filter(|worker| worker.status == WorkerStatus::Dead);
        dead.map(|worker| &worker.name).filter(|name| {
            !self
                .topologies
                .iter()
                .any(|topology| topology.is_in_use() && topology.worker.as_ref() == Some(name))
        })
    }

    /// What is in error on a dead worker that would have started it again. What is to stay in error nobody has.
    pub fn deserted(&self) -> impl Iterator<Item = &TopologyId> {
        let is_dead = |name: &WorkerName| {
            let mut workers = self.workers.iter();
            workers.any(|worker| worker.name == *name && worker.status == WorkerStatus::Dead)
        };
        let in_error = self
            .topologies
            .iter()
            .filter(|it| it.enabled && it.status == TopologyStatus::Error);
        in_error
            .filter(move |it| it.worker.as_ref().is_some_and(is_dead))
            .map(|it| &it.id)
    }

    fn takers(&self) -> impl Iterator<Item = WorkerName> {
        let alive = self
            .workers
            .iter()
            .filter(|worker| worker.status == WorkerStatus::Alive);
        alive.map(|worker| worker.name.clone())
    }
}

fn unit(topology: &Topology) -> Unit {
    Unit {
        topology: topology.id.clone(),
        worker: topology.worker.clone(),
        weight: topology.weight,
        affinity: topology.affinity.clone(),
    }
}

#[cfg(test)]
mod tests {
    use convoke_core::{Affinity, Incarnation, Role, Timestamp, Weight};

    use super::*;

    fn worker(name: &str, status: WorkerStatus) -> Worker {
        Worker {
            name: WorkerName::new(name).unwrap(),
            status,
            role: Role::Normal,
            incarnation: Incarnation::from_number(1),
            last_ping: Timestamp::EPOCH,
        }
    }

    fn topology(id: &str, status: TopologyStatus, on: Option<&str>) -> Topology {
        Topology {
            id: TopologyId::new(id).unwrap(),
            status,
            enabled: true,
            worker: on.map(|name| WorkerName::new(name).unwrap()),
            weight: Weight::default(),
            affinity: Affinity::default(),
            pid: None,
            error: None,
            since: Timestamp::EPOCH,
        }
    }

    fn placed(picture: &Picture, on_their_way: &[(&str, &str)]) -> Vec<(String, String)> {
        let on_their_way = on_their_way
            .iter()
            .map(|(id, name)| (TopologyId::new(id).unwrap(), WorkerName::new(name).unwrap()));
        let placements = picture.placements(&on_their_way.collect());
        placements
            .into_iter()
            .map(|it| (it.topology.to_string(), it.worker.to_string()))
            .collect()
    }

    use TopologyStatus::{Error, Running, Unassigned, Waiting};
    use WorkerStatus::{Alive, Closing, Dead, Disabled};

    #[test]
    fn what_failed_on_a_worker_that_died_is_deserted() {
        let mut disabled = topology("disabled", Error, Some("dead"));
        disabled.enabled = false;
        let picture = Picture {
            workers: vec![worker("a", Alive), worker("dead", Dead)],
            topologies: vec![
                topology("alive", Error, Some("a")),
                topology("dead", Error, Some("dead")),
                disabled,
                topology("given up", Error, None),
                topology("runs", Running, Some("dead")),
            ],
        };
        let deserted: Vec<_> = picture.deserted().map(TopologyId::as_str).collect();
        assert_eq!(deserted, ["dead"]);
    }

    #[test]
    fn what_nobody_has_goes_to_the_least_loaded_of_those_that_live() {
        let picture = Picture {
            workers: vec![
                worker("a", Alive),
                worker("b", Alive),
                worker("c", Disabled),
                worker("d", Closing),
            ],
            topologies: vec![
                topology("1", Running, Some("a")),
                topology("2", Waiting, Some("a")),
                topology("3", Unassigned, None),
                topology("4", Error, None),
                Topology {
                    enabled: false,
                    ..topology("5", Unassigned, None)
                },
            ],
        };
        assert_eq!(placed(&picture, &[]), [("3".to_owned(), "b".to_owned())]);
        assert_eq!(placed(&picture, &[("3", "a")]), [("3".to_owned(), "a".to_owned())]);
        assert_eq!(placed(&picture, &[("3", "c")]), [("3".to_owned(), "b".to_owned())]);
    }

    #[test]
    fn what_a_disabled_worker_has_is_not_moved() {
        let picture = Picture {
            workers: vec![worker("a", Disabled), worker("b", Alive)],
            topologies: vec![topology("1", Running, Some("a")), topology("2", Running, Some("a"))],
        };
        assert_eq!(picture.moves(), []);
    }

    #[test]
    fn a_dead_worker_is_emptied_when_it_has_nothing_but_errors() {
        let picture = Picture {
            workers: vec![worker("a", Dead), worker("b", Dead), worker("c", Alive)],
            topologies: vec![topology("1", Error, Some("a")), topology("2", Running, Some("b"))],
        };
        let emptied: Vec<_> = picture.emptied().map(WorkerName::as_str).collect();
        assert_eq!(emptied, ["a"]);
    }
}
