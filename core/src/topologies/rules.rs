//! The rules of topologies: who may be given one, who speaks for it, and how it stands after a change.

use super::{Assignment, ErrorText, NewTopology, Report, Reported, Topology, TopologyChange, TopologyStatus};
use crate::error::{self, Result};
use crate::names::WorkerName;
use crate::time::{Timestamp, Ttl};
use crate::workers::WorkerStatus;

/// The rule of assignment.
#[must_use]
pub fn decide_assignment(topology: Option<&Topology>, worker: Option<WorkerStatus>) -> Assignment {
    let Some(topology) = topology else {
        return Assignment::UnknownTopology;
    };
    match (topology, worker) {
        (_, None) => Assignment::UnknownWorker,
        (
            Topology {
                status: TopologyStatus::Error,
                ..
            },
            _,
        ) => Assignment::InError,
        (
            Topology {
                worker: Some(holder), ..
            },
            _,
        ) => Assignment::HeldBy(holder.clone()),
        (Topology { enabled: false, .. }, _) => Assignment::Disabled,
        (_, Some(WorkerStatus::Alive)) => Assignment::Assigned,
        (_, Some(status)) => Assignment::NotAlive(status),
    }
}

/// The rule of holding: only the worker that has the topology speaks for it.
///
/// # Errors
/// The refusal.
pub fn check_holder(topology: &Topology, worker: &WorkerName) -> Result<(), Reported> {
    if topology.worker.as_ref() == Some(worker) {
        Ok(())
    } else {
        Err(Reported::NotHeld(topology.worker.clone()))
    }
}

/// The rule of reports: by its holder only, and a disabled topology can't begin to run.
///
/// # Errors
/// The refusal.
pub fn decide_report(topology: &Topology, worker: &WorkerName, report: &Report) -> Result<(), Reported> {
    check_holder(topology, worker)?;
    let begins = *report == Report::Running && topology.status != TopologyStatus::Running;
    if begins && !topology.enabled {
        return Err(Reported::Disabled);
    }
    Ok(())
}

/// The rule of deletion.
///
/// # Errors
/// Conflict while somebody is to run it.
pub fn check_topology_deletable(topology: &Topology) -> Result<()> {
    match topology.status {
        TopologyStatus::Waiting | TopologyStatus::Running => Err(error::topology_in_use(topology)),
        TopologyStatus::Unassigned | TopologyStatus::Error => Ok(()),
    }
}

impl Topology {
    /// A topology as it is registered first.
    #[must_use]
    pub fn registered(new: &NewTopology, now: Timestamp) -> Self {
        Self {
            id: new.id.clone(),
            status: TopologyStatus::Unassigned,
            enabled: false,
            worker: None,
            weight: new.weight,
            affinity: new.affinity.clone(),
            pid: None,
            error: None,
            since: now,
        }
    }

    /// It, given to a worker.
    #[must_use]
    pub fn assigned(&self, worker: &WorkerName, now: Timestamp) -> Self {
        Self {
            status: TopologyStatus::Waiting,
            worker: Some(worker.clone()),
            pid: None,
            error: None,
            since: now,
            ..self.clone()
        }
    }

    /// It, taken from its worker; in error it stays so.
    #[must_use]
    pub fn released(&self, now: Timestamp) -> Self {
        let in_error = self.status == TopologyStatus::Error;
        Self {
            status: if in_error {
                TopologyStatus::Error
            } else {
                TopologyStatus::Unassigned
            },
            worker: None,
            pid: None,
            since: if self.worker.is_none() && in_error {
                self.since
            } else {
                now
            },
            ..self.clone()
        }
    }

    /// It, after an accepted report.
    #[must_use]
    pub fn reported(&self, report: &Report, now: Timestamp) -> Self {
        match report {
            Report::Running => Self {
                status: TopologyStatus::Running,
                error: None,
                since: self.since_in(TopologyStatus::Running, now),
                ..self.clone()
            },
            Report::Failed(why) => self.failed(why, now),
            Report::Released => self.released(now),
        }
    }

    /// It, in error.
    #[must_use]
    pub fn failed(&self, why: &ErrorText, now: Timestamp) -> Self {
        Self {
            status: TopologyStatus::Error,
            error: Some(why.clone()),
            pid: None,
            since: self.since_in(TopologyStatus::Error, now),
            ..self.clone()
        }
    }

    /// It, out of error: assigned anew to the worker that has it when `alive`, else unassigned.
    #[must_use]
    pub fn cleared(&self, alive: bool, now: Timestamp) -> Self {
        match &self.worker {
            Some(worker) if alive && self.enabled => self.assigned(worker, now),
            _ => Self {
                status: TopologyStatus::Unassigned,
                worker: None,
                pid: None,
                error: None,
                since: now,
                ..self.clone()
            },
        }
    }

    /// Whether it waited for too long at `now`.
    #[must_use]
    pub fn is_overdue(&self, waiting: Ttl, now: Timestamp) -> bool {
        self.status == TopologyStatus::Waiting && self.since.plus(waiting) <= now
    }

    /// Whether its worker is to run it: what is taken away when that one is dead.
    #[must_use]
    pub const fn is_in_use(&self) -> bool {
        matches!(self.status, TopologyStatus::Waiting | TopologyStatus::Running)
    }

    /// The row of history of how it stands.
    #[must_use]
    pub fn change(&self, at: Timestamp) -> TopologyChange {
        TopologyChange {
            at,
            id: self.id.clone(),
            status: self.status,
            enabled: self.enabled,
            worker: self.worker.clone(),
            weight: self.weight,
            affinity: self.affinity.clone(),
            pid: self.pid,
            error: self.error.clone(),
        }
    }

    fn since_in(&self, status: TopologyStatus, now: Timestamp) -> Timestamp {
        if self.status == status { self.since } else { now }
    }
}
