//! Saboteurs of refreshing and trimming.

use convoke_core::workers::is_gone;
use convoke_core::{
    Answer, Cursor, Operation, Page, Result, Retention, Topologies, TopologiesAnswer as TA, TopologiesOperation as TO,
    TopologyId, TopologyStatus, Trimmed, Ttl, Worker, WorkerStatus, Workers, WorkersAnswer as WA,
    WorkersOperation as WO,
};

use super::Layer;
use super::of_topologies::take;

async fn gone(layer: &Layer) -> Result<Vec<Worker>> {
    let workers = layer.store.list_workers(&Page::first(1_000)?).await?.items;
    Ok(workers.into_iter().filter(|worker| is_gone(worker.status)).collect())
}

pub(super) async fn refreshing_takes_errors_away_too(layer: Layer, operation: Operation) -> Result<Answer> {
    let answer = layer.honestly(operation.clone()).await?;
    if let Operation::Workers(WO::RefreshStatuses { .. }) = &operation {
        for worker in gone(&layer).await? {
            let held = layer
                .store
                .list_assigned_topologies(&worker.name, &Page::default())
                .await?
                .items;
            for topology in held {
                take(&layer, &topology.id).await?;
            }
        }
    }
    Ok(answer)
}

/// Looks only at those who die now.
pub(super) async fn refreshing_forgets_what_the_gone_have(layer: Layer, operation: Operation) -> Result<Answer> {
    let overlooked = gone(&layer).await?;
    refreshing_without(layer, operation, overlooked).await
}

/// A mark that is removed when nothing is left to take, and set again only when the worker's status is.
pub(super) async fn refreshing_looks_at_the_gone_once(layer: Layer, operation: Operation) -> Result<Answer> {
    let gone = gone(&layer).await?;
    let looked_at = {
        let mut notes = layer.notes.lock();
        notes
            .looked_at
            .retain(|name| gone.iter().any(|worker| worker.name == *name));
        let seen = notes.looked_at.clone();
        if matches!(operation, Operation::Workers(WO::RefreshStatuses { .. })) {
            notes.looked_at = gone.iter().map(|worker| worker.name.clone()).collect();
        }
        seen
    };
    let overlooked = gone
        .into_iter()
        .filter(|worker| looked_at.contains(&worker.name))
        .collect();
    refreshing_without(layer, operation, overlooked).await
}

async fn refreshing_without(layer: Layer, operation: Operation, gone: Vec<Worker>) -> Result<Answer> {
    let Operation::Workers(WO::RefreshStatuses { .. }) = &operation else {
        return layer.honestly(operation).await;
    };
    for worker in &gone {
        layer
            .store
            .set_worker_status(&worker.name, None, WorkerStatus::Disabled)
            .await?;
    }
    let answer = layer.honestly(operation).await;
    for worker in gone {
        layer.store.set_worker_status(&worker.name, None, worker.status).await?;
    }
    answer
}

pub(super) async fn refreshing_forgets_what_waits(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Operation::Workers(WO::RefreshStatuses { timeouts }) = &mut operation {
        *timeouts = timeouts.with_waiting(Ttl::MAX);
    }
    layer.honestly(operation).await
}

pub(super) async fn waiting_is_over_a_microsecond_late(layer: Layer, operation: Operation) -> Result<Answer> {
    match operation {
        Operation::Workers(WO::RefreshStatuses { .. }) => operation.run(&layer.as_of(-1)).await,
        other => layer.honestly(other).await,
    }
}

pub(super) async fn refreshing_takes_away_what_runs_for_long(layer: Layer, operation: Operation) -> Result<Answer> {
    if let Operation::Workers(WO::RefreshStatuses { timeouts }) = &operation {
        for topology in layer.store.list_topologies(&Page::default()).await?.items {
            let long = topology.since.plus(timeouts.waiting) <= layer.now();
            if long && topology.status == TopologyStatus::Running {
                take(&layer, &topology.id).await?;
            }
        }
    }
    layer.honestly(operation).await
}

pub(super) async fn refreshing_never_says_that_there_is_more(layer: Layer, operation: Operation) -> Result<Answer> {
    let mut answer = layer.honestly(operation).await?;
    if let Answer::Workers(WA::RefreshStatuses(refreshed)) = &mut answer {
        refreshed.more = false;
    }
    Ok(answer)
}

