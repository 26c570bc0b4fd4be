//! `convoke guard`: holds the deadline of a lease beside `convoke lead`, so that the command ends in time whatever
//! becomes of `convoke lead`.
//!
//! # Why there are never two commands at once
//!
//! The store grants a lease until `t` by its clock, and elects nobody else before `t` unless the holder resigns.
//! `convoke lead` reads CLOCK_BOOTTIME *before* it asks; the deadline, that moment and the ttl, is therefore not later
//! than `t`, however long the answer took. A command runs only between its lease's grant and its deadline:
//!
//! - **It is not started late.** The guard starts it when the first deadline comes, if that is far enough away, and
//!   `exec-bound` looks at the clock again right before it becomes the command. A `convoke lead` that was stopped
//!   between its election and this point finds that it is too late.
//! - **It does not run on.** Without a later deadline the guard sends TERM a while before the deadline, and KILL a
//!   margin before it. The margin is for the kernel to end the processes and for clocks that run at different speeds.
//!   Stopping `convoke lead` (SIGSTOP), or cutting it off from its store, is just that: no later deadline. Once the
//!   command is gone the guard lets a stopped `convoke lead` go on: it finds its lease lost, and does not hold a lock
//!   of the store while it is stopped.
//! - **`convoke lead` killed**: the socket to the guard ends, and the guard ends the command at once. Nobody resigns.
//! - **The guard killed**: the kernel kills the command, which asked for that before it was one (`exec-bound`).
//!   `convoke lead` adopts what the command had started, as a subreaper, and kills it before it resigns.
//! - **The guard stopped**: `convoke lead` itself ends it and the command if the deadline comes near.
//! - **The command ends, or is ended**: so is all that it started, also what left its process group or its session: the
//!   guard is their subreaper, so whoever loses its parent becomes the guard's child. The guard reports the end when
//!   nothing is left, and only then `convoke lead` resigns. Until then it goes on renewing.
//!
//! What this can not do: `convoke lead` and its guard both killed or stopped at one moment leave nobody to end what the
//! command had *started* (the command itself is still killed when the guard is); a process that can't be killed (it
//! waits in the kernel, or changed its user) outlives the deadline; and if the store's clock is set forward, the store
//! breaks its own promise. For these there is the term: hand `CONVOKE_TERM` to whatever the command writes to, and let
//! it refuse a smaller one than it has seen. (And on SQLite a process that *waits* for the lead and is stopped within a
//! transaction locks all others out until it goes on: then nobody leads.)

mod bound;
mod family;
mod handle;
mod protocol;
mod schedule;

use std::collections::HashSet;
use std::ffi::OsString;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getpid, getppid, kill_process, kill_process_group, pidfd_open,
    set_child_subreaper, setsid, wait,
};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

pub(crate) use convoke::runtime::Boottime;

pub(crate) use bound::{BoundArgs, exec};
pub(crate) use handle::{Guard, Household, Surroundings};
pub(crate) use protocol::{Order, Report, Status};
pub(crate) use schedule::Schedule;

/// How often to look whether what was killed is gone.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
/// How often to collect processes that the command left behind and that ended by themselves.
const COLLECT: Duration = Duration::from_secs(1);

/// What `convoke guard` is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct GuardArgs {
    /// From TERM to KILL when told to stop, in microseconds
    #[arg(long)]
    pub(crate) grace: u64,
    /// From TERM to KILL when the lease runs out, in microseconds
    #[arg(long)]
    pub(crate) warning: u64,
    /// From KILL to the end of the lease, in microseconds
    #[arg(long)]
    pub(crate) margin: u64,
    /// Let a stopped parent go on once the command is gone for want of a later deadline
    #[arg(long)]
    pub(crate) wake: bool,
    /// The command and its arguments
    #[arg(last = true, required = true)]
    pub(crate) command: Vec<OsString>,
}

impl GuardArgs {
    pub(crate) fn new(schedule: Schedule, command: Vec<OsString>) -> Self {
        let micros = |length: Duration| u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
        Self {
            grace: micros(schedule.grace),
            warning: micros(schedule.warning),
            margin: micros(schedule.margin),
            wake: false,
            command,
        }
    }

    /// The same; a parent that was stopped goes on once the command is gone for want of a later deadline.
    pub(crate) fn waking_its_parent(self) -> Self {
        Self { wake: true, ..self }
    }

    fn words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec!["guard".into()];
        for (name, micros) in [
            ("--grace", self.grace),
            ("--warning", self.warning),
            ("--margin", self.margin),
        ] {
            words.extend([name.into(), micros.to_string().into()]);
        }
        if self.wake {
            words.push("--wake".into());
        }
        words.push("--".into());
        words.extend_from_slice(&self.command);
        words
    }
}

