//! Who is silent is found by an index that pings do not touch. Silence lasts 30 s by default.

use std::sync::Arc;
use std::time::Duration;

use convoke_core::{Clock, ManualClock, Registration, Store, Timeouts};

use crate::place::{Place, name, register};

async fn open(place: &Place) -> (Arc<dyn Store>, ManualClock) {
    let clock = ManualClock::default();
    (place.open_by(Clock::Manual(clock.clone())).await.unwrap(), clock)
}

async fn died(store: &Arc<dyn Store>) -> Vec<String> {
    let refreshed = store.refresh_statuses(&Timeouts::default()).await.unwrap();
    refreshed.died.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn who_pings_lives_through_any_number_of_refreshes() {
    let place = Place::new();
    let (store, clock) = open(&place).await;
    let (a, _) = (register(&store, "a").await, register(&store, "b").await);
    for second in 1..100 {
        clock.advance(Duration::from_secs(1));
        store.ping_worker(&a).await.unwrap();
        let expected: &[&str] = if second == 30 { &["b"] } else { &[] };
        assert_eq!(died(&store).await, expected, "after {second} s");
    }
    clock.advance(Duration::from_secs(30));
    assert_eq!(died(&store).await, ["a"]);
}

#[tokio::test]
async fn who_was_heard_of_before_the_clock_was_set_back_is_found_too() {
    let place = Place::new();
    let (store, clock) = open(&place).await;
    let start = clock.now();
    clock.advance(Duration::from_secs(3_600));
    let a = register(&store, "a").await;
    clock.set(start);
    store.ping_worker(&a).await.unwrap();
    assert_eq!(store.get_worker(&name("a")).await.unwrap().last_ping, start);
    clock.advance(Duration::from_secs(30));
    assert_eq!(died(&store).await, ["a"]);
}

/// Those that registered first pinged last.
#[tokio::test]
async fn those_silent_for_longest_die_first() {
    let place = Place::new();
    let store = crate::place::open(&place.options_with("durability=relaxed"))
        .await
        .unwrap();
    let mut all: Vec<Registration> = Vec::new();
    for number in 0..1_500 {
        all.push(register(&store, &format!("{number:04}")).await);
    }
    for registration in all.iter().rev() {
        store.ping_worker(registration).await.unwrap();
    }
    let (store, clock) = open(&place).await;
    clock.set(store_time(&place).plus(Duration::from_secs(30)));
    let refreshed = store.refresh_statuses(&Timeouts::default()).await.unwrap();
    assert!(refreshed.more);
    let expected: Vec<_> = (500..1_500).map(|number| format!("{number:04}")).collect();
    let first: Vec<_> = refreshed.died.iter().map(ToString::to_string).collect();
    assert_eq!(first, expected);
    let refreshed = store.refresh_statuses(&Timeouts::default()).await.unwrap();
    assert_eq!((refreshed.died.len(), refreshed.more), (500, false));
}

/// The latest moment in the file.
fn store_time(place: &Place) -> convoke_core::Timestamp {
    let latest = "SELECT max(last_ping) FROM convoke_worker";
    let latest = place.connect().query_row(latest, [], |row| row.get(0)).unwrap();
    convoke_core::Timestamp::from_micros(latest)
}
