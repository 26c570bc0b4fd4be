//! Expectations in words, and the short forms of operations that most cases need.

use std::fmt::Debug;
use std::sync::Arc;

use convoke_core::{
    Candidacy, Claim, Command, Deferral, Delivery, ErrorKind, Lease, Limit, LockName, MessageId, NewMessage, Page,
    Payload, Registration, Result, Role, Store, Timestamp, TopologyId, Ttl, WorkerName, WorkerStatus,
};

use crate::case::{Check, Failure};

/// An open store.
pub(crate) type Handle = Arc<dyn Store>;

/// Expects `got` to be `expected`; `what` names it.
#[track_caller]
pub(crate) fn same<T: PartialEq + Debug>(what: &str, got: T, expected: T) -> Check {
    if got == expected {
        Ok(())
    } else {
        Err(Failure::new(format!(
            "{what}\n  expected: {expected:?}\n  got:      {got:?}"
        )))
    }
}

/// Expects that something holds of `got`; `what` says it.
#[track_caller]
pub(crate) fn holds(what: &str, holds: bool, got: impl Debug) -> Check {
    if holds {
        Ok(())
    } else {
        Err(Failure::new(format!("expected: {what}\n  got:      {got:?}")))
    }
}

/// Expects an error of this kind; `what` names the operation.
#[track_caller]
pub(crate) fn refused<T: Debug>(what: &str, got: Result<T>, kind: ErrorKind) -> Check {
    match got {
        Err(error) if error.kind() == kind => Ok(()),
        other => Err(Failure::new(format!(
            "{what}\n  expected: an error of the kind {kind}\n  got:      {other:?}"
        ))),
    }
}

/// A worker's name.
#[track_caller]
pub(crate) fn name(name: &str) -> Check<WorkerName> {
    Ok(WorkerName::new(name)?)
}

/// The id of a topology.
#[track_caller]
pub(crate) fn topology_id(id: &str) -> Check<TopologyId> {
    Ok(TopologyId::new(id)?)
}

/// The name of a lock.
#[track_caller]
pub(crate) fn lock_name(name: &str) -> Check<LockName> {
    Ok(LockName::new(name)?)
}

/// A time to live in whole seconds.
pub(crate) const fn secs(seconds: u64) -> Ttl {
    Ttl::from_secs(seconds)
}

/// One microsecond, the smallest step of time.
pub(crate) const TICK: std::time::Duration = std::time::Duration::from_micros(1);

/// The microsecond before an end.
pub(crate) const fn just_before(end: Timestamp) -> Timestamp {
    Timestamp::from_micros(end.as_micros() - 1)
}

/// Registers a worker.
pub(crate) async fn register(store: &Handle, worker: &str) -> Check<Registration> {
    Ok(store.register_worker(&name(worker)?).await?)
}

/// Sets a status as an operator.
pub(crate) async fn set(store: &Handle, worker: &str, status: WorkerStatus) -> Check {
    Ok(store.set_worker_status(&name(worker)?, None, status).await?)
}

/// The status and the role of a worker.
pub(crate) async fn standing(store: &Handle, worker: &str) -> Check<(WorkerStatus, Role)> {
    let worker = store.get_worker(&name(worker)?).await?;
    Ok((worker.status, worker.role))
}

/// The statuses and roles in a worker's history, newest first.
pub(crate) async fn history(store: &Handle, worker: &str) -> Check<Vec<(WorkerStatus, Role)>> {
    let page = store.worker_history(&name(worker)?, &Page::first(1_000)?).await?;
    Ok(page.items.iter().map(|change| (change.status, change.role)).collect())
}

/// Campaigns, and must be elected.
pub(crate) async fn elect(store: &Handle, who: &Registration, ttl: Ttl) -> Check<Lease> {
    match store.campaign(who, ttl).await? {
        Candidacy::Elected(lease) => Ok(lease),
        Candidacy::Deferred(why) => Err(Failure::new(format!(
            "{} campaigns and must be elected; it was deferred: {why:?}",
            who.worker
        ))),
    }
}

/// Campaigns, and must be deferred.
pub(crate) async fn defer(store: &Handle, who: &Registration, ttl: Ttl) -> Check<Deferral> {
    match store.campaign(who, ttl).await? {
        Candidacy::Deferred(why) => Ok(why),
        Candidacy::Elected(lease) => Err(Failure::new(format!(
            "{} campaigns and must be deferred; it was elected: {lease:?}",
            who.worker
        ))),
    }
}

/// Sends a message with no content that lives for a minute.
pub(crate) async fn send(store: &Handle, to: &str, command: &str) -> Check<MessageId> {
    Ok(store.send_message(&message(to, command)?).await?)
}

/// A message with no content that lives for a minute.
#[track_caller]
pub(crate) fn message(to: &str, command: &str) -> Check<NewMessage> {
    Ok(NewMessage::new(name(to)?, Command::new(command)?, Payload::empty()))
}

/// Receives messages for 30 seconds.
pub(crate) async fn receive(store: &Handle, who: &Registration, max: u32) -> Check<Vec<Delivery>> {
    let claim = Claim::new(Limit::new(max)?, secs(30));
    Ok(store.receive_messages(who, &claim).await?)
}

/// Receives one message for 30 seconds, and must get one.
pub(crate) async fn receive_one(store: &Handle, who: &Registration) -> Check<Delivery> {
    let deliveries = receive(store, who, 1).await?;
    match <[Delivery; 1]>::try_from(deliveries) {
        Ok([delivery]) => Ok(delivery),
        Err(other) => Err(Failure::new(format!(
            "{} receives and must get one message; it got {other:?}",
            who.worker
        ))),
    }
}

/// The commands of deliveries.
pub(crate) fn commands(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries
        .iter()
        .map(|delivery| delivery.message.command.as_str())
        .collect()
}

/// The commands in a worker's queue, as a look at it shows them.
pub(crate) async fn queue(store: &Handle, worker: &str) -> Check<Vec<String>> {
    let page = store.peek_messages(&name(worker)?, &Page::first(1_000)?).await?;
    let command = |queued: &convoke_core::QueuedMessage| queued.message.command.to_string();
    Ok(page.items.iter().map(command).collect())
}
