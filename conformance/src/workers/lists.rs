//! Lists of workers and of history, and their pages.

use convoke_core::{Cursor, ErrorKind, Page, Paged, Role, RoleCounts, WorkerStatus};

use crate::case::Check;
use crate::expect::{Handle, elect, name, refused, register, same, secs, set};
use crate::stage::Stage;

pub(super) async fn workers_e50_workers_are_listed_by_the_bytes_of_their_names_a_page_at_a_time(stage: Stage) -> Check {
    let store = stage.open().await?;
    for worker in ["b", "😀", "a", "B", "ä", "a b", "é"] {
        register(&store, worker).await?;
    }
    let ordered = ["B", "a", "a b", "b", "ä", "é", "😀"];
    for limit in [1, 2, 3, 6, 7, 8] {
        let mut page = Page::first(limit)?;
        let mut listed = Vec::new();
        loop {
            let Paged { items, next } = store.list_workers(&page).await?;
            let expected = ordered.len().min(listed.len() + limit as usize) - listed.len();
            same(
                &format!("how many a page of {limit} behind {} holds", listed.len()),
                items.len(),
                expected,
            )?;
            listed.extend(items.into_iter().map(|worker| worker.name.to_string()));
            same(
                "whether there is a next page",
                next.is_some(),
                listed.len() < ordered.len(),
            )?;
            let Some(next) = next else { break };
            page = page.behind(next);
        }
        same(
            &format!("all pages of {limit}"),
            listed,
            ordered.map(str::to_owned).to_vec(),
        )?;
    }
    Ok(())
}

pub(super) async fn workers_e51_an_empty_list_has_no_next_page(stage: Stage) -> Check {
    let store = stage.open().await?;
    let got = store.list_workers(&Page::default()).await?;
    same("no workers", (got.items, got.next), (Vec::new(), None))?;
    same("how many", store.count_workers().await?, RoleCounts::default())
}

pub(super) async fn workers_e52_a_page_goes_on_behind_a_worker_that_was_deleted(stage: Stage) -> Check {
    let store = stage.open().await?;
    for worker in ["a", "b", "c", "d"] {
        register(&store, worker).await?;
    }
    let page = Page::first(2)?;
    let first = store.list_workers(&page).await?;
    set(&store, "b", WorkerStatus::Unloaded).await?;
    store.delete_worker(&name("b")?).await?;
    register(&store, "aa").await?;
    register(&store, "bb").await?;
    let next = first
        .next
        .ok_or_else(|| crate::Failure::new("the first page of two must have a next one"))?;
    let second = store.list_workers(&page.behind(next)).await?;
    let listed: Vec<_> = second.items.iter().map(|worker| worker.name.as_str()).collect();
    same("the page behind the deleted one", listed, vec!["bb", "c"])
}

pub(super) async fn workers_e53_history_is_read_a_page_at_a_time_also_while_it_grows(stage: Stage) -> Check {
    let store = stage.open().await?;
    for worker in ["other", "a"] {
        register(&store, worker).await?;
    }
    let statuses = [
        WorkerStatus::Disabled,
        WorkerStatus::Closing,
        WorkerStatus::Dead,
        WorkerStatus::Unloaded,
    ];
    for status in statuses {
        set(&store, "other", status).await?;
        set(&store, "a", status).await?;
    }
    for limit in 1..=6 {
        let read = read_history(&store, limit).await?;
        let mut expected = vec![WorkerStatus::Unloaded, WorkerStatus::Dead, WorkerStatus::Closing];
        expected.extend([WorkerStatus::Disabled, WorkerStatus::Alive]);
        // What is written between two pages is newer than the first one, and not seen.
        same(
            &format!("pages of {limit} of the history, oldest last"),
            read[read.len() - 5..].to_vec(),
            expected,
        )?;
    }
    Ok(())
}

async fn read_history(store: &Handle, limit: u32) -> Check<Vec<WorkerStatus>> {
    let mut page = Page::first(limit)?;
    let mut read = Vec::new();
    loop {
        let Paged { items, next } = store.worker_history(&name("a")?, &page).await?;
        read.extend(items.into_iter().map(|change| change.status));
        let Some(next) = next else { return Ok(read) };
        register(store, "a").await?;
        set(store, "a", WorkerStatus::Disabled).await?;
        page = page.behind(next);
    }
}

pub(super) async fn workers_e54_a_cursor_of_another_list_is_refused(stage: Stage) -> Check {
    let store = stage.open().await?;
    for worker in ["a", "b"] {
        register(&store, worker).await?;
    }
    let page = Page::first(1)?;
    let of_workers = store.list_workers(&page).await?.next;
    let of_workers = of_workers.ok_or_else(|| crate::Failure::new("a page of one of two workers must have a next"))?;
    let kind = ErrorKind::InvalidArgument;
    let history = store
        .worker_history(&name("a")?, &page.clone().behind(of_workers))
        .await;
    refused("the history behind a worker", history, kind)?;
    for text in ["", " a", "\n", "-1", "9223372036854775808", "1'; --"] {
        let foreign = page.clone().behind(Cursor::from(text.to_owned()));
        let history = store.worker_history(&name("a")?, &foreign).await;
        refused(&format!("the history behind {text:?}"), history, kind)?;
    }
    for text in ["", " a", "\n", &"x".repeat(101)] {
        let foreign = page.clone().behind(Cursor::from(text.to_owned()));
        refused(
            &format!("workers behind {text:?}"),
            store.list_workers(&foreign).await,
            kind,
        )?;
    }
    Ok(())
}

pub(super) async fn workers_e55_workers_are_counted_by_their_role_as_of_now(stage: Stage) -> Check {
    let store = stage.open().await?;
    let (a, b) = (register(&store, "a").await?, register(&store, "b").await?);
    register(&store, "c").await?;
    set(&store, "c", WorkerStatus::Dead).await?;
    let counts = |normal, candidate, leader| RoleCounts {
        normal,
        candidate,
        leader,
    };
    same("three that do nothing", store.count_workers().await?, counts(3, 0, 0))?;
    store.announce_candidacy(&a, secs(5)).await?;
    store.announce_candidacy(&b, secs(10)).await?;
    same("two candidates", store.count_workers().await?, counts(1, 2, 0))?;
    stage.clock.advance(secs(5));
    same("one of them lapsed", store.count_workers().await?, counts(2, 1, 0))?;
    elect(&store, &b, secs(10)).await?;
    same("one leads", store.count_workers().await?, counts(2, 0, 1))?;
    let roles = |items: Vec<convoke_core::Worker>| items.into_iter().map(|worker| worker.role).collect::<Vec<_>>();
    let listed = roles(store.list_workers(&Page::default()).await?.items);
    same(
        "the roles in the list",
        listed,
        vec![Role::Normal, Role::Leader, Role::Normal],
    )?;
    stage.clock.advance(secs(10));
    same("its lease ran out", store.count_workers().await?, counts(3, 0, 0))?;
    let listed = roles(store.list_workers(&Page::default()).await?.items);
    same("the roles in the list then", listed, vec![Role::Normal; 3])
}
