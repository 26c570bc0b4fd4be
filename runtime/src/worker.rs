//! A worker: takes part under a name, and runs what is assigned to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use convoke_core::{Registration, Result, Store, Timestamp, WorkerName, WorkerStatus};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::agreement::agree;
use crate::settings::WorkerSettings;
use crate::tenure::Deadline;
use crate::work::Work;

mod heartbeat;
mod mailbox;
mod running;
mod service;

use heartbeat::{Heart, Pulse};
use mailbox::Mailbox;
pub use mailbox::{DRAIN, REBALANCE, SET_DISABLED, SET_ENABLED, SHUTDOWN, STOP_TOPOLOGIES};
use running::Running;
use service::{Inputs, Service};

/// Takes part in a cluster under a name, and runs the topologies that it is given.
///
/// - It pings; its units are dropped before the store could take it for dead, by its own monotonic clock, and begin again
///   by themselves once the store is back and has them still assigned to it.
/// - It starts a unit only after the store took its report that it runs. So no two workers run one topology.
/// - What runs is compared with what is assigned and enabled whenever a message says so, and from time to time in any case.
///   So a topology that is disabled ends in good order without a message, too.
/// - A unit that fails, or panics, is in error, and started again after a while. Units do not disturb each other.
/// - A name that somebody else takes over ends the worker, and its units at once.
pub struct Worker {
    store: Arc<dyn Store>,
    name: WorkerName,
    work: Arc<dyn Work>,
    settings: WorkerSettings,
    registered: watch::Sender<Option<Registration>>,
    rebalance: watch::Sender<u64>,
    trouble: watch::Sender<Option<String>>,
}

impl Worker {
    /// A worker of this name that does this work.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, name: WorkerName, work: Arc<dyn Work>, settings: WorkerSettings) -> Self {
        Self {
            store,
            name,
            work,
            settings,
            registered: watch::Sender::new(None),
            rebalance: watch::Sender::new(0),
            trouble: watch::Sender::new(None),
        }
    }

    /// Its registration, once it has one: what a [`Leader`](crate::Leader) campaigns with.
    #[must_use]
    pub fn registration(&self) -> watch::Receiver<Option<Registration>> {
        self.registered.subscribe()
    }

    /// Counts how often it was asked to rebalance; what a [`Leader`](crate::Leader) wakes on.
    #[must_use]
    pub fn rebalance_requests(&self) -> watch::Receiver<u64> {
        self.rebalance.subscribe()
    }

    /// Why the store did not take the last ping; none while it does. For people to see: what has to be done about it is
    /// done.
    #[must_use]
    pub fn trouble(&self) -> watch::Receiver<Option<String>> {
        self.trouble.subscribe()
    }

    /// Registers, works until `shutdown` or a message that says so, then ends its units in good order, lets go of them and
    /// is unloaded.
    ///
    /// When the name was in use shortly before and was not given up in good order, nothing is started until whoever had it
    /// is over: for the worker time-out.
    ///
    /// # Errors
    /// Fenced when somebody else takes the name, Conflict when the cluster keeps time otherwise, and whatever keeps it from
    /// registering at the start. A store that is lost later is waited for.
    pub async fn run(&self, shutdown: CancellationToken) -> Result<()> {
        agree(&*self.store, &self.settings.cluster).await?;
        let predecessor_until = self.predecessor().await?;
        let until = Deadline::after(self.good_for());
        let registration = self.store.register_worker(&self.name).await?;
        let since = self.store.get_worker(&self.name).await?.last_ping;
        info!(worker = %self.name, incarnation = %registration.incarnation, "registered");
        self.registered.send_replace(Some(registration.clone()));
        let ended = self
            .serve(registration, since, until, predecessor_until, shutdown)
            .await;
        self.registered.send_replace(None);
        ended
    }

    /// Until when whoever had the name before may still run units.
    async fn predecessor(&self) -> Result<Option<Duration>> {
        let timeout = self.settings.cluster.timeouts.worker.as_duration();
        match self.store.get_worker(&self.name).await {
            Ok(worker) if worker.status != WorkerStatus::Unloaded => {
                let silent_for = self.store.now().await?.since(worker.last_ping);
                // It may be heard of until the very moment in which the name is taken.
                Ok((silent_for < timeout).then_some(timeout))
            }
            Ok(_) => Ok(None),
            Err(error) if error.kind() == convoke_core::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// For how long a ping is good.
    fn good_for(&self) -> Duration {
        let timeout = self.settings.cluster.timeouts.worker.as_duration();
        timeout.saturating_sub(self.settings.margin)
    }

    async fn serve(
        &self,
        registration: Registration,
        since: Timestamp,
        until: Deadline,
        predecessor: Option<Duration>,
        shutdown: CancellationToken,
    ) -> Result<()> {
        let good_for = self.good_for();
        let (beats_in, beats) = mpsc::unbounded_channel();
        let pulse = Arc::new(Pulse::new(until, good_for, self.trouble.clone(), beats_in));
        let (events_in, events) = mpsc::unbounded_channel();
        let (mail_in, mail) = mpsc::channel(64);
        let mut tasks = JoinSet::new();
        let heart = Heart {
            store: Arc::clone(&self.store),
            registration: registration.clone(),
            every: self.settings.ping_every,
            within: self.settings.ping_within,
            pulse: Arc::clone(&pulse),
        };
        tasks.spawn(heart.beat());
        let mailbox = Mailbox {
            store: Arc::clone(&self.store),
            registration: registration.clone(),
            poll_every: self.settings.poll_every,
            retry_after: self.settings.ping_every,
            pulse: Arc::clone(&pulse),
            mail: mail_in,
        };
        tasks.spawn(mailbox.serve());
        let running = Running::new(
            Arc::clone(&self.work),
            pulse.deadline(),
            self.settings.stop_within,
            events_in,
        );
        let service = Service {
            worker: self,
            registration,
            since,
            running,
            restarts: BTreeMap::new(),
            deadline: pulse.deadline(),
            good_for,
            is_dormant: false,
            starts_from: predecessor.map_or_else(Instant::now, |wait| Instant::now() + wait),
        };
        // The tasks end with the set, when this returns or is dropped.
        service.serve(Inputs { beats, events, mail }, shutdown).await
    }
}