pub(super) async fn a_worker_is_deleted_though_topologies_run_on_it(
    layer: Layer,
    operation: Operation,
) -> Result<Answer> {
    if let Operation::Workers(WO::DeleteWorker { name }) = &operation {
        for topology in layer
            .store
            .list_assigned_topologies(name, &Page::default())
            .await?
            .items
        {
            take(&layer, &topology.id).await?;
        }
    }
    layer.honestly(operation).await
}

fn retention_of(operation: &mut Operation) -> Option<&mut Retention> {
    match operation {
        Operation::Topologies(TO::TrimTopologyHistory { retention, .. })
        | Operation::Workers(WO::TrimWorkerHistory { retention, .. }) => Some(retention),
        _ => None,
    }
}

pub(super) async fn trimming_does_not_look_at_the_age(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Some(retention) = retention_of(&mut operation) {
        retention.age = None;
    }
    layer.honestly(operation).await
}

pub(super) async fn trimming_does_not_count(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Some(retention) = retention_of(&mut operation) {
        retention.rows = None;
    }
    layer.honestly(operation).await
}

pub(super) async fn trimming_keeps_one_too_many(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Some(retention) = retention_of(&mut operation) {
        retention.rows = retention.rows.map(|rows| rows + 1);
    }
    layer.honestly(operation).await
}

/// As many rows as should go, from the wrong end.
pub(super) async fn trimming_drops_the_newest(layer: Layer, operation: Operation) -> Result<Answer> {
    match &operation {
        Operation::Topologies(TO::TrimTopologyHistory { retention, .. }) => {
            let mut rows = 0;
            for topology in layer.store.list_topologies(&Page::default()).await?.items {
                let kept = layer
                    .store
                    .topology_history(&topology.id, &Page::first(1_000)?)
                    .await?
                    .items
                    .len();
                let over = kept.saturating_sub(retention.rows.map_or(kept, |rows| rows as usize));
                layer.notes.lock().hidden.insert(topology.id, over);
                rows += over as u64;
            }
            Ok(TA::TrimTopologyHistory(Trimmed { rows, next: None }).into())
        }
        Operation::Topologies(TO::TopologyHistory { id, .. }) => {
            let id = id.clone();
            let mut answer = layer.honestly(operation).await?;
            if let Answer::Topologies(TA::TopologyHistory(page)) = &mut answer {
                let hidden = layer.notes.lock().hidden.get(&id).copied().unwrap_or_default();
                page.items.drain(..hidden.min(page.items.len()));
            }
            Ok(answer)
        }
        _ => layer.honestly(operation).await,
    }
}

/// All names in one go, whatever page is asked for.
pub(super) async fn trimming_visits_every_name_at_once(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Operation::Topologies(TO::TrimTopologyHistory { page, .. })
    | Operation::Workers(WO::TrimWorkerHistory { page, .. }) = &mut operation
    {
        *page = Page::first(1_000)?;
    }
    layer.honestly(operation).await
}

/// The number of the oldest row that a history has; 0 when it has one or none.
async fn oldest(layer: &Layer, id: &TopologyId) -> Result<u64> {
    let rows = layer
        .store
        .topology_history(id, &Page::first(1_000)?)
        .await?
        .items
        .len();
    let Some(but_one) = u32::try_from(rows)
        .ok()
        .and_then(|rows| rows.checked_sub(1))
        .filter(|rows| *rows > 0)
    else {
        return Ok(0);
    };
    let next = layer.store.topology_history(id, &Page::first(but_one)?).await?.next;
    Ok(next.map_or(Ok(1), |next| next.number())? - 1)
}

/// Rows are numbered anew from the oldest one that is left.
pub(super) async fn trimming_numbers_the_rows_anew(layer: Layer, mut operation: Operation) -> Result<Answer> {
    let Operation::Topologies(TO::TopologyHistory { id, page }) = &mut operation else {
        return layer.honestly(operation).await;
    };
    let oldest = oldest(&layer, id).await?;
    if let Some(after) = &mut page.after {
        *after = Cursor::behind_number(after.number()? + oldest);
    }
    let mut answer = layer.honestly(operation).await?;
    if let Answer::Topologies(TA::TopologyHistory(page)) = &mut answer
        && let Some(next) = &mut page.next
    {
        *next = Cursor::behind_number(next.number()? - oldest);
    }
    Ok(answer)
}
