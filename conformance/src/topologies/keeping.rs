//! What keeps topologies: clearing, other handles, other installations, restarts, and whose clock it is.

use convoke_core::{Assignment, Confirmed, ErrorKind, ErrorText, Page, Report, Timestamp, TopologyStatus};

use super::{Scene, new, places, shown, start};
use crate::case::Check;
use crate::expect::{name, refused, register, same, secs, topology_id};
use crate::stage::Stage;

use TopologyStatus::{Running, Unassigned, Waiting};

pub(super) async fn topologies_e90_clearing_forgets_topologies_and_their_history(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.waiting("t", "a").await?;
    scene.running("u", &scene.a).await?;
    let store = &scene.store;
    store.clear(Confirmed::YesDeleteEverything).await?;
    same(
        "all topologies",
        store.list_topologies(&Page::default()).await?.items,
        Vec::new(),
    )?;
    refused(
        "one of them",
        store.get_topology(&topology_id("t")?).await,
        ErrorKind::NotFound,
    )?;
    same("its history", scene.rows("t").await?, Vec::new())?;
    let held = store
        .list_assigned_topologies(&name("a")?, &Page::default())
        .await?
        .items;
    same("what its worker has", held, Vec::new())?;
    register(store, "a").await?;
    store.register_topology(&new("t")?).await?;
    same(
        "one that is registered again",
        scene.get("t").await?,
        shown("t", Unassigned, false, None, stage.clock.now())?,
    )?;
    same("its history", scene.rows("t").await?.len(), 1)?;
    scene.nobody_told().await
}

pub(super) async fn topologies_e91_a_topology_is_the_same_through_every_handle(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    let there = stage.open().await?;
    scene.enabled("t").await?;
    let id = topology_id("t")?;
    let placed = there.assign_topologies(scene.term(), &places(&[("t", "a")])?).await?;
    same("assigning by another handle", placed, vec![Assignment::Assigned])?;
    same("what the worker was told", scene.told("a").await?, vec![start("t")])?;
    let again = scene.place(&[("t", "b")]).await?;
    same("assigning it here", again, vec![Assignment::HeldBy(name("a")?)])?;
    let reported = there.report_topology(&scene.a, &id, &Report::Running).await?;
    same("reporting by another handle", reported.is_accepted(), true)?;
    same(
        "the topology",
        there.get_topology(&id).await?.topology,
        scene.get("t").await?,
    )?;
    same(
        "its history",
        there.topology_history(&id, &Page::default()).await?.items,
        scene.rows("t").await?,
    )
}

pub(super) async fn topologies_e92_topologies_and_their_history_outlive_the_last_handle(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.waiting("waiting", "a").await?;
    scene.running("running", &scene.a).await?;
    scene
        .store
        .set_topology_pid(&scene.a, &topology_id("running")?, Some(7))
        .await?;
    scene.failed("failed", &scene.b).await?;
    let before = scene.store.list_topologies(&Page::default()).await?;
    let rows = scene.rows("running").await?;
    let Scene { store, a, b, lease } = scene;
    drop(store);
    let scene = Scene {
        store: stage.open().await?,
        a,
        b,
        lease,
    };
    same(
        "all topologies",
        scene.store.list_topologies(&Page::default()).await?,
        before,
    )?;
    same("a history", scene.rows("running").await?, rows)?;
    let held = scene
        .store
        .list_assigned_topologies(&name("a")?, &Page::default())
        .await?
        .items;
    same("what a has", held.len(), 2)?;
    scene.accepted(&scene.a, "waiting", &Report::Running).await?;
    scene.accepted(&scene.a, "waiting", &Report::Released).await?;
    same(
        "assigning goes on",
        scene.place(&[("waiting", "b")]).await?,
        vec![Assignment::Assigned],
    )
}

pub(super) async fn topologies_e93_every_operation_obeys_the_manual_clock(stage: Stage) -> Check {
    for start in [1_000_000_000, 4_102_444_800_000_000] {
        let stage = stage.elsewhere().await;
        let begin = Timestamp::from_micros(start);
        stage.clock.set(begin);
        let scene = Scene::of(&stage).await?;
        let now = || stage.clock.now();
        scene.enabled("t").await?;
        same("registered", scene.get("t").await?.since, now())?;
        stage.clock.advance(secs(1));
        scene.place(&[("t", "a")]).await?;
        same(
            "assigned",
            scene.get("t").await?,
            shown("t", Waiting, true, Some("a"), now())?,
        )?;
        let told = scene.store.peek_messages(&name("a")?, &Page::default()).await?.items;
        let told = told.first().map(|told| (told.message.sent, told.message.expires));
        same(
            "when it was told, and until when",
            told,
            Some((now(), now().plus(secs(120)))),
        )?;
        stage.clock.advance(secs(1));
        scene.accepted(&scene.a, "t", &Report::Running).await?;
        same(
            "running",
            scene.get("t").await?,
            shown("t", Running, true, Some("a"), now())?,
        )?;
        stage.clock.advance(secs(1));
        scene
            .store
            .set_topology_error(&topology_id("t")?, &ErrorText::new("why"))
            .await?;
        same("in error", scene.get("t").await?.since, now())?;
        stage.clock.advance(secs(1));
        scene.store.clear_topology_error(&topology_id("t")?).await?;
        same("cleared", scene.get("t").await?.since, now())?;
        stage.clock.advance(secs(1));
        scene.accepted(&scene.a, "t", &Report::Released).await?;
        same("released", scene.get("t").await?.since, now())?;
        let times = scene
            .rows("t")
            .await?
            .into_iter()
            .map(|row| row.at.since(begin).as_secs());
        same(
            "the times of its rows",
            times.collect::<Vec<_>>(),
            vec![5, 4, 3, 2, 1, 0, 0],
        )?;
    }
    Ok(())
}
