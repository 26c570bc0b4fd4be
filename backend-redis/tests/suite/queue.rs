//! Queues beyond what one script moves, and what stays behind of them.

use std::sync::Arc;
use std::time::Duration;

use convoke_core::{
    Claim, Command, Cursor, Delay, Limit, NewMessage, Page, Payload, Store, Timeouts, Ttl, WorkerStatus,
};
use futures_util::future::join_all;

use crate::server::{Raw, claim, message, open_fresh, worker};

/// More than one script moves or drops.
const MANY: u64 = 2_500;

async fn send(store: &Arc<dyn Store>, count: u64, ttl: Ttl) {
    let message = message("a").with_ttl(ttl);
    for sent in join_all((0..count).map(|_| store.send_message(&message))).await {
        sent.unwrap();
    }
}

async fn left(raw: &mut Raw, prefix: &str) -> u64 {
    let mut left = 0;
    for key in ["fresh", "bodies", "attempts"] {
        left += raw.run::<u64>(&["HLEN", &format!("{prefix}{key}")]).await;
    }
    for key in ["blocks", "returned", "invisible", "returns", "expirations"] {
        left += raw.run::<u64>(&["ZCARD", &format!("{prefix}{key}")]).await;
    }
    left
}

#[tokio::test]
async fn thousands_of_expired_messages_do_not_hide_the_one_behind_them() {
    let (store, mut raw, prefix, clock) = open_fresh().await;
    let me = store.register_worker(&worker("a")).await.unwrap();
    send(&store, MANY, Ttl::from_secs(1)).await;
    send(&store, 1, Ttl::from_secs(60)).await;
    clock.advance(Duration::from_secs(1));
    let seen = store.peek_messages(&me.worker, &Page::default()).await.unwrap();
    assert_eq!((seen.items.len(), seen.next), (1, None));
    let deliveries = store.receive_messages(&me, &claim(10)).await.unwrap();
    assert_eq!(deliveries[0].message.id.number(), MANY + 1);
    store.ack_message(&deliveries[0].receipt).await.unwrap();
    // The block that its next messages belong to.
    assert_eq!(left(&mut raw, &prefix).await, 1);
}

#[tokio::test]
async fn thousands_of_messages_come_back_in_their_old_order() {
    let (store, mut raw, prefix, clock) = open_fresh().await;
    let me = store.register_worker(&worker("a")).await.unwrap();
    send(&store, MANY, Ttl::from_secs(600)).await;
    let claim = Claim::new(Limit::MAX, Ttl::from_secs(1));
    let mut claimed = 0;
    while claimed < MANY {
        claimed += store.receive_messages(&me, &claim).await.unwrap().len() as u64;
    }
    assert!(store.receive_messages(&me, &claim).await.unwrap().is_empty());
    clock.advance(Duration::from_secs(1));
    let mut ids = Vec::new();
    while (ids.len() as u64) < MANY {
        let taken = store.take_messages(&me, Limit::MAX).await.unwrap();
        ids.extend(taken.into_iter().map(|message| message.id.number()));
    }
    assert!(ids.is_sorted() && ids.len() as u64 == MANY);
    // The block that its next messages belong to.
    assert_eq!(left(&mut raw, &prefix).await, 1);
}

async fn ids(store: &Arc<dyn Store>, page: &Page) -> (Vec<u64>, Option<Cursor>) {
    let listed = store.peek_messages(&worker("a"), page).await.unwrap();
    let ids = listed.items.iter().map(|it| it.message.id.number()).collect();
    (ids, listed.next)
}

#[tokio::test]
async fn a_page_goes_on_where_the_last_one_ended_though_its_messages_were_given_to_somebody_meanwhile() {
    let (store, _, _, _) = open_fresh().await;
    let me = store.register_worker(&worker("a")).await.unwrap();
    send(&store, 7, Ttl::from_secs(60)).await;
    store.receive_messages(&me, &claim(2)).await.unwrap();
    let page = Page::first(3).unwrap();
    let (first, next) = ids(&store, &page).await;
    assert_eq!(first, [1, 2, 3]);
    let deliveries = store.receive_messages(&me, &claim(2)).await.unwrap();
    store.nack_message(&deliveries[1].receipt, Delay::ZERO).await.unwrap();
    let (second, next) = ids(&store, &page.clone().behind(next.unwrap())).await;
    assert_eq!(second, [4, 5, 6]);
    let (third, next) = ids(&store, &page.behind(next.unwrap())).await;
    assert_eq!((third, next), (vec![7], None));
}

#[tokio::test]
async fn messages_that_expired_between_others_are_dropped_and_the_order_of_the_others_stays() {
    let (store, mut raw, prefix, clock) = open_fresh().await;
    let me = store.register_worker(&worker("a")).await.unwrap();
    // Blocks that stay whole, that empty in part, and that empty, the last one before it was full.
    for (count, seconds) in [(50, 60), (100, 1), (3, 60), (20, 1)] {
        send(&store, count, Ttl::from_secs(seconds)).await;
    }
    clock.advance(Duration::from_secs(1));
    store.refresh_statuses(&Timeouts::default()).await.unwrap();
    send(&store, 2, Ttl::from_secs(60)).await;
    let expected: Vec<u64> = (1..=50).chain(151..=153).chain(174..=175).collect();
    let page = Page::first(1_000).unwrap();
    assert_eq!(ids(&store, &page).await, (expected.clone(), None));
    let fresh = format!("{prefix}fresh");
    // Of those that expired only such are left as stand in one block behind others.
    assert_eq!(raw.run::<u64>(&["HLEN", &fresh]).await, 55 + 30);
    let taken = store.take_messages(&me, Limit::MAX).await.unwrap();
    let taken: Vec<_> = taken.iter().map(|it| it.id.number()).collect();
    assert_eq!(taken, expected);
    assert_eq!(raw.run::<u64>(&["HLEN", &fresh]).await, 0);
}

