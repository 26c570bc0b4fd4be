//! One term: the command runs under its guard while the lease is renewed.

use std::time::Duration;

use anyhow::Result;
use convoke::{Leader, Lease, Renewal, Resignation, Timeouts};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Contender;
use super::events::Event;
use crate::guard::{Boottime, Guard, GuardArgs, Order, Report, Status, Surroundings};

/// How often the leader marks what is over.
const REFRESH_EVERY: Duration = Duration::from_secs(10);
/// How long resigning is tried at most; without it the seat is free at the end of the lease anyhow.
const RESIGN_WITHIN: Duration = Duration::from_secs(5);

/// How a term ended. The command is gone in each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The command ended by itself, or after `convoke lead` was told to stop. None: it was never started.
    Done(Option<Status>),
    /// The lease or the guard was lost; campaign again. Until then nobody else can be elected.
    Again(Boottime),
}

/// How it stands when the command is told to end, or has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Done(Option<Status>),
    Again,
}

/// What came of renewing.
enum Renewed {
    Until(Boottime),
    Lost(Option<Leader>),
    Failed(String),
}

/// Leads until the command has ended, whyever.
pub(super) async fn lead(contender: &mut Contender, lease: Lease, asked: Boottime) -> Result<Ending> {
    let (renewed, renewals) = mpsc::unbounded_channel();
    // Before the guard: on a busy host starting that takes so long that a short lease would be over.
    let renewer = tokio::spawn(renew(contender.clone(), lease.clone(), asked, renewed));
    let deadline = asked.plus(contender.timing.ttl.as_duration());
    let guard = contender.start_guard(&lease)?;
    let mut term = Running {
        renewer,
        contender,
        guard,
        renewals,
        lease,
        deadline,
        failed: false,
        lost: false,
    };
    let over = term.run().await;
    term.renewer.abort();
    term.guard.end().await?;
    let resigned = !term.lost && resign(term.contender, &term.lease, term.deadline).await;
    Ok(match over {
        Over::Done(status) => Ending::Done(status),
        Over::Again if resigned => Ending::Again(Boottime::now()),
        Over::Again => Ending::Again(term.deadline),
    })
}

struct Running<'a> {
    contender: &'a mut Contender,
    guard: Guard,
    renewals: mpsc::UnboundedReceiver<Renewed>,
    renewer: JoinHandle<()>,
    lease: Lease,
    deadline: Boottime,
    /// Set when the command has to end for another reason than its own or a signal's: then campaign again.
    failed: bool,
    /// The lease is not ours any more: nothing to resign.
    lost: bool,
}

impl Running<'_> {
    async fn run(&mut self) -> Over {
        let mut signals = self.contender.signals.clone();
        let mut told = signals.count();
        if told > 0 {
            return Over::Done(None);
        }
        if !self.order(Order::Until(self.deadline)) {
            return Over::Again;
        }
        loop {
            // Half of the margin is the guard's to do its work; then it is taken out of its hands.
            let last = self.deadline.minus(self.contender.timing.guard.margin / 2);
            let goes_on = tokio::select! {
                report = self.guard.report() => match report {
                    Some(Report::Ended(status)) => return self.ended(status, told > 0),
                    report => self.heard(report),
                },
                Some(renewed) = self.renewals.recv() => self.renewed(renewed),
                count = signals.next() => {
                    told = count;
                    self.say(&Event::Stopping { signals: count });
                    self.order(if count == 1 { Order::Stop } else { Order::Kill })
                }
                () = tokio::time::sleep(last.remaining()) => {
                    self.say(&Event::GuardLate { term: self.lease.term });
                    false
                }
            };
            if !goes_on {
                return if told > 0 { Over::Done(None) } else { Over::Again };
            }
        }
    }

    fn ended(&mut self, status: Status, told: bool) -> Over {
        let (term, exit_code) = (self.lease.term, status.code());
        self.say(&Event::CommandEnded { term, exit_code });
        if self.failed && !told {
            Over::Again
        } else {
            Over::Done(Some(status))
        }
    }

    /// False when the term is over.
    fn heard(&mut self, report: Option<Report>) -> bool {
        let term = self.lease.term;
        match report {
            Some(Report::Started(pid)) => self.say(&Event::Started { term, pid }),
            Some(Report::RunningOut) => {
                self.failed = true;
                self.say(&Event::LeaseRunsOut { term });
            }
            Some(Report::TooLate) => {
                self.say(&Event::TooLate { term });
                return false;
            }
            Some(Report::Ended(_)) | None => {
                self.say(&Event::GuardGone { term });
                return false;
            }
        }
        true
    }

    fn renewed(&mut self, renewed: Renewed) -> bool {
        let term = self.lease.term;
        match renewed {
            Renewed::Until(deadline) => {
                self.deadline = self.deadline.max(deadline);
                self.order(Order::Until(self.deadline))
            }
            Renewed::Failed(error) => {
                self.say(&Event::RenewalFailed { term, error });
                true
            }
            Renewed::Lost(leader) => {
                (self.lost, self.failed) = (true, true);
                let why = leader.as_ref().map_or_else(
                    || "it ran out or was taken away".to_owned(),
                    |leader| format!("{} leads in term {}", leader.worker, leader.term),
                );
                self.say(&Event::LeaseLost { term, why });
                // When another leads there is no time left to end well.
                self.order(if leader.is_some() { Order::Kill } else { Order::Stop })
            }
        }
    }

    /// False when the guard does not take orders any more.
    fn order(&self, order: Order) -> bool {
        let taken = self.guard.order(order).is_ok();
        if !taken {
            self.say(&Event::GuardGone { term: self.lease.term });
        }
        taken
    }

    fn say(&self, event: &Event) {
        self.contender.voice.say(event);
    }
}

