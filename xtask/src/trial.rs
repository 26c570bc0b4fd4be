//! `cargo xtask trial`: what must hold when many processes use one store, tried with real processes on real servers.
//!
//! A trial judges by what the processes wrote down, each in its own file, before they went on. It is bounded by counts,
//! and says what it saw; `cargo xtask ci` runs each trial with smaller ones.

#[cfg(feature = "stores")]
mod bad_days;
#[cfg(feature = "stores")]
mod chaos;
#[cfg(feature = "stores")]
mod crew;
#[cfg(feature = "stores")]
mod elections;
#[cfg(feature = "stores")]
mod messages;
#[cfg(feature = "stores")]
mod node;
#[cfg(feature = "stores")]
mod opening;
#[cfg(feature = "stores")]
mod pings;
#[cfg(feature = "stores")]
mod seen;
#[cfg(feature = "stores")]
mod takeovers;

use std::path::PathBuf;

use anyhow::Result;

/// Which trial, on which stores.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The stores, of sqlite, mariadb, mysql, redis and valkey.
    #[arg(
        long,
        alias = "stores",
        value_delimiter = ',',
        default_value = "sqlite,mariadb,mysql,redis,valkey",
        global = true
    )]
    pub(crate) store: Vec<String>,
    /// Writes what was seen to this file, as JSON.
    #[arg(long, global = true)]
    pub(crate) json: Option<PathBuf>,
    /// What is tried.
    #[command(subcommand)]
    pub(crate) trial: Trial,
}

/// What is tried.
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Trial {
    /// Processes campaign, renew, resign and let their leases run out: no term has two holders, terms only grow, and no
    /// two lead at a time.
    Elections {
        /// How many processes.
        #[arg(long, default_value_t = 8)]
        processes: usize,
        /// How often each campaigns.
        #[arg(long, default_value_t = 500)]
        rounds: usize,
    },
    /// Processes open one empty store at the same time: nobody fails, and there is one schema.
    Opening {
        /// How many processes.
        #[arg(long, default_value_t = 8)]
        processes: usize,
        /// How many empty stores.
        #[arg(long, default_value_t = 50)]
        rounds: usize,
    },
    /// Two processes receive from one queue: each message is handled once, and with random kills none is lost.
    Messages {
        /// How many messages.
        #[arg(long, default_value_t = 10_000)]
        messages: usize,
        /// How many receivers are killed with SIGKILL and started anew.
        #[arg(long, default_value_t = 20)]
        kills: usize,
    },
    /// Members of one cluster, each with a handle of its own, as if each were a process: none dies, no lead is lost, and the
    /// server needs less than a quarter of one processor core. On SQLite, which has no server, they are 40 at most.
    Pings {
        /// How many members.
        #[arg(long, default_value_t = 1_000)]
        agents: usize,
        /// In how many processes.
        #[arg(long, default_value_t = 2)]
        processes: usize,
        /// For how long the server is watched.
        #[arg(long, default_value_t = 30)]
        seconds: u64,
    },
    /// Three real agents, of which one at a time is killed with SIGKILL, every second time the leader: how long until its units run
    /// elsewhere, by the time stamps that they write; at the 99th percentile of 100 rounds it may be a second more than --ttl.
    Takeovers {
        /// How many agents are killed.
        #[arg(long, default_value_t = 100)]
        rounds: usize,
        /// How long a silent agent is waited for, in milliseconds.
        #[arg(long, default_value_t = 2_000)]
        ttl_ms: u64,
    },
    /// Agents are killed and stopped, and so is the store: each unit runs at most once at every moment, and once again
    /// within ttl + 2 s.
    Chaos(Chaos),
    /// Real agents whose calendars are a day off and whose time zones differ from each other's and the server's; they are stopped
    /// beyond their lease and woken, one loses its name meanwhile, and the store does not answer for a long time: what is late is
    /// refused as Fenced, each unit runs at most once at every moment, and once again within ttl + 2 s. Needs libfaketime.
    BadDays(BadDays),
    /// Workers of the published Node client and `convoke agent`s are one cluster, on MariaDB whatever `--store` says: one leader over
    /// both kinds, topologies handed to either, fail-over both ways. Needs Node.js, npm and a registry that it can reach.
    Node(NodeArguments),
    /// One process of a trial.
    #[command(hide = true)]
    Member(Member),
    /// A unit of the agents of `chaos` and `bad-days`.
    #[cfg(feature = "stores")]
    #[command(hide = true)]
    Unit(chaos::UnitArguments),
    /// Holds the lock of a SQLite file.
    #[cfg(feature = "stores")]
    #[command(hide = true)]
    Hold {
        /// The file.
        file: std::path::PathBuf,
    },
}

