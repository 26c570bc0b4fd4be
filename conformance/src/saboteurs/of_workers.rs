//! Saboteurs of workers.

use convoke_core::{
    Answer, Cursor, Error, ErrorKind, Incarnation, LeadershipOperation as LO, Limit, Messages, MessagesOperation as MO,
    NewMessage, Operation, Page, Refreshed, Registration, Result, Role, WorkerName, WorkerStatus, Workers,
    WorkersAnswer as WA, WorkersOperation as WO, error,
};

use super::Layer;
use super::of_opening::current;

/// The registration that an operation carries.
fn registration_of(operation: &mut Operation) -> Option<&mut Registration> {
    match operation {
        Operation::Workers(WO::PingWorker { registration })
        | Operation::Leadership(
            LO::AnnounceCandidacy { registration, .. }
            | LO::CheckCandidacy { registration, .. }
            | LO::Campaign { registration, .. },
        )
        | Operation::Messages(MO::ReceiveMessages { registration, .. } | MO::TakeMessages { registration, .. }) => {
            Some(registration)
        }
        _ => None,
    }
}

/// A fault of qtopology: a restarted worker of the same name kept its dead predecessor alive (4).
pub(super) async fn an_old_registration_goes_on(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Some(registration) = registration_of(&mut operation) {
        *registration = current(&layer, &registration.worker).await?;
    }
    layer.honestly(operation).await
}

pub(super) async fn a_stale_registration_is_a_conflict(layer: Layer, operation: Operation) -> Result<Answer> {
    let answer = layer.honestly(operation).await;
    answer.map_err(|error| match error.kind() {
        ErrorKind::Fenced => Error::new(ErrorKind::Conflict, "this registration is stale"),
        _ => error,
    })
}

/// A fault of qtopology: unknown names are met with silence (7).
pub(super) async fn an_unknown_worker_pings_in_silence(layer: Layer, operation: Operation) -> Result<Answer> {
    match (&operation, layer.honestly(operation.clone()).await) {
        (Operation::Workers(WO::PingWorker { .. }), Err(error)) if error.kind() == ErrorKind::NotFound => {
            Ok(WA::PingWorker(()).into())
        }
        (_, answer) => answer,
    }
}

pub(super) async fn a_takeover_drops_the_messages(layer: Layer, operation: Operation) -> Result<Answer> {
    let answer = layer.honestly(operation).await?;
    if let Answer::Workers(WA::RegisterWorker(registration)) = &answer {
        layer.store.take_messages(registration, Limit::MAX).await?;
    }
    Ok(answer)
}

/// A fault of qtopology: names that differ in case are one on MySQL (6).
pub(super) async fn names_lose_their_case(layer: Layer, operation: Operation) -> Result<Answer> {
    with_names(layer, operation, |name| name.to_lowercase()).await
}

/// A fault of qtopology: names that differ by a trailing blank are one on MySQL (6).
pub(super) async fn names_lose_their_trailing_blanks(layer: Layer, operation: Operation) -> Result<Answer> {
    with_names(layer, operation, |name| name.trim_end().to_owned()).await
}

async fn with_names(layer: Layer, mut operation: Operation, change: fn(&str) -> String) -> Result<Answer> {
    let changed = |name: &WorkerName| WorkerName::new(change(name.as_str()));
    match &mut operation {
        Operation::Workers(
            WO::RegisterWorker { name }
            | WO::GetWorker { name }
            | WO::DeleteWorker { name }
            | WO::SetWorkerStatus { name, .. }
            | WO::WorkerHistory { name, .. },
        )
        | Operation::Messages(MO::PeekMessages { worker: name, .. }) => *name = changed(name)?,
        Operation::Messages(MO::SendMessage { message }) => message.worker = changed(&message.worker)?,
        other => {
            if let Some(registration) = registration_of(other) {
                registration.worker = changed(&registration.worker)?;
            }
        }
    }
    layer.honestly(operation).await
}

