//! Trimming the histories of topologies.

use convoke_core::{Page, Retention};

use super::Scene;
use crate::case::Check;
use crate::expect::{history, name, same, topology_id};
use crate::stage::Stage;
use crate::trimming::{self, Histories::OfTopologies};

pub(super) async fn topologies_e95_rows_are_dropped_at_their_age_and_not_before(stage: Stage) -> Check {
    trimming::by_age(stage, OfTopologies).await
}

pub(super) async fn topologies_e96_rows_are_dropped_that_have_too_many_newer_ones(stage: Stage) -> Check {
    trimming::by_number(stage, OfTopologies).await
}

pub(super) async fn topologies_e97_a_row_that_is_too_old_or_too_much_is_dropped(stage: Stage) -> Check {
    trimming::by_both(stage, OfTopologies).await
}

pub(super) async fn topologies_e98_what_is_kept_for_ever_or_for_thirty_days_or_not_at_all(stage: Stage) -> Check {
    trimming::keeps_what_it_is_told_to(stage, OfTopologies).await
}

pub(super) async fn topologies_e99_histories_are_trimmed_a_page_of_ids_at_a_time(stage: Stage) -> Check {
    trimming::a_page_of_names_at_a_time(stage, OfTopologies).await
}

pub(super) async fn topologies_e100_pages_of_a_history_go_on_though_it_is_trimmed(stage: Stage) -> Check {
    trimming::cursors_go_on(stage, OfTopologies).await
}

pub(super) async fn topologies_e101_one_trimming_drops_a_thousand_rows_of_an_id_at_most(stage: Stage) -> Check {
    trimming::at_most_a_thousand_of_a_name(stage, OfTopologies).await
}

pub(super) async fn topologies_e102_trimming_refuses_a_cursor_of_another_list(stage: Stage) -> Check {
    trimming::a_foreign_cursor_is_refused(stage, OfTopologies).await
}

pub(super) async fn topologies_e103_trimming_leaves_all_else_alone(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.running("t", &scene.a).await?;
    scene.enabled("deleted").await?;
    scene.store.delete_topology(&topology_id("deleted")?).await?;
    let before = scene.store.list_topologies(&Page::default()).await?;
    let (of_workers, told) = (history(&scene.store, "a").await?, scene.told("a").await?);
    let trimmed = scene
        .store
        .trim_topology_history(&Retention::FOREVER.with_rows(0), &Page::default())
        .await?;
    // Four of the one that runs, two of the one that was deleted.
    same("how many rows went", (trimmed.rows, trimmed.next), (6, None))?;
    same(
        "all topologies",
        scene.store.list_topologies(&Page::default()).await?,
        before,
    )?;
    same("the history of a worker", history(&scene.store, "a").await?, of_workers)?;
    same("what the worker was told", scene.told("a").await?, told)?;
    let held = scene
        .store
        .list_assigned_topologies(&name("a")?, &Page::default())
        .await?
        .items;
    same("what the worker has", held.len(), 1)?;
    scene.store.disable_topology(&topology_id("t")?).await?;
    same("the history of what changes since", scene.rows("t").await?.len(), 1)
}
