//! Locks and settings: what is particular to a file.

use std::time::Duration;

use convoke_core::{
    Clock, ErrorKind, Expected, LockName, LockOwner, ManualClock, Payload, SettingKey, SettingWrite, SettingWrites,
    SettingsWritten, Ttl,
};

use crate::place::Place;

#[tokio::test]
async fn locks_that_ran_out_are_swept_by_those_that_come_later() {
    let place = Place::new();
    let clock = ManualClock::default();
    let store = place.open_by(Clock::Manual(clock.clone())).await.unwrap();
    let owner = LockOwner::new("o").unwrap();
    for number in 0..100 {
        let name = LockName::new(format!("once {number}")).unwrap();
        let acquired = store.acquire_lock(&name, &owner, Ttl::from_secs(1)).await.unwrap();
        assert!(acquired.acquired().is_some());
        clock.advance(Duration::from_millis(500));
    }
    let count = "SELECT count(*) FROM convoke_lock";
    let kept: i64 = place.connect().query_row(count, [], |row| row.get(0)).unwrap();
    assert!(kept <= 3, "{kept} locks are kept");
}

#[tokio::test]
async fn a_batch_that_is_refused_takes_no_revision_and_writes_nothing() {
    let place = Place::new();
    let store = place.open().await;
    let put = |key: &str| SettingWrite::put(SettingKey::new(key).unwrap(), Payload::empty());
    let refused = SettingWrites::new([put("a"), put("b").expecting(Expected::Present)]).unwrap();
    for expected in 1..=3 {
        let answer = store.write_settings(&refused).await.unwrap();
        assert!(matches!(answer, SettingsWritten::Mismatch { .. }), "{answer:?}");
        assert_eq!(store.get_setting(&SettingKey::new("a").unwrap()).await.unwrap(), None);
        let written = store.write_settings(&SettingWrites::one(put("c"))).await.unwrap();
        let SettingsWritten::Written(revision) = written else {
            panic!("{written:?}")
        };
        assert_eq!(revision.number(), expected);
    }
}

#[tokio::test]
async fn what_something_else_wrote_into_a_lock_or_a_setting_is_corrupt() {
    let place = Place::new();
    let store = place.open().await;
    place
        .connect()
        .execute_batch(
            "INSERT INTO convoke_lock VALUES ('l', ' o', 1, 9000000000000000);
             INSERT INTO convoke_setting VALUES ('s', 1, 0, '{');",
        )
        .unwrap();
    let lock = store.get_lock(&LockName::new("l").unwrap()).await;
    let setting = store.get_setting(&SettingKey::new("s").unwrap()).await;
    for error in [lock.unwrap_err(), setting.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
    }
}
