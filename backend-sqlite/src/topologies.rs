//! Topologies in SQLite.

mod rows;

use convoke_core::error;
use convoke_core::topologies::{
    KILL_TOPOLOGY, START_TOPOLOGY, START_TTL, STOP_TOPOLOGY, STOP_TTL, check_holder, check_topology_deletable,
    decide_assignment, decide_report, told,
};
use convoke_core::workers::{MAX_REFRESHED, is_gone};
use convoke_core::{
    Assignment, Cursor, ErrorText, NewMessage, NewTopology, Page, Paged, Placement, Placements, Registration, Report,
    Reported, Result, Retention, Term, Topologies, Topology, TopologyChange, TopologyDetails, TopologyId,
    TopologyRegistered, TopologyStatus, Trimmed, Ttl, WorkerName, WorkerStatus, async_trait,
};

use crate::error::Fault;
use crate::leadership::check_term;
use crate::messages::put;
use crate::store::SqliteStore;
use crate::transaction::{Transaction, worker_name};
use crate::workers::{entry, registered};

#[async_trait]
impl Topologies for SqliteStore {
    async fn register_topology(&self, topology: &NewTopology) -> Result<TopologyRegistered> {
        let topology = topology.clone();
        self.write("topologies.register", move |step| register(step, &topology))
            .await
    }

    async fn assign_topologies(&self, term: Term, placements: &Placements) -> Result<Vec<Assignment>> {
        let placements = placements.clone();
        self.write("topologies.assign", move |step| {
            check_term(step, term)?;
            let placements = placements.as_slice().iter();
            placements.map(|placement| assign(step, placement)).collect()
        })
        .await
    }

    async fn report_topology(&self, registration: &Registration, id: &TopologyId, report: &Report) -> Result<Reported> {
        let (registration, id, report) = (registration.clone(), id.clone(), report.clone());
        self.write("topologies.report", move |step| {
            self::report(step, &registration, &id, &report)
        })
        .await
    }

    async fn set_topology_pid(
        &self,
        registration: &Registration,
        id: &TopologyId,
        pid: Option<u32>,
    ) -> Result<Reported> {
        let (registration, id) = (registration.clone(), id.clone());
        self.write("topologies.set_pid", move |step| {
            registered(step, &registration)?;
            let topology = rows::topology(step, &id)?;
            if let Err(refusal) = check_holder(&topology, &registration.worker) {
                return Ok(refusal);
            }
            let next = Topology {
                pid,
                ..topology.clone()
            };
            change(step, &topology, &next)?;
            Ok(Reported::Accepted)
        })
        .await
    }

    async fn enable_topology(&self, id: &TopologyId) -> Result<()> {
        let id = id.clone();
        self.write("topologies.enable", move |step| {
            set_enabled(step, &rows::topology(step, &id)?, true)
        })
        .await
    }

    async fn disable_topology(&self, id: &TopologyId) -> Result<()> {
        let id = id.clone();
        self.write("topologies.disable", move |step| {
            set_enabled(step, &rows::topology(step, &id)?, false)
        })
        .await
    }

    async fn stop_topology(&self, id: &TopologyId) -> Result<Option<WorkerName>> {
        let id = id.clone();
        self.write("topologies.stop", move |step| end(step, STOP_TOPOLOGY, &id))
            .await
    }

    async fn kill_topology(&self, id: &TopologyId) -> Result<Option<WorkerName>> {
        let id = id.clone();
        self.write("topologies.kill", move |step| end(step, KILL_TOPOLOGY, &id))
            .await
    }

    async fn set_topology_error(&self, id: &TopologyId, error: &ErrorText) -> Result<Option<WorkerName>> {
        let (id, error) = (id.clone(), error.clone());
        self.write("topologies.set_error", move |step| {
            let topology = rows::topology(step, &id)?;
            let next = topology.failed(&error, step.now);
            change(step, &topology, &next)?;
            tell(step, STOP_TOPOLOGY, STOP_TTL, &next)
        })
        .await
    }

