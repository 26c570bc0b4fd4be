//! `cargo xtask trial node`: workers of the published Node client and `convoke agent`s in one cluster, on MariaDB.
//!
//! The packages are pinned by `node/package-lock.json`. Who leads is looked at every 10 ms in the store, and said by each
//! worker itself; what runs is judged by the time stamps that the topologies write.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};
use comfy_table::Table;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

mod cluster;
mod packages;
mod process;
mod stamps;
mod steps;
mod watch;

use cluster::Cluster;
use stamps::Overlap;
use watch::{Doubts, Summary};

use super::NodeArguments;

/// What came of one step.
#[derive(Debug, Serialize)]
struct Outcome {
    step: &'static str,
    holds: bool,
    seen: String,
    seconds: f64,
}

/// What was seen.
#[derive(Debug, Serialize)]
struct Report {
    steps: Vec<Outcome>,
    leads: Summary,
    own_views: Doubts,
    runs: usize,
    overlaps: Vec<Overlap>,
    complaints: Vec<String>,
}

/// Tries it, prints what was seen, and fails when something was not so.
pub(crate) async fn run(arguments: &NodeArguments, json: Option<&Path>) -> Result<()> {
    let mut cluster = Cluster::prepare(arguments.topologies).await?;
    let mut steps = Vec::new();
    for step in steps::all(arguments.brief) {
        cluster.say(step.name());
        let begun = Instant::now();
        let result = step.take(&mut cluster).await;
        let holds = result.is_ok();
        let seen = result.unwrap_or_else(|error| format!("{error:#}"));
        cluster.say(&format!("  {seen}"));
        steps.push(Outcome {
            step: step.name(),
            holds,
            seen,
            seconds: begun.elapsed().as_secs_f64(),
        });
        // What comes next begins where this one ends.
        if !holds {
            break;
        }
    }
    cluster.stamps.read()?;
    let mut report = Report {
        steps,
        leads: cluster.watch.summary()?,
        own_views: cluster.views()?.doubts(),
        runs: cluster.stamps.runs(),
        overlaps: cluster.stamps.overlaps(),
        complaints: cluster.complaints()?,
    };
    report.judge();
    println!("{}", report.table());
    if let Some(path) = json {
        std::fs::write(path, serde_json::to_string_pretty(&report)?)?;
    }
    if report.steps.iter().all(|outcome| outcome.holds) {
        return Ok(());
    }
    bail!(
        "something was not so; the logs are in {}",
        cluster.keep_logs()?.display()
    )
}

impl Report {
    /// What was watched all the while, as steps.
    fn judge(&mut self) {
        let leads = &self.leads;
        let legacy = leads.leads.iter().filter(|lead| lead.legacy).count();
        let led = format!(
            "{} looks, {} ms apart at most: {} leads, {legacy} of them by the Node client{}",
            leads.looks,
            leads.longest_pause_ms,
            leads.leads.len(),
            leads
                .faults
                .iter()
                .map(|fault| format!("; {fault}"))
                .collect::<String>(),
        );
        let views = format!(
            "two at a time: of ours for {:.1} s; with a Node client, which looks every 5 s, for {:.1} s",
            self.own_views.ours_ms as f64 / 1_000.0,
            self.own_views.others_ms as f64 / 1_000.0
        );
        let once = format!(
            "{} runs, {} of them beside another{}",
            self.runs,
            self.overlaps.len(),
            {
                let shown = self.overlaps.iter().map(|overlap| format!("; {overlap:?}"));
                shown.collect::<String>()
            }
        );
        let quiet = match &self.complaints[..] {
            [] => "none".to_owned(),
            some => some.join("; "),
        };
        let judged = [
            ("one leader at every moment, by the store", leads.faults.is_empty(), led),
            ("by their own view", self.own_views.ours_ms == 0, views),
            ("no topology runs twice at a time", self.overlaps.is_empty(), once),
            (
                "statements of the Node client that failed",
                self.complaints.is_empty(),
                quiet,
            ),
        ];
        self.steps.extend(judged.map(|(step, holds, seen)| Outcome {
            step,
            holds,
            seen,
            seconds: 0.0,
        }));
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::ASCII_MARKDOWN);
        table.set_header(["", "", "seen", "s"]);
        for outcome in &self.steps {
            let word = if outcome.holds { "ok" } else { "FAILED" };
            let seconds = match outcome.seconds {
                0.0 => String::new(),
                seconds => format!("{seconds:.1}"),
            };
            table.add_row([outcome.step, word, &outcome.seen, &seconds]);
        }
        table
    }
}

/// Nanoseconds by the clock that all processes of this host share, those of Node too.
pub(super) fn monotonic() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}
