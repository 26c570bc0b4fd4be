//! Saboteurs of topologies: assigning, reporting, telling, and what is shown.

use convoke_core::{
    Affinity, Answer, Assignment, ErrorText, Leadership, Messages, MessagesAnswer as MA, NewMessage, NewTopology,
    Operation, Payload, Placements, Registration, Report, Reported, Result, Topologies, TopologiesAnswer as TA,
    TopologiesOperation as TO, TopologyId, TopologyRegistered, TopologyStatus, Weight, WorkerName, WorkerStatus,
    Workers,
};

use super::Layer;
use super::of_opening::current;

/// The topology, if there is one.
pub(super) async fn shown(layer: &Layer, id: &TopologyId) -> Option<convoke_core::Topology> {
    layer.store.get_topology(id).await.ok().map(|details| details.topology)
}

/// Takes a topology from whoever has it, by a report in that one's name.
pub(super) async fn take(layer: &Layer, id: &TopologyId) -> Result<()> {
    if let Some(holder) = shown(layer, id).await.and_then(|topology| topology.worker) {
        let holder = current(layer, &holder).await?;
        layer.store.report_topology(&holder, id, &Report::Released).await?;
    }
    Ok(())
}

fn placements_of(operation: &Operation) -> Vec<convoke_core::Placement> {
    match operation {
        Operation::Topologies(TO::AssignTopologies { placements, .. }) => placements.as_slice().to_vec(),
        _ => Vec::new(),
    }
}

/// A fault of qtopology: no fencing (4).
pub(super) async fn a_term_is_not_looked_at_when_assigning(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Operation::Topologies(TO::AssignTopologies { term, .. }) = &mut operation
        && let Some(leader) = layer.store.leader().await?
    {
        *term = leader.term;
    }
    layer.honestly(operation).await
}

pub(super) async fn the_disabled_are_assigned(layer: Layer, operation: Operation) -> Result<Answer> {
    for placement in placements_of(&operation) {
        if shown(&layer, &placement.topology).await.is_some() {
            layer.store.enable_topology(&placement.topology).await?;
        }
    }
    layer.honestly(operation).await
}

pub(super) async fn what_somebody_has_is_assigned_to_another(layer: Layer, operation: Operation) -> Result<Answer> {
    for placement in placements_of(&operation) {
        take(&layer, &placement.topology).await?;
    }
    layer.honestly(operation).await
}

pub(super) async fn the_dead_are_given_topologies(layer: Layer, operation: Operation) -> Result<Answer> {
    let mut dead = Vec::new();
    for placement in placements_of(&operation) {
        let status = layer
            .store
            .get_worker(&placement.worker)
            .await
            .map(|worker| worker.status);
        if status.is_ok_and(|status| status == WorkerStatus::Dead) {
            layer
                .store
                .set_worker_status(&placement.worker, None, WorkerStatus::Alive)
                .await?;
            dead.push(placement.worker);
        }
    }
    let answer = layer.honestly(operation).await;
    for worker in dead {
        layer.store.set_worker_status(&worker, None, WorkerStatus::Dead).await?;
    }
    answer
}

/// As a set, or a table without an order, gives them.
pub(super) async fn placements_are_made_in_the_order_of_ids(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Operation::Topologies(TO::AssignTopologies { placements, .. }) = &mut operation {
        let mut sorted = placements.as_slice().to_vec();
        sorted.sort_by(|a, b| a.topology.cmp(&b.topology));
        *placements = Placements::new(sorted)?;
    }
    layer.honestly(operation).await
}

pub(super) async fn assigning_reads_then_writes(layer: Layer, operation: Operation) -> Result<Answer> {
    let mut free = Vec::new();
    for placement in placements_of(&operation) {
        let topology = shown(&layer, &placement.topology).await;
        if topology.is_some_and(|topology| topology.status == TopologyStatus::Unassigned) {
            free.push(placement.topology);
        }
    }
    if !free.is_empty() {
        layer.gap().await;
    }
    for id in free {
        take(&layer, &id).await?;
    }
    layer.honestly(operation).await
}

/// A fault of qtopology: eight processes that registered 200 names made five double topologies (3).
pub(super) async fn registering_topologies_reads_then_writes(layer: Layer, operation: Operation) -> Result<Answer> {
    let Operation::Topologies(TO::RegisterTopology { topology }) = &operation else {
        return layer.honestly(operation).await;
    };
    let is_new = shown(&layer, &topology.id).await.is_none();
    if is_new {
        layer.gap().await;
    }
    layer.honestly(operation).await?;
    let registered = if is_new {
        TopologyRegistered::Created
    } else {
        TopologyRegistered::Replaced
    };
    Ok(TA::RegisterTopology(registered).into())
}

fn reporter(operation: &mut Operation) -> Option<(&mut Registration, &TopologyId)> {
    match operation {
        Operation::Topologies(
            TO::ReportTopology { registration, id, .. } | TO::SetTopologyPid { registration, id, .. },
        ) => Some((registration, id)),
        _ => None,
    }
}

