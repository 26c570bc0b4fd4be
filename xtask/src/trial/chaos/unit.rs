//! The program that the agents run: it writes stamps, and behaves badly where it is told to.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use convoke::runtime::Boottime;
use rustix::process::setsid;
use tokio::signal::unix::{SignalKind, signal};

use super::stamps::{RunId, Stamp, What};

/// The exit code of a unit that crashes as it was told to.
const CRASHED: i32 = 3;

/// What a unit is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct UnitArguments {
    /// The directory of the stamps: each unit has a file there.
    directory: PathBuf,
    /// From one stamp to the next, in milliseconds.
    #[arg(long, default_value_t = 10)]
    every: u64,
    /// It has a child in a session of its own, which stamps too.
    #[arg(long)]
    forks: bool,
    /// It ignores TERM.
    #[arg(long)]
    deaf: bool,
    /// It fails after a while.
    #[arg(long)]
    crashes: bool,
    /// It is the child of this process, which began at this moment.
    #[arg(long, num_args = 2, value_names = ["PROCESS", "BEGAN"])]
    child_of: Option<Vec<String>>,
}

impl UnitArguments {
    /// The words of the command line of the unit of this number: of five, one is plain, and four behave badly.
    pub(crate) fn words(number: usize, program: &Path, directory: &Path) -> Vec<String> {
        let manners: &[&str] = match number % 5 {
            1 => &["--forks"],
            2 => &["--deaf"],
            3 => &["--crashes"],
            4 => &["--forks", "--deaf"],
            _ => &[],
        };
        let program = program.display().to_string();
        let directory = directory.display().to_string();
        let words = [program.as_str(), "trial", "unit", &directory];
        words.iter().chain(manners).map(|word| (*word).to_owned()).collect()
    }
}

/// Stamps until it is stopped, or crashes.
pub(crate) fn run(arguments: &UnitArguments) -> Result<()> {
    let began = Boottime::now();
    let mut pen = Pen::of(arguments, began)?;
    pen.write(What::Runs)?;
    let _deaf = if arguments.deaf { Some(ignore_term()?) } else { None };
    if arguments.child_of.is_some() {
        // Away from the group that its guard sends signals to.
        setsid().context("cannot begin a session")?;
    }
    // It is not waited for: whoever ends the unit has to end it, too.
    let _child = if arguments.forks {
        Some(fork(arguments, pen.run)?)
    } else {
        None
    };
    let crash_at = arguments.crashes.then(|| began.plus(after_a_while()));
    loop {
        std::thread::sleep(Duration::from_millis(arguments.every));
        if crash_at.is_some_and(|moment| moment <= Boottime::now()) {
            pen.write(What::Crashes)?;
            eprintln!("it crashes now and then, as it was told to");
            std::process::exit(CRASHED);
        }
        pen.write(What::Runs)?;
    }
}

fn after_a_while() -> Duration {
    Duration::from_millis(fastrand::u64(20_000..120_000))
}

/// Until what it answers is dropped.
fn ignore_term() -> Result<impl Sized> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let heard = {
        let _entered = runtime.enter();
        signal(SignalKind::terminate())?
    };
    Ok((heard, runtime))
}

fn fork(arguments: &UnitArguments, run: RunId) -> Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["trial", "unit"]).arg(&arguments.directory);
    command.args(["--every", &arguments.every.to_string()]);
    command.args(["--child-of", &run.process.to_string(), &run.began.to_string()]);
    if arguments.deaf {
        command.arg("--deaf");
    }
    command.stdin(Stdio::null()).spawn().context("cannot fork")
}

/// Writes stamps, each in one write.
struct Pen {
    file: File,
    run: RunId,
    agent: String,
}

impl Pen {
    fn of(arguments: &UnitArguments, began: Boottime) -> Result<Self> {
        let var = |name| std::env::var(name).with_context(|| format!("{name} is not set; `convoke agent` sets it"));
        let path = arguments.directory.join(var("CONVOKE_TOPOLOGY")?);
        let run = match arguments.child_of.as_deref() {
            Some([process, began]) => RunId {
                process: process.parse()?,
                began: began.parse()?,
            },
            _ => RunId {
                process: std::process::id(),
                began,
            },
        };
        Ok(Self {
            file: OpenOptions::new()
                .create(true)
                .append(true)
                .open(&path)
                .with_context(|| format!("cannot open {}", path.display()))?,
            run,
            agent: var("CONVOKE_NAME")?,
        })
    }

    fn write(&mut self, what: What) -> Result<()> {
        let stamp = Stamp {
            at: Boottime::now(),
            run: self.run,
            process: std::process::id(),
            what,
            agent: self.agent.clone(),
        };
        self.file
            .write_all(stamp.to_string().as_bytes())
            .context("cannot stamp")
    }
}
