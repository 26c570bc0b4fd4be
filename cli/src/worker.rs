//! `convoke worker`: look at workers, and act on them.

pub(crate) mod ask;

use anyhow::Result;
use clap::Subcommand;
use convoke::{Incarnation, Registration, Store, Timeouts, Ttl, Worker, WorkerChange, WorkerName, WorkerStatus};
use serde_json::json;

use crate::args::PageArgs;
use crate::output::{Output, table};
use ask::{Ask, AskArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum WorkerCommand {
    /// All workers, ordered by name
    List {
        #[command(flatten)]
        page: PageArgs,
    },
    /// One worker
    Get { name: WorkerName },
    /// Take a name; whoever had it before is fenced off. Prints the incarnation
    Register { name: WorkerName },
    /// Tell the store that a worker lives
    Ping {
        name: WorkerName,
        /// Which registration speaks
        #[arg(long)]
        incarnation: u64,
    },
    /// Set the status: alive, disabled, closing, dead or unloaded. Any but alive ends its lead
    Status {
        name: WorkerName,
        #[arg(value_parser = status)]
        status: WorkerStatus,
        /// Which registration speaks; an operator when not given
        #[arg(long)]
        incarnation: Option<u64>,
    },
    /// Have workers take work again
    ///
    /// A disabled one that is not heard of becomes alive in the store, and is found dead unless it is heard of soon.
    Enable(AskArgs),
    /// Have workers take no work; what they run goes on
    Disable(AskArgs),
    /// Have workers take no work and let go of all that they have, so that it runs elsewhere
    ///
    /// It goes on until `convoke worker enable`. From a worker that was not heard of for the worker time-out of the
    /// installation, its work is taken away.
    Drain(AskArgs),
    /// Have workers end in good order, with all that they run
    Shutdown(AskArgs),
    /// Forget an unloaded worker and its messages
    Delete {
        name: WorkerName,
        /// Also a dead one, if all its work was taken away
        #[arg(long)]
        dead: bool,
    },
    /// What changed with a worker, newest first
    History {
        name: WorkerName,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Mark what is over: silent workers, a lead that ran out, lapsed candidacies, topologies of workers that are gone
    Refresh {
        /// After how long a silent worker is dead
        #[arg(long, value_name = "TIME", default_value = "30s", value_parser = crate::args::ttl)]
        silent_for: Ttl,
        /// After how long a waiting topology is taken from its worker
        #[arg(long, value_name = "TIME", default_value = "30s", value_parser = crate::args::ttl)]
        waiting_for: Ttl,
    },
    /// How many workers are in each role
    Count,
}

fn status(word: &str) -> Result<WorkerStatus, String> {
    word.parse().map_err(|error: convoke::Error| error.message().to_owned())
}

pub(crate) async fn run(store: &dyn Store, command: WorkerCommand, output: Output) -> Result<()> {
    match command {
        WorkerCommand::List { page } => {
            let read = async |page| store.list_workers(&page).await;
            output.list(page, HEADER, row, read).await
        }
        WorkerCommand::Get { name } => {
            let worker = store.get_worker(&name).await?;
            output.answer(&worker, |worker| table(HEADER, [row(worker)]))
        }
        WorkerCommand::Register { name } => {
            let registration = store.register_worker(&name).await?;
            output.answer(&registration, |it| {
                format!("{} is registered, incarnation {}", it.worker, it.incarnation)
            })
        }
        WorkerCommand::Ping { name, incarnation } => {
            let incarnation = Incarnation::from_number(incarnation);
            store
                .ping_worker(&Registration {
                    worker: name,
                    incarnation,
                })
                .await?;
            done(output, "heard of")
        }
        WorkerCommand::Status {
            name,
            status,
            incarnation,
        } => {
            store
                .set_worker_status(&name, incarnation.map(Incarnation::from_number), status)
                .await?;
            done(output, &format!("{name} is {status}"))
        }
        WorkerCommand::Enable(args) => ask::run(store, Ask::Enable, args, output).await,
        WorkerCommand::Disable(args) => ask::run(store, Ask::Disable, args, output).await,
        WorkerCommand::Drain(args) => ask::run(store, Ask::Drain, args, output).await,
        WorkerCommand::Shutdown(args) => ask::run(store, Ask::ShutDown, args, output).await,
        WorkerCommand::Delete { name, dead } => {
            if dead && store.get_worker(&name).await?.status == WorkerStatus::Dead {
                store.set_worker_status(&name, None, WorkerStatus::Unloaded).await?;
            }
            store.delete_worker(&name).await?;
            done(output, &format!("{name} is deleted"))
        }
        WorkerCommand::History { name, page } => {
            let read = async |page| store.worker_history(&name, &page).await;
            output
                .list(page, ["at", "status", "role", "incarnation"], change_row, read)
                .await
        }
        WorkerCommand::Refresh {
            silent_for,
            waiting_for,
        } => {
            let timeouts = Timeouts::default().with_worker(silent_for).with_waiting(waiting_for);
            let refreshed = store.refresh_statuses(&timeouts).await?;
            output.answer(&refreshed, refreshed_text)
        }
        WorkerCommand::Count => {
            let counts = store.count_workers().await?;
            output.answer(&counts, |it| {
                let rows = [
                    ("normal", it.normal),
                    ("candidate", it.candidate),
                    ("leader", it.leader),
                ];
                table(
                    ["role", "workers"],
                    rows.map(|(role, count)| [role.to_owned(), count.to_string()]),
                )
            })
        }
    }
}

/// The registration that speaks: the latest one when no incarnation is given.
pub(crate) async fn registration(
    store: &dyn Store,
    worker: WorkerName,
    incarnation: Option<u64>,
) -> convoke::Result<Registration> {
    let incarnation = match incarnation {
        Some(number) => Incarnation::from_number(number),
        None => store.get_worker(&worker).await?.incarnation,
    };
    Ok(Registration { worker, incarnation })
}

/// The answer of what only succeeds or fails.
pub(crate) fn done(output: Output, text: &str) -> Result<()> {
    output.answer(&json!({ "done": true }), |_| text.to_owned())
}

const HEADER: [&str; 5] = ["name", "status", "role", "incarnation", "last heard of"];

fn row(worker: &Worker) -> [String; 5] {
    [
        worker.name.to_string(),
        worker.status.to_string(),
        worker.role.to_string(),
        worker.incarnation.to_string(),
        worker.last_ping.to_string(),
    ]
}

fn change_row(change: &WorkerChange) -> [String; 4] {
    [
        change.at.to_string(),
        change.status.to_string(),
        change.role.to_string(),
        change.incarnation.to_string(),
    ]
}

fn refreshed_text(refreshed: &convoke::Refreshed) -> String {
    if refreshed.is_empty() {
        return "nothing was over".to_owned();
    }
    let mut lines: Vec<String> = refreshed.died.iter().map(|name| format!("{name} is dead")).collect();
    lines.extend(
        refreshed
            .vacated
            .iter()
            .map(|it| format!("{} does not lead any more, term {}", it.worker, it.term)),
    );
    lines.extend(
        refreshed
            .lapsed
            .iter()
            .map(|name| format!("the candidacy of {name} lapsed")),
    );
    lines.extend(
        refreshed
            .unassigned
            .iter()
            .map(|id| format!("nobody has {id} any more")),
    );
    if refreshed.more {
        lines.push("there is more; run it again".to_owned());
    }
    lines.join("\n")
}
