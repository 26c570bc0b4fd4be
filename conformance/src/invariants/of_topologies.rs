//! What must hold of any answers about topologies.

use std::collections::HashMap;

use convoke_core::{
    Assignment, Operation, Report, Reported, Timestamp, TopologiesAnswer as TA, TopologiesOperation as TO, Topology,
    TopologyId, TopologyStatus, WorkerName,
};

use crate::case::Check;
use crate::expect::holds;

/// What the answers so far have told.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Who was given a topology last.
    given: HashMap<TopologyId, WorkerName>,
}

impl Watch {
    pub(super) fn see(&mut self, now: Timestamp, operation: &Operation, answer: &TA) -> Check {
        let Operation::Topologies(operation) = operation else {
            return Ok(());
        };
        match (operation, answer) {
            (TO::AssignTopologies { placements, .. }, TA::AssignTopologies(assignments)) => {
                let both = (placements.as_slice().len(), assignments.len());
                holds("an answer for each placement", both.0 == both.1, both)?;
                for (placement, assignment) in placements.as_slice().iter().zip(assignments) {
                    self.see_assignment(&placement.topology, &placement.worker, assignment)?;
                }
                Ok(())
            }
            (TO::ClearTopologyError { id }, TA::ClearTopologyError(Some(worker))) => self.see_given(id, worker),
            (TO::StopTopology { id }, TA::StopTopology(Some(worker)))
            | (TO::KillTopology { id }, TA::KillTopology(Some(worker)))
            | (TO::SetTopologyError { id, .. }, TA::SetTopologyError(Some(worker))) => self.see_given(id, worker),
            (
                TO::ReportTopology {
                    registration,
                    id,
                    report,
                },
                TA::ReportTopology(Reported::Accepted),
            ) => {
                self.see_given(id, &registration.worker)?;
                if *report == Report::Released {
                    self.given.remove(id);
                }
                Ok(())
            }
            (TO::SetTopologyPid { registration, id, .. }, TA::SetTopologyPid(Reported::Accepted)) => {
                self.see_given(id, &registration.worker)
            }
            (TO::DeleteTopology { id }, TA::DeleteTopology(())) => {
                self.given.remove(id);
                Ok(())
            }
            (_, TA::GetTopology(details)) => self.see_topology(now, &details.topology),
            (_, TA::ListTopologies(page)) => self.see_list(now, &page.items),
            (TO::ListAssignedTopologies { worker, .. }, TA::ListAssignedTopologies(page)) => {
                let own = page
                    .items
                    .iter()
                    .all(|topology| topology.worker.as_ref() == Some(worker));
                holds("what the worker has, and nothing else", own, page)?;
                self.see_list(now, &page.items)
            }
            (TO::TopologyHistory { id, .. }, TA::TopologyHistory(page)) => {
                let own = page.items.iter().all(|row| row.id == *id && row.at <= now);
                let ordered = page.items.is_sorted_by(|newer, older| newer.at >= older.at);
                holds("the history of the topology, newest first", own && ordered, page)
            }
            _ => Ok(()),
        }
    }

    fn see_assignment(&mut self, id: &TopologyId, worker: &WorkerName, assignment: &Assignment) -> Check {
        match assignment {
            Assignment::Assigned => {
                self.given.insert(id.clone(), worker.clone());
                Ok(())
            }
            Assignment::HeldBy(holder) => self.see_given(id, holder),
            _ => Ok(()),
        }
    }

    fn see_given(&self, id: &TopologyId, worker: &WorkerName) -> Check {
        let given = self.given.get(id);
        holds(
            "a worker that was given the topology last",
            given == Some(worker),
            (id, worker, given),
        )
    }

    fn see_list(&self, now: Timestamp, items: &[Topology]) -> Check {
        let ordered = items.is_sorted_by(|a, b| a.id.as_str() < b.id.as_str());
        holds("topologies ordered by the bytes of their ids", ordered, items)?;
        items.iter().try_for_each(|topology| self.see_topology(now, topology))
    }

    fn see_topology(&self, now: Timestamp, topology: &Topology) -> Check {
        let held = match topology.status {
            TopologyStatus::Unassigned => topology.worker.is_none() && topology.pid.is_none(),
            TopologyStatus::Waiting | TopologyStatus::Running => topology.worker.is_some(),
            TopologyStatus::Error => true,
        };
        holds("a status that fits who has it", held, topology)?;
        let explained = topology.error.is_some() == (topology.status == TopologyStatus::Error);
        holds("an error text when in error, and only then", explained, topology)?;
        holds("a status since a time that has come", topology.since <= now, topology)?;
        match &topology.worker {
            Some(worker) => self.see_given(&topology.id, worker),
            None => Ok(()),
        }
    }
}
