//! `convoke worker enable|disable|drain|shutdown`: asks workers, and waits until they have done it.
//!
//! What is asked are the messages of the runtime, which are qtopology's; only `drain` is new. A qtopology worker that is
//! disabled stops what it runs, which is what draining is: so whoever is to be drained is asked for both.

use anyhow::Result;
use convoke::runtime::{DRAIN, SET_DISABLED, SET_ENABLED, SHUTDOWN, WORKER_TIMEOUT};
use convoke::{
    Command, Error, ErrorKind, Incarnation, NewMessage, Payload, SettingKey, Store, Timeouts, Timestamp, Ttl, Worker,
    WorkerName, WorkerStatus, stream,
};
use futures_util::TryStreamExt;
use serde::Serialize;

use crate::args::LARGEST_PAGE;
use crate::output::Output;
use crate::wait::{Progress, WaitArgs};

/// What workers can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Take work again.
    Enable,
    /// Take no work; what runs goes on.
    Disable,
    /// Take no work, and let go of what there is.
    Drain,
    /// End in good order.
    ShutDown,
}

/// Whom to ask.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct AskArgs {
    /// Which workers
    #[arg(required_unless_present = "all", value_name = "NAME")]
    names: Vec<WorkerName>,
    /// All workers that can do it; the others are passed over
    #[arg(long, conflicts_with = "names")]
    all: bool,
    #[command(flatten)]
    wait: WaitArgs,
}

/// How to bring a worker to do what it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By messages.
    Tell,
    /// Nobody would read a message, but the store's row is enough: it is alive until it is found silent.
    Wake,
    /// Nobody would read a message: its work is taken away, if the store finds it silent, too.
    Bury,
    /// It does so already.
    Already,
    /// Not at all.
    Refuse(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Told,
    SetAlive,
    TakenAway,
    Already,
    PassedOver,
}

/// What came of asking one worker.
#[derive(Debug, Serialize)]
struct Asked {
    worker: WorkerName,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    #[serde(skip)]
    incarnation: Incarnation,
}

pub(crate) async fn run(store: &dyn Store, ask: Ask, args: AskArgs, output: Output) -> Result<()> {
    let timeout = worker_timeout(store).await?;
    let now = store.now().await?;
    let workers = if args.all {
        stream::workers(store, LARGEST_PAGE).try_collect().await?
    } else {
        named(store, &args.names).await?
    };
    let ways: Vec<_> = workers
        .iter()
        .map(|worker| way(ask, worker.status, is_heard_of(worker, timeout, now)))
        .collect();
    // Nobody is asked when somebody who was named can't do it.
    let refused = workers.iter().zip(&ways).find_map(|(worker, way)| match way {
        Way::Refuse(why) if !args.all => Some((worker, *why)),
        _ => None,
    });
    if let Some((worker, why)) = refused {
        return Err(Error::new(ErrorKind::Conflict, why)
            .with("worker", &worker.name)
            .with("status", worker.status)
            .with("last heard of", worker.last_ping)
            .into());
    }
    let mut asked = Vec::new();
    for (worker, way) in workers.iter().zip(ways) {
        asked.push(go(store, ask, worker, way, timeout).await?);
    }
    output.answer(&asked, |asked| {
        let lines: Vec<_> = asked.iter().map(|it| told(ask, it)).collect();
        lines.join("\n")
    })?;
    asked.retain(|it| it.outcome != Outcome::PassedOver);
    args.wait.until(async || progress(store, ask, &asked).await).await
}

async fn named(store: &dyn Store, names: &[WorkerName]) -> convoke::Result<Vec<Worker>> {
    let mut workers = Vec::new();
    for name in names {
        workers.push(store.get_worker(name).await?);
    }
    Ok(workers)
}

/// After how long this installation takes a silent worker for dead.
pub(crate) async fn worker_timeout(store: &dyn Store) -> convoke::Result<Ttl> {
    match store.get_setting(&SettingKey::new(WORKER_TIMEOUT)?).await? {
        Some(setting) => setting
            .value
            .decode()
            .map_err(|error| error.with("setting", WORKER_TIMEOUT)),
        None => Ok(Timeouts::default().worker),
    }
}

