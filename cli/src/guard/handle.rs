//! The guard as `convoke lead` holds it.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
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
    /// Not tokio's: there a fresh socket would not take an order before the runtime has looked at it.
    orders: StdUnixStream,
    reports: Lines<BufReader<UnixStream>>,
    household: Household,
}

/// The children that this process had before it started a guard: they are none of the command's.
#[derive(Clone, Debug)]
pub(crate) struct Household(HashSet<i32>);

impl Household {
    /// Notes the children there are, and adopts from now on whatever a killed guard leaves behind.
    pub(crate) fn found() -> anyhow::Result<Self> {
        set_child_subreaper(Some(getpid())).context("cannot adopt what a killed guard leaves behind")?;
        Ok(Self(family::children(getpid()).context("cannot read /proc")?))
    }

    /// Kills every other descendant of this process, and returns when they are gone.
    pub(crate) async fn clear_away(&self) -> anyhow::Result<()> {
        while family::kill_descendants(getpid(), &self.0).context("cannot read /proc")? > 0 {
            family::reap_adopted(getpid(), &self.0)?;
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }
}

impl Guard {
    /// Starts a guard; the command waits for the first [`Order::Until`].
    pub(crate) fn start(args: &GuardArgs, env: &[(&str, String)], household: &Household) -> anyhow::Result<Self> {
        let (ours, theirs) = StdUnixStream::pair().context("cannot make a socket for the guard")?;
        ours.set_nonblocking(true)?;
        let orders = ours.try_clone()?;
        let reports = UnixStream::from_std(ours)?;
        let words: Vec<OsString> = args.words();
        let process = Command::new("/proc/self/exe")
            .arg0("convoke")
            .args(words)
            .envs(env.iter().map(|(key, value)| (key, value)))
            .stdin(OwnedFd::from(theirs))
            .spawn()
            .context("cannot start the guard")?;
        Ok(Self {
            process,
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
        self.household.clear_away().await
    }
}
