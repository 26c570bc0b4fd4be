//! The time stamps that the demo's units write, and what they tell.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::guard::Boottime;

/// A unit whose last time stamp is older does not run, as far as is known.
const OF_LATE: Duration = Duration::from_millis(300);

/// What `convoke tick` is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TickArgs {
    /// The file to append to
    file: PathBuf,
    /// From one time stamp to the next
    #[arg(long, value_name = "TIME", default_value = "5ms", value_parser = crate::args::duration)]
    every: Duration,
}

/// Appends a line `TERM NAME NANOSECONDS` again and again, in one write each, until it is stopped. As a unit of an agent:
/// `TOPOLOGY NAME PROCESS NANOSECONDS`.
pub(crate) fn tick(args: &TickArgs) -> Result<std::process::ExitCode> {
    let var =
        |key| std::env::var(key).with_context(|| format!("{key} is not set; run it by `convoke lead` or `agent`"));
    let name = var("CONVOKE_NAME")?;
    let who = match std::env::var("CONVOKE_TOPOLOGY") {
        Ok(topology) => format!("{topology} {name} {}", std::process::id()),
        Err(_) => format!("{} {name}", var("CONVOKE_TERM")?),
    };
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&args.file)
        .context("cannot open the file")?;
    loop {
        file.write_all(format!("{who} {}\n", Boottime::now()).as_bytes())?;
        std::thread::sleep(args.every);
    }
}

/// One run of a unit: from the first to the last time stamp of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) unit: String,
    pub(super) agent: String,
    pub(super) process: u32,
    pub(super) first: Boottime,
    pub(super) last: Boottime,
    pub(super) stamps: u64,
}

/// The runs so far, in the order of their first time stamps.
#[derive(Debug, Default)]
pub(super) struct Stamps {
    file: Option<File>,
    unread: String,
    pub(super) runs: Vec<Run>,
}

impl Stamps {
    /// Reads what was written since the last call.
    pub(super) fn read(&mut self, path: &Path) -> Result<()> {
        if self.file.is_none() {
            match File::open(path) {
                Ok(file) => self.file = Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error).context("cannot read the time stamps"),
            }
        }
        if let Some(file) = &mut self.file {
            file.read_to_string(&mut self.unread)?;
        }
        while let Some(end) = self.unread.find('\n') {
            let line: String = self.unread.drain(..=end).collect();
            self.take(line.trim_end())
                .with_context(|| format!("not a time stamp: {line:?}"))?;
        }
        Ok(())
    }

    fn take(&mut self, line: &str) -> Result<()> {
        let [unit, agent, process, at] = line.split(' ').collect::<Vec<_>>()[..] else {
            anyhow::bail!("not four words");
        };
        let (process, at) = (process.parse()?, at.parse()?);
        let same = |run: &&mut Run| run.process == process && run.unit == unit && run.agent == agent;
        match self.runs.iter_mut().rev().find(same) {
            Some(run) => {
                run.last = run.last.max(at);
                run.stamps += 1;
            }
            None => self.runs.push(Run {
                unit: unit.to_owned(),
                agent: agent.to_owned(),
                process,
                first: at,
                last: at,
                stamps: 1,
            }),
        }
        Ok(())
    }

    /// The run of a unit that began last.
    pub(super) fn latest<'a>(&'a self, unit: &'a str) -> Option<&'a Run> {
        self.of(unit).max_by_key(|run| run.first)
    }

    /// The agent on which a unit runs, as far as is known now.
    pub(super) fn place_of(&self, unit: &str, now: Boottime) -> Option<String> {
        let run = self.latest(unit)?;
        (now < run.last.plus(OF_LATE)).then(|| run.agent.clone())
    }

    /// From the last time stamp of the run before the latest one to its first.
    pub(super) fn last_pause(&self, unit: &str) -> Option<Duration> {
        let latest = self.latest(unit)?;
        let before = self
            .of(unit)
            .filter(|run| run.first < latest.first)
            .map(|run| run.last)
            .max()?;
        Some(latest.first.since(before))
    }

    /// How many pairs of runs of one unit were going on at one moment. It has to be none.
    pub(super) fn overlaps(&self) -> usize {
        let at_once = |a: &Run, b: &Run| a.unit == b.unit && a.first <= b.last && b.first <= a.last;
        let pairs = self.runs.iter().enumerate();
        pairs
            .map(|(index, run)| {
                self.runs[index + 1..]
                    .iter()
                    .filter(|other| at_once(run, other))
                    .count()
            })
            .sum()
    }

    fn of<'a>(&'a self, unit: &'a str) -> impl Iterator<Item = &'a Run> {
        self.runs.iter().filter(move |run| run.unit == unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamps(lines: &[&str]) -> Stamps {
        let mut stamps = Stamps::default();
        lines.iter().for_each(|line| stamps.take(line).unwrap());
        stamps
    }

    #[test]
    fn runs_one_after_another_do_not_overlap() {
        let stamps = stamps(&["u a 1 10", "u a 1 20", "u b 2 30", "u b 2 35"]);
        assert_eq!(stamps.overlaps(), 0);
        assert_eq!(stamps.last_pause("u"), Some(Duration::from_nanos(10)));
        assert_eq!(
            stamps.latest("u").map(|run| (run.agent.as_str(), run.stamps)),
            Some(("b", 2))
        );
    }

    #[test]
    fn a_run_that_begins_within_another_of_its_unit_overlaps_it() {
        assert_eq!(stamps(&["u a 1 10", "u b 2 15", "u a 1 20"]).overlaps(), 1);
        assert_eq!(stamps(&["u a 1 10", "u a 1 15", "u b 2 15"]).overlaps(), 1);
        assert_eq!(stamps(&["u a 1 10", "v b 2 15", "u a 1 20"]).overlaps(), 0);
    }

    #[test]
    fn a_unit_runs_where_it_stamped_of_late() {
        let stamps = stamps(&["u a 1 10"]);
        assert_eq!(stamps.place_of("u", stamps.runs[0].last).as_deref(), Some("a"));
        assert_eq!(stamps.place_of("u", stamps.runs[0].last.plus(OF_LATE)), None);
    }
}
