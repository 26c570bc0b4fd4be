//! The agents: real `convoke agent` processes, started, killed, stopped and told to end.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::processes::{self, MARK};

/// From TERM to KILL of a unit.
const GRACE: &str = "1s";
/// How long an agent that was told to end may take.
const END_WITHIN: Duration = Duration::from_secs(20);

/// All agents of a cluster.
#[derive(Debug)]
pub(crate) struct Agents {
    place: Place,
    members: Vec<Member>,
}

/// What all agents share.
#[derive(Debug)]
pub(crate) struct Place {
    /// The program `convoke`.
    pub(crate) convoke: PathBuf,
    pub(crate) url: String,
    /// Where their logs are, which is their mark, too.
    pub(crate) directory: PathBuf,
    pub(crate) ttl: Duration,
}

/// What an agent finds in its environment beside what all find there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings(pub(crate) Vec<(&'static str, OsString)>);

#[derive(Debug)]
struct Member {
    name: String,
    surroundings: Surroundings,
    process: Option<Child>,
    state: State,
    /// The process that had the name before another one took it.
    former: Option<Child>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up,
    Stopped,
    Ending,
    Down,
}

impl Agents {
    /// One in each of these surroundings, none of them up.
    pub(crate) fn of(place: Place, surroundings: Vec<Surroundings>) -> Self {
        let member = |(index, surroundings)| Member {
            name: format!("agent-{}", index + 1),
            surroundings,
            process: None,
            state: State::Down,
            former: None,
        };
        Self {
            place,
            members: surroundings.into_iter().enumerate().map(member).collect(),
        }
    }

    /// How many there are, up or not.
    pub(crate) const fn count(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn name(&self, agent: usize) -> &str {
        &self.members[agent].name
    }

    /// How many are up: not killed, stopped or told to end.
    pub(crate) fn up(&self) -> usize {
        self.members.iter().filter(|it| it.state == State::Up).count()
    }

    /// The names of those that are stopped, and that no guard has let go on since.
    pub(crate) fn stopped(&self) -> Vec<&str> {
        let is_stopped = |it: &&Member| {
            it.state == State::Stopped && it.process.as_ref().is_some_and(|it| processes::is_stopped(it.id()))
        };
        let stopped = self.members.iter().filter(is_stopped);
        stopped.map(|it| it.name.as_str()).collect()
    }

    /// `convoke` with these arguments on their store.
    pub(crate) fn convoke(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.place.convoke);
        command.args(arguments).env("CONVOKE_STORE", &self.place.url);
        command.stdin(Stdio::null());
        command
    }

    /// The same in the surroundings of one of them.
    pub(crate) fn convoke_of(&self, agent: usize, arguments: &[&str]) -> Command {
        let mut command = self.convoke(arguments);
        command.envs(self.members[agent].surroundings.0.iter().cloned());
        command
    }

    /// Starts one that is down, or was told to end, once it has.
    pub(crate) fn start(&mut self, agent: usize) -> Result<()> {
        self.wait(agent)?;
        let child = self.command(agent)?.spawn().context("starting an agent")?;
        let member = &mut self.members[agent];
        (member.process, member.state) = (Some(child), State::Up);
        Ok(())
    }

    /// Starts another process of the same name as one that is stopped, which stays as it is.
    pub(crate) fn start_namesake(&mut self, agent: usize) -> Result<()> {
        let member = &mut self.members[agent];
        member.former = member.process.take();
        self.start(agent)
    }

    /// Wakes the process that had the name before its namesake, and answers how it ended: by itself, because nobody tells
    /// it to.
    pub(crate) fn wake_former(&mut self, agent: usize) -> Result<ExitStatus> {
        let member = &mut self.members[agent];
        let mut former = member
            .former
            .take()
            .with_context(|| format!("{} has no namesake", member.name))?;
        kill_process(pid(former.id())?, Signal::CONT).with_context(|| format!("SIGCONT to {}", member.name))?;
        let ended = wait_for(&mut former)?;
        if ended.is_none() {
            let (_, _) = (former.kill(), former.wait());
        }
        ended.with_context(|| {
            format!(
                "{} was woken after another process took its name, and runs after {END_WITHIN:?}",
                member.name
            )
        })
    }

