//! `convoke agent`: a worker of a cluster whose units are processes, and a leader to be beside it.
//!
//! The [runtime](convoke::runtime) decides what runs here; [`Processes`] runs it, each unit under a
//! [guard](crate::guard) of its own that holds the agent's deadline.

mod capture;
mod events;
mod keeper;
mod log;
mod processes;
mod timing;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use convoke::runtime::{Backoff, CancellationToken, Member};
use convoke::{Error, ErrorKind, Store, Ttl, WorkerName, error};

use crate::Opener;
use crate::guard::Household;
use crate::output::Output;
use crate::signals::Signals;
use crate::voice::Voice;
use events::Event;
use log::Logs;
use processes::Processes;
use timing::Timing;

/// How long a store that does not answer is waited for after a second signal.
const FAREWELL_WITHIN: Duration = Duration::from_secs(2);
/// From one attempt to begin to the next while the store can't be reached: doubled from the first to the second.
const TRY_AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// What `convoke agent` is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct AgentArgs {
    /// The name to take part under; each agent needs its own
    #[arg(long)]
    name: WorkerName,
    /// How long a silent agent is waited for: its units run elsewhere about this long after it or its host is gone.
    /// All agents of an installation have to keep the same
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = crate::args::ttl)]
    ttl: Ttl,
    /// How long a lead is granted: another agent leads at most this long after the leader is gone [default: 10s, or --ttl
    /// if that is shorter]
    #[arg(long, value_name = "TIME", value_parser = crate::args::ttl)]
    lead_ttl: Option<Ttl>,
    /// From TERM to KILL when a unit has to stop; less when the agent's time runs out before
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = crate::args::duration)]
    grace: Duration,
    /// How long after a failure a unit is started again; doubled with each failure that follows soon
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = crate::args::period)]
    restart_after: Duration,
    /// The longest from a failure to the next start. A unit that ran for longer begins with --restart-after again
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = crate::args::period)]
    restart_after_at_most: Duration,
    /// From one ping to the next [default: a tenth of --ttl, at most 1s]
    #[arg(long, value_name = "TIME", value_parser = crate::args::period)]
    ping_every: Option<Duration>,
    /// How often messages are asked for when the store does not tell that there are some [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = crate::args::period)]
    poll_every: Option<Duration>,
    /// How often what runs is compared with what is assigned when no message tells of a change [default: a quarter of
    /// --ttl, at most 5s]
    #[arg(long, value_name = "TIME", value_parser = crate::args::period)]
    look_every: Option<Duration>,
    /// How often the leader evens the load out when nobody asks for it
    #[arg(long, value_name = "TIME", default_value = "60m", value_parser = crate::args::period)]
    rebalance_every: Duration,
    /// Where what units print is kept: a file UNIT.log each, and its predecessor UNIT.log.1 [default: convoke/NAME in
    /// $XDG_STATE_HOME, or in ~/.local/state, or in /var/log where there is no home]
    #[arg(long, value_name = "DIR")]
    logs: Option<PathBuf>,
    /// The most that each of the two files of a unit holds, such as 64KiB, 1MiB, 2GiB
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = crate::args::size)]
    log_size: u64,
}

struct Agent {
    store: Arc<dyn Store>,
    name: WorkerName,
    timing: Timing,
    processes: Arc<Processes>,
    signals: Signals,
    voice: Voice,
    /// Cancelled by the first signal.
    shutdown: CancellationToken,
}

/// Takes part until a signal or a message says to end, or until another process takes the name.
pub(crate) async fn run(opener: &Opener, args: AgentArgs, output: Output) -> Result<ExitCode> {
    let timing = Timing::new(&args)?;
    let voice = Voice {
        name: args.name.to_string(),
        json: output.json(),
    };
    let (store, backend) = open(opener, &voice).await?;
    if backend == "memory" {
        let why = "a memory: store is this process's own, so no other agent would see it; use sqlite, mysql or redis";
        return Err(error::invalid(why).into());
    }
    let var = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let directory = args.logs.unwrap_or_else(|| Logs::default_directory(&args.name, var));
    let processes = Processes {
        logs: Logs::new(directory, args.log_size),
        worker: args.name.clone(),
        household: Household::found()?,
        schedule: timing.guard,
        // A process that is stopped within a transaction locks all others out of a SQLite file.
        wake_agent: backend == "sqlite",
        restart_after: timing.worker.restart_after,
        voice: voice.clone(),
        kill: CancellationToken::new(),
        kept: Default::default(),
    };
    let agent = Agent {
        store,
        name: args.name,
        timing,
        processes: Arc::new(processes),
        signals: Signals::listen()?,
        voice,
        shutdown: CancellationToken::new(),
    };
    agent.take_part().await?;
    Ok(ExitCode::SUCCESS)
}

