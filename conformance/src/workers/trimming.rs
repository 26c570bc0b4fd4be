//! Trimming the histories of workers.

use convoke_core::{NewTopology, Page, Payload, Retention, WorkerStatus};

use crate::case::Check;
use crate::expect::{elect, history, queue, register, same, secs, send, set, topology_id};
use crate::stage::Stage;
use crate::trimming::{self, Histories::OfWorkers};

pub(super) async fn workers_e60_rows_are_dropped_at_their_age_and_not_before(stage: Stage) -> Check {
    trimming::by_age(stage, OfWorkers).await
}

pub(super) async fn workers_e61_rows_are_dropped_that_have_too_many_newer_ones(stage: Stage) -> Check {
    trimming::by_number(stage, OfWorkers).await
}

pub(super) async fn workers_e62_a_row_that_is_too_old_or_too_much_is_dropped(stage: Stage) -> Check {
    trimming::by_both(stage, OfWorkers).await
}

pub(super) async fn workers_e63_what_is_kept_for_ever_or_for_thirty_days_or_not_at_all(stage: Stage) -> Check {
    trimming::keeps_what_it_is_told_to(stage, OfWorkers).await
}

pub(super) async fn workers_e64_histories_are_trimmed_a_page_of_names_at_a_time(stage: Stage) -> Check {
    trimming::a_page_of_names_at_a_time(stage, OfWorkers).await
}

pub(super) async fn workers_e65_pages_of_a_history_go_on_though_it_is_trimmed(stage: Stage) -> Check {
    trimming::cursors_go_on(stage, OfWorkers).await
}

pub(super) async fn workers_e66_one_trimming_drops_a_thousand_rows_of_a_name_at_most(stage: Stage) -> Check {
    trimming::at_most_a_thousand_of_a_name(stage, OfWorkers).await
}

pub(super) async fn workers_e67_trimming_refuses_a_cursor_of_another_list(stage: Stage) -> Check {
    trimming::a_foreign_cursor_is_refused(stage, OfWorkers).await
}

pub(super) async fn workers_e68_trimming_leaves_all_else_alone(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    register(&store, "deleted").await?;
    set(&store, "deleted", WorkerStatus::Unloaded).await?;
    store.delete_worker(&crate::expect::name("deleted")?).await?;
    let lease = elect(&store, &a, secs(60)).await?;
    send(&store, "a", "one").await?;
    let id = topology_id("a")?;
    store
        .register_topology(&NewTopology::new(id.clone(), Payload::empty()))
        .await?;
    let before = store.list_workers(&Page::default()).await?;
    let trimmed = store
        .trim_worker_history(&Retention::FOREVER.with_rows(0), &Page::default())
        .await?;
    // Two of the leader, two of the one that was deleted.
    same("how many rows went", (trimmed.rows, trimmed.next), (4, None))?;
    same("all workers", store.list_workers(&Page::default()).await?, before)?;
    same("a queue", queue(&store, "a").await?, vec!["one".to_owned()])?;
    same(
        "rows of a topology of the same name",
        store.topology_history(&id, &Page::default()).await?.items.len(),
        1,
    )?;
    store.check_term(lease.term).await?;
    set(&store, "a", WorkerStatus::Closing).await?;
    same("rows since", history(&store, "a").await?.len(), 1)
}
