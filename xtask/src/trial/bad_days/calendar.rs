//! Calendars that are a day off, by libfaketime. Units stamp by a clock that it does not touch.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::servers::faketime;
use crate::trial::chaos::agents::Surroundings;
use crate::workspace::output_of;

const SECONDS_OF_A_DAY: f64 = 86_400.0;
/// Where libfaketime keeps something of each process, which stays when that is killed.
const SHARED_MEMORY: &str = "/dev/shm";

/// Which day an agent takes today for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Day {
    Right,
    Ahead,
    Behind,
}

/// Where calendars that are off come from. What their processes leave behind is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Calendars {
    library: PathBuf,
}

impl Calendars {
    pub(super) fn find() -> Result<Self> {
        let missing = "libfaketime is not on this machine; install it with\n\n    cargo xtask servers install";
        let library = faketime::library().context(missing)?;
        Ok(Self { library })
    }

    /// Those of an agent with this day in this time zone.
    pub(super) fn surroundings(&self, day: Day, zone: &str) -> Surroundings {
        let mut variables = vec![("TZ", zone.into())];
        let offset = match day {
            Day::Right => return Surroundings(variables),
            Day::Ahead => "+1d",
            Day::Behind => "-1d",
        };
        variables.extend([
            ("LD_PRELOAD", self.library.clone().into()),
            ("FAKETIME", offset.into()),
            // Nobody's calendar moves the clock that lengths are measured by.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            // For the times of files it takes a lock that processes share, which one that is killed would keep.
            ("NO_FAKE_STAT", "1".into()),
        ]);
        Surroundings(variables)
    }
}

impl Drop for Calendars {
    fn drop(&mut self) {
        let Ok(entries) = std::fs::read_dir(SHARED_MEMORY) else {
            return;
        };
        let processes: HashSet<i32> = procfs::process::all_processes()
            .map(|all| all.flatten().map(|process| process.pid).collect())
            .unwrap_or_default();
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let owner = name
                .strip_prefix("faketime_shm_")
                .or_else(|| name.strip_prefix("sem.faketime_sem_"))
                .and_then(|owner| owner.parse().ok());
            if owner.is_some_and(|owner| !processes.contains(&owner)) {
                // What can't be removed is a page of memory.
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

/// A line of `convoke doctor --json`.
#[derive(Debug, Deserialize)]
struct Finding {
    check: String,
    found: String,
}

/// What `convoke doctor` with an agent's calendar says of the store's clock: that it is off as expected.
pub(super) fn seen(mut doctor: Command, day: Day) -> Result<String> {
    let said = output_of(&mut doctor)?;
    let findings: Vec<Finding> = serde_json::from_str(&said).context("reading what `convoke doctor` says")?;
    let clock = findings.into_iter().find(|finding| finding.check == "clock");
    let found = clock.context("`convoke doctor` says nothing of the clock")?.found;
    let off = seconds_ahead_of_the_store(&found)?;
    let expected = match day {
        Day::Right => 0.0,
        Day::Ahead => SECONDS_OF_A_DAY,
        Day::Behind => -SECONDS_OF_A_DAY,
    };
    ensure!(
        (off - expected).abs() < 60.0,
        "a calendar should be {expected} s ahead of the store's clock and is {off} s: {found}"
    );
    Ok(format!("the store's clock: {found}"))
}

/// Of "2026-11-21T04:00:00Z, 86400.0s behind this host's", and of one that tells of no difference.
fn seconds_ahead_of_the_store(found: &str) -> Result<f64> {
    let Some((_, difference)) = found.split_once(", ") else {
        bail!("not what was found out about a clock: {found}");
    };
    if difference.contains("within") {
        return Ok(0.0);
    }
    let (length, direction) = difference.split_once("s ").context("no length of time")?;
    let length: f64 = length.parse().with_context(|| format!("in {found}"))?;
    Ok(if direction.starts_with("behind") {
        length
    } else {
        -length
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_doctor_says_of_a_clock_is_understood() {
        for (found, seconds) in [
            ("2026-11-21T04:00:00Z, 86400.0s behind this host's", 86_400.0),
            ("2026-11-21T04:00:00Z, 86399.9s ahead of this host's", -86_399.9),
            ("2026-11-21T04:00:00Z, this host's within 1s", 0.0),
        ] {
            assert!(
                (seconds_ahead_of_the_store(found).unwrap() - seconds).abs() < 0.001,
                "{found}"
            );
        }
        assert!(seconds_ahead_of_the_store("no idea").is_err());
    }
}
