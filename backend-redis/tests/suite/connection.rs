//! Outages, lost answers, passwords.

use std::time::{Duration, Instant};

use convoke_backend_redis::RedisDriver;
use convoke_core::{Driver, ErrorKind, Page};
use futures_util::future::join_all;

use crate::proxy::Proxy;
use crate::server::{Raw, claim, message, open, options, private, worker};

#[tokio::test]
async fn a_server_that_is_down_is_unavailable_and_the_next_call_works_once_it_is_back() {
    let mut server = private(&[]);
    let store = open(server.url()).await;
    let me = store.register_worker(&worker("a")).await.unwrap();
    server.kill();
    for _ in 0..2 {
        let error = store.ping_worker(&me).await.unwrap_err();
        assert!(error.is_retryable() || error.is_outcome_unknown(), "{error:?}");
    }
    let error = store.ping_worker(&me).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    server.start().unwrap();
    store.ping_worker(&me).await.unwrap();
    assert_eq!(store.get_worker(&me.worker).await.unwrap().incarnation, me.incarnation);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_between_two_calls_is_not_noticed() {
    let mut server = private(&[]);
    let store = open(server.url()).await;
    let me = store.register_worker(&worker("a")).await.unwrap();
    server.restart().unwrap();
    store.ping_worker(&me).await.unwrap();
}

#[tokio::test]
async fn many_callers_fail_together_in_an_outage_and_not_one_after_the_other() {
    let mut server = private(&[]);
    let store = open(server.url()).await;
    let me = store.register_worker(&worker("a")).await.unwrap();
    server.kill();
    let start = Instant::now();
    let answers = join_all((0..64).map(|_| store.ping_worker(&me))).await;
    assert!(answers.iter().all(Result::is_err));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_frozen_server_costs_the_time_out_and_not_more() {
    let server = private(&[]);
    let patience = Duration::from_millis(500);
    let store = RedisDriver
        .open(&options(server.url()).with_timeout(patience))
        .await
        .unwrap();
    let me = store.register_worker(&worker("a")).await.unwrap();
    server.pause();
    for expected in [ErrorKind::OutcomeUnknown, ErrorKind::Unavailable] {
        let start = Instant::now();
        assert_eq!(store.ping_worker(&me).await.unwrap_err().kind(), expected);
        assert!(start.elapsed() < patience * 3, "{:?}", start.elapsed());
    }
    server.resume();
    store.ping_worker(&me).await.unwrap();
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_unknown_and_was_done_once() {
    let server = private(&[]);
    let proxy = Proxy::before(server.url()).await;
    let (store, beside) = (open(proxy.url()).await, open(server.url()).await);
    let me = beside.register_worker(&worker("a")).await.unwrap();
    beside.send_message(&message("a")).await.unwrap();
    proxy.swallow(1);
    let error = store.send_message(&message("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error:?}");
    assert_eq!(error.operation(), Some("messages.send"));
    let queue = beside.peek_messages(&me.worker, &Page::default()).await.unwrap();
    assert_eq!(queue.items.len(), 2);
    store.send_message(&message("a")).await.unwrap();
    assert_eq!(beside.receive_messages(&me, &claim(10)).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_read_whose_answer_is_lost_is_asked_again_once() {
    let server = private(&[]);
    let proxy = Proxy::before(server.url()).await;
    let store = open(proxy.url()).await;
    let me = store.register_worker(&worker("a")).await.unwrap();
    // The scripts are known to the server from here on, so that each call is one command.
    store.get_worker(&me.worker).await.unwrap();
    proxy.swallow(1);
    assert_eq!(store.get_worker(&me.worker).await.unwrap().name, me.worker);
    proxy.swallow(2);
    let error = store.get_worker(&me.worker).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    store.get_worker(&me.worker).await.unwrap();
}

#[tokio::test]
async fn a_wrong_or_missing_password_says_so_and_is_not_told() {
    let server = private(&[]);
    Raw::connect(server.url())
        .await
        .run::<()>(&["CONFIG", "SET", "requirepass", "s3cret/word"])
        .await;
    let with = |credentials: &str| server.url().replace("redis://", &format!("redis://{credentials}"));
    for url in [with(":wr0ng@"), with("nobody:wr0ng@"), with("")] {
        let error = RedisDriver.open(&options(&url)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
        assert!(error.message().contains("password"), "{error:?}");
        assert!(!format!("{error:?}").contains("wr0ng"), "{error:?}");
    }
    let store = RedisDriver.open(&options(&with(":s3cret%2Fword@"))).await.unwrap();
    assert!(!format!("{store:?}").contains("s3cret"), "{store:?}");
    store.register_worker(&worker("a")).await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_not_there_says_to_correct_its_number() {
    let server = private(&[]);
    let error = RedisDriver
        .open(&options(&format!("{}999", server.url())))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    assert!(error.message().contains("correct the path"), "{error:?}");
}

#[tokio::test]
async fn databases_of_one_server_are_apart() {
    let server = private(&[]);
    let (one, other) = (open(server.url()).await, open(&format!("{}1", server.url())).await);
    one.register_worker(&worker("a")).await.unwrap();
    assert_eq!(
        other.get_worker(&worker("a")).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn a_port_where_nobody_or_somebody_else_answers_is_unavailable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}/", listener.local_addr().unwrap());
    let answering = tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            // A reset instead of an answer is as good.
            let _ = tokio::io::AsyncWriteExt::write_all(&mut client, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let error = RedisDriver.open(&options(&url)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    answering.abort();
    // The listener goes with its task.
    assert!(answering.await.unwrap_err().is_cancelled());
    let error = RedisDriver.open(&options(&url)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
}

#[tokio::test]
async fn a_hint_arrives_at_once_and_again_after_a_restart() {
    let mut server = private(&[]);
    let (store, sender) = (open(server.url()).await, open(server.url()).await);
    let name = worker("a");
    store.register_worker(&name).await.unwrap();
    for restart in [false, true] {
        if restart {
            server.restart().unwrap();
        }
        // The bound is a second: only a hint lets five messages arrive within less than three of them.
        let news = message("a");
        let heard = async {
            let mut quick = 0;
            while quick < 5 {
                // Returns early when the subscription is made.
                store.await_message(&name, Duration::from_secs(30)).await;
                let start = Instant::now();
                let wait = store.await_message(&name, Duration::from_secs(30));
                let send = sender.send_message(&news);
                let ((), sent) = tokio::join!(wait, send);
                sent.unwrap();
                if start.elapsed() < Duration::from_millis(600) {
                    quick += 1;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), heard).await.unwrap();
    }
}
