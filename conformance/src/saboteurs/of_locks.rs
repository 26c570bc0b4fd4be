//! Saboteurs of locks.

use convoke_core::{
    Answer, Confirmed, Installation, LockAcquisition, LockRenewal, LockToken, Locks, LocksAnswer as LA,
    LocksOperation as LO, Operation, Page, Result,
};

use super::Layer;

/// The second process of the same name believes that it has the lock, too.
pub(super) async fn a_lock_is_reentrant(layer: Layer, operation: Operation) -> Result<Answer> {
    match (&operation, layer.honestly(operation.clone()).await?) {
        (
            Operation::Locks(LO::AcquireLock { owner, .. }),
            Answer::Locks(LA::AcquireLock(LockAcquisition::HeldBy(lock))),
        ) if lock.owner == *owner => Ok(LA::AcquireLock(LockAcquisition::Acquired(lock)).into()),
        (_, answer) => Ok(answer),
    }
}

/// The token is kept with the lock, and is the same when that is taken again.
pub(super) async fn a_token_is_given_out_again_after_a_release(layer: Layer, operation: Operation) -> Result<Answer> {
    with_tokens(layer, operation, |before, honest| before.unwrap_or(honest)).await
}

/// Gives out tokens made of the one before of the same name and of the honest one, and takes them back.
async fn with_tokens(
    layer: Layer,
    mut operation: Operation,
    made: fn(Option<LockToken>, LockToken) -> LockToken,
) -> Result<Answer> {
    if let Operation::Locks(LO::RenewLock { lock, .. } | LO::ReleaseLock { lock }) = &mut operation {
        let given = layer.notes.lock().tokens.get(&lock.name).copied();
        let held = layer.store.get_lock(&lock.name).await?;
        if let Some(held) = held.filter(|_| given == Some(lock.token)) {
            lock.token = held.token;
        }
    }
    let mut answer = layer.honestly(operation).await?;
    if let Answer::Locks(LA::AcquireLock(LockAcquisition::Acquired(lock))) = &mut answer {
        let mut notes = layer.notes.lock();
        lock.token = made(notes.tokens.get(&lock.name).copied(), lock.token);
        notes.tokens.insert(lock.name.clone(), lock.token);
    }
    Ok(answer)
}

pub(super) async fn tokens_are_counted_per_name(layer: Layer, operation: Operation) -> Result<Answer> {
    let counted = |before: Option<LockToken>, _| LockToken::from_number(before.unwrap_or_default().number() + 1);
    with_tokens(layer, operation, counted).await
}

/// `<=` where `<` belongs.
pub(super) async fn a_lock_that_ran_out_is_renewed(layer: Layer, operation: Operation) -> Result<Answer> {
    match operation {
        Operation::Locks(LO::RenewLock { .. }) => operation.run(&layer.as_of(-1)).await,
        other => layer.honestly(other).await,
    }
}

pub(super) async fn a_lock_ends_a_microsecond_early_for_others(layer: Layer, operation: Operation) -> Result<Answer> {
    match operation {
        Operation::Locks(LO::AcquireLock { .. }) => operation.run(&layer.as_of(1)).await,
        other => layer.honestly(other).await,
    }
}

pub(super) async fn a_renewal_shortens_a_lock(layer: Layer, operation: Operation) -> Result<Answer> {
    let mut answer = layer.honestly(operation.clone()).await?;
    if let Operation::Locks(LO::RenewLock { ttl, .. }) = operation
        && let Answer::Locks(LA::RenewLock(LockRenewal::Renewed(lock))) = &mut answer
    {
        lock.expires = layer.now().plus(ttl);
    }
    Ok(answer)
}

pub(super) async fn anybody_releases_a_lock(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Operation::Locks(LO::ReleaseLock { lock }) = &mut operation
        && let Some(held) = layer.store.get_lock(&lock.name).await?
    {
        *lock = held;
    }
    layer.honestly(operation).await
}

pub(super) async fn an_owners_name_is_enough_to_renew(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Operation::Locks(LO::RenewLock { lock, .. }) = &mut operation
        && let Some(held) = layer.store.get_lock(&lock.name).await?
        && held.owner == lock.owner
    {
        *lock = held;
    }
    layer.honestly(operation).await
}

pub(super) async fn every_token_passes(layer: Layer, operation: Operation) -> Result<Answer> {
    match operation {
        Operation::Locks(LO::CheckLock { .. }) => Ok(LA::CheckLock(()).into()),
        other => layer.honestly(other).await,
    }
}

pub(super) async fn what_ran_out_is_listed_until_it_is_swept(layer: Layer, operation: Operation) -> Result<Answer> {
    match operation {
        Operation::Locks(LO::ListLocks { .. }) => operation.run(&layer.as_of(-10_000_000)).await,
        other => layer.honestly(other).await,
    }
}

pub(super) async fn acquiring_reads_then_writes(layer: Layer, operation: Operation) -> Result<Answer> {
    let Operation::Locks(LO::AcquireLock { name, .. }) = &operation else {
        return layer.honestly(operation).await;
    };
    if layer.store.get_lock(name).await?.is_none() {
        layer.gap().await;
        // Written over whatever came in between.
        if let Some(other) = layer.store.get_lock(name).await? {
            layer.store.release_lock(&other).await?;
        }
    }
    layer.honestly(operation).await
}

pub(super) async fn clearing_takes_the_locks(layer: Layer) -> Result<()> {
    for lock in layer.store.list_locks(&Page::default()).await?.items {
        layer.store.release_lock(&lock).await?;
    }
    layer.store.clear(Confirmed::YesDeleteEverything).await
}
