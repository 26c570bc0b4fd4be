//! What must hold of any answers, judged from them alone.

mod of_locks;
mod of_settings;
mod of_topologies;

use std::collections::HashMap;
use std::sync::Arc;

use convoke_core::{
    Answer, Candidacy, Delivery, Incarnation, Leader, LeadershipAnswer as LA, Lease, Message, MessageId,
    MessagesAnswer as MA, MessagesOperation as MO, Operation, Registration, Renewal, Resignation, Role, Term,
    Timestamp, Worker, WorkersAnswer as WA,
};

use crate::case::{Check, Failure};
use crate::expect::{Handle, holds};
use crate::model::{begin_anew, for_all, handles, line};
use crate::stage::Stage;
use crate::steps::{Known, Mix, Step};

/// Watches random runs of a mix.
pub(crate) async fn watch(stage: Stage, mix: Mix) -> Check {
    let handles = Arc::new(handles(&stage).await?);
    let stage = Arc::new(stage);
    for_all(mix, move |steps| {
        let (stage, handles) = (stage.clone(), handles.clone());
        async move {
            begin_anew(&stage, &handles).await?;
            run(&stage, &handles, &steps).await
        }
    })
    .await
}

async fn run(stage: &Stage, handles: &[Handle], steps: &[Step]) -> Check {
    let mut watch = Watch::default();
    let mut known = Known::default();
    let mut journal = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let now = stage.clock.now();
        let deed = match step {
            Step::Pass(length) => {
                stage.clock.advance(*length);
                continue;
            }
            Step::PassToEnd { before } => {
                stage.clock.set(known.next_end(now, *before));
                continue;
            }
            Step::Do(deed) => deed,
        };
        let operation = known.operation(deed, now)?;
        let got = operation.run(&*handles[number % handles.len()]).await;
        journal.push(line(now, &format!("{operation:?}"), &format!("{got:?}")));
        if let Ok(answer) = &got {
            known.learn(&operation, answer);
            let judged = watch.see(now, &operation, answer);
            judged.map_err(|failure| Failure::new(format!("{failure}\n  after:\n{}", journal.join("\n"))))?;
        }
    }
    Ok(())
}

/// What the answers so far have told.
#[derive(Debug, Default)]
struct Watch {
    latest_incarnation: Option<Incarnation>,
    latest: Option<(Term, Registration)>,
    promised_until: Option<Timestamp>,
    latest_message: Option<MessageId>,
    handed: HashMap<MessageId, Handed>,
    locks: of_locks::Watch,
    settings: of_settings::Watch,
    topologies: of_topologies::Watch,
}

/// What is known of a message that was handed out.
#[derive(Debug)]
struct Handed {
    attempt: u32,
    /// From when on it may be handed out again; never when none.
    again: Option<Timestamp>,
}

impl Watch {
    fn see(&mut self, now: Timestamp, operation: &Operation, answer: &Answer) -> Check {
        match answer {
            Answer::Workers(answer) => self.see_workers(now, answer),
            Answer::Leadership(answer) => self.see_leadership(now, answer),
            Answer::Topologies(answer) => self.topologies.see(now, operation, answer),
            Answer::Messages(answer) => self.see_messages(now, operation, answer),
            Answer::Locks(answer) => self.locks.see(now, operation, answer),
            Answer::Settings(answer) => self.settings.see(now, operation, answer),
            _ => Ok(()),
        }
    }

    fn see_workers(&mut self, now: Timestamp, answer: &WA) -> Check {
        match answer {
            WA::RegisterWorker(registration) => {
                let grown = self
                    .latest_incarnation
                    .is_none_or(|latest| latest < registration.incarnation);
                holds("an incarnation greater than all before it", grown, registration)?;
                self.latest_incarnation = Some(registration.incarnation);
                Ok(())
            }
            WA::GetWorker(worker) => self.see_worker(now, worker),
            WA::ListWorkers(page) => {
                let ordered = page.items.is_sorted_by(|a, b| a.name.as_str() < b.name.as_str());
                holds("workers ordered by the bytes of their names", ordered, page)?;
                let leaders = page.items.iter().filter(|worker| worker.role == Role::Leader).count();
                holds("one leader at most", leaders <= 1, page)?;
                page.items.iter().try_for_each(|worker| self.see_worker(now, worker))
            }
            WA::CountWorkers(counts) => holds("one leader at most", counts.leader <= 1, counts),
            WA::WorkerHistory(page) => {
                let ordered = page.items.is_sorted_by(|newer, older| newer.at >= older.at);
                holds("history that is newest first", ordered, page)?;
                let grown = page
                    .items
                    .is_sorted_by(|newer, older| newer.incarnation >= older.incarnation);
                holds("incarnations that only grow", grown, page)
            }
            WA::RefreshStatuses(refreshed) => {
                let both = refreshed.lapsed.iter().any(|name| refreshed.died.contains(name));
                holds("nobody who died and lapsed", !both, refreshed)
            }
            _ => Ok(()),
        }
    }

    fn see_worker(&self, now: Timestamp, worker: &Worker) -> Check {
        holds("a worker heard of in the past", worker.last_ping <= now, worker)?;
        let leads = self
            .latest
            .as_ref()
            .is_some_and(|(_, holder)| holder.worker == worker.name);
        holds(
            "a leader that was elected last",
            worker.role != Role::Leader || leads,
            (worker, &self.latest),
        )
    }

