//! The time stamps that the demo's commands write, and what they tell.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::guard::Boottime;

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
    let var = |key| std::env::var(key).with_context(|| format!("{key} is not set; run it by `convoke lead` or `agent`"));
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

/// One run of the command: from its first to its last time stamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) term: u64,
    pub(super) leader: String,
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
        let (term, rest) = line.split_once(' ').context("no term")?;
        let (leader, at) = rest.rsplit_once(' ').context("no time")?;
        let (term, at) = (term.parse()?, at.parse()?);
        match self.runs.iter_mut().find(|run| run.term == term) {
            Some(run) => {
                run.last = run.last.max(at);
                run.stamps += 1;
            }
            None => self.runs.push(Run {
                term,
                leader: leader.to_owned(),
                first: at,
                last: at,
                stamps: 1,
            }),
        }
        Ok(())
    }

    /// How many pairs of runs were going on at one moment. It has to be none.
    pub(super) fn overlaps(&self) -> usize {
        let at_once = |a: &Run, b: &Run| a.first <= b.last && b.first <= a.last;
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
        let stamps = stamps(&["1 a 10", "1 a 20", "2 b c 30", "2 b c 35"]);
        assert_eq!(stamps.overlaps(), 0);
        assert_eq!((stamps.runs[1].leader.as_str(), stamps.runs[1].stamps), ("b c", 2));
    }

    #[test]
    fn a_run_that_begins_within_another_overlaps_it() {
        assert_eq!(stamps(&["1 a 10", "2 b 15", "1 a 20"]).overlaps(), 1);
        assert_eq!(stamps(&["1 a 10", "1 a 15", "2 b 15"]).overlaps(), 1);
    }
}