/// Runs the guard until its command has ended.
///
/// Single-threaded throughout: the kernel binds the command to the *thread* that starts it.
pub(crate) fn run(args: GuardArgs) -> Result<ExitCode> {
    let _deaf = outlive_signals()?;
    // Away from the terminal of `convoke lead`: what is typed there is not for the guard. Fails when it leads a
    // session already.
    let _ = setsid();
    set_child_subreaper(Some(getpid())).context("cannot adopt what the command leaves behind")?;
    let link = UnixStream::from(
        rustix::stdio::stdin()
            .try_clone_to_owned()
            .context("no socket to convoke lead")?,
    );
    link.set_nonblocking(true)?;
    let mut watch = Watch {
        args,
        link: Some(link),
        heard: Vec::new(),
        timer: timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?,
        deadline: None,
        stopped: None,
        kill_now: false,
        ran_out: false,
        parent: getppid(),
        command: None,
    };
    watch.keep()?;
    Ok(ExitCode::SUCCESS)
}

/// Keeps TERM, INT and HUP from ending the guard: it ends with its command. The command itself gets the defaults.
fn outlive_signals() -> Result<impl Sized> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let signals = {
        let _entered = runtime.enter();
        [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal)
    };
    Ok((signals, runtime))
}

struct Watch {
    args: GuardArgs,
    /// None when `convoke lead` is gone.
    link: Option<UnixStream>,
    heard: Vec<u8>,
    timer: OwnedFd,
    deadline: Option<Boottime>,
    /// When the command was told to stop, and how long it was given.
    stopped: Option<(Boottime, Duration)>,
    kill_now: bool,
    /// The command was told to stop for want of a later deadline.
    ran_out: bool,
    /// `convoke lead`.
    parent: Option<Pid>,
    command: Option<Running>,
}

struct Running {
    pid: Pid,
    descriptor: OwnedFd,
}

impl Watch {
    fn keep(&mut self) -> Result<()> {
        loop {
            self.hear()?;
            if self.command.is_none() && !self.start()? {
                return Ok(());
            }
            if let Some(status) = self.collect()? {
                self.clear_away()?;
                self.tell(Report::Ended(status));
                if self.ran_out && self.args.wake {
                    self.wake_parent();
                }
                return Ok(());
            }
            self.act()?;
            self.wait()?;
        }
    }

