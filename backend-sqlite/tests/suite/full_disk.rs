//! A disk that takes no more: what could not be written is not there, not even in part, and what was answered is.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use convoke_core::{Error, ErrorKind, Limit, MessageId, NewMessage, OpenOptions, Page, Payload, Registration, Store};

use crate::child::{self, Other};
use crate::place::{Place, message, name, open, register};
use crate::small_disk::{SmallDisk, fill_but};

#[test]
fn a_full_disk_is_unavailable_with_nothing_half_written_and_goes_on_when_there_is_space_again() {
    if let Some(folder) = child::part() {
        return on_a_full_disk(Path::new(&folder));
    }
    let disk = SmallDisk::new();
    let test = "full_disk::a_full_disk_is_unavailable_with_nothing_half_written_and_goes_on_when_there_is_space_again";
    Other::start_by(disk.command(), test, &disk.path().display().to_string()).finish();
}

#[tokio::main(flavor = "current_thread")]
async fn on_a_full_disk(folder: &Path) {
    let url = |file: &str| OpenOptions::new(&format!("sqlite://{}", folder.join(file).display())).unwrap();
    let store = open(&url("jobs.db")).await.unwrap();
    let me = register(&store, "a").await;
    let ballast = folder.join("ballast");
    fill_but(600_000, &ballast);

    let taken = send_until_it_is_full(&store, |error| {
        assert!(error.to_string().contains("the disk is full"), "{error}");
        assert!(
            error.to_string().contains("free some space and repeat the call"),
            "{error}"
        );
    })
    .await;
    assert!(!taken.is_empty(), "there was space for some");
    let waiting = store
        .peek_messages(&name("a"), &Page::first(1_000).unwrap())
        .await
        .unwrap();
    let waiting: Vec<_> = waiting.items.iter().map(|queued| queued.message.id).collect();
    assert_eq!(waiting, taken, "looking goes on, and shows nothing that was refused");
    let error = open(&url("another.db")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.to_string().contains("the disk is full"), "{error}");

    std::fs::remove_file(&ballast).unwrap();
    works_again(&store, &me, taken).await;
    register(&open(&url("another.db")).await.unwrap(), "a").await;
    drop(store);
    for file in ["jobs.db", "another.db"] {
        assert_eq!(integrity(&folder.join(file)), "ok", "{file}");
    }
}

/// The same for a disk that refuses with another word than "full", such as a file too large or a quota: a limit on the
/// size of files does. The shell keeps the signal away that ends the process.
#[test]
fn a_disk_that_takes_no_more_is_unavailable_and_nothing_is_half_written() {
    if let Some(url) = child::part() {
        return in_a_file_that_may_not_grow(&url);
    }
    let place = Place::new();
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"trap "" XFSZ; exec "$@""#, "sh"]);
    let test = "full_disk::a_disk_that_takes_no_more_is_unavailable_and_nothing_is_half_written";
    Other::start_by(shell, test, &place.url()).finish();
    assert_eq!(integrity(&place.file()), "ok");
}

#[tokio::main(flavor = "current_thread")]
async fn in_a_file_that_may_not_grow(url: &str) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = |bytes| {
        setrlimit(
            Resource::Fsize,
            Rlimit {
                current: bytes,
                maximum: None,
            },
        )
        .unwrap()
    };
    let store = open(&OpenOptions::new(url).unwrap()).await.unwrap();
    let me = register(&store, "a").await;
    limit(Some(600_000));
    let taken = send_until_it_is_full(&store, |error| {
        assert!(error.to_string().contains("repeat the call"), "{error}");
    })
    .await;
    limit(None);
    works_again(&store, &me, taken).await;
}

fn large(number: usize) -> NewMessage {
    NewMessage {
        content: Payload::of(&"x".repeat(50_000)).unwrap(),
        ..message("a", &format!("go {number}"))
    }
}

/// Sends one after the other until one is refused, and many at once then. Answers the ids of those that were taken.
async fn send_until_it_is_full(store: &Arc<dyn Store>, judge: impl Fn(&Error)) -> Vec<MessageId> {
    let mut taken = Vec::new();
    let error = loop {
        match store.send_message(&large(taken.len())).await {
            Ok(id) => taken.push(id),
            Err(error) => break error,
        }
        assert!(taken.len() < 100, "it is never full");
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    judge(&error);
    // Closing the file moves its log into it, which makes a little room again: the first of these may fit.
    let together = all_at_once(store, (0..40).map(|number| large(100 + number))).await;
    assert!(together.iter().any(Result::is_err), "it is not full any more");
    for answer in together {
        match answer {
            Ok(id) => taken.push(id),
            Err(error) => assert!(error.is_retryable(), "{error:?}"),
        }
    }
    taken.sort_unstable();
    taken
}

async fn works_again(store: &Arc<dyn Store>, me: &Registration, taken: Vec<MessageId>) {
    let delivered = store.take_messages(me, Limit::MAX).await.unwrap();
    let delivered: Vec<_> = delivered.iter().map(|message| message.id).collect();
    assert_eq!(delivered, taken, "what was answered is there, and nothing else");
    store.send_message(&large(0)).await.unwrap();
}

async fn all_at_once(
    store: &Arc<dyn Store>,
    messages: impl Iterator<Item = NewMessage>,
) -> Vec<convoke_core::Result<MessageId>> {
    let sending = messages.map(|message| {
        let store = Arc::clone(store);
        tokio::spawn(async move { store.send_message(&message).await })
    });
    let mut answers = Vec::new();
    for sent in sending.collect::<Vec<_>>() {
        answers.push(sent.await.unwrap());
    }
    answers
}

fn integrity(file: &Path) -> String {
    let connection = rusqlite::Connection::open(file).unwrap();
    connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap()
}
