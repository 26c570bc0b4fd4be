//! Lists, read a page at a time.

use std::fmt::Debug;
use std::future::Future;

use convoke_core::{Cursor, ErrorKind, Page, Paged, Result};

use crate::case::Check;
use crate::expect::{Handle, refused, same};

/// Texts that are behind nothing in a list of names.
const NOT_NAMES: [&str; 4] = ["", " a", "a ", "\n"];

/// Texts that are behind nothing in a list of numbers.
const NOT_NUMBERS: [&str; 7] = ["", " a", "\n", "a", "-1", "9223372036854775808", "1'; --"];

/// Reads a list in pages of some sizes, and expects these items, in this order. Every page is full but the last, and only
/// that one has no next.
pub(crate) async fn pages_show<T, L, F>(store: &Handle, what: &str, expected: &[T], list: L) -> Check
where
    T: PartialEq + Debug + Clone,
    L: Fn(Handle, Page) -> F,
    F: Future<Output = Result<Paged<T>>>,
{
    let whole = u32::try_from(expected.len()).unwrap_or(u32::MAX).clamp(2, 999);
    for limit in [1, 2, whole - 1, whole, whole + 1] {
        let mut page = Page::first(limit)?;
        let mut listed = Vec::new();
        loop {
            let Paged { items, next } = list(store.clone(), page.clone()).await?;
            let room = (expected.len() - listed.len()).min(limit as usize);
            same(
                &format!("{what}: how many a page of {limit} behind {} holds", listed.len()),
                items.len(),
                room,
            )?;
            listed.extend(items);
            let is_last = listed.len() >= expected.len();
            same(
                &format!("{what}: whether a next page follows"),
                next.is_some(),
                !is_last,
            )?;
            let Some(next) = next else { break };
            page = page.behind(next);
        }
        same(&format!("{what}: all pages of {limit}"), listed, expected.to_vec())?;
    }
    Ok(())
}

/// Expects a list that is ordered by names to refuse what is no cursor of its own.
pub(crate) async fn refuses_what_is_no_name<T, L, F>(store: &Handle, what: &str, list: L) -> Check
where
    T: Debug,
    L: Fn(Handle, Page) -> F,
    F: Future<Output = Result<T>>,
{
    let long = "x".repeat(101);
    refuses(store, what, &NOT_NAMES, &list).await?;
    refuses(store, what, &[&long], &list).await
}

/// Expects a list that is ordered by numbers to refuse what is no cursor of its own.
pub(crate) async fn refuses_what_is_no_number<T, L, F>(store: &Handle, what: &str, list: L) -> Check
where
    T: Debug,
    L: Fn(Handle, Page) -> F,
    F: Future<Output = Result<T>>,
{
    refuses(store, what, &NOT_NUMBERS, &list).await
}

async fn refuses<T, L, F>(store: &Handle, what: &str, texts: &[&str], list: &L) -> Check
where
    T: Debug,
    L: Fn(Handle, Page) -> F,
    F: Future<Output = Result<T>>,
{
    for text in texts {
        let foreign = Page::first(1)?.behind(Cursor::from((*text).to_owned()));
        let answer = list(store.clone(), foreign).await;
        refused(&format!("{what} behind {text:?}"), answer, ErrorKind::InvalidArgument)?;
    }
    Ok(())
}
