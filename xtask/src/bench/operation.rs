//! The operations that are measured, and who calls them.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use convoke::{
    Assignment, Candidacy, Claim, Command, Confirmed, ErrorText, Lease, Limit, NewMessage, NewTopology, Page, Payload,
    Registration, Renewal, Report, Store, TopologiesExt, TopologyId, Ttl, WorkerName,
};
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};

use super::floor::Row;
use super::measure::Step;

const LONG: Ttl = Ttl::from_secs(3_600);
/// How many things are made at once where nothing is measured.
const AT_ONCE: usize = 64;
/// How many of the other workers have messages.
const RECEIVERS: usize = 100;

/// An operation that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Register,
    Ping,
    Get,
    List,
    Count,
    History,
    Send,
    ReceiveAndAck,
    Take,
    EmptyReceive,
    Peek,
    Announce,
    CampaignRefused,
    Renew,
    Leader,
    Refresh,
    AssignAndRelease,
    Report,
    ListTopologies,
}

impl Operation {
    /// In this order: what `Send` leaves in the queues is what the two below it receive.
    pub(crate) const ALL: [Self; 19] = [
        Self::Register,
        Self::Ping,
        Self::Get,
        Self::List,
        Self::Count,
        Self::History,
        Self::EmptyReceive,
        Self::Send,
        Self::ReceiveAndAck,
        Self::Take,
        Self::Peek,
        Self::Announce,
        Self::CampaignRefused,
        Self::Renew,
        Self::Leader,
        Self::Refresh,
        Self::AssignAndRelease,
        Self::Report,
        Self::ListTopologies,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Ping => "ping",
            Self::Get => "get",
            Self::List => "list a page",
            Self::Count => "count",
            Self::History => "history page",
            Self::Send => "send",
            Self::ReceiveAndAck => "receive+ack",
            Self::Take => "take",
            Self::EmptyReceive => "empty receive",
            Self::Peek => "peek a page",
            Self::Announce => "announce, refused",
            Self::CampaignRefused => "campaign, refused",
            Self::Renew => "renew",
            Self::Leader => "leader",
            Self::Refresh => "refresh, nothing to do",
            Self::AssignAndRelease => "assign+release",
            Self::Report => "report",
            Self::ListTopologies => "list topologies",
        }
    }

    /// The raw change that it is compared with: the one with the same contention.
    pub(crate) const fn floor(self) -> Option<Row> {
        match self {
            Self::Register | Self::Ping | Self::ReceiveAndAck | Self::Take | Self::AssignAndRelease | Self::Report => {
                Some(Row::Own)
            }
            Self::Send => Some(Row::New),
            Self::Renew => Some(Row::Same),
            _ => None,
        }
    }

    /// Whether it needs a message in each caller's queue for each call.
    pub(crate) const fn consumes(self) -> bool {
        matches!(self, Self::ReceiveAndAck | Self::Take)
    }

    /// What must cost it nothing, which is measured too, and the name for that.
    pub(crate) const fn in_a_crowd(self) -> Option<(Crowd, &'static str)> {
        match self {
            Self::List => Some((Crowd::Workers, "list a page, crowded")),
            Self::EmptyReceive => Some((Crowd::Messages, "empty receive, crowded")),
            Self::AssignAndRelease => Some((Crowd::Topologies, "assign+release, crowded")),
            Self::Report => Some((Crowd::Topologies, "report, crowded")),
            Self::ListTopologies => Some((Crowd::Topologies, "list topologies, crowded")),
            _ => None,
        }
    }
}

/// What there is much of in an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crowd {
    Workers,
    /// For other workers than the callers.
    Messages,
    /// That nobody has.
    Topologies,
}

impl Crowd {
    pub(crate) const ALL: [Self; 3] = [Self::Workers, Self::Messages, Self::Topologies];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Workers => "workers",
            Self::Messages => "messages",
            Self::Topologies => "topologies",
        }
    }
}

