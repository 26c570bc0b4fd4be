//! Agents that are killed: how long until their units run elsewhere.

mod stamps;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use convoke::runtime::{Boottime, REBALANCE};
use convoke::{NewMessage, NewTopology, Payload, Store, TopologyId};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::seen::Seen;
use crate::bench::place::{Place, open};
use crate::workspace;
use stamps::Stamps;

const AGENTS: [&str; 3] = ["a", "b", "c"];
const UNITS: usize = 6;
/// From one time stamp of a unit to the next.
const STAMP_EVERY: &str = "5ms";
/// What a takeover may take beyond the time for which a silent agent is waited for.
const BEYOND_TTL: Duration = Duration::from_secs(1);
/// Fewer rounds say nothing of a 99th percentile.
const ENOUGH: usize = 100;
/// How long anything may take before the trial fails.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many lines of each agent are shown when something went wrong.
const LAST_WORDS: usize = 20;
/// How often it is looked whether units run. What is measured is what they wrote themselves.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Tries it, and says what was seen.
pub(crate) async fn run(place: &Place, rounds: usize, ttl: Duration) -> Result<Seen> {
    let url = place.fresh("takeovers").await?;
    let mut cluster = Cluster::start(&url, ttl).await?;
    let mut took = Vec::with_capacity(rounds);
    for round in 0..rounds {
        cluster.wait_for_even_load().await?;
        let victim = cluster.victim(round).await?;
        let taken_over = cluster.kill_and_wait(victim).await?;
        took.push(taken_over.with_context(|| format!("in round {round}"))?);
        cluster.start_again(victim)?;
    }
    // Whoever was started last may not know yet what to do about a signal.
    cluster.wait_for_even_load().await?;
    cluster.end()?;
    for stamps in &mut cluster.units {
        stamps.read()?;
        stamps.ensure_never_twice()?;
    }
    took.sort_unstable();
    Ok(judge(&took, ttl))
}

fn judge(took: &[Duration], ttl: Duration) -> Seen {
    let at = |share: f64| took[((took.len() as f64 * share).ceil() as usize).clamp(1, took.len()) - 1];
    let millis = |time: Duration| time.as_secs_f64() * 1_000.0;
    let (least, median, p99, most) = (at(0.0), at(0.5), at(0.99), at(1.0));
    let bar = ttl + BEYOND_TTL;
    let mut faults = Vec::new();
    if p99 > bar && took.len() >= ENOUGH {
        faults.push(format!(
            "at the 99th percentile a takeover took {p99:.2?}, and should not take more than {bar:?}"
        ));
    }
    Seen {
        text: format!(
            "{} agents killed, every second one the leader: their units ran elsewhere after {median:.2?} (median), {p99:.2?} (p99), \
             never twice at a time",
            took.len()
        ),
        figures: vec![
            ("rounds", took.len() as f64),
            ("ttl_ms", millis(ttl)),
            ("min_ms", millis(least).round()),
            ("median_ms", millis(median).round()),
            ("p99_ms", millis(p99).round()),
            ("max_ms", millis(most).round()),
        ],
        faults,
    }
}

/// Agents of one installation, and what their units wrote.
struct Cluster {
    store: std::sync::Arc<dyn Store>,
    program: PathBuf,
    url: String,
    ttl: Duration,
    /// What units and agents write is in it.
    folder: tempfile::TempDir,
    agents: Vec<Child>,
    units: Vec<Stamps>,
}

impl Cluster {
    async fn start(url: &str, ttl: Duration) -> Result<Self> {
        let store = open(url).await?;
        let program = built()?;
        let folder = tempfile::tempdir()?;
        let mut units = Vec::with_capacity(UNITS);
        for number in 0..UNITS {
            let file = folder.path().join(number.to_string());
            register(&*store, number, &program, &file).await?;
            units.push(Stamps::of(file));
        }
        let mut cluster = Self {
            store,
            program,
            url: url.to_owned(),
            ttl,
            folder,
            agents: Vec::new(),
            units,
        };
        for name in AGENTS {
            let agent = cluster.agent(name)?;
            cluster.agents.push(agent);
        }
        Ok(cluster)
    }

    fn agent(&self, name: &str) -> Result<Child> {
        let ttl = format!("{}ms", self.ttl.as_millis());
        let mut command = Command::new(&self.program);
        command.args(["agent", "--store", &self.url, "--name", name, "--json"]);
        command.args(["--ttl", &ttl, "--lead-ttl", &ttl]);
        // What they say of themselves is shown when something goes wrong.
        let said = File::options().create(true).append(true).open(self.said(name))?;
        command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
        command.spawn().context("starting an agent")
    }

