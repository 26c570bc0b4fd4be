//! A server from the programs on this machine, in a temporary directory of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::Signal;

use crate::certificates::Certificates;
use crate::guard::{Guard, Running};
use crate::port::Port;
use crate::program::Program;
use crate::{Kind, database, key_value, readiness};

const HOST: &str = "127.0.0.1";
/// How long a server may take to stop in good order before it is killed.
const STOP: Duration = Duration::from_secs(30);

/// A server in a temporary directory, which its guard removes.
#[derive(Debug)]
pub(crate) struct Local {
    kind: Kind,
    program: Program,
    /// What it is started with beside what its kind is always started with.
    arguments: Vec<String>,
    directory: PathBuf,
    tls: Option<Tls>,
    /// Before the port, so that the server is gone when the port is given back.
    state: State,
    port: Port,
}

/// What a server needs to speak TLS.
#[derive(Debug)]
struct Tls {
    certificates: Certificates,
    port: Port,
}

/// The directory is guarded at every moment, so that it is removed when the process is killed between two steps.
#[derive(Debug)]
enum State {
    Running(Running),
    Stopped(Guard),
    /// Between the two, and left so only by an error.
    Failed,
}

impl Local {
    pub(crate) fn start(kind: Kind, arguments: &[&str], with_tls: bool) -> Result<Self> {
        let program = Program::find(kind)?;
        let directory = tempfile::Builder::new()
            .prefix(&format!("convoke-{}-", kind.word()))
            .tempdir()
            .context("making a temporary directory for a test server")?
            .keep();
        let state = State::Stopped(Guard::of_directory(&directory)?);
        let mut local = Self {
            kind,
            program,
            arguments: arguments.iter().map(ToString::to_string).collect(),
            directory,
            tls: None,
            state,
            port: Port::free()?,
        };
        if with_tls {
            let certificates = Certificates::make(&local.directory)?;
            let port = Port::free()?;
            local.arguments.extend(certificates.arguments(kind, port.number()));
            local.tls = Some(Tls { certificates, port });
        }
        if matches!(kind, Kind::MariaDb | Kind::MySql) {
            database::prepare(kind, &local.program, &local.directory)?;
        }
        local.run()?;
        Ok(local)
    }

    pub(crate) fn url(&self) -> String {
        match (&self.tls, self.kind) {
            (Some(tls), Kind::Redis | Kind::Valkey) => format!("rediss://{HOST}:{}/", tls.port.number()),
            _ => self.kind.url(HOST, self.port.number()),
        }
    }

    pub(crate) fn certificates(&self) -> Option<&Certificates> {
        self.tls.as_ref().map(|tls| &tls.certificates)
    }

    pub(crate) fn running(&self) -> Option<&Running> {
        match &self.state {
            State::Running(running) => Some(running),
            State::Stopped(_) | State::Failed => None,
        }
    }

    /// Starts the server that was stopped, on the same port and data.
    pub(crate) fn run(&mut self) -> Result<()> {
        let guard = match std::mem::replace(&mut self.state, State::Failed) {
            State::Stopped(guard) => guard,
            other => {
                self.state = other;
                bail!("{} is not stopped, so it can't be started", self.kind);
            }
        };
        let port = self.port.number();
        let mut command = match self.kind {
            Kind::MariaDb | Kind::MySql => database::command(self.kind, &self.program, &self.directory, port),
            Kind::Redis | Kind::Valkey => key_value::command(&self.program, &self.directory, port),
        };
        command.args(&self.arguments);
        let running = Running::start(&self.directory, &command)?;
        guard.keep_directory()?;
        readiness::wait(self.kind, HOST, port, |at_most| running.has_exited(at_most))
            .with_context(|| format!("the end of its log:\n{}", log_tail(&self.directory)))?;
        self.state = State::Running(running);
        Ok(())
    }

    /// Stops the server in good order, or at once with SIGKILL.
    pub(crate) fn stop(&mut self, signal: Signal) -> Result<()> {
        let running = match std::mem::replace(&mut self.state, State::Failed) {
            State::Running(running) => running,
            other => {
                self.state = other;
                bail!("{} is not running, so it can't be stopped", self.kind);
            }
        };
        running.signal(signal);
        // A paused server does not hear a signal before it goes on.
        running.signal(Signal::CONT);
        let in_good_order = running.has_exited(STOP);
        if !in_good_order {
            running.signal(Signal::KILL);
            if !running.has_exited(STOP) {
                return Err(anyhow!("{} survived SIGKILL for {STOP:?}", self.kind));
            }
        }
        let guard = Guard::of_directory(&self.directory)?;
        running.end_keeping_directory()?;
        self.state = State::Stopped(guard);
        if in_good_order {
            Ok(())
        } else {
            Err(anyhow!("{} did not stop within {STOP:?} and was killed", self.kind))
        }
    }
}

fn log_tail(directory: &Path) -> String {
    let log = fs::read(directory.join("log")).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
