//! One unit: its process under a guard, from its start to its last trace.

use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use convoke::WorkerName;
use convoke::runtime::{Backoff, CancellationToken, Failure, Permanent, Tenure, Unit};

use super::capture::{Capture, Ends, with_tail};
use super::events::Event;
use super::log::Log;
use crate::guard::{Guard, GuardArgs, Household, Order, Report, Schedule, Status, Surroundings};
use crate::unit::{Restart, UnitConfig};
use crate::voice::Voice;

/// What to do about a unit that this worker can't run, and another one may.
const ELSEWHERE: &str = "see to it there, or name the workers that can run it as its worker_affinity and requeue it";

/// Keeps one unit running as its config says.
pub(super) struct Keeper {
    pub(super) unit: Unit,
    pub(super) config: UnitConfig,
    pub(super) worker: WorkerName,
    pub(super) household: Household,
    pub(super) schedule: Schedule,
    pub(super) wake_agent: bool,
    /// How long after its end a unit that is always to run is started again.
    pub(super) backoff: Backoff,
    pub(super) log: Arc<Mutex<Log>>,
    pub(super) voice: Voice,
    /// Kills the unit when cancelled.
    pub(super) kill: CancellationToken,
}

/// How a process came to its end. Nothing is left of it in each case.
enum End {
    /// By itself.
    Itself(Status),
    /// It was told to stop, or killed.
    Told,
    /// It was ended for want of a later deadline.
    RanOut,
    /// Its guard failed, or was killed.
    GuardGone,
}

