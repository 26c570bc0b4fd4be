//! History: what leaves a row, and what none.

use convoke_core::{Affinity, ErrorText, Page, Payload, Report, Timeouts, TopologyStatus, Weight};

use super::{NEVER, Scene, TOO_LONG, new, same_rows};
use crate::case::Check;
use crate::expect::{name, same, secs, topology_id};
use crate::pages::{pages_show, refuses_what_is_no_number};
use crate::stage::Stage;

use TopologyStatus::{Error, Running, Unassigned, Waiting};

/// A fault of qtopology: history within a second comes back oldest first (8).
pub(super) async fn topologies_e50_each_change_leaves_one_row_newest_first_also_within_one_instant(
    stage: Stage,
) -> Check {
    let scene = Scene::of(&stage).await?;
    let id = topology_id("t")?;
    let store = &scene.store;
    scene.running("t", &scene.a).await?;
    store.set_topology_pid(&scene.a, &id, Some(7)).await?;
    scene
        .accepted(&scene.a, "t", &Report::Failed(ErrorText::new("one")))
        .await?;
    scene
        .accepted(&scene.a, "t", &Report::Failed(ErrorText::new("two")))
        .await?;
    store.clear_topology_error(&id).await?;
    scene.accepted(&scene.a, "t", &Report::Running).await?;
    store.stop_topology(&id).await?;
    scene.accepted(&scene.a, "t", &Report::Released).await?;
    store.enable_topology(&id).await?;
    scene.place(&[("t", "b")]).await?;
    store.set_topology_error(&id, &ErrorText::new("three")).await?;
    scene.accepted(&scene.b, "t", &Report::Released).await?;
    let expected = [
        (Error, true, None, None, Some("three")),
        (Error, true, Some("b"), None, Some("three")),
        (Waiting, true, Some("b"), None, None),
        (Unassigned, true, None, None, None),
        (Unassigned, false, None, None, None),
        (Running, false, Some("a"), None, None),
        (Running, true, Some("a"), None, None),
        (Waiting, true, Some("a"), None, None),
        (Error, true, Some("a"), None, Some("two")),
        (Error, true, Some("a"), None, Some("one")),
        (Running, true, Some("a"), Some(7), None),
        (Running, true, Some("a"), None, None),
        (Waiting, true, Some("a"), None, None),
        (Unassigned, true, None, None, None),
        (Unassigned, false, None, None, None),
    ];
    same_rows("its history", &scene.rows("t").await?, &expected)
}

pub(super) async fn topologies_e51_a_row_says_when_and_which_and_how_heavy_and_where(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    let begin = stage.clock.now();
    let affinity = Affinity::new([name("b")?, name("a,b")?])?;
    let heavy = new("t")?.with_weight(Weight::new(0.1)?).with_affinity(affinity.clone());
    scene.store.register_topology(&heavy).await?;
    stage.clock.advance(secs(5));
    scene.store.register_topology(&new("t")?).await?;
    let rows = scene.rows("t").await?;
    let seen: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.id.as_str(),
                row.at,
                row.weight.get().to_bits(),
                row.affinity.clone(),
            )
        })
        .collect();
    let expected = vec![
        ("t", begin.plus(secs(5)), 1.0f64.to_bits(), Affinity::default()),
        ("t", begin, 0.1f64.to_bits(), affinity),
    ];
    same("its rows", seen, expected)
}

pub(super) async fn topologies_e52_what_changes_nothing_leaves_no_row_and_a_registration_always_one(
    stage: Stage,
) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.running("t", &scene.a).await?;
    scene.failed("failed", &scene.a).await?;
    let (id, failed) = (topology_id("t")?, topology_id("failed")?);
    let before = (scene.rows("t").await?.len(), scene.rows("failed").await?.len());
    for _ in 0..2 {
        stage.clock.advance(secs(1));
        scene.store.enable_topology(&id).await?;
        scene.store.set_topology_pid(&scene.a, &id, None).await?;
        scene.accepted(&scene.a, "t", &Report::Running).await?;
        scene
            .accepted(&scene.a, "failed", &Report::Failed(ErrorText::new("it broke")))
            .await?;
        scene
            .store
            .set_topology_error(&failed, &ErrorText::new("it broke"))
            .await?;
        scene.store.enable_topology(&failed).await?;
        scene
            .store
            .refresh_statuses(&Timeouts::default().with_worker(NEVER))
            .await?;
        scene.store.get_topology(&id).await?;
    }
    let after = (scene.rows("t").await?.len(), scene.rows("failed").await?.len());
    same("rows of both", after, before)?;
    scene.store.register_topology(&new("t")?).await?;
    scene
        .store
        .register_topology(&convoke_core::NewTopology::new(id, Payload::parse("[1]")?))
        .await?;
    same(
        "rows after registering it twice",
        scene.rows("t").await?.len(),
        before.0 + 2,
    )
}

pub(super) async fn topologies_e53_an_id_never_seen_has_an_empty_history(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.enabled("t").await?;
    let got = scene
        .store
        .topology_history(&topology_id("T")?, &Page::default())
        .await?;
    same(
        "the history of an id never seen",
        (got.items, got.next),
        (Vec::new(), None),
    )
}

pub(super) async fn topologies_e54_history_is_read_a_page_at_a_time_also_while_it_grows(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    for number in 0..7 {
        for id in ["other", "t"] {
            scene
                .store
                .register_topology(&new(id)?.with_weight(Weight::new(f64::from(number))?))
                .await?;
        }
    }
    let ordered = [6, 5, 4, 3, 2, 1, 0];
    let weigh = |weight: f64| weight as u32;
    pages_show(&scene.store, "its history", &ordered, |store, page| async move {
        let rows = store
            .topology_history(&convoke_core::TopologyId::new("t")?, &page)
            .await?;
        Ok(rows.map(|row| weigh(row.weight.get())))
    })
    .await?;
    // What is written between two pages is newer than the first one, and not seen.
    let (id, page) = (topology_id("t")?, Page::first(3)?);
    let first = scene.store.topology_history(&id, &page).await?;
    scene
        .store
        .register_topology(&new("t")?.with_weight(Weight::new(7.0)?))
        .await?;
    let next = first.next.ok_or_else(|| super::missing("a next page"))?;
    let second = scene.store.topology_history(&id, &page.behind(next)).await?.items;
    let second: Vec<_> = second.iter().map(|row| weigh(row.weight.get())).collect();
    same("the second page of three", second, vec![3, 2, 1])
}

pub(super) async fn topologies_e55_a_cursor_of_another_list_is_no_place_in_a_history(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.enabled("t").await?;
    for id in ["t", "unknown"] {
        refuses_what_is_no_number(&scene.store, "the history", |store, page| async move {
            store.topology_history(&convoke_core::TopologyId::new(id)?, &page).await
        })
        .await?;
    }
    Ok(())
}

pub(super) async fn topologies_e56_what_is_taken_away_leaves_one_row(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.waiting("t", "a").await?;
    stage.clock.advance(TOO_LONG);
    for _ in 0..2 {
        scene
            .store
            .refresh_statuses(&Timeouts::default().with_worker(NEVER))
            .await?;
    }
    let expected = [
        (Unassigned, true, None, None, None),
        (Waiting, true, Some("a"), None, None),
    ];
    let rows = scene.newest("t", 2).await?;
    same_rows("its newest rows", &rows, &expected)?;
    same("when it was", rows[0].at, stage.clock.now())
}
