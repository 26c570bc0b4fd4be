//! Ids differ from store to store, and may have gaps: which of the reference stands for which of the backend.

use std::collections::BTreeMap;

use convoke_core::{
    Announcement, Answer, Candidacy, Cursor, Deferral, Delivery, Expected, Incarnation, Leader, LeadershipAnswer as LA,
    LeadershipOperation as LO, Lease, Lock, LockAcquisition, LockRelease, LockRenewal, LockToken, LocksAnswer as KA,
    LocksOperation as KO, Message, MessageId, MessagesAnswer as MA, MessagesOperation as MO, Operation, Page, Paged,
    Receipt, Registration, Renewal, Resignation, Result, Revision, SettingWrite, SettingWrites, SettingsAnswer as SA,
    SettingsOperation as SO, SettingsWritten, Term, TopologiesAnswer as TA, TopologiesOperation as TO,
    WorkersAnswer as WA, WorkersOperation as WO,
};

/// Something that a store makes up and a client gives back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Id {
    Incarnation(u64),
    Term(u64),
    Message(u64),
    Lock(u64),
    Revision(u64),
    /// Of which list, and its text.
    Cursor(String, String),
}

impl Id {
    /// The same kind of id, never given out.
    fn unheard_of(self) -> Self {
        const FAR: u64 = 1 << 60;
        match self {
            Self::Incarnation(_) => Self::Incarnation(FAR),
            Self::Term(_) => Self::Term(FAR),
            Self::Message(_) => Self::Message(FAR),
            Self::Lock(_) => Self::Lock(FAR),
            Self::Revision(_) => Self::Revision(FAR),
            // A cursor that no list gave is judged by its text.
            Self::Cursor(list, text) => Self::Cursor(list, text),
        }
    }
}

/// The ids seen so far on both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Ids {
    of_reference: BTreeMap<Id, Id>,
    of_backend: BTreeMap<Id, Id>,
}

impl Ids {
    /// An operation of the backend with the ids of the reference.
    pub(crate) fn to_reference(&self, operation: &Operation) -> Operation {
        let mut operation = operation.clone();
        in_operation(&mut operation, &mut |id| match self.of_reference_for(&id) {
            Some(known) => known,
            None => id.unheard_of(),
        });
        operation
    }

    /// Whether the backend answered what the reference did, new ids being met in the same order.
    pub(crate) fn agree(
        &mut self,
        operation: &Operation,
        reference: &Result<Answer>,
        backend: &Result<Answer>,
    ) -> bool {
        match (reference, backend) {
            (Ok(reference), Ok(backend)) => self.agree_on(&list_of(operation), reference, backend),
            (Err(reference), Err(backend)) => reference.kind() == backend.kind(),
            _ => false,
        }
    }

    fn agree_on(&mut self, list: &str, reference: &Answer, backend: &Answer) -> bool {
        let (reference, theirs) = without_ids(list, reference);
        let (backend, ours) = without_ids(list, backend);
        reference == backend
            && theirs.len() == ours.len()
            && theirs
                .into_iter()
                .zip(ours)
                .all(|(theirs, ours)| self.pair(theirs, ours))
    }

    fn of_reference_for(&self, backend: &Id) -> Option<Id> {
        self.of_backend.get(backend).cloned()
    }

    fn pair(&mut self, reference: Id, backend: Id) -> bool {
        // A cursor is only ever given back to its own list; which place of the reference it stands for is all that counts.
        if matches!(reference, Id::Cursor(..)) {
            self.of_backend.insert(backend, reference);
            return true;
        }
        match (self.of_reference.get(&reference), self.of_backend.get(&backend)) {
            (Some(known), Some(_)) => *known == backend,
            (None, None) => {
                self.of_reference.insert(reference.clone(), backend.clone());
                self.of_backend.insert(backend, reference);
                true
            }
            _ => false,
        }
    }
}

