//! `cargo xtask trial`: what must hold when many processes use one store, tried with real processes on real servers.
//!
//! A trial judges by what the processes wrote down, each in its own file, before they went on. It is bounded by counts,
//! and says what it saw; `cargo xtask ci` runs each trial with smaller ones.

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

use anyhow::Result;

/// Which trial, on which stores.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The stores, of sqlite, mariadb, mysql, redis and valkey.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "sqlite,mariadb,mysql,redis,valkey",
        global = true
    )]
    pub(crate) store: Vec<String>,
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
    /// Workers of the published Node client and `convoke agent`s are one cluster, on MariaDB whatever `--store` says: one leader over
    /// both kinds, topologies handed to either, fail-over both ways. Needs Node.js, npm and a registry that it can reach.
    Node(NodeArguments),
    /// One process of a trial.
    #[command(hide = true)]
    Member(Member),
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
    /// Where to write what was seen as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<std::path::PathBuf>,
}

/// What one process of a trial is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Member {
    /// What it does.
    pub(crate) part: Part,
    /// The store.
    pub(crate) url: String,
    /// Where it writes down what it saw.
    pub(crate) notes: std::path::PathBuf,
    /// How often.
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
}

/// Builds this program with the stores and runs it again.
#[cfg(not(feature = "stores"))]
pub(crate) fn run(_: &Arguments) -> Result<()> {
    crate::workspace::run_with_stores(false)
}

/// Tries it on each store.
#[cfg(feature = "stores")]
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match &arguments.trial {
        Trial::Member(member) => {
            return runtime.block_on(async {
                match member.part {
                    Part::Elect => elections::take_part(member).await,
                    Part::Open => opening::take_part(member).await,
                    Part::Receive => messages::take_part(member).await,
                }
            });
        }
        Trial::Node(arguments) => return runtime.block_on(node::run(arguments)),
        Trial::Elections { .. } | Trial::Opening { .. } | Trial::Messages { .. } => {}
    }
    for store in &arguments.store {
        let begun = std::time::Instant::now();
        let place = crate::bench::place::Place::of(store)?;
        let seen = runtime.block_on(async {
            let seen = match arguments.trial {
                Trial::Elections { processes, rounds } => elections::run(&place, processes, rounds).await,
                Trial::Opening { processes, rounds } => opening::run(&place, processes, rounds).await,
                Trial::Messages { messages, kills } => messages::run(&place, messages, kills).await,
                Trial::Node(_) | Trial::Member(_) => Ok(String::new()),
            };
            place.remove().await?;
            seen
        })?;
        println!("{store}: {seen} ({:.1} s)", begun.elapsed().as_secs_f64());
    }
    Ok(())
}