pub(super) async fn a_ping_revives(layer: Layer, operation: Operation) -> Result<Answer> {
    let answer = layer.honestly(operation.clone()).await?;
    if let Operation::Workers(WO::PingWorker { registration }) = operation {
        layer
            .store
            .set_worker_status(&registration.worker, None, WorkerStatus::Alive)
            .await?;
    }
    Ok(answer)
}

pub(super) async fn an_ack_counts_as_a_ping(layer: Layer, operation: Operation) -> Result<Answer> {
    let answer = layer.honestly(operation.clone()).await?;
    if let Operation::Messages(MO::AckMessage { receipt }) = operation {
        layer.store.ping_worker(&receipt.registration).await?;
    }
    Ok(answer)
}

pub(super) async fn anybody_can_be_deleted(layer: Layer, operation: Operation) -> Result<Answer> {
    if let Operation::Workers(WO::DeleteWorker { name }) = &operation {
        layer
            .store
            .set_worker_status(name, None, WorkerStatus::Unloaded)
            .await?;
    }
    layer.honestly(operation).await
}

/// What waits for a worker that is deleted is given to the next one of its name.
pub(super) async fn deleting_leaves_the_messages(layer: Layer, operation: Operation) -> Result<Answer> {
    if let Operation::Workers(WO::DeleteWorker { name }) = &operation {
        let left = layer
            .store
            .peek_messages(name, &Page::default())
            .await?
            .items
            .into_iter();
        let left = left.map(|it| NewMessage::new(it.message.worker, it.message.command, it.message.content));
        layer.notes.lock().left_behind.extend(left);
    }
    let answer = layer.honestly(operation).await?;
    if let Answer::Workers(WA::RegisterWorker(_)) = &answer {
        let left = std::mem::take(&mut layer.notes.lock().left_behind);
        for message in left {
            layer.store.send_message(&message).await?;
        }
    }
    Ok(answer)
}

/// A fault of qtopology: history within a second comes back oldest first (8).
pub(super) async fn history_is_oldest_first(layer: Layer, operation: Operation) -> Result<Answer> {
    let mut answer = layer.honestly(operation).await?;
    if let Answer::Workers(WA::WorkerHistory(page)) = &mut answer {
        page.items.reverse();
    }
    Ok(answer)
}

pub(super) async fn candidacies_leave_no_row(layer: Layer, operation: Operation) -> Result<Answer> {
    let mut answer = layer.honestly(operation).await?;
    if let Answer::Workers(WA::WorkerHistory(page)) = &mut answer {
        page.items.retain(|row| row.role != Role::Candidate);
    }
    Ok(answer)
}

/// A fault of qtopology: what changes nothing leaves a history row all the same (7).
pub(super) async fn the_same_status_again_leaves_a_row(layer: Layer, operation: Operation) -> Result<Answer> {
    if let Operation::Workers(WO::SetWorkerStatus { name, .. }) = &operation {
        for status in [WorkerStatus::Closing, WorkerStatus::Alive] {
            layer.store.set_worker_status(name, None, status).await?;
        }
    }
    layer.honestly(operation).await
}

pub(super) async fn silence_kills_a_microsecond_late(layer: Layer, operation: Operation) -> Result<Answer> {
    refreshing_as_of(layer, operation, -1).await
}

pub(super) async fn silence_kills_a_microsecond_early(layer: Layer, operation: Operation) -> Result<Answer> {
    refreshing_as_of(layer, operation, 1).await
}

async fn refreshing_as_of(layer: Layer, operation: Operation, micros: i64) -> Result<Answer> {
    match operation {
        Operation::Workers(WO::RefreshStatuses { .. }) => operation.run(&layer.as_of(micros)).await,
        other => layer.honestly(other).await,
    }
}

pub(super) async fn silence_kills_the_disabled(layer: Layer, operation: Operation) -> Result<Answer> {
    if let Operation::Workers(WO::RefreshStatuses { .. }) = &operation {
        let workers = layer.store.list_workers(&Page::first(1_000)?).await?.items;
        for worker in workers.iter().filter(|worker| worker.status == WorkerStatus::Disabled) {
            layer
                .store
                .set_worker_status(&worker.name, None, WorkerStatus::Closing)
                .await?;
        }
    }
    layer.honestly(operation).await
}

