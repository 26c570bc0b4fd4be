//! Saboteurs of leadership.

use convoke_core::{
    Announcement, Answer, Candidacy, Deferral, Leadership, LeadershipAnswer as LA, LeadershipOperation as LO, Lease,
    Operation, Page, Registration, Renewal, Result, Role, Term, Timestamp, Ttl, WorkerStatus, Workers,
    WorkersAnswer as WA, WorkersOperation as WO,
};

use super::Layer;

/// The lease of whoever leads.
pub(super) async fn live_lease(layer: &Layer) -> Result<Option<Lease>> {
    let leader = layer.store.leader().await?;
    Ok(leader.map(|leader| Lease {
        registration: Registration {
            worker: leader.worker,
            incarnation: leader.incarnation,
        },
        term: leader.term,
        expires: leader.expires,
    }))
}

/// Every lead has the term 1.
pub(super) async fn the_term_never_grows(layer: Layer, operation: Operation) -> Result<Answer> {
    let mut answer = layer.honestly(operation).await?;
    if let Answer::Leadership(LA::Campaign(Candidacy::Elected(lease)) | LA::CheckCandidacy(Candidacy::Elected(lease))) =
        &mut answer
    {
        lease.term = Term::from_number(1);
    }
    Ok(answer)
}

/// A fault of qtopology: a leader that asks twice is told no, and demoted (4).
pub(super) async fn a_leader_asking_twice_is_demoted(layer: Layer, operation: Operation) -> Result<Answer> {
    if let Operation::Leadership(LO::Campaign { registration, .. }) = &operation
        && let Some(lease) = live_lease(&layer).await?
        && lease.registration == *registration
    {
        layer.store.resign(&lease).await?;
        return Ok(LA::Campaign(Candidacy::Deferred(Deferral::NotAnnounced)).into());
    }
    layer.honestly(operation).await
}

/// `<=` where `<` belongs.
pub(super) async fn a_lease_ends_a_microsecond_early_for_rivals(layer: Layer, operation: Operation) -> Result<Answer> {
    match operation {
        Operation::Leadership(LO::Campaign { .. } | LO::CheckCandidacy { .. } | LO::AnnounceCandidacy { .. }) => {
            operation.run(&layer.as_of(1)).await
        }
        other => layer.honestly(other).await,
    }
}

pub(super) async fn candidacies_are_taken_while_somebody_leads(layer: Layer, operation: Operation) -> Result<Answer> {
    let answer = layer.honestly(operation.clone()).await?;
    match (operation, answer) {
        (
            Operation::Leadership(LO::AnnounceCandidacy { valid_for, .. }),
            Answer::Leadership(LA::AnnounceCandidacy(Announcement::Refused(Deferral::LedBy(_)))),
        ) => Ok(LA::AnnounceCandidacy(Announcement::Announced(layer.now().plus(valid_for))).into()),
        (_, answer) => Ok(answer),
    }
}

/// The role is a column that somebody has to reset.
pub(super) async fn a_role_outlives_its_lease(layer: Layer, operation: Operation) -> Result<Answer> {
    let mut answer = layer.honestly(operation).await?;
    match &mut answer {
        Answer::Leadership(LA::Campaign(Candidacy::Elected(lease))) => {
            layer.notes.lock().led = Some(lease.registration.worker.clone());
        }
        Answer::Workers(WA::GetWorker(worker)) if layer.notes.lock().led.as_ref() == Some(&worker.name) => {
            worker.role = Role::Leader;
        }
        _ => {}
    }
    Ok(answer)
}

/// A fault of qtopology: the lowest name wins in memory, the highest on MySQL (1).
pub(super) async fn the_lowest_name_wins(layer: Layer, operation: Operation) -> Result<Answer> {
    let Operation::Leadership(LO::CheckCandidacy { registration, .. }) = &operation else {
        return layer.honestly(operation).await;
    };
    let workers = layer.store.list_workers(&Page::first(1_000)?).await?.items;
    let candidates = workers.into_iter().filter(|worker| worker.role == Role::Candidate);
    let (lower, higher): (Vec<_>, Vec<_>) = candidates
        .filter(|worker| worker.name != registration.worker)
        .partition(|worker| worker.name < registration.worker);
    if let Some(lowest) = lower.into_iter().next() {
        let until = layer.now().plus(Ttl::from_secs(10));
        let outranked = Deferral::Outranked { by: lowest.name, until };
        return Ok(LA::CheckCandidacy(Candidacy::Deferred(outranked)).into());
    }
    for worker in higher {
        layer
            .store
            .set_worker_status(&worker.name, None, WorkerStatus::Disabled)
            .await?;
        layer
            .store
            .set_worker_status(&worker.name, None, WorkerStatus::Alive)
            .await?;
    }
    layer.honestly(operation).await
}

/// A fault of qtopology: dead candidates were waited for (5).
pub(super) async fn a_dead_candidate_blocks_for_ever(layer: Layer, operation: Operation) -> Result<Answer> {
    let Operation::Leadership(LO::AnnounceCandidacy {
        registration,
        valid_for,
    }) = operation
    else {
        return layer.honestly(operation).await;
    };
    match layer.store.announce_candidacy(&registration, Ttl::MAX).await? {
        Announcement::Announced(_) => {
            Ok(LA::AnnounceCandidacy(Announcement::Announced(layer.now().plus(valid_for))).into())
        }
        refused => Ok(LA::AnnounceCandidacy(refused).into()),
    }
}

