//! Holding a lock: renewing it, giving it back, and fencing by its token.

use convoke_core::{ErrorKind, Lock, LockOwner, LockRelease, LockRenewal, LockToken, Ttl};

use super::acquire;
use crate::case::Check;
use crate::expect::{just_before, lock_name, refused, same, secs};
use crate::stage::Stage;

pub(super) async fn locks_e20_a_renewal_prolongs_and_never_shortens(stage: Stage) -> Check {
    let store = stage.open().await?;
    let lock = acquire(&store, "l", "o", secs(10)).await?;
    stage.clock.advance(secs(4));
    let until = |end| Lock {
        expires: end,
        ..lock.clone()
    };
    let longer = stage.clock.now().plus(secs(10));
    let renewed = store.renew_lock(&lock, secs(10)).await?;
    same("a renewal", renewed, LockRenewal::Renewed(until(longer)))?;
    let renewed = store.renew_lock(&lock, Ttl::MIN).await?;
    same(
        "a renewal for less, with the first lock in hand",
        renewed,
        LockRenewal::Renewed(until(longer)),
    )?;
    same("the lock", store.get_lock(&lock.name).await?, Some(until(longer)))?;
    stage.clock.set(just_before(longer));
    let end = stage.clock.now().plus(Ttl::MAX);
    let renewed = store.renew_lock(&lock, Ttl::MAX).await?;
    same(
        "a renewal in the last microsecond, for a year",
        renewed,
        LockRenewal::Renewed(until(end)),
    )?;
    stage.clock.set(just_before(end));
    Ok(store.check_lock(&lock.name, lock.token).await?)
}

pub(super) async fn locks_e21_a_lock_that_ran_out_is_lost_though_nobody_else_took_it(stage: Stage) -> Check {
    let store = stage.open().await?;
    let lock = acquire(&store, "l", "o", secs(10)).await?;
    stage.clock.set(lock.expires);
    for _ in 0..2 {
        let renewal = store.renew_lock(&lock, secs(10)).await?;
        same("a renewal at the end", renewal, LockRenewal::Lost(None))?;
        same("who has it", store.get_lock(&lock.name).await?, None)?;
    }
    let release = store.release_lock(&lock).await?;
    same("a release at the end", release, LockRelease::Lost(None))?;
    let check = store.check_lock(&lock.name, lock.token).await;
    refused("a check at the end", check, ErrorKind::Fenced)
}

pub(super) async fn locks_e22_whoever_lost_is_told_who_has_it_now(stage: Stage) -> Check {
    let store = stage.open().await?;
    let lost = acquire(&store, "l", "a", secs(10)).await?;
    stage.clock.set(lost.expires);
    let held = acquire(&store, "l", "b", secs(10)).await?;
    let renewal = store.renew_lock(&lost, secs(60)).await?;
    same("a renewal", renewal, LockRenewal::Lost(Some(held.clone())))?;
    let release = store.release_lock(&lost).await?;
    same("a release", release, LockRelease::Lost(Some(held.clone())))?;
    same("the lock, as it was", store.get_lock(&held.name).await?, Some(held))
}

pub(super) async fn locks_e23_a_lock_that_differs_in_its_token_or_its_owner_is_lost(stage: Stage) -> Check {
    let store = stage.open().await?;
    let lock = acquire(&store, "l", "o", secs(10)).await?;
    let elsewhere = acquire(&store, "m", "o", secs(10)).await?;
    let numbered = |number| Lock {
        token: LockToken::from_number(number),
        ..lock.clone()
    };
    let token = lock.token.number();
    let renamed = Lock {
        owner: LockOwner::new("p")?,
        ..lock.clone()
    };
    for other in [
        numbered(0),
        numbered(token + 1_000),
        numbered(elsewhere.token.number()),
        renamed,
    ] {
        let renewal = store.renew_lock(&other, secs(60)).await?;
        same(
            &format!("the renewal of {other:?}"),
            renewal,
            LockRenewal::Lost(Some(lock.clone())),
        )?;
        let release = store.release_lock(&other).await?;
        same(
            &format!("the release of {other:?}"),
            release,
            LockRelease::Lost(Some(lock.clone())),
        )?;
    }
    let nobodys = Lock {
        name: lock_name("nobody's")?,
        ..lock.clone()
    };
    let renewal = store.renew_lock(&nobodys, secs(60)).await?;
    same("the renewal of a lock never seen", renewal, LockRenewal::Lost(None))?;
    let release = store.release_lock(&nobodys).await?;
    same("the release of a lock never seen", release, LockRelease::Lost(None))?;
    same("the lock, as it was", store.get_lock(&lock.name).await?, Some(lock))
}

pub(super) async fn locks_e24_a_predecessor_of_the_same_name_harms_nobody(stage: Stage) -> Check {
    let store = stage.open().await?;
    let first = acquire(&store, "l", "host 1", secs(10)).await?;
    stage.clock.set(first.expires);
    let second = acquire(&store, "l", "host 1", secs(10)).await?;
    let renewal = store.renew_lock(&first, secs(60)).await?;
    same("its renewal", renewal, LockRenewal::Lost(Some(second.clone())))?;
    let release = store.release_lock(&first).await?;
    same("its release", release, LockRelease::Lost(Some(second.clone())))?;
    same("the lock", store.get_lock(&second.name).await?, Some(second))
}

pub(super) async fn locks_e25_a_lock_is_released_once(stage: Stage) -> Check {
    let store = stage.open().await?;
    let lock = acquire(&store, "l", "o", secs(10)).await?;
    same("a release", store.release_lock(&lock).await?, LockRelease::Released)?;
    same("another one", store.release_lock(&lock).await?, LockRelease::Lost(None))?;
    let renewal = store.renew_lock(&lock, secs(10)).await?;
    same("a renewal after it", renewal, LockRenewal::Lost(None))?;
    same("who has it", store.get_lock(&lock.name).await?, None)
}

pub(super) async fn locks_e26_only_the_token_that_holds_the_lock_passes_the_check(stage: Stage) -> Check {
    let store = stage.open().await?;
    let fenced = ErrorKind::Fenced;
    let number = LockToken::from_number;
    let check = store.check_lock(&lock_name("l")?, number(1)).await;
    refused("a lock never seen", check, fenced)?;
    let first = acquire(&store, "l", "a", secs(10)).await?;
    let other = acquire(&store, "m", "a", secs(10)).await?;
    store.check_lock(&first.name, first.token).await?;
    let check = store.check_lock(&first.name, other.token).await;
    refused("the token of another lock", check, fenced)?;
    for token in [0, first.token.number() + 1_000, i64::MAX as u64] {
        let check = store.check_lock(&first.name, number(token)).await;
        refused(&format!("the token {token}"), check, fenced)?;
    }
    stage.clock.set(just_before(first.expires));
    store.check_lock(&first.name, first.token).await?;
    stage.clock.set(first.expires);
    let check = store.check_lock(&first.name, first.token).await;
    refused("the token of a lock that ran out", check, fenced)?;
    let second = acquire(&store, "l", "a", secs(10)).await?;
    let check = store.check_lock(&first.name, first.token).await;
    refused("the token before this one", check, fenced)?;
    store.check_lock(&second.name, second.token).await?;
    store.release_lock(&second).await?;
    let check = store.check_lock(&second.name, second.token).await;
    refused("the token of a lock that was released", check, fenced)
}