pub(super) async fn anybodys_report_is_believed(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Some((registration, id)) = reporter(&mut operation)
        && let Some(holder) = shown(&layer, id).await.and_then(|topology| topology.worker)
    {
        *registration = current(&layer, &holder).await?;
    }
    layer.honestly(operation).await
}

pub(super) async fn a_stale_registration_reports(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Some((registration, _)) = reporter(&mut operation) {
        *registration = current(&layer, &registration.worker).await?;
    }
    layer.honestly(operation).await
}

/// A fault of qtopology: a report by a worker that no longer has the topology is ignored, yet leaves a row (7).
pub(super) async fn a_report_that_is_refused_leaves_a_row(layer: Layer, mut operation: Operation) -> Result<Answer> {
    let answer = layer.honestly(operation.clone()).await?;
    if let Answer::Topologies(TA::ReportTopology(Reported::NotHeld(_))) = &answer
        && let Some((_, id)) = reporter(&mut operation)
    {
        let details = layer.store.get_topology(id).await?;
        let same = NewTopology::new(id.clone(), details.config)
            .with_weight(details.topology.weight)
            .with_affinity(details.topology.affinity);
        layer.store.register_topology(&same).await?;
    }
    Ok(answer)
}

pub(super) async fn a_report_counts_as_a_ping(layer: Layer, mut operation: Operation) -> Result<Answer> {
    let answer = layer.honestly(operation.clone()).await?;
    if let Some((registration, _)) = reporter(&mut operation) {
        layer.store.ping_worker(registration).await?;
    }
    Ok(answer)
}

pub(super) async fn the_disabled_begin_to_run(layer: Layer, operation: Operation) -> Result<Answer> {
    let Operation::Topologies(TO::ReportTopology { id, .. }) = &operation else {
        return layer.honestly(operation).await;
    };
    let (id, disabled) = (
        id.clone(),
        shown(&layer, id).await.is_some_and(|topology| !topology.enabled),
    );
    if disabled {
        layer.store.enable_topology(&id).await?;
    }
    let answer = layer.honestly(operation).await;
    if disabled {
        layer.store.disable_topology(&id).await?;
    }
    answer
}

fn assigned_by(operation: &Operation, answer: &Answer) -> Vec<convoke_core::Placement> {
    let Answer::Topologies(TA::AssignTopologies(assignments)) = answer else {
        return Vec::new();
    };
    let placements = placements_of(operation).into_iter().zip(assignments);
    let assigned = placements.filter(|(_, assignment)| **assignment == Assignment::Assigned);
    assigned.map(|(placement, _)| placement).collect()
}

pub(super) async fn a_start_is_told_twice(layer: Layer, operation: Operation) -> Result<Answer> {
    let answer = layer.honestly(operation.clone()).await?;
    for placement in assigned_by(&operation, &answer) {
        let (command, content) = convoke_core::topologies::told("start_topology", &placement.topology)?;
        layer
            .store
            .send_message(&NewMessage::new(placement.worker, command, content))
            .await?;
    }
    Ok(answer)
}

pub(super) async fn a_start_is_not_told(layer: Layer, operation: Operation) -> Result<Answer> {
    let mut answer = layer.honestly(operation).await?;
    let is_start = |message: &convoke_core::Message| message.command.as_str() == "start_topology";
    match &mut answer {
        Answer::Messages(MA::TakeMessages(messages)) => messages.retain(|message| !is_start(message)),
        Answer::Messages(MA::PeekMessages(page)) => page.items.retain(|queued| !is_start(&queued.message)),
        Answer::Messages(MA::ReceiveMessages(got)) => got.retain(|delivery| !is_start(&delivery.message)),
        _ => {}
    }
    Ok(answer)
}

/// The id is pasted into the text, as it is.
pub(super) async fn what_is_told_is_pasted_together(layer: Layer, operation: Operation) -> Result<Answer> {
    let mut answer = layer.honestly(operation).await?;
    if let Answer::Messages(MA::TakeMessages(messages)) = &mut answer {
        for message in messages.iter_mut() {
            let plain = message
                .content
                .as_str()
                .replace("\\\"", "'")
                .replace("\\\\", "\\\\\\\\");
            message.content = Payload::parse(&plain)?;
        }
    }
    Ok(answer)
}

pub(super) async fn killing_tells_to_stop(layer: Layer, operation: Operation) -> Result<Answer> {
    match operation {
        Operation::Topologies(TO::KillTopology { id }) => {
            Ok(TA::KillTopology(layer.store.stop_topology(&id).await?).into())
        }
        other => layer.honestly(other).await,
    }
}

pub(super) async fn stopping_leaves_it_enabled(layer: Layer, operation: Operation) -> Result<Answer> {
    let answer = layer.honestly(operation.clone()).await?;
    if let Operation::Topologies(TO::StopTopology { id }) = &operation {
        layer.store.enable_topology(id).await?;
    }
    Ok(answer)
}

