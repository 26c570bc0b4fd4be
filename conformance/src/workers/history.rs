//! The history of a worker: which changes leave a row, and which do not.

use convoke_core::Role::{Candidate, Leader, Normal};
use convoke_core::WorkerStatus::{Alive, Dead, Disabled, Unloaded};
use convoke_core::{Page, Timeouts, WorkerChange};

use crate::case::Check;
use crate::expect::{TICK, defer, elect, history, holds, name, register, same, secs, set};
use crate::stage::Stage;

/// A fault of qtopology: history within a second came back oldest first (8).
pub(super) async fn workers_e30_history_is_newest_first_also_within_one_instant(stage: Stage) -> Check {
    let store = stage.open().await?;
    let first = register(&store, "a").await?;
    let begun = stage.clock.now();
    set(&store, "a", Disabled).await?;
    set(&store, "a", Alive).await?;
    stage.clock.advance(TICK);
    let second = register(&store, "a").await?;
    let row = |at, status, of: &convoke_core::Registration| WorkerChange {
        at,
        name: of.worker.clone(),
        status,
        role: Normal,
        incarnation: of.incarnation,
    };
    let expected = vec![
        row(begun.plus(TICK), Alive, &second),
        row(begun, Alive, &first),
        row(begun, Disabled, &first),
        row(begun, Alive, &first),
    ];
    let got = store.worker_history(&name("a")?, &Page::default()).await?;
    same("the history", got.items, expected)?;
    same("where the next page begins", got.next, None)
}

pub(super) async fn workers_e31_an_election_leaves_one_row_for_each_one_that_it_changes(stage: Stage) -> Check {
    let store = stage.open().await?;
    let (a, b, c) = (
        register(&store, "a").await?,
        register(&store, "b").await?,
        register(&store, "c").await?,
    );
    register(&store, "d").await?;
    elect(&store, &c, secs(10)).await?;
    stage.clock.advance(secs(10));
    store.announce_candidacy(&a, secs(60)).await?;
    store.announce_candidacy(&b, secs(60)).await?;
    set(&store, "a", Alive).await?;
    same(
        "a candidate",
        history(&store, "a").await?,
        vec![(Alive, Candidate), (Alive, Normal)],
    )?;
    elect(&store, &b, secs(10)).await?;
    let loser = vec![(Alive, Normal), (Alive, Candidate), (Alive, Normal)];
    same("the loser", history(&store, "a").await?, loser)?;
    let winner = vec![(Alive, Leader), (Alive, Candidate), (Alive, Normal)];
    same("the winner", history(&store, "b").await?, winner)?;
    let before = vec![(Alive, Normal), (Alive, Leader), (Alive, Normal)];
    same("the one whose lead had run out", history(&store, "c").await?, before)?;
    same(
        "the one that had no part",
        history(&store, "d").await?,
        vec![(Alive, Normal)],
    )
}

pub(super) async fn workers_e32_a_campaign_that_wins_at_once_leaves_one_row(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    elect(&store, &a, secs(10)).await?;
    same(
        "elected",
        history(&store, "a").await?,
        vec![(Alive, Leader), (Alive, Normal)],
    )?;
    stage.clock.advance(secs(10));
    elect(&store, &a, secs(10)).await?;
    let twice = vec![(Alive, Leader), (Alive, Leader), (Alive, Normal)];
    same(
        "elected again after its lease ran out",
        history(&store, "a").await?,
        twice,
    )
}

pub(super) async fn workers_e33_prolonging_leaves_no_row(stage: Stage) -> Check {
    let store = stage.open().await?;
    let (a, b) = (register(&store, "a").await?, register(&store, "b").await?);
    let lease = elect(&store, &b, secs(10)).await?;
    stage.clock.advance(secs(1));
    elect(&store, &b, secs(10)).await?;
    store.check_candidacy(&b, secs(10)).await?;
    store.renew_lease(&lease, secs(10)).await?;
    same(
        "a leader",
        history(&store, "b").await?,
        vec![(Alive, Leader), (Alive, Normal)],
    )?;
    set(&store, "b", Disabled).await?;
    for _ in 0..3 {
        stage.clock.advance(secs(1));
        store.announce_candidacy(&a, secs(10)).await?;
        store.check_candidacy(&a, secs(10)).await?;
        defer(&store, &a, secs(10)).await?;
    }
    same(
        "a candidate",
        history(&store, "a").await?,
        vec![(Alive, Candidate), (Alive, Normal)],
    )
}

