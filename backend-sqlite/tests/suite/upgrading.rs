//! Files that an older version of this program made.

use convoke_core::{
    Assignment, ErrorKind, Limit, Page, Payload, Role, SchemaPolicy, Term, TopologiesExt, WorkerStatus,
};
use sha2::{Digest, Sha256};

use crate::place::{Place, name, open, register};
use crate::topologies::{enabled, id, lead};

const FIRST: &str = include_str!("../../migrations/0001_coordination.sql");

/// A file as the first version left it, in the middle of its work.
fn first_version() -> Place {
    let place = Place::new();
    let connection = place.connect();
    connection.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    connection
        .execute_batch(
            "CREATE TABLE convoke_migration (
                 version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied INTEGER NOT NULL
             ) STRICT",
        )
        .unwrap();
    connection.execute_batch(FIRST).unwrap();
    let checksum: String = Sha256::digest(FIRST).iter().map(|byte| format!("{byte:02x}")).collect();
    connection
        .execute(
            "INSERT INTO convoke_migration VALUES (1, '0001_coordination', ?1, 0)",
            [checksum],
        )
        .unwrap();
    connection
        .execute_batch(
            "INSERT INTO convoke_worker VALUES ('a', 'alive', 4, 100, 900), ('b', 'dead', 3, 50, NULL);
             INSERT INTO convoke_worker_history VALUES
                 ('a', 1, 10, 'alive', 'normal', 1), ('a', 2, 20, 'alive', 'normal', 4), ('b', 1, 30, 'alive', 'normal', 3);
             INSERT INTO convoke_message VALUES
                 ('a', 5, 0, 9000000000000000, 0, NULL, 40, 'hello', '{}'),
                 ('a', 6, 0, 9000000000000000, 0, NULL, 41, 'world', '[1]');
             UPDATE convoke_counter SET value = 4 WHERE name = 'incarnation';
             UPDATE convoke_counter SET value = 6 WHERE name = 'message';
             UPDATE convoke_seat SET term = 7, promised_until = 60;",
        )
        .unwrap();
    place
}

#[tokio::test]
async fn a_file_of_the_first_version_is_upgraded_without_loss() {
    let place = first_version();
    let store = place.open().await;
    assert!(store.check().await.unwrap().is_current());
    let workers = store.list_workers(&Page::default()).await.unwrap().items;
    let seen: Vec<_> = workers
        .iter()
        .map(|worker| (worker.name.as_str(), worker.status, worker.incarnation.number()))
        .collect();
    assert_eq!(seen, [("a", WorkerStatus::Alive, 4), ("b", WorkerStatus::Dead, 3)]);
    let me = register(&store, "a").await;
    assert_eq!(me.incarnation.number(), 5);
    let history = store.worker_history(&name("a"), &Page::default()).await.unwrap().items;
    let incarnations: Vec<_> = history.iter().map(|change| change.incarnation.number()).collect();
    assert_eq!(incarnations, [5, 4, 1]);
    let term = lead(&*store, &me).await;
    assert_eq!(term, Term::from_number(8));
    assert_eq!(store.get_worker(&name("a")).await.unwrap().role, Role::Leader);
    enabled(&*store, "t", Payload::empty()).await;
    let assigned = store.assign_topology(term, &id("t"), &name("a")).await.unwrap();
    assert_eq!(assigned, Assignment::Assigned);
    let messages = store.take_messages(&me, Limit::MAX).await.unwrap();
    let messages: Vec<_> = messages
        .iter()
        .map(|message| (message.id.number(), message.command.as_str(), message.content.as_str()))
        .collect();
    assert_eq!(
        messages,
        [
            (5, "hello", "{}"),
            (6, "world", "[1]"),
            (7, "start_topology", r#"{"uuid":"t"}"#)
        ]
    );
}

#[tokio::test]
async fn a_file_of_the_first_version_is_left_as_it_is_by_whoever_only_checks() {
    let place = first_version();
    let error = open(&place.options().with_schema(SchemaPolicy::Check))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("convoke migrate"), "{error}");
    let count = "SELECT count(*) FROM convoke_migration";
    let applied: i64 = place.connect().query_row(count, [], |row| row.get(0)).unwrap();
    assert_eq!(applied, 1);
}
