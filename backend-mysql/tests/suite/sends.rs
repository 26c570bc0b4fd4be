//! Messages that are sent at once, by one handle.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use convoke_backend_mysql::MysqlDriver;
use convoke_core::{
    Command, Driver, ErrorKind, MessageId, NewMessage, OpenOptions, Page, Payload, Result, Store, Term, Ttl, WorkerName,
};
use convoke_test_servers::{Kind, private};
use sqlx::mysql::MySqlConnection;
use sqlx::{Executor, Row};
use tokio::task::JoinHandle;

use crate::databases::{Database, Databases};
use crate::eventually;
use crate::proxy::Proxy;

fn name(name: &str) -> WorkerName {
    WorkerName::new(name).unwrap()
}

fn message(worker: &str, content: &str) -> NewMessage {
    NewMessage::new(
        name(worker),
        Command::new("c").unwrap(),
        Payload::parse(content).unwrap(),
    )
}

fn sending(store: &Arc<dyn Store>, message: NewMessage) -> JoinHandle<Result<MessageId>> {
    let store = Arc::clone(store);
    tokio::spawn(async move { store.send_message(&message).await })
}

async fn contents(store: &Arc<dyn Store>, worker: &str) -> Vec<String> {
    let page = Page::first(1_000).unwrap();
    let queued = store.peek_messages(&name(worker), &page).await.unwrap();
    let content = |queued: &convoke_core::QueuedMessage| queued.message.content.as_str().to_owned();
    queued.items.iter().map(content).collect()
}

async fn calls(connection: &mut MySqlConnection) -> u64 {
    let row = connection
        .fetch_one("SHOW GLOBAL STATUS LIKE 'Com_call_procedure'")
        .await
        .unwrap();
    row.try_get::<String, _>(1).unwrap().parse().unwrap()
}

pub(crate) async fn those_who_send_at_once_share_calls_and_each_gets_its_own_answer(kind: Kind) {
    const ROUNDS: u32 = 10;
    let server = tokio::task::spawn_blocking(move || private(kind))
        .await
        .unwrap()
        .unwrap();
    let database = Database::create(server.url(), "sends").await;
    let store = database.store().await;
    let me = store.register_worker(&name("a")).await.unwrap();
    store.register_worker(&name("b")).await.unwrap();
    let lease = store.campaign(&me, Ttl::from_secs(600)).await.unwrap();
    let term = lease.elected().unwrap().term;
    let mut plain = database.plain().await;
    let before = calls(&mut plain).await;
    let mut ids = BTreeSet::new();
    for _ in 0..ROUNDS {
        let round: Vec<_> = (0..16)
            .flat_map(|_| {
                [
                    message("a", "1"),
                    message("b", "2").with_term(term),
                    message("b", "3").with_term(Term::from_number(u64::MAX)),
                    message("nobody", "4").with_term(Term::from_number(u64::MAX)),
                ]
            })
            .map(|message| sending(&store, message))
            .collect();
        for (index, sent) in round.into_iter().enumerate() {
            match (index % 4, sent.await.unwrap()) {
                (0 | 1, sent) => assert!(ids.insert(sent.unwrap())),
                (2, refused) => assert_eq!(refused.unwrap_err().kind(), ErrorKind::Fenced),
                (_, refused) => assert_eq!(refused.unwrap_err().kind(), ErrorKind::NotFound),
            }
        }
    }
    let sent = u64::from(ROUNDS) * 64;
    let called = calls(&mut plain).await - before;
    // Half of them are refused, which takes a call for each.
    assert!(called < sent * 3 / 4, "{called} calls for {sent} messages");
    assert_eq!(contents(&store, "a").await, vec!["1"; 160]);
    assert_eq!(contents(&store, "b").await, vec!["2"; 160]);
}

