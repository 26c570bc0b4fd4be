//! An installation of the first layout, as the program before made it.

use std::time::Duration;

use convoke_backend_redis::RedisDriver;
use convoke_core::{
    Clock, Confirmed, Driver, ErrorKind, LockAcquisition, LockName, LockOwner, ManualClock, NewTopology, OpenOptions,
    Page, Payload, Registration, Revision, Role, SchemaPolicy, SettingKey, SettingsExt, Timestamp, TopologiesExt,
    TopologyId, Ttl, WorkerStatus,
};
use convoke_test_servers::Kind;

use crate::server::{Raw, claim, fresh_namespace, message, options, shared_url, worker};

/// All that it held: `a` leads, `b` is dead, and a message waits for `a`.
const FIRST_LAYOUT: [&[&str]; 11] = [
    &[
        "HSET",
        "schema",
        "version",
        "1",
        "0001_keys",
        "33c0f1ad19ced7e956df5c3d2b799c57c95272aa",
    ],
    &["HSET", "counters", "incarnation", "2", "message", "1", "history", "4"],
    &["ZADD", "names", "0", "a", "0", "b"],
    &["HSET", "records", "a", "1 alive", "b", "2 dead"],
    &["ZADD", "watched", "1000000", "a"],
    &["ZADD", "unwatched", "500000", "b"],
    &[
        "HSET",
        "seat",
        "term",
        "3",
        "worker",
        "a",
        "incarnation",
        "1",
        "until",
        "20000000",
    ],
    &[
        "ZADD",
        "history",
        "0",
        "a\x000000000000000001 100 1 alive normal",
        "0",
        "b\x000000000000000002 200 2 alive normal",
        "0",
        "a\x000000000000000003 300 1 alive leader",
        "0",
        "b\x000000000000000004 900 2 dead normal",
    ],
    &[
        "HSET",
        "messages",
        "0000000000000001",
        "60000000 1000 a\0do\0{\"n\": 1.10}",
    ],
    &["ZADD", "ready", "0", "a\x000000000000000001"],
    &["ZADD", "expiry", "60000000", "a\x000000000000000001"],
];

/// What the second layout had besides: `a` was given a message, and gave another back for later.
const SECOND_LAYOUT: [&[&str]; 7] = [
    &[
        "HSET",
        "schema",
        "version",
        "2",
        "0002_topologies_locks_settings",
        "fcecafe21e142f07c1a2a4332c95ec8a19644ef7",
    ],
    &["HSET", "counters", "message", "3", "lock", "0", "revision", "0"],
    &[
        "HSET",
        "messages",
        "0000000000000002",
        "60000000 1000 a\0do\0{}",
        "0000000000000003",
        "60000000 1000 a\0do\0{}",
    ],
    &[
        "HSET",
        "handling",
        "0000000000000002",
        "1 5000000 0192f5d0-1111-7222-8333-444455556666 a",
        "0000000000000003",
        "4 6000000 - a",
    ],
    &[
        "ZADD",
        "hidden",
        "0",
        "a\x000000000000000002",
        "0",
        "a\x000000000000000003",
    ],
    &[
        "ZADD",
        "due",
        "0",
        "a\x000000000005000000\x000000000000000002",
        "0",
        "a\x000000000006000000\x000000000000000003",
    ],
    &[
        "ZADD",
        "expiry",
        "60000000",
        "a\x000000000000000002",
        "60000000",
        "a\x000000000000000003",
    ],
];

/// An installation with this content, two seconds later: how to open it, its clock, the server, what its keys begin with.
async fn installation(content: &[&[&[&str]]]) -> (OpenOptions, ManualClock, (Raw, String)) {
    let url = shared_url(Kind::Redis).await;
    let namespace = fresh_namespace();
    let prefix = format!("{{convoke:{namespace}}}:");
    let mut raw = Raw::connect(&url).await;
    for command in content.iter().copied().flatten() {
        let key = format!("{prefix}{}", command[1]);
        let words: Vec<_> = [command[0], &key]
            .into_iter()
            .chain(command[2..].iter().copied())
            .collect();
        raw.run::<()>(&words).await;
    }
    let clock = ManualClock::new(Timestamp::from_micros(2_000_000));
    let chosen = options(&url)
        .with_namespace(namespace)
        .with_clock(Clock::Manual(clock.clone()));
    (chosen, clock, (raw, prefix))
}

