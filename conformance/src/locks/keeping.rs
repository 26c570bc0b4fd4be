//! Lists of locks, and what keeps them.

use convoke_core::{Confirmed, LockAcquisition, LockOwner, LockRelease, Page};

use super::acquire;
use crate::case::{Check, Failure};
use crate::expect::{holds, lock_name, same, secs};
use crate::pages::{pages_show, refuses_what_is_no_name};
use crate::stage::Stage;

pub(super) async fn locks_e30_locks_are_listed_by_the_bytes_of_their_names_a_page_at_a_time(stage: Stage) -> Check {
    let store = stage.open().await?;
    let none = store.list_locks(&Page::default()).await?;
    same("no locks", (none.items, none.next), (Vec::new(), None))?;
    for name in ["b", "😀", "a", "B", "ä", "a b", "é"] {
        acquire(&store, name, "o", secs(60)).await?;
    }
    let ordered = ["B", "a", "a b", "b", "ä", "é", "😀"].map(str::to_owned);
    pages_show(&store, "locks", &ordered, |store, page| async move {
        Ok(store.list_locks(&page).await?.map(|lock| lock.name.to_string()))
    })
    .await
}

pub(super) async fn locks_e31_only_what_is_held_is_shown(stage: Stage) -> Check {
    let store = stage.open().await?;
    for (number, name) in ["a", "b", "c", "d", "e", "f"].into_iter().enumerate() {
        // Every other one is over soon.
        acquire(&store, name, "o", secs(if number % 2 == 0 { 10 } else { 60 })).await?;
    }
    let released = acquire(&store, "g", "o", secs(60)).await?;
    same("a release", store.release_lock(&released).await?, LockRelease::Released)?;
    stage.clock.advance(secs(10));
    let held = ["b", "d", "f"].map(str::to_owned);
    pages_show(&store, "locks", &held, |store, page| async move {
        Ok(store.list_locks(&page).await?.map(|lock| lock.name.to_string()))
    })
    .await?;
    same("one that ran out", store.get_lock(&lock_name("a")?).await?, None)?;
    stage.clock.advance(secs(50));
    let none = store.list_locks(&Page::default()).await?;
    same("locks when all are over", (none.items, none.next), (Vec::new(), None))
}

pub(super) async fn locks_e32_a_page_goes_on_behind_a_lock_that_was_released(stage: Stage) -> Check {
    let store = stage.open().await?;
    let mut locks = Vec::new();
    for name in ["a", "b", "c", "d"] {
        locks.push(acquire(&store, name, "o", secs(60)).await?);
    }
    let page = Page::first(2)?;
    let next = store.list_locks(&page).await?.next;
    let next = next.ok_or_else(|| Failure::new("the first page of two of four must have a next one"))?;
    store.release_lock(&locks[1]).await?;
    acquire(&store, "aa", "o", secs(60)).await?;
    acquire(&store, "bb", "o", secs(60)).await?;
    let second = store.list_locks(&page.behind(next)).await?.items;
    let listed: Vec<_> = second.iter().map(|lock| lock.name.as_str()).collect();
    same("the page behind the released one", listed, vec!["bb", "c"])
}

pub(super) async fn locks_e33_a_cursor_of_another_list_is_refused(stage: Stage) -> Check {
    let store = stage.open().await?;
    acquire(&store, "a", "o", secs(60)).await?;
    refuses_what_is_no_name(
        &store,
        "locks",
        |store, page| async move { store.list_locks(&page).await },
    )
    .await
}

pub(super) async fn locks_e34_clearing_keeps_what_is_held_and_the_counter_of_tokens(stage: Stage) -> Check {
    let store = stage.open().await?;
    let over = acquire(&store, "over", "o", secs(5)).await?;
    let held = acquire(&store, "held", "o", secs(60)).await?;
    let free = acquire(&store, "free", "o", secs(60)).await?;
    store.release_lock(&free).await?;
    stage.clock.set(over.expires);
    store.clear(Confirmed::YesDeleteEverything).await?;
    let listed = store.list_locks(&Page::default()).await?.items;
    same("what is held after clearing", &listed, &vec![held.clone()])?;
    store.check_lock(&held.name, held.token).await?;
    let other = LockOwner::new("p")?;
    let refused = store.acquire_lock(&held.name, &other, secs(10)).await?;
    same("another one's wish", refused, LockAcquisition::HeldBy(held.clone()))?;
    let next = acquire(&store, "free", "p", secs(60)).await?;
    holds("a greater token", next.token > free.token, (next.token, free.token))?;
    stage.clock.set(held.expires);
    let heir = acquire(&store, "held", "p", secs(60)).await?;
    holds(
        "a greater token still",
        heir.token > next.token,
        (heir.token, next.token),
    )?;
    same(
        "a release after clearing",
        store.release_lock(&heir).await?,
        LockRelease::Released,
    )
}

pub(super) async fn locks_e35_a_lock_is_the_same_through_every_handle(stage: Stage) -> Check {
    let (here, there) = (stage.open().await?, stage.open().await?);
    let lock = acquire(&here, "l", "o", secs(60)).await?;
    same(
        "who has it, by another handle",
        there.get_lock(&lock.name).await?,
        Some(lock.clone()),
    )?;
    let again = there.acquire_lock(&lock.name, &lock.owner, secs(60)).await?;
    same(
        "acquiring by another handle",
        again,
        LockAcquisition::HeldBy(lock.clone()),
    )?;
    there.check_lock(&lock.name, lock.token).await?;
    same(
        "releasing by another handle",
        there.release_lock(&lock).await?,
        LockRelease::Released,
    )?;
    let next = acquire(&here, "l", "o", secs(60)).await?;
    holds("a greater token", next.token > lock.token, (next.token, lock.token))
}

pub(super) async fn locks_e36_locks_and_the_counter_of_tokens_outlive_the_last_handle(stage: Stage) -> Check {
    let store = stage.open().await?;
    let held = acquire(&store, "held", "o", secs(60)).await?;
    let free = acquire(&store, "free", "o", secs(60)).await?;
    store.release_lock(&free).await?;
    drop(store);
    let store = stage.open().await?;
    same("the lock", store.get_lock(&held.name).await?, Some(held.clone()))?;
    store.check_lock(&held.name, held.token).await?;
    let next = acquire(&store, "free", "o", secs(60)).await?;
    holds("a greater token", next.token > free.token, (next.token, free.token))
}