impl Contender {
    fn start_guard(&self, lease: &Lease) -> Result<Guard> {
        let args = GuardArgs::new(self.timing.guard, self.command.clone()).waking_its_parent();
        let mut surroundings = Surroundings::default();
        surroundings.set("CONVOKE_TERM", lease.term.to_string());
        surroundings.set("CONVOKE_NAME", lease.registration.worker.to_string());
        Guard::start(&args, surroundings, &self.household)
    }
}

/// Renews until the lease is lost. A failed call is repeated: renewing twice is harmless.
async fn renew(contender: Contender, lease: Lease, asked: Boottime, renewed: mpsc::UnboundedSender<Renewed>) {
    let timing = contender.timing;
    let mut back_off = timing.back_off();
    let mut next = asked.plus(timing.renew_every);
    let mut refreshed = asked;
    loop {
        tokio::time::sleep(next.remaining()).await;
        // Before the call, so that the deadline is not later than the lease's end, however long the answer takes.
        let asked = Boottime::now();
        let call = contender.store.renew_lease(&lease, timing.ttl);
        let news = match tokio::time::timeout(timing.patience(), call).await {
            Ok(Ok(Renewal::Renewed(_))) => Renewed::Until(asked.plus(timing.ttl.as_duration())),
            Ok(Ok(Renewal::Lost(leader))) => {
                let _ = renewed.send(Renewed::Lost(leader));
                return;
            }
            Ok(Err(error)) => Renewed::Failed(error.to_string()),
            Err(_) => Renewed::Failed(format!("no answer within {:?}", timing.patience())),
        };
        next = if matches!(news, Renewed::Until(_)) {
            back_off.reset();
            asked.plus(timing.renew_every)
        } else {
            Boottime::now().plus(back_off.pause())
        };
        if renewed.send(news).is_err() {
            return;
        }
        if refreshed.plus(REFRESH_EVERY) <= Boottime::now() {
            refreshed = Boottime::now();
            refresh(&contender);
        }
    }
}

/// Marks what is over, beside the renewing: for whoever looks at the workers. What it answers changes nothing here.
fn refresh(contender: &Contender) {
    let store = contender.store.clone();
    tokio::spawn(async move { store.refresh_statuses(&Timeouts::default()).await });
}

/// Frees the seat, now that the command is gone. False when that was not possible, or the lease was over.
async fn resign(contender: &Contender, lease: &Lease, deadline: Boottime) -> bool {
    let term = lease.term;
    let give_up = deadline.min(Boottime::now().plus(RESIGN_WITHIN));
    let mut back_off = contender.timing.back_off();
    loop {
        let call = contender.store.resign(lease);
        let error = match tokio::time::timeout(give_up.remaining(), call).await {
            Ok(Ok(Resignation::Resigned)) => {
                contender.voice.say(&Event::Resigned { term });
                return true;
            }
            // It ran out, or an attempt before succeeded unheard.
            Ok(Ok(Resignation::Lost(_))) => return false,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        if give_up <= Boottime::now() {
            contender.voice.say(&Event::ResignFailed { term, error });
            return false;
        }
        tokio::time::sleep(back_off.pause()).await;
    }
}
