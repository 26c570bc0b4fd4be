//! Lists of topologies, of all and of those that a worker has.

use convoke_core::{ErrorText, Page, Paged, Payload, Topology, TopologyStatus, WorkerName};

use super::{Scene, missing, new, shown};
use crate::case::Check;
use crate::expect::{name, register, same, secs, topology_id};
use crate::pages::{pages_show, refuses_what_is_no_name};
use crate::stage::Stage;

fn ids(page: Paged<Topology>) -> Paged<String> {
    page.map(|topology| topology.id.to_string())
}

const SHUFFLED: [&str; 7] = ["b", "😀", "a", "B", "ä", "a b", "é"];
const ORDERED: [&str; 7] = ["B", "a", "a b", "b", "ä", "é", "😀"];

/// A fault of qtopology: the list went from 2,960/s to 74/s at 10,000 topologies, unpaged (9).
pub(super) async fn topologies_e60_topologies_are_listed_by_the_bytes_of_their_ids_a_page_at_a_time(
    stage: Stage,
) -> Check {
    let scene = Scene::of(&stage).await?;
    let none = scene.store.list_topologies(&Page::default()).await?;
    same("no topologies", (none.items, none.next), (Vec::new(), None))?;
    for id in SHUFFLED {
        scene.enabled(id).await?;
    }
    let ordered = ORDERED.map(str::to_owned);
    pages_show(&scene.store, "topologies", &ordered, |store, page| async move {
        Ok(ids(store.list_topologies(&page).await?))
    })
    .await
}

pub(super) async fn topologies_e61_what_a_worker_has_is_listed_by_the_bytes_of_its_ids_a_page_at_a_time(
    stage: Stage,
) -> Check {
    let scene = Scene::of(&stage).await?;
    for (number, id) in SHUFFLED.into_iter().enumerate() {
        scene.waiting(id, "a").await?;
        scene.waiting(&format!("{id} of b"), "b").await?;
        scene.enabled(&format!("{id} of nobody")).await?;
        match number % 3 {
            0 => scene.accepted(&scene.a, id, &convoke_core::Report::Running).await?,
            1 => drop(
                scene
                    .store
                    .set_topology_error(&topology_id(id)?, &ErrorText::new("why"))
                    .await?,
            ),
            _ => {}
        }
    }
    let ordered = ORDERED.map(str::to_owned);
    pages_show(&scene.store, "what a has", &ordered, |store, page| async move {
        Ok(ids(store
            .list_assigned_topologies(&WorkerName::new("a")?, &page)
            .await?))
    })
    .await
}

pub(super) async fn topologies_e62_a_worker_has_what_it_was_given_until_it_lets_go_or_it_is_taken_away(
    stage: Stage,
) -> Check {
    let scene = Scene::of(&stage).await?;
    register(&scene.store, "A").await?;
    let has = async |worker: &'static str| -> Check<String> {
        let page = scene
            .store
            .list_assigned_topologies(&name(worker)?, &Page::default())
            .await?;
        same("whether a next page follows", page.next.clone(), None)?;
        Ok(ids(page).items.join(" "))
    };
    for worker in ["a", "A", "nobody"] {
        same(&format!("what {worker} has at first"), has(worker).await?.as_str(), "")?;
    }
    scene.waiting("t", "a").await?;
    scene.waiting("u", "a").await?;
    scene.waiting("v", "A").await?;
    same("what a has", has("a").await?.as_str(), "t u")?;
    same("what A has", has("A").await?.as_str(), "v")?;
    scene
        .accepted(&scene.a, "t", &convoke_core::Report::Failed(ErrorText::new("why")))
        .await?;
    same("with one in error", has("a").await?.as_str(), "t u")?;
    scene.accepted(&scene.a, "t", &convoke_core::Report::Released).await?;
    same("with that one released", has("a").await?.as_str(), "u")?;
    scene
        .store
        .set_topology_error(&topology_id("u")?, &ErrorText::new("why"))
        .await?;
    scene.store.disable_topology(&topology_id("u")?).await?;
    scene.store.clear_topology_error(&topology_id("u")?).await?;
    same("with the other one cleared", has("a").await?.as_str(), "")
}

pub(super) async fn topologies_e63_the_lists_show_what_there_is_to_show(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    let begin = stage.clock.now();
    let config = Payload::parse(r#"{"long": "config"}"#)?;
    scene
        .store
        .register_topology(&convoke_core::NewTopology::new(topology_id("z")?, config))
        .await?;
    stage.clock.advance(secs(5));
    scene.running("t", &scene.a).await?;
    scene
        .store
        .set_topology_pid(&scene.a, &topology_id("t")?, Some(u32::MAX))
        .await?;
    let t = Topology {
        pid: Some(u32::MAX),
        ..shown("t", TopologyStatus::Running, true, Some("a"), begin.plus(secs(5)))?
    };
    let z = shown("z", TopologyStatus::Unassigned, false, None, begin)?;
    let listed = scene.store.list_topologies(&Page::default()).await?.items;
    same("all topologies", listed, vec![t.clone(), z])?;
    let listed = scene
        .store
        .list_assigned_topologies(&name("a")?, &Page::default())
        .await?
        .items;
    same("what a has", listed, vec![t])
}

pub(super) async fn topologies_e64_a_page_goes_on_behind_a_topology_that_was_deleted(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    for id in ["a", "b", "c", "d"] {
        scene.enabled(id).await?;
    }
    let page = Page::first(2)?;
    let next = scene.store.list_topologies(&page).await?.next;
    let next = next.ok_or_else(|| missing("a next page behind two of four"))?;
    scene.store.delete_topology(&topology_id("b")?).await?;
    scene.store.register_topology(&new("aa")?).await?;
    scene.store.register_topology(&new("bb")?).await?;
    let second = ids(scene.store.list_topologies(&page.behind(next)).await?).items;
    same(
        "the page behind the deleted one",
        second,
        vec!["bb".to_owned(), "c".to_owned()],
    )
}

pub(super) async fn topologies_e65_a_cursor_of_another_list_is_refused(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.waiting("t", "a").await?;
    refuses_what_is_no_name(&scene.store, "topologies", |store, page| async move {
        store.list_topologies(&page).await
    })
    .await?;
    for worker in ["a", "nobody"] {
        refuses_what_is_no_name(&scene.store, "what a worker has", |store, page| async move {
            store.list_assigned_topologies(&WorkerName::new(worker)?, &page).await
        })
        .await?;
    }
    Ok(())
}
