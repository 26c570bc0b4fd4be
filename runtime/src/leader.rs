//! A leader: while it leads, it hands out what nobody has, and keeps the load even.

use std::collections::BTreeMap;
use std::sync::Arc;

use convoke_core::{
    Candidacy, Command, Error, ErrorKind, Lease, LeaseDeadline, NewMessage, Payload, Placements, Registration, Renewal,
    Result, Store, Term, TopologyId, Ttl, WorkerName, WorkerStatus, history,
};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::attempt::within;
use crate::backoff::Backoff;
use crate::balancer::Move;
use crate::settings::LeaderSettings;
use crate::worker::STOP_TOPOLOGIES;

mod plan;

pub use plan::{Outlook, Picture};

/// How long a request to let go of topologies is worth something: 120 s, as with qtopology.
const MOVE_TTL: Ttl = Ttl::from_secs(120);

/// Campaigns under a worker's registration; while it leads it buries the dead, hands out what nobody has, rebalances and
/// trims histories.
///
/// Every member of a cluster runs one; one of them leads. What only a leader may do carries its term, which the store
/// checks: a leader that was paused does no harm when it wakes.
pub struct Leader {
    store: Arc<dyn Store>,
    settings: LeaderSettings,
    leads: watch::Sender<Option<Term>>,
}

