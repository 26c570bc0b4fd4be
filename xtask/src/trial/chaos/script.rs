//! What is done to the cluster, in which order: drawn by chance from a seed.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// The kinds of rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// The agents are started; nothing is disturbed yet.
    Start,
    /// One agent is killed and started again.
    Kill,
    /// Several agents are killed at once.
    KillSeveral,
    /// All agents are killed at once.
    KillAll,
    /// An agent is stopped for less than its ttl.
    Hiccup,
    /// An agent is stopped for longer than its ttl, and woken.
    Pause,
    /// An agent is told to end, and started again.
    Drain,
    /// Guards of one agent are killed.
    Guards,
    /// The store is stopped for less than the ttl.
    StoreHiccup,
    /// The store is stopped for longer than the ttl.
    StorePause,
    /// The store is killed and started again.
    StoreRestart,
    /// The store is stopped for a minute or so.
    StoreOutage,
    /// An agent is stopped for longer than its ttl, another process takes its name, and it is woken.
    Namesake,
    /// The load is evened out.
    Rebalance,
    /// Agents, guards and the store at once.
    Storm,
}

impl Kind {
    /// What is drawn again and again.
    const DECK: [Self; 12] = [
        Self::Kill,
        Self::KillSeveral,
        Self::KillAll,
        Self::Hiccup,
        Self::Pause,
        Self::Drain,
        Self::Guards,
        Self::StoreHiccup,
        Self::StorePause,
        Self::StoreRestart,
        Self::Rebalance,
        Self::Storm,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Start => "start",
            Self::Kill => "one agent killed",
            Self::KillSeveral => "several agents killed",
            Self::KillAll => "all agents killed",
            Self::Hiccup => "agent stopped, < ttl",
            Self::Pause => "agent stopped, > ttl",
            Self::Drain => "agent told to end",
            Self::Guards => "guards killed",
            Self::StoreHiccup => "store stopped, < ttl",
            Self::StorePause => "store stopped, > ttl",
            Self::StoreRestart => "store killed",
            Self::StoreOutage => "store stopped, long",
            Self::Namesake => "name of a stopped agent taken",
            Self::Rebalance => "load evened out",
            Self::Storm => "many things at once",
        })
    }
}

/// One thing that is done. Agents are told by their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// SIGKILL.
    KillAgent(usize),
    /// Once it has ended, when it was told to.
    StartAgent(usize),
    /// SIGSTOP.
    StopAgent(usize),
    /// SIGCONT.
    ContinueAgent(usize),
    /// SIGTERM.
    EndAgent(usize),
    /// SIGKILL to one of the guards of its units.
    KillGuard(usize),
    /// SIGSTOP.
    StopStore,
    /// SIGCONT.
    ContinueStore,
    /// SIGKILL.
    KillStore,
    StartStore,
    /// Asks the leader to even the load out.
    Rebalance,
    /// Keeps in mind what the agent has.
    NoteHoldings(usize),
    /// Writes, in place of an agent that is stopped, what it would write with what it had.
    WriteLate(usize),
    /// Starts another process of the name of an agent that is stopped.
    StartNamesake(usize),
    /// SIGCONT to the one that had the name before its namesake: it has to end by itself.
    WakeFormer(usize),
}

/// What is done, and when after the beginning of its round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) after: Duration,
    pub(crate) act: Act,
}

/// Some disturbances that belong together. What one disturbs it puts right, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Round {
    pub(crate) kind: Kind,
    /// In the order of time.
    pub(crate) steps: Vec<Step>,
    /// What follows does not wait until the units are back.
    pub(crate) hurried: bool,
    /// How long nothing more is done after it; when it is not hurried, after the units are back.
    pub(crate) rest: Duration,
}

/// Draws rounds. The same seed draws the same.
#[derive(Debug)]
pub(crate) struct Script {
    random: fastrand::Rng,
    agents: usize,
    ttl: Duration,
    deck: Vec<Kind>,
}

/// When an act begins and how much later what puts it right.
struct Times {
    from: Duration,
    length: Duration,
}

impl Script {
    /// For so many agents, two at least. With an outage, the store is away for a minute once.
    pub(crate) fn new(seed: u64, agents: usize, ttl: Duration, with_outage: bool) -> Self {
        let mut script = Self {
            random: fastrand::Rng::with_seed(seed),
            agents,
            ttl,
            deck: Kind::DECK.to_vec(),
        };
        script.deck.extend(with_outage.then_some(Kind::StoreOutage));
        script.random.shuffle(&mut script.deck);
        script
    }

