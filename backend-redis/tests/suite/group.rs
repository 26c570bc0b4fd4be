//! What callers ask for at once goes together, and each still has its own answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use convoke_backend_redis::RedisDriver;
use convoke_core::{Driver, ErrorKind, Lease, NewMessage, Page, Payload, Renewal, Store, Term, Ttl};
use convoke_test_servers::Server;
use futures_util::future::join_all;
use futures_util::poll;

use crate::proxy::Proxy;
use crate::server::{Raw, claim, message, open, options, private, worker};

/// How many scripts the server has run.
async fn calls(raw: &mut Raw) -> u64 {
    let info: String = raw.run(&["INFO", "commandstats"]).await;
    let of = |command: &str| -> u64 {
        let line = info.lines().find_map(|line| line.strip_prefix(command));
        line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
    };
    of("cmdstat_evalsha:calls=") + of("cmdstat_eval:calls=")
}

/// A server whose handle has sent every script before, so that each call is one command.
async fn warm() -> (Server, Arc<dyn Store>, Raw) {
    let server = private(&[]);
    let store = open(server.url()).await;
    let raw = Raw::connect(server.url()).await;
    let me = store.register_worker(&worker("warm")).await.unwrap();
    store.ping_worker(&me).await.unwrap();
    let to_nobody = message("nobody");
    store.send_message(&to_nobody).await.unwrap_err();
    // Two sorts of operations, since several of one sort go as the script of that one.
    let (pinged, sent) = tokio::join!(store.ping_worker(&me), store.send_message(&to_nobody));
    pinged.unwrap();
    sent.unwrap_err();
    (server, store, raw)
}

fn large(to: &str, bytes: usize) -> NewMessage {
    let content = Payload::parse(&format!("\"{}\"", "x".repeat(bytes))).unwrap();
    NewMessage { content, ..message(to) }
}