impl Leader {
    /// A leader to be.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, settings: LeaderSettings) -> Self {
        Self {
            store,
            settings,
            leads: watch::Sender::new(None),
        }
    }

    /// The term in which it leads, while it does, as far as it knows.
    #[must_use]
    pub fn leads(&self) -> watch::Receiver<Option<Term>> {
        self.leads.subscribe()
    }

    /// Takes part until `shutdown`, then resigns.
    ///
    /// `registration` and `rebalance` are those of the [`Worker`](crate::Worker) that it runs beside. It fails with nothing:
    /// a store that is lost is waited for.
    pub async fn run(
        &self,
        mut registration: watch::Receiver<Option<Registration>>,
        mut rebalance: watch::Receiver<u64>,
        shutdown: CancellationToken,
    ) {
        let mut office = None;
        let mut look_at = Instant::now();
        // While there is no leader, or no store: soon at first, then less and less often, and not all members at the same
        // moment, so that a thousand of them do not keep each other from the seat.
        let mut back_off = Backoff::new(self.settings.look_every, self.settings.watch_every);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = sleep_until(look_at) => {}
                // A sender that is gone has nothing to say any more; then only the clock counts.
                Ok(()) = rebalance.changed() => if let Some(office) = &mut office {
                    let office: &mut Office = office;
                    office.rebalance_at = Instant::now();
                },
                Ok(()) = registration.changed() => {}
            }
            let me = registration.borrow_and_update().clone();
            let begun = Instant::now();
            let seat = self.look(me, &mut office).await;
            look_at = match seat {
                Ok(Seat::Ours) => {
                    back_off.reset();
                    begun + self.settings.look_every
                }
                Ok(Seat::Others) => {
                    back_off.reset();
                    Instant::now() + self.settings.watch_every
                }
                Ok(Seat::Free) => Instant::now() + back_off.scattered_pause(),
                Err(error) => {
                    warn!(%error, "the leader could not do its work; it tries again");
                    // Whoever leads has a lease to keep.
                    let is_leading = office.is_some();
                    Instant::now()
                        + if is_leading {
                            self.settings.look_every
                        } else {
                            back_off.scattered_pause()
                        }
                }
            };
            let term = office.as_ref().map(|office| office.lease.term);
            self.leads
                .send_if_modified(|leads| std::mem::replace(leads, term) != term);
        }
        if let Some(office) = office
            && let Err(error) = self.store.resign(&office.lease).await
        {
            warn!(%error, "the leader did not resign; its lease runs out");
        }
        self.leads.send_replace(None);
    }

    async fn look(&self, me: Option<Registration>, office: &mut Option<Office>) -> Result<Seat> {
        let Some(me) = me else {
            *office = None;
            return Ok(Seat::Others);
        };
        if office
            .as_ref()
            .is_some_and(|office| office.lease.registration != me || !office.may_act())
        {
            info!("the lead is over");
            *office = None;
        }
        match office {
            // Looking is one read; campaigning writes, and many members wait for one seat.
            None => {
                if self.is_led_by_others(&me).await? {
                    return Ok(Seat::Others);
                }
                *office = self.campaign(&me).await?;
            }
            Some(held) => {
                if !self.renew(held).await? {
                    *office = None;
                }
            }
        }
        let Some(held) = office else { return Ok(Seat::Free) };
        let refreshed = self.store.refresh_statuses(&self.settings.cluster.timeouts).await?;
        if !refreshed.unassigned.is_empty() || !refreshed.died.is_empty() || refreshed.more {
            held.place_at = Instant::now();
        }
        match self.govern(held).await {
            Ok(()) => Ok(Seat::Ours),
            Err(error) if error.is_fenced() => {
                info!(%error, "the lead is over");
                *office = None;
                Ok(Seat::Free)
            }
            Err(error) => Err(error),
        }
    }

    async fn is_led_by_others(&self, me: &Registration) -> Result<bool> {
        let leader = self.store.leader().await?;
        Ok(leader.is_some_and(|leader| leader.worker != me.worker))
    }

    async fn campaign(&self, me: &Registration) -> Result<Option<Office>> {
        let asked = std::time::Instant::now();
        let ttl = self.settings.cluster.lead;
        match self.store.campaign(me, ttl).await? {
            Candidacy::Elected(lease) => {
                info!(term = %lease.term, "elected");
                Ok(Some(Office::new(lease, LeaseDeadline::new(asked, ttl), &self.settings)))
            }
            Candidacy::Deferred(_) => Ok(None),
        }
    }

    /// Renews when a third of the lease is over. Answers whether it still leads.
    async fn renew(&self, office: &mut Office) -> Result<bool> {
        let ttl = self.settings.cluster.lead;
        if Instant::now() < office.renew_at {
            return Ok(true);
        }
        let asked = std::time::Instant::now();
        let renewal = self.store.renew_lease(&office.lease, ttl);
        match within(self.settings.renew_within, renewal).await? {
            Renewal::Renewed(lease) => {
                office.lease = lease;
                office.ends = LeaseDeadline::new(asked, ttl);
                office.renew_at = Instant::from_std(asked) + ttl.as_duration() / 3;
                Ok(true)
            }
            Renewal::Lost(leader) => {
                info!(?leader, "the lead is over");
                Ok(false)
            }
        }
    }

    async fn govern(&self, office: &mut Office) -> Result<()> {
        let now = Instant::now();
        if office.place_at <= now || office.rebalance_at <= now {
            let picture = Picture::read(&*self.store).await?;
            self.place(office, &picture).await?;
            let revived = self.revive(&picture).await?;
            self.unload(&picture).await?;
            office.place_at = if revived { now } else { now + self.settings.place_every };
            if office.rebalance_at <= now {
                self.move_away(office, picture.moves()).await?;
                office.rebalance_at = now + self.settings.rebalance_every;
            }
        }
        if office.trim_at <= now {
            self.trim().await?;
            office.trim_at = now + self.settings.trim_every;
        }
        Ok(())
    }

    async fn place(&self, office: &mut Office, picture: &Picture) -> Result<()> {
        let placements = picture.placements(&office.on_their_way);
        for batch in placements.chunks(Placements::MAX) {
            if !office.may_act() {
                return Ok(());
            }
            let batch = Placements::new(batch.iter().cloned())?;
            let assignments = self.store.assign_topologies(office.lease.term, &batch).await?;
            for (placement, assignment) in batch.as_slice().iter().zip(&assignments) {
                info!(topology = %placement.topology, worker = %placement.worker, ?assignment, "handed out");
                office.on_their_way.remove(&placement.topology);
            }
        }
        Ok(())
    }

    /// Takes what failed on a worker that died out of error, since that one can't start it again. Answers whether there was
    /// something.
    async fn revive(&self, picture: &Picture) -> Result<bool> {
        let mut revived = false;
        for id in picture.deserted() {
            match self.store.clear_topology_error(id).await {
                Ok(_) => {
                    info!(topology = %id, "its worker died and would have started it again; handed out anew");
                    revived = true;
                }
                // It was cleared, or deleted, meanwhile.
                Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(revived)
    }

    /// Dead workers whose work was taken away are unloaded.
    async fn unload(&self, picture: &Picture) -> Result<()> {
        for name in picture.emptied() {
            info!(worker = %name, "unloaded");
            self.store.set_worker_status(name, None, WorkerStatus::Unloaded).await?;
        }
        Ok(())
    }

    /// Asks the workers to let go of what should move; it is handed out when they have.
    async fn move_away(&self, office: &mut Office, moves: Vec<Move>) -> Result<()> {
        office.on_their_way.clear();
        let mut by_worker: BTreeMap<WorkerName, Vec<Move>> = BTreeMap::new();
        for step in moves {
            if let Some(from) = step.from.clone() {
                by_worker.entry(from).or_default().push(step);
            }
        }
        for (from, steps) in by_worker {
            info!(worker = %from, topologies = steps.len(), "asked to let go of what should run elsewhere");
            self.store
                .send_message(&moved(from, &steps, office.lease.term)?)
                .await?;
            office
                .on_their_way
                .extend(steps.into_iter().map(|step| (step.topology, step.to)));
        }
        Ok(())
    }

    async fn trim(&self) -> Result<()> {
        history::trim_workers(&*self.store, &self.settings.history).await?;
        history::trim_topologies(&*self.store, &self.settings.history).await?;
        Ok(())
    }
}

fn moved(from: WorkerName, steps: &[Move], term: Term) -> Result<NewMessage, Error> {
    let steps: Vec<_> = steps
        .iter()
        .map(|step| serde_json::json!({ "uuid": step.topology.as_str(), "worker_new": step.to.as_str() }))
        .collect();
    let content = Payload::of(&serde_json::json!({ "stop_topologies": steps }))?;
    Ok(NewMessage::new(from, Command::new(STOP_TOPOLOGIES)?, content)
        .with_ttl(MOVE_TTL)
        .with_term(term))
}

/// Who sits in the seat, as far as is known.
enum Seat {
    Ours,
    Free,
    Others,
}

/// What a leader has at hand while it leads.
struct Office {
    lease: Lease,
    ends: LeaseDeadline,
    renew_at: Instant,
    place_at: Instant,
    rebalance_at: Instant,
    trim_at: Instant,
    /// What was asked to be let go of, and where it is meant to run.
    on_their_way: BTreeMap<TopologyId, WorkerName>,
}

impl Office {
    fn new(lease: Lease, ends: LeaseDeadline, settings: &LeaderSettings) -> Self {
        let now = Instant::now();
        Self {
            lease,
            ends,
            renew_at: now + settings.cluster.lead.as_duration() / 3,
            place_at: now,
            rebalance_at: now + settings.rebalance_every,
            trim_at: now + settings.trim_every,
            on_their_way: BTreeMap::new(),
        }
    }

    fn may_act(&self) -> bool {
        self.ends.may_act(std::time::Instant::now())
    }
}
