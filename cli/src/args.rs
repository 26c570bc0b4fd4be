//! The command line.

use std::time::Duration;

use clap::{Parser, Subcommand};
use clap_complete::Shell;
use convoke::{Delay, Limit, Page, Ttl};
use jiff::SignedDuration;

use crate::agent::AgentArgs;
use crate::demo::{DemoArgs, TickArgs};
use crate::export::ExportArgs;
use crate::guard::{BoundArgs, GuardArgs};
use crate::import::ImportArgs;
use crate::installation::{CheckArgs, EmptyArgs};
use crate::lead::LeadArgs;
use crate::leader::LeaderCommand;
use crate::lock::LockCommand;
use crate::message::MessageCommand;
use crate::rebalance::RebalanceArgs;
use crate::requeue::RequeueCommand;
use crate::setting::SettingCommand;
use crate::topology::TopologyCommand;
use crate::trim::TrimArgs;
use crate::watch::WatchArgs;
use crate::worker::WorkerCommand;

/// Coordination on the store you already run: lead, look and act.
#[derive(Debug, Parser)]
#[command(name = "convoke", version, after_long_help = crate::exit::HELP)]
pub(crate) struct Args {
    /// Where the store is: sqlite:///path/to/file, mysql://user:password@host/database, redis://host:6379/0
    ///
    /// Other users of this host can read a command line: give a URL that holds a password by the environment.
    #[arg(
        long,
        global = true,
        env = "CONVOKE_STORE",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub(crate) store: Option<String>,
    /// Which installation among those that share the store, where the URL does not say
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) namespace: Option<convoke::Namespace>,
    /// How long connecting may take, and one operation
    #[arg(long, global = true, value_name = "TIME", default_value = "5s", value_parser = ttl)]
    pub(crate) timeout: Ttl,
    /// Answer in JSON, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a command on whichever machine leads, and nowhere else
    ///
    /// The command is started when this process is elected, with its term (the fencing token) in CONVOKE_TERM and its
    /// name in CONVOKE_NAME, and with nothing on its standard input. It is stopped, by TERM and then KILL, before the
    /// lease can run out, also when this process is killed or stopped: a guard process beside it holds the deadline.
    /// When the command ends, so does all that it started; its exit code is passed on (128 and the signal when it was
    /// killed), and the lead is resigned. TERM, INT or HUP to this process stop the command first; a second one kills it;
    /// while another one leads they end it with 0.
    Lead(LeadArgs),
    /// See who is there, what runs where, what is wrong and what changes
    ///
    /// On a terminal it is drawn anew all the time, until q is pressed. Elsewhere, or with --json, each change is one line of
    /// JSON: what is there, or {"lost":{…}} while the store is not reached.
    Watch(WatchArgs),
    /// Take part in a cluster: run units as processes, each on one machine at a time
    ///
    /// Registers under its name, and runs what the cluster's leader assigns to it: topologies whose config has a command.
    /// One of the agents leads. Each unit has a guard process beside it that holds the agent's deadline: it ends the unit,
    /// with all that it started, before the agent could be taken for dead, also when the agent is killed, stopped or cut off
    /// from the store. A unit is told the agent's name in CONVOKE_NAME and its own id in CONVOKE_TOPOLOGY. TERM, INT or HUP
    /// stop all units, let go of them, and end the agent with 0; a second signal kills them.
    Agent(AgentArgs),
    /// Look at workers, and act on them
    #[command(subcommand)]
    Worker(WorkerCommand),
    /// Look at who leads; campaign, renew and resign from scripts
    #[command(subcommand)]
    Leader(LeaderCommand),
    /// Send messages to workers, look at their queues, receive and settle
    #[command(subcommand)]
    Message(MessageCommand),
    /// Look at units of work, and act on them
    #[command(subcommand)]
    Topology(TopologyCommand),
    /// Have work handed out anew, and messages delivered again
    #[command(subcommand)]
    Requeue(RequeueCommand),
    /// Ask the leader to even the load out, or look at what it would move
    ///
    /// The cost of a placement is the sum over its topologies of weight × load of the worker, divided by five where the
    /// topology has an affinity to it. No move is made that does not lower it.
    Rebalance(RebalanceArgs),
    /// Take, prolong and give back named locks from scripts
    #[command(subcommand)]
    Lock(LockCommand),
    /// An ordered map of keys to JSON values
    #[command(subcommand)]
    Setting(SettingCommand),
    /// Drop what is too old or too much of the histories of workers and topologies
    TrimHistory(TrimArgs),
    /// Write a whole installation to a file, as lines of JSON
    ///
    /// Settings, workers, topologies with their configs, messages that wait; with --histories those, too. Configs, settings
    /// and messages are yours, and are written as they are: mind what is secret in them. The URL of the store is not in it.
    ///
    /// Not in it, and noted on standard error: leases, locks that are held, claims of messages, what waits or runs
    /// where. Each page is read at a moment of its own: stop what writes if all must be of one moment.
    Export(ExportArgs),
    /// Put an export into an installation, on whichever store
    ///
    /// All of the file is checked first, and a fault is told with its line and column. Workers are unloaded until their processes
    /// start. Topologies begin to run as soon as somebody leads: stop the old installation before. An import that was
    /// interrupted is completed by the same command, and doing it twice changes nothing more. Counters of terms,
    /// incarnations, revisions and lock tokens are raised to those of the export. Histories can't be put in.
    Import(ImportArgs),
    /// Any operation as data
    #[command(subcommand)]
    Operation(OperationCommand),
    /// Set the schema up, or upgrade it
    Migrate,
    /// Compare the schema with what this program needs; changes nothing
    Check(CheckArgs),
    /// Look at connection, schema, durability, clock, leader and workers, and say what to do; changes nothing
    Doctor,
    /// What the store is and promises
    Properties,
    /// Delete all workers, leads, topologies, messages, settings and histories; schema, counters and held locks stay
    Clear(EmptyArgs),
    /// Remove the whole installation
    Reset(EmptyArgs),
    /// See a cluster: three agents keep a dozen units running, one is killed, one drained; ends by itself
    Demo(DemoArgs),
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Holds the deadline of a command beside `convoke lead`, which starts it
    #[command(hide = true)]
    Guard(GuardArgs),
    /// Becomes a command that dies with its parent
    #[command(hide = true)]
    ExecBound(BoundArgs),
    /// Writes time stamps to a file until it is stopped: the command of the demo
    #[command(hide = true)]
    Tick(TickArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum OperationCommand {
    /// Run one, and print its answer as JSON
    ///
    /// Example: convoke operation run '{"workers":{"get_worker":{"name":"a"}}}'
    Run {
        /// The operation in JSON
        operation: String,
    },
}

/// Which part of a list.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PageArgs {
    /// How many at most, 1 to 1,000; 100 when not given
    #[arg(long)]
    limit: Option<u32>,
    /// Behind which one to begin: the `next` of the page before
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// All of it, page by page; with --json one line for each
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
}

