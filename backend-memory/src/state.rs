//! The whole state of coordination, and one way to apply any operation to it.

use std::collections::{BTreeMap, BTreeSet};

use convoke_core::leadership::Seat;
use convoke_core::{
    Answer, Error, ErrorKind, Incarnation, LeadershipAnswer, LeadershipOperation, MessagesAnswer, MessagesOperation,
    Operation, Result, Timestamp, WorkerChange, WorkerName, WorkerStatus, WorkersAnswer, WorkersOperation,
};

use crate::messages::Queue;

/// The state of workers, leadership and messages. Deterministic: the same operations at the same times give the same
/// answers, wherever they are applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    pub(crate) workers: BTreeMap<WorkerName, Entry>,
    /// Those that can fall silent (alive or closing), the longest silent first.
    pub(crate) listened_to: BTreeSet<(Timestamp, WorkerName)>,
    pub(crate) latest_incarnation: u64,
    pub(crate) history: BTreeMap<WorkerName, Vec<WorkerChange>>,
    pub(crate) seat: Seat,
    /// Stored candidacies, lapsed ones that nobody has cleared yet included.
    pub(crate) candidacies: BTreeMap<WorkerName, Timestamp>,
    pub(crate) queues: BTreeMap<WorkerName, Queue>,
    pub(crate) latest_message: u64,
}

/// What is kept of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) status: WorkerStatus,
    pub(crate) incarnation: Incarnation,
    pub(crate) last_ping: Timestamp,
}

impl State {
    /// Applies one operation as of `now`.
    ///
    /// # Errors
    /// Those of the operation.
    pub fn apply(&mut self, operation: &Operation, now: Timestamp) -> Result<Answer> {
        match operation {
            Operation::Workers(operation) => self.apply_workers(operation, now).map(Answer::Workers),
            Operation::Leadership(operation) => self.apply_leadership(operation, now).map(Answer::Leadership),
            Operation::Messages(operation) => self.apply_messages(operation, now).map(Answer::Messages),
            _ => Err(unsupported(operation.name().1)),
        }
    }

    fn apply_workers(&mut self, operation: &WorkersOperation, now: Timestamp) -> Result<WorkersAnswer> {
        use {WorkersAnswer as A, WorkersOperation as O};
        match operation {
            O::RegisterWorker { name } => Ok(A::RegisterWorker(self.register_worker(name, now))),
            O::PingWorker { registration } => self.ping_worker(registration, now).map(A::PingWorker),
            O::SetWorkerStatus {
                name,
                incarnation,
                status,
            } => self
                .set_worker_status(name, *incarnation, *status, now)
                .map(A::SetWorkerStatus),
            O::GetWorker { name } => self.get_worker(name, now).map(A::GetWorker),
            O::ListWorkers { page } => self.list_workers(page, now).map(A::ListWorkers),
            O::CountWorkers {} => Ok(A::CountWorkers(self.count_workers(now))),
            O::DeleteWorker { name } => self.delete_worker(name).map(A::DeleteWorker),
            O::WorkerHistory { name, page } => self.worker_history(name, page).map(A::WorkerHistory),
            O::RefreshStatuses { timeouts } => Ok(A::RefreshStatuses(self.refresh_statuses(timeouts, now))),
            _ => Err(unsupported(operation.name())),
        }
    }

    fn apply_leadership(&mut self, operation: &LeadershipOperation, now: Timestamp) -> Result<LeadershipAnswer> {
        use {LeadershipAnswer as A, LeadershipOperation as O};
        match operation {
            O::AnnounceCandidacy {
                registration,
                valid_for,
            } => self
                .announce_candidacy(registration, *valid_for, now)
                .map(A::AnnounceCandidacy),
            O::CheckCandidacy { registration, ttl } => {
                self.check_candidacy(registration, *ttl, now).map(A::CheckCandidacy)
            }
            O::Campaign { registration, ttl } => self.campaign(registration, *ttl, now).map(A::Campaign),
            O::RenewLease { lease, ttl } => Ok(A::RenewLease(self.renew_lease(lease, *ttl, now))),
            O::Resign { lease } => Ok(A::Resign(self.resign(lease, now))),
            O::Leader {} => Ok(A::Leader(self.seat.leader(now))),
            O::CheckTerm { term } => self.check_term(*term, now).map(A::CheckTerm),
            _ => Err(unsupported(operation.name())),
        }
    }

    fn apply_messages(&mut self, operation: &MessagesOperation, now: Timestamp) -> Result<MessagesAnswer> {
        use {MessagesAnswer as A, MessagesOperation as O};
        match operation {
            O::SendMessage { message } => self.send_message(message, now).map(A::SendMessage),
            O::ReceiveMessages { registration, claim } => {
                self.receive_messages(registration, claim, now).map(A::ReceiveMessages)
            }
            O::TakeMessages { registration, max } => self.take_messages(registration, *max, now).map(A::TakeMessages),
            O::AckMessage { receipt } => self.ack_message(receipt, now).map(A::AckMessage),
            O::NackMessage { receipt, delay } => self.nack_message(receipt, *delay, now).map(A::NackMessage),
            O::ExtendClaim { receipt, visibility } => self.extend_claim(receipt, *visibility, now).map(A::ExtendClaim),
            O::PeekMessages { worker, page } => self.peek_messages(worker, page, now).map(A::PeekMessages),
            _ => Err(unsupported(operation.name())),
        }
    }

    /// Everything is gone but the counters, so that no term, incarnation or message id is given out twice, and the
    /// promise of the last lease.
    pub fn clear(&mut self) {
        *self = Self {
            latest_incarnation: self.latest_incarnation,
            latest_message: self.latest_message,
            seat: self.seat.vacated(),
            ..Self::default()
        };
    }
}

fn unsupported(operation: &'static str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "this version of the memory backend does not know the operation",
    )
    .at(operation)
}
