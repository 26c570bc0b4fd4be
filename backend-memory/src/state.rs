//! The whole state of coordination, and one way to apply any operation to it.

use std::collections::{BTreeMap, BTreeSet};

use convoke_core::leadership::Seat;
use convoke_core::{
    Answer, Error, ErrorKind, Incarnation, LeadershipAnswer, LeadershipOperation, Lock, LockName, LocksAnswer,
    LocksOperation, MessagesAnswer, MessagesOperation, Operation, Result, Setting, SettingKey, SettingsAnswer,
    SettingsOperation, Timestamp, TopologiesAnswer, TopologiesOperation, TopologyChange, TopologyId, WorkerChange,
    WorkerName, WorkerStatus, WorkersAnswer, WorkersOperation,
};

use crate::history::Histories;
use crate::messages::Queue;
use crate::topologies::Unit;

/// The state of all concerns of coordination. Deterministic: the same operations at the same times give the same
/// answers, wherever they are applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    pub(crate) workers: BTreeMap<WorkerName, Entry>,
    /// Those that can fall silent (alive or closing), the longest silent first.
    pub(crate) listened_to: BTreeSet<(Timestamp, WorkerName)>,
    pub(crate) latest_incarnation: u64,
    /// Those that are dead or unloaded and may have topologies that were not taken away yet.
    pub(crate) gone: BTreeSet<WorkerName>,
    pub(crate) history: Histories<WorkerName, WorkerChange>,
    pub(crate) seat: Seat,
    /// Stored candidacies, lapsed ones that nobody has cleared yet included.
    pub(crate) candidacies: BTreeMap<WorkerName, Timestamp>,
    pub(crate) topologies: BTreeMap<TopologyId, Unit>,
    /// Who has which.
    pub(crate) held: BTreeMap<WorkerName, BTreeSet<TopologyId>>,
    /// Those that wait, and since when.
    pub(crate) waiting: BTreeSet<(Timestamp, TopologyId)>,
    pub(crate) topology_history: Histories<TopologyId, TopologyChange>,
    pub(crate) queues: BTreeMap<WorkerName, Queue>,
    pub(crate) latest_message: u64,
    /// Those that ran out and were not swept away yet included.
    pub(crate) locks: BTreeMap<LockName, Lock>,
    pub(crate) locks_by_end: BTreeSet<(Timestamp, LockName)>,
    pub(crate) latest_lock: u64,
    pub(crate) settings: BTreeMap<SettingKey, Setting>,
    pub(crate) latest_revision: u64,
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
            Operation::Topologies(operation) => self.apply_topologies(operation, now).map(Answer::Topologies),
            Operation::Messages(operation) => self.apply_messages(operation, now).map(Answer::Messages),
            Operation::Locks(operation) => self.apply_locks(operation, now).map(Answer::Locks),
            Operation::Settings(operation) => self.apply_settings(operation, now).map(Answer::Settings),
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
            O::TrimWorkerHistory { retention, page } => {
                self.trim_worker_history(retention, page, now).map(A::TrimWorkerHistory)
            }
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

    fn apply_topologies(&mut self, operation: &TopologiesOperation, now: Timestamp) -> Result<TopologiesAnswer> {
        use {TopologiesAnswer as A, TopologiesOperation as O};
        match operation {
            O::RegisterTopology { topology } => Ok(A::RegisterTopology(self.register_topology(topology, now))),
            O::AssignTopologies { term, placements } => {
                self.assign_topologies(*term, placements, now).map(A::AssignTopologies)
            }
            O::ReportTopology {
                registration,
                id,
                report,
            } => self
                .report_topology(registration, id, report, now)
                .map(A::ReportTopology),
            O::SetTopologyPid { registration, id, pid } => self
                .set_topology_pid(registration, id, *pid, now)
                .map(A::SetTopologyPid),
            O::EnableTopology { id } => self.set_topology_enabled(id, true, now).map(A::EnableTopology),
            O::DisableTopology { id } => self.set_topology_enabled(id, false, now).map(A::DisableTopology),
            O::StopTopology { id } => self.stop_topology(id, now).map(A::StopTopology),
            O::KillTopology { id } => self.kill_topology(id, now).map(A::KillTopology),
            O::SetTopologyError { id, error } => self.set_topology_error(id, error, now).map(A::SetTopologyError),
            O::ClearTopologyError { id } => self.clear_topology_error(id, now).map(A::ClearTopologyError),
            O::DeleteTopology { id } => self.delete_topology(id).map(A::DeleteTopology),
            O::GetTopology { id } => self.get_topology(id).map(A::GetTopology),
            O::ListTopologies { page } => self.list_topologies(page).map(A::ListTopologies),
            O::ListAssignedTopologies { worker, page } => self
                .list_assigned_topologies(worker, page)
                .map(A::ListAssignedTopologies),
            O::TopologyHistory { id, page } => self.topology_history(id, page).map(A::TopologyHistory),
            O::TrimTopologyHistory { retention, page } => self
                .trim_topology_history(retention, page, now)
                .map(A::TrimTopologyHistory),
            _ => Err(unsupported(operation.name())),
        }
    }

    fn apply_locks(&mut self, operation: &LocksOperation, now: Timestamp) -> Result<LocksAnswer> {
        use {LocksAnswer as A, LocksOperation as O};
        match operation {
            O::AcquireLock { name, owner, ttl } => Ok(A::AcquireLock(self.acquire_lock(name, owner, *ttl, now))),
            O::RenewLock { lock, ttl } => Ok(A::RenewLock(self.renew_lock(lock, *ttl, now))),
            O::ReleaseLock { lock } => Ok(A::ReleaseLock(self.release_lock(lock, now))),
            O::CheckLock { name, token } => self.check_lock(name, *token, now).map(A::CheckLock),
            O::GetLock { name } => Ok(A::GetLock(self.get_lock(name, now))),
            O::ListLocks { page } => self.list_locks(page, now).map(A::ListLocks),
            _ => Err(unsupported(operation.name())),
        }
    }

    fn apply_settings(&mut self, operation: &SettingsOperation, now: Timestamp) -> Result<SettingsAnswer> {
        use {SettingsAnswer as A, SettingsOperation as O};
        match operation {
            O::GetSetting { key } => Ok(A::GetSetting(self.get_setting(key))),
            O::ListSettings { range, page } => self.list_settings(range, page).map(A::ListSettings),
            O::WriteSettings { writes } => Ok(A::WriteSettings(self.write_settings(writes, now))),
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

    /// Everything is gone but the counters, so that no fencing token is given out twice, and what was promised: until
    /// when the last lease lasts, and the locks that are held.
    pub fn clear(&mut self) {
        *self = Self {
            latest_incarnation: self.latest_incarnation,
            latest_message: self.latest_message,
            latest_lock: self.latest_lock,
            latest_revision: self.latest_revision,
            locks: std::mem::take(&mut self.locks),
            locks_by_end: std::mem::take(&mut self.locks_by_end),
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