/// Whether somebody is there who reads messages.
pub(crate) fn is_heard_of(worker: &Worker, timeout: Ttl, now: Timestamp) -> bool {
    let lives = !matches!(worker.status, WorkerStatus::Dead | WorkerStatus::Unloaded);
    lives && now.since(worker.last_ping) < timeout.as_duration()
}

/// The rule: what is done about a worker of this status.
fn way(ask: Ask, status: WorkerStatus, is_heard_of: bool) -> Way {
    use WorkerStatus::{Alive, Closing, Dead, Disabled, Unloaded};
    const GONE: &str = "its process is gone; it takes work when it is started again";
    const ENDING: &str = "it is about to end; it takes work when it is started again";
    // Disabled, it would keep what it has: only who is alive or closing is found dead.
    const SILENT: &str = "it was not heard of, and nobody would read the message; `convoke worker drain` takes its work \
                          away, if it is gone for good";
    match (ask, status, is_heard_of) {
        (Ask::Enable, Alive, true)
        | (Ask::Disable, Disabled, _)
        | (Ask::Drain, Closing, true)
        | (Ask::ShutDown, Closing, true)
        | (Ask::ShutDown, Dead | Unloaded, _) => Way::Already,
        (Ask::Enable, Disabled, false) => Way::Wake,
        (Ask::Enable | Ask::Disable, Dead | Unloaded, _) => Way::Refuse(GONE),
        (Ask::Enable | Ask::Disable, Closing, _) => Way::Refuse(ENDING),
        (Ask::Enable, Alive, false) | (Ask::Disable, Alive, false) | (Ask::ShutDown, _, false) => Way::Refuse(SILENT),
        (Ask::Drain, Dead | Unloaded, _) | (Ask::Drain, _, false) => Way::Bury,
        (Ask::Enable, Disabled, true)
        | (Ask::Disable, Alive, true)
        | (Ask::Drain | Ask::ShutDown, Alive | Disabled, true) => Way::Tell,
    }
}

async fn go(store: &dyn Store, ask: Ask, worker: &Worker, way: Way, timeout: Ttl) -> convoke::Result<Asked> {
    let (outcome, why) = match way {
        Way::Tell => {
            for command in messages(ask) {
                let message = NewMessage::new(worker.name.clone(), Command::new(command)?, Payload::empty());
                store.send_message(&message).await?;
            }
            (Outcome::Told, None)
        }
        Way::Wake => {
            store.set_worker_status(&worker.name, None, WorkerStatus::Alive).await?;
            (Outcome::SetAlive, None)
        }
        Way::Bury => {
            bury(store, worker, timeout).await?;
            (Outcome::TakenAway, None)
        }
        Way::Already => (Outcome::Already, None),
        Way::Refuse(why) => (Outcome::PassedOver, Some(why)),
    };
    Ok(Asked {
        worker: worker.name.clone(),
        outcome,
        why,
        incarnation: worker.incarnation,
    })
}

/// The messages that bring a worker to it, ours or qtopology's.
const fn messages(ask: Ask) -> &'static [&'static str] {
    match ask {
        Ask::Enable => &[SET_ENABLED],
        Ask::Disable => &[SET_DISABLED],
        Ask::Drain => &[SET_DISABLED, DRAIN],
        Ask::ShutDown => &[SHUTDOWN],
    }
}

/// Takes the work of a silent worker away. The store decides in one step whether it is silent: it may be heard of just now.
async fn bury(store: &dyn Store, worker: &Worker, timeout: Ttl) -> convoke::Result<()> {
    if worker.status == WorkerStatus::Disabled {
        // Only who is alive or closing is found dead.
        store.set_worker_status(&worker.name, None, WorkerStatus::Alive).await?;
    }
    take_from_the_silent(store, timeout).await?;
    match store.get_worker(&worker.name).await?.status {
        WorkerStatus::Dead | WorkerStatus::Unloaded => Ok(()),
        status => {
            let what = "it was heard of just now, and is not drained; repeat it";
            Err(Error::new(ErrorKind::Conflict, what)
                .with("worker", &worker.name)
                .with("status", status))
        }
    }
}