    async fn clear_topology_error(&self, id: &TopologyId) -> Result<Option<WorkerName>> {
        let id = id.clone();
        self.write("topologies.clear_error", move |step| clear_error(step, &id))
            .await
    }

    async fn delete_topology(&self, id: &TopologyId) -> Result<()> {
        let id = id.clone();
        self.write("topologies.delete", move |step| {
            check_topology_deletable(&rows::topology(step, &id)?)?;
            rows::delete(step, &id)
        })
        .await
    }

    async fn get_topology(&self, id: &TopologyId) -> Result<TopologyDetails> {
        let id = id.clone();
        self.read("topologies.get", move |step| rows::details(step, &id)).await
    }

    async fn list_topologies(&self, page: &Page) -> Result<Paged<Topology>> {
        let page = page.clone();
        self.read("topologies.list", move |step| rows::list(step, &page)).await
    }

    async fn list_assigned_topologies(&self, worker: &WorkerName, page: &Page) -> Result<Paged<Topology>> {
        let (worker, page) = (worker.clone(), page.clone());
        self.read("topologies.list_assigned", move |step| {
            rows::list_held(step, &worker, &page)
        })
        .await
    }

    async fn topology_history(&self, id: &TopologyId, page: &Page) -> Result<Paged<TopologyChange>> {
        let (id, page) = (id.clone(), page.clone());
        self.read("topologies.history", move |step| rows::history(step, &id, &page))
            .await
    }

    async fn trim_topology_history(&self, retention: &Retention, page: &Page) -> Result<Trimmed> {
        let operation = "topologies.trim_history";
        let after = page.after.as_ref().map(Cursor::topology).transpose();
        let after = after
            .map_err(|error| error.at(operation))?
            .map_or(String::new(), String::from);
        self.trim(operation, &rows::HISTORIES, *retention, (after, page.limit))
            .await
    }
}

/// Whether topologies wait for the worker or run on it.
pub(crate) fn has_in_use(step: &Transaction<'_>, worker: &WorkerName) -> Result<bool, Fault> {
    Ok(!rows::in_use(step, worker, 1)?.is_empty())
}

/// Notes that a worker is dead or unloaded, if there is something to be taken from it.
pub(crate) fn mark_gone(step: &Transaction<'_>, worker: &WorkerName) -> Result<(), Fault> {
    if has_in_use(step, worker)? {
        step.execute(
            "INSERT OR IGNORE INTO convoke_gone (worker) VALUES (?1)",
            [worker.as_str()],
        )?;
    }
    Ok(())
}

/// Notes that a worker is neither dead nor unloaded any more, or that there is nothing left to be taken from it.
pub(crate) fn unmark_gone(step: &Transaction<'_>, worker: &WorkerName) -> Result<(), Fault> {
    step.execute("DELETE FROM convoke_gone WHERE worker = ?1", [worker.as_str()])?;
    Ok(())
}

/// Takes topologies away: those that waited too long, then those of workers that are gone. Says whether there are more.
pub(crate) fn take_away(step: &Transaction<'_>, waiting: Ttl) -> Result<(Vec<TopologyId>, bool), Fault> {
    let mut found = rows::overdue(step, waiting, MAX_REFRESHED + 1)?;
    let mut more = found.len() > MAX_REFRESHED;
    found.truncate(MAX_REFRESHED);
    let mut taken = release(step, &found)?;
    while !more && let Some(worker) = first_gone(step)? {
        let left = MAX_REFRESHED - taken.len();
        found = rows::in_use(step, &worker, left + 1)?;
        more = found.len() > left;
        if !more {
            unmark_gone(step, &worker)?;
        }
        found.truncate(left);
        taken.append(&mut release(step, &found)?);
    }
    Ok((taken, more))
}

fn release(step: &Transaction<'_>, topologies: &[Topology]) -> Result<Vec<TopologyId>, Fault> {
    for topology in topologies {
        change(step, topology, &topology.released(step.now))?;
    }
    Ok(topologies.iter().map(|topology| topology.id.clone()).collect())
}

