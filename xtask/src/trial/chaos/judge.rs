//! What the stamps of the units tell: whether a unit ever ran twice at a time, and whether it came back in time. Pure.

use std::time::Duration;

use convoke::runtime::Boottime;
use serde::Serialize;

use super::script::Kind;

/// One run of a unit: the processes that one start of it brought about, from their first stamp to their last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Who started it.
    pub(crate) agent: String,
    /// The process that was started.
    pub(crate) process: u32,
    pub(crate) first: Boottime,
    pub(crate) last: Boottime,
    pub(crate) stamps: u64,
    /// The longest from one stamp to the next.
    pub(crate) longest_pause: Duration,
    /// It said that it was about to crash, as it was told to now and then.
    pub(crate) crashed: bool,
}

/// A unit and its runs, in the order of their first stamps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) name: String,
    pub(crate) runs: Vec<Run>,
}

/// A moment at which something was disturbed or came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) at: Boottime,
    /// Whether the cluster can work from then on: the store answers, and at least one agent is up.
    pub(crate) works: bool,
    /// Of which round.
    pub(crate) kind: Kind,
    /// What was done.
    pub(crate) what: String,
}

/// The time from one mark, after which the cluster can work, to the next: nothing is disturbed in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Calm {
    pub(crate) from: Boottime,
    pub(crate) until: Boottime,
    pub(crate) kind: Kind,
    pub(crate) what: String,
}

/// What is demanded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// From the beginning of a calm until each unit runs for good.
    pub(crate) healing: Duration,
    /// For how long a unit may run on when its agent or the store falls silent.
    pub(crate) lease: Duration,
    /// For how long a unit may be gone that crashed by itself.
    pub(crate) after_a_crash: Duration,
    /// How long before the end of a calm the last stamp of a unit may be that was ended by what ended the calm.
    pub(crate) last_stamp: Duration,
}

/// Two runs of one unit that went on at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Overlap {
    pub(crate) unit: String,
    pub(crate) one: Run,
    pub(crate) other: Run,
}

/// A unit that was missing in a calm after it should have been back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Absence {
    pub(crate) unit: String,
    pub(crate) calm: Calm,
    /// From when it did not run.
    pub(crate) from: Boottime,
    /// When it ran again; none when it did not until the calm was over.
    pub(crate) until: Option<Boottime>,
}

/// How long it took in one calm until each unit ran for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Healing {
    pub(crate) kind: Kind,
    pub(crate) took: Duration,
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    /// Has to be empty.
    pub(crate) overlaps: Vec<Overlap>,
    /// Has to be empty.
    pub(crate) absences: Vec<Absence>,
    /// Of each calm in which the units came back, or that was long enough for it.
    pub(crate) healings: Vec<Healing>,
    /// How many calms were over before the units were back, and too short for it.
    pub(crate) too_short: usize,
    pub(crate) runs: usize,
    pub(crate) stamps: u64,
    /// How often a unit ran on another agent than before.
    pub(crate) moves: usize,
    pub(crate) crashes: usize,
    /// The longest that a unit did not run, whatever was disturbed.
    pub(crate) longest_gap: Duration,
    /// The longest that a unit that ran did not stamp.
    pub(crate) longest_pause: Duration,
}

/// The calms between the marks, which are in the order of time, and the end.
pub(crate) fn calms(marks: &[Mark], end: Boottime) -> Vec<Calm> {
    let ends = marks.iter().skip(1).map(|mark| mark.at).chain([end]);
    let calms = marks.iter().zip(ends).filter(|(mark, _)| mark.works);
    calms
        .map(|(mark, until)| Calm {
            from: mark.at,
            until,
            kind: mark.kind,
            what: mark.what.clone(),
        })
        .collect()
}

/// Judges all units by their runs.
pub(crate) fn judge(units: &[Unit], calms: &[Calm], bounds: Bounds) -> Verdict {
    let mut verdict = Verdict::default();
    for unit in units {
        verdict.overlaps.extend(overlaps(unit));
        verdict.count(&unit.runs);
    }
    for calm in calms {
        verdict.judge_calm(units, calm, bounds);
    }
    verdict
}

impl Verdict {
    /// Whether all went as it has to.
    pub(crate) fn is_good(&self) -> bool {
        self.overlaps.is_empty() && self.absences.is_empty()
    }

    fn count(&mut self, runs: &[Run]) {
        self.runs += runs.len();
        for run in runs {
            self.stamps += run.stamps;
            self.crashes += usize::from(run.crashed);
            self.longest_pause = self.longest_pause.max(run.longest_pause);
        }
        for (before, after) in runs.iter().zip(runs.iter().skip(1)) {
            self.moves += usize::from(before.agent != after.agent);
            self.longest_gap = self.longest_gap.max(after.first.since(before.last));
        }
    }

