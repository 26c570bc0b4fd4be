//! What stays in the tables, which no answer shows.

use convoke_conformance::Place;
use convoke_core::{
    Clock, Expected, LockName, LockOwner, ManualClock, Payload, SettingKey, SettingWrite, SettingWrites, SettingsExt,
    Timestamp, Ttl,
};
use convoke_test_servers::Kind;
use sqlx::Row;

use crate::databases::Databases;
use crate::node::Node;

async fn count(node: &mut Node, what: &str) -> i64 {
    let rows = node.run(&format!("SELECT CAST(({what}) AS SIGNED)")).await;
    rows[0].get(0)
}

pub(crate) async fn locks_that_ran_out_do_not_stay_for_ever(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let clock = ManualClock::new(Timestamp::from_micros(1_000_000));
    let store = database.open(Clock::Manual(clock.clone())).await.unwrap();
    let mut node = Node(database.plain().await);
    let owner = LockOwner::new("o").unwrap();
    let lock = |name: &str| LockName::new(name).unwrap();
    for name in ["a", "b", "c", "d"] {
        store
            .acquire_lock(&lock(name), &owner, Ttl::from_secs(1))
            .await
            .unwrap();
    }
    clock.advance(Ttl::from_secs(1));
    let rows = "SELECT COUNT(*) FROM convoke_lock";
    assert_eq!(count(&mut node, rows).await, 4);
    // Each that is granted sweeps two others.
    store
        .acquire_lock(&lock("d"), &owner, Ttl::from_secs(60))
        .await
        .unwrap();
    assert_eq!(count(&mut node, rows).await, 2);
    store
        .acquire_lock(&lock("e"), &owner, Ttl::from_secs(60))
        .await
        .unwrap();
    assert_eq!(count(&mut node, rows).await, 2);
}

pub(crate) async fn a_refused_batch_takes_no_revision(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let store = database.store().await;
    let mut node = Node(database.plain().await);
    let key = SettingKey::new("k").unwrap();
    store.put_setting(&key, &Payload::empty()).await.unwrap();
    let counter = "SELECT value FROM convoke_counter WHERE name = 'revision'";
    let before = count(&mut node, counter).await;
    let again = SettingWrite::put(key, Payload::empty()).expecting(Expected::Absent);
    store.write_settings(&SettingWrites::one(again)).await.unwrap();
    assert_eq!(count(&mut node, counter).await, before);
}
