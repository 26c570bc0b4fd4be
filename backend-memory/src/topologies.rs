//! Topologies in memory.

use std::collections::BTreeSet;
use std::ops::Bound;

use convoke_core::error;
use convoke_core::topologies::{
    KILL_TOPOLOGY, START_TOPOLOGY, START_TTL, STOP_TOPOLOGY, STOP_TTL, check_holder, check_topology_deletable,
    decide_assignment, decide_report, told,
};
use convoke_core::workers::{MAX_REFRESHED, check_registration, is_gone};
use convoke_core::{
    Assignment, Cursor, ErrorText, NewMessage, NewTopology, Page, Paged, Payload, Placement, Placements, Registration,
    Report, Reported, Result, Retention, Term, Timestamp, Topology, TopologyChange, TopologyDetails, TopologyId,
    TopologyRegistered, TopologyStatus, Trimmed, Ttl, WorkerName, WorkerStatus,
};

use crate::state::State;

/// What is kept of a topology.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Unit {
    topology: Topology,
    config: Payload,
}

impl State {
    pub(crate) fn register_topology(&mut self, new: &NewTopology, now: Timestamp) -> TopologyRegistered {
        let (topology, answer) = match self.topologies.get(&new.id) {
            None => (Topology::registered(new, now), TopologyRegistered::Created),
            Some(unit) => {
                let topology = Topology {
                    weight: new.weight,
                    affinity: new.affinity.clone(),
                    ..unit.topology.clone()
                };
                (topology, TopologyRegistered::Replaced)
            }
        };
        self.record_topology(&topology, now);
        let config = new.config.clone();
        self.topologies.insert(new.id.clone(), Unit { topology, config });
        answer
    }

    pub(crate) fn assign_topologies(
        &mut self,
        term: Term,
        placements: &Placements,
        now: Timestamp,
    ) -> Result<Vec<Assignment>> {
        self.check_term(term, now)?;
        placements
            .as_slice()
            .iter()
            .map(|placement| self.assign(placement, now))
            .collect()
    }

    fn assign(&mut self, placement: &Placement, now: Timestamp) -> Result<Assignment> {
        let unit = self.topologies.get(&placement.topology);
        let status = self.workers.get(&placement.worker).map(|entry| entry.status);
        let assignment = decide_assignment(unit.map(|unit| &unit.topology), status);
        if let (Assignment::Assigned, Some(unit)) = (&assignment, unit) {
            let next = unit.topology.assigned(&placement.worker, now);
            self.change(next, now);
            self.tell(
                START_TOPOLOGY,
                START_TTL,
                &placement.topology,
                Some(&placement.worker),
                now,
            )?;
        }
        Ok(assignment)
    }

    pub(crate) fn report_topology(
        &mut self,
        registration: &Registration,
        id: &TopologyId,
        report: &Report,
        now: Timestamp,
    ) -> Result<Reported> {
        let topology = self.topology_of(registration, id)?;
        if let Err(refusal) = decide_report(topology, &registration.worker, report) {
            return Ok(refusal);
        }
        let next = topology.reported(report, now);
        self.change(next, now);
        Ok(Reported::Accepted)
    }

    pub(crate) fn set_topology_pid(
        &mut self,
        registration: &Registration,
        id: &TopologyId,
        pid: Option<u32>,
        now: Timestamp,
    ) -> Result<Reported> {
        let topology = self.topology_of(registration, id)?;
        if let Err(refusal) = check_holder(topology, &registration.worker) {
            return Ok(refusal);
        }
        let next = Topology {
            pid,
            ..topology.clone()
        };
        self.change(next, now);
        Ok(Reported::Accepted)
    }

    pub(crate) fn set_topology_enabled(&mut self, id: &TopologyId, enabled: bool, now: Timestamp) -> Result<()> {
        let next = Topology {
            enabled,
            ..self.topology(id)?.clone()
        };
        self.change(next, now);
        Ok(())
    }

    pub(crate) fn stop_topology(&mut self, id: &TopologyId, now: Timestamp) -> Result<Option<WorkerName>> {
        self.end(STOP_TOPOLOGY, id, now)
    }

