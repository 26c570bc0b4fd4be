//! Whether units ended in time while their agent was stopped, or the store did not answer. Pure.

use std::time::Duration;

use convoke::runtime::Boottime;

use super::judge::{Run, Unit};

/// A time in which an agent was stopped, or the store did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Silence {
    /// The agent that was stopped; none when it was the store.
    pub(crate) agent: Option<String>,
    pub(crate) from: Boottime,
    pub(crate) until: Boottime,
}

/// A run that went on when the store could have taken its agent for dead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outliving {
    pub(crate) unit: String,
    pub(crate) run: Run,
    pub(crate) silence: Silence,
}

/// The runs that went on for longer than a lease after the beginning of a silence.
///
/// On SQLite a stopped agent is let go on by its guards once its units are gone, and starts them again: so of an agent
/// only the runs count that were under way when it was stopped. Without a store nothing may begin either.
pub(crate) fn outliving(units: &[Unit], silences: &[Silence], lease: Duration) -> Vec<Outliving> {
    let mut outliving = Vec::new();
    for silence in silences {
        let over = silence.from.plus(lease);
        if silence.until <= over {
            continue;
        }
        for unit in units {
            let outlived = unit.runs.iter().filter(|run| match &silence.agent {
                Some(agent) => run.agent == *agent && run.first < silence.from && over < run.last,
                None => run.first < silence.until && over < run.last,
            });
            outliving.extend(outlived.map(|run| Outliving {
                unit: unit.name.clone(),
                run: run.clone(),
                silence: silence.clone(),
            }));
        }
    }
    outliving
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_nanos(30);

    fn at(nanos: u64) -> Boottime {
        nanos.to_string().parse().unwrap()
    }

    fn outlived(agent: Option<&str>, first: u64, last: u64) -> bool {
        outlived_until(200, agent, first, last)
    }

    /// Of a silence from 100 on.
    fn outlived_until(until: u64, agent: Option<&str>, first: u64, last: u64) -> bool {
        let run = Run {
            agent: "a".to_owned(),
            process: 1,
            first: at(first),
            last: at(last),
            stamps: 2,
            longest_pause: Duration::ZERO,
            crashed: false,
        };
        let unit = Unit {
            name: "unit".to_owned(),
            runs: vec![run],
        };
        let silence = Silence {
            agent: agent.map(str::to_owned),
            from: at(100),
            until: at(until),
        };
        !outliving(&[unit], &[silence], LEASE).is_empty()
    }

    #[test]
    fn without_a_store_a_run_that_goes_on_after_its_lease_is_seen() {
        assert!(!outlived(None, 50, 130));
        assert!(outlived(None, 50, 131));
    }

    #[test]
    fn without_a_store_a_run_that_begins_is_seen_and_one_that_begins_afterwards_is_not() {
        assert!(outlived(None, 150, 151));
        assert!(!outlived(None, 200, 300));
    }

    #[test]
    fn while_an_agent_is_stopped_only_its_own_runs_are_looked_at() {
        assert!(outlived(Some("a"), 50, 131));
        assert!(!outlived(Some("a"), 50, 130));
        assert!(!outlived(Some("b"), 50, 131));
    }

    #[test]
    fn what_an_agent_starts_that_its_guards_let_go_on_is_no_complaint() {
        assert!(!outlived(Some("a"), 140, 150));
    }

    #[test]
    fn a_silence_that_is_shorter_than_a_lease_ends_nothing() {
        assert!(!outlived_until(130, None, 50, 500));
        assert!(outlived_until(131, None, 50, 500));
    }
}
