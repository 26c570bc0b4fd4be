//! `convoke requeue topologies`.

use std::collections::BTreeMap;

use anyhow::Result;
use convoke::runtime::STOP_TOPOLOGIES;
use convoke::{
    Command, Error, ErrorKind, NewMessage, Payload, Store, Timestamp, Topology, TopologyId, TopologyStatus, Ttl,
    WorkerName, WorkerStatus, stream,
};
use futures_util::TryStreamExt;
use serde::Serialize;
use serde_json::json;

use crate::args::LARGEST_PAGE;
use crate::output::Output;
use crate::wait::{Progress, WaitArgs};
use crate::worker::ask::{is_heard_of, take_from_the_silent, worker_timeout};

/// How long a request to let go is worth something: as long as the leader's.
const RELEASE_TTL: Ttl = Ttl::from_secs(120);
/// How many topologies a message names at most, so that it stays far below the limit of payloads.
const IN_ONE_MESSAGE: usize = 1_000;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TopologiesArgs {
    /// Which ones
    #[arg(required_unless_present_any = ["worker", "errors"])]
    ids: Vec<TopologyId>,
    /// All enabled ones that this worker has
    #[arg(long, value_name = "NAME", conflicts_with = "ids")]
    worker: Option<WorkerName>,
    /// All enabled ones that are in error; with --worker, those of this worker
    #[arg(long, conflicts_with = "ids")]
    errors: bool,
    #[command(flatten)]
    wait: WaitArgs,
}

/// Who has a topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    Nobody,
    /// Somebody who reads messages.
    Present,
    /// Somebody who is found dead, or is dead: the store takes its work away.
    Gone,
    /// Nobody hears of it, and it is disabled: it is not found dead.
    SilentlyDisabled,
}

/// How a topology comes to be handed out anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Its worker lets go of it.
    Release,
    /// It is taken from its worker.
    TakeAway,
    /// It is taken out of error, after its worker was asked to let go of it.
    ReleaseAndClear,
    /// It is taken out of error.
    Clear,
    /// It waits to be handed out.
    Already,
    Refuse(&'static str),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// Its worker was asked to let go of it.
    Asked,
    /// It was taken from a worker that is gone.
    TakenAway,
    /// It was taken out of error.
    Cleared,
    /// It waits to be handed out anyway.
    Already,
}

#[derive(Debug, Serialize)]
struct Requeued {
    topology: TopologyId,
    outcome: Outcome,
    /// Who had it.
    worker: Option<WorkerName>,
}

pub(crate) async fn run(store: &dyn Store, args: TopologiesArgs, output: Output) -> Result<()> {
    let timeout = worker_timeout(store).await?;
    let began = store.now().await?;
    let topologies = chosen(store, &args).await?;
    let mut holders = BTreeMap::new();
    let mut ways = Vec::new();
    for topology in &topologies {
        let holder = match &topology.worker {
            None => Holder::Nobody,
            Some(worker) => match holders.get(worker) {
                Some(known) => *known,
                None => *holders
                    .entry(worker.clone())
                    .or_insert(holder(store, worker, timeout, began).await?),
            },
        };
        ways.push(way(topology, holder));
    }
    // Nothing is done when something that was named can't be done.
    for (topology, way) in topologies.iter().zip(&ways) {
        if let Way::Refuse(why) = way {
            let error = Error::new(ErrorKind::Conflict, *why).with("topology", &topology.id);
            return Err(match &topology.worker {
                Some(worker) => error.with("worker", worker),
                None => error,
            }
            .into());
        }
    }
    let mut requeued = act(store, &topologies, &ways, timeout).await?;
    requeued.sort_by(|a, b| a.topology.cmp(&b.topology));
    output.answer(&requeued, |it| told(it))?;
    if store.leader().await?.is_none() {
        eprintln!("convoke: nobody leads; topologies are handed out when somebody does");
    }
    args.wait.until(async || progress(store, &requeued, began).await).await
}