/// An answer with its ids blanked, and the ids in the order in which they stood.
fn without_ids(list: &str, answer: &Answer) -> (Answer, Vec<Id>) {
    let mut answer = answer.clone();
    let mut ids = Vec::new();
    in_answer(list, &mut answer, &mut |id| {
        let blank = match &id {
            Id::Incarnation(_) => Id::Incarnation(0),
            Id::Term(_) => Id::Term(0),
            Id::Message(_) => Id::Message(0),
            Id::Lock(_) => Id::Lock(0),
            Id::Revision(_) => Id::Revision(0),
            Id::Cursor(list, _) => Id::Cursor(list.clone(), String::new()),
        };
        ids.push(id);
        blank
    });
    (answer, ids)
}

/// The list that an operation reads, if it reads one.
fn list_of(operation: &Operation) -> String {
    match operation {
        Operation::Workers(WO::ListWorkers { .. }) => "workers".to_owned(),
        Operation::Workers(WO::WorkerHistory { name, .. }) => format!("history of {name}"),
        Operation::Workers(WO::TrimWorkerHistory { .. }) => "trim of workers".to_owned(),
        Operation::Topologies(TO::ListTopologies { .. }) => "topologies".to_owned(),
        Operation::Topologies(TO::ListAssignedTopologies { worker, .. }) => format!("topologies of {worker}"),
        Operation::Topologies(TO::TopologyHistory { id, .. }) => format!("history of topology {id}"),
        Operation::Topologies(TO::TrimTopologyHistory { .. }) => "trim of topologies".to_owned(),
        Operation::Messages(MO::PeekMessages { worker, .. }) => format!("queue of {worker}"),
        Operation::Locks(KO::ListLocks { .. }) => "locks".to_owned(),
        Operation::Settings(SO::ListSettings { .. }) => "settings".to_owned(),
        _ => String::new(),
    }
}

type Change<'a> = &'a mut dyn FnMut(Id) -> Id;

fn in_operation(operation: &mut Operation, change: Change<'_>) {
    let list = list_of(operation);
    match operation {
        Operation::Workers(operation) => match operation {
            WO::PingWorker { registration } => in_registration(registration, change),
            WO::SetWorkerStatus {
                incarnation: Some(incarnation),
                ..
            } => in_incarnation(incarnation, change),
            WO::ListWorkers { page } | WO::WorkerHistory { page, .. } | WO::TrimWorkerHistory { page, .. } => {
                in_page(&list, page, change);
            }
            _ => {}
        },
        Operation::Leadership(operation) => match operation {
            LO::AnnounceCandidacy { registration, .. }
            | LO::CheckCandidacy { registration, .. }
            | LO::Campaign { registration, .. } => in_registration(registration, change),
            LO::RenewLease { lease, .. } | LO::Resign { lease } => in_lease(lease, change),
            LO::CheckTerm { term } => in_term(term, change),
            _ => {}
        },
        Operation::Messages(operation) => match operation {
            MO::SendMessage { message } => {
                if let Some(term) = &mut message.term {
                    in_term(term, change);
                }
            }
            MO::ReceiveMessages { registration, .. } | MO::TakeMessages { registration, .. } => {
                in_registration(registration, change);
            }
            MO::AckMessage { receipt } | MO::NackMessage { receipt, .. } | MO::ExtendClaim { receipt, .. } => {
                in_receipt(receipt, change);
            }
            MO::PeekMessages { page, .. } => in_page(&list, page, change),
            _ => {}
        },
        Operation::Topologies(operation) => match operation {
            TO::AssignTopologies { term, .. } => in_term(term, change),
            TO::ReportTopology { registration, .. } | TO::SetTopologyPid { registration, .. } => {
                in_registration(registration, change);
            }
            TO::ListTopologies { page }
            | TO::ListAssignedTopologies { page, .. }
            | TO::TopologyHistory { page, .. }
            | TO::TrimTopologyHistory { page, .. } => in_page(&list, page, change),
            _ => {}
        },
        Operation::Locks(operation) => match operation {
            KO::RenewLock { lock, .. } | KO::ReleaseLock { lock } => in_lock(lock, change),
            KO::CheckLock { token, .. } => in_token(token, change),
            KO::ListLocks { page } => in_page(&list, page, change),
            _ => {}
        },
        Operation::Settings(operation) => match operation {
            SO::WriteSettings { writes } => in_writes(writes, change),
            SO::ListSettings { page, .. } => in_page(&list, page, change),
            _ => {}
        },
        _ => {}
    }
}

