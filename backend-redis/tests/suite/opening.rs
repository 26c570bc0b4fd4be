//! Opening, layout versions, namespaces, properties, clearing.

use convoke_backend_redis::RedisDriver;
use convoke_core::{
    Candidacy, Clock, Confirmed, Driver, Durability, ErrorKind, ManualClock, Namespace, Page, SchemaPolicy, Timestamp,
    Ttl,
};
use convoke_test_servers::Kind;
use futures_util::future::join_all;

/// All that set up an empty store.
const MIGRATIONS: [&str; 3] = ["0001_keys", "0002_topologies_locks_settings", "0003_queues"];

use crate::server::{Raw, fresh_namespace, message, open, open_fresh, options, private, shared_url, worker};

#[tokio::test]
async fn eight_open_an_empty_store_at_once_and_it_is_set_up_once() {
    let url = shared_url(Kind::Redis).await;
    for _ in 0..20 {
        let chosen = options(&url)
            .with_namespace(fresh_namespace())
            .with_schema(SchemaPolicy::LeaveAlone);
        let stores = join_all((0..8).map(|_| RedisDriver.open(&chosen))).await;
        let stores: Vec<_> = stores.into_iter().map(Result::unwrap).collect();
        let applied = join_all(stores.iter().map(|store| store.migrate())).await;
        let mut applied: Vec<_> = applied.into_iter().flat_map(Result::unwrap).collect();
        // One may do the first, and another the next.
        applied.sort();
        assert_eq!(applied, MIGRATIONS);
        assert!(stores[0].check().await.unwrap().is_current());
    }
}