async fn chosen(store: &dyn Store, args: &TopologiesArgs) -> convoke::Result<Vec<Topology>> {
    let wanted = |it: &Topology| it.enabled && (!args.errors || it.status == TopologyStatus::Error);
    match &args.worker {
        Some(worker) => {
            store.get_worker(worker).await?;
            let all = stream::assigned_topologies(store, worker, LARGEST_PAGE);
            all.try_filter(|it| std::future::ready(wanted(it))).try_collect().await
        }
        None if args.errors => {
            let all = stream::topologies(store, LARGEST_PAGE);
            all.try_filter(|it| std::future::ready(wanted(it))).try_collect().await
        }
        None => {
            let mut topologies = BTreeMap::new();
            for id in &args.ids {
                topologies.insert(id, store.get_topology(id).await?.topology);
            }
            Ok(topologies.into_values().collect())
        }
    }
}

async fn holder(store: &dyn Store, name: &WorkerName, timeout: Ttl, now: Timestamp) -> convoke::Result<Holder> {
    match store.get_worker(name).await {
        Ok(worker) if is_heard_of(&worker, timeout, now) => Ok(Holder::Present),
        Ok(worker) if worker.status == WorkerStatus::Disabled => Ok(Holder::SilentlyDisabled),
        Ok(_) => Ok(Holder::Gone),
        // Only qtopology forgets workers that have something; what is in error stays with them.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Holder::Gone),
        Err(error) => Err(error),
    }
}

/// The rule: what is done about a topology that this one has.
fn way(topology: &Topology, holder: Holder) -> Way {
    use TopologyStatus::{Error, Running, Unassigned, Waiting};
    match (topology.enabled, topology.status, holder) {
        (false, ..) => Way::Refuse("it is disabled and would not be handed out; run `convoke topology enable` first"),
        (true, Error, Holder::Present) => Way::ReleaseAndClear,
        (true, Error, _) => Way::Clear,
        (true, Unassigned, _) | (true, _, Holder::Nobody) => Way::Already,
        (true, Waiting | Running, Holder::Present) => Way::Release,
        (true, Waiting | Running, Holder::Gone) => Way::TakeAway,
        (true, Waiting | Running, Holder::SilentlyDisabled) => Way::Refuse(
            "its worker is disabled and was not heard of; if it is gone for good, `convoke worker drain` takes its work \
             away",
        ),
    }
}

async fn act(store: &dyn Store, topologies: &[Topology], ways: &[Way], timeout: Ttl) -> convoke::Result<Vec<Requeued>> {
    if ways.contains(&Way::TakeAway) {
        take_from_the_silent(store, timeout).await?;
    }
    let mut by_worker: BTreeMap<&WorkerName, Vec<&TopologyId>> = BTreeMap::new();
    for (topology, way) in topologies.iter().zip(ways) {
        if let (Way::Release | Way::ReleaseAndClear, Some(worker)) = (way, &topology.worker) {
            by_worker.entry(worker).or_default().push(&topology.id);
        }
    }
    for (worker, ids) in by_worker {
        for ids in ids.chunks(IN_ONE_MESSAGE) {
            store.send_message(&release(worker, ids)?).await?;
        }
    }
    let mut requeued = Vec::new();
    for (topology, way) in topologies.iter().zip(ways) {
        let outcome = match way {
            Way::Release => Outcome::Asked,
            Way::TakeAway => Outcome::TakenAway,
            // Cleared, it goes back to its worker, which was asked before to let go of it: it does not begin in between.
            Way::ReleaseAndClear | Way::Clear => clear(store, &topology.id).await?,
            Way::Already | Way::Refuse(_) => Outcome::Already,
        };
        requeued.push(Requeued {
            topology: topology.id.clone(),
            outcome,
            worker: topology.worker.clone(),
        });
    }
    Ok(requeued)
}

