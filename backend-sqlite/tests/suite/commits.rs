//! Commits that many operations share.

use std::sync::Arc;
use std::time::{Duration, Instant};

use convoke_core::{ErrorKind, Limit, MessageId, NewMessage, Page, Payload, Result, Store};

use crate::place::{Place, message, name, register};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_share_commits_and_each_gets_its_own_answer() {
    let place = Place::new();
    let store = place.open().await;
    let me = register(&store, "a").await;
    let answers = send_at_once(
        &store,
        (0..1_000).map(|number| message(if number % 3 == 0 { "nobody" } else { "a" }, &number.to_string())),
    )
    .await;
    for (number, answer) in &answers {
        let refused = number % 3 == 0;
        assert_eq!(
            answer.as_ref().err().map(|error| error.kind()),
            refused.then_some(ErrorKind::NotFound)
        );
    }
    let mut ids: Vec<_> = answers
        .into_iter()
        .filter_map(|(number, answer)| Some((answer.ok()?, number)))
        .collect();
    ids.sort_unstable();
    let taken = store.take_messages(&me, Limit::MAX).await.unwrap();
    let taken: Vec<_> = taken
        .iter()
        .map(|message| (message.id, message.command.to_string()))
        .collect();
    let sent: Vec<_> = ids.into_iter().map(|(id, number)| (id, number.to_string())).collect();
    assert_eq!(taken, sent);
}

/// A trigger makes the store fail one operation between its writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_that_the_store_fails_half_way_leaves_nothing() {
    let place = Place::new();
    let store = place.open().await;
    register(&store, "a").await;
    place
        .connect()
        .execute_batch(
            "CREATE TRIGGER bad BEFORE INSERT ON convoke_message WHEN NEW.command = '13'
             BEGIN SELECT RAISE(ABORT, 'a bad day'); END",
        )
        .unwrap();
    // Long ones go into their queue at once, once the counter is written.
    let content = Payload::of(&"x".repeat(2_000)).unwrap();
    let long = |number: usize| NewMessage {
        content: content.clone(),
        ..message("a", &number.to_string())
    };
    let answers = send_at_once(&store, (0..100).map(long)).await;
    let mut sent = Vec::new();
    for (number, answer) in answers {
        match answer {
            Ok(id) => sent.push(id),
            Err(error) if number == 13 => assert_eq!(error.kind(), ErrorKind::Internal),
            Err(error) => assert!(error.is_retryable(), "{error:?}"),
        }
    }
    sent.sort_unstable();
    let page = Page::first(1_000).unwrap();
    let there = store.peek_messages(&name("a"), &page).await.unwrap().items;
    let there: Vec<_> = there.iter().map(|queued| queued.message.id).collect();
    assert_eq!(there, sent, "what was answered is there, and nothing else");
    let ids: Vec<_> = sent.iter().map(|id| id.number()).collect();
    assert_eq!(
        ids,
        (1..=sent.len() as u64).collect::<Vec<_>>(),
        "no id was used up by the one that failed"
    );
}

#[tokio::test]
async fn a_caller_that_goes_away_disturbs_nobody() {
    let place = Place::new();
    let store = place.open().await;
    let me = register(&store, "a").await;
    let abandoned = message("a", "abandoned");
    for _ in 0..100 {
        let call = store.send_message(&abandoned);
        tokio::select! {
            biased;
            _ = call => {}
            () = std::future::ready(()) => {}
        }
    }
    let kept = store.send_message(&message("a", "kept")).await.unwrap();
    let taken = store.take_messages(&me, Limit::MAX).await.unwrap();
    assert_eq!(taken.last().map(|message| message.id), Some(kept));
}

#[tokio::test]
async fn what_was_accepted_is_finished_though_the_last_handle_is_dropped() {
    let place = Place::new();
    let store = place.open().await;
    let me = register(&store, "a").await;
    let lock = place.connect();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let accepted = message("a", "accepted");
    {
        let call = store.send_message(&accepted);
        tokio::select! {
            biased;
            _ = call => panic!("the file is locked"),
            () = std::future::ready(()) => {}
        }
    }
    let free = std::thread::spawn(move || {
        lock.execute_batch("COMMIT").unwrap();
    });
    drop(store);
    free.join().unwrap();
    eventually(|| open_descriptors(&place) == 0, "the writer closes the file");
    let store = place.open().await;
    let taken = store.take_messages(&me, Limit::MAX).await.unwrap();
    assert_eq!(taken.len(), 1);
}

#[tokio::test]
async fn dropping_the_last_handle_closes_the_file() {
    let place = Place::new();
    let store = place.open().await;
    register(&store, "a").await;
    store.leader().await.unwrap();
    store.await_message(&name("a"), Duration::from_millis(1)).await;
    assert!(open_descriptors(&place) > 0);
    drop(store);
    eventually(|| open_descriptors(&place) == 0, "all connections are closed");
    // Of connections that close at the same moment SQLite takes none for the last one, which would bring the log into the
    // file. Whoever comes next does.
    let connection = place.connect();
    let workers: i64 = connection
        .query_row("SELECT count(*) FROM convoke_worker", [], |row| row.get(0))
        .unwrap();
    assert_eq!(workers, 1);
    drop(connection);
    assert!(
        !place.file().with_file_name("jobs.db-wal").exists(),
        "the log is in the file"
    );
}

#[tokio::test]
async fn a_caller_reads_what_it_wrote_and_so_does_every_handle() {
    let place = Place::new();
    let (first, second) = (place.open().await, place.open().await);
    for _ in 0..50 {
        let registration = register(&first, "a").await;
        for store in [&first, &second] {
            let worker = store.get_worker(&name("a")).await.unwrap();
            assert_eq!(worker.incarnation, registration.incarnation);
        }
    }
}

async fn send_at_once(
    store: &Arc<dyn Store>,
    messages: impl Iterator<Item = NewMessage>,
) -> Vec<(usize, Result<MessageId>)> {
    let sending = messages.enumerate().map(|(number, message)| {
        let store = Arc::clone(store);
        tokio::spawn(async move { (number, store.send_message(&message).await) })
    });
    let mut answers = Vec::new();
    for sent in sending.collect::<Vec<_>>() {
        answers.push(sent.await.unwrap());
    }
    answers
}

/// How many descriptors of this process lead to the files of the place.
fn open_descriptors(place: &Place) -> usize {
    let folder = place.file().parent().unwrap().to_owned();
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap();
    let targets = descriptors.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    targets.filter(|target| target.starts_with(&folder)).count()
}

fn eventually(mut holds: impl FnMut() -> bool, what: &str) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(10), "not within 10 s: {what}");
        std::thread::yield_now();
    }
}
