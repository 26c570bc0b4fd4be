//! Streams that wrap the pages of a list.

use std::future::Future;

use futures_util::Stream;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::error::Result;
use crate::messages::{Messages, QueuedMessage};
use crate::names::WorkerName;
use crate::page::{Page, Paged};
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