    /// Takes the orders that have come.
    fn hear(&mut self) -> Result<()> {
        let mut chunk = [0; 1024];
        while let Some(link) = &mut self.link {
            match link.read(&mut chunk) {
                Ok(0) => self.be_orphaned(),
                Ok(read) => self.heard.extend_from_slice(&chunk[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.be_orphaned(),
            }
        }
        while let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.heard.drain(..=end).collect();
            match String::from_utf8_lossy(&line[..end]).parse()? {
                Order::Until(deadline) => self.deadline = self.deadline.max(Some(deadline)),
                Order::Stop => self.stop(Duration::from_micros(self.args.grace)),
                Order::Kill => self.kill_now = true,
            }
        }
        Ok(())
    }

    fn be_orphaned(&mut self) {
        self.link = None;
        self.stop(Duration::from_micros(self.args.grace));
    }

    /// Starts the command when its time has come; false when it never will.
    fn start(&mut self) -> Result<bool> {
        if self.stopped.is_some() || self.kill_now {
            return Ok(false);
        }
        let Some(deadline) = self.deadline else { return Ok(true) };
        if self.warn_at(deadline) <= Boottime::now() {
            self.tell(Report::TooLate);
            return Ok(false);
        }
        let me = getpid().as_raw_nonzero().get();
        // Not a Child that is waited for: its status is collected among those of all that this process adopts.
        let child = Command::new("/proc/self/exe")
            .arg0("convoke")
            .args(BoundArgs::words(me, Some(self.kill_at(deadline)), &self.args.command))
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .context("cannot start the command")?;
        let pid = Pid::from_child(&child);
        self.command = Some(Running {
            pid,
            descriptor: pidfd_open(pid, PidfdFlags::empty()).context("cannot watch the command")?,
        });
        self.tell(Report::Started(pid.as_raw_nonzero().get()));
        Ok(true)
    }

    /// Collects all children that have ended, and answers how the command did when it is among them.
    fn collect(&self) -> Result<Option<Status>> {
        let command = self.command.as_ref().map(|command| command.pid);
        let mut ended = None;
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if Some(pid) == command => ended = Some(Status::from(status)),
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) | Err(Errno::CHILD) => return Ok(ended),
                Err(error) => return Err(error).context("cannot wait for the command"),
            }
        }
    }

    /// Ends what the command has left behind. Returns when nothing is left.
    fn clear_away(&self) -> Result<()> {
        while family::kill_descendants(getpid(), &HashSet::new()).context("cannot read /proc")? > 0 {
            self.collect()?;
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    /// Does what the clock demands.
    fn act(&mut self) -> Result<()> {
        let (Some(deadline), Some(command)) = (self.deadline, &self.command) else {
            return Ok(());
        };
        let now = Boottime::now();
        let pid = command.pid;
        // First, also when it is late and KILL follows at once: `convoke lead` has to know why the command ended.
        if self.stopped.is_none() && !self.kill_now && self.warn_at(deadline) <= now {
            self.ran_out = true;
            self.tell(Report::RunningOut);
            self.stop(Duration::from_micros(self.args.warning));
        }
        if self.kill_now || self.kill_at(deadline) <= now {
            self.kill_now = true;
            // The group at once, then by name whoever has left it.
            let _ = kill_process_group(pid, Signal::KILL);
            family::kill_descendants(getpid(), &HashSet::new()).context("cannot read /proc")?;
        }
        Ok(())
    }

    /// Tells the command to stop, once.
    fn stop(&mut self, grace: Duration) {
        if self.stopped.is_some() {
            return;
        }
        self.stopped = Some((Boottime::now(), grace));
        if let Some(command) = &self.command {
            // The command is not collected yet, so its id is still its own.
            if kill_process_group(command.pid, Signal::TERM).is_err() {
                let _ = kill_process(command.pid, Signal::TERM);
            }
            // So that a stopped one gets to see it.
            let _ = kill_process_group(command.pid, Signal::CONT);
        }
    }

    /// When to send TERM for want of a later deadline.
    fn warn_at(&self, deadline: Boottime) -> Boottime {
        deadline.minus(Duration::from_micros(
            self.args.margin.saturating_add(self.args.warning),
        ))
    }

    /// When to send KILL.
    fn kill_at(&self, deadline: Boottime) -> Boottime {
        let last = deadline.minus(Duration::from_micros(self.args.margin));
        match self.stopped {
            Some((at, grace)) => last.min(at.plus(grace)),
            None => last,
        }
    }

    /// Waits until there is something to do.
    fn wait(&self) -> Result<()> {
        let longest = if self.kill_now { LOOK_AGAIN } else { COLLECT };
        // What is being killed is looked at again and again; the timer, which has rung, would only ring on.
        let timer = if self.kill_now { None } else { Some(self.timer.as_fd()) };
        if let Some(deadline) = self.deadline {
            let next = if self.stopped.is_some() {
                self.kill_at(deadline)
            } else {
                self.warn_at(deadline)
            };
            let once = Itimerspec {
                it_interval: Timespec::default(),
                it_value: timespec(next),
            };
            timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &once).context("cannot set a timer")?;
        }
        let watched = [
            timer,
            self.link.as_ref().map(AsFd::as_fd),
            self.command.as_ref().map(|command| command.descriptor.as_fd()),
        ];
        let mut watched: Vec<_> = watched
            .into_iter()
            .flatten()
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
        let longest = Timespec::try_from(longest).context("a length of time")?;
        match poll(&mut watched, Some(&longest)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error).context("cannot wait"),
        }
    }

    /// Lets a stopped `convoke lead` go on, now that its command is gone.
    ///
    /// It may have been stopped inside a transaction: on SQLite nobody else could write, hence lead, until it goes on.
    fn wake_parent(&self) {
        if let Some(parent) = self.parent
            && getppid() == self.parent
            && family::is_stopped(parent)
        {
            // Fails when it is gone after all.
            let _ = kill_process(parent, Signal::CONT);
        }
    }

    fn tell(&mut self, report: Report) {
        if let Some(link) = &mut self.link {
            // Fails when `convoke lead` is gone, which is noticed when it is next listened to.
            let _ = link.write_all(format!("{report}\n").as_bytes());
        }
    }
}

/// For the kernel's timers.
fn timespec(moment: Boottime) -> Timespec {
    let nanos = moment.as_nanos();
    Timespec {
        tv_sec: i64::try_from(nanos / 1_000_000_000).unwrap_or(i64::MAX),
        // Below a thousand million, so it fits whatever the type is on this platform.
        tv_nsec: (nanos % 1_000_000_000) as _,
    }
}
