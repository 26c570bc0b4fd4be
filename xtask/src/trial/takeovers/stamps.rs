//! The time stamps that a unit writes (`convoke tick`): which process wrote from when until when, on which agent.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use convoke::runtime::Boottime;

/// A process of the unit, from its first to its last time stamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) agent: String,
    process: u32,
    pub(super) first: Boottime,
    pub(super) last: Boottime,
}

/// What one unit has written so far.
#[derive(Debug)]
pub(super) struct Stamps {
    path: PathBuf,
    file: Option<File>,
    unread: String,
    runs: Vec<Run>,
}

impl Stamps {
    pub(super) const fn of(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            unread: String::new(),
            runs: Vec::new(),
        }
    }

    /// The process that began last.
    pub(super) fn last(&self) -> Option<&Run> {
        self.runs.last()
    }

    /// Reads what was written since.
    pub(super) fn read(&mut self) -> Result<()> {
        if self.file.is_none() {
            match File::open(&self.path) {
                Ok(file) => self.file = Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error).context("reading time stamps"),
            }
        }
        if let Some(file) = &mut self.file {
            file.read_to_string(&mut self.unread)?;
        }
        // The last line may be half written.
        let end = self.unread.rfind('\n').map_or(0, |end| end + 1);
        let whole: String = self.unread.drain(..end).collect();
        whole.lines().try_for_each(|line| self.take(line))
    }

    fn take(&mut self, line: &str) -> Result<()> {
        let [_, agent, process, at] = line.split(' ').collect::<Vec<_>>()[..] else {
            bail!("not a time stamp: {line:?}")
        };
        let (process, at) = (process.parse()?, at.parse()?);
        match self
            .runs
            .iter_mut()
            .find(|run| run.process == process && run.agent == agent)
        {
            Some(run) => run.last = run.last.max(at),
            None => self.runs.push(Run {
                agent: agent.to_owned(),
                process,
                first: at,
                last: at,
            }),
        }
        Ok(())
    }

    /// Each process began after the last time stamp of the one before it.
    pub(super) fn ensure_never_twice(&self) -> Result<()> {
        for pair in self.runs.windows(2) {
            ensure!(
                pair[0].last < pair[1].first,
                "{} ran twice at a time: {pair:?}",
                self.path.display()
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamps(lines: &str) -> Stamps {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0");
        std::fs::write(&path, lines).unwrap();
        let mut stamps = Stamps::of(path);
        stamps.read().unwrap();
        stamps
    }

    #[test]
    fn one_process_after_the_other_passes_and_half_a_line_waits() {
        let stamps = stamps("u a 1 10\nu a 1 20\nu b 2 21\nu b 2 3");
        assert!(stamps.ensure_never_twice().is_ok());
        let last = stamps.last().unwrap();
        assert_eq!(
            (last.agent.as_str(), last.first.as_nanos(), last.last.as_nanos()),
            ("b", 21, 21)
        );
    }

    #[test]
    fn two_processes_at_a_time_are_found() {
        assert!(stamps("u a 1 10\nu b 2 15\nu a 1 16\n").ensure_never_twice().is_err());
    }
}
