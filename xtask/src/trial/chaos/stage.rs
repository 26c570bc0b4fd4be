//! Carries the script out, and notes what was done when.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::future::Future;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use convoke::runtime::{Boottime, REBALANCE};
use convoke::{NewMessage, Payload, Store, Ttl, WorkerName};
use tokio::runtime::Runtime;

use super::agents::Agents;
use super::fencing::Holdings;
use super::judge::{Bounds, Mark};
use super::processes;
use super::script::{Act, Kind, Round};
use super::silence::Silence;
use super::stamps::Stamps;
use super::store::Victim;
use super::teller::Teller;

/// How often to look while waiting.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often to look through all processes.
const REAP_EVERY: Duration = Duration::from_secs(1);
/// A unit whose last stamp is not older than this runs, as far as waiting goes; what is judged is judged by all stamps.
const FRESH: Duration = Duration::from_millis(300);
/// How long a question to the store may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a namesake may take until it has the name.
const REGISTERED_WITHIN: Duration = Duration::from_secs(20);
/// How an agent ends that finds out that it is fenced; see `convoke --help`.
const FENCED: i32 = 5;
/// How long an agent or a guard may leave a process that is over unasked about.
const COLLECTED_WITHIN: Duration = Duration::from_secs(3);
/// How long after the last agent ended something of it may be there.
const GONE_WITHIN: Duration = Duration::from_secs(3);

/// A cluster, its store, and what is done to them.
pub(crate) struct Stage<'a> {
    pub(crate) cast: Cast<'a>,
    store: Arc<dyn Store>,
    /// Says which guard is killed.
    random: fastrand::Rng,
    store_is_up: bool,
    /// An agent that is stopped holds the lock of SQLite.
    is_locked_out: bool,
    /// Since when whoever is silent is.
    silent_since: BTreeMap<Option<usize>, Boottime>,
    /// What agents had that may be stopped by now.
    holdings: BTreeMap<usize, Holdings>,
    /// Of the round under way.
    kind: Kind,
    reap_at: Boottime,
    zombies: Option<(Boottime, HashSet<u32>)>,
    pub(crate) record: Record,
}

/// What was done and seen beside the stamps.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) marks: Vec<Mark>,
    pub(crate) rounds: BTreeMap<Kind, usize>,
    /// How often the agent that was hurt led.
    pub(crate) leaders_hurt: usize,
    pub(crate) silences: Vec<Silence>,
    /// How many late writes failed as Fenced.
    pub(crate) fenced: usize,
    /// Who led when there were late writes.
    pub(crate) leaders: BTreeSet<String>,
    /// What else was seen that is worth to be told.
    pub(crate) shown: Vec<String>,
    /// What must not be, but for what the stamps tell.
    pub(crate) faults: Vec<String>,
}

/// What a stage is made of.
pub(crate) struct Cast<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) agents: Agents,
    pub(crate) victim: Victim,
    pub(crate) stamps: Stamps,
    pub(crate) units: usize,
    pub(crate) bounds: Bounds,
    pub(crate) teller: Teller,
    pub(crate) seed: u64,
}

impl<'a> Stage<'a> {
    /// Nothing runs yet.
    pub(crate) fn set(cast: Cast<'a>) -> Result<Self> {
        let store = cast.runtime.block_on(crate::bench::place::open(&cast.victim.url()))?;
        Ok(Self {
            random: fastrand::Rng::with_seed(cast.seed),
            cast,
            store,
            store_is_up: true,
            is_locked_out: false,
            silent_since: BTreeMap::new(),
            holdings: BTreeMap::new(),
            kind: Kind::Start,
            reap_at: Boottime::now(),
            zombies: None,
            record: Record::default(),
        })
    }

    /// Starts all agents, carries these rounds out, and ends all agents.
    pub(crate) fn play(&mut self, rounds: impl Iterator<Item = Round>) -> Result<()> {
        for agent in 0..self.cast.agents.count() {
            self.act(Act::StartAgent(agent))?;
        }
        self.settle()?;
        for round in rounds {
            self.carry_out(&round)?;
        }
        self.settle()?;
        self.mark("the end", false);
        self.cast.teller.tell("all agents are told to end");
        self.cast.agents.end_all()?;
        self.cast.stamps.read()?;
        self.look_for_leftovers()
    }

