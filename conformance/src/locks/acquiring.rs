//! Acquiring: who gets a lock, under which token, until when.

use convoke_core::{Lock, LockAcquisition, LockOwner, LockRelease, LockRenewal, LockToken, Page, Ttl};

use super::acquire;
use crate::case::Check;
use crate::expect::{TICK, holds, just_before, lock_name, same, secs};
use crate::stage::Stage;
use crate::workers::nasty_names;

pub(super) async fn locks_e01_a_free_lock_is_acquired_for_its_ttl_under_a_token(stage: Stage) -> Check {
    let store = stage.open().await?;
    let (name, owner) = (lock_name("l")?, LockOwner::new("o")?);
    same("who has a lock never seen", store.get_lock(&name).await?, None)?;
    let lock = acquire(&store, "l", "o", secs(10)).await?;
    let expected = Lock {
        name: name.clone(),
        owner,
        token: lock.token,
        expires: stage.clock.now().plus(secs(10)),
    };
    same("the lock", &lock, &expected)?;
    holds("a token above zero", lock.token > LockToken::from_number(0), lock.token)?;
    same("who has it", store.get_lock(&name).await?, Some(expected))
}

pub(super) async fn locks_e02_a_held_lock_is_nobody_elses_to_its_last_microsecond(stage: Stage) -> Check {
    let store = stage.open().await?;
    let lock = acquire(&store, "l", "a", secs(10)).await?;
    let b = LockOwner::new("b")?;
    let held = LockAcquisition::HeldBy(lock.clone());
    let at_once = store.acquire_lock(&lock.name, &b, secs(60)).await?;
    same("another one at once", at_once, held.clone())?;
    stage.clock.set(just_before(lock.expires));
    let at_last = store.acquire_lock(&lock.name, &b, secs(60)).await?;
    same("another one in the last microsecond", at_last, held)?;
    store.check_lock(&lock.name, lock.token).await?;
    stage.clock.set(lock.expires);
    let next = acquire(&store, "l", "b", secs(60)).await?;
    same("its owner", &next.owner, &b)?;
    same("its end", next.expires, lock.expires.plus(secs(60)))?;
    holds("a greater token", next.token > lock.token, (next.token, lock.token))
}

/// It may be a second process of the same name that asks.
pub(super) async fn locks_e03_an_owner_that_asks_again_is_told_that_it_holds_the_lock(stage: Stage) -> Check {
    let store = stage.open().await?;
    let lock = acquire(&store, "l", "a", secs(10)).await?;
    stage.clock.advance(secs(4));
    for ttl in [Ttl::MIN, secs(10), secs(3_600)] {
        let again = store.acquire_lock(&lock.name, &lock.owner, ttl).await?;
        same("what it is told", again, LockAcquisition::HeldBy(lock.clone()))?;
    }
    same("the lock, as it was", store.get_lock(&lock.name).await?, Some(lock))
}

pub(super) async fn locks_e04_tokens_grow_across_names_and_owners_and_releases(stage: Stage) -> Check {
    let store = stage.open().await?;
    let mut tokens = Vec::new();
    for (name, owner) in [("b", "o"), ("a", "o"), ("c", "p")] {
        tokens.push(acquire(&store, name, owner, secs(60)).await?.token);
    }
    for _ in 0..2 {
        let lock = acquire(&store, "again", "o", secs(60)).await?;
        tokens.push(lock.token);
        same("a release", store.release_lock(&lock).await?, LockRelease::Released)?;
    }
    tokens.push(acquire(&store, "again", "o", secs(60)).await?.token);
    stage.clock.advance(secs(60));
    for name in ["a", "new", "again"] {
        tokens.push(acquire(&store, name, "o", secs(60)).await?.token);
    }
    holds(
        "tokens that grow",
        tokens.is_sorted_by(|before, after| before < after),
        tokens,
    )
}

pub(super) async fn locks_e05_a_released_lock_is_free_at_once(stage: Stage) -> Check {
    let store = stage.open().await?;
    let lock = acquire(&store, "l", "a", secs(3_600)).await?;
    let other = acquire(&store, "m", "a", secs(3_600)).await?;
    same("a release", store.release_lock(&lock).await?, LockRelease::Released)?;
    same("who has it", store.get_lock(&lock.name).await?, None)?;
    same("who has the other one", store.get_lock(&other.name).await?, Some(other))?;
    let next = acquire(&store, "l", "b", secs(10)).await?;
    holds("a greater token", next.token > lock.token, (next.token, lock.token))
}

