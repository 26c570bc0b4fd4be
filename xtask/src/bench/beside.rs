//! Ours beside the client that it replaces: on one server, in one run, with as many topologies in each installation.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use convoke::{Assignment, Confirmed, Lease, Placement, Placements, Registration, Report as Reports, Store};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::Arguments;
use super::measure::{Measured, Step, slice};
use super::operation::{self, Caller, Operation};
use super::place::{self, Place};
use super::predecessor::{self, Call, OldCaller};
use super::report::{Record, Report};

/// How the name of each comparison ends.
pub(crate) const BESIDE: &str = ", beside qtopology";
/// The numbers of callers for which there is a bar.
pub(crate) const CALLERS: [usize; 2] = [1, 8];
/// How many workers the topologies are assigned to.
const WORKERS: usize = 8;
/// How many placements one call of several has: as many as a leader has to hand out when a worker of a small cluster is gone.
const SEVERAL: usize = 100;
/// How many are let go of at once between the turns.
const AT_ONCE: usize = 64;
const TURNS: u32 = 9;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compared {
    Report,
    List,
    /// One topology in a call.
    Assign,
    /// Several in a call, where the old client makes a call for each; counted is each topology.
    AssignSeveral,
}

impl Compared {
    /// In this order: what the old client assigns is its caller's no more.
    const ALL: [Self; 4] = [Self::Report, Self::List, Self::Assign, Self::AssignSeveral];

    const fn name(self) -> &'static str {
        match self {
            Self::Report => "report, beside qtopology",
            Self::List => "list topologies, beside qtopology",
            Self::Assign => "assign, beside qtopology",
            Self::AssignSeveral => "assign by hundreds, beside qtopology",
        }
    }

    const fn old(self) -> Call {
        match self {
            Self::Report => Call::Report,
            Self::List => Call::List,
            Self::Assign | Self::AssignSeveral => Call::Assign,
        }
    }
}

/// Ours: topologies that nobody has, the workers that they are assigned to, and the leader's term.
struct Ours {
    store: Arc<dyn Store>,
    lease: Arc<Lease>,
    workers: Vec<Registration>,
    topologies: usize,
    /// How many of them are assigned.
    assigned: AtomicUsize,
}

/// One caller of ours.
struct NewCaller {
    ours: Arc<Ours>,
    caller: Arc<Caller>,
}

/// Compares what was asked for, on a server that the old client knows.
pub(crate) async fn measure(name: &str, place: &Place, arguments: &Arguments, report: &mut Report) -> Result<()> {
    let is_wanted = |compared: &Compared| {
        let part = arguments.only.as_deref().unwrap_or_default();
        compared.name().contains(part)
    };
    let wanted: Vec<_> = Compared::ALL.into_iter().filter(is_wanted).collect();
    if wanted.is_empty() || !matches!(place, Place::Database(_)) {
        return Ok(());
    }
    eprintln!(
        "{name}: ours beside qtopology-mysql 2.2.1, {} topologies",
        arguments.topologies
    );
    let pool = predecessor::database(place, arguments.topologies).await?;
    let ours = Arc::new(Ours::new(place, arguments.topologies).await?);
    let length = Duration::from_secs_f64(arguments.seconds) / TURNS;
    for count in arguments
        .callers
        .iter()
        .copied()
        .filter(|count| CALLERS.contains(count))
    {
        let old = predecessor::callers(&pool, count).await?;
        let new = ours.callers(count).await?;
        for &compared in &wanted {
            let (own, floor) = turns(compared, &new, &old, length)
                .await
                .with_context(|| format!("{}, {count} callers", compared.name()))?;
            report.add(Record::new(name, compared.name(), count, &own, &floor));
        }
    }
    pool.close().await;
    ours.store.reset(Confirmed::YesDeleteEverything).await?;
    Ok(())
}

/// Ours and the old client take turns.
async fn turns(
    compared: Compared,
    new: &[Arc<NewCaller>],
    old: &[Arc<OldCaller>],
    length: Duration,
) -> Result<(Measured, Measured)> {
    let call_old = move |caller| predecessor::call(caller, compared.old());
    let call_new = move |caller| call(caller, compared);
    let (mut own, mut floor) = (Measured::default(), Measured::default());
    // Not counted: connections and plans are made, caches get warm.
    slice(old, length / 4, call_old).await?;
    slice(new, length / 4, call_new).await?;
    for _ in 0..TURNS {
        floor.add(slice(old, length, call_old).await?);
        own.add(slice(new, length, call_new).await?);
        if let Some(caller) = new.first() {
            caller.ours.release().await?;
        }
    }
    Ok((own, floor))
}

impl Ours {
    async fn new(place: &Place, topologies: usize) -> Result<Self> {
        let store = place::open(&place.fresh("beside").await?).await?;
        let lease = operation::populate(&store, 0).await?;
        operation::topologies(&store, topologies).await?;
        let mut workers = Vec::new();
        for number in 0..WORKERS {
            workers.push(store.register_worker(&operation::one_of_many(number)?).await?);
        }
        let assigned = AtomicUsize::new(0);
        Ok(Self {
            store,
            lease,
            workers,
            topologies,
            assigned,
        })
    }

    async fn callers(self: &Arc<Self>, callers: usize) -> Result<Vec<Arc<NewCaller>>> {
        let callers = operation::callers(&self.store, &self.lease, callers).await?;
        let new = |caller| {
            Arc::new(NewCaller {
                ours: self.clone(),
                caller,
            })
        };
        Ok(callers.into_iter().map(new).collect())
    }

    fn worker_of(&self, topology: usize) -> &Registration {
        &self.workers[topology % WORKERS]
    }

    /// Assigns so many that nobody has, each worker getting one in turn.
    async fn assign(&self, several: usize) -> Result<Step> {
        let first = self.assigned.fetch_add(several, Ordering::Relaxed);
        if first + several > self.topologies {
            return Ok(Step::Exhausted);
        }
        let place = |number| {
            let worker = self.worker_of(number).worker.clone();
            Ok(Placement::new(operation::one_topology(number)?, worker))
        };
        let placements = (first..first + several).map(place).collect::<Result<Vec<_>>>()?;
        let placements = Placements::new(placements)?;
        let answers = self.store.assign_topologies(self.lease.term, &placements).await?;
        let refused = answers.iter().find(|answer| **answer != Assignment::Assigned);
        ensure!(refused.is_none(), "not assigned: {refused:?}");
        Ok(Step::Several(several as u64))
    }

    /// Lets go of all that were assigned.
    async fn release(&self) -> Result<()> {
        let assigned = self.assigned.swap(0, Ordering::Relaxed).min(self.topologies);
        let release = |number| async move {
            let (topology, worker) = (operation::one_topology(number)?, self.worker_of(number));
            self.store.report_topology(worker, &topology, &Reports::Released).await
        };
        let released = stream::iter(0..assigned).map(release).buffer_unordered(AT_ONCE);
        Ok(released.try_for_each(|_| async { Ok(()) }).await?)
    }
}

async fn call(caller: Arc<NewCaller>, compared: Compared) -> Result<Step> {
    match compared {
        Compared::Report => operation::call(caller.caller.clone(), Operation::Report).await,
        Compared::List => operation::call(caller.caller.clone(), Operation::ListTopologies).await,
        Compared::Assign => caller.ours.assign(1).await,
        Compared::AssignSeveral => caller.ours.assign(SEVERAL).await,
    }
}
