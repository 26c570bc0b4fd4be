//! `convoke topology`: look at units of work, and act on them.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Subcommand;
use convoke::{
    Affinity, ErrorText, NewTopology, Payload, Report, Reported, Store, Term, TopologiesExt, Topology, TopologyChange,
    TopologyId, TopologyRegistered, Weight, WorkerName,
};

use crate::args::PageArgs;
use crate::output::{Output, line, table};
use crate::unit;
use crate::worker::{done, registration};

#[derive(Debug, Subcommand)]
pub(crate) enum TopologyCommand {
    /// All topologies, ordered by id
    List {
        /// Only those that this worker has
        #[arg(long)]
        worker: Option<WorkerName>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// One topology with its config
    Get { id: TopologyId },
    /// Write its config as it was registered, to standard output or to a file
    Export {
        id: TopologyId,
        /// The file, which must not exist yet
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Register a topology, or replace its config, weight and affinity. A new one is disabled
    ///
    /// The config is a unit that `convoke agent` runs (`convoke topology schema` prints what it may have), such as
    ///
    ///   {"command": ["python3", "import.py"], "working_dir": "/srv/import", "restart": "always"}
    ///
    /// or a topology of qtopology, with spouts and bolts, for qtopology's workers. Comments are allowed, and not stored.
    #[command(verbatim_doc_comment)]
    Register {
        id: TopologyId,
        /// The config: a file of JSON, or - for standard input
        #[arg(value_name = "FILE")]
        config: PathBuf,
        /// How much it loads its worker [default: general.weight of the config, or 1]
        #[arg(long)]
        weight: Option<f64>,
        /// A worker on which it runs best; can be given several times [default: general.worker_affinity of the config]
        #[arg(long, value_name = "WORKER")]
        affinity: Vec<WorkerName>,
        /// Take any JSON: work that workers of your own understand, and no agent runs
        #[arg(long)]
        opaque: bool,
        /// Enable it at once
        #[arg(long)]
        enable: bool,
    },
    /// Print the JSON schema of the units that `convoke agent` runs
    Schema,
    #[command(flatten)]
    Act(ActCommand),
    /// What changed with it, newest first
    History {
        id: TopologyId,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Give it to a worker, as the leader
    Assign {
        id: TopologyId,
        worker: WorkerName,
        /// The term in which you lead
        #[arg(long)]
        term: u64,
    },
    /// Say how it does, as the worker that has it
    Report {
        id: TopologyId,
        worker: WorkerName,
        /// running, released, or failed
        #[arg(value_parser = ["running", "released", "failed"])]
        status: String,
        /// Why it failed
        #[arg(long, required_if_eq("status", "failed"))]
        error: Option<String>,
        /// Which registration speaks; the latest when not given
        #[arg(long)]
        incarnation: Option<u64>,
    },
}

/// What an operator does to a topology.
#[derive(Debug, Subcommand)]
pub(crate) enum ActCommand {
    /// Have it run: it can be assigned and started
    Enable { id: TopologyId },
    /// Have it not run: it can't be assigned or started, and an agent that runs it ends it when it looks the next time, see
    /// --look-every of `convoke agent`
    Disable { id: TopologyId },
    /// Disable it, and tell its worker to end it now
    Stop { id: TopologyId },
    /// Disable it, and tell its worker to end it at once
    Kill { id: TopologyId },
    /// Put it in error, and tell its worker to end it
    SetError { id: TopologyId, error: String },
    /// Take it out of error: back to its worker if that one lives
    ClearError { id: TopologyId },
    /// Forget it; it must not be waiting or running
    Delete { id: TopologyId },
}

pub(crate) async fn run(store: &dyn Store, command: TopologyCommand, output: Output) -> Result<()> {
    match command {
        TopologyCommand::List { worker, page } => {
            let read = async |page| match &worker {
                None => store.list_topologies(&page).await,
                Some(worker) => store.list_assigned_topologies(worker, &page).await,
            };
            output.list(page, HEADER, row, read).await
        }
        TopologyCommand::Get { id } => {
            let details = store.get_topology(&id).await?;
            output.answer(&details, |it| {
                format!("{}\n{}", table(HEADER, [row(&it.topology)]), it.config)
            })
        }
        TopologyCommand::Export { id, file } => {
            let config = store.get_topology(&id).await?.config;
            match file {
                None => line(config.as_str()),
                Some(file) => {
                    write_new(&file, &config)?;
                    done(output, &format!("the config of {id} is in {}", file.display()))
                }
            }
        }
        TopologyCommand::Register {
            id,
            config,
            weight,
            affinity,
            opaque,
            enable,
        } => {
            let checked = read(&config, opaque)?;
            let affinity = match affinity.as_slice() {
                [] => checked.affinity,
                _ => Affinity::new(affinity)?,
            };
            let topology = NewTopology::new(id, checked.config)
                .with_weight(weight.map_or(Ok(checked.weight), Weight::new)?)
                .with_affinity(affinity);
            register(store, &topology, enable, output).await
        }
        TopologyCommand::Schema => print_schema(),
        TopologyCommand::History { id, page } => history(store, &id, page, output).await,
        TopologyCommand::Assign { id, worker, term } => {
            let assignment = store.assign_topology(Term::from_number(term), &id, &worker).await?;
            output.answer(&assignment, |it| match it {
                convoke::Assignment::Assigned => format!("{worker} has {id}, and was told to start it"),
                refused => format!("not assigned: {refused}"),
            })
        }
        TopologyCommand::Report {
            id,
            worker,
            status,
            error,
            incarnation,
        } => {
            let registration = registration(store, worker, incarnation).await?;
            let report = match status.as_str() {
                "running" => Report::Running,
                "released" => Report::Released,
                _ => Report::Failed(ErrorText::new(error.unwrap_or_default())),
            };
            let reported = store.report_topology(&registration, &id, &report).await?;
            output.answer(&reported, |it| match it {
                Reported::Accepted => "accepted".to_owned(),
                Reported::Disabled => format!("refused: {id} is disabled"),
                Reported::NotHeld(Some(holder)) => format!("refused: {holder} has {id}"),
                Reported::NotHeld(None) => format!("refused: nobody has {id}"),
            })
        }
        TopologyCommand::Act(command) => act(store, command, output).await,
    }
}

pub(crate) fn print_schema() -> Result<()> {
    line(unit::SCHEMA.trim_end())
}

async fn act(store: &dyn Store, command: ActCommand, output: Output) -> Result<()> {
    match command {
        ActCommand::Enable { id } => {
            store.enable_topology(&id).await?;
            done(output, &format!("{id} is enabled"))
        }
        ActCommand::Disable { id } => {
            store.disable_topology(&id).await?;
            done(output, &format!("{id} is disabled"))
        }
        ActCommand::Stop { id } => told(store.stop_topology(&id).await?, "to stop it", output),
        ActCommand::Kill { id } => told(store.kill_topology(&id).await?, "to kill it", output),
        ActCommand::SetError { id, error } => {
            let error = ErrorText::new(error);
            told(store.set_topology_error(&id, &error).await?, "to stop it", output)
        }
        ActCommand::ClearError { id } => told(store.clear_topology_error(&id).await?, "to start it", output),
        ActCommand::Delete { id } => {
            store.delete_topology(&id).await?;
            done(output, &format!("{id} is deleted"))
        }
    }
}

async fn register(store: &dyn Store, topology: &NewTopology, enable: bool, output: Output) -> Result<()> {
    let registered = store.register_topology(topology).await?;
    if enable {
        store.enable_topology(&topology.id).await?;
    }
    output.answer(&registered, |it| {
        let id = &topology.id;
        match (it, enable) {
            (TopologyRegistered::Created, false) => format!("{id} is registered; enable it to have it run"),
            (TopologyRegistered::Created, true) => format!("{id} is registered and enabled"),
            (TopologyRegistered::Replaced, _) => format!("{id} has a new config"),
        }
    })
}

async fn history(store: &dyn Store, id: &TopologyId, page: PageArgs, output: Output) -> Result<()> {
    let header = ["at", "status", "enabled", "worker", "weight", "pid", "error"];
    let row = |it: &TopologyChange| {
        [
            it.at.to_string(),
            it.status.to_string(),
            it.enabled.to_string(),
            text(it.worker.as_ref()),
            it.weight.to_string(),
            text(it.pid.as_ref()),
            text(it.error.as_ref()),
        ]
    };
    let read = async |page| store.topology_history(id, &page).await;
    output.list(page, header, row, read).await
}

fn told(worker: Option<WorkerName>, what: &str, output: Output) -> Result<()> {
    output.answer(&worker, |worker| match worker {
        Some(worker) => format!("{worker} was told {what}"),
        None => "nobody has it; nobody was told".to_owned(),
    })
}

/// A config as it stands in a file.
fn read(path: &Path, opaque: bool) -> Result<unit::Checked> {
    let is_standard_input = path == Path::new("-");
    let text = if is_standard_input {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("the config could not be read from standard input")?;
        text
    } else {
        std::fs::read_to_string(path)
            .with_context(|| format!("the config could not be read from {}", path.display()))?
    };
    let source = if is_standard_input {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    };
    Ok(unit::check(&text, &source, opaque)?)
}

fn write_new(path: &Path, config: &Payload) -> Result<()> {
    let write = || writeln!(File::create_new(path)?, "{config}");
    write().with_context(|| format!("the config could not be written to {}", path.display()))
}

const HEADER: [&str; 9] = [
    "id", "status", "enabled", "worker", "weight", "affinity", "pid", "since", "error",
];

fn row(topology: &Topology) -> [String; 9] {
    let affinity: Vec<_> = topology.affinity.workers().iter().map(WorkerName::as_str).collect();
    [
        topology.id.to_string(),
        topology.status.to_string(),
        topology.enabled.to_string(),
        text(topology.worker.as_ref()),
        topology.weight.to_string(),
        affinity.join(" "),
        text(topology.pid.as_ref()),
        topology.since.to_string(),
        text(topology.error.as_ref()),
    ]
}

fn text(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}