#[tokio::test]
async fn what_is_asked_for_at_once_is_one_call_and_a_refusal_harms_no_other() {
    let (_server, store, mut raw) = warm().await;
    let stale = store.register_worker(&worker("a")).await.unwrap();
    let me = store.register_worker(&worker("a")).await.unwrap();
    let before = calls(&mut raw).await;
    let (to_a, to_nobody, few) = (message("a"), message("nobody"), claim(10));
    let (first, refused, unknown, second, received, pinged) = tokio::join!(
        store.send_message(&to_a),
        store.ping_worker(&stale),
        store.send_message(&to_nobody),
        store.send_message(&to_a),
        store.receive_messages(&me, &few),
        store.ping_worker(&me),
    );
    assert_eq!(calls(&mut raw).await, before + 1);
    assert_eq!((first.unwrap().number(), second.unwrap().number()), (1, 2));
    assert_eq!(received.unwrap().len(), 2);
    pinged.unwrap();
    let refused = refused.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.operation()),
        (ErrorKind::Fenced, Some("workers.ping"))
    );
    assert_eq!(unknown.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn messages_that_are_sent_at_once_are_judged_each_and_keep_their_order() {
    let (_server, store, mut raw) = warm().await;
    let me = store.register_worker(&worker("a")).await.unwrap();
    let lease = store.campaign(&me, Ttl::from_secs(60)).await.unwrap();
    let term = lease.elected().unwrap().term;
    let stale = message("a").with_term(Term::from_number(term.number() + 1));
    let (to_a, to_nobody, led) = (message("a"), message("nobody"), message("a").with_term(term));
    let before = calls(&mut raw).await;
    let sent = join_all([&to_a, &stale, &to_nobody, &led].map(|it| store.send_message(it))).await;
    assert_eq!(calls(&mut raw).await, before + 1);
    let answers: Vec<_> = sent
        .into_iter()
        .map(|it| it.map(|id| id.number()).map_err(|error| error.kind()))
        .collect();
    assert_eq!(
        answers,
        [Ok(1), Err(ErrorKind::Fenced), Err(ErrorKind::NotFound), Ok(2)]
    );
    let queue = store.peek_messages(&me.worker, &Page::default()).await.unwrap();
    let ids: Vec<_> = queue.items.iter().map(|it| it.message.id.number()).collect();
    assert_eq!(ids, [1, 2]);
}

#[tokio::test]
async fn renewals_of_one_lease_at_once_are_one_and_another_lease_is_judged_for_itself() {
    let (_server, store, mut raw) = warm().await;
    let me = store.register_worker(&worker("a")).await.unwrap();
    let ttl = Ttl::from_secs(60);
    let lease = store.campaign(&me, ttl).await.unwrap().elected().unwrap();
    let stale = Lease {
        term: Term::from_number(lease.term.number() + 1),
        ..lease.clone()
    };
    let before = calls(&mut raw).await;
    let renewed = join_all([&lease, &lease, &stale, &lease].map(|it| store.renew_lease(it, ttl))).await;
    assert_eq!(calls(&mut raw).await, before + 1);
    let renewed: Vec<_> = renewed.into_iter().map(Result::unwrap).collect();
    assert!(matches!(&renewed[0], Renewal::Renewed(longer) if longer.expires > lease.expires));
    assert!(renewed[1] == renewed[0] && renewed[3] == renewed[0], "{renewed:?}");
    assert!(matches!(renewed[2], Renewal::Lost(Some(_))), "{renewed:?}");
}

#[tokio::test]
async fn an_operation_that_stumbles_fails_as_it_does_alone_and_alone() {
    let (_server, store, mut raw) = warm().await;
    let (me, other) = (worker("a"), worker("b"));
    let me = store.register_worker(&me).await.unwrap();
    let other = store.register_worker(&other).await.unwrap();
    let prefix = "{convoke:default}:";
    raw.run::<()>(&["HSET", &format!("{prefix}records"), "b", "nonsense"])
        .await;
    raw.run::<()>(&["SET", &format!("{prefix}attempts"), "of another type"])
        .await;
    store.send_message(&message("a")).await.unwrap();
    let few = claim(1);
    let alone = [
        store.ping_worker(&other).await.unwrap_err(),
        store.receive_messages(&me, &few).await.unwrap_err(),
    ];
    let (broken, pinged, mistyped, again) = tokio::join!(
        store.ping_worker(&other),
        store.ping_worker(&me),
        store.receive_messages(&me, &few),
        store.ping_worker(&me),
    );
    pinged.and(again).unwrap();
    let code = |error: &convoke_core::Error| {
        let code = error.context().find(|(key, _)| *key == "code");
        code.map(|(_, value)| value.to_string())
    };
    for (together, alone) in [broken.unwrap_err(), mistyped.unwrap_err()].iter().zip(&alone) {
        assert_eq!(together.kind(), ErrorKind::Corrupt, "{together:?}");
        assert_eq!(together.message(), alone.message());
        assert_eq!(code(together), code(alone));
    }
}

#[tokio::test]
async fn a_lost_answer_makes_the_outcome_of_all_of_them_unknown_and_each_happened_once() {
    let (server, beside, _) = warm().await;
    let proxy = Proxy::before(server.url()).await;
    let store = open(proxy.url()).await;
    proxy.swallow(1);
    let to_warm = message("warm");
    for sent in join_all((0..5).map(|_| store.send_message(&to_warm))).await {
        let error = sent.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error:?}");
        assert_eq!(error.operation(), Some("messages.send"));
        assert!(error.message().contains("connection"), "{error:?}");
    }
    let queue = beside.peek_messages(&worker("warm"), &Page::default()).await.unwrap();
    assert_eq!(queue.items.len(), 5);
    store.send_message(&to_warm).await.unwrap();
}

#[tokio::test]
async fn a_caller_that_is_dropped_before_it_is_sent_does_nothing_and_disturbs_nobody() {
    let (_server, store, _) = warm().await;
    let to_warm = message("warm");
    let mut dropped = store.send_message(&to_warm);
    assert!(poll!(&mut dropped).is_pending());
    let mut kept = store.send_message(&to_warm);
    assert!(poll!(&mut kept).is_pending());
    drop(dropped);
    assert_eq!(kept.await.unwrap().number(), 1, "the first that was sent");
}

#[tokio::test]
async fn a_caller_that_is_dropped_while_the_server_is_slow_disturbs_nobody() {
    let (server, store, _) = warm().await;
    let to_warm = message("warm");
    server.pause();
    let given_up = join_all((0..3).map(|_| store.send_message(&to_warm)));
    assert!(
        tokio::time::timeout(Duration::from_millis(100), given_up)
            .await
            .is_err()
    );
    let waiting = join_all((0..3).map(|_| store.send_message(&to_warm)));
    let resume = async { server.resume() };
    let (sent, ()) = tokio::join!(waiting, resume);
    let numbers: Vec<_> = sent.into_iter().map(|it| it.unwrap().number()).collect();
    assert_eq!(numbers, [4, 5, 6], "what was sent happened, once");
}

