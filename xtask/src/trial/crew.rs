//! The processes of a trial, and what they write down.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::Part;

/// Processes that wait for one signal and then go all at once.
#[derive(Debug)]
pub(crate) struct Crew {
    notes: tempfile::TempDir,
    started: usize,
    members: Vec<Child>,
}

impl Crew {
    pub(crate) fn new() -> Result<Self> {
        let notes = tempfile::tempdir()?;
        Ok(Self {
            notes,
            started: 0,
            members: Vec::new(),
        })
    }

    /// Starts one more process, which waits for [`Crew::go`]. Answers its place.
    pub(crate) fn add(&mut self, part: Part, url: &str, rounds: usize, registration: Option<&str>) -> Result<usize> {
        let child = self.start(part, url, rounds, registration)?;
        self.members.push(child);
        Ok(self.members.len() - 1)
    }

    /// Kills the process at this place with SIGKILL, and starts another there that goes at once.
    pub(crate) fn replace(&mut self, place: usize, part: Part, url: &str, registration: &str) -> Result<()> {
        let mut next = self.start(part, url, 0, Some(registration))?;
        let member = self.members.get_mut(place).context("no such process")?;
        member.kill()?;
        member.wait()?;
        drop(next.stdin.take());
        *member = next;
        Ok(())
    }

    /// The processes, by their numbers.
    pub(crate) fn pids(&self) -> impl Iterator<Item = u32> + '_ {
        self.members.iter().map(Child::id)
    }

    /// Lets all go that still wait.
    pub(crate) fn go(&mut self) {
        for member in &mut self.members {
            drop(member.stdin.take());
        }
    }

    /// Waits for all to end, which has to be well.
    pub(crate) fn end(&mut self) -> Result<()> {
        self.go();
        for mut member in self.members.drain(..) {
            ensure!(member.wait()?.success(), "a process of the trial failed");
        }
        Ok(())
    }

    /// What each process wrote down, in the order in which they were started.
    pub(crate) fn notes(&self) -> Result<Vec<Vec<String>>> {
        (0..self.started)
            .map(|number| {
                let text = std::fs::read_to_string(self.file(number)).unwrap_or_default();
                // A process that was killed may have left half a line.
                let whole = text.rfind('\n').map_or("", |end| &text[..end]);
                Ok(whole.lines().map(str::to_owned).collect())
            })
            .collect()
    }

    fn start(&mut self, part: Part, url: &str, rounds: usize, registration: Option<&str>) -> Result<Child> {
        let part = match part {
            Part::Elect => "elect",
            Part::Open => "open",
            Part::Receive => "receive",
            Part::Ping => "ping",
        };
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["trial", "member", part, url])
            .arg(self.file(self.started));
        command.arg(rounds.to_string());
        if let Some(registration) = registration {
            command.args(["--registration", registration]);
        }
        self.started += 1;
        command
            .stdin(Stdio::piped())
            .spawn()
            .context("starting a process of the trial")
    }

    fn file(&self, number: usize) -> PathBuf {
        self.notes.path().join(number.to_string())
    }
}

impl Drop for Crew {
    /// Whoever is left when a trial failed ends with it.
    fn drop(&mut self) {
        for member in &mut self.members {
            let _ = member.kill();
            let _ = member.wait();
        }
    }
}

/// Where a process writes down what it saw, a line at a time, each in one write.
#[derive(Debug)]
pub(crate) struct Notes(File);

impl Notes {
    pub(crate) fn open(file: &Path) -> Result<Self> {
        Ok(Self(OpenOptions::new().create(true).append(true).open(file)?))
    }

    pub(crate) fn write(&mut self, line: &str) -> Result<()> {
        Ok(self.0.write_all(format!("{line}\n").as_bytes())?)
    }
}

/// Waits until the trial lets its processes go.
pub(crate) fn wait_to_go() -> Result<()> {
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
