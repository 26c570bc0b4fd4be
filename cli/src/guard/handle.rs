//! A guard as its parent holds it.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use rustix::process::{getpid, set_child_subreaper};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use super::GuardArgs;
use super::family;
use super::protocol::{Order, Report};

/// How often to look whether what was killed is gone.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// A guard that was started, and through it a command.
#[derive(Debug)]
pub(crate) struct Guard {
    process: Child,
    pid: Option<i32>,
    /// Not tokio's: there a fresh socket would not take an order before the runtime has looked at it.
    orders: StdUnixStream,
    reports: Lines<BufReader<UnixStream>>,
    household: Household,
}

/// The children of this process that are none of any command's: those that it had before it started a guard, and the
/// guards.
#[derive(Clone, Debug)]
pub(crate) struct Household {
    before: Arc<HashSet<i32>>,
    guards: Arc<Mutex<HashSet<i32>>>,
}

impl Household {
    /// Notes the children there are, and adopts from now on whatever a killed guard leaves behind.
    pub(crate) fn found() -> anyhow::Result<Self> {
        set_child_subreaper(Some(getpid())).context("cannot adopt what a killed guard leaves behind")?;
        let before = family::children(getpid()).context("cannot read /proc")?;
        Ok(Self {
            before: Arc::new(before),
            guards: Arc::default(),
        })
    }

    /// Kills every descendant of this process that belongs to no guard, and returns when they are gone.
    pub(crate) async fn clear_away(&self) -> anyhow::Result<()> {
        while self.kill_strays().context("cannot read /proc")? > 0 {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    fn kill_strays(&self) -> io::Result<usize> {
        // Held for as long as it takes: a guard that is started meanwhile would be none of those spared.
        let guards = self.guards();
        let spared = self.before.union(&guards).copied().collect();
        let killed = family::kill_descendants(getpid(), &spared)?;
        if killed > 0 {
            family::reap_adopted(getpid(), &spared)?;
        }
        Ok(killed)
    }

    fn guards(&self) -> MutexGuard<'_, HashSet<i32>> {
        // A set of numbers is whole whatever became of whoever held it.
        self.guards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a command finds around it; the rest it inherits from this process.
#[derive(Debug, Default)]
pub(crate) struct Surroundings {
    env: Vec<(OsString, Option<OsString>)>,
    /// Where it runs.
    pub(crate) working_dir: Option<PathBuf>,
    /// Where its standard output goes.
    pub(crate) stdout: Option<OwnedFd>,
    /// Where its standard error goes.
    pub(crate) stderr: Option<OwnedFd>,
}

impl Surroundings {
    /// Sets a variable of its environment.
    pub(crate) fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        self.env.push((name.into(), Some(value.into())));
    }

    /// Keeps a variable of this process from it.
    pub(crate) fn keep_back(&mut self, name: impl Into<OsString>) {
        self.env.push((name.into(), None));
    }

    fn give_to(self, command: &mut Command) {
        for (name, value) in self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(directory) = self.working_dir {
            command.current_dir(directory);
        }
        if let Some(stdout) = self.stdout {
            command.stdout(Stdio::from(stdout));
        }
        if let Some(stderr) = self.stderr {
            command.stderr(Stdio::from(stderr));
        }
    }
}

impl Guard {
    /// Starts a guard; the command waits for the first [`Order::Until`].
    pub(crate) fn start(args: &GuardArgs, surroundings: Surroundings, household: &Household) -> anyhow::Result<Self> {
        let (ours, theirs) = StdUnixStream::pair().context("cannot make a socket for the guard")?;
        ours.set_nonblocking(true)?;
        let orders = ours.try_clone()?;
        let reports = UnixStream::from_std(ours)?;
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("convoke")
            .args(args.words())
            .stdin(OwnedFd::from(theirs));
        surroundings.give_to(&mut command);
        let (process, pid) = {
            let mut guards = household.guards();
            let process = command.spawn().context("cannot start the guard")?;
            let pid = process.id().and_then(|pid| i32::try_from(pid).ok());
            guards.extend(pid);
            (process, pid)
        };
        Ok(Self {
            process,
            pid,
            orders,
            reports: BufReader::new(reports).lines(),
            household: household.clone(),
        })
    }

    /// Gives an order. Never waits: a guard that does not read any more is an error.
    pub(crate) fn order(&self, order: Order) -> io::Result<()> {
        let line = format!("{order}\n");
        match (&self.orders).write(line.as_bytes())? {
            written if written == line.len() => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        }
    }

    /// The next report; none when the guard is gone. Dropping the future loses nothing.
    pub(crate) async fn report(&mut self) -> Option<Report> {
        let line = self.reports.next_line().await.ok().flatten()?;
        line.parse().ok()
    }

    /// Ends the guard, the command and all that it started, whatever state they are in, and returns when they are gone.
    ///
    /// After a guard's last report there is nothing left to be ended. After its death by force the command dies with
    /// it, and what the command had started was adopted by this process: both end here.
    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        // Fails when it has ended already.
        let _ = self.process.start_kill();
        self.process.wait().await.context("cannot wait for the guard")?;
        if let Some(pid) = self.pid {
            self.household.guards().remove(&pid);
        }
        self.household.clear_away().await
    }
}