impl Keeper {
    pub(super) async fn keep(mut self) -> Result<(), Failure> {
        let stop = self.unit.stop_token();
        let mut tenure = self.unit.tenure();
        loop {
            let began = tokio::time::Instant::now();
            let ended = self.run_once(&mut tenure).await;
            let (end, last_words) = ended.map_err(|why| self.failure(why))?;
            let failed = match end {
                End::Told => return Ok(()),
                End::Itself(Status::Exited(0)) | End::RanOut => None,
                End::Itself(Status::Exited(code)) => Some(exited(code, &self.worker)),
                End::Itself(Status::Killed(signal)) => Some(format!("the command was killed by signal {signal}")),
                End::GuardGone => Some("the guard process of the unit failed or was killed".to_owned()),
            };
            if let Some(why) = failed {
                return Err(self.failure(with_tail(&why, &last_words).into()));
            }
            let rest = match (end, self.config.restart) {
                (End::RanOut, _) => Duration::ZERO,
                (_, Restart::Always) => self.backoff.pause_after(began.elapsed()),
                (_, Restart::OnFailure | Restart::Never) => return Ok(()),
            };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = self.kill.cancelled() => return Ok(()),
                () = self.may_go_on(&mut tenure, rest) => {}
            }
        }
    }

    /// Waits for so long, and then until there is time for a process to run.
    async fn may_go_on(&self, tenure: &mut Tenure, rest: Duration) {
        let until = tokio::time::Instant::now() + rest;
        let least = (self.schedule.margin + self.schedule.warning) * 2;
        loop {
            let rested = until <= tokio::time::Instant::now();
            if rested && tenure.until().boottime().remaining() > least {
                return;
            }
            tokio::select! {
                prolonged = tenure.prolonged() => if prolonged.is_none() {
                    // Whoever waits for this is dropped with the unit.
                    std::future::pending::<()>().await;
                },
                () = tokio::time::sleep_until(until), if !rested => {}
            }
        }
    }

    /// A failure of this unit, which decides whether it is started again.
    fn failure(&self, why: Failure) -> Failure {
        match self.config.restart {
            Restart::Never => Permanent::new(why).into(),
            Restart::OnFailure | Restart::Always => why,
        }
    }

    /// Runs a process to its end; answers how that came, and the end of what it wrote to its standard error.
    async fn run_once(&self, tenure: &mut Tenure) -> Result<(End, String), Failure> {
        let (capture, ends) = Capture::begin(self.log.clone())?;
        let mut guard = self.start_guard(ends)?;
        let end = self.watch(&mut guard, tenure).await;
        guard.end().await?;
        self.unit.set_process(None);
        let (last_words, trouble) = capture.finish().await;
        if let Some(error) = trouble {
            let (topology, error) = (self.unit.id().clone(), error.to_string());
            self.say(Event::LogFailed { topology, error });
        }
        Ok((end, last_words))
    }

    fn start_guard(&self, ends: Ends) -> Result<Guard, Failure> {
        let config = &self.config;
        if let Some(directory) = &config.working_dir
            && !Path::new(directory).is_dir()
        {
            return Err(format!(
                "the working_dir {} is not a directory on {}; {ELSEWHERE}",
                directory.display(),
                self.worker
            )
            .into());
        }
        let mut surroundings = Surroundings::default();
        surroundings.working_dir.clone_from(&config.working_dir);
        (surroundings.stdout, surroundings.stderr) = (Some(ends.stdout), Some(ends.stderr));
        // It may hold a password.
        surroundings.keep_back("CONVOKE_STORE");
        for (name, value) in &config.env {
            surroundings.set(name, value);
        }
        surroundings.set("CONVOKE_NAME", self.worker.as_str());
        surroundings.set("CONVOKE_TOPOLOGY", self.unit.id().as_str());
        let command: Vec<OsString> = config.command.iter().map(OsString::from).collect();
        let mut args = GuardArgs::new(self.schedule, command);
        if self.wake_agent {
            args = args.waking_its_parent();
        }
        Ok(Guard::start(&args, surroundings, &self.household)?)
    }

    /// Stays with a guard until it has nothing more to do, or does not do it.
    async fn watch(&self, guard: &mut Guard, tenure: &mut Tenure) -> End {
        let stop = self.unit.stop_token();
        let (mut stopped, mut killed, mut ran_out, mut lasts) = (false, false, false, true);
        let mut order = Some(Order::Until(tenure.until().boottime()));
        loop {
            if let Some(order) = order {
                // A guard that takes no more orders tells by its last report why, or is gone, which is noticed below.
                let _ = guard.order(order);
            }
            // Half of the margin is the guard's to do its work; then it is taken out of its hands.
            let last = tenure.until().boottime().minus(self.schedule.margin / 2);
            order = tokio::select! {
                report = guard.report() => match report {
                    Some(Report::Ended(status)) => {
                        self.say(Event::UnitEnded { topology: self.unit.id().clone(), how: status.to_string() });
                        return match (stopped || killed, ran_out) {
                            (true, _) => End::Told,
                            (false, true) => End::RanOut,
                            (false, false) => End::Itself(status),
                        };
                    }
                    Some(Report::TooLate) => return if stopped || killed { End::Told } else { End::RanOut },
                    Some(Report::Started(pid)) => {
                        self.unit.set_process(u32::try_from(pid).ok());
                        self.say(Event::UnitStarted { topology: self.unit.id().clone(), pid });
                        None
                    }
                    Some(Report::RunningOut) => {
                        ran_out = true;
                        self.say(Event::UnitRunsOut { topology: self.unit.id().clone() });
                        None
                    }
                    None => return self.lost_guard(stopped || killed),
                },
                prolonged = tenure.prolonged(), if lasts => {
                    lasts = prolonged.is_some();
                    prolonged.map(|until| Order::Until(until.boottime()))
                }
                () = stop.cancelled(), if !stopped => {
                    stopped = true;
                    Some(Order::Stop)
                }
                () = self.kill.cancelled(), if !killed => {
                    killed = true;
                    Some(Order::Kill)
                }
                () = tokio::time::sleep(last.remaining()) => {
                    self.say(Event::GuardLate { topology: self.unit.id().clone() });
                    return End::RanOut;
                }
            };
        }
    }

    fn lost_guard(&self, told: bool) -> End {
        if told {
            // It had nothing to do yet when it was told to stop, or was killed along with this.
            return End::Told;
        }
        self.say(Event::GuardGone {
            topology: self.unit.id().clone(),
        });
        End::GuardGone
    }

    fn say(&self, event: Event) {
        self.voice.say(&event);
    }
}

/// Why a command failed, and what to do about it where its exit code says that it could not be started: shells have the
/// same codes.
fn exited(code: i32, worker: &WorkerName) -> String {
    match code {
        126 => format!("the command exited with 126: it can't be executed on {worker}; {ELSEWHERE}"),
        127 => format!("the command exited with 127: there is no such program on {worker}; {ELSEWHERE}"),
        _ => format!("the command exited with {code}"),
    }
}
