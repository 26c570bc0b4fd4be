//! The stamps that units write, and the runs that they tell of.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Error, Result, bail};
use convoke::runtime::Boottime;

use super::judge::{Run, Unit};

/// What a process of a unit writes down: that it was there at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) at: Boottime,
    pub(crate) run: RunId,
    /// The process that writes it.
    pub(crate) process: u32,
    pub(crate) what: What,
    pub(crate) agent: String,
}

/// Which run of a unit: its first process, and when that began, because numbers of processes come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunId {
    pub(crate) began: Boottime,
    pub(crate) process: u32,
}

/// Why it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Runs,
    /// The unit is about to crash, as it was told to.
    Crashes,
}

/// A line of always the same length.
impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            at,
            run,
            process,
            what,
            agent,
        } = self;
        let what = match what {
            What::Runs => 'r',
            What::Crashes => 'c',
        };
        let (at, began) = (at.as_nanos(), run.began.as_nanos());
        writeln!(
            f,
            "{at:>16} {began:>16} {:>7} {process:>7} {what} {agent:<16}",
            run.process
        )
    }
}

impl FromStr for Stamp {
    type Err = Error;

    fn from_str(line: &str) -> Result<Self> {
        let mut words = line.split_ascii_whitespace();
        let mut word = || words.next().with_context(|| format!("not a stamp: {line:?}"));
        Ok(Self {
            at: word()?.parse()?,
            run: RunId {
                began: word()?.parse()?,
                process: word()?.parse()?,
            },
            process: word()?.parse()?,
            what: match word()? {
                "r" => What::Runs,
                "c" => What::Crashes,
                _ => bail!("not a stamp: {line:?}"),
            },
            agent: word()?.to_owned(),
        })
    }
}

/// All units, read as far as they are written.
#[derive(Debug)]
pub(crate) struct Stamps {
    units: Vec<UnitStamps>,
}

#[derive(Debug)]
struct UnitStamps {
    path: PathBuf,
    file: Option<File>,
    unread: String,
    unit: Unit,
    /// Of each run of the unit.
    ids: Vec<RunId>,
}

impl Stamps {
    /// Of units of these names, each in a file of its name.
    pub(crate) fn of(directory: &Path, names: impl IntoIterator<Item = String>) -> Self {
        let units = names.into_iter().map(|name| UnitStamps {
            path: directory.join(&name),
            file: None,
            unread: String::new(),
            unit: Unit { name, runs: Vec::new() },
            ids: Vec::new(),
        });
        Self { units: units.collect() }
    }

    /// Reads what was written since the last call.
    pub(crate) fn read(&mut self) -> Result<()> {
        for unit in &mut self.units {
            unit.read().with_context(|| format!("in {}", unit.path.display()))?;
        }
        Ok(())
    }

    /// How many units stamped at this moment or later on one of these agents, as far as was read.
    pub(crate) fn running_since(&self, moment: Boottime, is_of: impl Fn(&str) -> bool) -> usize {
        let runs = |run: &Run| moment <= run.last && is_of(&run.agent);
        self.units.iter().filter(|it| it.unit.runs.iter().any(runs)).count()
    }

    /// The units with their runs, in the order of their first stamps.
    pub(crate) fn into_units(self) -> Vec<Unit> {
        let sorted = |mut unit: Unit| {
            unit.runs.sort_by_key(|run| run.first);
            unit
        };
        self.units.into_iter().map(|it| sorted(it.unit)).collect()
    }
}

impl UnitStamps {
    fn read(&mut self) -> Result<()> {
        if self.file.is_none() {
            match File::open(&self.path) {
                Ok(file) => self.file = Some(file),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        if let Some(file) = &mut self.file {
            file.read_to_string(&mut self.unread)?;
        }
        // The last line may be half written.
        let whole = self.unread.rfind('\n').map_or(0, |end| end + 1);
        let lines: String = self.unread.drain(..whole).collect();
        for line in lines.lines() {
            self.take(&line.parse()?);
        }
        Ok(())
    }

    fn take(&mut self, stamp: &Stamp) {
        let crashed = stamp.what == What::Crashes;
        // The latest runs are what is written of.
        if let Some(index) = self.ids.iter().rposition(|id| *id == stamp.run) {
            let run = &mut self.unit.runs[index];
            run.longest_pause = run.longest_pause.max(stamp.at.since(run.last));
            run.last = run.last.max(stamp.at);
            run.stamps += 1;
            run.crashed |= crashed;
            return;
        }
        self.ids.push(stamp.run);
        self.unit.runs.push(Run {
            agent: stamp.agent.clone(),
            process: stamp.run.process,
            first: stamp.at,
            last: stamp.at,
            stamps: 1,
            longest_pause: Duration::ZERO,
            crashed,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;

    use super::*;

    fn at(nanos: u64) -> Boottime {
        nanos.to_string().parse().unwrap()
    }

    fn stamp(agent: &str, process: u32, nanos: u64) -> Stamp {
        Stamp {
            at: at(nanos),
            run: RunId {
                began: at(5),
                process: 1,
            },
            process,
            what: What::Runs,
            agent: agent.to_owned(),
        }
    }

    #[test]
    fn a_stamp_is_read_as_it_was_written_and_all_are_of_one_length() {
        let crash = Stamp {
            what: What::Crashes,
            ..stamp("agent-12", 4_000_000, 1_234_567_890_123_456)
        };
        for stamp in [stamp("a", 1, 1), crash.clone()] {
            assert_eq!(stamp.to_string().parse::<Stamp>().unwrap(), stamp);
            assert_eq!(stamp.to_string().len(), crash.to_string().len());
        }
        assert!("1 2 3".parse::<Stamp>().is_err());
        assert!("1 2 3 4 x a".parse::<Stamp>().is_err());
    }

    #[test]
    fn the_stamps_of_all_processes_of_a_run_are_one_run() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(directory.path().join("unit"))
            .unwrap();
        let mut stamps = Stamps::of(directory.path(), ["unit".to_owned(), "absent".to_owned()]);
        write!(file, "{}{}", stamp("a", 1, 10), stamp("a", 2, 30)).unwrap();
        let later = Stamp {
            run: RunId {
                began: at(99),
                process: 1,
            },
            ..stamp("b", 1, 100)
        };
        let text = later.to_string();
        write!(file, "{}{}", stamp("a", 1, 20), &text[..20]).unwrap();
        stamps.read().unwrap();
        assert_eq!(stamps.running_since(at(30), |_| true), 1);
        assert_eq!(stamps.running_since(at(30), |agent| agent != "a"), 0);
        assert_eq!(stamps.running_since(at(31), |_| true), 0);
        write!(file, "{}", &text[20..]).unwrap();
        stamps.read().unwrap();

        let units = stamps.into_units();
        let runs: Vec<_> = units[0]
            .runs
            .iter()
            .map(|run| (run.agent.as_str(), run.first, run.last, run.stamps))
            .collect();
        assert_eq!(runs, [("a", at(10), at(30), 3), ("b", at(100), at(100), 1)]);
        assert_eq!(units[0].runs[0].longest_pause, Duration::from_nanos(20));
        assert!(units[1].runs.is_empty());
    }
}
