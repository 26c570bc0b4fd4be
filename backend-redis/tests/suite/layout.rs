//! What the store may hold, and what the server may refuse.

use convoke_backend_redis::RedisDriver;
use convoke_core::{Driver, ErrorKind, Page, Ttl};

use crate::server::{Raw, claim, message, open, open_fresh, options, private, worker};

#[tokio::test]
async fn a_key_of_the_wrong_type_is_corrupt_and_says_what_to_do() {
    let (store, mut raw, prefix, _) = open_fresh().await;
    let me = store.register_worker(&worker("a")).await.unwrap();
    for key in ["records", "returned", "seat", "names"] {
        let key = format!("{prefix}{key}");
        raw.run::<()>(&["DEL", &key]).await;
        raw.run::<()>(&["SET", &key, "x"]).await;
    }
    let errors = [
        store.ping_worker(&me).await.unwrap_err(),
        store.leader().await.unwrap_err(),
        store.list_workers(&Page::default()).await.unwrap_err(),
        store.peek_messages(&me.worker, &Page::default()).await.unwrap_err(),
        store.receive_messages(&me, &claim(1)).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
        assert!(error.message().contains("namespace"), "{error:?}");
    }
}

#[tokio::test]
async fn values_that_nobody_here_wrote_are_corrupt() {
    let (store, mut raw, prefix, _) = open_fresh().await;
    let me = store.register_worker(&worker("a")).await.unwrap();
    store.send_message(&message("a")).await.unwrap();
    raw.run::<()>(&["HSET", &format!("{prefix}fresh"), "a\x001", "x"]).await;
    assert_eq!(
        store.take_messages(&me, claim(1).max).await.unwrap_err().kind(),
        ErrorKind::Corrupt
    );
    raw.run::<()>(&["HSET", &format!("{prefix}records"), "a", "x"]).await;
    assert_eq!(store.ping_worker(&me).await.unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(
        store.get_worker(&me.worker).await.unwrap_err().kind(),
        ErrorKind::Corrupt
    );
    raw.run::<()>(&["HSET", &format!("{prefix}counters"), "incarnation", "x"])
        .await;
    assert_eq!(
        store.register_worker(&worker("b")).await.unwrap_err().kind(),
        ErrorKind::Corrupt
    );
}

#[tokio::test]
async fn scripts_that_the_server_forgets_are_sent_again() {
    let server = private(&[]);
    let store = open(server.url()).await;
    let mut raw = Raw::connect(server.url()).await;
    let me = store.register_worker(&worker("a")).await.unwrap();
    for expected in 1..=3 {
        raw.run::<()>(&["SCRIPT", "FLUSH"]).await;
        assert_eq!(store.send_message(&message("a")).await.unwrap().number(), expected);
        raw.run::<()>(&["SCRIPT", "FLUSH"]).await;
        store.ping_worker(&me).await.unwrap();
    }
}

#[tokio::test]
async fn numbers_near_two_to_the_fifty_third_come_back_exactly() {
    let (store, mut raw, prefix, _) = open_fresh().await;
    let near = 9_007_199_254_740_000_u64;
    let counters = format!("{prefix}counters");
    let text = near.to_string();
    raw.run::<()>(&[
        "HSET",
        &counters,
        "incarnation",
        &text,
        "message",
        &text,
        "history",
        &text,
    ])
    .await;
    raw.run::<()>(&["HSET", &format!("{prefix}seat"), "term", &text]).await;
    let me = store.register_worker(&worker("a")).await.unwrap();
    assert_eq!(me.incarnation.number(), near + 1);
    store.ping_worker(&me).await.unwrap();
    let lease = store
        .campaign(&me, Ttl::from_secs(10))
        .await
        .unwrap()
        .elected()
        .unwrap();
    assert_eq!(lease.term.number(), near + 1);
    store.check_term(lease.term).await.unwrap();
    assert_eq!(store.send_message(&message("a")).await.unwrap().number(), near + 1);
    assert_eq!(
        store
            .send_message(&message("a").with_term(lease.term))
            .await
            .unwrap()
            .number(),
        near + 2
    );
    let deliveries = store.receive_messages(&me, &claim(10)).await.unwrap();
    assert_eq!(
        deliveries.iter().map(|it| it.message.id.number()).collect::<Vec<_>>(),
        [near + 1, near + 2]
    );
    store.ack_message(&deliveries[1].receipt).await.unwrap();
    let page = Page::first(1).unwrap();
    let newest = store.worker_history(&me.worker, &page).await.unwrap();
    let older = store
        .worker_history(&me.worker, &page.behind(newest.next.unwrap()))
        .await
        .unwrap();
    assert_eq!((newest.items.len(), older.items.len(), older.next), (1, 1, None));
}

#[tokio::test]
async fn a_server_out_of_memory_takes_nothing_and_still_answers() {
    let server = private(&[]);
    let store = open(server.url()).await;
    let mut raw = Raw::connect(server.url()).await;
    let me = store.register_worker(&worker("a")).await.unwrap();
    raw.run::<()>(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let error = store.send_message(&message("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.message().contains("maxmemory"), "{error:?}");
    assert!(
        store
            .peek_messages(&me.worker, &Page::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
    raw.run::<()>(&["CONFIG", "SET", "maxmemory", "0"]).await;
    assert_eq!(store.send_message(&message("a")).await.unwrap().number(), 1);
}

#[tokio::test]
async fn a_replica_takes_no_writes_and_the_next_call_works_once_it_is_promoted() {
    let server = private(&[]);
    let store = open(server.url()).await;
    let mut raw = Raw::connect(server.url()).await;
    let me = store.register_worker(&worker("a")).await.unwrap();
    raw.run::<()>(&["CONFIG", "SET", "replica-serve-stale-data", "yes"])
        .await;
    raw.run::<()>(&["REPLICAOF", "127.0.0.1", "1"]).await;
    let error = store.ping_worker(&me).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.message().contains("replica"), "{error:?}");
    store.get_worker(&me.worker).await.unwrap();
    raw.run::<()>(&["REPLICAOF", "NO", "ONE"]).await;
    store.ping_worker(&me).await.unwrap();
}

#[tokio::test]
async fn a_user_without_rights_is_told_which_to_ask_for() {
    let server = private(&[]);
    let mut raw = Raw::connect(server.url()).await;
    raw.run::<()>(&["ACL", "SETUSER", "app", "on", ">pass", "~other:*", "+@all"])
        .await;
    let url = server.url().replace("redis://", "redis://app:pass@");
    let error = RedisDriver.open(&options(&url)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    assert!(error.message().contains("~{convoke:*"), "{error:?}");
}
