//! A registered worker at work: what it hears, and what it does about it.

use std::collections::BTreeMap;
use std::time::Duration;

use convoke_core::{
    ErrorKind, ErrorText, Limit, Page, Registration, Report, Reported, Result, Store, Timestamp, Topology, TopologyId,
    TopologyStatus, WorkerName, WorkerStatus, stream,
};
use futures_util::TryStreamExt;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Worker;
use super::heartbeat::Beat;
use super::mailbox::{Mail, Request};
use super::running::Running;
use crate::tenure::Deadline;
use crate::work::{End, Failure, Permanent, UnitEvent, What};

pub(super) struct Inputs {
    pub(super) beats: mpsc::UnboundedReceiver<Beat>,
    pub(super) events: mpsc::UnboundedReceiver<UnitEvent>,
    pub(super) mail: mpsc::Receiver<Mail>,
}

/// A registered worker at work.
pub(super) struct Service<'a> {
    pub(super) worker: &'a Worker,
    pub(super) registration: Registration,
    pub(super) since: Timestamp,
    pub(super) running: Running,
    pub(super) restarts: BTreeMap<TopologyId, Restart>,
    /// Before this nothing is started.
    pub(super) starts_from: Instant,
    pub(super) deadline: watch::Receiver<Deadline>,
    pub(super) good_for: Duration,
    pub(super) is_dormant: bool,
}

/// When a unit that failed is started again.
#[derive(Clone, Copy)]
pub(super) struct Restart {
    at: Instant,
    after: Duration,
}

enum Next {
    Go,
    End,
}

