//! `convoke demo`: a fail-over to be seen.
//!
//! Three real `convoke lead` processes contend on one SQLite file; the leading one is killed with SIGKILL, twice; the
//! last one is told to stop. What ran when is told by the time stamps that the led commands write themselves.

mod stamps;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use convoke::{Ttl, error};
use rustix::process::{Pid, Signal, getpid, kill_process};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

pub(crate) use stamps::{TickArgs, tick};

use crate::guard::{Boottime, BoundArgs, Household};
use crate::output::{self, Output, table};
use stamps::{Run, Stamps};

const NAMES: [&str; 3] = ["amber", "birch", "cedar"];
/// The longest ttl with which the demo ends within 30 s.
const LONGEST: Duration = Duration::from_secs(4);
/// Whatever happens, it ends after this long.
const ENDS_WITHIN: Duration = Duration::from_secs(28);
/// What the program says in the summary of a run that was not killed.
const STOPPED: &str = "SIGTERM";

/// What `convoke demo` is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// How long each lease is, 100ms to 4s
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = crate::args::ttl)]
    ttl: Ttl,
}

/// What there was to be seen.
#[derive(Debug, Serialize)]
struct Summary {
    ttl_ms: u128,
    terms: Vec<TermSummary>,
    time_stamps: u64,
    /// Commands that ran at one moment: has to be none.
    overlaps: usize,
    slowest_take_over_ms: Option<u128>,
}

#[derive(Debug, Serialize)]
struct TermSummary {
    term: u64,
    leader: String,
    ran_ms: u128,
    ended_by: &'static str,
    /// From the signal to the first time stamp of the next command.
    next_after_ms: Option<u128>,
}

/// Runs the demo. Leaves no process and no file behind, also when it fails or is interrupted.
pub(crate) async fn run(args: DemoArgs, output: Output) -> Result<ExitCode> {
    if args.ttl.as_duration() > LONGEST {
        return Err(error::invalid("--ttl has to be 100ms to 4s, so that the demo ends within 30 s").into());
    }
    let mut interrupts = [
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
        signal(SignalKind::hangup())?,
    ];
    let household = Household::found()?;
    let directory = tempfile::Builder::new()
        .prefix("convoke-demo-")
        .tempdir()
        .context("cannot make a directory")?;
    let [interrupt, terminate, hang_up] = &mut interrupts;
    let result = tokio::select! {
        result = tokio::time::timeout(ENDS_WITHIN, Stage::new(args.ttl, directory.path(), output).play()) =>
            result.unwrap_or_else(|_| bail!("the demo did not end in time; is this host very busy?")),
        _ = interrupt.recv() => Err(Interrupted(2).into()),
        _ = terminate.recv() => Err(Interrupted(15).into()),
        _ = hang_up.recv() => Err(Interrupted(1).into()),
    };
    household.clear_away().await?;
    directory.close().context("cannot remove the directory of the demo")?;
    match result {
        Ok(summary) => {
            output.answer(&summary, shown)?;
            Ok(if summary.overlaps == 0 {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        Err(error) => match error.downcast_ref() {
            Some(Interrupted(signal)) => Ok(ExitCode::from(128 + signal)),
            None => Err(error),
        },
    }
}

#[derive(Debug)]
struct Interrupted(u8);

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "interrupted by signal {}", self.0)
    }
}

impl std::error::Error for Interrupted {}

/// Says a line of what is going on, with the time.
#[derive(Clone, Copy)]
struct Teller {
    began: Boottime,
    silent: bool,
}

impl Teller {
    fn tell(self, text: &str) {
        if !self.silent {
            // Told for show: a reader who went away does not change what is shown at the end.
            let _ = output::line(&format!(
                "{:7.3} s  {text}",
                Boottime::now().since(self.began).as_secs_f64()
            ));
        }
    }
}

struct Stage {
    ttl: Ttl,
    url: String,
    stamps_path: PathBuf,
    stamps: Stamps,
    teller: Teller,
}

impl Stage {
    fn new(ttl: Ttl, directory: &Path, output: Output) -> Self {
        Self {
            ttl,
            url: format!("sqlite://{}", directory.join("demo.db").display()),
            stamps_path: directory.join("stamps"),
            stamps: Stamps::default(),
            teller: Teller {
                began: Boottime::now(),
                silent: output.json(),
            },
        }
    }

