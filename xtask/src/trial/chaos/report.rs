//! What a trial tells in the end, for people and as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use comfy_table::{CellAlignment, Table};
use convoke::runtime::Boottime;
use serde::Serialize;

use super::judge::{Absence, Bounds, Overlap, Run, Verdict};
use super::script::Kind;
use super::silence::Outliving;
use super::stage::Record;

/// One store's trial.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    store: String,
    seed: u64,
    agents: usize,
    units: usize,
    ttl_ms: u128,
    lasted_s: f64,
    rounds: usize,
    leaders_hurt: usize,
    runs: usize,
    stamps: u64,
    moves: usize,
    crashes: usize,
    overlaps: usize,
    absences: usize,
    healing: Spread,
    healing_by_kind: BTreeMap<Kind, Spread>,
    too_short: usize,
    healing_bound_ms: u128,
    longest_gap_ms: u128,
    longest_pause_ms: u128,
    longest_pause_of_the_host_ms: u128,
    /// How often an agent was stopped or the store silent.
    silences: usize,
    /// How many runs outlived their lease in them.
    outlived: usize,
    /// How many writes of stopped agents failed as Fenced.
    fenced: usize,
    /// What else was seen.
    shown: Vec<String>,
    /// What went wrong, each in a line.
    pub(crate) faults: Vec<String>,
    #[serde(skip)]
    rounds_by_kind: BTreeMap<Kind, usize>,
}

/// What a trial was set up with.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) store: String,
    pub(crate) seed: u64,
    pub(crate) agents: usize,
    pub(crate) units: usize,
    pub(crate) ttl: Duration,
    pub(crate) bounds: Bounds,
    pub(crate) began: Boottime,
    pub(crate) longest_pause_of_the_host: Duration,
}

/// How long something took, in milliseconds.
#[derive(Debug, Default, Serialize)]
struct Spread {
    count: usize,
    min_ms: u128,
    median_ms: u128,
    p99_ms: u128,
    max_ms: u128,
}

impl Spread {
    fn of(lengths: impl Iterator<Item = Duration>) -> Self {
        let mut sorted: Vec<u128> = lengths.map(|length| length.as_millis()).collect();
        sorted.sort_unstable();
        let at = |share: f64| {
            let last = sorted.len().saturating_sub(1);
            // The smallest that so large a share is not above.
            let index = (last as f64 * share).ceil() as usize;
            sorted.get(index).copied().unwrap_or_default()
        };
        Self {
            count: sorted.len(),
            min_ms: at(0.0),
            median_ms: at(0.5),
            p99_ms: at(0.99),
            max_ms: at(1.0),
        }
    }

    fn cells(&self) -> [String; 5] {
        let Self {
            count,
            min_ms,
            median_ms,
            p99_ms,
            max_ms,
        } = self;
        if *count == 0 {
            return ["0".into(), String::new(), String::new(), String::new(), String::new()];
        }
        [
            count.to_string(),
            min_ms.to_string(),
            median_ms.to_string(),
            p99_ms.to_string(),
            max_ms.to_string(),
        ]
    }
}

impl Report {
    pub(crate) fn of(setup: &Setup, verdict: &Verdict, outliving: &[Outliving], record: Record) -> Self {
        let spread_of = |kind: Kind| {
            let of_kind = verdict.healings.iter().filter(move |it| it.kind == kind);
            Spread::of(of_kind.map(|it| it.took))
        };
        let kinds = record.rounds.keys().copied().chain([Kind::Start]);
        let mut faults: Vec<String> = Vec::new();
        faults.extend(verdict.overlaps.iter().map(|it| twice(it, setup.began)));
        faults.extend(verdict.absences.iter().map(|it| missing(it, setup.began)));
        faults.extend(outliving.iter().map(|it| outlived(it, setup.began)));
        faults.extend(record.faults);
        Self {
            store: setup.store.clone(),
            seed: setup.seed,
            agents: setup.agents,
            units: setup.units,
            ttl_ms: setup.ttl.as_millis(),
            lasted_s: Boottime::now().since(setup.began).as_secs_f64(),
            rounds: record.rounds.values().sum(),
            leaders_hurt: record.leaders_hurt,
            runs: verdict.runs,
            stamps: verdict.stamps,
            moves: verdict.moves,
            crashes: verdict.crashes,
            overlaps: verdict.overlaps.len(),
            absences: verdict.absences.len(),
            healing: Spread::of(verdict.healings.iter().map(|it| it.took)),
            healing_by_kind: kinds.map(|kind| (kind, spread_of(kind))).collect(),
            too_short: verdict.too_short,
            healing_bound_ms: setup.bounds.healing.as_millis(),
            longest_gap_ms: verdict.longest_gap.as_millis(),
            longest_pause_ms: verdict.longest_pause.as_millis(),
            longest_pause_of_the_host_ms: setup.longest_pause_of_the_host.as_millis(),
            silences: record.silences.len(),
            outlived: outliving.len(),
            fenced: record.fenced,
            shown: record.shown,
            faults,
            rounds_by_kind: record.rounds,
        }
    }