impl Service<'_> {
    pub(super) async fn serve(mut self, mut inputs: Inputs, shutdown: CancellationToken) -> Result<()> {
        let mut look_at = self.starts_from;
        loop {
            let restart_at = self.restarts.values().map(|restart| restart.at).min();
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(beat) = inputs.beats.recv() => match beat {
                    Beat::Fenced(error) => {
                        self.running.kill_all();
                        return Err(error);
                    }
                    Beat::Back => look_at = Instant::now(),
                },
                Some(event) = inputs.events.recv() => self.hear(event).await,
                Some(mail) = inputs.mail.recv() => match self.heed(mail).await {
                    Next::Go => {}
                    Next::End => break,
                },
                () = sleep_until(restart_at.unwrap_or(look_at)), if restart_at.is_some() => self.restart_due().await,
                () = sleep_until(look_at) => {
                    look_at = Instant::now() + self.worker.settings.reconcile_every;
                    self.come_to_life().await;
                    self.fall_asleep_or_wake().await;
                    self.reconcile().await;
                }
            }
        }
        self.close(inputs).await
    }

    fn id(&self) -> &WorkerName {
        &self.registration.worker
    }

    fn store(&self) -> &dyn Store {
        &*self.worker.store
    }

    /// Compares what runs with what is assigned.
    async fn reconcile(&mut self) {
        match self.assigned().await {
            Ok(assigned) => {
                let stray: Vec<_> = self
                    .running
                    .ids()
                    .filter(|id| !assigned.contains_key(*id))
                    .cloned()
                    .collect();
                for id in stray {
                    warn!(topology = %id, "it runs here and is not assigned to this worker any more");
                    self.running.kill(&id);
                }
                for topology in assigned.values() {
                    self.settle(topology).await;
                }
            }
            Err(error) => warn!(%error, "what is assigned was not read"),
        }
    }

    async fn assigned(&self) -> Result<BTreeMap<TopologyId, Topology>> {
        let page = Page {
            limit: Limit::MAX,
            after: None,
        };
        let all = stream::assigned_topologies(self.store(), self.id(), page);
        all.map_ok(|topology| (topology.id.clone(), topology))
            .try_collect()
            .await
    }

    /// Does for one topology that this worker has what the store says.
    async fn settle(&mut self, topology: &Topology) {
        let runs = self.running.contains(&topology.id);
        match (runs, topology.enabled, topology.status) {
            (true, false, _) | (true, true, TopologyStatus::Error) => self.running.stop(&topology.id),
            (true, true, _) => {}
            (false, false, TopologyStatus::Error) => {
                self.restarts.remove(&topology.id);
            }
            (false, false, _) => self.report(&topology.id, &Report::Released).await,
            (false, true, TopologyStatus::Error) => {
                let first = self.worker.settings.restart_after.0;
                let restart = Restart {
                    at: Instant::now() + first,
                    after: first,
                };
                self.restarts.entry(topology.id.clone()).or_insert(restart);
            }
            (false, true, _) => self.start(&topology.id).await,
        }
    }

    /// Looks at one topology.
    async fn look(&mut self, id: &TopologyId) {
        match self.store().get_topology(id).await {
            Ok(details) if details.topology.worker.as_ref() == Some(self.id()) => self.settle(&details.topology).await,
            Ok(_) => self.running.kill(id),
            Err(error) if error.kind() == ErrorKind::NotFound => self.running.kill(id),
            Err(error) => warn!(topology = %id, %error, "a topology was not read"),
        }
    }

    async fn start(&mut self, id: &TopologyId) {
        if !self.may_start() || self.running.contains(id) {
            return;
        }
        let details = match self.store().get_topology(id).await {
            Ok(details) => details,
            Err(error) => return warn!(topology = %id, %error, "a topology was not read"),
        };
        // Read before the report: what is accepted may be taken away again once this deadline is over.
        let until = *self.deadline.borrow();
        match self
            .store()
            .report_topology(&self.registration, id, &Report::Running)
            .await
        {
            Ok(Reported::Accepted) => {
                info!(topology = %id, "started");
                self.running.start(details, until);
            }
            Ok(Reported::Disabled) => self.report(id, &Report::Released).await,
            Ok(Reported::NotHeld(holder)) => info!(topology = %id, ?holder, "it is not this worker's any more"),
            Err(error) => warn!(topology = %id, %error, "it was not started"),
        }
    }

    /// Nothing is started beside a predecessor, nor when the store has not heard of this worker for half the time that it
    /// is patient: it would hardly run before it is asked to stop.
    fn may_start(&self) -> bool {
        let now = Instant::now();
        let until = *self.deadline.borrow();
        self.starts_from <= now && (now + self.good_for / 2).into_std() < until.instant() && !until.is_over()
    }

    async fn restart_due(&mut self) {
        let now = Instant::now();
        let due: Vec<_> = self
            .restarts
            .iter()
            .filter(|(_, it)| it.at <= now)
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            if let Some(restart) = self.restarts.get_mut(&id) {
                // What goes wrong on the way is tried again later, not at once.
                restart.at = now + restart.after.max(self.worker.settings.reconcile_every);
            }
            self.restart(&id).await;
        }
    }

    async fn restart(&mut self, id: &TopologyId) {
        let topology = match self.store().get_topology(id).await {
            Ok(details) => details.topology,
            Err(error) => return warn!(topology = %id, %error, "a topology was not read"),
        };
        if topology.worker.as_ref() == Some(self.id()) && topology.enabled {
            self.start(id).await;
        } else {
            self.restarts.remove(id);
        }
    }

    async fn hear(&mut self, event: UnitEvent) {
        if !self.running.is_current(&event) {
            return;
        }
        let id = event.topology;
        match event.what {
            What::Process(pid) => {
                if let Err(error) = self.store().set_topology_pid(&self.registration, &id, pid).await {
                    warn!(topology = %id, %error, "its process was not reported");
                }
            }
            What::Ended(end) => self.ended(&id, end).await,
        }
    }

    async fn ended(&mut self, id: &TopologyId, end: End) {
        let Some(ended) = self.running.forget(id) else { return };
        match end {
            End::Orphaned => {
                warn!(topology = %id, "it was dropped: the store was not reached in time");
                self.restarts.remove(id);
            }
            End::Returned(Ok(())) if ended.told && !ended.asked => {
                warn!(topology = %id, "it stopped: the store was not reached in time");
                self.look(id).await;
            }
            _ if ended.asked => {
                info!(topology = %id, "stopped");
                self.restarts.remove(id);
                self.report(id, &Report::Released).await;
            }
            End::Returned(Ok(())) => {
                info!(topology = %id, "done");
                self.restarts.remove(id);
                if let Err(error) = self.store().disable_topology(id).await {
                    warn!(topology = %id, %error, "it is done and was not disabled");
                }
                self.report(id, &Report::Released).await;
            }
            End::Returned(Err(why)) if why.is::<Permanent>() => self.given_up(id, &why).await,
            End::Returned(Err(why)) => self.failed(id, &why.to_string(), ended.ran_for).await,
            End::Panicked(why) => self.failed(id, &why, ended.ran_for).await,
            End::Dropped => self.report(id, &Report::Released).await,
        }
    }

    async fn failed(&mut self, id: &TopologyId, why: &str, ran_for: Duration) {
        let (first, longest) = self.worker.settings.restart_after;
        let before = self.restarts.get(id).filter(|_| ran_for < longest);
        let after = before.map_or(first, |restart| (restart.after * 2).min(longest));
        warn!(topology = %id, %why, ?after, "it failed, and is started again after a while");
        self.restarts.insert(
            id.clone(),
            Restart {
                at: Instant::now() + after,
                after,
            },
        );
        self.report(id, &Report::Failed(ErrorText::new(why))).await;
    }

    /// It failed for good: it stays in error, without a worker.
    async fn given_up(&mut self, id: &TopologyId, why: &Failure) {
        warn!(topology = %id, %why, "it failed, and is not started again");
        self.restarts.remove(id);
        self.report(id, &Report::Failed(ErrorText::new(why.to_string()))).await;
        self.report(id, &Report::Released).await;
    }

    async fn report(&mut self, id: &TopologyId, report: &Report) {
        match self.store().report_topology(&self.registration, id, report).await {
            Ok(_) => {}
            // The next look finds it as it is.
            Err(error) => warn!(topology = %id, %error, ?report, "a report was not taken"),
        }
    }

    async fn heed(&mut self, mail: Mail) -> Next {
        let Mail { request, delivery } = mail;
        // Who it was meant for may have been the one before; what only looks harms nobody.
        let is_mine = self.since <= delivery.message.sent;
        let next = match request {
            Request::Look(ids) => {
                for id in &ids {
                    self.look(id).await;
                }
                Next::Go
            }
            Request::Kill(id) => {
                self.running.kill(&id);
                self.look(&id).await;
                Next::Go
            }
            Request::Release(ids) => {
                for id in &ids {
                    self.release(id).await;
                }
                Next::Go
            }
            Request::Enable(takes_work) if is_mine => {
                self.set_status(if takes_work {
                    WorkerStatus::Alive
                } else {
                    WorkerStatus::Disabled
                })
                .await;
                Next::Go
            }
            Request::Drain if is_mine => {
                self.drain().await;
                Next::Go
            }
            Request::Rebalance => {
                self.worker.rebalance.send_modify(|count| *count += 1);
                Next::Go
            }
            Request::ShutDown if is_mine => Next::End,
            Request::Enable(_) | Request::Drain | Request::ShutDown => Next::Go,
        };
        if let Err(error) = self.store().ack_message(&delivery.receipt).await {
            warn!(%error, "a message was not acknowledged; it comes again");
        }
        next
    }

    async fn release(&mut self, id: &TopologyId) {
        self.restarts.remove(id);
        if self.running.contains(id) {
            self.running.stop(id);
        } else {
            self.report(id, &Report::Released).await;
        }
    }

    async fn drain(&mut self) {
        self.set_status(WorkerStatus::Disabled).await;
        match self.assigned().await {
            Ok(assigned) => {
                for id in assigned.keys() {
                    self.release(id).await;
                }
            }
            Err(error) => warn!(%error, "what is assigned was not read"),
        }
    }

    /// Whoever says that this worker is dead, unloaded or closing is wrong as long as it works.
    async fn come_to_life(&self) {
        match self.store().get_worker(self.id()).await {
            Ok(worker) if matches!(worker.status, WorkerStatus::Alive | WorkerStatus::Disabled) => {}
            Ok(worker) => {
                info!(status = %worker.status, "alive nevertheless");
                self.set_status(WorkerStatus::Alive).await;
            }
            Err(error) => warn!(%error, "the worker's own status was not read"),
        }
    }

    /// Becomes disabled when a time of dormancy begins, and alive when it ends; in between, others may decide otherwise.
    async fn fall_asleep_or_wake(&mut self) {
        let Some(dormancy) = &self.worker.settings.dormancy else {
            return;
        };
        let is_dormant = match self.store().now().await {
            Ok(now) => dormancy.includes(now),
            Err(error) => return warn!(%error, "the store's time was not read"),
        };
        if is_dormant != self.is_dormant {
            info!(is_dormant, "a time of dormancy begins or ends");
            self.is_dormant = is_dormant;
            self.set_status(if is_dormant {
                WorkerStatus::Disabled
            } else {
                WorkerStatus::Alive
            })
            .await;
        }
    }

    async fn set_status(&self, status: WorkerStatus) {
        let incarnation = Some(self.registration.incarnation);
        if let Err(error) = self.store().set_worker_status(self.id(), incarnation, status).await {
            warn!(%error, %status, "the status was not set");
        }
    }

    /// Ends in good order: takes nothing new, ends the units, lets go of everything, and is unloaded.
    async fn close(mut self, mut inputs: Inputs) -> Result<()> {
        info!(worker = %self.id(), "closing");
        self.set_status(WorkerStatus::Closing).await;
        self.restarts.clear();
        self.running.stop_all();
        while !self.running.is_empty() {
            tokio::select! {
                Some(beat) = inputs.beats.recv() => if let Beat::Fenced(error) = beat {
                    self.running.kill_all();
                    return Err(error);
                },
                Some(event) = inputs.events.recv() => self.hear(event).await,
            }
        }
        for id in self.assigned().await.unwrap_or_default().into_keys() {
            self.report(&id, &Report::Released).await;
        }
        self.set_status(WorkerStatus::Unloaded).await;
        Ok(())
    }
}
