//! Streams that wrap the pages of a list.

use std::future::Future;

use futures_util::Stream;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::error::Result;
use crate::locks::{Lock, Locks};
use crate::messages::{Messages, QueuedMessage};
use crate::names::{TopologyId, WorkerName};
use crate::page::{Page, Paged};
use crate::settings::{Setting, SettingRange, Settings};
use crate::topologies::{Topologies, Topology, TopologyChange};
use crate::workers::{Worker, WorkerChange, Workers};

/// All workers, ordered by name, read `page` by page. Each page is a moment of its own.
pub fn workers<S: Workers + ?Sized>(store: &S, page: Page) -> impl Stream<Item = Result<Worker>> + '_ {
    paged(page, move |page| async move { store.list_workers(&page).await })
}

/// The whole history of a worker, newest first.
pub fn worker_history<'a, S: Workers + ?Sized>(
    store: &'a S,
    name: &'a WorkerName,
    page: Page,
) -> impl Stream<Item = Result<WorkerChange>> + 'a {
    paged(page, move |page| async move { store.worker_history(name, &page).await })
}

/// The whole queue of a worker, oldest first.
pub fn queue<'a, S: Messages + ?Sized>(
    store: &'a S,
    worker: &'a WorkerName,
    page: Page,
) -> impl Stream<Item = Result<QueuedMessage>> + 'a {
    paged(
        page,
        move |page| async move { store.peek_messages(worker, &page).await },
    )
}

/// All topologies, ordered by id.
pub fn topologies<S: Topologies + ?Sized>(store: &S, page: Page) -> impl Stream<Item = Result<Topology>> + '_ {
    paged(page, move |page| async move { store.list_topologies(&page).await })
}

/// All topologies that a worker has, ordered by id.
pub fn assigned_topologies<'a, S: Topologies + ?Sized>(
    store: &'a S,
    worker: &'a WorkerName,
    page: Page,
) -> impl Stream<Item = Result<Topology>> + 'a {
    paged(page, move |page| async move {
        store.list_assigned_topologies(worker, &page).await
    })
}

/// The whole history of a topology, newest first.
pub fn topology_history<'a, S: Topologies + ?Sized>(
    store: &'a S,
    id: &'a TopologyId,
    page: Page,
) -> impl Stream<Item = Result<TopologyChange>> + 'a {
    paged(page, move |page| async move { store.topology_history(id, &page).await })
}

/// All locks that are held, ordered by name.
pub fn locks<S: Locks + ?Sized>(store: &S, page: Page) -> impl Stream<Item = Result<Lock>> + '_ {
    paged(page, move |page| async move { store.list_locks(&page).await })
}

/// All settings of a range, ordered by key.
pub fn settings<'a, S: Settings + ?Sized>(
    store: &'a S,
    range: &'a SettingRange,
    page: Page,
) -> impl Stream<Item = Result<Setting>> + 'a {
    paged(page, move |page| async move { store.list_settings(range, &page).await })
}

fn paged<T, F>(first: Page, read: impl Fn(Page) -> F) -> impl Stream<Item = Result<T>>
where
    F: Future<Output = Result<Paged<T>>>,
{
    stream::try_unfold((Some(first), read), |(page, read)| async move {
        let Some(page) = page else { return Ok(None) };
        let Paged { items, next } = read(page.clone()).await?;
        let next = next.map(|cursor| page.behind(cursor));
        Ok(Some((stream::iter(items).map(Ok), (next, read))))
    })
    .try_flatten()
}
