//! A worker's process.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde::Deserialize;

use super::super::crew::Notes;
use super::monotonic;

/// What kind of worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ours,
    Node,
}

/// A worker's process; dropping it ends it.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// When it took itself for the leader, in the form of `worker.js`.
    pub(super) notes: PathBuf,
    /// When it was found to have ended.
    pub(super) ended: Option<u64>,
    child: Child,
}

/// What a worker says, and where it is kept.
pub(super) struct Said<'a> {
    pub(super) log: &'a Path,
    pub(super) notes: PathBuf,
}

impl Process {
    /// Starts it. The Node client writes its notes itself; for an agent they are made of what it says.
    pub(super) fn start(mut command: Command, name: &str, kind: Kind, said: Said<'_>) -> Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(said.log)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?);
        match kind {
            Kind::Ours => command.stderr(Stdio::piped()),
            Kind::Node => command.stderr(log.try_clone()?),
        };
        // A group of its own, so that what it started ends with it.
        let mut child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        if let Some(stderr) = child.stderr.take() {
            let mut notes = Notes::open(&said.notes)?;
            let mut log = log;
            std::thread::spawn(move || listen(stderr, &mut notes, &mut log));
        }
        Ok(Self {
            name: name.to_owned(),
            kind,
            notes: said.notes,
            ended: None,
            child,
        })
    }

    pub(super) fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(self.pid()?, signal).with_context(|| format!("{}: {signal:?}", self.name))
    }

    /// Notices that it has ended.
    pub(super) fn reap(&mut self) -> Result<()> {
        if self.ended.is_none() && self.child.try_wait()?.is_some() {
            self.ended = Some(monotonic());
        }
        Ok(())
    }

    fn pid(&self) -> Result<Pid> {
        let number = i32::try_from(self.child.id())?;
        Pid::from_raw(number).context("a process without a number")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The number of one that was found to have ended may be another's by now.
        if self.ended.is_none()
            && let Ok(pid) = self.pid()
        {
            let _ = kill_process_group(pid, Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

#[derive(Deserialize)]
struct Event {
    event: String,
}

/// Notes when an agent says that it leads, and keeps all that it says.
fn listen(stderr: impl Read, notes: &mut Notes, log: &mut impl Write) {
    for line in BufReader::new(stderr).lines() {
        let Ok(line) = line else { return };
        let now = monotonic();
        let event = serde_json::from_str::<Event>(&line).map(|event| event.event);
        let word = match event.as_deref() {
            Ok("elected") => Some("leads"),
            Ok("lead_over" | "stopped") => Some("follows"),
            _ => None,
        };
        // The trial is over when these can't be written any more.
        let noted = word.map_or(Ok(()), |word| notes.write(&format!("{now} {word}")));
        if noted.is_err() || writeln!(log, "{line}").is_err() {
            return;
        }
    }
}
