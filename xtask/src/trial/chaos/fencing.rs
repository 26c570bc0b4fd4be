//! What an agent would write that was stopped beyond its lease, written in its place while it can't: all of it has to be
//! refused.
//!
//! An agent that wakes looks at its own clock first, and writes little that is stale. Which of its calls is already on its
//! way when it is stopped nobody can arrange; so the trial makes each of them.

use std::fmt::Debug;

use anyhow::Result;
use convoke::{
    Claim, ErrorKind, Leader, Lease, Limit, Page, Placement, Placements, Registration, Renewal, Report, Reported,
    Store, Term, Timestamp, TopologyId, Ttl, WorkerName,
};

/// What an agent had before it was stopped.
#[derive(Clone, Debug)]
pub(crate) struct Holdings {
    registration: Registration,
    /// The term in which it led.
    term: Option<Term>,
    units: Vec<TopologyId>,
}

/// What became of late writes.
#[derive(Debug, Default)]
pub(crate) struct Late {
    /// How many failed as Fenced.
    pub(crate) fenced: usize,
    /// How many were answered by who has the unit now, or that the lead is lost.
    pub(crate) refused: usize,
    /// Who led meanwhile.
    pub(crate) leader: Option<Leader>,
    /// Those that were taken, or failed otherwise.
    pub(crate) faults: Vec<String>,
}

impl Holdings {
    pub(crate) async fn of(store: &dyn Store, agent: &WorkerName) -> Result<Self> {
        let worker = store.get_worker(agent).await?;
        let leader = store.leader().await?;
        let page = Page {
            limit: Limit::MAX,
            after: None,
        };
        let units = store.list_assigned_topologies(agent, &page).await?.items;
        Ok(Self {
            registration: Registration {
                worker: worker.name,
                incarnation: worker.incarnation,
            },
            term: leader
                .filter(|leader| leader.worker == *agent)
                .map(|leader| leader.term),
            units: units.into_iter().map(|unit| unit.id).collect(),
        })
    }

    /// The term in which it led, if it did.
    pub(crate) const fn term(&self) -> Option<Term> {
        self.term
    }

    /// Whether somebody else has taken its name by now.
    pub(crate) async fn is_superseded(&self, store: &dyn Store) -> Result<bool> {
        let worker = store.get_worker(&self.registration.worker).await?;
        Ok(worker.incarnation != self.registration.incarnation)
    }

    /// Writes what it would write. What may still be its own is left alone.
    pub(crate) async fn write_late(&self, store: &dyn Store, ttl: Ttl) -> Result<Late> {
        let mut late = Late::default();
        let is_superseded = self.is_superseded(store).await?;
        for unit in &self.units {
            let holder = store.get_topology(unit).await?.topology.worker;
            let is_anothers = holder.is_some_and(|holder| holder != self.registration.worker);
            if is_superseded {
                let answer = store.report_topology(&self.registration, unit, &Report::Running).await;
                late.has_to_be_fenced("a report", answer);
            } else if is_anothers {
                let answer = store.report_topology(&self.registration, unit, &Report::Running).await;
                late.has_to_be("a report", answer, |it| matches!(it, Reported::NotHeld(Some(_))));
            }
        }
        if is_superseded {
            late.has_to_be_fenced("a ping", store.ping_worker(&self.registration).await);
            let claim = Claim::new(Limit::MAX, ttl);
            let received = store.receive_messages(&self.registration, &claim).await;
            late.has_to_be_fenced("a receive", received);
        }
        late.leader = store.leader().await?;
        if let Some(term) = self.term {
            let is_over = late.leader.as_ref().is_some_and(|leader| leader.term != term);
            if is_superseded || is_over {
                self.lead_late(store, term, ttl, &mut late).await?;
            }
        }
        Ok(late)
    }

    async fn lead_late(&self, store: &dyn Store, term: Term, ttl: Ttl, late: &mut Late) -> Result<()> {
        let to_itself = |unit: &TopologyId| Placement::new(unit.clone(), self.registration.worker.clone());
        let placements = Placements::new(self.units.iter().map(to_itself))?;
        let assigned = store.assign_topologies(term, &placements).await;
        late.has_to_be_fenced("an assignment", assigned);
        let lease = Lease {
            registration: self.registration.clone(),
            term,
            expires: Timestamp::EPOCH,
        };
        let renewed = store.renew_lease(&lease, ttl).await;
        late.has_to_be("a renewal", renewed, |it| matches!(it, Renewal::Lost(_)));
        Ok(())
    }
}

impl Late {
    fn has_to_be_fenced<T: Debug>(&mut self, what: &str, answer: convoke::Result<T>) {
        match answer {
            Err(error) if error.kind() == ErrorKind::Fenced => self.fenced += 1,
            other => self.faults.push(format!("{what} has to fail as Fenced: {other:?}")),
        }
    }

    fn has_to_be<T: Debug>(&mut self, what: &str, answer: convoke::Result<T>, refuses: impl FnOnce(&T) -> bool) {
        match answer {
            Ok(answer) if refuses(&answer) => self.refused += 1,
            other => self.faults.push(format!("{what} has to be refused: {other:?}")),
        }
    }
}