    fn carry_out(&mut self, round: &Round) -> Result<()> {
        self.kind = round.kind;
        *self.record.rounds.entry(round.kind).or_default() += 1;
        let begun = Boottime::now();
        for step in &round.steps {
            self.wait_until(begun.plus(step.after))?;
            self.act(step.act)?;
        }
        if !round.hurried {
            self.settle()?;
        }
        self.wait_until(Boottime::now().plus(round.rest))
    }

    fn act(&mut self, act: Act) -> Result<()> {
        let what = self.described(act);
        self.cast.teller.tell(&format!("{}: {what}", self.kind));
        // What is over before the mark is not the mark's doing; so it stands before the act, and behind it where only
        // then the store answers.
        let before = Boottime::now();
        let (at, works) = match act {
            Act::KillAgent(agent) => (before, self.cast.agents.kill(agent).map(|()| true)?),
            Act::StartAgent(agent) => (before, self.cast.agents.start(agent).map(|()| true)?),
            Act::StopAgent(agent) => {
                self.zombies = None;
                self.cast.agents.stop(agent)?;
                self.silent_since.insert(Some(agent), Boottime::now());
                self.is_locked_out = self.store_is_up && !self.cast.victim.answers()?;
                (before, true)
            }
            Act::ContinueAgent(agent) => {
                self.note_silence(Some(agent), before);
                (before, self.cast.agents.go_on(agent).map(|()| true)?)
            }
            Act::EndAgent(agent) => (before, self.cast.agents.tell_to_end(agent).map(|()| true)?),
            Act::KillGuard(agent) => {
                let lot = self.random.usize(..);
                (before, self.cast.agents.kill_guard(agent, lot)?.is_some())
            }
            Act::StopStore => (before, self.lose_store(Victim::stop)?),
            Act::KillStore => (before, self.lose_store(Victim::kill)?),
            Act::ContinueStore => (self.regain_store(Victim::go_on)?, true),
            Act::StartStore => (self.regain_store(Victim::start)?, true),
            Act::Rebalance => (before, self.ask_to_rebalance()?),
            Act::NoteHoldings(agent) => (before, self.note_holdings(agent).map(|()| false)?),
            Act::WriteLate(agent) => (before, self.write_late(agent).map(|()| false)?),
            Act::StartNamesake(agent) => (before, self.start_namesake(agent).map(|()| true)?),
            Act::WakeFormer(agent) => (before, self.wake_former(agent).map(|()| true)?),
        };
        if works {
            self.mark_at(at, &what);
        }
        Ok(())
    }

    fn described(&mut self, act: Act) -> String {
        let name = |agent: usize| self.cast.agents.name(agent).to_owned();
        match act {
            Act::KillAgent(agent) => format!("SIGKILL to {}", self.noted(agent)),
            Act::StartAgent(agent) => format!("{} is started", name(agent)),
            Act::StopAgent(agent) => format!("SIGSTOP to {}", self.noted(agent)),
            Act::ContinueAgent(agent) => format!("SIGCONT to {}", name(agent)),
            Act::EndAgent(agent) => format!("SIGTERM to {}", self.noted(agent)),
            Act::KillGuard(agent) => format!("SIGKILL to a guard of {}", name(agent)),
            Act::StopStore => "the store is stopped".to_owned(),
            Act::ContinueStore => "the store goes on".to_owned(),
            Act::KillStore => "the store is killed".to_owned(),
            Act::StartStore => "the store is started".to_owned(),
            Act::Rebalance => "the leader is asked to even the load out".to_owned(),
            Act::NoteHoldings(agent) => format!("what {} has is kept in mind", name(agent)),
            Act::WriteLate(agent) => format!("what {} would write is written", name(agent)),
            Act::StartNamesake(agent) => format!("another {} is started", name(agent)),
            Act::WakeFormer(agent) => format!("SIGCONT to the {} before", name(agent)),
        }
    }

    /// The name of an agent that is about to be hurt, and whether it leads.
    fn noted(&mut self, agent: usize) -> String {
        let name = self.cast.agents.name(agent).to_owned();
        if self.leader().is_ok_and(|leader| leader.as_str() == name) {
            self.record.leaders_hurt += 1;
            return format!("{name}, which leads");
        }
        name
    }