    pub(crate) fn kill_topology(&mut self, id: &TopologyId, now: Timestamp) -> Result<Option<WorkerName>> {
        self.end(KILL_TOPOLOGY, id, now)
    }

    fn end(&mut self, command: &'static str, id: &TopologyId, now: Timestamp) -> Result<Option<WorkerName>> {
        let holder = self.topology(id)?.worker.clone();
        self.set_topology_enabled(id, false, now)?;
        self.tell(command, STOP_TTL, id, holder.as_ref(), now)
    }

    pub(crate) fn set_topology_error(
        &mut self,
        id: &TopologyId,
        error: &ErrorText,
        now: Timestamp,
    ) -> Result<Option<WorkerName>> {
        let next = self.topology(id)?.failed(error, now);
        let holder = next.worker.clone();
        self.change(next, now);
        self.tell(STOP_TOPOLOGY, STOP_TTL, id, holder.as_ref(), now)
    }

    pub(crate) fn clear_topology_error(&mut self, id: &TopologyId, now: Timestamp) -> Result<Option<WorkerName>> {
        let topology = self.topology(id)?;
        if topology.status != TopologyStatus::Error {
            return Err(error::not_in_error(id, topology.status));
        }
        let status = topology
            .worker
            .as_ref()
            .and_then(|worker| self.workers.get(worker))
            .map(|entry| entry.status);
        let next = topology.cleared(status == Some(WorkerStatus::Alive), now);
        let holder = next.worker.clone();
        self.change(next, now);
        self.tell(START_TOPOLOGY, START_TTL, id, holder.as_ref(), now)
    }

    pub(crate) fn delete_topology(&mut self, id: &TopologyId) -> Result<()> {
        let topology = self.topology(id)?;
        check_topology_deletable(topology)?;
        let holder = topology.worker.clone();
        self.let_go(holder.as_ref(), id);
        self.topologies.remove(id);
        Ok(())
    }

    pub(crate) fn get_topology(&self, id: &TopologyId) -> Result<TopologyDetails> {
        let unit = self.topologies.get(id).ok_or_else(|| error::unknown_topology(id))?;
        Ok(TopologyDetails {
            topology: unit.topology.clone(),
            config: unit.config.clone(),
        })
    }

    pub(crate) fn list_topologies(&self, page: &Page) -> Result<Paged<Topology>> {
        let after = page.after.as_ref().map(Cursor::topology).transpose()?;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = self.topologies.range((from, Bound::Unbounded));
        Ok(paged(behind.map(|(_, unit)| &unit.topology), page))
    }

    pub(crate) fn list_assigned_topologies(&self, worker: &WorkerName, page: &Page) -> Result<Paged<Topology>> {
        let after = page.after.as_ref().map(Cursor::topology).transpose()?;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let held = self
            .held
            .get(worker)
            .into_iter()
            .flat_map(|held| held.range((from.clone(), Bound::Unbounded)));
        Ok(paged(
            held.filter_map(|id| self.topologies.get(id)).map(|unit| &unit.topology),
            page,
        ))
    }

    pub(crate) fn topology_history(&self, id: &TopologyId, page: &Page) -> Result<Paged<TopologyChange>> {
        self.topology_history.page(id, page)
    }

    pub(crate) fn trim_topology_history(
        &mut self,
        retention: &Retention,
        page: &Page,
        now: Timestamp,
    ) -> Result<Trimmed> {
        let after = page.after.as_ref().map(Cursor::topology).transpose()?;
        let at = |change: &TopologyChange| change.at;
        let behind = Cursor::behind_topology;
        Ok(self.topology_history.trim(after, retention, (page, now), at, behind))
    }