pub(super) async fn workers_e34_what_just_runs_out_leaves_its_row_when_refreshed(stage: Stage) -> Check {
    let store = stage.open().await?;
    let (a, b) = (register(&store, "a").await?, register(&store, "b").await?);
    store.announce_candidacy(&a, secs(10)).await?;
    stage.clock.advance(secs(10));
    same(
        "a lapsed candidate",
        history(&store, "a").await?,
        vec![(Alive, Candidate), (Alive, Normal)],
    )?;
    let timeouts = Timeouts::default().with_worker(secs(3_600));
    store.refresh_statuses(&timeouts).await?;
    let lapsed = vec![(Alive, Normal), (Alive, Candidate), (Alive, Normal)];
    same("refreshed", history(&store, "a").await?, lapsed)?;
    elect(&store, &b, secs(10)).await?;
    stage.clock.advance(secs(10));
    same(
        "a lead that ran out",
        history(&store, "b").await?,
        vec![(Alive, Leader), (Alive, Normal)],
    )?;
    store.refresh_statuses(&timeouts).await?;
    let over = vec![(Alive, Normal), (Alive, Leader), (Alive, Normal)];
    same("refreshed", history(&store, "b").await?, over)
}

pub(super) async fn workers_e35_standing_anew_after_a_lapse_leaves_a_row(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    store.announce_candidacy(&a, secs(10)).await?;
    stage.clock.advance(secs(10));
    store.announce_candidacy(&a, secs(10)).await?;
    let twice = vec![(Alive, Candidate), (Alive, Candidate), (Alive, Normal)];
    same(
        "a candidate after its candidacy lapsed",
        history(&store, "a").await?,
        twice,
    )?;
    elect(&store, &a, secs(10)).await?;
    stage.clock.advance(secs(10));
    store.announce_candidacy(&a, secs(10)).await?;
    let rows = history(&store, "a").await?;
    same(
        "a candidate after its lead ran out",
        rows[..2].to_vec(),
        vec![(Alive, Candidate), (Alive, Leader)],
    )?;
    let refreshed = store.refresh_statuses(&Timeouts::default()).await?;
    holds(
        "no lead to vacate: its holder stands anew",
        refreshed.is_empty(),
        refreshed,
    )
}

pub(super) async fn workers_e36_resigning_and_stopping_leave_one_row_each(stage: Stage) -> Check {
    let store = stage.open().await?;
    let (a, b) = (register(&store, "a").await?, register(&store, "b").await?);
    let lease = elect(&store, &a, secs(10)).await?;
    store.resign(&lease).await?;
    let resigned = vec![(Alive, Normal), (Alive, Leader), (Alive, Normal)];
    same("resigned", history(&store, "a").await?, resigned)?;
    elect(&store, &b, secs(10)).await?;
    set(&store, "b", Unloaded).await?;
    let stopped = vec![(Unloaded, Normal), (Alive, Leader), (Alive, Normal)];
    same("unloaded while leading", history(&store, "b").await?, stopped)?;
    store.announce_candidacy(&a, secs(10)).await?;
    stage.clock.advance(secs(30));
    store.refresh_statuses(&Timeouts::default()).await?;
    let rows = history(&store, "a").await?;
    same(
        "dead, its candidacy lapsed long ago",
        rows[..2].to_vec(),
        vec![(Dead, Normal), (Alive, Candidate)],
    )
}

/// A fault of qtopology: a report that is ignored leaves a history row all the same (7).
pub(super) async fn workers_e37_what_is_refused_leaves_no_row(stage: Stage) -> Check {
    let store = stage.open().await?;
    let old = register(&store, "a").await?;
    register(&store, "a").await?;
    let b = register(&store, "b").await?;
    let lease = elect(&store, &b, secs(10)).await?;
    drop(store.set_worker_status(&old.worker, Some(old.incarnation), Dead).await);
    drop(store.announce_candidacy(&old, secs(10)).await);
    drop(store.campaign(&old, secs(10)).await);
    drop(store.delete_worker(&old.worker).await);
    same(
        "a worker and its predecessor",
        history(&store, "a").await?,
        vec![(Alive, Normal), (Alive, Normal)],
    )?;
    stage.clock.advance(secs(10));
    store.renew_lease(&lease, secs(10)).await?;
    store.resign(&lease).await?;
    store.check_candidacy(&b, secs(10)).await?;
    same(
        "a leader whose lease is lost",
        history(&store, "b").await?,
        vec![(Alive, Leader), (Alive, Normal)],
    )
}

pub(super) async fn workers_e38_a_name_never_seen_has_an_empty_history(stage: Stage) -> Check {
    let store = stage.open().await?;
    register(&store, "a").await?;
    let got = store.worker_history(&name("A")?, &Page::default()).await?;
    same(
        "the history of a name never seen",
        (got.items, got.next),
        (Vec::new(), None),
    )
}