    fn said(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The last that each agent said.
    fn last_words(&self) -> String {
        let last = AGENTS.map(|name| {
            let said = std::fs::read_to_string(self.said(name)).unwrap_or_default();
            let lines: Vec<_> = said.lines().collect();
            format!(
                "{name}:\n{}",
                lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n")
            )
        });
        last.join("\n")
    }

    /// Waits until each agent runs as many units as the others, and asks the leader to see to it.
    async fn wait_for_even_load(&mut self) -> Result<()> {
        let begun = Instant::now();
        let mut asked: Option<Instant> = None;
        loop {
            let since = Boottime::now().minus(LOOK_EVERY * 5);
            let mut load = [0; AGENTS.len()];
            for unit in &mut self.units {
                unit.read()?;
                let runner = unit.last().filter(|run| since < run.last);
                if let Some(agent) = runner.and_then(|run| AGENTS.iter().position(|name| *name == run.agent)) {
                    load[agent] += 1;
                }
            }
            if load.iter().all(|units| *units == UNITS / AGENTS.len()) {
                return Ok(());
            }
            ensure!(
                begun.elapsed() < PATIENCE,
                "in {PATIENCE:?} the load did not get even: {load:?}\n{}",
                self.last_words()
            );
            if asked.is_none_or(|at| at.elapsed() > Duration::from_secs(1)) {
                asked = Some(Instant::now());
                if let Some(leader) = self.store.leader().await? {
                    let ask = NewMessage::new(leader.worker, convoke::Command::new(REBALANCE)?, Payload::empty());
                    self.store.send_message(&ask).await?;
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Whom to kill: the leader, and every second time one of the others.
    async fn victim(&self, round: usize) -> Result<usize> {
        let leader = self.store.leader().await?.context("nobody leads")?.worker;
        let leader = AGENTS.iter().position(|name| *name == leader.as_str());
        let leader = leader.context("a stranger leads")?;
        Ok(if round.is_multiple_of(2) {
            leader
        } else {
            (leader + 1 + round / 2 % (AGENTS.len() - 1)) % AGENTS.len()
        })
    }

    /// Kills an agent, and answers how long it took until the last of its units ran elsewhere.
    async fn kill_and_wait(&mut self, victim: usize) -> Result<Result<Duration>> {
        let name = AGENTS[victim];
        for unit in &mut self.units {
            unit.read()?;
        }
        let killed = Boottime::now();
        self.agents[victim].kill()?;
        self.agents[victim].wait()?;
        let begun = Instant::now();
        let its: Vec<_> = self
            .units
            .iter_mut()
            .filter(|unit| unit.last().is_some_and(|run| run.agent == name))
            .collect();
        let mut longest = Duration::ZERO;
        for unit in its {
            let elsewhere = loop {
                unit.read()?;
                if let Some(run) = unit.last().filter(|run| run.agent != name) {
                    break run.first;
                }
                if begun.elapsed() > PATIENCE {
                    return Ok(Err(anyhow::anyhow!(
                        "in {PATIENCE:?} a unit of {name} did not run elsewhere"
                    )));
                }
                tokio::time::sleep(LOOK_EVERY).await;
            };
            longest = longest.max(elsewhere.since(killed));
        }
        Ok(Ok(longest))
    }

    fn start_again(&mut self, agent: usize) -> Result<()> {
        self.agents[agent] = self.agent(AGENTS[agent])?;
        Ok(())
    }

    /// Ends all agents in good order.
    fn end(&mut self) -> Result<()> {
        for agent in &self.agents {
            kill_process(Pid::from_child(agent), Signal::TERM)?;
        }
        for mut agent in self.agents.drain(..) {
            ensure!(agent.wait()?.success(), "an agent did not end well");
        }
        Ok(())
    }
}

impl Drop for Cluster {
    /// Whoever is left when a trial failed ends with it; the guards of the units see to those.
    fn drop(&mut self) {
        for agent in &mut self.agents {
            let _ = agent.kill();
            let _ = agent.wait();
        }
    }
}

async fn register(store: &dyn Store, number: usize, program: &Path, stamps: &Path) -> Result<()> {
    let program = program.to_str().context("the program's path is no text")?;
    let stamps = stamps.to_str().context("the temporary directory's path is no text")?;
    let config = json!({ "command": [program, "tick", stamps, "--every", STAMP_EVERY] });
    let id = TopologyId::new(format!("unit-{number}"))?;
    store
        .register_topology(&NewTopology::new(id.clone(), Payload::of(&config)?))
        .await?;
    store.enable_topology(&id).await?;
    Ok(())
}

/// The program, built as this one is.
fn built() -> Result<PathBuf> {
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--quiet", "--locked", "--package", "convoke-cli"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    workspace::run(&mut cargo)?;
    let here = std::env::current_exe()?;
    let program = here.with_file_name("convoke");
    if !program.is_file() {
        bail!("{} is not there, though it was built", program.display());
    }
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_judged_at_the_99th_percentile_of_enough_rounds() {
        let ttl = Duration::from_secs(2);
        let mut took = vec![Duration::from_millis(1_900); 99];
        took.push(Duration::from_millis(9_000));
        assert!(judge(&took, ttl).faults.is_empty());
        took[98] = Duration::from_millis(3_001);
        assert_eq!(judge(&took, ttl).faults.len(), 1);
        assert!(judge(&took[90..], ttl).faults.is_empty());
        let figures = judge(&took, ttl).figures;
        assert!(figures.contains(&("median_ms", 1_900.0)) && figures.contains(&("max_ms", 9_000.0)));
    }

    #[test]
    fn the_agents_can_share_the_units_evenly() {
        assert_eq!(UNITS % AGENTS.len(), 0);
    }
}