    /// What comes next: each kind once, in a random order, then anew.
    pub(crate) fn next_round(&mut self) -> Round {
        if self.deck.is_empty() {
            self.deck = Kind::DECK.to_vec();
            self.random.shuffle(&mut self.deck);
        }
        let kind = self.deck.pop().unwrap_or(Kind::Kill);
        let mut steps = self.steps(kind);
        steps.sort_by_key(|step| step.after);
        // What a killed guard leaves behind is the agent's to end: it must get to it before it is killed itself.
        let kills_guards = steps.iter().any(|step| matches!(step.act, Act::KillGuard(_)));
        let hurried = !kills_guards && self.random.u8(..4) == 0;
        let rest = if !hurried && self.random.u8(..6) == 0 {
            self.ttl + Duration::from_secs(3)
        } else {
            self.between(0.1, 0.5)
        };
        Round {
            kind,
            steps,
            hurried,
            rest,
        }
    }

    fn steps(&mut self, kind: Kind) -> Vec<Step> {
        let one = self.random.usize(..self.agents);
        match kind {
            // Not drawn here.
            Kind::Start | Kind::Namesake => Vec::new(),
            Kind::Kill => {
                let times = self.times((0.0, 0.0), (0.0, 3.0));
                pair(times, Act::KillAgent(one), Act::StartAgent(one))
            }
            Kind::KillSeveral => {
                let count = self.random.usize(2..self.agents.max(3)).min(self.agents);
                self.kill(count, 2.0)
            }
            Kind::KillAll => self.kill(self.agents, 1.0),
            Kind::Hiccup => {
                let times = self.times((0.0, 0.0), (0.2, 0.8));
                pair(times, Act::StopAgent(one), Act::ContinueAgent(one))
            }
            Kind::Pause => {
                let times = self.times((0.0, 0.0), (1.2, 4.0));
                pair(times, Act::StopAgent(one), Act::ContinueAgent(one))
            }
            Kind::Drain => {
                let times = self.times((0.0, 0.0), (0.5, 3.0));
                pair(times, Act::EndAgent(one), Act::StartAgent(one))
            }
            Kind::Guards => self.kill_guards(one),
            Kind::StoreHiccup => {
                let times = self.times((0.0, 0.0), (0.1, 0.6));
                pair(times, Act::StopStore, Act::ContinueStore)
            }
            Kind::StorePause => {
                let times = self.times((0.0, 0.0), (1.2, 4.0));
                pair(times, Act::StopStore, Act::ContinueStore)
            }
            Kind::StoreRestart => {
                let times = self.times((0.0, 0.0), (0.0, 2.0));
                pair(times, Act::KillStore, Act::StartStore)
            }
            Kind::StoreOutage => {
                let length = Duration::from_secs(60);
                let from = Duration::ZERO;
                pair(Times { from, length }, Act::StopStore, Act::ContinueStore)
            }
            Kind::Rebalance => vec![Step {
                after: Duration::ZERO,
                act: Act::Rebalance,
            }],
            Kind::Storm => self.storm(),
        }
    }

    fn kill(&mut self, count: usize, down_at_most: f64) -> Vec<Step> {
        let mut steps = Vec::new();
        for agent in self.shuffled_agents().into_iter().take(count) {
            let times = self.times((0.0, 0.02), (0.0, down_at_most));
            steps.extend(pair(times, Act::KillAgent(agent), Act::StartAgent(agent)));
        }
        steps
    }

    fn kill_guards(&mut self, agent: usize) -> Vec<Step> {
        let count = self.random.usize(1..=3);
        let mut steps = Vec::new();
        for _ in 0..count {
            steps.push(Step {
                after: self.between(0.0, 0.2),
                act: Act::KillGuard(agent),
            });
        }
        steps
    }

