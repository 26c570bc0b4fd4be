//! Workers in memory.

use std::ops::Bound;

use convoke_core::error;
use convoke_core::leadership::role_of;
use convoke_core::workers::{MAX_REFRESHED, check_deletable, check_registration, is_gone, is_silent};
use convoke_core::{
    Cursor, Incarnation, Page, Paged, Refreshed, Registration, Result, Retention, Role, RoleCounts, Timeouts,
    Timestamp, Trimmed, Vacated, Worker, WorkerChange, WorkerName, WorkerStatus,
};

use crate::state::{Entry, State};

impl State {
    pub(crate) fn register_worker(&mut self, name: &WorkerName, now: Timestamp) -> Registration {
        self.latest_incarnation += 1;
        let incarnation = Incarnation::from_number(self.latest_incarnation);
        self.step_back(name);
        if let Some(old) = self.workers.get(name) {
            self.listened_to.remove(&(old.last_ping, name.clone()));
        }
        self.workers.insert(
            name.clone(),
            Entry {
                status: WorkerStatus::Alive,
                incarnation,
                last_ping: now,
            },
        );
        self.listened_to.insert((now, name.clone()));
        self.gone.remove(name);
        self.record(name, Role::Normal, now);
        Registration {
            worker: name.clone(),
            incarnation,
        }
    }

    pub(crate) fn ping_worker(&mut self, registration: &Registration, now: Timestamp) -> Result<()> {
        self.hear_of(registration, now).map(|_| ())
    }

    pub(crate) fn set_worker_status(
        &mut self,
        name: &WorkerName,
        incarnation: Option<Incarnation>,
        status: WorkerStatus,
        now: Timestamp,
    ) -> Result<()> {
        if let Some(incarnation) = incarnation {
            self.hear_of(
                &Registration {
                    worker: name.clone(),
                    incarnation,
                },
                now,
            )?;
        }
        let entry = self.workers.get_mut(name).ok_or_else(|| error::unknown_worker(name))?;
        if entry.status == status {
            return Ok(());
        }
        entry.status = status;
        let heard = (entry.last_ping, name.clone());
        if matches!(status, WorkerStatus::Alive | WorkerStatus::Closing) {
            self.listened_to.insert(heard);
        } else {
            self.listened_to.remove(&heard);
        }
        if status != WorkerStatus::Alive {
            self.step_back(name);
        }
        if is_gone(status) {
            self.gone.insert(name.clone());
        } else {
            self.gone.remove(name);
        }
        self.record_role_of(name, now);
        Ok(())
    }

    pub(crate) fn get_worker(&self, name: &WorkerName, now: Timestamp) -> Result<Worker> {
        let entry = self.workers.get(name).ok_or_else(|| error::unknown_worker(name))?;
        Ok(self.worker(name, entry, now))
    }

    pub(crate) fn list_workers(&self, page: &Page, now: Timestamp) -> Result<Paged<Worker>> {
        let after = page.after.as_ref().map(Cursor::worker).transpose()?;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let workers = self
            .workers
            .range((from, Bound::Unbounded))
            .map(|(name, entry)| self.worker(name, entry, now));
        let workers = workers.take(page.limit.as_usize() + 1).collect();
        Ok(Paged::cut(workers, page.limit, |last: &Worker| {
            Cursor::behind_worker(&last.name)
        }))
    }

    pub(crate) fn count_workers(&self, now: Timestamp) -> RoleCounts {
        let leader = u64::from(self.seat.leader(now).is_some());
        let candidate = self.candidacies.values().filter(|until| now < **until).count() as u64;
        RoleCounts {
            normal: self.workers.len() as u64 - leader - candidate,
            candidate,
            leader,
        }
    }

    pub(crate) fn delete_worker(&mut self, name: &WorkerName) -> Result<()> {
        let status = self.workers.get(name).map(|entry| entry.status);
        check_deletable(name, status, self.has_in_use(name))?;
        self.workers.remove(name);
        self.gone.remove(name);
        self.queues.remove(name);
        Ok(())
    }

    pub(crate) fn worker_history(&self, name: &WorkerName, page: &Page) -> Result<Paged<WorkerChange>> {
        self.history.page(name, page)
    }

    pub(crate) fn trim_worker_history(
        &mut self,
        retention: &Retention,
        page: &Page,
        now: Timestamp,
    ) -> Result<Trimmed> {
        let after = page.after.as_ref().map(Cursor::worker).transpose()?;
        let at = |change: &WorkerChange| change.at;
        let behind = Cursor::behind_worker;
        Ok(self.history.trim(after, retention, (page, now), at, behind))
    }