    fn judge_calm(&mut self, units: &[Unit], calm: &Calm, bounds: Bounds) {
        let back_by = calm.from.plus(bounds.healing);
        let is_long_enough = back_by < calm.until;
        let mut healed = Some(calm.from);
        let mut absences = Vec::new();
        for unit in units {
            for gap in gaps(&unit.runs, calm, bounds) {
                healed = healed.zip(gap.until).map(|(healed, until)| healed.max(until));
                if is_long_enough && gap.until.is_none_or(|until| back_by < until) {
                    absences.push(Absence {
                        unit: unit.name.clone(),
                        calm: calm.clone(),
                        from: gap.from,
                        until: gap.until,
                    });
                }
            }
        }
        match healed {
            Some(healed) => self.healings.push(Healing {
                kind: calm.kind,
                took: healed.since(calm.from),
            }),
            None if is_long_enough => self.healings.push(Healing {
                kind: calm.kind,
                took: calm.until.since(calm.from),
            }),
            None => self.too_short += 1,
        }
        self.absences.extend(absences);
    }
}

/// Each run that began while one before it went on, with that one.
fn overlaps(unit: &Unit) -> Vec<Overlap> {
    let mut overlaps = Vec::new();
    let mut latest: Option<&Run> = None;
    for run in &unit.runs {
        if let Some(before) = latest
            && run.first <= before.last
        {
            overlaps.push(Overlap {
                unit: unit.name.clone(),
                one: before.clone(),
                other: run.clone(),
            });
        }
        latest = latest.filter(|before| run.last < before.last).or(Some(run));
    }
    overlaps
}

/// A time in which a unit did not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gap {
    from: Boottime,
    /// None when it did not run again within the calm.
    until: Option<Boottime>,
}