fn in_answer(list: &str, answer: &mut Answer, change: Change<'_>) {
    match answer {
        Answer::Workers(answer) => match answer {
            WA::RegisterWorker(registration) => in_registration(registration, change),
            WA::GetWorker(worker) => in_incarnation(&mut worker.incarnation, change),
            WA::ListWorkers(page) => in_paged(
                list,
                page,
                |worker, change| in_incarnation(&mut worker.incarnation, change),
                change,
            ),
            WA::WorkerHistory(page) => in_paged(
                list,
                page,
                |row, change| in_incarnation(&mut row.incarnation, change),
                change,
            ),
            WA::TrimWorkerHistory(trimmed) => in_next(list, &mut trimmed.next, change),
            WA::RefreshStatuses(refreshed) => {
                if let Some(vacated) = &mut refreshed.vacated {
                    in_term(&mut vacated.term, change);
                }
            }
            _ => {}
        },
        Answer::Leadership(answer) => match answer {
            LA::AnnounceCandidacy(Announcement::Refused(why)) => in_deferral(why, change),
            LA::CheckCandidacy(candidacy) | LA::Campaign(candidacy) => match candidacy {
                Candidacy::Elected(lease) => in_lease(lease, change),
                Candidacy::Deferred(why) => in_deferral(why, change),
            },
            LA::RenewLease(Renewal::Renewed(lease)) => in_lease(lease, change),
            LA::RenewLease(Renewal::Lost(leader)) | LA::Resign(Resignation::Lost(leader)) | LA::Leader(leader) => {
                if let Some(leader) = leader {
                    in_leader(leader, change);
                }
            }
            _ => {}
        },
        Answer::Messages(answer) => match answer {
            MA::SendMessage(id) => in_id(id, change),
            MA::ReceiveMessages(deliveries) => {
                for Delivery { message, receipt, .. } in deliveries {
                    in_message(message, change);
                    in_receipt(receipt, change);
                }
            }
            MA::TakeMessages(messages) => messages.iter_mut().for_each(|message| in_message(message, change)),
            MA::PeekMessages(page) => in_paged(
                list,
                page,
                |queued, change| in_message(&mut queued.message, change),
                change,
            ),
            _ => {}
        },
        Answer::Topologies(answer) => in_topologies(list, answer, change),
        Answer::Locks(answer) => in_locks(list, answer, change),
        Answer::Settings(answer) => in_settings(list, answer, change),
        _ => {}
    }
}

fn in_topologies(list: &str, answer: &mut TA, change: Change<'_>) {
    match answer {
        TA::ListTopologies(page) | TA::ListAssignedTopologies(page) => in_next(list, &mut page.next, change),
        TA::TopologyHistory(page) => in_next(list, &mut page.next, change),
        TA::TrimTopologyHistory(trimmed) => in_next(list, &mut trimmed.next, change),
        _ => {}
    }
}

fn in_locks(list: &str, answer: &mut KA, change: Change<'_>) {
    match answer {
        KA::AcquireLock(LockAcquisition::Acquired(lock) | LockAcquisition::HeldBy(lock))
        | KA::RenewLock(LockRenewal::Renewed(lock) | LockRenewal::Lost(Some(lock)))
        | KA::ReleaseLock(LockRelease::Lost(Some(lock)))
        | KA::GetLock(Some(lock)) => in_lock(lock, change),
        KA::ListLocks(page) => in_paged(list, page, in_lock, change),
        _ => {}
    }
}

