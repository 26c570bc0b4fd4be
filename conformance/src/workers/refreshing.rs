//! Refreshing: who is dead, which lead is over, which candidacies lapsed.

use convoke_core::{Deferral, Refreshed, Role, Timeouts, Vacated, WorkerStatus};
use futures_util::StreamExt;
use futures_util::stream;

use crate::case::Check;
use crate::expect::{TICK, defer, elect, history, holds, name, register, same, secs, set, standing};
use crate::stage::Stage;

pub(super) async fn workers_e40_silence_kills_at_the_timeout_and_not_before(stage: Stage) -> Check {
    let store = stage.open().await?;
    register(&store, "a").await?;
    register(&store, "closing").await?;
    set(&store, "closing", WorkerStatus::Closing).await?;
    let end = stage.clock.now().plus(secs(30));
    stage
        .clock
        .set(convoke_core::Timestamp::from_micros(end.as_micros() - 1));
    let refreshed = store.refresh_statuses(&Timeouts::default()).await?;
    holds(
        "nothing changes a microsecond before the time-out",
        refreshed.is_empty(),
        refreshed,
    )?;
    stage.clock.set(end);
    let refreshed = store.refresh_statuses(&Timeouts::default()).await?;
    let expected = Refreshed::new(vec![name("a")?, name("closing")?], None, Vec::new());
    same("what changes at the time-out", refreshed, expected)?;
    same(
        "the silent worker",
        standing(&store, "a").await?,
        (WorkerStatus::Dead, Role::Normal),
    )?;
    let rows = vec![(WorkerStatus::Dead, Role::Normal), (WorkerStatus::Alive, Role::Normal)];
    same("its history", history(&store, "a").await?, rows)
}

pub(super) async fn workers_e41_only_alive_and_closing_workers_die_of_silence(stage: Stage) -> Check {
    let store = stage.open().await?;
    for status in [WorkerStatus::Disabled, WorkerStatus::Dead, WorkerStatus::Unloaded] {
        register(&store, status.as_str()).await?;
        set(&store, status.as_str(), status).await?;
    }
    stage.clock.advance(secs(86_400));
    let refreshed = store.refresh_statuses(&Timeouts::default()).await?;
    holds(
        "nothing changes with workers that may be silent",
        refreshed.is_empty(),
        refreshed,
    )?;
    same(
        "the disabled one",
        standing(&store, "disabled").await?.0,
        WorkerStatus::Disabled,
    )?;
    same(
        "the unloaded one",
        standing(&store, "unloaded").await?.0,
        WorkerStatus::Unloaded,
    )
}

pub(super) async fn workers_e42_the_timeout_is_the_callers(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    stage.clock.advance(secs(5));
    store.ping_worker(&a).await?;
    register(&store, "b").await?;
    stage.clock.advance(secs(5));
    store.ping_worker(&a).await?;
    let five = Timeouts::default().with_worker(secs(5));
    let refreshed = store.refresh_statuses(&five).await?;
    same("silent for five seconds", refreshed.died, vec![name("b")?])
}

/// A fault of qtopology: fail-over took 304 s, for a dead leader was not noticed (5).
pub(super) async fn workers_e43_the_lead_of_a_dead_worker_is_vacated_and_its_promise_honoured(stage: Stage) -> Check {
    let store = stage.open().await?;
    let (a, b) = (register(&store, "a").await?, register(&store, "b").await?);
    let lease = elect(&store, &a, secs(60)).await?;
    stage.clock.advance(secs(30));
    store.ping_worker(&b).await?;
    let refreshed = store.refresh_statuses(&Timeouts::default()).await?;
    let vacated = Vacated {
        worker: name("a")?,
        term: lease.term,
    };
    same(
        "what changed",
        refreshed,
        Refreshed::new(vec![name("a")?], Some(vacated), Vec::new()),
    )?;
    same("who leads", store.leader().await?, None)?;
    let rows = history(&store, "a").await?;
    same(
        "one row for the dead leader",
        rows[..2].to_vec(),
        vec![(WorkerStatus::Dead, Role::Normal), (WorkerStatus::Alive, Role::Leader)],
    )?;
    let why = defer(&store, &b, secs(60)).await?;
    same("why nobody is elected yet", why, Deferral::Promised(lease.expires))?;
    stage.clock.set(lease.expires);
    elect(&store, &b, secs(60)).await?;
    Ok(())
}