    /// Takes topologies away: those that waited too long, then those of workers that are gone. Says whether there are more.
    pub(crate) fn take_away(&mut self, waiting: Ttl, now: Timestamp) -> (Vec<TopologyId>, bool) {
        let overdue = self.waiting.iter().map_while(|(_, id)| {
            let topology = &self.topologies.get(id)?.topology;
            topology.is_overdue(waiting, now).then(|| id.clone())
        });
        let overdue: Vec<_> = overdue.take(MAX_REFRESHED + 1).collect();
        let already: BTreeSet<_> = overdue.iter().cloned().collect();
        let of_gone = self.gone.iter().flat_map(|worker| self.held_by(worker));
        let of_gone = of_gone
            .filter(|id| !already.contains(*id) && self.is_in_use(id))
            .cloned();
        let mut taken: Vec<_> = overdue.into_iter().chain(of_gone).take(MAX_REFRESHED + 1).collect();
        let more = taken.len() > MAX_REFRESHED;
        taken.truncate(MAX_REFRESHED);
        for id in &taken {
            if let Some(unit) = self.topologies.get(id) {
                let next = unit.topology.released(now);
                self.change(next, now);
            }
        }
        let gone = std::mem::take(&mut self.gone);
        self.gone = gone.into_iter().filter(|worker| self.has_in_use(worker)).collect();
        (taken, more)
    }

    /// Whether topologies wait for the worker or run on it.
    pub(crate) fn has_in_use(&self, worker: &WorkerName) -> bool {
        self.held_by(worker).any(|id| self.is_in_use(id))
    }

    fn is_in_use(&self, id: &TopologyId) -> bool {
        self.topologies.get(id).is_some_and(|unit| unit.topology.is_in_use())
    }

    fn held_by(&self, worker: &WorkerName) -> impl Iterator<Item = &TopologyId> {
        self.held.get(worker).into_iter().flatten()
    }

    fn let_go(&mut self, worker: Option<&WorkerName>, id: &TopologyId) {
        if let Some(worker) = worker
            && let Some(held) = self.held.get_mut(worker)
        {
            held.remove(id);
            if held.is_empty() {
                self.held.remove(worker);
            }
        }
    }

    fn topology(&self, id: &TopologyId) -> Result<&Topology> {
        let unit = self.topologies.get(id).ok_or_else(|| error::unknown_topology(id))?;
        Ok(&unit.topology)
    }

    fn topology_of(&self, registration: &Registration, id: &TopologyId) -> Result<&Topology> {
        let latest = self.workers.get(&registration.worker).map(|entry| entry.incarnation);
        check_registration(latest, registration)?;
        self.topology(id)
    }

    /// Replaces a topology that there is, with its row of history if anything that it shows changed.
    fn change(&mut self, next: Topology, now: Timestamp) {
        let Some(unit) = self.topologies.get_mut(&next.id) else {
            return;
        };
        let before = std::mem::replace(&mut unit.topology, next.clone());
        self.let_go(before.worker.as_ref(), &before.id);
        if let Some(worker) = &next.worker {
            self.held.entry(worker.clone()).or_default().insert(next.id.clone());
            // A worker that is gone may run again what is in error: then there is something to take away.
            let status = self.workers.get(worker).map(|entry| entry.status);
            if next.is_in_use() && status.is_some_and(is_gone) {
                self.gone.insert(worker.clone());
            }
        }
        self.waiting.remove(&(before.since, before.id.clone()));
        if next.status == TopologyStatus::Waiting {
            self.waiting.insert((next.since, next.id.clone()));
        }
        if before.change(now) != next.change(now) {
            self.record_topology(&next, now);
        }
    }

    fn record_topology(&mut self, topology: &Topology, now: Timestamp) {
        self.topology_history.push(&topology.id, topology.change(now));
    }

    /// Puts a message about a topology into the queue of the worker that has it; answers whether somebody was told.
    fn tell(
        &mut self,
        command: &'static str,
        ttl: Ttl,
        id: &TopologyId,
        holder: Option<&WorkerName>,
        now: Timestamp,
    ) -> Result<Option<WorkerName>> {
        let Some(worker) = holder.filter(|worker| self.workers.contains_key(*worker)) else {
            return Ok(None);
        };
        let (command, content) = told(command, id)?;
        self.send_message(&NewMessage::new(worker.clone(), command, content).with_ttl(ttl), now)?;
        Ok(Some(worker.clone()))
    }
}

fn paged<'a>(topologies: impl Iterator<Item = &'a Topology>, page: &Page) -> Paged<Topology> {
    let items = topologies.take(page.limit.as_usize() + 1).cloned().collect();
    Paged::cut(items, page.limit, |last: &Topology| Cursor::behind_topology(&last.id))
}
