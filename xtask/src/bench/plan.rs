//! What is measured in which order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use convoke::{Confirmed, Lease, Store};
use indicatif::{ProgressBar, ProgressStyle};

use super::floor::{self, FloorCaller, Row};
use super::measure::{Measured, slice};
use super::operation::{self, Caller, Crowd, Operation};
use super::place::{self, Place};
use super::report::{Record, Report};
use super::{Arguments, beside, handing_out, idle};

/// An operation and its floor take turns this often.
const TURNS: u32 = 9;
/// How many other workers there are: enough for a full page.
const FEW: usize = 200;
/// How many topologies there are where there is no crowd of them.
const FEW_TOPOLOGIES: usize = 100;

/// Measures all that was asked for on one store.
pub(crate) fn measure_store(name: &str, arguments: &Arguments, report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let place = Place::of(name)?;
        let measured = async {
            measure_place(name, &place, arguments, report).await?;
            if is_wanted(handing_out::NAME, arguments) {
                handing_out::measure(name, &place, arguments.topologies, report).await?;
            }
            beside::measure(name, &place, arguments, report).await?;
            anyhow::Ok(())
        };
        let measured = measured.await.with_context(|| format!("measuring {name}"));
        measured.and(place.remove().await)
    })
}

/// An installation under measurement.
struct Site {
    store: Arc<dyn Store>,
    lease: Arc<Lease>,
}

async fn measure_place(name: &str, place: &Place, arguments: &Arguments, report: &mut Report) -> Result<()> {
    let operations: Vec<_> = Operation::ALL
        .into_iter()
        .filter(|operation| is_wanted(operation.name(), arguments))
        .collect();
    let progress = ProgressBar::new((operations.len() * arguments.callers.len()) as u64);
    progress.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} {elapsed}")?);
    let url = place.fresh("main").await?;
    let store = place::open(&url).await?;
    report.idle(name, idle::resident_bytes(&place.fresh("idle").await?)?);
    let mut crowded = Vec::new();
    for crowd in Crowd::ALL {
        if operations
            .iter()
            .any(|operation| operation.in_a_crowd().is_some_and(|(wanted, _)| wanted == crowd))
        {
            let size = match crowd {
                Crowd::Workers | Crowd::Messages => arguments.crowd,
                Crowd::Topologies => arguments.topologies,
            };
            tell(&progress, format!("{name}: making a crowd of {size} {}", crowd.name()));
            crowded.push((crowd, crowded_site(place, crowd, size).await?));
        }
    }
    for &count in &arguments.callers {
        let site = Site {
            store: store.clone(),
            lease: operation::populate(&store, FEW).await?,
        };
        operation::topologies(&store, FEW_TOPOLOGIES).await?;
        let floor = floor::callers(place, count).await?;
        let callers = operation::callers(&site.store, &site.lease, count).await?;
        let mut in_crowd = Vec::new();
        for (crowd, site) in &crowded {
            in_crowd.push((*crowd, operation::callers(&site.store, &site.lease, count).await?));
        }
        for &operation in &operations {
            tell(&progress, format!("{name}: {}, {count} callers", operation.name()));
            let bench = Bench {
                operation,
                callers: &callers,
                floor: &floor,
                crowded: &in_crowd,
                length: Duration::from_secs_f64(arguments.seconds),
            };
            bench
                .measure(name, report)
                .await
                .with_context(|| format!("{}, {count} callers", operation.name()))?;
            progress.inc(1);
        }
        floor::remove(&floor).await?;
        // Otherwise the lease would be a promise to the leader of the next round.
        site.store.resign(&site.lease).await?;
    }
    let crowded = crowded.into_iter().map(|(_, site)| site.store);
    for store in crowded.chain([store]) {
        store.reset(Confirmed::YesDeleteEverything).await?;
    }
    progress.finish_and_clear();
    Ok(())
}

/// Says what goes on: in the bar on a terminal, in lines elsewhere.
fn tell(progress: &ProgressBar, message: String) {
    if progress.is_hidden() {
        eprintln!("{message}");
    } else {
        progress.set_message(message);
    }
}

fn is_wanted(name: &str, arguments: &Arguments) -> bool {
    arguments.only.as_ref().is_none_or(|part| name.contains(part.as_str()))
}

/// An installation with so many workers, or so many messages or topologies for the usual few.
async fn crowded_site(place: &Place, crowd: Crowd, size: usize) -> Result<Site> {
    let store = place::open(&place.fresh(crowd.name()).await?).await?;
    let workers = if crowd == Crowd::Workers { size.max(FEW) } else { FEW };
    let lease = operation::populate(&store, workers).await?;
    match crowd {
        Crowd::Workers => {}
        Crowd::Messages => operation::messages_for_others(&store, size).await?,
        Crowd::Topologies => operation::topologies(&store, size).await?,
    }
    Ok(Site { store, lease })
}

/// What was measured in turns.
#[derive(Default)]
struct Turns {
    own: Measured,
    floor: Measured,
    crowded: Measured,
}

/// One operation with so many callers.
struct Bench<'a> {
    operation: Operation,
    callers: &'a [Arc<Caller>],
    floor: &'a [Arc<FloorCaller>],
    crowded: &'a [(Crowd, Vec<Arc<Caller>>)],
    length: Duration,
}

impl Bench<'_> {
    async fn measure(&self, store: &str, report: &mut Report) -> Result<()> {
        if self.operation.consumes() {
            self.fill().await?;
        }
        let row = self.operation.floor().filter(|_| !self.floor.is_empty());
        // Not counted: connections and plans are made, caches get warm.
        self.turn(self.length / 20, row, &mut Turns::default()).await?;
        let mut turns = Turns::default();
        for _ in 0..TURNS {
            self.turn(self.length / TURNS, row, &mut turns).await?;
        }
        let callers = self.callers.len();
        report.add(Record::new(
            store,
            self.operation.name(),
            callers,
            &turns.own,
            &turns.floor,
        ));
        if let Some((_, name)) = self.operation.in_a_crowd() {
            report.add(Record::new(store, name, callers, &turns.crowded, &turns.own));
        }
        Ok(())
    }

    /// The floor, the operation, and the operation in a crowd, one after the other.
    async fn turn(&self, length: Duration, row: Option<Row>, turns: &mut Turns) -> Result<()> {
        let operation = self.operation;
        let call = move |caller| operation::call(caller, operation);
        if let Some(row) = row {
            turns
                .floor
                .add(slice(self.floor, length, move |caller| floor::change(caller, row)).await?);
        }
        turns.own.add(slice(self.callers, length, call).await?);
        let wanted = operation.in_a_crowd().map(|(crowd, _)| crowd);
        if let Some((_, callers)) = self.crowded.iter().find(|(crowd, _)| Some(*crowd) == wanted) {
            turns.crowded.add(slice(callers, length, call).await?);
        }
        Ok(())
    }

    /// Puts as many messages into the queues as can be sent in the time that is measured: receiving takes longer.
    async fn fill(&self) -> Result<()> {
        const PILOT: usize = 20;
        let begun = Instant::now();
        operation::fill(self.callers, PILOT).await?;
        let each = PILOT as f64 * self.length.as_secs_f64() / begun.elapsed().as_secs_f64();
        operation::fill(self.callers, each as usize).await
    }
}
