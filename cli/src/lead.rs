//! `convoke lead`: runs a command on whichever machine leads.
//!
//! A contender registers its name and campaigns. When elected it starts the command under a [guard](crate::guard) and
//! renews the lease; when the lease is lost it ends the command and campaigns again; when the command ends by itself
//! it resigns and passes the exit code on. Why there are never two commands at once is told in [`crate::guard`].

mod events;
mod term;
mod timing;

use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use convoke::{
    Candidacy, Deferral, Error, ErrorKind, Registration, Store, Timestamp, Ttl, WorkerName, WorkerStatus, error,
};

use crate::guard::{Boottime, Household};
use crate::output::Output;
use crate::signals::Signals;
use crate::voice::Voice;
use events::Event;
use term::Ending;
use timing::{BackOff, Timing};

/// How long the last call, which only tidies up, may take.
const FAREWELL_WITHIN: Duration = Duration::from_secs(1);
/// How long an estimate of the store's clock is good enough to know when to ask again.
const STORE_TIME_GOOD_FOR: Duration = Duration::from_secs(30);

/// What `convoke lead` is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LeadArgs {
    /// The name to register and lead as; each process needs its own
    #[arg(long = "as", value_name = "NAME")]
    name: WorkerName,
    /// How long a lease is: another leads at most this long after this process or its host is gone
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = crate::args::ttl)]
    ttl: Ttl,
    /// From TERM to KILL when the command has to stop; less when the lease runs out before
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = crate::args::duration)]
    grace: Duration,
    /// The command to run while leading, and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// One process that wants to lead.
#[derive(Clone)]
struct Contender {
    store: Arc<dyn Store>,
    name: WorkerName,
    timing: Timing,
    command: Vec<OsString>,
    household: Household,
    signals: Signals,
    voice: Voice,
}

/// What to do after a campaign.
enum Next {
    End(Option<u8>),
    CampaignIn(Duration),
    RegisterIn(Duration),
}

/// Leads whenever elected, until the command ends by itself or a signal comes.
pub(crate) async fn run(store: Arc<dyn Store>, args: LeadArgs, output: Output) -> Result<ExitCode> {
    if store.properties().await?.backend == "memory" {
        let why = "a memory: store is this process's own, so every process would lead; use sqlite, mysql or redis";
        return Err(error::invalid(why).into());
    }
    let mut contender = Contender {
        store,
        timing: Timing::new(args.ttl, args.grace)?,
        household: Household::found()?,
        signals: Signals::listen()?,
        voice: Voice {
            name: args.name.to_string(),
            json: output.json(),
        },
        name: args.name,
        command: args.command,
    };
    contender.contend().await.map(ExitCode::from)
}

impl Contender {
    /// Answers the exit code: the command's, or 0 when a signal came while none ran.
    async fn contend(&mut self) -> Result<u8> {
        let mut back_off = self.timing.back_off();
        loop {
            let Some(registration) = self.register(&mut back_off).await? else {
                return Ok(0);
            };
            let mut candidate = Candidate::new(registration.clone());
            let pause = loop {
                match self.campaign(&mut candidate, &mut back_off).await? {
                    Next::End(code) => {
                        self.say_farewell(&registration).await;
                        return Ok(code.unwrap_or(0));
                    }
                    Next::RegisterIn(pause) => break pause,
                    Next::CampaignIn(pause) => self.rest(pause).await,
                }
            };
            self.rest(pause).await;
        }
    }

    /// None when a signal came first.
    async fn register(&self, back_off: &mut BackOff) -> Result<Option<Registration>> {
        while self.signals.count() == 0 {
            match self.store.register_worker(&self.name).await {
                Ok(registration) => {
                    let incarnation = registration.incarnation.number();
                    self.voice.say(&Event::Registered { incarnation });
                    return Ok(Some(registration));
                }
                Err(error) => self.ride_out(error, back_off).await?,
            }
        }
        Ok(None)
    }