    async fn play(mut self) -> Result<Summary> {
        // Opened once before all: three contenders setting the schema up at once is not what is to be seen here.
        drop(convoke::open(&self.url).await?);
        self.teller
            .tell(&format!("three contenders, leases of {:?}", self.ttl.as_duration()));
        let mut contenders = Vec::new();
        for name in NAMES {
            contenders.push((name, self.contend(name)?));
        }
        let mut ended: Vec<(u64, &'static str, Boottime)> = Vec::new();
        while !contenders.is_empty() {
            let run = self.next_run(ended.last().map_or(0, |(term, ..)| *term)).await?;
            if let Some((.., at)) = ended.last() {
                let took = run.first.since(*at);
                self.teller
                    .tell(&format!("{} took over after {took:.3?}; its command runs", run.leader));
            }
            // Long enough for a renewal or more.
            tokio::time::sleep(self.ttl.as_duration() * 3 / 2).await;
            let last = contenders.len() == 1;
            let Some(index) = contenders.iter().position(|(name, _)| *name == run.leader) else {
                bail!("the command of {} runs, which was killed before", run.leader);
            };
            let (name, mut process) = contenders.remove(index);
            let (signal, word) = if last {
                (Signal::TERM, STOPPED)
            } else {
                (Signal::KILL, "SIGKILL")
            };
            self.teller
                .tell(&format!("{word} to {name}, which leads in term {}", run.term));
            ended.push((run.term, word, Boottime::now()));
            kill_process(pid(&process)?, signal).with_context(|| format!("cannot send {word}"))?;
            process.wait().await?;
        }
        self.stamps.read(&self.stamps_path)?;
        Ok(self.summary(&ended))
    }

    /// Waits for the command of a later term to run.
    async fn next_run(&mut self, behind: u64) -> Result<Run> {
        loop {
            self.stamps.read(&self.stamps_path)?;
            if let Some(run) = self.stamps.runs.iter().find(|run| run.term > behind) {
                return Ok(run.clone());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Starts a `convoke lead` that dies with this process.
    fn contend(&self, name: &'static str) -> Result<Child> {
        let program = OsString::from("/proc/self/exe");
        let ttl = format!("{}us", self.ttl.as_micros());
        let mut command = vec![program.clone()];
        command.extend(["lead", "--store", &self.url, "--as", name, "--ttl", &ttl].map(OsString::from));
        command.extend([
            "--".into(),
            program.clone(),
            "tick".into(),
            self.stamps_path.clone().into(),
        ]);
        let mut child = Command::new(&program)
            .arg0("convoke")
            .args(BoundArgs::words(getpid().as_raw_nonzero().get(), None, &command))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let said = child.stderr.take().context("no standard error")?;
        let teller = self.teller;
        tokio::spawn(async move {
            let mut lines = BufReader::new(said).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                teller.tell(line.strip_prefix("convoke: ").unwrap_or(&line));
            }
        });
        Ok(child)
    }

    fn summary(&self, ended: &[(u64, &'static str, Boottime)]) -> Summary {
        let runs = &self.stamps.runs;
        let terms: Vec<TermSummary> = runs
            .iter()
            .enumerate()
            .map(|(index, run)| {
                let end = ended.iter().find(|(term, ..)| *term == run.term);
                let next = runs.get(index + 1);
                TermSummary {
                    term: run.term,
                    leader: run.leader.clone(),
                    ran_ms: run.last.since(run.first).as_millis(),
                    ended_by: end.map_or("itself", |(_, word, _)| word),
                    next_after_ms: end.zip(next).map(|((.., at), next)| next.first.since(*at).as_millis()),
                }
            })
            .collect();
        Summary {
            ttl_ms: self.ttl.as_duration().as_millis(),
            time_stamps: runs.iter().map(|run| run.stamps).sum(),
            overlaps: self.stamps.overlaps(),
            slowest_take_over_ms: terms.iter().filter_map(|term| term.next_after_ms).max(),
            terms,
        }
    }
}

fn pid(process: &Child) -> Result<Pid> {
    let id = process
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw);
    id.context("a contender ended by itself")
}

fn shown(summary: &Summary) -> String {
    let rows = summary.terms.iter().map(|it| {
        let next = it.next_after_ms.map_or_else(String::new, |after| format!("{after} ms"));
        [
            it.term.to_string(),
            it.leader.clone(),
            format!("{} ms", it.ran_ms),
            it.ended_by.to_owned(),
            next,
        ]
    });
    let table = table(
        ["term", "leader", "command ran", "ended by", "next command ran after"],
        rows,
    );
    let verdict = match (summary.overlaps, summary.slowest_take_over_ms) {
        (0, Some(slowest)) => format!(
            "Never two commands at once, by {} time stamps of theirs. After SIGKILL of the leader the next command ran within {slowest} ms, the lease being {} ms.",
            summary.time_stamps, summary.ttl_ms
        ),
        (overlaps, _) => format!("{overlaps} commands ran at once: this is a fault, please report it."),
    };
    format!("\n{table}\n\n{verdict}")
}