/// Opens the store, and waits for one that does not answer yet: after a power cut, hosts come back in any order. Answers
/// of which kind it is, too.
async fn open(opener: &Opener, voice: &Voice) -> Result<(Arc<dyn Store>, String)> {
    let mut backoff = Backoff::new(TRY_AGAIN.0, TRY_AGAIN.1);
    let mut troubled = false;
    loop {
        let opened = async {
            let store = opener.open().await?;
            let backend = store.properties().await?.backend;
            Ok::<_, Error>((store, backend))
        };
        match opened.await {
            Ok(opened) => {
                if troubled {
                    voice.say(&Event::StoreBack);
                }
                return Ok(opened);
            }
            Err(error) if error.is_retryable() || error.is_outcome_unknown() => {
                if !troubled {
                    troubled = true;
                    let error = error.to_string();
                    voice.say(&Event::StoreLost { error });
                }
                tokio::time::sleep(backoff.pause_after(Duration::ZERO)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

impl Agent {
    async fn take_part(&self) -> Result<()> {
        let ended = tokio::select! {
            ended = self.stay() => ended,
            () = self.heed_signals() => Ok(()),
        };
        self.processes.all_gone().await;
        self.voice.say(&Event::Stopped);
        ended
    }

    /// Takes part anew as long as what ended it passes.
    async fn stay(&self) -> Result<()> {
        let mut backoff = Backoff::new(TRY_AGAIN.0, TRY_AGAIN.1);
        while !self.shutdown.is_cancelled() {
            let member = Member::new(
                Arc::clone(&self.store),
                self.name.clone(),
                Arc::clone(&self.processes) as Arc<_>,
                self.timing.worker.clone(),
                self.timing.leader.clone(),
            );
            let ended = tokio::select! {
                ended = member.run(self.shutdown.clone()) => ended,
                () = self.tell(&member) => Ok(()),
            };
            self.processes.all_gone().await;
            match ended {
                Ok(()) => return Ok(()),
                Err(error) if error.is_fenced() => {
                    return Err(error).context(
                        "another process registered this name; give each `convoke agent` its own with --name",
                    );
                }
                Err(error) if passes(&error) => self.voice.say(&Event::StoreLost {
                    error: error.to_string(),
                }),
                Err(error) => return Err(error.into()),
            }
            tokio::select! {
                () = tokio::time::sleep(backoff.pause()) => {}
                () = self.shutdown.cancelled() => {}
            }
        }
        Ok(())
    }

    /// Says what happens to a member. Never returns.
    async fn tell(&self, member: &Member) {
        let registered = async {
            let mut registration = member.worker().registration();
            while registration.changed().await.is_ok() {
                if let Some(registration) = &*registration.borrow_and_update() {
                    let incarnation = registration.incarnation.number();
                    self.voice.say(&Event::Registered { incarnation });
                }
            }
        };
        let led = async {
            let mut leads = member.leader().leads();
            let mut before = None;
            while leads.changed().await.is_ok() {
                let term = *leads.borrow_and_update();
                match (before, term) {
                    (Some(term), None) => self.voice.say(&Event::LeadOver { term }),
                    (_, Some(term)) => self.voice.say(&Event::Elected { term }),
                    (None, None) => {}
                }
                before = term;
            }
        };
        let reached = async {
            let mut trouble = member.worker().trouble();
            let mut troubled = false;
            while trouble.changed().await.is_ok() {
                match &*trouble.borrow_and_update() {
                    Some(error) if !troubled => self.voice.say(&Event::StoreLost { error: error.clone() }),
                    None => self.voice.say(&Event::StoreBack),
                    Some(_) => {}
                }
                troubled = trouble.borrow().is_some();
            }
        };
        tokio::join!(registered, led, reached);
        std::future::pending::<()>().await;
    }

    /// Stops at the first signal, kills at the second. Returns when there is nothing more to wait for.
    async fn heed_signals(&self) {
        let mut signals = self.signals.clone();
        loop {
            let count = signals.next().await;
            self.voice.say(&Event::Stopping { signals: count });
            self.shutdown.cancel();
            if count > 1 {
                break;
            }
        }
        self.processes.kill.cancel();
        self.processes.all_gone().await;
        // The store is told if it answers soon; if not, it finds this agent dead in a while.
        tokio::time::sleep(FAREWELL_WITHIN).await;
    }
}

/// Whether trying again later may help: the store can't be reached, or somebody deleted the worker.
fn passes(error: &Error) -> bool {
    error.is_retryable() || error.is_outcome_unknown() || error.kind() == ErrorKind::NotFound
}