    /// One agent or two are killed, as many are stopped, the next loses guards, and in two of three cases the store is
    /// away for a while, all within one ttl.
    fn storm(&mut self) -> Vec<Step> {
        let mut agents = self.shuffled_agents().into_iter();
        let mut steps = Vec::new();
        for _ in 0..self.random.usize(1..=2) {
            if let Some(agent) = agents.next() {
                let times = self.times((0.0, 1.0), (0.0, 3.0));
                steps.extend(pair(times, Act::KillAgent(agent), Act::StartAgent(agent)));
            }
        }
        for _ in 0..self.random.usize(1..=2) {
            if let Some(agent) = agents.next() {
                let times = self.times((0.0, 1.0), (0.2, 3.0));
                steps.extend(pair(times, Act::StopAgent(agent), Act::ContinueAgent(agent)));
            }
        }
        if let Some(agent) = agents.next() {
            steps.extend(self.kill_guards(agent));
        }
        let times = self.times((0.0, 1.0), (0.2, 2.0));
        match self.random.u8(..3) {
            0 => steps.extend(pair(times, Act::StopStore, Act::ContinueStore)),
            1 => steps.extend(pair(times, Act::KillStore, Act::StartStore)),
            _ => {}
        }
        steps
    }

    fn shuffled_agents(&mut self) -> Vec<usize> {
        let mut agents: Vec<usize> = (0..self.agents).collect();
        self.random.shuffle(&mut agents);
        agents
    }

    /// All four in ttls.
    fn times(&mut self, from: (f64, f64), length: (f64, f64)) -> Times {
        Times {
            from: self.between(from.0, from.1),
            length: self.between(length.0, length.1),
        }
    }

    /// In ttls.
    fn between(&mut self, least: f64, most: f64) -> Duration {
        self.ttl.mul_f64(least + (most - least) * self.random.f64())
    }
}

fn pair(times: Times, act: Act, put_right: Act) -> Vec<Step> {
    let step = |after, act| Step { after, act };
    vec![step(times.from, act), step(times.from + times.length, put_right)]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const TTL: Duration = Duration::from_secs(3);

    fn rounds(seed: u64, agents: usize, count: usize) -> Vec<Round> {
        let mut script = Script::new(seed, agents, TTL, false);
        (0..count).map(|_| script.next_round()).collect()
    }

    #[test]
    fn the_same_seed_draws_the_same_rounds_and_another_one_others() {
        assert_eq!(rounds(7, 5, 100), rounds(7, 5, 100));
        assert_ne!(rounds(7, 5, 100), rounds(8, 5, 100));
    }

    #[test]
    fn each_kind_comes_once_before_any_comes_again() {
        let kinds: BTreeSet<Kind> = rounds(1, 5, Kind::DECK.len()).iter().map(|it| it.kind).collect();
        assert_eq!(kinds, Kind::DECK.into_iter().collect());
    }

    #[test]
    fn a_long_run_has_one_outage() {
        let mut script = Script::new(1, 5, TTL, true);
        let outages = (0..100).filter(|_| script.next_round().kind == Kind::StoreOutage);
        assert_eq!(outages.count(), 1);
    }

    /// What an act disturbs: an agent, or the store.
    fn disturbed(act: Act) -> Option<Option<usize>> {
        match act {
            Act::KillAgent(agent) | Act::StopAgent(agent) | Act::EndAgent(agent) => Some(Some(agent)),
            Act::StopStore | Act::KillStore => Some(None),
            _ => None,
        }
    }

    fn put_right_by(act: Act) -> Option<Act> {
        Some(match act {
            Act::KillAgent(agent) | Act::EndAgent(agent) => Act::StartAgent(agent),
            Act::StopAgent(agent) => Act::ContinueAgent(agent),
            Act::StopStore => Act::ContinueStore,
            Act::KillStore => Act::StartStore,
            _ => return None,
        })
    }

    #[test]
    fn each_thing_is_disturbed_once_in_a_round_and_put_right_later_in_it() {
        for agents in [2, 3, 5] {
            for round in rounds(42, agents, 1_000) {
                let disturbed: Vec<_> = round.steps.iter().filter_map(|step| disturbed(step.act)).collect();
                let things: BTreeSet<_> = disturbed.iter().collect();
                assert_eq!(things.len(), disturbed.len(), "{round:?}");
                for (index, step) in round.steps.iter().enumerate() {
                    if let Some(wanted) = put_right_by(step.act) {
                        let later = round.steps[index + 1..].iter().filter(|later| later.act == wanted);
                        assert_eq!(later.count(), 1, "{round:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn an_agent_that_loses_a_guard_is_left_alone_otherwise_and_given_time() {
        for round in rounds(42, 5, 1_000) {
            for step in &round.steps {
                if let Act::KillGuard(agent) = step.act {
                    assert!(!round.hurried, "{round:?}");
                    let hurt = round
                        .steps
                        .iter()
                        .any(|other| disturbed(other.act) == Some(Some(agent)));
                    assert!(!hurt, "{round:?}");
                }
            }
        }
    }
}