pub(super) async fn workers_e44_a_lead_that_ran_out_is_vacated_though_its_worker_lives(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    let lease = elect(&store, &a, secs(10)).await?;
    stage
        .clock
        .set(convoke_core::Timestamp::from_micros(lease.expires.as_micros() - 1));
    let early = store.refresh_statuses(&Timeouts::default()).await?;
    holds("a live lead stays", early.is_empty(), early)?;
    stage.clock.advance(TICK);
    let vacated = Vacated {
        worker: name("a")?,
        term: lease.term,
    };
    let refreshed = store.refresh_statuses(&Timeouts::default()).await?;
    same(
        "what changed",
        refreshed,
        Refreshed::new(Vec::new(), Some(vacated), Vec::new()),
    )?;
    same(
        "the worker",
        standing(&store, "a").await?,
        (WorkerStatus::Alive, Role::Normal),
    )
}

pub(super) async fn workers_e45_candidacies_lapse_at_their_end_and_not_before(stage: Stage) -> Check {
    let store = stage.open().await?;
    let (a, b) = (register(&store, "a").await?, register(&store, "b").await?);
    store.announce_candidacy(&a, secs(10)).await?;
    store.announce_candidacy(&b, secs(20)).await?;
    let end = stage.clock.now().plus(secs(10));
    stage
        .clock
        .set(convoke_core::Timestamp::from_micros(end.as_micros() - 1));
    let early = store.refresh_statuses(&Timeouts::default()).await?;
    holds("a live candidacy stays", early.is_empty(), early)?;
    stage.clock.set(end);
    let refreshed = store.refresh_statuses(&Timeouts::default()).await?;
    same(
        "what changed",
        refreshed,
        Refreshed::new(Vec::new(), None, vec![name("a")?]),
    )?;
    same("the lapsed one", standing(&store, "a").await?.1, Role::Normal)?;
    same("the other one", standing(&store, "b").await?.1, Role::Candidate)
}

pub(super) async fn workers_e46_whoever_dies_is_not_also_told_to_have_lapsed(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    store.announce_candidacy(&a, secs(10)).await?;
    stage.clock.advance(secs(30));
    let refreshed = store.refresh_statuses(&Timeouts::default()).await?;
    same(
        "what changed",
        refreshed,
        Refreshed::new(vec![name("a")?], None, Vec::new()),
    )?;
    let rows = vec![
        (WorkerStatus::Dead, Role::Normal),
        (WorkerStatus::Alive, Role::Candidate),
        (WorkerStatus::Alive, Role::Normal),
    ];
    same("one row for it", history(&store, "a").await?, rows)
}

pub(super) async fn workers_e47_refreshing_twice_changes_nothing_more(stage: Stage) -> Check {
    let store = stage.open().await?;
    let (a, b) = (register(&store, "a").await?, register(&store, "b").await?);
    register(&store, "c").await?;
    elect(&store, &b, secs(1)).await?;
    stage.clock.advance(secs(1));
    store.announce_candidacy(&a, secs(1)).await?;
    stage.clock.advance(secs(29));
    store.ping_worker(&a).await?;
    store.ping_worker(&b).await?;
    let first = store.refresh_statuses(&Timeouts::default()).await?;
    holds(
        "something dies and lapses and is vacated",
        !first.died.is_empty() && !first.lapsed.is_empty() && first.vacated.is_some(),
        &first,
    )?;
    let rows = (
        history(&store, "a").await?,
        history(&store, "b").await?,
        history(&store, "c").await?,
    );
    let second = store.refresh_statuses(&Timeouts::default()).await?;
    holds("nothing changes the second time", second.is_empty(), second)?;
    let after = (
        history(&store, "a").await?,
        history(&store, "b").await?,
        history(&store, "c").await?,
    );
    same("the histories", after, rows)
}

pub(super) async fn workers_e48_at_most_a_thousand_are_buried_at_once_the_longest_silent_first(stage: Stage) -> Check {
    let store = stage.open().await?;
    // The latest registered is the first by name, and has to wait.
    let names: Vec<_> = (1..=1_000).map(|number| format!("w{number:04}")).collect();
    let registered = names.clone().into_iter().map(|worker| {
        let store = store.clone();
        async move { register(&store, &worker).await }
    });
    let registered = stream::iter(registered).buffer_unordered(16);
    let registered: Vec<_> = registered.collect().await;
    registered.into_iter().collect::<Check<Vec<_>>>()?;
    stage.clock.advance(TICK);
    register(&store, "a").await?;
    stage.clock.advance(secs(30));
    let first = store.refresh_statuses(&Timeouts::default()).await?;
    let died: Vec<_> = first.died.iter().map(ToString::to_string).collect();
    same("those that are silent for the longest", died, names)?;
    holds("it says that there are more", first.more, first.more)?;
    let second = store.refresh_statuses(&Timeouts::default()).await?;
    same("the rest", second, Refreshed::new(vec![name("a")?], None, Vec::new()))
}
