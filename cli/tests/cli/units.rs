//! A cluster of agents, and the time stamps that their units write.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::world::{Process, World, until};

/// How long a silent agent is waited for: long enough for a host that stands still for a while.
pub(crate) const TTL: Duration = Duration::from_secs(2);

/// Agents on one store.
pub(crate) struct Cluster<'a> {
    world: &'a World,
}

/// A process of a unit, from its first to its last time stamp, in nanoseconds since boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnitRun {
    pub(crate) agent: String,
    pub(crate) pid: i32,
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl<'a> Cluster<'a> {
    pub(crate) const fn of(world: &'a World) -> Self {
        Self { world }
    }

    pub(crate) fn agent(&self, name: &str) -> Process {
        self.agent_with(name, &[])
    }

    pub(crate) fn agent_with(&self, name: &str, options: &[&str]) -> Process {
        let ttl = format!("{}ms", TTL.as_millis());
        let mut convoke = self.world.convoke(&["agent", "--name", name, "--ttl", &ttl]);
        convoke.args(options);
        Process::start(name, convoke)
    }

    /// Registers a unit with this config, and enables it.
    pub(crate) fn register(&self, id: &str, config: &serde_json::Value) {
        let file = self.world.written(&format!("config-{id}"), &config.to_string());
        self.world.says(&["topology", "register", id, &file, "--enable"]);
    }

    /// Registers a unit that writes time stamps.
    pub(crate) fn register_stamping(&self, id: &str) {
        let stamps = self.world.file(&format!("stamps-{id}"));
        let convoke = env!("CARGO_BIN_EXE_convoke");
        let command = serde_json::json!([convoke, "tick", stamps, "--every", "2ms"]);
        self.register(id, &serde_json::json!({ "command": command }));
    }

    /// All processes of a unit that wrote time stamps, in their order.
    pub(crate) fn runs(&self, id: &str) -> Vec<UnitRun> {
        let text = std::fs::read_to_string(self.world.file(&format!("stamps-{id}"))).unwrap_or_default();
        // The last line may be half written.
        let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
        let mut runs: BTreeMap<i32, UnitRun> = BTreeMap::new();
        for line in whole.lines() {
            let [topology, agent, pid, at] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line:?}")
            };
            assert_eq!(topology, id);
            let (pid, at) = (pid.parse().unwrap(), at.parse().unwrap());
            let run = runs.entry(pid).or_insert(UnitRun {
                agent: agent.to_owned(),
                pid,
                first: at,
                last: at,
            });
            (run.first, run.last) = (run.first.min(at), run.last.max(at));
        }
        let mut runs: Vec<_> = runs.into_values().collect();
        runs.sort_by_key(|run| run.first);
        runs
    }

    /// Waits until a process of the unit has begun after `moment`.
    pub(crate) fn running(&self, id: &str, moment: u64) -> UnitRun {
        until(&format!("{id} runs"), || self.runs(id).into_iter().find(|run| run.first > moment))
    }

    /// Waits until the unit has written after `moment` on that agent.
    pub(crate) fn running_on(&self, id: &str, agent: &str, moment: u64) -> UnitRun {
        until(&format!("{id} runs on {agent}"), || {
            let mut runs = self.runs(id).into_iter();
            runs.find(|run| run.agent == agent && run.last > moment)
        })
    }

    /// Fails if a process of a unit began before the last time stamp of the one before it.
    pub(crate) fn assert_never_twice_at_a_time(&self, ) {
        for id in ["one", "two", "three", "four"] {
            for pair in self.runs(id).windows(2) {
                assert!(pair[0].last < pair[1].first, "{id} twice at a time: {pair:?}");
            }
        }
    }
}