/// A worker that calls operations, as one task of a program of many.
#[derive(Debug)]
pub(crate) struct Caller {
    store: Arc<dyn Store>,
    registration: Registration,
    message: NewMessage,
    lease: Arc<Lease>,
    claim: Claim,
    page: Page,
    /// A topology that it assigns to itself and lets go of.
    own: TopologyId,
    /// A topology that it has, and whether it reported last that this one runs.
    held: TopologyId,
    runs: AtomicBool,
}

/// Empties an installation and fills it anew: a leader whom all see, and so many other workers.
pub(crate) async fn populate(store: &Arc<dyn Store>, workers: usize) -> Result<Arc<Lease>> {
    store.clear(Confirmed::YesDeleteEverything).await?;
    let leader = store.register_worker(&WorkerName::new("leader")?).await?;
    let Candidacy::Elected(lease) = store.campaign(&leader, LONG).await? else {
        anyhow::bail!("nobody else is there, and the only candidate is not elected");
    };
    let register = |number| async move { store.register_worker(&one_of_many(number)?).await };
    all(stream::iter(0..workers).map(register)).await?;
    Ok(Arc::new(lease))
}

/// Registers callers, workers of their own.
pub(crate) async fn callers(store: &Arc<dyn Store>, lease: &Arc<Lease>, callers: usize) -> Result<Vec<Arc<Caller>>> {
    let mut made = Vec::new();
    for number in 0..callers {
        made.push(Arc::new(Caller::new(store, &format!("caller-{number}"), lease).await?));
    }
    Ok(made)
}

/// Sends so many messages to workers that are not among the callers.
pub(crate) async fn messages_for_others(store: &Arc<dyn Store>, messages: usize) -> Result<()> {
    let send = |number| async move {
        let message = message(one_of_many(number % RECEIVERS)?)?.with_ttl(LONG);
        store.send_message(&message).await
    };
    all(stream::iter(0..messages).map(send)).await
}

/// Registers so many topologies, which can be assigned then.
pub(crate) async fn topologies(store: &Arc<dyn Store>, topologies: usize) -> Result<()> {
    let register = |number| async move { ready(store, &one_topology(number)?).await };
    all(stream::iter(0..topologies).map(register)).await
}