    fn leader(&self) -> Result<WorkerName> {
        ensure!(self.store_is_up && !self.is_locked_out, "the store does not answer");
        let leader = self.ask(self.store.leader())??;
        Ok(leader.context("nobody leads")?.worker)
    }

    /// What the store answers in time.
    fn ask<T>(&self, question: impl Future<Output = T>) -> Result<T> {
        let answer = async { tokio::time::timeout(PATIENCE, question).await };
        Ok(self.cast.runtime.block_on(answer)?)
    }

    fn worker_name(&self, agent: usize) -> Result<WorkerName> {
        Ok(WorkerName::new(self.cast.agents.name(agent))?)
    }

    fn note_silence(&mut self, agent: Option<usize>, until: Boottime) {
        if let Some(from) = self.silent_since.remove(&agent) {
            let agent = agent.map(|agent| self.cast.agents.name(agent).to_owned());
            self.record.silences.push(Silence { agent, from, until });
        }
    }

    fn note_holdings(&mut self, agent: usize) -> Result<()> {
        let name = self.worker_name(agent)?;
        let holdings = self.ask(Holdings::of(&*self.store, &name))??;
        self.holdings.insert(agent, holdings);
        Ok(())
    }

    fn write_late(&mut self, agent: usize) -> Result<()> {
        let name = self.worker_name(agent)?;
        let had = self.holdings.get(&agent).context("what it had was not kept in mind")?;
        let ttl = Ttl::new(self.cast.bounds.lease)?;
        let late = self.ask(had.write_late(&*self.store, ttl))??;
        let led = had
            .term()
            .map_or_else(String::new, |term| format!(", the leader of term {term},"));
        let leads = late.leader.as_ref().map_or_else(
            || "nobody leads".to_owned(),
            |it| format!("{} leads in term {}", it.worker, it.term),
        );
        let shown = format!(
            "what {name}{led} would have written late, while {leads}: {} times Fenced, {} times answered that it is \
             another's",
            late.fenced, late.refused
        );
        self.cast.teller.tell(&shown);
        self.record.shown.push(shown);
        self.record.fenced += late.fenced;
        self.record
            .leaders
            .extend(late.leader.map(|leader| leader.worker.to_string()));
        let faults = late
            .faults
            .into_iter()
            .map(|fault| format!("{name} was stopped: {fault}"));
        self.record.faults.extend(faults);
        Ok(())
    }

