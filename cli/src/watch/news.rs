//! What changed lately, from the histories of what looks different from the time before.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use convoke::runtime::Picture;
use convoke::{Page, Store, Timestamp, Topology, Worker};
use serde::Serialize;

/// How many changes are kept.
const KEPT: usize = 50;
/// How many histories are read in one look at most.
const READ: usize = 20;
/// How many rows of each.
const ROWS: u32 = 5;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Change {
    pub(super) at: Timestamp,
    #[serde(flatten)]
    pub(super) of: Subject,
    /// How it stood from then on.
    pub(super) now: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Subject {
    Worker(String),
    Topology(String),
}

impl Change {
    pub(super) const HEADER: [&'static str; 3] = ["changed", "what", "now"];

    pub(super) fn row(&self) -> [String; 3] {
        let what = match &self.of {
            Subject::Worker(name) => format!("worker {name}"),
            Subject::Topology(id) => id.clone(),
        };
        [self.at.to_string(), what, self.now.clone()]
    }
}

/// What is known of what changed.
#[derive(Debug, Default)]
pub(super) struct News {
    /// How everything looked the last time, in short.
    seen: BTreeMap<Subject, String>,
    latest: Vec<Change>,
}

impl News {
    /// The newest first.
    pub(super) fn latest(&self) -> &[Change] {
        &self.latest
    }

    /// Reads the histories of what looks different. The first time those of what changed last, as far as the store tells.
    pub(super) async fn hear(&mut self, store: &dyn Store, picture: &Picture, at: Timestamp) -> convoke::Result<()> {
        let mut seen = BTreeMap::new();
        let mut changed_workers = Vec::new();
        for worker in &picture.workers {
            let (subject, looks) = (Subject::Worker(worker.name.to_string()), looks_of_worker(worker));
            if self.seen.get(&subject) != Some(&looks) {
                changed_workers.push(worker);
            }
            seen.insert(subject, looks);
        }
        let mut changed_topologies = Vec::new();
        for topology in &picture.topologies {
            let (subject, looks) = (Subject::Topology(topology.id.to_string()), looks_of_topology(topology));
            if self.seen.get(&subject) != Some(&looks) {
                changed_topologies.push(topology);
            }
            seen.insert(subject, looks);
        }
        changed_topologies.sort_by_key(|it| Reverse(it.since));
        let mut heard = self.gone(&seen, at);
        let page = Page::first(ROWS)?;
        for worker in changed_workers.into_iter().take(READ) {
            let rows = store.worker_history(&worker.name, &page).await?.items;
            heard.extend(rows.into_iter().map(|row| Change {
                at: row.at,
                of: Subject::Worker(row.name.to_string()),
                now: format!("{}, {}", row.status, row.role),
            }));
        }
        for topology in changed_topologies.into_iter().take(READ) {
            let rows = store.topology_history(&topology.id, &page).await?.items;
            heard.extend(rows.into_iter().map(|row| Change {
                at: row.at,
                of: Subject::Topology(row.id.to_string()),
                now: match (row.worker, row.enabled) {
                    (Some(worker), _) => format!("{} on {worker}", row.status),
                    (None, true) => row.status.to_string(),
                    (None, false) => format!("{}, disabled", row.status),
                },
            }));
        }
        heard.retain(|change| !self.latest.contains(change));
        self.latest.extend(heard);
        self.latest.sort_by_key(|change| Reverse(change.at));
        self.latest.truncate(KEPT);
        self.seen = seen;
        Ok(())
    }

    /// What is not there any more; histories do not say that.
    fn gone(&self, now_there: &BTreeMap<Subject, String>, at: Timestamp) -> Vec<Change> {
        let gone = self.seen.keys().filter(|subject| !now_there.contains_key(*subject));
        gone.map(|subject| Change {
            at,
            of: subject.clone(),
            now: "deleted".to_owned(),
        })
        .collect()
    }
}

fn looks_of_worker(worker: &Worker) -> String {
    format!("{} {} {}", worker.status, worker.role, worker.incarnation)
}

fn looks_of_topology(topology: &Topology) -> String {
    format!(
        "{} {} {:?} {}",
        topology.status, topology.enabled, topology.worker, topology.since
    )
}