#[tokio::test]
async fn a_queue_that_expired_goes_on_behind_what_it_held() {
    let (store, mut raw, prefix, clock) = open_fresh().await;
    store.register_worker(&worker("a")).await.unwrap();
    send(&store, 3, Ttl::from_secs(1)).await;
    clock.advance(Duration::from_secs(1));
    store.refresh_statuses(&Timeouts::default()).await.unwrap();
    // Whoever receives need not look at the places of the block of 40 that is gone.
    for (key, place) in [("tails", 40), ("heads", 41)] {
        assert_eq!(
            raw.run::<u64>(&["HGET", &format!("{prefix}{key}"), "a"]).await,
            place,
            "{key}"
        );
    }
    send(&store, 1, Ttl::from_secs(60)).await;
    assert_eq!(ids(&store, &Page::default()).await, (vec![4], None));
}

#[tokio::test]
async fn a_worker_that_was_deleted_and_comes_back_has_a_queue_of_its_own() {
    let (store, _, _, _) = open_fresh().await;
    let me = store.register_worker(&worker("a")).await.unwrap();
    send(&store, 100, Ttl::from_secs(60)).await;
    store.receive_messages(&me, &claim(30)).await.unwrap();
    store
        .set_worker_status(&me.worker, None, WorkerStatus::Unloaded)
        .await
        .unwrap();
    store.delete_worker(&me.worker).await.unwrap();
    let me = store.register_worker(&me.worker).await.unwrap();
    send(&store, 1, Ttl::from_secs(60)).await;
    let deliveries = store.receive_messages(&me, &claim(10)).await.unwrap();
    assert_eq!(
        deliveries.iter().map(|it| it.message.id.number()).collect::<Vec<_>>(),
        [101]
    );
}

#[tokio::test]
async fn a_receive_of_very_large_messages_delivers_fewer_and_loses_none() {
    let (store, _, _, _) = open_fresh().await;
    let me = store.register_worker(&worker("a")).await.unwrap();
    let large = Payload::of(&"x".repeat(1_000_000)).unwrap();
    for _ in 0..20 {
        let message = NewMessage::new(me.worker.clone(), Command::new("do").unwrap(), large.clone());
        store.send_message(&message).await.unwrap();
    }
    let seen = store.peek_messages(&me.worker, &Page::default()).await.unwrap();
    assert_eq!(seen.items.len(), 20);
    let mut received = 0;
    while received < 20 {
        let deliveries = store.receive_messages(&me, &claim(1_000)).await.unwrap();
        assert!(!deliveries.is_empty());
        assert!(deliveries.iter().all(|delivery| delivery.message.content == large));
        received += deliveries.len();
    }
    assert_eq!(received, 20);
}

#[tokio::test]
async fn refreshing_drops_what_expired_in_queues_that_nobody_receives_from() {
    let (store, mut raw, prefix, clock) = open_fresh().await;
    let me = store.register_worker(&worker("a")).await.unwrap();
    send(&store, MANY, Ttl::from_secs(1)).await;
    let long = Claim::new(Limit::new(10).unwrap(), Ttl::from_secs(100));
    let deliveries = store.receive_messages(&me, &long).await.unwrap();
    clock.advance(Duration::from_secs(50));
    for _ in 0..4 {
        store.refresh_statuses(&Timeouts::default()).await.unwrap();
    }
    // Those that are claimed are still in somebody's hands: body, attempts, invisible, returns and expirations of each.
    assert_eq!(left(&mut raw, &prefix).await, 50);
    store.ack_message(&deliveries[0].receipt).await.unwrap();
    clock.advance(Duration::from_secs(50));
    store.refresh_statuses(&Timeouts::default()).await.unwrap();
    assert_eq!(left(&mut raw, &prefix).await, 0);
}

#[tokio::test]
async fn deleting_a_worker_leaves_nothing_of_its_queue_and_all_of_the_others() {
    let (store, mut raw, prefix, _) = open_fresh().await;
    let me = store.register_worker(&worker("a")).await.unwrap();
    let other = store.register_worker(&worker("ab")).await.unwrap();
    send(&store, MANY, Ttl::from_secs(600)).await;
    store.send_message(&message("ab")).await.unwrap();
    store.receive_messages(&me, &claim(100)).await.unwrap();
    store
        .set_worker_status(&me.worker, None, WorkerStatus::Unloaded)
        .await
        .unwrap();
    store.delete_worker(&me.worker).await.unwrap();
    // The message of the other one: itself and its block.
    assert_eq!(left(&mut raw, &prefix).await, 2);
    for (key, fields) in [("tails", 1), ("heads", 0)] {
        assert_eq!(
            raw.run::<u64>(&["HLEN", &format!("{prefix}{key}")]).await,
            fields,
            "{key}"
        );
    }
    assert_eq!(store.receive_messages(&other, &claim(10)).await.unwrap().len(), 1);
}