    /// Returns when the namesake has the name.
    fn start_namesake(&mut self, agent: usize) -> Result<()> {
        self.cast.agents.start_namesake(agent)?;
        let had = self.holdings.get(&agent).context("what it had was not kept in mind")?;
        let give_up = Boottime::now().plus(REGISTERED_WITHIN);
        while !self.ask(had.is_superseded(&*self.store))?? {
            ensure!(Boottime::now() < give_up, "the namesake did not register");
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    fn wake_former(&mut self, agent: usize) -> Result<()> {
        self.note_silence(Some(agent), Boottime::now());
        let status = self.cast.agents.wake_former(agent)?;
        let name = self.cast.agents.name(agent);
        let shown = format!("the {name} before its namesake ended by itself: {status}");
        self.cast.teller.tell(&shown);
        if status.code() == Some(FENCED) {
            self.record.shown.push(shown);
        } else {
            self.record
                .faults
                .push(format!("{shown}; as one that is fenced it exits with {FENCED}"));
        }
        Ok(())
    }

    fn lose_store(&mut self, lose: fn(&mut Victim) -> Result<()>) -> Result<bool> {
        self.store_is_up = false;
        lose(&mut self.cast.victim)?;
        self.silent_since.insert(None, Boottime::now());
        Ok(true)
    }

    /// Answers when it answered again.
    fn regain_store(&mut self, regain: fn(&mut Victim) -> Result<()>) -> Result<Boottime> {
        self.note_silence(None, Boottime::now());
        regain(&mut self.cast.victim)?;
        self.store_is_up = true;
        Ok(Boottime::now())
    }

    /// Answers whether there was somebody to ask.
    fn ask_to_rebalance(&mut self) -> Result<bool> {
        let Ok(leader) = self.leader() else {
            self.cast.teller.tell("nobody leads, so nobody is asked");
            return Ok(false);
        };
        let message = NewMessage::new(leader, convoke::Command::new(REBALANCE)?, Payload::parse("{}")?);
        self.ask(self.store.send_message(&message))??;
        Ok(true)
    }

    fn mark(&mut self, what: &str, works: bool) {
        self.record.marks.push(Mark {
            at: Boottime::now(),
            works,
            kind: self.kind,
            what: what.to_owned(),
        });
    }

    fn mark_at(&mut self, at: Boottime, what: &str) {
        let works = self.store_is_up && !self.is_locked_out && self.cast.agents.up() > 0;
        self.record.marks.push(Mark {
            at,
            works,
            kind: self.kind,
            what: what.to_owned(),
        });
    }

    /// Waits until all units run, but not for ever: whether that was in time is judged later.
    fn settle(&mut self) -> Result<()> {
        let give_up = Boottime::now().plus(self.cast.bounds.healing * 3);
        // What runs until it is hurt by what was done last is not back yet.
        let begun = Boottime::now().plus(FRESH);
        loop {
            self.look()?;
            let now = Boottime::now();
            if begun < now && self.running_since(now.minus(FRESH)) == self.cast.units {
                break;
            }
            if give_up < now {
                self.cast.teller.tell("not all units are back, which is judged later");
                break;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        self.look_for_zombies()
    }

    /// How many units run where they can stay: a stopped agent's do not.
    fn running_since(&self, moment: Boottime) -> usize {
        let Cast { agents, stamps, .. } = &self.cast;
        let stopped = agents.stopped();
        stamps.running_since(moment, |agent| !stopped.contains(&agent))
    }

    fn wait_until(&mut self, moment: Boottime) -> Result<()> {
        loop {
            self.look()?;
            let left = moment.remaining();
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(LOOK_EVERY));
        }
    }

    /// What has to be seen to all the time.
    fn look(&mut self) -> Result<()> {
        for (agent, status) in self.cast.agents.fallen()? {
            let fault = format!("{} ended by itself: {status}", self.cast.agents.name(agent));
            self.cast.teller.tell(&fault);
            self.record.faults.push(fault);
            self.act(Act::StartAgent(agent))?;
        }
        if self.is_locked_out && self.cast.victim.answers()? {
            self.is_locked_out = false;
            self.mark_at(
                Boottime::now(),
                "an agent that is stopped has let go of the lock of SQLite",
            );
        }
        self.cast.stamps.read()?;
        let fresh = self.running_since(Boottime::now().minus(FRESH));
        let store = if self.store_is_up { "answers" } else { "is away" };
        let up = self.cast.agents.up();
        self.cast.teller.show(&format!(
            "{up} agents up, the store {store}, {fresh}/{} units run",
            self.cast.units
        ));
        if self.reap_at < Boottime::now() {
            self.reap_at = Boottime::now().plus(REAP_EVERY);
            processes::reap_adopted(&self.cast.agents.processes())?;
        }
        Ok(())
    }

    /// Complains of processes that were over the last time, too, and that no agent or guard has asked about since.
    fn look_for_zombies(&mut self) -> Result<()> {
        let mut parents = self.cast.agents.processes();
        for agent in self.cast.agents.processes() {
            parents.extend(processes::guards_of(agent)?);
        }
        let zombies = processes::zombies_of(&parents)?;
        let now = Boottime::now();
        match &self.zombies {
            Some((at, before)) if COLLECTED_WITHIN < now.since(*at) => {
                for zombie in zombies.intersection(before) {
                    let fault = format!("process {zombie} is over, and its parent has not asked about it");
                    self.record.faults.push(fault);
                }
            }
            Some(_) => return Ok(()),
            None => {}
        }
        self.zombies = Some((now, zombies));
        Ok(())
    }

    /// Complains of what is left when all agents have ended.
    fn look_for_leftovers(&mut self) -> Result<()> {
        let mark = self.cast.agents.directory().display().to_string();
        let give_up = Boottime::now().plus(GONE_WITHIN);
        loop {
            processes::reap_adopted(&HashSet::new())?;
            let left = processes::marked(&mark)?;
            if left.is_empty() {
                return Ok(());
            }
            if give_up < Boottime::now() {
                let faults = left.iter().map(|it| format!("left behind: process {it}"));
                self.record.faults.extend(faults);
                return Ok(());
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

/// Runs a command of `convoke` that has to succeed, and answers what it says.
pub(crate) fn says(mut command: Command) -> Result<String> {
    crate::workspace::output_of(&mut command)
}