pub(super) async fn refreshing_tells_the_same_twice(layer: Layer, operation: Operation) -> Result<Answer> {
    let answer = layer.honestly(operation).await?;
    let Answer::Workers(WA::RefreshStatuses(refreshed)) = answer else {
        return Ok(answer);
    };
    let mut notes = layer.notes.lock();
    let told = if refreshed.is_empty() {
        notes.refreshed.clone().unwrap_or_default()
    } else {
        refreshed
    };
    notes.refreshed = Some(told.clone());
    Ok(WA::RefreshStatuses(told).into())
}

pub(super) async fn the_last_page_has_a_next_one(layer: Layer, operation: Operation) -> Result<Answer> {
    let mut answer = layer.honestly(operation).await?;
    if let Answer::Workers(WA::ListWorkers(page)) = &mut answer {
        page.next = page.items.last().map(|last| Cursor::behind_worker(&last.name));
    }
    Ok(answer)
}

pub(super) async fn pages_overlap_by_one(layer: Layer, operation: Operation) -> Result<Answer> {
    let mut answer = layer.honestly(operation).await?;
    if let Answer::Workers(WA::ListWorkers(page)) = &mut answer
        && let (Some(next), [.., before, _]) = (&mut page.next, page.items.as_slice())
    {
        *next = Cursor::behind_worker(&before.name);
    }
    Ok(answer)
}

pub(super) async fn any_cursor_will_do(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Operation::Workers(WO::WorkerHistory { page, .. }) = &mut operation {
        page.after = page.after.take().filter(|cursor| cursor.number().is_ok());
    }
    layer.honestly(operation).await
}

/// A fault of qtopology: eight processes that registered 200 names made three double workers (3).
pub(super) async fn registering_reads_then_writes(layer: Layer, operation: Operation) -> Result<Answer> {
    let Operation::Workers(WO::RegisterWorker { name }) = &operation else {
        return layer.honestly(operation).await;
    };
    let before = layer
        .store
        .get_worker(name)
        .await
        .map_or(Incarnation::from_number(0), |worker| worker.incarnation);
    layer.gap().await;
    let registered = layer.store.register_worker(name).await?;
    // The new incarnation is made from what was read.
    let incarnation = Incarnation::from_number(before.number() + 1);
    Ok(WA::RegisterWorker(Registration {
        incarnation,
        ..registered
    })
    .into())
}

pub(super) async fn refreshing_reads_then_writes(layer: Layer, operation: Operation) -> Result<Answer> {
    let Operation::Workers(WO::RefreshStatuses { timeouts }) = &operation else {
        return layer.honestly(operation).await;
    };
    let workers = layer.store.list_workers(&Page::first(1_000)?).await?.items;
    let silent = |worker: &convoke_core::Worker| {
        convoke_core::workers::is_silent(worker.status, worker.last_ping, timeouts.worker, layer.now())
    };
    let silent = workers
        .into_iter()
        .filter(silent)
        .map(|worker| worker.name)
        .collect::<Vec<_>>();
    layer.gap().await;
    match layer.honestly(operation.clone()).await? {
        Answer::Workers(WA::RefreshStatuses(done)) => Ok(WA::RefreshStatuses(
            Refreshed::new(silent, done.vacated, done.lapsed)
                .with_unassigned(done.unassigned)
                .with_more(done.more),
        )
        .into()),
        _ => Err(error::invalid("refreshing answers what was refreshed")),
    }
}

/// Between the two steps everybody can see a status that nobody set.
pub(super) async fn a_status_is_set_in_two_steps(layer: Layer, operation: Operation) -> Result<Answer> {
    if let Operation::Workers(WO::SetWorkerStatus { name, incarnation, .. }) = &operation {
        layer
            .store
            .set_worker_status(name, *incarnation, WorkerStatus::Unloaded)
            .await?;
        layer.gap().await;
    }
    layer.honestly(operation).await
}
