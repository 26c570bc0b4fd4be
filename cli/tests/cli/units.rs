//! A cluster of agents, and what their units write.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Process, World, now, until};

/// How long a silent agent is waited for: long enough for a host that stands still for a while.
pub(crate) const TTL: Duration = Duration::from_secs(3);
/// Nobody takes over within this by waiting for an agent's end.
pub(crate) const LONG: Duration = Duration::from_secs(600);

/// Agents on one store.
pub(crate) struct Cluster<'a> {
    pub(crate) world: &'a World,
    ttl: Duration,
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
    /// Whose agents are waited for for so long.
    pub(crate) const fn of(world: &'a World, ttl: Duration) -> Self {
        Self { world, ttl }
    }

    pub(crate) fn agent(&self, name: &str) -> Process {
        self.agent_with(name, &[])
    }

    pub(crate) fn agent_with(&self, name: &str, options: &[&str]) -> Process {
        let ttl = format!("{}ms", self.ttl.as_millis());
        let mut convoke = self.world.convoke(&["agent", "--name", name, "--ttl", &ttl]);
        convoke
            .args(["--look-every", "200ms", "--logs"])
            .arg(self.logs())
            .args(options);
        if !options.contains(&"--restart-after") {
            convoke.args(["--restart-after", "100ms"]);
        }
        Process::start(name, convoke)
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.world.file("logs")
    }

    /// Registers a unit with this config, and enables it.
    pub(crate) fn register(&self, id: &str, config: &Value) {
        let file = self.world.written("config", &config.to_string());
        self.world.says(&["topology", "register", id, &file, "--enable"]);
    }

    /// Registers a unit that is a script of a shell.
    pub(crate) fn register_script(&self, id: &str, script: &str, restart: &str) {
        self.register(id, &json!({ "command": ["sh", "-c", script], "restart": restart }));
    }

    /// Registers a unit that writes time stamps.
    pub(crate) fn register_stamping(&self, id: &str) {
        let command = json!([env!("CARGO_BIN_EXE_convoke"), "tick", self.stamps(id), "--every", "2ms"]);
        self.register(id, &json!({ "command": command }));
    }

    fn stamps(&self, id: &str) -> PathBuf {
        self.world.file(&format!("stamps-{id}"))
    }

    /// How the store has it.
    pub(crate) fn topology(&self, id: &str) -> Value {
        self.world.json(&["topology", "get", id])["topology"].take()
    }

    /// Waits until the store has it so, and answers how.
    pub(crate) fn topology_when(&self, id: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        until(&format!("{id} is as it should be"), || {
            last = self.topology(id);
            is_so(&last).then(|| last.clone())
        })
    }

    /// All processes of a unit that wrote time stamps, in their order.
    pub(crate) fn runs(&self, id: &str) -> Vec<UnitRun> {
        let text = std::fs::read_to_string(self.stamps(id)).unwrap_or_default();
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

    /// Waits until the unit writes after this moment, and answers which process did.
    pub(crate) fn running(&self, id: &str) -> UnitRun {
        self.running_since(id, now(), |_| true)
    }

    /// Waits until a process that is as wanted has written after `moment`, and answers it.
    pub(crate) fn running_since(&self, id: &str, moment: u64, is_wanted: impl Fn(&UnitRun) -> bool) -> UnitRun {
        until(&format!("{id} runs as wanted: {:?}", self.runs(id)), || {
            let mut runs = self.runs(id).into_iter();
            runs.find(|run| run.last > moment && is_wanted(run))
        })
    }

    /// Fails if a process of the unit began before the last time stamp of the one before it.
    pub(crate) fn assert_never_twice_at_a_time(&self, id: &str) {
        for pair in self.runs(id).windows(2) {
            assert!(pair[0].last < pair[1].first, "{id} twice at a time: {pair:?}");
        }
    }
}