async fn ready(store: &Arc<dyn Store>, id: &TopologyId) -> convoke::Result<()> {
    let config = Payload::parse(r#"{"command":["work"]}"#)?;
    store.register_topology(&NewTopology::new(id.clone(), config)).await?;
    store.enable_topology(id).await
}

/// Sends so many messages to each caller.
pub(crate) async fn fill(callers: &[Arc<Caller>], each: usize) -> Result<()> {
    // One to each in turn, so that a queue that all share is no hot spot.
    let receivers = (0..each).flat_map(|_| callers.iter().cloned());
    let send = |caller: Arc<Caller>| async move { caller.store.send_message(&caller.message).await };
    all(stream::iter(receivers).map(send)).await
}

/// Waits for all of them, many at once.
async fn all<T>(calls: impl Stream<Item = impl Future<Output = convoke::Result<T>>>) -> Result<()> {
    let mut calls = pin!(calls.buffer_unordered(AT_ONCE));
    while calls.try_next().await?.is_some() {}
    Ok(())
}

pub(crate) fn one_topology(number: usize) -> convoke::Result<TopologyId> {
    TopologyId::new(format!("topology-{number:06}"))
}

pub(crate) fn one_of_many(number: usize) -> convoke::Result<WorkerName> {
    WorkerName::new(format!("of-many-{number:06}"))
}

fn message(worker: WorkerName) -> convoke::Result<NewMessage> {
    Ok(NewMessage::new(
        worker,
        Command::new("start")?,
        Payload::parse(r#"{"job":1}"#)?,
    ))
}

impl Caller {
    async fn new(store: &Arc<dyn Store>, name: &str, lease: &Arc<Lease>) -> Result<Self> {
        let name = WorkerName::new(name)?;
        let registration = store.register_worker(&name).await.context("registering a caller")?;
        let own = TopologyId::new(format!("own-of-{name}"))?;
        let held = TopologyId::new(format!("held-by-{name}"))?;
        for id in [&own, &held] {
            ready(store, id).await.context("registering a caller's topology")?;
        }
        // In a crowd it may have it since the round before.
        store.assign_topology(lease.term, &held, &name).await?;
        Ok(Self {
            store: store.clone(),
            registration,
            message: message(name)?.with_ttl(LONG),
            lease: lease.clone(),
            claim: Claim::new(Limit::ONE, LONG),
            page: Page::first(100)?,
            own,
            held,
            runs: AtomicBool::new(false),
        })
    }
}

/// One call.
pub(crate) async fn call(caller: Arc<Caller>, operation: Operation) -> Result<Step> {
    let Caller {
        store,
        registration,
        message,
        lease,
        claim,
        page,
        own,
        held,
        runs,
    } = &*caller;
    let name = &registration.worker;
    match operation {
        // Its own registration would be stale from then on.
        Operation::Register => drop(
            store
                .register_worker(&WorkerName::new(format!("again-{name}"))?)
                .await?,
        ),
        Operation::Ping => store.ping_worker(registration).await?,
        Operation::Get => drop(store.get_worker(name).await?),
        Operation::List => drop(store.list_workers(page).await?),
        Operation::Count => drop(store.count_workers().await?),
        Operation::History => drop(store.worker_history(name, page).await?),
        Operation::Send => drop(store.send_message(message).await?),
        Operation::ReceiveAndAck => {
            let deliveries = store.receive_messages(registration, claim).await?;
            let Some(delivery) = deliveries.first() else {
                return Ok(Step::Exhausted);
            };
            store.ack_message(&delivery.receipt).await?;
        }
        Operation::Take => {
            if store.take_messages(registration, Limit::ONE).await?.is_empty() {
                return Ok(Step::Exhausted);
            }
        }
        Operation::EmptyReceive => drop(store.receive_messages(registration, claim).await?),
        Operation::Peek => drop(store.peek_messages(name, page).await?),
        Operation::Announce => drop(store.announce_candidacy(registration, LONG).await?),
        Operation::CampaignRefused => {
            let candidacy = store.campaign(registration, LONG).await?;
            anyhow::ensure!(matches!(candidacy, Candidacy::Deferred(_)), "two lead: {candidacy:?}");
        }
        Operation::Renew => {
            let renewal = store.renew_lease(lease, LONG).await?;
            anyhow::ensure!(matches!(renewal, Renewal::Renewed(_)), "the lease is lost: {renewal:?}");
        }
        Operation::Leader => drop(store.leader().await?),
        Operation::Refresh => drop(
            store
                .refresh_statuses(&convoke::Timeouts::default().with_worker(LONG).with_waiting(LONG))
                .await?,
        ),
        Operation::AssignAndRelease => {
            let assignment = store.assign_topology(lease.term, own, name).await?;
            anyhow::ensure!(assignment == Assignment::Assigned, "not assigned: {assignment:?}");
            let reported = store.report_topology(registration, own, &Report::Released).await?;
            anyhow::ensure!(reported.is_accepted(), "not released: {reported:?}");
        }
        Operation::Report => {
            // Each report changes something.
            let report = match runs.fetch_not(Ordering::Relaxed) {
                false => Report::Running,
                true => Report::Failed(ErrorText::new("a bad day")),
            };
            let reported = store.report_topology(registration, held, &report).await?;
            anyhow::ensure!(reported.is_accepted(), "not accepted: {reported:?}");
        }
        Operation::ListTopologies => drop(store.list_topologies(page).await?),
    }
    Ok(Step::Done)
}