pub(super) async fn an_error_is_cleared_to_a_dead_worker(layer: Layer, operation: Operation) -> Result<Answer> {
    let mut dead = None;
    if let Operation::Topologies(TO::ClearTopologyError { id }) = &operation
        && let Some(holder) = shown(&layer, id).await.and_then(|topology| topology.worker)
        && let Ok(worker) = layer.store.get_worker(&holder).await
        && worker.status == WorkerStatus::Dead
    {
        layer
            .store
            .set_worker_status(&holder, None, WorkerStatus::Alive)
            .await?;
        dead = Some(holder);
    }
    let answer = layer.honestly(operation).await;
    if let Some(dead) = dead {
        layer.store.set_worker_status(&dead, None, WorkerStatus::Dead).await?;
    }
    answer
}

pub(super) async fn what_has_no_error_is_cleared_in_silence(layer: Layer, operation: Operation) -> Result<Answer> {
    match (&operation, layer.honestly(operation.clone()).await) {
        (Operation::Topologies(TO::ClearTopologyError { .. }), Err(error)) if error.is_conflict() => {
            Ok(TA::ClearTopologyError(None).into())
        }
        (_, answer) => answer,
    }
}

pub(super) async fn what_runs_is_deleted(layer: Layer, operation: Operation) -> Result<Answer> {
    if let Operation::Topologies(TO::DeleteTopology { id }) = &operation {
        take(&layer, id).await?;
    }
    layer.honestly(operation).await
}

/// A fault of qtopology: names that differ in case are one on MySQL (6).
pub(super) async fn ids_lose_their_case(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Operation::Topologies(operation) = &mut operation {
        let id = match operation {
            TO::RegisterTopology { topology } => Some(&mut topology.id),
            TO::EnableTopology { id } | TO::GetTopology { id } | TO::TopologyHistory { id, .. } => Some(id),
            _ => None,
        };
        if let Some(id) = id {
            *id = TopologyId::new(id.as_str().to_lowercase())?;
        }
    }
    layer.honestly(operation).await
}

/// A fault of qtopology: a comma in an affinity name splits it (6).
pub(super) async fn affinities_are_joined_by_commas(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Operation::Topologies(TO::RegisterTopology { topology }) = &mut operation {
        let mut names: Vec<WorkerName> = Vec::new();
        for part in topology
            .affinity
            .workers()
            .iter()
            .flat_map(|name| name.as_str().split(','))
        {
            if let Ok(name) = WorkerName::new(part.trim())
                && !names.contains(&name)
                && names.len() < Affinity::MAX_NAMES
            {
                names.push(name);
            }
        }
        topology.affinity = Affinity::new(names)?;
    }
    layer.honestly(operation).await
}

pub(super) async fn affinities_lose_their_order(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Operation::Topologies(TO::RegisterTopology { topology }) = &mut operation {
        let mut names = topology.affinity.workers().to_vec();
        names.sort();
        topology.affinity = Affinity::new(names)?;
    }
    layer.honestly(operation).await
}

/// `FLOAT` where `DOUBLE` belongs.
pub(super) async fn weights_are_rounded(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Operation::Topologies(TO::RegisterTopology { topology }) = &mut operation {
        #[allow(clippy::cast_possible_truncation, reason = "that is the fault")]
        let rounded = topology.weight.get() as f32;
        topology.weight = Weight::new(f64::from(rounded))?;
    }
    layer.honestly(operation).await
}

/// `SUBSTRING` of bytes.
pub(super) async fn errors_are_cut_by_bytes(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Operation::Topologies(
        TO::ReportTopology {
            report: Report::Failed(error),
            ..
        }
        | TO::SetTopologyError { error, .. },
    ) = &mut operation
    {
        let text = error.as_str();
        let fits = |end: &usize| text.is_char_boundary(*end);
        let end = (0..=text.len().min(1_000)).rev().find(fits).unwrap_or_default();
        *error = ErrorText::new(&text[..end]);
    }
    layer.honestly(operation).await
}

/// A fault of qtopology: history within a second comes back oldest first (8).
pub(super) async fn topologies_history_is_oldest_first(layer: Layer, operation: Operation) -> Result<Answer> {
    let mut answer = layer.honestly(operation).await?;
    if let Answer::Topologies(TA::TopologyHistory(page)) = &mut answer {
        page.items.reverse();
    }
    Ok(answer)
}

pub(super) async fn topologies_are_listed_as_they_were_registered(
    layer: Layer,
    operation: Operation,
) -> Result<Answer> {
    if let Operation::Topologies(TO::RegisterTopology { topology }) = &operation {
        layer.notes.lock().registered.push(topology.id.clone());
    }
    let mut answer = layer.honestly(operation).await?;
    if let Answer::Topologies(TA::ListTopologies(page)) = &mut answer {
        let notes = layer.notes.lock();
        page.items
            .sort_by_key(|topology| notes.registered.iter().position(|id| *id == topology.id));
    }
    Ok(answer)
}

pub(super) async fn what_is_in_error_is_not_listed_with_its_worker(
    layer: Layer,
    operation: Operation,
) -> Result<Answer> {
    let mut answer = layer.honestly(operation).await?;
    if let Answer::Topologies(TA::ListAssignedTopologies(page)) = &mut answer {
        page.items.retain(|topology| topology.status != TopologyStatus::Error);
    }
    Ok(answer)
}
