//! The units that run here, each in a task of its own that sees to its own end.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use convoke_core::{TopologyDetails, TopologyId};
use futures_util::FutureExt;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::tenure::{Deadline, Tenure};
use crate::work::{End, Unit, UnitEvent, What, Work};

/// Starts units and knows which run.
pub(crate) struct Running {
    work: Arc<dyn Work>,
    deadlines: watch::Receiver<Deadline>,
    stop_within: Duration,
    events: mpsc::UnboundedSender<UnitEvent>,
    units: BTreeMap<TopologyId, Entry>,
    generation: u64,
}

struct Entry {
    generation: u64,
    started: Instant,
    stop: CancellationToken,
    drop: CancellationToken,
    /// Whether it is asked to stop: then its end is no surprise.
    asked: bool,
}

/// What is left of a unit that ended.
pub(crate) struct Ended {
    /// Its worker wanted it to end.
    pub(crate) asked: bool,
    /// It was told to stop, by its worker or because the store was out of reach for too long.
    pub(crate) told: bool,
    pub(crate) ran_for: Duration,
}

impl Running {
    pub(crate) fn new(
        work: Arc<dyn Work>,
        deadlines: watch::Receiver<Deadline>,
        stop_within: Duration,
        events: mpsc::UnboundedSender<UnitEvent>,
    ) -> Self {
        Self {
            work,
            deadlines,
            stop_within,
            events,
            units: BTreeMap::new(),
            generation: 0,
        }
    }

    pub(crate) fn contains(&self, id: &TopologyId) -> bool {
        self.units.contains_key(id)
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = &TopologyId> {
        self.units.keys()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// Starts a unit whose report of running was accepted, under the deadline that held before it was reported.
    pub(crate) fn start(&mut self, details: TopologyDetails, until: Deadline) {
        self.generation += 1;
        let id = details.topology.id.clone();
        let entry = Entry {
            generation: self.generation,
            started: Instant::now(),
            stop: CancellationToken::new(),
            drop: CancellationToken::new(),
            asked: false,
        };
        let tenure = Tenure::new(until, self.deadlines.clone());
        let unit = Unit::new(
            details,
            entry.stop.clone(),
            tenure.clone(),
            self.events.clone(),
            entry.generation,
        );
        let task = run(
            Arc::clone(&self.work),
            unit,
            Stops {
                stop: entry.stop.clone(),
                drop: entry.drop.clone(),
                within: self.stop_within,
                tenure,
            },
        );
        let (events, topology, generation) = (self.events.clone(), id.clone(), entry.generation);
        tokio::spawn(async move {
            let what = What::Ended(task.await);
            // Nobody listens only when the worker itself was dropped.
            let _ = events.send(UnitEvent {
                topology,
                generation,
                what,
            });
        });
        self.units.insert(id, entry);
    }

    /// Asks a unit to stop; it is dropped when it takes too long.
    pub(crate) fn stop(&mut self, id: &TopologyId) {
        if let Some(entry) = self.units.get_mut(id) {
            entry.asked = true;
            entry.stop.cancel();
        }
    }

    /// Drops a unit at once.
    pub(crate) fn kill(&mut self, id: &TopologyId) {
        if let Some(entry) = self.units.get_mut(id) {
            entry.asked = true;
            entry.drop.cancel();
        }
    }

    pub(crate) fn stop_all(&mut self) {
        for entry in self.units.values_mut() {
            entry.asked = true;
            entry.stop.cancel();
        }
    }

    pub(crate) fn kill_all(&mut self) {
        for entry in self.units.values_mut() {
            entry.asked = true;
            entry.drop.cancel();
        }
    }

    /// Whether the event is of the unit that runs, and not of one before it.
    pub(crate) fn is_current(&self, event: &UnitEvent) -> bool {
        self.units
            .get(&event.topology)
            .is_some_and(|entry| entry.generation == event.generation)
    }

    pub(crate) fn forget(&mut self, id: &TopologyId) -> Option<Ended> {
        self.units.remove(id).map(|entry| Ended {
            asked: entry.asked,
            told: entry.stop.is_cancelled(),
            ran_for: entry.started.elapsed(),
        })
    }
}

impl Drop for Running {
    /// A worker that is dropped leaves nothing behind.
    fn drop(&mut self) {
        self.kill_all();
    }
}

struct Stops {
    stop: CancellationToken,
    drop: CancellationToken,
    within: Duration,
    tenure: Tenure,
}

/// Runs a unit to its end. What holds the work is dropped before this returns.
async fn run(work: Arc<dyn Work>, unit: Unit, stops: Stops) -> End {
    let Stops {
        stop,
        drop,
        within,
        tenure,
    } = stops;
    let id = unit.id().clone();
    let overdue = async {
        stop.cancelled().await;
        tokio::time::sleep(within).await;
    };
    let running = AssertUnwindSafe(work.run(unit)).catch_unwind();
    let end = tokio::select! {
        biased;
        () = over(tenure, within, &stop) => End::Orphaned,
        () = drop.cancelled() => End::Dropped,
        () = overdue => End::Dropped,
        ended = running => match ended {
            Ok(result) => End::Returned(result),
            Err(panic) => End::Panicked(text_of(panic.as_ref())),
        },
    };
    work.gone(&id).await;
    end
}

/// Waits until the deadline is over. Before that, with half of what is left but not more than it may take, the unit is
/// asked to stop.
async fn over(mut tenure: Tenure, within: Duration, stop: &CancellationToken) {
    loop {
        let end = Instant::from_std(tenure.until().instant());
        let left = end.saturating_duration_since(Instant::now());
        let warning = end.checked_sub(within.min(left / 4)).unwrap_or(end);
        let runs_out = async {
            sleep_until(warning).await;
            stop.cancel();
            sleep_until(end).await;
        };
        tokio::select! {
            prolonged = tenure.prolonged() => if prolonged.is_none() { return },
            () = runs_out => return,
        }
    }
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it panicked".to_owned())
}