/// A fault of qtopology: names differing in case or by a trailing space are one on MySQL (6).
pub(super) async fn locks_e06_each_name_is_a_lock_of_its_own_to_the_byte(stage: Stage) -> Check {
    let store = stage.open().await?;
    let mut locks = Vec::new();
    for name in nasty_names() {
        locks.push(acquire(&store, &name, "o", secs(60)).await?);
    }
    for lock in &locks {
        let got = store.get_lock(&lock.name).await?;
        same("a lock by its name", got.as_ref(), Some(lock))?;
        store.check_lock(&lock.name, lock.token).await?;
    }
    let mut ordered = nasty_names();
    ordered.sort_unstable();
    let listed = store.list_locks(&Page::first(1_000)?).await?.items;
    let listed: Vec<_> = listed.iter().map(|lock| lock.name.to_string()).collect();
    same("all locks, ordered by the bytes of their names", listed, ordered)
}

pub(super) async fn locks_e07_a_lock_lasts_for_a_millisecond_or_a_year(stage: Stage) -> Check {
    let store = stage.open().await?;
    let begin = stage.clock.now();
    let short = acquire(&store, "short", "o", Ttl::MIN).await?;
    let long = acquire(&store, "long", "o", Ttl::MAX).await?;
    same(
        "the end of the short one",
        short.expires.as_micros(),
        begin.as_micros() + 1_000,
    )?;
    let year = 365 * 86_400 * 1_000_000;
    same(
        "the end of the long one",
        long.expires.as_micros(),
        begin.as_micros() + year,
    )?;
    stage.clock.set(just_before(short.expires));
    store.check_lock(&short.name, short.token).await?;
    stage.clock.advance(TICK);
    same("who has the short one", store.get_lock(&short.name).await?, None)?;
    stage.clock.set(just_before(long.expires));
    same("who has the long one", store.get_lock(&long.name).await?, Some(long))
}

pub(super) async fn locks_e08_what_ran_out_is_swept_and_nothing_else_is(stage: Stage) -> Check {
    let store = stage.open().await?;
    let mut over = Vec::new();
    for number in 0..10 {
        over.push(acquire(&store, &format!("over {number}"), "o", secs(10)).await?);
    }
    let kept = acquire(&store, "kept", "o", secs(60)).await?;
    let prolonged = acquire(&store, "prolonged", "o", secs(10)).await?;
    let LockRenewal::Renewed(prolonged) = store.renew_lock(&prolonged, secs(60)).await? else {
        return Err(crate::Failure::new("a lock that is held must be renewed"));
    };
    stage.clock.advance(secs(10));
    // Each of these may sweep some.
    let mut fresh = Vec::new();
    for number in 0..6 {
        fresh.push(acquire(&store, &format!("fresh {number}"), "o", secs(60)).await?);
    }
    fresh.extend([kept, prolonged]);
    let listed = store.list_locks(&Page::default()).await?.items;
    same("what is held", &listed, &fresh)?;
    for lock in over {
        let renewal = store.renew_lock(&lock, secs(10)).await?;
        same("the renewal of one that ran out", renewal, LockRenewal::Lost(None))?;
        let again = acquire(&store, lock.name.as_str(), "o", secs(10)).await?;
        let newest = fresh.iter().all(|held| held.token < again.token);
        holds("a token greater than all before it", newest, again)?;
    }
    Ok(())
}

pub(super) async fn locks_e09_owners_come_back_and_compare_to_the_byte(stage: Stage) -> Check {
    let store = stage.open().await?;
    for (number, owner) in nasty_names().into_iter().enumerate() {
        let lock = acquire(&store, &format!("l{number}"), &owner, secs(60)).await?;
        let got = store.get_lock(&lock.name).await?.map(|lock| lock.owner.to_string());
        same("an owner", got, Some(owner))?;
    }
    for (owner, other) in [("a", "A"), ("á", "a\u{301}"), ("a", "a\u{a0}"), ("ß", "ss")] {
        let lock = acquire(&store, &format!("of {owner} not {other}"), owner, secs(60)).await?;
        let theirs = Lock {
            owner: LockOwner::new(other)?,
            ..lock.clone()
        };
        let renewal = store.renew_lock(&theirs, secs(60)).await?;
        same(
            "a renewal by another name",
            renewal,
            LockRenewal::Lost(Some(lock.clone())),
        )?;
        let release = store.release_lock(&theirs).await?;
        same("a release by another name", release, LockRelease::Lost(Some(lock)))?;
    }
    Ok(())
}
