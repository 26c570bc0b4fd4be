//! The command line.

use std::time::Duration;

use clap::{Parser, Subcommand};
use clap_complete::Shell;
use convoke::{Delay, Ttl};
use jiff::SignedDuration;

use crate::agent::AgentArgs;
use crate::demo::{DemoArgs, TickArgs};
use crate::guard::{BoundArgs, GuardArgs};
use crate::installation::{CheckArgs, EmptyArgs};
use crate::lead::LeadArgs;
use crate::leader::LeaderCommand;
use crate::lock::LockCommand;
use crate::message::MessageCommand;
use crate::setting::SettingCommand;
use crate::topology::TopologyCommand;
use crate::trim::TrimArgs;
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
    /// Take, prolong and give back named locks from scripts
    #[command(subcommand)]
    Lock(LockCommand),
    /// An ordered map of keys to JSON values
    #[command(subcommand)]
    Setting(SettingCommand),
    /// Drop what is too old or too much of the histories of workers and topologies
    TrimHistory(TrimArgs),
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
    /// See a fail-over: three contenders on a SQLite file, their leader killed; ends by itself
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

/// A page of a list.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PageArgs {
    /// How many at most, 1 to 1,000
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Behind which one to begin: the `next` of the page before
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

impl PageArgs {
    pub(crate) fn page(self) -> convoke::Result<convoke::Page> {
        let page = convoke::Page::first(self.limit)?;
        Ok(match self.after {
            Some(cursor) => page.behind(cursor.into()),
            None => page,
        })
    }
}

/// Reads `150ms`, `10s`, `5m`, `1h 30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let length: SignedDuration = text
        .parse()
        .map_err(|_| "a length of time is written as 150ms, 10s, 5m or 12h".to_owned())?;
    Duration::try_from(length).map_err(|_| "a length of time is not negative".to_owned())
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
    fn a_time_to_live_of_nothing_or_of_years_is_refused() {
        assert!(ttl("0s").is_err() && ttl("1us").is_err() && ttl("17520h").is_err());
        assert!(ttl("1ms").is_ok() && ttl("8760h").is_ok());
    }
}