pub(super) async fn a_check_announces(layer: Layer, operation: Operation) -> Result<Answer> {
    let Operation::Leadership(LO::CheckCandidacy { registration, ttl }) = operation else {
        return layer.honestly(operation).await;
    };
    Ok(LA::CheckCandidacy(layer.store.campaign(&registration, ttl).await?).into())
}

pub(super) async fn a_renewal_shortens(layer: Layer, operation: Operation) -> Result<Answer> {
    let mut answer = layer.honestly(operation.clone()).await?;
    if let Operation::Leadership(LO::RenewLease { ttl, .. }) = operation
        && let Answer::Leadership(LA::RenewLease(Renewal::Renewed(lease))) = &mut answer
    {
        lease.expires = layer.now().plus(ttl);
    }
    Ok(answer)
}

/// `<=` where `<` belongs.
pub(super) async fn a_renewal_is_good_at_the_very_end(layer: Layer, operation: Operation) -> Result<Answer> {
    match operation {
        Operation::Leadership(LO::RenewLease { .. }) => operation.run(&layer.as_of(-1)).await,
        other => layer.honestly(other).await,
    }
}

/// As long as nobody else has won, it takes the lead back under the old term.
pub(super) async fn a_renewal_revives_a_lost_lease(layer: Layer, operation: Operation) -> Result<Answer> {
    let answer = layer.honestly(operation.clone()).await?;
    if let Operation::Leadership(LO::RenewLease { lease, ttl }) = operation
        && let Answer::Leadership(LA::RenewLease(Renewal::Lost(None))) = &answer
        && let Candidacy::Elected(again) = layer.store.campaign(&lease.registration, ttl).await?
    {
        let revived = Lease {
            term: lease.term,
            ..again
        };
        return Ok(LA::RenewLease(Renewal::Renewed(revived)).into());
    }
    Ok(answer)
}

pub(super) async fn anybody_can_resign_for_the_leader(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Operation::Leadership(LO::Resign { lease }) = &mut operation
        && let Some(live) = live_lease(&layer).await?
    {
        *lease = live;
    }
    layer.honestly(operation).await
}

/// The lead is vacated in place of being resigned.
pub(super) async fn resigning_keeps_the_promise(layer: Layer, operation: Operation) -> Result<Answer> {
    if let Operation::Leadership(LO::Resign { lease }) = &operation
        && live_lease(&layer)
            .await?
            .is_some_and(|live| live.registration == lease.registration)
    {
        let worker = &lease.registration.worker;
        layer
            .store
            .set_worker_status(worker, None, WorkerStatus::Disabled)
            .await?;
        layer.store.set_worker_status(worker, None, WorkerStatus::Alive).await?;
        return Ok(LA::Resign(convoke_core::Resignation::Resigned).into());
    }
    layer.honestly(operation).await
}

/// A lead that is vacated is over at once.
pub(super) async fn a_promise_is_forgotten(layer: Layer, operation: Operation) -> Result<Answer> {
    if let Operation::Workers(WO::SetWorkerStatus { name, .. } | WO::RegisterWorker { name }) = &operation
        && let Some(lease) = live_lease(&layer).await?
        && lease.registration.worker == *name
    {
        layer.store.resign(&lease).await?;
    }
    layer.honestly(operation).await
}

/// A fault of qtopology: there is no fencing; a paused leader goes on writing (4).
pub(super) async fn every_term_passes(layer: Layer, operation: Operation) -> Result<Answer> {
    match operation {
        Operation::Leadership(LO::CheckTerm { .. }) => Ok(LA::CheckTerm(()).into()),
        other => layer.honestly(other).await,
    }
}

/// A fault of qtopology: election reads, then acts (4).
pub(super) async fn an_election_reads_then_writes(layer: Layer, operation: Operation) -> Result<Answer> {
    let Operation::Leadership(LO::Campaign { registration, ttl }) = &operation else {
        return layer.honestly(operation).await;
    };
    let nobody_leads = layer.store.leader().await?.is_none();
    layer.gap().await;
    if nobody_leads && let Some(lease) = live_lease(&layer).await? {
        layer.store.resign(&lease).await?;
    }
    Ok(LA::Campaign(layer.store.campaign(registration, *ttl).await?).into())
}

/// The loser of an election is told that it won, under the term of who did.
pub(super) async fn a_rival_is_told_that_it_leads(layer: Layer, operation: Operation) -> Result<Answer> {
    let answer = layer.honestly(operation.clone()).await?;
    match (operation, answer) {
        (
            Operation::Leadership(LO::Campaign { registration, .. }),
            Answer::Leadership(LA::Campaign(Candidacy::Deferred(Deferral::LedBy(leader)))),
        ) => {
            let lease = Lease {
                registration,
                term: leader.term,
                expires: Timestamp::max(leader.expires, layer.now()),
            };
            Ok(LA::Campaign(Candidacy::Elected(lease)).into())
        }
        (_, answer) => Ok(answer),
    }
}
