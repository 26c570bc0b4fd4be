//! Wake-ups. None of these tests waits for its time-out: one that did would fail.

use std::time::{Duration, Instant};

use convoke_core::{Claim, Clock, Delay, Limit, ManualClock, Ttl};

use crate::place::{Place, message, name, open, register};

const LONG: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_receiver_is_woken_by_its_own_handle_and_by_another_one() {
    let place = Place::new();
    let (first, second) = (place.open().await, place.open().await);
    let me = register(&first, "a").await;
    for sender in [&first, &second] {
        let begun = Instant::now();
        let worker = name("a");
        let waiting = first.await_message(&worker, LONG);
        let message = message("a", "go");
        let (_, sent) = tokio::join!(waiting, sender.send_message(&message));
        sent.unwrap();
        assert!(begun.elapsed() < SOON);
        assert_eq!(first.take_messages(&me, Limit::MAX).await.unwrap().len(), 1);
    }
}

/// By a path of another name the two handles share no bell, as two processes do not.
#[tokio::test]
async fn a_receiver_is_woken_by_whoever_shares_only_the_file() {
    let place = Place::new();
    let receiver = place.open().await;
    register(&receiver, "a").await;
    let link = place.file().with_file_name("link");
    std::os::unix::fs::symlink(place.file().parent().unwrap(), &link).unwrap();
    let options = convoke_core::OpenOptions::new(&format!("sqlite://{}/jobs.db", link.display())).unwrap();
    let sender = open(&options).await.unwrap();
    let (worker, message) = (name("a"), message("a", "go"));
    let begun = Instant::now();
    let (_, sent) = tokio::join!(receiver.await_message(&worker, LONG), sender.send_message(&message));
    sent.unwrap();
    assert!(begun.elapsed() < SOON);
}

#[tokio::test]
async fn a_message_sent_before_the_wait_begins_is_seen_at_once() {
    let place = Place::new();
    let store = place.open().await;
    register(&store, "a").await;
    store.send_message(&message("a", "go")).await.unwrap();
    let begun = Instant::now();
    store.await_message(&name("a"), LONG).await;
    assert!(begun.elapsed() < SOON);
}

#[tokio::test]
async fn a_message_that_becomes_visible_again_wakes_its_receiver() {
    let place = Place::new();
    let clock = ManualClock::default();
    let store = place.open_by(Clock::Manual(clock.clone())).await.unwrap();
    let me = register(&store, "a").await;
    store.send_message(&message("a", "go")).await.unwrap();
    let claim = Claim::new(Limit::ONE, Ttl::from_secs(10));
    let delivery = store.receive_messages(&me, &claim).await.unwrap().remove(0);
    store
        .nack_message(&delivery.receipt, Delay::new(Duration::from_secs(5)).unwrap())
        .await
        .unwrap();
    let worker = name("a");
    let mut waiting = std::pin::pin!(store.await_message(&worker, LONG));
    let hidden = tokio::time::timeout(Duration::from_millis(100), &mut waiting).await;
    assert!(hidden.is_err(), "woken for a message that is hidden");
    clock.advance(Duration::from_secs(5));
    let begun = Instant::now();
    waiting.await;
    assert!(begun.elapsed() < SOON);
    assert_eq!(store.receive_messages(&me, &claim).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_others_do_wakes_nobody() {
    let place = Place::new();
    let (waiting, busy) = (place.open().await, place.open().await);
    register(&waiting, "a").await;
    let b = register(&busy, "b").await;
    let worker = name("a");
    let others = async {
        for _ in 0..50 {
            busy.ping_worker(&b).await.unwrap();
            busy.send_message(&message("b", "go")).await.unwrap();
        }
    };
    tokio::select! {
        () = waiting.await_message(&worker, LONG) => panic!("woken for nothing"),
        () = others => {}
    }
}

#[tokio::test]
async fn a_wait_ends_with_its_time_also_when_the_file_is_gone() {
    let place = Place::new();
    let store = place.open().await;
    std::fs::remove_file(place.file()).unwrap();
    let begun = Instant::now();
    store.await_message(&name("a"), Duration::from_millis(30)).await;
    assert!(begun.elapsed() < SOON);
}
