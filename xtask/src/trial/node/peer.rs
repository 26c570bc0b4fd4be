//! A member of our kind: a worker and a leader of the runtime, in a process of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use convoke::WorkerName;
use convoke::runtime::{Failure, Leader, LeaderSettings, Unit, Work, Worker, WorkerSettings, async_trait};
use serde::Deserialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::super::Peer;
use super::super::crew::Notes;
use super::monotonic;

/// Takes part until it is asked to end.
pub(crate) async fn take_part(peer: &Peer) -> Result<()> {
    let store = crate::bench::place::open(&peer.url).await?;
    let work = Arc::new(Stamping {
        worker: peer.name.clone(),
        runs: AtomicU64::new(0),
    });
    let name = WorkerName::new(peer.name.as_str())?;
    let worker = Worker::new(Arc::clone(&store), name, work, WorkerSettings::default());
    let leader = Leader::new(store, LeaderSettings::default());
    let shutdown = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let asked = shutdown.clone();
    tokio::spawn(async move {
        terminate.recv().await;
        asked.cancel();
    });
    let mut notes = Notes::open(&peer.notes)?;
    let mut leads = leader.leads();
    let works = async {
        let ended = worker.run(shutdown.clone()).await;
        shutdown.cancel();
        ended
    };
    let ran = async {
        let leading = leader.run(worker.registration(), worker.rebalance_requests(), shutdown.clone());
        tokio::join!(works, leading).0
    };
    tokio::pin!(ran);
    loop {
        tokio::select! {
            ended = &mut ran => return Ok(ended?),
            changed = leads.changed() => {
                changed?;
                let word = if leads.borrow_and_update().is_some() { "leads" } else { "follows" };
                notes.write(&format!("{} {word}", monotonic()))?;
            }
        }
    }
}

/// Does what `stamps.js` does.
struct Stamping {
    worker: String,
    runs: AtomicU64,
}

/// What of a topology of qtopology matters here: the file that its spout writes to.
#[derive(Deserialize)]
struct Config {
    spouts: Vec<Spout>,
}

#[derive(Deserialize)]
struct Spout {
    init: Init,
}

#[derive(Deserialize)]
struct Init {
    file: PathBuf,
}

#[async_trait]
impl Work for Stamping {
    async fn run(&self, unit: Unit) -> Result<(), Failure> {
        let config: Config = unit.config().decode()?;
        let file = file_of(&config)?;
        let mut stamps = Notes::open(file)?;
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        loop {
            stamps.write(&format!("{} {} {}.{run}", monotonic(), self.worker, std::process::id()))?;
            tokio::select! {
                () = unit.stopped() => return Ok(()),
                () = tokio::time::sleep(Duration::from_millis(20)) => {}
            }
        }
    }
}

fn file_of(config: &Config) -> Result<&Path> {
    match &config.spouts[..] {
        [spout] => Ok(&spout.init.file),
        _ => bail!("it has {} spouts", config.spouts.len()),
    }
}
