//! What an installation looks like at a moment.

use std::collections::BTreeMap;

use convoke::runtime::Picture;
use convoke::{
    Leader, Page, Role, Store, Timestamp, Topology, TopologyId, TopologyStatus, Worker, WorkerName, WorkerStatus,
};
use futures_util::stream::{StreamExt, TryStreamExt, iter};
use serde::Serialize;

use super::news::{Change, News};
use crate::output::table;
use crate::worker::ask::{is_heard_of, worker_timeout};

/// Of how many workers the queues are looked at, the first by name: each is a call of its own.
const QUEUES: usize = 100;
/// How many queues are looked at together.
const AT_ONCE: usize = 8;
/// How far a queue is counted.
const COUNTED: u32 = 100;
/// How many errors are shown, the newest.
const ERRORS: usize = 20;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Look {
    pub(super) at: Timestamp,
    pub(super) leader: Option<Leader>,
    pub(super) workers: Vec<WorkerLine>,
    pub(super) topologies: ByStatus,
    /// The newest first.
    pub(super) errors: Vec<ErrorLine>,
    /// What changed lately, the newest first.
    pub(super) news: Vec<Change>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct WorkerLine {
    pub(super) name: WorkerName,
    pub(super) status: WorkerStatus,
    pub(super) role: Role,
    pub(super) last_ping: Timestamp,
    /// Whether it was heard of within the worker time-out.
    pub(super) is_heard_of: bool,
    /// The weights of what waits for it or runs on it.
    pub(super) load: f64,
    pub(super) topologies: usize,
    pub(super) queue: Option<Queue>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Queue {
    pub(super) messages: usize,
    /// Whether there are more than were counted.
    pub(super) more: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct ByStatus {
    pub(super) running: usize,
    pub(super) waiting: usize,
    /// Enabled, and nobody has them.
    pub(super) unassigned: usize,
    pub(super) error: usize,
    /// Disabled, and nobody has them.
    pub(super) disabled: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ErrorLine {
    pub(super) topology: TopologyId,
    pub(super) worker: Option<WorkerName>,
    pub(super) since: Timestamp,
    pub(super) error: String,
}

impl Look {
    pub(super) async fn at(store: &dyn Store, news: &mut News) -> convoke::Result<Self> {
        let timeout = worker_timeout(store).await?;
        let leader = store.leader().await?;
        let picture = Picture::read(store).await?;
        let queues = queues(store, &picture.workers).await?;
        let at = store.now().await?;
        news.hear(store, &picture, at).await?;
        let mut held: BTreeMap<&WorkerName, (usize, f64)> = BTreeMap::new();
        for topology in picture.topologies.iter().filter(|it| it.is_in_use()) {
            if let Some(worker) = &topology.worker {
                let (count, load) = held.entry(worker).or_default();
                *count += 1;
                *load += topology.weight.get();
            }
        }
        let line = |(index, worker): (usize, &Worker)| {
            let (topologies, load) = held.get(&worker.name).copied().unwrap_or_default();
            WorkerLine {
                name: worker.name.clone(),
                status: worker.status,
                role: worker.role,
                last_ping: worker.last_ping,
                is_heard_of: is_heard_of(worker, timeout, at),
                load,
                topologies,
                queue: queues.get(index).copied(),
            }
        };
        Ok(Self {
            at,
            leader,
            workers: picture.workers.iter().enumerate().map(line).collect(),
            topologies: ByStatus::of(&picture.topologies),
            errors: errors(&picture.topologies),
            news: news.latest().to_vec(),
        })
    }

    /// Whether something but the time and what lives by it is different.
    pub(super) fn differs_from(&self, other: &Self) -> bool {
        let timeless = |look: &Self| {
            let mut look = look.clone();
            look.at = Timestamp::EPOCH;
            for worker in &mut look.workers {
                worker.last_ping = Timestamp::EPOCH;
            }
            if let Some(leader) = &mut look.leader {
                leader.expires = Timestamp::EPOCH;
            }
            look
        };
        timeless(self) != timeless(other)
    }

    pub(super) fn led_by(&self) -> String {
        match &self.leader {
            Some(leader) => format!("{} leads in term {}", leader.worker, leader.term),
            None => "nobody leads".to_owned(),
        }
    }

    /// All of it for people.
    pub(super) fn text(&self) -> String {
        let workers = table(WorkerLine::HEADER, self.workers.iter().map(|it| it.row(self.at)));
        let errors = table(ErrorLine::HEADER, self.errors.iter().map(ErrorLine::row));
        let news = table(Change::HEADER, self.news.iter().map(Change::row));
        format!(
            "{}, {}\n\n{workers}\n\ntopologies: {}\n\n{errors}\n\n{news}",
            self.at,
            self.led_by(),
            self.topologies.text()
        )
    }
}

impl ByStatus {
    fn of(topologies: &[Topology]) -> Self {
        let mut counts = Self::default();
        for topology in topologies {
            *match topology.status {
                TopologyStatus::Running => &mut counts.running,
                TopologyStatus::Waiting => &mut counts.waiting,
                TopologyStatus::Error => &mut counts.error,
                TopologyStatus::Unassigned if topology.enabled => &mut counts.unassigned,
                TopologyStatus::Unassigned => &mut counts.disabled,
            } += 1;
        }
        counts
    }

    pub(super) fn text(self) -> String {
        let Self {
            running,
            waiting,
            unassigned,
            error,
            disabled,
        } = self;
        format!("{running} running, {waiting} waiting, {unassigned} unassigned, {error} in error, {disabled} disabled")
    }
}

impl WorkerLine {
    pub(super) const HEADER: [&'static str; 7] =
        ["worker", "status", "role", "heard of", "topologies", "load", "queue"];

    pub(super) fn row(&self, now: Timestamp) -> [String; 7] {
        let ago = now.since(self.last_ping).as_secs();
        let queue = match self.queue {
            Some(Queue { messages, more: true }) => format!("{messages}+"),
            Some(Queue { messages, .. }) => messages.to_string(),
            None => String::new(),
        };
        [
            self.name.to_string(),
            self.status.to_string(),
            self.role.to_string(),
            format!("{ago} s ago"),
            self.topologies.to_string(),
            format!("{:.1}", self.load),
            queue,
        ]
    }
}

impl ErrorLine {
    pub(super) const HEADER: [&'static str; 3] = ["in error", "worker", "why"];

    pub(super) fn row(&self) -> [String; 3] {
        let worker = self.worker.as_ref().map(ToString::to_string).unwrap_or_default();
        let first = self.error.lines().next().unwrap_or_default();
        [self.topology.to_string(), worker, first.to_owned()]
    }
}

async fn queues(store: &dyn Store, workers: &[Worker]) -> convoke::Result<Vec<Queue>> {
    let page = Page::first(COUNTED)?;
    iter(workers.iter().take(QUEUES))
        .map(|worker| {
            let page = &page;
            async move {
                let queue = store.peek_messages(&worker.name, page).await?;
                Ok(Queue {
                    messages: queue.items.len(),
                    more: queue.next.is_some(),
                })
            }
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await
}

fn errors(topologies: &[Topology]) -> Vec<ErrorLine> {
    let mut all: Vec<_> = topologies
        .iter()
        .filter(|it| it.status == TopologyStatus::Error)
        .collect();
    all.sort_by_key(|it| std::cmp::Reverse(it.since));
    all.truncate(ERRORS);
    all.into_iter()
        .map(|it| ErrorLine {
            topology: it.id.clone(),
            worker: it.worker.clone(),
            since: it.since,
            error: it.error.as_ref().map(ToString::to_string).unwrap_or_default(),
        })
        .collect()
}