/// What `chaos` is made of.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Chaos {
    /// How many agents.
    #[arg(long, default_value_t = 5, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(2..))]
    pub(crate) agents: usize,
    /// How many units.
    #[arg(long, default_value_t = 50)]
    pub(crate) units: usize,
    /// For how long, on each store.
    #[arg(long, default_value_t = 10.0)]
    pub(crate) minutes: f64,
    /// How long the cluster waits for a silent agent.
    #[arg(long, value_name = "TIME", default_value = "3s")]
    pub(crate) ttl: String,
    /// What chance is drawn from; by chance when not given.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}

/// How bad the days are.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BadDays {
    /// How many units.
    #[arg(long, default_value_t = 10)]
    pub(crate) units: usize,
    /// How long the cluster waits for a silent agent.
    #[arg(long, value_name = "TIME", default_value = "3s")]
    pub(crate) ttl: String,
    /// For how long the store does not answer; longer than the ttl.
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub(crate) outage: String,
}

/// How the cluster of both kinds is tried.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct NodeArguments {
    /// How many topologies are handed out.
    #[arg(long, default_value_t = 8)]
    pub(crate) topologies: usize,
    /// Only start together, hand out, and hand over in good order: about two minutes. Without it workers are also killed and
    /// paused, and the five minutes after which the old client believes that one is dead are waited for.
    #[arg(long)]
    pub(crate) brief: bool,
}

/// What one process of a trial is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Member {
    /// What it does.
    pub(crate) part: Part,
    /// The store.
    pub(crate) url: String,
    /// Where it writes down what it saw.
    pub(crate) notes: PathBuf,
    /// How often, or how many.
    pub(crate) rounds: usize,
    /// The registration that it shares, as JSON.
    #[arg(long)]
    pub(crate) registration: Option<String>,
}

/// What a process of a trial does.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Part {
    /// Campaigns.
    Elect,
    /// Opens the store.
    Open,
    /// Receives messages.
    Receive,
    /// Is several members of a cluster.
    Ping,
}

/// Builds this program with the stores and runs it again.
#[cfg(not(feature = "stores"))]
pub(crate) fn run(_: &Arguments) -> Result<()> {
    crate::workspace::run_with_stores(false)
}

/// Tries it on each store.
#[cfg(feature = "stores")]
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.trial {
        Trial::Chaos(chaos) => return chaos::run(&arguments.store, chaos, arguments.json.as_deref()),
        Trial::BadDays(days) => return bad_days::run(&arguments.store, days, arguments.json.as_deref()),
        Trial::Unit(unit) => return chaos::be_unit(unit),
        Trial::Hold { file } => return chaos::hold(file),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match &arguments.trial {
        Trial::Member(member) => return runtime.block_on(take_part(member)),
        Trial::Node(node) => return runtime.block_on(node::run(node, arguments.json.as_deref())),
        _ => {}
    }
    let mut report = seen::Report::default();
    for store in &arguments.store {
        let begun = std::time::Instant::now();
        let place = crate::bench::place::Place::of(store)?;
        let seen = runtime.block_on(async {
            let seen = try_on(&place, &arguments.trial).await;
            place.remove().await?;
            seen
        })?;
        println!("{store}: {} ({:.1} s)", seen.text, begun.elapsed().as_secs_f64());
        report.add(store, seen);
    }
    report.print();
    if let Some(file) = &arguments.json {
        report.write(file)?;
    }
    report.judge()
}

#[cfg(feature = "stores")]
async fn try_on(place: &crate::bench::place::Place, trial: &Trial) -> Result<seen::Seen> {
    Ok(match *trial {
        Trial::Elections { processes, rounds } => elections::run(place, processes, rounds).await?.into(),
        Trial::Opening { processes, rounds } => opening::run(place, processes, rounds).await?.into(),
        Trial::Messages { messages, kills } => messages::run(place, messages, kills).await?.into(),
        Trial::Pings {
            agents,
            processes,
            seconds,
        } => pings::run(place, agents, processes, std::time::Duration::from_secs(seconds)).await?,
        Trial::Takeovers { rounds, ttl_ms } => {
            takeovers::run(place, rounds, std::time::Duration::from_millis(ttl_ms)).await?
        }
        // Not tried on a place, see `run`.
        Trial::Chaos(_)
        | Trial::BadDays(_)
        | Trial::Node(_)
        | Trial::Member(_)
        | Trial::Unit(_)
        | Trial::Hold { .. } => String::new().into(),
    })
}

#[cfg(feature = "stores")]
async fn take_part(member: &Member) -> Result<()> {
    match member.part {
        Part::Elect => elections::take_part(member).await,
        Part::Open => opening::take_part(member).await,
        Part::Receive => messages::take_part(member).await,
        Part::Ping => pings::take_part(member).await,
    }
}