fn first_gone(step: &Transaction<'_>) -> Result<Option<WorkerName>, Fault> {
    step.first("SELECT worker FROM convoke_gone ORDER BY worker LIMIT 1", [], |row| {
        worker_name(row, 0)
    })
}

fn register(step: &Transaction<'_>, new: &NewTopology) -> Result<TopologyRegistered, Fault> {
    let (topology, answer) = match rows::find(step, &new.id)? {
        None => (Topology::registered(new, step.now), TopologyRegistered::Created),
        Some(topology) => {
            let topology = Topology {
                weight: new.weight,
                affinity: new.affinity.clone(),
                ..topology
            };
            (topology, TopologyRegistered::Replaced)
        }
    };
    rows::write_registered(step, &topology, new)?;
    rows::record(step, &topology)?;
    Ok(answer)
}

fn assign(step: &Transaction<'_>, placement: &Placement) -> Result<Assignment, Fault> {
    let topology = rows::find(step, &placement.topology)?;
    let status = entry(step, &placement.worker)?.map(|entry| entry.status);
    let assignment = decide_assignment(topology.as_ref(), status);
    if let (Assignment::Assigned, Some(topology)) = (&assignment, topology) {
        let next = topology.assigned(&placement.worker, step.now);
        change(step, &topology, &next)?;
        tell(step, START_TOPOLOGY, START_TTL, &next)?;
    }
    Ok(assignment)
}

fn report(
    step: &Transaction<'_>,
    registration: &Registration,
    id: &TopologyId,
    report: &Report,
) -> Result<Reported, Fault> {
    let reporter = registered(step, registration)?;
    let topology = rows::topology(step, id)?;
    if let Err(refusal) = decide_report(&topology, &registration.worker, report) {
        return Ok(refusal);
    }
    change(step, &topology, &topology.reported(report, step.now))?;
    // What was in error there may run again on a worker that is gone.
    if is_gone(reporter.status) {
        mark_gone(step, &registration.worker)?;
    }
    Ok(Reported::Accepted)
}

fn set_enabled(step: &Transaction<'_>, topology: &Topology, enabled: bool) -> Result<(), Fault> {
    let next = Topology {
        enabled,
        ..topology.clone()
    };
    change(step, topology, &next)
}

fn end(step: &Transaction<'_>, command: &'static str, id: &TopologyId) -> Result<Option<WorkerName>, Fault> {
    let topology = rows::topology(step, id)?;
    set_enabled(step, &topology, false)?;
    tell(step, command, STOP_TTL, &topology)
}

fn clear_error(step: &Transaction<'_>, id: &TopologyId) -> Result<Option<WorkerName>, Fault> {
    let topology = rows::topology(step, id)?;
    if topology.status != TopologyStatus::Error {
        return Err(error::not_in_error(id, topology.status).into());
    }
    let holder = match &topology.worker {
        Some(worker) => entry(step, worker)?,
        None => None,
    };
    let is_alive = holder.is_some_and(|entry| entry.status == WorkerStatus::Alive);
    let next = topology.cleared(is_alive, step.now);
    change(step, &topology, &next)?;
    tell(step, START_TOPOLOGY, START_TTL, &next)
}

/// Writes how a topology stands, with its row of history. Nothing if nothing that it shows changed.
fn change(step: &Transaction<'_>, before: &Topology, next: &Topology) -> Result<(), Fault> {
    if before.change(step.now) == next.change(step.now) {
        return Ok(());
    }
    rows::write(step, next)?;
    rows::record(step, next)
}

/// Puts a message about a topology into the queue of the worker that has it; answers who was told.
fn tell(
    step: &Transaction<'_>,
    command: &'static str,
    ttl: Ttl,
    topology: &Topology,
) -> Result<Option<WorkerName>, Fault> {
    let Some(worker) = &topology.worker else {
        return Ok(None);
    };
    if entry(step, worker)?.is_none() {
        return Ok(None);
    }
    let (command, content) = told(command, &topology.id)?;
    put(step, &NewMessage::new(worker.clone(), command, content).with_ttl(ttl))?;
    Ok(Some(worker.clone()))
}