#[tokio::test]
async fn opening_only_to_check_refuses_what_is_not_set_up() {
    let url = shared_url(Kind::Redis).await;
    let chosen = options(&url).with_namespace(fresh_namespace());
    let error = RedisDriver
        .open(&chosen.clone().with_schema(SchemaPolicy::Check))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    RedisDriver.open(&chosen).await.unwrap();
    RedisDriver
        .open(&chosen.with_schema(SchemaPolicy::Check))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_newer_layout_is_unsupported_and_a_changed_one_corrupt() {
    let (store, mut raw, prefix, _) = open_fresh().await;
    let schema = format!("{prefix}schema");
    raw.run::<()>(&["HSET", &schema, "version", "4"]).await;
    assert_eq!(store.check().await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(store.migrate().await.unwrap_err().kind(), ErrorKind::Unsupported);
    raw.run::<()>(&["HSET", &schema, "version", "1", "0001_keys", "another"])
        .await;
    assert_eq!(store.check().await.unwrap_err().kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn namespaces_do_not_see_each_other_whatever_they_are_called() {
    let server = private(&[]);
    let mut stores = Vec::new();
    for name in ["a", "a}", "{a}", "a%7D", "A", "ä:b"] {
        let chosen = options(server.url()).with_namespace(Namespace::new(name).unwrap());
        stores.push(RedisDriver.open(&chosen).await.unwrap());
    }
    for store in &stores {
        assert!(store.list_workers(&Page::default()).await.unwrap().items.is_empty());
        let me = store.register_worker(&worker("a")).await.unwrap();
        assert_eq!(me.incarnation.number(), 1);
    }
    stores[0].reset(Confirmed::YesDeleteEverything).await.unwrap();
    for store in &stores[1..] {
        store.get_worker(&worker("a")).await.unwrap();
    }
}

#[tokio::test]
async fn clearing_keeps_the_counters_and_resetting_leaves_nothing() {
    let server = private(&[]);
    let store = open(server.url()).await;
    let mut raw = Raw::connect(server.url()).await;
    let me = store.register_worker(&worker("a")).await.unwrap();
    let lease = store
        .campaign(&me, Ttl::from_millis(100))
        .await
        .unwrap()
        .elected()
        .unwrap();
    let sent = store.send_message(&message("a")).await.unwrap();
    store.clear(Confirmed::YesDeleteEverything).await.unwrap();
    assert!(store.list_workers(&Page::default()).await.unwrap().items.is_empty());
    assert!(
        store
            .worker_history(&me.worker, &Page::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
    assert_eq!(store.leader().await.unwrap(), None);
    let again = store.register_worker(&worker("a")).await.unwrap();
    assert!(again.incarnation > me.incarnation);
    assert!(store.send_message(&message("a")).await.unwrap() > sent);
    crate::server::until("the next lead", || async {
        match store.campaign(&again, Ttl::from_secs(10)).await.unwrap() {
            Candidacy::Elected(next) => {
                assert!(next.term > lease.term);
                true
            }
            Candidacy::Deferred(_) => false,
        }
    })
    .await;
    store.reset(Confirmed::YesDeleteEverything).await.unwrap();
    assert_eq!(raw.run::<u64>(&["DBSIZE"]).await, 0);
    assert_eq!(store.migrate().await.unwrap(), MIGRATIONS);
}

#[tokio::test]
async fn properties_tell_the_server_and_what_a_power_cut_loses() {
    let server = private(&[]);
    let store = open(server.url()).await;
    let mut raw = Raw::connect(server.url()).await;
    let properties = store.properties().await.unwrap();
    assert!(properties.server.starts_with("Redis 7"), "{properties:?}");
    assert_eq!(properties.durability, Durability::Full);
    assert!(properties.installation.contains("{convoke:default}"), "{properties:?}");
    raw.run::<()>(&["CONFIG", "SET", "appendfsync", "everysec"]).await;
    let relaxed = store.properties().await.unwrap().durability;
    assert!(
        matches!(&relaxed, Durability::Relaxed(why) if why.contains("everysec")),
        "{relaxed:?}"
    );
}

#[tokio::test]
async fn a_user_who_may_not_see_the_settings_is_told_that_durability_is_unknown() {
    let server = private(&[]);
    let mut raw = Raw::connect(server.url()).await;
    let rights = ["~{convoke:*", "&{convoke:*", "+@all", "-config"];
    raw.run::<()>(&[&["ACL", "SETUSER", "app", "on", ">pass"][..], &rights].concat())
        .await;
    let store = open(&server.url().replace("redis://", "redis://app:pass@")).await;
    let durability = store.properties().await.unwrap().durability;
    assert!(
        matches!(&durability, Durability::Relaxed(why) if why.starts_with("unknown")),
        "{durability:?}"
    );
}

#[tokio::test]
async fn the_clock_is_the_servers_unless_one_is_given() {
    let url = shared_url(Kind::Redis).await;
    let namespace = fresh_namespace();
    let chosen = options(&url).with_namespace(namespace);
    let by_server = RedisDriver.open(&chosen).await.unwrap();
    let mut raw = Raw::connect(&url).await;
    let before: (i64, i64) = raw.run(&["TIME"]).await;
    let me = by_server.register_worker(&worker("a")).await.unwrap();
    let after: (i64, i64) = raw.run(&["TIME"]).await;
    let last_ping = by_server.get_worker(&me.worker).await.unwrap().last_ping.as_micros();
    assert!((before.0 * 1_000_000 + before.1..=after.0 * 1_000_000 + after.1).contains(&last_ping));
    let clock = ManualClock::new(Timestamp::from_micros(1_795_200_000_000_001));
    let by_hand = RedisDriver
        .open(&chosen.with_clock(Clock::Manual(clock.clone())))
        .await
        .unwrap();
    by_hand.ping_worker(&me).await.unwrap();
    assert_eq!(by_server.get_worker(&me.worker).await.unwrap().last_ping, clock.now());
    assert_eq!(by_hand.now().await.unwrap(), clock.now());
    for out_of_range in [-1, i64::MAX] {
        clock.set(Timestamp::from_micros(out_of_range));
        let error = by_hand.ping_worker(&me).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error:?}");
    }
}
