//! What is done on bad days, in which order.

use std::time::Duration;

use crate::trial::chaos::script::{Act, Kind, Round, Step};

/// The agents by their numbers: whose calendar is a day ahead, a day behind, and right.
const AHEAD: usize = 0;
const BEHIND: usize = 1;
const RIGHT: usize = 2;

/// How long nothing is done after the units are back.
const REST: Duration = Duration::from_millis(500);
/// How long the leader is given to even the load out.
const EVENED_OUT_WITHIN: Duration = Duration::from_secs(1);

/// With such a ttl, and so long without the store.
pub(super) fn rounds(ttl: Duration, outage: Duration) -> Vec<Round> {
    vec![
        // So that each has something to lose.
        at_once(Kind::Rebalance, &[Act::Rebalance], EVENED_OUT_WITHIN),
        // Only the one whose calendar is ahead is left: it leads, takes the units over and runs them.
        at_once(
            Kind::Pause,
            &[
                Act::NoteHoldings(BEHIND),
                Act::NoteHoldings(RIGHT),
                Act::StopAgent(BEHIND),
                Act::StopAgent(RIGHT),
            ],
            // Longer than the lease, also when those that were stopped had no units.
            ttl,
        ),
        at_once(
            Kind::Pause,
            &[
                Act::WriteLate(BEHIND),
                Act::WriteLate(RIGHT),
                Act::ContinueAgent(BEHIND),
                Act::ContinueAgent(RIGHT),
            ],
            REST,
        ),
        // Only the one whose calendar is behind is left.
        at_once(
            Kind::Namesake,
            &[Act::NoteHoldings(AHEAD), Act::StopAgent(AHEAD), Act::KillAgent(RIGHT)],
            ttl,
        ),
        at_once(
            Kind::Namesake,
            &[
                Act::WriteLate(AHEAD),
                Act::StartNamesake(AHEAD),
                Act::WriteLate(AHEAD),
                Act::StartAgent(RIGHT),
                Act::WakeFormer(AHEAD),
            ],
            REST,
        ),
        first_and_then(Kind::StoreOutage, Act::StopStore, outage, Act::ContinueStore),
        first_and_then(Kind::StoreRestart, Act::KillStore, ttl + ttl / 2, Act::StartStore),
    ]
}

fn at_once(kind: Kind, acts: &[Act], rest: Duration) -> Round {
    let step = |act: &Act| Step {
        after: Duration::ZERO,
        act: *act,
    };
    Round {
        kind,
        steps: acts.iter().map(step).collect(),
        hurried: false,
        rest,
    }
}

fn first_and_then(kind: Kind, first: Act, after: Duration, then: Act) -> Round {
    let steps = vec![
        Step {
            after: Duration::ZERO,
            act: first,
        },
        Step { after, act: then },
    ];
    Round {
        kind,
        steps,
        hurried: false,
        rest: REST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_is_away_for_as_long_as_asked_for_and_restarted_once() {
        let (ttl, outage) = (Duration::from_secs(3), Duration::from_secs(60));
        let rounds = rounds(ttl, outage);
        let away = |kind| {
            let round = rounds.iter().find(|round| round.kind == kind).unwrap();
            round.steps[1].after - round.steps[0].after
        };
        assert_eq!(away(Kind::StoreOutage), outage);
        assert!(ttl < away(Kind::StoreRestart));
    }

    #[test]
    fn whoever_is_stopped_is_woken() {
        let acts: Vec<Act> = rounds(Duration::from_secs(3), Duration::from_secs(60))
            .iter()
            .flat_map(|round| round.steps.iter().map(|step| step.act))
            .collect();
        for agent in [AHEAD, BEHIND, RIGHT] {
            assert!(acts.contains(&Act::StopAgent(agent)));
            assert!(acts.contains(&Act::ContinueAgent(agent)) || acts.contains(&Act::WakeFormer(agent)));
        }
    }
}