#[tokio::test]
async fn a_caller_that_is_not_polled_does_not_hold_up_the_others() {
    let (_server, store, _) = warm().await;
    let to_warm = message("warm");
    let mut forgotten = store.send_message(&to_warm);
    assert!(poll!(&mut forgotten).is_pending());
    let waits = tokio::time::timeout(Duration::from_secs(5), store.send_message(&to_warm));
    assert_eq!(waits.await.unwrap().unwrap().number(), 2);
    assert_eq!(forgotten.await.unwrap().number(), 1);
}

#[tokio::test]
async fn callers_of_a_frozen_server_wait_for_their_time_out_and_not_longer() {
    let server = private(&[]);
    let patience = Duration::from_millis(500);
    let store = RedisDriver
        .open(&options(server.url()).with_timeout(patience))
        .await
        .unwrap();
    let me = store.register_worker(&worker("a")).await.unwrap();
    server.pause();
    let start = Instant::now();
    let early = join_all((0..3).map(|_| store.ping_worker(&me)));
    let late = async {
        // Asked for while those before are under way.
        tokio::time::sleep(patience / 2).await;
        let start = Instant::now();
        (join_all((0..3).map(|_| store.ping_worker(&me))).await, start.elapsed())
    };
    let (early, (late, waited)) = tokio::join!(early, late);
    assert!(early.into_iter().all(|it| it.unwrap_err().is_outcome_unknown()));
    assert!(late.into_iter().all(|it| it.is_err()));
    assert!(waited < patience * 2, "{waited:?}");
    assert!(start.elapsed() < patience * 3, "{:?}", start.elapsed());
    server.resume();
    store.ping_worker(&me).await.unwrap();
}

#[tokio::test]
async fn a_call_has_so_many_operations_and_so_many_bytes_at_most() {
    let (_server, store, mut raw) = warm().await;
    let me = store.register_worker(&worker("a")).await.unwrap();
    let before = calls(&mut raw).await;
    for pinged in join_all((0..200).map(|_| store.ping_worker(&me))).await {
        pinged.unwrap();
    }
    assert_eq!(calls(&mut raw).await, before + 4, "64 at most");
    let before = calls(&mut raw).await;
    let half = large("a", 500_000);
    let sent = join_all((0..6).map(|_| store.send_message(&half))).await;
    let numbers: Vec<_> = sent.into_iter().map(|it| it.unwrap().number()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    assert_eq!(calls(&mut raw).await, before + 3, "1 MiB at most");
}

#[tokio::test]
async fn a_call_that_has_gathered_enough_leaves_the_rest_for_the_next_one() {
    let (_server, store, mut raw) = warm().await;
    let mut callers = Vec::new();
    for name in ["a", "b", "c"] {
        let me = store.register_worker(&worker(name)).await.unwrap();
        store.receive_messages(&me, &claim(1)).await.unwrap();
        callers.push(me);
        let megabyte = large(name, 1_000_000);
        join_all((0..17).map(|_| store.send_message(&megabyte))).await;
    }
    let before = calls(&mut raw).await;
    let many = claim(100);
    let received = join_all(callers.iter().map(|me| store.receive_messages(me, &many))).await;
    for (deliveries, me) in received.into_iter().zip(&callers) {
        let deliveries = deliveries.unwrap();
        assert_eq!(deliveries.len(), 17);
        assert!(deliveries.iter().all(|it| it.message.worker == me.worker));
    }
    assert_eq!(calls(&mut raw).await, before + 3);
}

#[tokio::test]
async fn a_script_of_several_that_the_server_forgot_is_sent_again() {
    let (_server, store, mut raw) = warm().await;
    raw.run::<()>(&["SCRIPT", "FLUSH"]).await;
    let to_warm = message("warm");
    let sent = join_all((0..3).map(|_| store.send_message(&to_warm))).await;
    assert_eq!(sent.into_iter().map(|it| it.unwrap().number()).max(), Some(3));
}