    pub(crate) fn refresh_statuses(&mut self, timeouts: &Timeouts, now: Timestamp) -> Refreshed {
        let held_before = self.seat.holder.clone();
        let silent = self.silent(timeouts, now);
        let more = silent.len() > MAX_REFRESHED;
        let died: Vec<_> = silent.into_iter().take(MAX_REFRESHED).collect();
        for name in &died {
            self.bury(name, now);
        }
        if self.seat.holder.is_some() && self.seat.leader(now).is_none() {
            self.vacate_and_record(now);
        }
        let vacated = held_before
            .filter(|_| self.seat.holder.is_none())
            .map(|holder| Vacated {
                worker: holder.worker,
                term: self.seat.term,
            });
        let lapsed: Vec<_> = self
            .candidacies
            .iter()
            .filter(|(_, until)| **until <= now)
            .map(|(name, _)| name.clone())
            .collect();
        for name in &lapsed {
            self.candidacies.remove(name);
            self.record(name, Role::Normal, now);
        }
        let (unassigned, more_topologies) = self.take_away(timeouts.waiting, now);
        Refreshed::new(died, vacated, lapsed)
            .with_unassigned(unassigned)
            .with_more(more || more_topologies)
    }

    fn silent(&self, timeouts: &Timeouts, now: Timestamp) -> Vec<WorkerName> {
        let is_over = |(heard, name): &&(Timestamp, WorkerName)| {
            let status = self.workers.get(name).map_or(WorkerStatus::Dead, |entry| entry.status);
            is_silent(status, *heard, timeouts.worker, now)
        };
        self.listened_to
            .iter()
            .take_while(is_over)
            .map(|(_, name)| name.clone())
            .take(MAX_REFRESHED + 1)
            .collect()
    }

    fn bury(&mut self, name: &WorkerName, now: Timestamp) {
        if let Some(entry) = self.workers.get_mut(name) {
            entry.status = WorkerStatus::Dead;
            self.listened_to.remove(&(entry.last_ping, name.clone()));
        }
        self.gone.insert(name.clone());
        self.step_back(name);
        self.record(name, Role::Normal, now);
    }

    fn worker(&self, name: &WorkerName, entry: &Entry, now: Timestamp) -> Worker {
        Worker {
            name: name.clone(),
            status: entry.status,
            role: self.role(name, entry.status, now),
            incarnation: entry.incarnation,
            last_ping: entry.last_ping,
        }
    }

    pub(crate) fn role(&self, name: &WorkerName, status: WorkerStatus, now: Timestamp) -> Role {
        role_of(&self.seat, name, status, self.candidacies.get(name).copied(), now)
    }

    /// Checks the registration and counts the call as a ping.
    pub(crate) fn hear_of(&mut self, registration: &Registration, now: Timestamp) -> Result<WorkerStatus> {
        let name = &registration.worker;
        check_registration(self.workers.get(name).map(|entry| entry.incarnation), registration)?;
        let entry = self.workers.get_mut(name).ok_or_else(|| error::unknown_worker(name))?;
        if matches!(entry.status, WorkerStatus::Alive | WorkerStatus::Closing) && entry.last_ping != now {
            self.listened_to.remove(&(entry.last_ping, name.clone()));
            self.listened_to.insert((now, name.clone()));
        }
        entry.last_ping = now;
        Ok(entry.status)
    }

    /// Ends the worker's candidacy, and vacates the seat if it holds it.
    fn step_back(&mut self, name: &WorkerName) {
        self.candidacies.remove(name);
        if self.seat.holder.as_ref().is_some_and(|holder| holder.worker == *name) {
            self.seat = self.seat.vacated();
        }
    }

    fn vacate_and_record(&mut self, now: Timestamp) {
        if let Some(holder) = self.seat.holder.take() {
            self.record(&holder.worker, Role::Normal, now);
        }
    }

    fn record_role_of(&mut self, name: &WorkerName, now: Timestamp) {
        if let Some(entry) = self.workers.get(name) {
            let role = self.role(name, entry.status, now);
            self.record(name, role, now);
        }
    }

    /// Writes a row of history with the worker as it stands now.
    pub(crate) fn record(&mut self, name: &WorkerName, role: Role, now: Timestamp) {
        if let Some(entry) = self.workers.get(name) {
            let change = WorkerChange {
                at: now,
                name: name.clone(),
                status: entry.status,
                role,
                incarnation: entry.incarnation,
            };
            self.history.push(name, change);
        }
    }
}