    async fn campaign(&mut self, candidate: &mut Candidate, back_off: &mut BackOff) -> Result<Next> {
        // A call under way is never dropped: it might have been elected.
        if self.signals.count() > 0 {
            return Ok(Next::End(None));
        }
        let asked = Boottime::now();
        match self.store.campaign(&candidate.registration, self.timing.ttl).await {
            Ok(Candidacy::Elected(lease)) => {
                back_off.reset();
                candidate.told = None;
                self.voice.say(&Event::Elected { term: lease.term });
                Ok(match term::lead(self, lease, asked).await? {
                    Ending::Done(status) => Next::End(status.map(crate::guard::Status::code)),
                    // Whatever went wrong went wrong here: all others get to ask first.
                    Ending::Again(free) => Next::CampaignIn(free.remaining() + self.timing.campaign_every * 2),
                })
            }
            Ok(Candidacy::Deferred(why)) => {
                back_off.reset();
                Ok(self.deferred(candidate, &why).await)
            }
            // Somebody deleted the worker, or emptied the store.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Next::RegisterIn(back_off.pause())),
            Err(error) if error.is_fenced() => {
                Err(error).context("another process registered this name; give each `convoke lead` its own with --as")
            }
            Err(error) => {
                self.ride_out(error, back_off).await?;
                Ok(Next::CampaignIn(Duration::ZERO))
            }
        }
    }

    async fn deferred(&self, candidate: &mut Candidate, why: &Deferral) -> Next {
        let until = match why {
            Deferral::LedBy(leader) => Some(leader.expires),
            Deferral::Promised(until) | Deferral::Outranked { until, .. } => Some(*until),
            Deferral::NotAnnounced | Deferral::NotAlive(_) => None,
        };
        candidate.say_once(&self.voice, why);
        if let Deferral::NotAlive(WorkerStatus::Dead) = why {
            // Given up for dead while this process was stopped or cut off. Any other status is an operator's wish.
            return Next::RegisterIn(Duration::ZERO);
        }
        let longest = self.timing.campaign_every;
        let pause = match until {
            Some(until) => candidate
                .until(&*self.store, until)
                .await
                .map_or(longest, |rest| rest.min(longest)),
            None => longest,
        };
        Next::CampaignIn(pause + jitter(self.timing.ttl.as_duration() / 50))
    }

    /// Waits after a failure that may pass; any other is handed on.
    async fn ride_out(&self, error: Error, back_off: &mut BackOff) -> Result<()> {
        if !(error.is_retryable() || error.is_outcome_unknown()) {
            return Err(error.into());
        }
        self.voice.say(&Event::StoreFailed {
            error: error.to_string(),
        });
        self.rest(back_off.pause()).await;
        Ok(())
    }

    async fn rest(&self, pause: Duration) {
        let mut signals = self.signals.clone();
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = signals.came() => {}
        }
    }

    /// Leaves the worker as one that ended in order. If that fails it is found dead in a while.
    async fn say_farewell(&self, registration: &Registration) {
        let unloaded = WorkerStatus::Unloaded;
        let call = self
            .store
            .set_worker_status(&self.name, Some(registration.incarnation), unloaded);
        let _ = tokio::time::timeout(FAREWELL_WITHIN, call).await;
    }
}

/// What a contender knows of its candidacy.
struct Candidate {
    registration: Registration,
    /// Why it waits, as it was last said.
    told: Option<String>,
    /// What the store's clock said, and when.
    store_time: Option<(Timestamp, Boottime)>,
}

impl Candidate {
    fn new(registration: Registration) -> Self {
        Self {
            registration,
            told: None,
            store_time: None,
        }
    }

    fn say_once(&mut self, voice: &Voice, why: &Deferral) {
        let said = match why {
            // Without its end, which changes with each renewal.
            Deferral::LedBy(leader) => format!("{} leads in term {}", leader.worker, leader.term),
            why => why.to_string(),
        };
        if self.told.as_ref() != Some(&said) {
            voice.say(&Event::Waiting { why: said.clone() });
            self.told = Some(said);
        }
    }

    /// About how long it is until `moment` by the store's clock. Only says when to ask again: the store decides.
    async fn until(&mut self, store: &dyn Store, moment: Timestamp) -> Option<Duration> {
        let stale = |at: &Boottime| at.plus(STORE_TIME_GOOD_FOR) <= Boottime::now();
        if self.store_time.as_ref().is_none_or(|(_, at)| stale(at)) {
            self.store_time = store.now().await.ok().map(|now| (now, Boottime::now()));
        }
        let (now, at) = self.store_time?;
        Some(moment.since(now).saturating_sub(Boottime::now().since(at)))
    }
}

/// A random length below `longest`, so that contenders do not ask all at one moment.
fn jitter(longest: Duration) -> Duration {
    let longest = longest.clamp(Duration::from_millis(1), Duration::from_millis(20));
    let random = RandomState::new().hash_one(());
    Duration::from_micros(random % u64::try_from(longest.as_micros()).unwrap_or(1))
}