pub(crate) async fn contents_that_are_sent_at_once_arrive_byte_for_byte(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let store = database.store().await;
    store.register_worker(&name("a")).await.unwrap();
    let odd = [
        r#"{"z":1.50,"a":18446744073709551615,"m":-9223372036854775808,"e":1e-7}"#.to_owned(),
        "\"\\u0000 \\\" \\\\ \\/ \\ud83d\\ude00 😀 é ' ? % \\n\"".to_owned(),
        "[ {},\t[] ,\r\n null ]".to_owned(),
        // Many of these are more than one call sends.
        format!("[{}1]", "\"\",".repeat(15_000)),
        format!("\"{}\"", "x".repeat(900_000)),
    ];
    let sent: Vec<_> = (0..10)
        .flat_map(|_| &odd)
        .map(|content| sending(&store, message("a", content)))
        .collect();
    for sent in sent {
        sent.await.unwrap().unwrap();
    }
    let mut arrived = contents(&store, "a").await;
    arrived.sort_unstable();
    let mut expected: Vec<_> = (0..10).flat_map(|_| odd.clone()).collect();
    expected.sort_unstable();
    assert!(arrived == expected, "what was sent is not what arrived");
}

pub(crate) async fn a_lock_on_one_worker_holds_up_nobody_who_sends_to_another(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let store = database.store().await;
    for worker in ["a", "b"] {
        store.register_worker(&name(worker)).await.unwrap();
    }
    let mut holder = database.plain().await;
    holder.execute("START TRANSACTION").await.unwrap();
    holder
        .fetch_all("SELECT id FROM qtopology_worker WHERE name = 'a' FOR UPDATE")
        .await
        .unwrap();
    let held_up: Vec<_> = (0..12).map(|_| sending(&store, message("a", "1"))).collect();
    let others: Vec<_> = (0..20).map(|_| sending(&store, message("b", "2"))).collect();
    for sent in others {
        sent.await.unwrap().unwrap();
    }
    assert!(held_up.iter().all(|held_up| !held_up.is_finished()));
    holder.execute("ROLLBACK").await.unwrap();
    for sent in held_up {
        sent.await.unwrap().unwrap();
    }
    assert_eq!(contents(&store, "a").await.len(), 12);
}

pub(crate) async fn a_lost_reply_leaves_all_who_shared_the_call_unknown_and_the_next_ones_work(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let proxy = Proxy::before(&database.url).await;
    database.store().await;
    // One connection, so that the statements which the first round prepares are there in the second one.
    let url = format!("{}?connections=1", proxy.url(&database.url));
    let options = OpenOptions::new(&url).unwrap();
    let store = MysqlDriver.open(&options).await.unwrap();
    store.register_worker(&name("a")).await.unwrap();
    let begun = Instant::now();
    let mut all = 0;
    loop {
        // In the second round, each call has one reply: those of the first eight callers, who were alone, and that of the other
        // sixteen, who share a call, unless the machine is so busy that they lose their patience.
        for loses in [false, true] {
            if loses {
                proxy.lose_the_reply(9);
            }
            let round: Vec<_> = (0..24).map(|_| sending(&store, message("a", "1"))).collect();
            let mut unknown = 0;
            for sent in round {
                match sent.await.unwrap() {
                    Ok(_) => all += 1,
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error:?}");
                        assert!(loses, "{error:?}");
                        unknown += 1;
                    }
                }
            }
            if unknown == 16 {
                eventually("it happened, once for each", || async {
                    contents(&store, "a").await.len() == all + unknown
                })
                .await;
                store.send_message(&message("a", "1")).await.unwrap();
                return;
            }
            // What is unknown may be there or not, and is looked for.
            proxy.lose_the_reply(0);
            tokio::time::sleep(Duration::from_millis(50)).await;
            all = contents(&store, "a").await.len();
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "nobody shares a call");
    }
}

pub(crate) async fn a_caller_that_is_dropped_disturbs_nobody_who_sends_at_once(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let store = database.store().await;
    store.register_worker(&name("a")).await.unwrap();
    for round in 0..20_u32 {
        let callers: Vec<_> = (0..32).map(|_| sending(&store, message("a", "1"))).collect();
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        for (index, caller) in callers.into_iter().enumerate() {
            if index % 2 == 0 {
                caller.abort();
            } else {
                caller.await.unwrap().unwrap();
            }
        }
    }
    let arrived = contents(&store, "a").await.len();
    assert!((320..=640).contains(&arrived), "{arrived}");
}
