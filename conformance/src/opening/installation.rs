//! Opening, emptying, and what is still there afterwards.

use convoke_core::{Clock, Confirmed, Deferral, Durability, Page, RoleCounts, WorkerStatus};

use crate::case::{Check, Failure};
use crate::expect::{
    commands, defer, elect, history, holds, name, queue, receive, register, same, secs, send, set, standing,
};
use crate::harness::Capability;
use crate::stage::Stage;

/// A fault of qtopology: of two processes that start on an empty database one failed, in 20 of 20 rounds (10).
pub(super) async fn opening_e01_many_handles_open_an_empty_store_at_once(stage: Stage) -> Check {
    for _ in 0..3 {
        let stage = std::sync::Arc::new(stage.elsewhere().await);
        let opened = (0..8).map(|number| {
            let stage = stage.clone();
            tokio::spawn(async move {
                let store = stage.open_by(Clock::Store).await?;
                register(&store, &format!("w{number}")).await?;
                Check::Ok(store)
            })
        });
        let mut stores = Vec::new();
        for opened in opened.collect::<Vec<_>>() {
            stores.push(opened.await.map_err(|error| Failure::new(error.to_string()))??);
        }
        let expected: Vec<_> = (0..8).map(|number| format!("w{number}")).collect();
        for store in stores {
            let listed = store.list_workers(&Page::default()).await?.items;
            let listed: Vec<_> = listed.iter().map(|worker| worker.name.to_string()).collect();
            same("all workers, through each handle", listed, expected.clone())?;
        }
    }
    Ok(())
}

pub(super) async fn opening_e02_a_store_that_is_open_is_current_and_migrating_again_applies_nothing(
    stage: Stage,
) -> Check {
    let store = stage.open_by(Clock::Store).await?;
    register(&store, "a").await?;
    let status = store.check().await?;
    holds(
        "a schema that is current",
        status.is_current() && status.found == status.needed,
        &status,
    )?;
    same("what migrating again applies", store.migrate().await?, Vec::new())?;
    same("the status after it", store.check().await?, status)?;
    same("a worker after it", standing(&store, "a").await?.0, WorkerStatus::Alive)
}

pub(super) async fn opening_e03_the_properties_say_what_the_store_is(stage: Stage) -> Check {
    let store = stage.open_by(Clock::Store).await?;
    let properties = store.properties().await?;
    holds("the name of a backend", !properties.backend.is_empty(), &properties)?;
    holds("a server and its version", !properties.server.is_empty(), &properties)?;
    let keeps = properties.durability != Durability::None;
    let declared = stage.capabilities().has(Capability::Durable);
    holds(
        "a durability that fits the declared capabilities",
        keeps == declared,
        &properties,
    )
}

pub(super) async fn opening_e04_clearing_deletes_everything_but_the_counters(stage: Stage) -> Check {
    let store = stage.open().await?;
    let (a, b) = (register(&store, "a").await?, register(&store, "b").await?);
    let lease = elect(&store, &a, secs(10)).await?;
    let last = send(&store, "a", "one").await?;
    receive(&store, &a, 1).await?;
    store.clear(Confirmed::YesDeleteEverything).await?;
    same(
        "all workers",
        store.list_workers(&Page::default()).await?.items,
        Vec::new(),
    )?;
    same("how many", store.count_workers().await?, RoleCounts::default())?;
    same("who leads", store.leader().await?, None)?;
    same("a queue", queue(&store, "a").await?, Vec::new())?;
    same("a history", history(&store, "a").await?, Vec::new())?;
    stage.clock.set(lease.expires);
    let again = register(&store, "a").await?;
    holds("a greater incarnation", again.incarnation > b.incarnation, (&again, &b))?;
    let next = elect(&store, &again, secs(10)).await?;
    holds("a greater term", next.term > lease.term, (next.term, lease.term))?;
    let first = send(&store, "a", "two").await?;
    holds("a greater message id", first > last, (first, last))?;
    same(
        "what is received",
        commands(&receive(&store, &again, 9).await?),
        vec!["two"],
    )?;
    store.clear(Confirmed::YesDeleteEverything).await?;
    store.clear(Confirmed::YesDeleteEverything).await?;
    same(
        "all workers after clearing thrice",
        store.list_workers(&Page::default()).await?.items,
        Vec::new(),
    )
}

pub(super) async fn opening_e05_clearing_keeps_the_promise_of_the_last_lease(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    let lease = elect(&store, &a, secs(10)).await?;
    store.clear(Confirmed::YesDeleteEverything).await?;
    let b = register(&store, "b").await?;
    same(
        "a campaign",
        defer(&store, &b, secs(10)).await?,
        Deferral::Promised(lease.expires),
    )
}

pub(super) async fn opening_e06_a_store_that_was_reset_opens_anew_and_empty(stage: Stage) -> Check {
    let store = stage.open_by(Clock::Store).await?;
    register(&store, "a").await?;
    send(&store, "a", "one").await?;
    store.reset(Confirmed::YesDeleteEverything).await?;
    drop(store);
    let store = stage.open_by(Clock::Store).await?;
    holds(
        "a schema that is current",
        store.check().await?.is_current(),
        store.check().await?,
    )?;
    same(
        "all workers",
        store.list_workers(&Page::default()).await?.items,
        Vec::new(),
    )?;
    same("a history", history(&store, "a").await?, Vec::new())?;
    let a = register(&store, "a").await?;
    same("a queue", receive(&store, &a, 9).await?, Vec::new())?;
    elect(&store, &a, secs(10)).await?;
    Ok(())
}

pub(super) async fn opening_e07_installations_never_see_each_other(stage: Stage) -> Check {
    let other = stage.elsewhere().await;
    let (here, there) = (stage.open_by(Clock::Store).await?, other.open_by(Clock::Store).await?);
    let a = register(&here, "a").await?;
    send(&here, "a", "one").await?;
    elect(&here, &a, secs(3_600)).await?;
    same(
        "workers there",
        there.list_workers(&Page::default()).await?.items,
        Vec::new(),
    )?;
    same("the queue there", queue(&there, "a").await?, Vec::new())?;
    same("the history there", history(&there, "a").await?, Vec::new())?;
    let theirs = register(&there, "a").await?;
    elect(&there, &theirs, secs(3_600)).await?;
    there.clear(Confirmed::YesDeleteEverything).await?;
    there.reset(Confirmed::YesDeleteEverything).await?;
    same(
        "the queue here after they cleared and reset theirs",
        queue(&here, "a").await?,
        vec!["one".to_owned()],
    )?;
    let leader = here.leader().await?.map(|leader| leader.worker);
    same("who leads here", leader, Some(name("a")?))
}

pub(super) async fn opening_e08_everything_is_there_when_it_is_opened_again(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    register(&store, "b").await?;
    set(&store, "b", WorkerStatus::Disabled).await?;
    store.announce_candidacy(&a, secs(60)).await?;
    let workers = store.list_workers(&Page::default()).await?;
    let rows = (history(&store, "a").await?, history(&store, "b").await?);
    drop(store);
    let store = stage.open().await?;
    same("all workers", store.list_workers(&Page::default()).await?, workers)?;
    same(
        "their histories",
        (history(&store, "a").await?, history(&store, "b").await?),
        rows,
    )?;
    store.ping_worker(&a).await?;
    let again = register(&store, "b").await?;
    holds(
        "an incarnation that goes on growing",
        again.incarnation > a.incarnation,
        (&again, &a),
    )?;
    let elected = store.check_candidacy(&a, secs(10)).await?.elected();
    holds("a candidacy that still stands", elected.is_some(), elected)
}