    /// Dies with this process, however that ends.
    fn command(&self, agent: usize) -> Result<Command> {
        let Place {
            convoke,
            url,
            directory,
            ttl,
        } = &self.place;
        let name = self.name(agent);
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(directory.join(format!("{name}.log")))?;
        let ttl = format!("{}ms", ttl.as_millis());
        let mut command = Command::new(convoke);
        command
            .args(["exec-bound", "--parent", &std::process::id().to_string(), "--"])
            .arg(convoke)
            .args(["agent", "--json", "--name", name, "--ttl", &ttl, "--lead-ttl", &ttl])
            .args(["--grace", GRACE])
            // Units that crash again and again are not what is tried here.
            .args(["--restart-after", "200ms", "--restart-after-at-most", "1s"])
            .arg("--logs")
            .arg(directory.join(name))
            .env("CONVOKE_STORE", url)
            .env(MARK, directory)
            .envs(self.members[agent].surroundings.0.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        Ok(command)
    }

    pub(crate) fn kill(&mut self, agent: usize) -> Result<()> {
        let member = &mut self.members[agent];
        if let Some(mut process) = member.process.take() {
            process.kill()?;
            process.wait()?;
        }
        member.state = State::Down;
        Ok(())
    }

    pub(crate) fn stop(&mut self, agent: usize) -> Result<()> {
        self.members[agent].signal(Signal::STOP)?;
        self.members[agent].state = State::Stopped;
        Ok(())
    }

    pub(crate) fn go_on(&mut self, agent: usize) -> Result<()> {
        self.members[agent].signal(Signal::CONT)?;
        self.members[agent].state = State::Up;
        Ok(())
    }

    /// Tells one to end; [`Agents::start`] and [`Agents::end_all`] wait for it.
    pub(crate) fn tell_to_end(&mut self, agent: usize) -> Result<()> {
        self.members[agent].signal(Signal::TERM)?;
        self.members[agent].state = State::Ending;
        Ok(())
    }

    /// Kills a guard, the one of this lot among those that the agent has. Answers which; none when it has none.
    pub(crate) fn kill_guard(&self, agent: usize, lot: usize) -> Result<Option<u32>> {
        let Some(process) = &self.members[agent].process else {
            return Ok(None);
        };
        let guards = processes::guards_of(process.id())?;
        if guards.is_empty() {
            return Ok(None);
        }
        let guard = guards[lot % guards.len()];
        // Fails when it has ended meanwhile, which is as good.
        let _ = kill_process(pid(guard)?, Signal::KILL);
        Ok(Some(guard))
    }

    /// Tells all to end, and waits until they have.
    pub(crate) fn end_all(&mut self) -> Result<()> {
        let running = |it: &&usize| matches!(self.members[**it].state, State::Up | State::Stopped);
        let running: Vec<usize> = (0..self.members.len())
            .collect::<Vec<_>>()
            .iter()
            .filter(running)
            .copied()
            .collect();
        for agent in running {
            self.tell_to_end(agent)?;
        }
        for agent in 0..self.members.len() {
            self.wait(agent)?;
        }
        Ok(())
    }

    /// Those that ended though nobody told them to, with how.
    pub(crate) fn fallen(&mut self) -> Result<Vec<(usize, ExitStatus)>> {
        let mut fallen = Vec::new();
        for (agent, member) in self.members.iter_mut().enumerate() {
            if member.state == State::Up
                && let Some(process) = &mut member.process
                && let Some(status) = process.try_wait()?
            {
                (member.process, member.state) = (None, State::Down);
                fallen.push((agent, status));
            }
        }
        Ok(fallen)
    }

    /// Their processes.
    pub(crate) fn processes(&self) -> HashSet<u32> {
        self.members
            .iter()
            .flat_map(|it| it.process.iter().chain(&it.former))
            .map(Child::id)
            .collect()
    }

    /// The directory with their logs.
    pub(crate) fn directory(&self) -> &Path {
        &self.place.directory
    }

    /// Waits until one has ended that was told to.
    fn wait(&mut self, agent: usize) -> Result<()> {
        let member = &mut self.members[agent];
        let Some(process) = &mut member.process else {
            return Ok(());
        };
        let Some(status) = wait_for(process)? else {
            bail!("{} was told to end and runs after {END_WITHIN:?}", member.name);
        };
        (member.process, member.state) = (None, State::Down);
        ensure!(status.success(), "{} was told to end: {status}", member.name);
        Ok(())
    }
}

impl Member {
    fn signal(&self, signal: Signal) -> Result<()> {
        let process = self
            .process
            .as_ref()
            .with_context(|| format!("{} is not up", self.name))?;
        kill_process(pid(process.id())?, signal).with_context(|| format!("{signal:?} to {}", self.name))
    }
}

impl Drop for Agents {
    fn drop(&mut self) {
        for member in &mut self.members {
            for mut process in member.process.take().into_iter().chain(member.former.take()) {
                let _ = process.kill();
                let _ = process.wait();
            }
        }
    }
}

/// How a process ended; none when it runs on for too long.
fn wait_for(process: &mut Child) -> Result<Option<ExitStatus>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = process.try_wait()? {
            return Ok(Some(status));
        }
        if END_WITHIN < begun.elapsed() {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn pid(process: u32) -> Result<Pid> {
    Pid::from_raw(process.cast_signed()).context("no number of a process")
}

/// The words of a command as JSON, for the config of a unit.
pub(crate) fn config(words: &[String]) -> String {
    serde_json::json!({ "command": words }).to_string()
}

/// The program `convoke` beside this one, which is built as this one was.
pub(crate) fn build_convoke() -> Result<PathBuf> {
    let mut command = crate::workspace::cargo();
    command.args(["build", "--quiet", "--locked", "--package", "convoke-cli"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    crate::workspace::run(&mut command)?;
    let this = std::env::current_exe()?;
    let convoke = this.with_file_name(OsString::from("convoke"));
    ensure!(convoke.is_file(), "{} was not built", convoke.display());
    Ok(convoke)
}