    /// A table of the kinds of rounds, and the rest in lines.
    pub(crate) fn shown(&self) -> String {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::ASCII_MARKDOWN);
        table.set_header(["what was done", "rounds", "healings", "min ms", "median", "p99", "max"]);
        for (kind, healing) in &self.healing_by_kind {
            let rounds = self.rounds_by_kind.get(kind).copied().unwrap_or_default();
            table.add_row(
                [kind.to_string(), rounds.to_string()]
                    .into_iter()
                    .chain(healing.cells()),
            );
        }
        let all = ["all".to_owned(), self.rounds.to_string()];
        table.add_row(all.into_iter().chain(self.healing.cells()));
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        format!(
            "{store}: {agents} agents, {units} units, ttl {ttl} ms, {lasted:.0} s, seed {seed}\n{table}\n\
             {runs} runs, {moves} moves, {crashes} crashes, {stamps} stamps; the leader was hurt {leaders} times; \
             {short} calms were too short to heal in\n\
             longest without a unit {gap} ms, longest without a stamp of one that ran {pause} ms, longest pause of the \
             host {host} ms\n\
             {shown}overlaps: {overlaps}; missing after {bound} ms: {absences}; outlived their lease in {silences} silences: \
             {outlived}; other faults: {others}",
            shown = self.shown.iter().map(|it| format!("{it}\n")).collect::<String>(),
            silences = self.silences,
            outlived = self.outlived,
            store = self.store,
            agents = self.agents,
            units = self.units,
            ttl = self.ttl_ms,
            lasted = self.lasted_s,
            seed = self.seed,
            runs = self.runs,
            moves = self.moves,
            crashes = self.crashes,
            stamps = self.stamps,
            leaders = self.leaders_hurt,
            short = self.too_short,
            gap = self.longest_gap_ms,
            pause = self.longest_pause_ms,
            host = self.longest_pause_of_the_host_ms,
            overlaps = self.overlaps,
            bound = self.healing_bound_ms,
            absences = self.absences,
            others = self.faults.len() - self.overlaps - self.absences - self.outlived,
        )
    }
}

fn twice(overlap: &Overlap, began: Boottime) -> String {
    let run = |run: &Run| {
        let (first, last) = (seconds(run.first, began), seconds(run.last, began));
        format!("{} (process {}) from {first} to {last}", run.agent, run.process)
    };
    format!(
        "{} ran twice at a time: on {}, and on {}",
        overlap.unit,
        run(&overlap.one),
        run(&overlap.other)
    )
}

fn outlived(outliving: &Outliving, began: Boottime) -> String {
    let Outliving { unit, run, silence } = outliving;
    let whose = silence.agent.as_ref().map_or_else(
        || "the store did not answer".to_owned(),
        |agent| format!("{agent} was stopped"),
    );
    format!(
        "{unit} ran on {} (process {}) until {}, though {whose} from {} to {}",
        run.agent,
        run.process,
        seconds(run.last, began),
        seconds(silence.from, began),
        seconds(silence.until, began)
    )
}

fn missing(absence: &Absence, began: Boottime) -> String {
    let from = seconds(absence.from, began);
    let until = match absence.until {
        Some(until) => format!("until {}", seconds(until, began)),
        None => format!(
            "and not before {}, when the next thing was done",
            seconds(absence.calm.until, began)
        ),
    };
    let calm = &absence.calm;
    format!(
        "{} did not run from {from} {until}; the last that was done: {}: {}, at {}",
        absence.unit,
        calm.kind,
        calm.what,
        seconds(calm.from, began)
    )
}

/// As the lines of the trial say it.
fn seconds(moment: Boottime, began: Boottime) -> String {
    format!("{:.3} s", moment.since(began).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_tells_its_least_its_middle_and_its_most() {
        let spread = Spread::of((1..=101).rev().map(Duration::from_millis));
        assert_eq!(spread.cells(), ["101", "1", "51", "100", "101"]);
        let of_one = Spread::of([Duration::from_millis(7)].into_iter());
        assert_eq!(of_one.cells(), ["1", "7", "7", "7", "7"]);
        assert_eq!(Spread::of(std::iter::empty()).cells()[0], "0");
    }
}
