//! What there was to be seen, in figures.

use std::time::Duration;

use convoke::{TopologyId, Ttl};
use serde::Serialize;

use super::stamps::Stamps;
use crate::guard::Boottime;
use crate::output::table;

/// What `convoke demo` answers.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    ttl_ms: u128,
    steps: Vec<Step>,
    /// From SIGTERM until all agents had ended, and with them their units.
    stopped_after_ms: u128,
    runs: usize,
    time_stamps: u64,
    /// Runs of one unit that went on at one moment: has to be none.
    pub(super) overlaps: usize,
}

/// Something that was done, and how soon the units ran that it concerned.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    what: String,
    units: usize,
    /// From what was done to the first time stamp of a unit: of the first, the middle and the last one.
    ran_after_ms: Option<[u128; 3]>,
    /// The longest time between two time stamps of one unit meanwhile.
    longest_pause_ms: Option<u128>,
}

impl Step {
    /// What came of it for these units, whose last runs have begun since.
    pub(super) fn of(what: &str, units: &[TopologyId], stamps: &Stamps, since: Boottime) -> Self {
        let mut after: Vec<u128> = units
            .iter()
            .filter_map(|unit| Some(stamps.latest(unit.as_str())?.first.since(since).as_millis()))
            .collect();
        after.sort_unstable();
        let ran_after_ms = match after[..] {
            [first, .., last] => Some([first, after[after.len() / 2], last]),
            [only] => Some([only; 3]),
            [] => None,
        };
        Self {
            what: what.to_owned(),
            units: units.len(),
            ran_after_ms,
            longest_pause_ms: units
                .iter()
                .filter_map(|unit| Some(stamps.last_pause(unit.as_str())?.as_millis()))
                .max(),
        }
    }

    pub(super) fn sentence(&self) -> String {
        match self.ran_after_ms {
            Some([.., last]) => format!("all {} run, the last after {last} ms", self.units),
            None => "no unit was concerned".to_owned(),
        }
    }
}

impl Summary {
    pub(super) fn of(ttl: Ttl, steps: Vec<Step>, stamps: &Stamps, stopped_after: Duration) -> Self {
        Self {
            ttl_ms: ttl.as_duration().as_millis(),
            steps,
            stopped_after_ms: stopped_after.as_millis(),
            runs: stamps.runs.len(),
            time_stamps: stamps.runs.iter().map(|run| run.stamps).sum(),
            overlaps: stamps.overlaps(),
        }
    }
}

/// For people.
pub(super) fn shown(summary: &Summary) -> String {
    let ms = |ms: Option<u128>| ms.map_or_else(String::new, |ms| format!("{ms} ms"));
    let rows = summary.steps.iter().map(|step| {
        let [first, middle, last] = step.ran_after_ms.map_or([None; 3], |after| after.map(Some));
        [
            step.what.clone(),
            step.units.to_string(),
            ms(first),
            ms(middle),
            ms(last),
            ms(step.longest_pause_ms),
        ]
    });
    let header = [
        "what was done",
        "units",
        "first ran after",
        "median",
        "last",
        "longest pause",
    ];
    let verdict = match summary.overlaps {
        0 => format!(
            "No unit ever ran twice at a time, by {} time stamps of {} runs. Silent agents were waited for {} ms. All \
             ended {} ms after SIGTERM.",
            summary.time_stamps, summary.runs, summary.ttl_ms, summary.stopped_after_ms
        ),
        overlaps => {
            format!("{overlaps} runs went on while the same unit ran elsewhere: this is a fault, please report it.")
        }
    };
    format!("\n{}\n\n{verdict}", table(header, rows))
}
