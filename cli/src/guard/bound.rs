//! `convoke exec-bound`: becomes a command that dies with its parent.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use super::Boottime;

/// What `convoke exec-bound` is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BoundArgs {
    /// The process to die with; it has to be the parent
    #[arg(long)]
    parent: i32,
    /// Do not start at or after this moment (nanoseconds of CLOCK_BOOTTIME)
    #[arg(long)]
    not_after: Option<Boottime>,
    /// The command and its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

impl BoundArgs {
    /// The words of a command line that [`exec`] as a child of this process.
    pub(crate) fn words(parent: i32, not_after: Option<Boottime>, command: &[OsString]) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec!["exec-bound".into(), "--parent".into(), parent.to_string().into()];
        if let Some(moment) = not_after {
            words.extend(["--not-after".into(), moment.to_string().into()]);
        }
        words.push("--".into());
        words.extend_from_slice(command);
        words
    }
}

/// Asks the kernel to be killed when the parent ends, makes sure that it has not ended before, and becomes the command.
///
/// The request outlives `exec`, except into a set-user-ID program or one with capabilities of its own; children of the
/// command do not inherit it.
pub(crate) fn exec(args: &BoundArgs) -> anyhow::Result<ExitCode> {
    set_parent_process_death_signal(Some(Signal::KILL)).context("cannot bind the command to its guard")?;
    if getppid().map(|parent| parent.as_raw_nonzero().get()) != Some(args.parent) {
        bail!("the guard is gone; the command was not started");
    }
    while args.not_after.is_some_and(|moment| moment <= Boottime::now()) {
        // Too late to become the command. The guard kills this process any moment; ending by itself would look as if
        // the command had ended.
        std::thread::sleep(Duration::from_secs(1));
    }
    let Some((program, arguments)) = args.command.split_first() else {
        bail!("there is no command to start");
    };
    let error = Command::new(program).args(arguments).exec();
    eprintln!("convoke: cannot start {}: {error}", program.display());
    // As shells do: 127 when there is no such program, 126 when it can't be executed.
    Ok(ExitCode::from(if error.kind() == ErrorKind::NotFound {
        127
    } else {
        126
    }))
}