#[tokio::test]
async fn an_installation_of_the_first_layout_is_upgraded_and_loses_nothing() {
    let (chosen, clock, _) = installation(&[&FIRST_LAYOUT]).await;
    let refused = RedisDriver.open(&chosen.clone().with_schema(SchemaPolicy::Check)).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unsupported);
    let store = RedisDriver.open(&chosen).await.unwrap();
    assert!(store.check().await.unwrap().is_current());
    // What was there is there.
    let lead = store.leader().await.unwrap().unwrap();
    let me = Registration {
        worker: lead.worker.clone(),
        incarnation: lead.incarnation,
    };
    assert_eq!((lead.worker.as_str(), lead.term.number()), ("a", 3));
    let listed = store.list_workers(&Page::default()).await.unwrap().items;
    let listed: Vec<_> = listed.iter().map(|it| (it.name.as_str(), it.status, it.role)).collect();
    let expected = [
        ("a", WorkerStatus::Alive, Role::Leader),
        ("b", WorkerStatus::Dead, Role::Normal),
    ];
    assert_eq!(listed, expected);
    let history = store.worker_history(&worker("a"), &Page::default()).await.unwrap();
    assert_eq!(history.items.len(), 2);
    let message = store.take_messages(&me, claim(1).max).await.unwrap();
    assert_eq!(message[0].content.as_str(), "{\"n\": 1.10}");
    // What is new begins at its beginning, and counts on where there was a counter.
    let id = TopologyId::new("t").unwrap();
    assert!(store.list_topologies(&Page::default()).await.unwrap().items.is_empty());
    store
        .register_topology(&NewTopology::new(id.clone(), Payload::empty()))
        .await
        .unwrap();
    store.enable_topology(&id).await.unwrap();
    store.assign_topology(lead.term, &id, &worker("a")).await.unwrap();
    clock.advance(Duration::from_secs(1));
    let told = store.take_messages(&me, claim(1).max).await.unwrap();
    assert_eq!((told[0].id.number(), told[0].command.as_str()), (2, "start_topology"));
    let (lock, owner) = (LockName::new("l").unwrap(), LockOwner::new("o").unwrap());
    let LockAcquisition::Acquired(lock) = store.acquire_lock(&lock, &owner, Ttl::MIN).await.unwrap() else {
        panic!("nobody else has it");
    };
    assert_eq!(lock.token.number(), 1);
    let key = SettingKey::new("k").unwrap();
    let revision = store.put_setting(&key, &Payload::empty()).await.unwrap();
    assert_eq!(revision, Revision::from_number(1));
}

#[tokio::test]
async fn messages_of_the_second_layout_keep_their_order_and_their_attempts() {
    let (chosen, clock, _) = installation(&[&FIRST_LAYOUT, &SECOND_LAYOUT]).await;
    let store = RedisDriver.open(&chosen).await.unwrap();
    let sent = store.send_message(&message("a")).await.unwrap();
    assert_eq!(sent.number(), 4);
    let listed = store.peek_messages(&worker("a"), &Page::default()).await.unwrap().items;
    let listed: Vec<_> = listed
        .iter()
        .map(|it| {
            (
                it.message.id.number(),
                it.attempts,
                it.invisible_until.map(Timestamp::as_micros),
            )
        })
        .collect();
    let expected = [
        (1, 0, None),
        (2, 1, Some(5_000_000)),
        (3, 4, Some(6_000_000)),
        (4, 0, None),
    ];
    assert_eq!(listed, expected);
    let lead = store.leader().await.unwrap().unwrap();
    let me = Registration {
        worker: lead.worker,
        incarnation: lead.incarnation,
    };
    clock.advance(Duration::from_secs(10));
    let received = store.receive_messages(&me, &claim(10)).await.unwrap();
    let received: Vec<_> = received.iter().map(|it| (it.message.id.number(), it.attempt)).collect();
    assert_eq!(received, [(1, 1), (2, 2), (3, 5), (4, 1)]);
}

#[tokio::test]
async fn a_program_of_before_that_still_runs_cannot_write_into_a_queue() {
    let (chosen, _, (mut raw, prefix)) = installation(&[&FIRST_LAYOUT, &SECOND_LAYOUT]).await;
    let store = RedisDriver.open(&chosen).await.unwrap();
    for key in ["messages", "handling", "ready", "hidden", "due", "expiry"] {
        let found: String = raw.run(&["TYPE", &format!("{prefix}{key}")]).await;
        assert_eq!(found, "string", "{key}");
    }
    store.clear(Confirmed::YesDeleteEverything).await.unwrap();
    let found: String = raw.run(&["TYPE", &format!("{prefix}ready")]).await;
    assert_eq!(found, "string");
}
