//! What an operation reads, as the server counts it.

use convoke_core::{Claim, Command, Limit, NewMessage, Page, Payload, Timeouts, Ttl, WorkerName};
use convoke_test_servers::{Kind, private};
use sqlx::mysql::MySqlConnection;
use sqlx::{Executor, Row};

use crate::databases::Database;
use crate::node::Node;

/// How many rows and keys an operation may touch. Full scans of what is there would be thousands.
const FEW: i64 = 60;

/// Rows read by all sessions of the server since it started.
async fn rows_read(connection: &mut MySqlConnection) -> i64 {
    let rows = connection
        .fetch_all("SHOW GLOBAL STATUS LIKE 'Handler\\_read\\_%'")
        .await
        .unwrap();
    let read = |row: &sqlx::mysql::MySqlRow| row.try_get::<String, _>(1).unwrap().parse::<i64>().unwrap();
    rows.iter().map(read).sum()
}

pub(crate) async fn what_an_operation_reads_does_not_grow_with_what_it_does_not_touch(kind: Kind) {
    let server = tokio::task::spawn_blocking(move || private(kind))
        .await
        .unwrap()
        .unwrap();
    let database = Database::create(server.url(), "plans").await;
    let store = database.store().await;
    let me = store.register_worker(&WorkerName::new("m").unwrap()).await.unwrap();
    let mut plain = database.plain().await;
    let mut node = Node(database.plain().await);
    // Two thousand other workers, half of them with names before ours, and five messages for each; a long history.
    node.run(
        "INSERT INTO qtopology_worker (name, status, last_ping, lstatus) \
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
         SELECT CONCAT(p.prefix, n.i), 'alive', NOW(6), '' FROM n JOIN (SELECT 'a' AS prefix UNION ALL SELECT 'z') AS p",
    )
    .await;
    for _ in 0..5 {
        node.run(
            "INSERT INTO qtopology_message (worker, cmd, content, created, valid_until) \
             SELECT name, 'c', '{}', NOW(6), NOW(6) + INTERVAL 1 HOUR FROM qtopology_worker WHERE name <> 'm'; \
             INSERT INTO qtopology_worker_history (ts, name, status, lstatus) \
             SELECT NOW(6), name, 'alive', '' FROM qtopology_worker",
        )
        .await;
    }
    node.run("ANALYZE TABLE qtopology_worker, qtopology_message, qtopology_worker_history")
        .await;

    let message = NewMessage::new(me.worker.clone(), Command::new("c").unwrap(), Payload::empty());
    let page = Page::first(5).unwrap();
    let claim = Claim::new(Limit::ONE, Ttl::from_secs(60));
    let lease = store
        .campaign(&me, Ttl::from_secs(600))
        .await
        .unwrap()
        .elected()
        .unwrap();
    // Once before, so that statements are prepared and their metadata is read.
    for counted in [false, true] {
        let before = rows_read(&mut plain).await;
        let asking = rows_read(&mut plain).await - before;
        macro_rules! reads_few {
            ($($operation:expr),+ $(,)?) => {
                $(
                    let before = rows_read(&mut plain).await;
                    let _ = $operation.await.unwrap();
                    let read = rows_read(&mut plain).await - before - asking;
                    assert!(!counted || read < FEW, "{}: {read} rows", stringify!($operation));
                )+
            };
        }
        reads_few!(
            store.ping_worker(&me),
            store.receive_messages(&me, &claim),
            store.take_messages(&me, Limit::MAX),
            store.send_message(&message),
            store.receive_messages(&me, &Claim::new(Limit::ONE, Ttl::from_secs(60))),
            store.peek_messages(&me.worker, &page),
            store.get_worker(&me.worker),
            store.list_workers(&page),
            store.worker_history(&me.worker, &page),
            store.refresh_statuses(&Timeouts::default()),
            store.renew_lease(&lease, Ttl::from_secs(600)),
            store.leader(),
            store.announce_candidacy(&me, Ttl::from_secs(1)),
        );
        let before = rows_read(&mut plain).await;
        node.run("CALL qtopology_sp_messages_for_worker('nobody');").await;
        node.run("CALL qtopology_sp_worker_ping('m');").await;
        let read = rows_read(&mut plain).await - before - asking;
        assert!(!counted || read < FEW, "the procedures of the old client: {read} rows");
    }
    // An election among two thousand who do not stand.
    store.resign(&lease).await.unwrap();
    let before = rows_read(&mut plain).await;
    let asking = rows_read(&mut plain).await - before;
    let before = rows_read(&mut plain).await;
    assert!(
        store
            .campaign(&me, Ttl::from_secs(1))
            .await
            .unwrap()
            .elected()
            .is_some()
    );
    let read = rows_read(&mut plain).await - before - asking;
    assert!(read < FEW, "an election: {read} rows");
}