fn in_settings(list: &str, answer: &mut SA, change: Change<'_>) {
    match answer {
        SA::GetSetting(Some(setting)) => in_revision(&mut setting.revision, change),
        SA::ListSettings(page) => in_paged(
            list,
            page,
            |setting, change| in_revision(&mut setting.revision, change),
            change,
        ),
        SA::WriteSettings(
            SettingsWritten::Written(revision)
            | SettingsWritten::Mismatch {
                actual: Some(revision), ..
            },
        ) => in_revision(revision, change),
        _ => {}
    }
}

fn in_incarnation(incarnation: &mut Incarnation, change: Change<'_>) {
    if let Id::Incarnation(number) = change(Id::Incarnation(incarnation.number())) {
        *incarnation = Incarnation::from_number(number);
    }
}

fn in_term(term: &mut Term, change: Change<'_>) {
    if let Id::Term(number) = change(Id::Term(term.number())) {
        *term = Term::from_number(number);
    }
}

fn in_id(id: &mut MessageId, change: Change<'_>) {
    if let Id::Message(number) = change(Id::Message(id.number())) {
        *id = MessageId::from_number(number);
    }
}

fn in_token(token: &mut LockToken, change: Change<'_>) {
    if let Id::Lock(number) = change(Id::Lock(token.number())) {
        *token = LockToken::from_number(number);
    }
}

fn in_lock(lock: &mut Lock, change: Change<'_>) {
    in_token(&mut lock.token, change);
}

fn in_revision(revision: &mut Revision, change: Change<'_>) {
    if let Id::Revision(number) = change(Id::Revision(revision.number())) {
        *revision = Revision::from_number(number);
    }
}

fn in_writes(writes: &mut SettingWrites, change: Change<'_>) {
    let changed = writes.as_slice().iter().cloned().map(|mut write: SettingWrite| {
        if let Expected::Revision(revision) = &mut write.expected {
            in_revision(revision, change);
        }
        write
    });
    // What was a batch stays one: neither keys nor values change.
    if let Ok(changed) = SettingWrites::new(changed.collect::<Vec<_>>()) {
        *writes = changed;
    }
}

fn in_registration(registration: &mut Registration, change: Change<'_>) {
    in_incarnation(&mut registration.incarnation, change);
}

fn in_lease(lease: &mut Lease, change: Change<'_>) {
    in_registration(&mut lease.registration, change);
    in_term(&mut lease.term, change);
}

fn in_leader(leader: &mut Leader, change: Change<'_>) {
    in_incarnation(&mut leader.incarnation, change);
    in_term(&mut leader.term, change);
}

fn in_deferral(why: &mut Deferral, change: Change<'_>) {
    if let Deferral::LedBy(leader) = why {
        in_leader(leader, change);
    }
}

fn in_message(message: &mut Message, change: Change<'_>) {
    in_id(&mut message.id, change);
}

fn in_receipt(receipt: &mut Receipt, change: Change<'_>) {
    in_id(&mut receipt.message, change);
    in_registration(&mut receipt.registration, change);
}

fn in_page(list: &str, page: &mut Page, change: Change<'_>) {
    if let Some(cursor) = &mut page.after {
        in_cursor(list, cursor, change);
    }
}

fn in_paged<T>(list: &str, page: &mut Paged<T>, item: impl Fn(&mut T, Change<'_>), change: Change<'_>) {
    for it in &mut page.items {
        item(it, change);
    }
    in_next(list, &mut page.next, change);
}

fn in_next(list: &str, next: &mut Option<Cursor>, change: Change<'_>) {
    if let Some(next) = next {
        in_cursor(list, next, change);
    }
}

fn in_cursor(list: &str, cursor: &mut Cursor, change: Change<'_>) {
    if let Id::Cursor(_, text) = change(Id::Cursor(list.to_owned(), cursor.as_str().to_owned())) {
        *cursor = Cursor::from(text);
    }
}