async fn clear(store: &dyn Store, id: &TopologyId) -> convoke::Result<Outcome> {
    match store.clear_topology_error(id).await {
        Ok(_) => Ok(Outcome::Cleared),
        // Its worker started it again meanwhile, and lets go of it.
        Err(error) if error.is_conflict() => Ok(Outcome::Asked),
        Err(error) => Err(error),
    }
}

/// The message by which the leader moves topologies; where they go is decided when nobody has them.
fn release(worker: &WorkerName, ids: &[&TopologyId]) -> convoke::Result<NewMessage> {
    let ids: Vec<_> = ids.iter().map(|id| json!({ "uuid": id.as_str() })).collect();
    let content = Payload::of(&json!({ "stop_topologies": ids }))?;
    Ok(NewMessage::new(worker.clone(), Command::new(STOP_TOPOLOGIES)?, content).with_ttl(RELEASE_TTL))
}

fn told(requeued: &[Requeued]) -> String {
    if requeued.is_empty() {
        return "there is nothing to requeue".to_owned();
    }
    let line = |it: &Requeued| {
        let id = &it.topology;
        match (&it.outcome, &it.worker) {
            (Outcome::Asked, Some(worker)) => format!("{worker} was told to let go of {id}"),
            (Outcome::TakenAway, Some(worker)) => format!("{id} was taken from {worker}, which is gone"),
            (Outcome::Cleared, _) => format!("{id} is out of error"),
            (Outcome::Already, _) | (_, None) => format!("{id} waits to be handed out"),
        }
    };
    requeued.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Which of them were not handed out and started anew since.
async fn progress(store: &dyn Store, requeued: &[Requeued], began: Timestamp) -> convoke::Result<Progress> {
    let mut progress = Progress {
        of: requeued.len(),
        ..Progress::default()
    };
    for it in requeued {
        let topology = match store.get_topology(&it.topology).await {
            Ok(details) => details.topology,
            // Deleted or stopped meanwhile, it is not waited for.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let is_settled = matches!(topology.status, TopologyStatus::Running | TopologyStatus::Error);
        if topology.enabled && !(is_settled && began <= topology.since) {
            progress.left += 1;
            if progress.what.is_empty() {
                progress.what = match (topology.status, &topology.worker) {
                    (status, Some(worker)) => format!("{} is {status} on {worker}", topology.id),
                    (status, None) => format!("{} is {status}", topology.id),
                };
            }
        }
    }
    Ok(progress)
}

#[cfg(test)]
mod tests {
    use convoke::{Affinity, Weight};

    use super::*;

    fn kind(status: TopologyStatus, enabled: bool, holder: Holder) -> char {
        let topology = Topology {
            id: TopologyId::new("t").unwrap(),
            status,
            enabled,
            worker: None,
            weight: Weight::default(),
            affinity: Affinity::default(),
            pid: None,
            error: None,
            since: Timestamp::EPOCH,
        };
        match way(&topology, holder) {
            Way::Release => 'r',
            Way::TakeAway => 't',
            Way::ReleaseAndClear => 'b',
            Way::Clear => 'c',
            Way::Already => '=',
            Way::Refuse(_) => '-',
        }
    }

    #[test]
    fn nothing_is_taken_from_a_worker_that_may_run_it() {
        let holders = [Holder::Nobody, Holder::Present, Holder::Gone, Holder::SilentlyDisabled];
        let ways = |status, enabled| -> String { holders.map(|holder| kind(status, enabled, holder)).iter().collect() };
        for status in [TopologyStatus::Waiting, TopologyStatus::Running] {
            assert_eq!(ways(status, true), "=rt-");
        }
        assert_eq!(ways(TopologyStatus::Error, true), "cbcc");
        assert_eq!(ways(TopologyStatus::Unassigned, true), "====");
        for status in TopologyStatus::ALL {
            assert_eq!(ways(status, false), "----");
        }
    }
}