/// When a unit did not run in a calm; what its own crashes account for is left out.
fn gaps(runs: &[Run], calm: &Calm, bounds: Bounds) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut ran_until = calm.from;
    let mut crashed = false;
    for run in runs.iter().take_while(|run| run.first <= calm.until) {
        if run.last < calm.from {
            continue;
        }
        let is_excused = crashed && run.first.since(ran_until) <= bounds.after_a_crash;
        if ran_until < run.first && !is_excused {
            gaps.push(Gap {
                from: ran_until,
                until: Some(run.first),
            });
        }
        if ran_until <= run.last {
            (ran_until, crashed) = (run.last, run.crashed);
        }
    }
    let may_be_silent = if crashed {
        bounds.after_a_crash
    } else {
        bounds.last_stamp
    };
    if ran_until.plus(may_be_silent) < calm.until {
        gaps.push(Gap {
            from: ran_until,
            until: None,
        });
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        healing: Duration::from_nanos(50),
        lease: Duration::from_nanos(30),
        after_a_crash: Duration::from_nanos(20),
        last_stamp: Duration::from_nanos(5),
    };

    fn at(nanos: u64) -> Boottime {
        nanos.to_string().parse().unwrap()
    }

    fn run(agent: &str, first: u64, last: u64) -> Run {
        Run {
            agent: agent.to_owned(),
            process: 1,
            first: at(first),
            last: at(last),
            stamps: 2,
            longest_pause: Duration::ZERO,
            crashed: false,
        }
    }

    fn crashing(agent: &str, first: u64, last: u64) -> Run {
        Run {
            crashed: true,
            ..run(agent, first, last)
        }
    }

    fn unit(runs: &[Run]) -> Unit {
        Unit {
            name: "unit".into(),
            runs: runs.to_vec(),
        }
    }

    fn calm(from: u64, until: u64) -> Calm {
        Calm {
            from: at(from),
            until: at(until),
            kind: Kind::Kill,
            what: "killed".into(),
        }
    }

    fn judged(runs: &[Run], from: u64, until: u64) -> Verdict {
        judge(&[unit(runs)], &[calm(from, until)], BOUNDS)
    }

    fn took(verdict: &Verdict) -> Vec<u128> {
        verdict.healings.iter().map(|it| it.took.as_nanos()).collect()
    }

    #[test]
    fn runs_one_after_another_pass_and_are_counted() {
        let verdict = judged(&[run("a", 0, 110), run("b", 140, 300), run("b", 310, 400)], 100, 390);
        assert!(verdict.overlaps.is_empty());
        assert_eq!((verdict.runs, verdict.moves, verdict.stamps), (3, 1, 6));
        assert_eq!(verdict.longest_gap, Duration::from_nanos(30));
    }

    #[test]
    fn an_overlap_of_one_stamp_is_seen() {
        let verdict = judged(&[run("a", 0, 20), run("b", 20, 200)], 0, 100);
        assert_eq!(verdict.overlaps.len(), 1);
        assert!(!verdict.is_good());
        assert!(judged(&[run("a", 0, 19), run("b", 20, 200)], 0, 100).is_good());
    }

    #[test]
    fn an_overlap_with_a_run_long_before_is_seen() {
        let runs = [run("a", 0, 100), run("b", 10, 20), run("c", 90, 95), run("c", 101, 300)];
        assert_eq!(judged(&runs, 0, 300).overlaps.len(), 2);
    }

    #[test]
    fn two_runs_on_one_agent_overlap_too() {
        assert_eq!(judged(&[run("a", 0, 20), run("a", 15, 200)], 0, 100).overlaps.len(), 1);
    }

    #[test]
    fn a_unit_that_comes_back_in_time_is_healed_by_then() {
        let verdict = judged(&[run("a", 0, 105), run("b", 150, 300)], 100, 200);
        assert!(verdict.is_good());
        assert_eq!(took(&verdict), [50]);
    }

    #[test]
    fn a_unit_that_comes_back_too_late_is_seen() {
        let verdict = judged(&[run("a", 0, 105), run("b", 151, 300)], 100, 200);
        assert_eq!(verdict.absences.len(), 1);
        assert_eq!(
            (verdict.absences[0].from, verdict.absences[0].until),
            (at(105), Some(at(151)))
        );
        assert_eq!(took(&verdict), [51]);
    }

    #[test]
    fn a_unit_that_never_comes_back_is_seen() {
        let verdict = judged(&[run("a", 0, 105)], 100, 200);
        assert_eq!(verdict.absences[0].until, None);
        assert_eq!(took(&verdict), [100]);
        assert_eq!(judged(&[], 100, 200).absences.len(), 1);
    }

    #[test]
    fn a_unit_that_is_gone_once_more_after_healing_is_seen() {
        let verdict = judged(&[run("a", 0, 160), run("a", 161, 300)], 100, 200);
        assert_eq!(verdict.absences[0].until, Some(at(161)));
    }

    #[test]
    fn the_slowest_unit_is_what_healing_takes() {
        let units = [
            unit(&[run("a", 0, 300)]),
            unit(&[run("a", 0, 105), run("b", 130, 300)]),
            unit(&[run("a", 0, 100), run("b", 110, 300)]),
        ];
        assert_eq!(took(&judge(&units, &[calm(100, 200)], BOUNDS)), [30]);
    }

    #[test]
    fn a_calm_that_is_too_short_for_healing_is_no_complaint() {
        let verdict = judged(&[run("a", 0, 105), run("b", 160, 300)], 100, 150);
        assert!(verdict.is_good());
        assert_eq!((verdict.too_short, verdict.healings.len()), (1, 0));
        let verdict = judged(&[run("a", 0, 105), run("b", 130, 300)], 100, 150);
        assert_eq!((verdict.too_short, took(&verdict)), (0, vec![30]));
    }

    #[test]
    fn the_last_stamp_may_be_a_little_before_what_ended_the_run() {
        assert!(judged(&[run("a", 0, 195)], 100, 200).is_good());
        assert!(!judged(&[run("a", 0, 194)], 100, 200).is_good());
    }

    #[test]
    fn what_a_unit_misses_by_its_own_crash_is_excused_for_a_while() {
        assert!(judged(&[crashing("a", 0, 160), run("a", 180, 300)], 100, 200).is_good());
        assert!(!judged(&[crashing("a", 0, 160), run("a", 181, 300)], 100, 200).is_good());
        assert!(!judged(&[run("a", 0, 160), run("a", 180, 300)], 100, 200).is_good());
        assert!(judged(&[crashing("a", 0, 180)], 100, 200).is_good());
        assert!(!judged(&[crashing("a", 0, 179)], 100, 200).is_good());
    }

    #[test]
    fn calms_lie_between_the_marks_after_which_the_cluster_can_work() {
        let mark = |nanos, works| Mark {
            at: at(nanos),
            works,
            kind: Kind::Kill,
            what: "killed".into(),
        };
        let between = calms(&[mark(10, true), mark(20, false), mark(30, true)], at(100));
        assert_eq!(between, [calm(10, 20), calm(30, 100)]);
    }
}
