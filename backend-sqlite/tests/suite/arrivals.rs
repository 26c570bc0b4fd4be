//! Messages before and after they are sorted into their queues: nobody can tell which is which.

use std::time::Duration;

use convoke_core::{Claim, Confirmed, Limit, NewMessage, Page, Payload, Ttl};

use crate::place::{Place, message, name, register};

/// More than arrive before they are sorted, and some that are too long to arrive.
const MANY: u64 = 2_500;

fn sent(number: u64) -> NewMessage {
    let worker = if number.is_multiple_of(3) { "a" } else { "b" };
    let content = if number % 100 == 7 {
        "x".repeat(3_000)
    } else {
        number.to_string()
    };
    NewMessage {
        content: Payload::of(&content).unwrap(),
        ..message(worker, &format!("go {number}"))
    }
}

#[tokio::test]
async fn a_queue_is_in_order_whatever_part_of_it_is_sorted() {
    let place = Place::new();
    let store = open_quickly(&place).await;
    let a = register(&store, "a").await;
    register(&store, "b").await;
    for number in 1..=MANY {
        assert_eq!(store.send_message(&sent(number)).await.unwrap().number(), number);
    }
    assert_ne!(
        (rows(&place, "convoke_arrival"), rows(&place, "convoke_message")),
        (0, 0)
    );
    let expected: Vec<_> = (1..=MANY).filter(|number: &u64| number.is_multiple_of(3)).collect();
    assert_eq!(peeked(&store).await, expected);
    let mut received = Vec::new();
    loop {
        let claim = Claim::new(Limit::new(100).unwrap(), Ttl::from_secs(60));
        let deliveries = store.receive_messages(&a, &claim).await.unwrap();
        if deliveries.is_empty() {
            break;
        }
        for delivery in &deliveries {
            let number = delivery.message.id.number();
            assert_eq!(delivery.message.content, sent(number).content);
            assert_eq!(delivery.message.command, sent(number).command);
            received.push(number);
        }
        store
            .nack_message(&deliveries[0].receipt, convoke_core::Delay::ZERO)
            .await
            .unwrap();
        let again = store.take_messages(&a, Limit::ONE).await.unwrap();
        assert_eq!(again[0].id, deliveries[0].message.id, "what came back is the oldest");
        assert_eq!(rows(&place, "convoke_arrival"), 0);
    }
    assert_eq!(received, expected);
}

#[tokio::test]
async fn clearing_and_deleting_reach_what_only_arrived() {
    let place = Place::new();
    let store = place.open().await;
    let a = register(&store, "a").await;
    let first = store.send_message(&message("a", "go")).await.unwrap();
    assert_eq!(rows(&place, "convoke_arrival"), 1);
    let unloaded = convoke_core::WorkerStatus::Unloaded;
    store.set_worker_status(&a.worker, None, unloaded).await.unwrap();
    store.delete_worker(&a.worker).await.unwrap();
    let a = register(&store, "a").await;
    assert!(store.take_messages(&a, Limit::MAX).await.unwrap().is_empty());
    let second = store.send_message(&message("a", "go")).await.unwrap();
    store.clear(Confirmed::YesDeleteEverything).await.unwrap();
    assert_eq!(rows(&place, "convoke_arrival"), 0);
    let a = register(&store, "a").await;
    let third = store.send_message(&message("a", "go")).await.unwrap();
    assert!(first < second && second < third, "ids never go back");
    assert_eq!(store.take_messages(&a, Limit::MAX).await.unwrap()[0].id, third);
}

#[tokio::test]
async fn refreshing_removes_what_expired_before_anybody_sorted_it() {
    let place = Place::new();
    let clock = convoke_core::ManualClock::default();
    let store = place.open_by(convoke_core::Clock::Manual(clock.clone())).await.unwrap();
    register(&store, "a").await;
    let short = message("a", "go").with_ttl(Ttl::from_secs(1));
    store.send_message(&short).await.unwrap();
    clock.advance(Duration::from_secs(1));
    assert_eq!(peeked(&store).await, Vec::<u64>::new());
    store.refresh_statuses(&Default::default()).await.unwrap();
    assert_eq!(
        (rows(&place, "convoke_arrival"), rows(&place, "convoke_message")),
        (0, 0)
    );
}

/// The commits of these tests are many, and none of them has to survive a power cut.
async fn open_quickly(place: &Place) -> std::sync::Arc<dyn convoke_core::Store> {
    crate::place::open(&place.options_with("durability=relaxed"))
        .await
        .unwrap()
}

async fn peeked(store: &std::sync::Arc<dyn convoke_core::Store>) -> Vec<u64> {
    let mut found = Vec::new();
    let mut page = Page::first(70).unwrap();
    loop {
        let peeked = store.peek_messages(&name("a"), &page).await.unwrap();
        found.extend(peeked.items.iter().map(|queued| queued.message.id.number()));
        match peeked.next {
            Some(next) => page.after = Some(next),
            None => return found,
        }
    }
}

fn rows(place: &Place, table: &str) -> u64 {
    let count = format!("SELECT count(*) FROM {table}");
    let rows: i64 = place.connect().query_row(&count, [], |row| row.get(0)).unwrap();
    rows.cast_unsigned()
}