    fn see_leadership(&mut self, now: Timestamp, answer: &LA) -> Check {
        match answer {
            LA::CheckCandidacy(Candidacy::Elected(lease))
            | LA::Campaign(Candidacy::Elected(lease))
            | LA::RenewLease(Renewal::Renewed(lease)) => self.see_lease(now, lease),
            LA::RenewLease(Renewal::Lost(Some(leader)))
            | LA::Resign(Resignation::Lost(Some(leader)))
            | LA::Leader(Some(leader)) => self.see_leader(now, leader),
            LA::Resign(Resignation::Resigned) => {
                self.promised_until = Some(now);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn see_lease(&mut self, now: Timestamp, lease: &Lease) -> Check {
        holds("a lease that lives", now < lease.expires, lease)?;
        match &self.latest {
            Some((term, holder)) if *term == lease.term => {
                holds("one holder of one term", *holder == lease.registration, (lease, holder))?;
                let live = self
                    .promised_until
                    .is_some_and(|until| now < until && until <= lease.expires);
                holds(
                    "a lease prolonged while it lives, and not shortened",
                    live,
                    (lease, self.promised_until),
                )?;
            }
            latest => {
                let grown = latest.as_ref().is_none_or(|(term, _)| *term < lease.term);
                holds("a term greater than all before it", grown, (lease, latest))?;
                let over = self.promised_until.is_none_or(|until| until <= now);
                holds(
                    "no lead before the last lease is over",
                    over,
                    (lease, latest, self.promised_until),
                )?;
            }
        }
        self.latest = Some((lease.term, lease.registration.clone()));
        self.promised_until = Some(lease.expires);
        Ok(())
    }

    fn see_leader(&self, now: Timestamp, leader: &Leader) -> Check {
        let known = self.latest.as_ref().is_some_and(|(term, holder)| {
            *term == leader.term && holder.worker == leader.worker && holder.incarnation == leader.incarnation
        });
        let live = now < leader.expires && self.promised_until == Some(leader.expires);
        holds(
            "a leader that was elected last, with its lease",
            known && live,
            (leader, &self.latest),
        )
    }

    fn see_messages(&mut self, now: Timestamp, operation: &Operation, answer: &MA) -> Check {
        match (operation, answer) {
            (_, MA::SendMessage(id)) => {
                let grown = self.latest_message.is_none_or(|latest| latest < *id);
                holds(
                    "a message id greater than all before it",
                    grown,
                    (id, self.latest_message),
                )?;
                self.latest_message = Some(*id);
                Ok(())
            }
            (Operation::Messages(MO::ReceiveMessages { registration, claim }), MA::ReceiveMessages(deliveries)) => {
                holds(
                    "not more than asked for",
                    deliveries.len() <= claim.max.as_usize(),
                    deliveries,
                )?;
                let ordered = deliveries.is_sorted_by(|a, b| a.message.id < b.message.id);
                holds("oldest first", ordered, deliveries)?;
                deliveries
                    .iter()
                    .try_for_each(|delivery| self.see_delivery(now, registration, delivery))
            }
            (Operation::Messages(MO::TakeMessages { registration, .. }), MA::TakeMessages(messages)) => {
                holds("oldest first", messages.is_sorted_by(|a, b| a.id < b.id), messages)?;
                messages.iter().try_for_each(|message| {
                    self.see_message(now, registration, message)?;
                    self.hand(message.id, None);
                    Ok(())
                })
            }
            (Operation::Messages(MO::AckMessage { receipt }), _) => {
                self.hand(receipt.message, None);
                Ok(())
            }
            (Operation::Messages(MO::NackMessage { receipt, delay }), _) => {
                self.hand(receipt.message, Some(now.plus(*delay)));
                Ok(())
            }
            (Operation::Messages(MO::ExtendClaim { receipt, .. }), MA::ExtendClaim(until)) => {
                holds("a claim that lives", now < *until, until)?;
                self.hand(receipt.message, Some(*until));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn see_delivery(&mut self, now: Timestamp, receiver: &Registration, delivery: &Delivery) -> Check {
        self.see_message(now, receiver, &delivery.message)?;
        let before = self.handed.get(&delivery.message.id).map_or(0, |handed| handed.attempt);
        holds("one attempt more than before", delivery.attempt == before + 1, delivery)?;
        holds("a claim that lives", now < delivery.invisible_until, delivery)?;
        let handed = Handed {
            attempt: delivery.attempt,
            again: Some(delivery.invisible_until),
        };
        self.handed.insert(delivery.message.id, handed);
        Ok(())
    }

    fn see_message(&self, now: Timestamp, receiver: &Registration, message: &Message) -> Check {
        holds(
            "a message that was not expired",
            now < message.expires && message.sent <= now,
            message,
        )?;
        holds(
            "the receiver's own message",
            message.worker == receiver.worker,
            (message, receiver),
        )?;
        let handed = self.handed.get(&message.id);
        let free = handed.is_none_or(|handed| handed.again.is_some_and(|again| again <= now));
        holds(
            "no message twice while it is invisible or settled",
            free,
            (message, handed),
        )
    }

    fn hand(&mut self, message: MessageId, again: Option<Timestamp>) {
        let attempt = self.handed.get(&message).map_or(0, |handed| handed.attempt);
        self.handed.insert(message, Handed { attempt, again });
    }
}
