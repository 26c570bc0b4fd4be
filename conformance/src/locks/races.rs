//! Races for locks.

use std::sync::Arc;

use convoke_core::{LockAcquisition, LockOwner, LockRelease, LockRenewal, LockToken};
use parking_lot::Mutex;

use super::acquire;
use crate::case::{Check, Failure};
use crate::expect::{holds, lock_name, same, secs};
use crate::races::{at_once, linearizable, open_all, rounds};
use crate::stage::Stage;
use crate::steps::Mix;

pub(super) async fn locks_r01_concurrent_operations_are_atomic(stage: Stage) -> Check {
    linearizable(stage, Mix::Locks).await
}

pub(super) async fn locks_r02_of_many_who_acquire_at_once_one_gets_the_lock(stage: Stage) -> Check {
    let handles = open_all(&stage, 8).await?;
    let mut latest = LockToken::from_number(0);
    for round in 0..rounds() {
        let raced = at_once(&handles, |number, store| async move {
            let owner = LockOwner::new(format!("o{number}"))?;
            Ok(store.acquire_lock(&lock_name("l")?, &owner, secs(60)).await?)
        });
        let answers = raced.await?;
        let acquired: Vec<_> = answers.iter().cloned().filter_map(LockAcquisition::acquired).collect();
        let [lock] = acquired.as_slice() else {
            return Err(Failure::new(format!(
                "expected: one that acquires the lock\n  got:      {answers:?}"
            )));
        };
        for answer in answers
            .iter()
            .filter(|answer| !matches!(answer, LockAcquisition::Acquired(_)))
        {
            same(
                "who is told to the others",
                answer,
                &LockAcquisition::HeldBy(lock.clone()),
            )?;
        }
        holds(
            "a token greater than all before it",
            lock.token > latest,
            (lock, latest),
        )?;
        latest = lock.token;
        // Once by a release, once because it ran out.
        if round % 2 == 0 {
            same("a release", handles[0].release_lock(lock).await?, LockRelease::Released)?;
        } else {
            stage.clock.set(lock.expires);
        }
    }
    Ok(())
}

pub(super) async fn locks_r03_who_holds_the_lock_holds_it_alone_and_tokens_grow_from_holder_to_holder(
    stage: Stage,
) -> Check {
    const TIMES: usize = 10;
    let handles = open_all(&stage, 6).await?;
    let under = Arc::new(Mutex::new(Vec::new()));
    let raced = at_once(&handles, |number, store| {
        let under = under.clone();
        async move {
            let (name, owner) = (lock_name("l")?, LockOwner::new(format!("o{number}"))?);
            let mut times = 0;
            while times < TIMES {
                let Some(lock) = store.acquire_lock(&name, &owner, secs(3_600)).await?.acquired() else {
                    tokio::task::yield_now().await;
                    continue;
                };
                under.lock().push(lock.token);
                store.check_lock(&name, lock.token).await?;
                under.lock().push(lock.token);
                same("a release", store.release_lock(&lock).await?, LockRelease::Released)?;
                times += 1;
            }
            Ok(())
        }
    });
    raced.await?;
    let under = std::mem::take(&mut *under.lock());
    let alone = under.chunks(2).all(|pair| pair.first() == pair.last());
    holds("nobody between the two notes of a holder", alone, &under)?;
    let grown = under.chunks(2).is_sorted_by(|before, after| before[0] < after[0]);
    holds("tokens that grow from holder to holder", grown, &under)?;
    same("how many held it", under.len(), 2 * TIMES * handles.len())
}

pub(super) async fn locks_r04_a_lock_is_released_once_and_not_renewed_after_that(stage: Stage) -> Check {
    let handles = open_all(&stage, 6).await?;
    for _ in 0..rounds() {
        let lock = acquire(&handles[0], "l", "o", secs(60)).await?;
        let raced = at_once(&handles, |number, store| {
            let lock = lock.clone();
            async move {
                if number % 2 == 0 {
                    return Ok(store.release_lock(&lock).await? == LockRelease::Released);
                }
                match store.renew_lock(&lock, secs(60)).await? {
                    LockRenewal::Renewed(renewed) => same("a renewal", renewed, lock)?,
                    LockRenewal::Lost(other) => same("who has it now", other, None)?,
                }
                Ok(false)
            }
        });
        let released = raced.await?.into_iter().filter(|released| *released).count();
        same("how many released it", released, 1)?;
        same("who has it", handles[0].get_lock(&lock.name).await?, None)?;
        let renewal = handles[1].renew_lock(&lock, secs(60)).await?;
        same("a renewal after that", renewal, LockRenewal::Lost(None))?;
    }
    Ok(())
}