/// Finds the silent dead, and takes away what they have; what waits is left to wait.
pub(crate) async fn take_from_the_silent(store: &dyn Store, timeout: Ttl) -> convoke::Result<()> {
    let timeouts = Timeouts::default().with_worker(timeout).with_waiting(Ttl::MAX);
    while store.refresh_statuses(&timeouts).await?.more {}
    Ok(())
}

fn told(ask: Ask, asked: &Asked) -> String {
    let worker = &asked.worker;
    let what = match ask {
        Ask::Enable => "to take work",
        Ask::Disable => "to take no work",
        Ask::Drain => "to take no work, and to let go of what it has",
        Ask::ShutDown => "to end",
    };
    match asked.outcome {
        Outcome::Told => format!("{worker} was told {what}"),
        Outcome::SetAlive => format!("{worker} is alive; it was not heard of, and is found dead unless it is soon"),
        Outcome::TakenAway => format!("{worker} is gone; what it had was taken away"),
        Outcome::Already => format!("{worker}: nothing to do"),
        Outcome::PassedOver => format!("{worker} is passed over: {}", asked.why.unwrap_or_default()),
    }
}

async fn progress(store: &dyn Store, ask: Ask, asked: &[Asked]) -> convoke::Result<Progress> {
    let mut progress = Progress {
        of: asked.len(),
        ..Progress::default()
    };
    for it in asked {
        if let Some(what) = missing(store, ask, it).await? {
            progress.left += 1;
            if progress.what.is_empty() {
                progress.what = what;
            }
        }
    }
    Ok(progress)
}

/// What one worker has not done yet.
async fn missing(store: &dyn Store, ask: Ask, asked: &Asked) -> convoke::Result<Option<String>> {
    let name = &asked.worker;
    let worker = match store.get_worker(name).await {
        Ok(worker) => worker,
        Err(error) if ask == Ask::ShutDown && error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let is_gone = matches!(worker.status, WorkerStatus::Dead | WorkerStatus::Unloaded);
    let wanted = match ask {
        Ask::Enable => WorkerStatus::Alive,
        Ask::Disable => WorkerStatus::Disabled,
        Ask::ShutDown => {
            // Whoever registered anew is not the one that was asked.
            let has_ended = is_gone || worker.incarnation != asked.incarnation;
            return Ok((!has_ended).then(|| format!("{name} is {}", worker.status)));
        }
        Ask::Drain if is_gone || worker.status == WorkerStatus::Disabled => {
            let all = stream::assigned_topologies(store, name, LARGEST_PAGE);
            let held: Vec<_> = all
                .try_filter(|topology| std::future::ready(topology.is_in_use()))
                .try_collect()
                .await?;
            return Ok((!held.is_empty()).then(|| format!("{name} still has {} topologies", held.len())));
        }
        Ask::Drain => WorkerStatus::Disabled,
    };
    if worker.status == wanted {
        Ok(None)
    } else if is_gone {
        Err(Error::new(ErrorKind::Conflict, "it ended meanwhile")
            .with("worker", name)
            .with("status", worker.status))
    } else {
        Ok(Some(format!("{name} is {}", worker.status)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use WorkerStatus::{Alive, Closing, Dead, Disabled, Unloaded};

    fn kind(ask: Ask, status: WorkerStatus, is_heard_of: bool) -> char {
        match way(ask, status, is_heard_of) {
            Way::Tell => 't',
            Way::Wake => 'w',
            Way::Bury => 'b',
            Way::Already => '=',
            Way::Refuse(_) => '-',
        }
    }

    #[test]
    fn whoever_is_there_is_told_and_nobody_else() {
        let states = [
            (Alive, true),
            (Disabled, true),
            (Closing, true),
            (Alive, false),
            (Disabled, false),
            (Closing, false),
            (Dead, false),
            (Unloaded, false),
        ];
        let ways = |ask| -> String {
            let kinds = states.iter().map(|(status, heard)| kind(ask, *status, *heard));
            kinds.collect()
        };
        assert_eq!(ways(Ask::Enable), "=t--w---");
        assert_eq!(ways(Ask::Disable), "t=--=---");
        assert_eq!(ways(Ask::Drain), "tt=bbbbb");
        assert_eq!(ways(Ask::ShutDown), "tt=---==");
    }
}