impl PageArgs {
    pub(crate) fn page(self) -> convoke::Result<Page> {
        let page = match self.limit {
            Some(limit) => Page::first(limit)?,
            None if self.all => LARGEST_PAGE,
            None => Page::default(),
        };
        Ok(match self.after {
            Some(cursor) => page.behind(cursor.into()),
            None => page,
        })
    }
}

/// The first page for whoever reads all of a list.
pub(crate) const LARGEST_PAGE: Page = Page {
    limit: Limit::MAX,
    after: None,
};

/// Reads `150ms`, `10s`, `5m`, `1h 30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let length: SignedDuration = text
        .parse()
        .map_err(|_| "a length of time is written as 150ms, 10s, 5m or 12h".to_owned())?;
    Duration::try_from(length).map_err(|_| "a length of time is not negative".to_owned())
}

/// Reads a length of time from one act to the next: 1 ms or more.
pub(crate) fn period(text: &str) -> Result<Duration, String> {
    let length = duration(text)?;
    if length < Duration::from_millis(1) {
        return Err("a period is 1ms or more".to_owned());
    }
    Ok(length)
}

/// Reads `500B`, `64KiB`, `1MiB`, `2GiB`: 1 KiB or more.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let digits = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("a size is written as 4096B, 64KiB, 1MiB or 2GiB".to_owned()),
    };
    let bytes = number.parse().ok().and_then(|number: u64| number.checked_mul(factor));
    bytes
        .filter(|bytes| *bytes >= 1 << 10)
        .ok_or_else(|| "a size is 1KiB or more, and not beyond all bounds".to_owned())
}

pub(crate) fn ttl(text: &str) -> Result<Ttl, String> {
    Ttl::new(duration(text)?).map_err(|error| error.to_string())
}

pub(crate) fn delay(text: &str) -> Result<Delay, String> {
    Delay::new(duration(text)?).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn lengths_of_time_are_read_with_their_unit() {
        assert_eq!(duration("150ms").unwrap(), Duration::from_millis(150));
        assert_eq!(duration("1h 30m").unwrap(), Duration::from_secs(5_400));
        for bad in ["", "10", "s", "-1s", "1y", "1e400s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_period_of_nothing_is_refused() {
        assert!(period("0s").is_err() && period("999us").is_err() && period("1ms").is_ok());
    }

    #[test]
    fn sizes_are_read_with_their_unit() {
        assert_eq!(
            (size("1MiB"), size("64KiB"), size("4096B")),
            (Ok(1 << 20), Ok(64 << 10), Ok(4_096))
        );
        for bad in [
            "",
            "1",
            "1MB",
            "1 MiB",
            "-1MiB",
            "1.5MiB",
            "1023B",
            "99999999999999999999B",
            "18446744073709551615GiB",
        ] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_to_live_of_nothing_or_of_years_is_refused() {
        assert!(ttl("0s").is_err() && ttl("1us").is_err() && ttl("17520h").is_err());
        assert!(ttl("1ms").is_ok() && ttl("8760h").is_ok());
    }
}
