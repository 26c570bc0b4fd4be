//! When each topology ran, by the time stamps that its processes wrote: lines `NANOSECONDS WORKER RUN`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

/// One run of a topology: from its first to its last time stamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) worker: String,
    /// Tells runs on one worker apart.
    run: String,
    first: u64,
    last: u64,
}

/// The runs of one topology so far, in the order in which they began.
#[derive(Debug, Default)]
struct Sheet {
    read: u64,
    half_a_line: String,
    runs: Vec<Run>,
}

/// Two runs of a topology at a time.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct Overlap {
    topology: String,
    workers: [String; 2],
    milliseconds: u64,
}

/// What ran when.
#[derive(Debug)]
pub(super) struct Stamps {
    folder: PathBuf,
    sheets: BTreeMap<String, Sheet>,
}

impl Stamps {
    pub(super) fn of(folder: PathBuf, topologies: &[String]) -> Self {
        let sheets = topologies.iter().map(|id| (id.clone(), Sheet::default())).collect();
        Self { folder, sheets }
    }

    /// Reads what was written since the last call.
    pub(super) fn read(&mut self) -> Result<()> {
        for (topology, sheet) in &mut self.sheets {
            sheet
                .read(&self.folder.join(topology))
                .with_context(|| format!("the stamps of {topology}"))?;
        }
        Ok(())
    }

    /// Who ran it at this instant or less than `patience` before.
    pub(super) fn runners(&self, topology: &str, now: u64, patience: Duration) -> Vec<&str> {
        let since = now.saturating_sub(u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX));
        let runs = self.sheets.get(topology).map_or(&[][..], |sheet| &sheet.runs);
        runs.iter()
            .filter(|run| run.last >= since)
            .map(|run| run.worker.as_str())
            .collect()
    }

    /// How often topologies were started.
    pub(super) fn runs(&self) -> usize {
        self.sheets.values().map(|sheet| sheet.runs.len()).sum()
    }

    /// Where a topology ran twice at a time.
    pub(super) fn overlaps(&self) -> Vec<Overlap> {
        let mut overlaps = Vec::new();
        for (topology, sheet) in &self.sheets {
            for (index, run) in sheet.runs.iter().enumerate() {
                for later in sheet.runs[index + 1..].iter().filter(|later| later.first < run.last) {
                    overlaps.push(Overlap {
                        topology: topology.clone(),
                        workers: [run.worker.clone(), later.worker.clone()],
                        milliseconds: (run.last.min(later.last) - later.first) / 1_000_000,
                    });
                }
            }
        }
        overlaps
    }
}

impl Sheet {
    fn read(&mut self, path: &Path) -> Result<()> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        file.seek(SeekFrom::Start(self.read))?;
        let mut text = std::mem::take(&mut self.half_a_line);
        self.read += file.read_to_string(&mut text)? as u64;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        self.half_a_line = text.split_off(whole);
        text.lines().try_for_each(|line| self.stamp(line))
    }

    fn stamp(&mut self, line: &str) -> Result<()> {
        let mut words = line.split(' ');
        let (Some(at), Some(worker), Some(run)) = (words.next(), words.next(), words.next()) else {
            anyhow::bail!("unreadable stamp: {line}")
        };
        let at = at.parse().with_context(|| format!("unreadable stamp: {line}"))?;
        match self
            .runs
            .iter_mut()
            .rev()
            .find(|known| known.worker == worker && known.run == run)
        {
            Some(known) => known.last = at,
            None => self.runs.push(Run {
                worker: worker.to_owned(),
                run: run.to_owned(),
                first: at,
                last: at,
            }),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamps(lines: &[&str]) -> Stamps {
        let mut stamps = Stamps::of(PathBuf::new(), &["a".to_owned()]);
        let sheet = stamps.sheets.get_mut("a").unwrap();
        lines.iter().for_each(|line| sheet.stamp(line).unwrap());
        stamps
    }

    #[test]
    fn runs_one_after_the_other_are_no_overlap() {
        let stamps = stamps(&["1 x 7", "9000000 x 7", "9000001 y 7", "9000002 y 8"]);
        assert_eq!((stamps.runs(), stamps.overlaps()), (3, vec![]));
        assert_eq!(stamps.runners("a", 9_000_001, Duration::ZERO), ["y", "y"]);
        assert_eq!(stamps.runners("a", 9_000_001, Duration::from_nanos(1)), ["x", "y", "y"]);
    }

    #[test]
    fn a_run_that_begins_before_another_ended_is_an_overlap() {
        let stamps = stamps(&["0 x 1", "5000000 y 1", "8000000 x 1", "9000000 y 1"]);
        let overlap = Overlap {
            topology: "a".to_owned(),
            workers: ["x".to_owned(), "y".to_owned()],
            milliseconds: 3,
        };
        assert_eq!(stamps.overlaps(), [overlap]);
    }
}
