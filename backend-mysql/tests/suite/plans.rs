//! What an operation reads, as the server counts it.

use convoke_core::{
    Claim, Command, Limit, LockName, LockOwner, NewMessage, NewTopology, Page, Payload, Report, Retention, SettingKey,
    SettingRange, SettingsExt, Timeouts, TopologiesExt, TopologyId, Ttl, WorkerName,
};
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

/// Ten thousand topologies: half of them run on others, a tenth wait, a tenth is in error; locks, settings.
async fn crowd_with_topologies(node: &mut Node) {
    node.run(
        "INSERT INTO qtopology_topology (uuid, config, status, worker, weight, worker_affinity, last_ping, error, enabled) \
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
         SELECT CONCAT(t.i, '-', n.i), '{}', ELT(t.i, 'running', 'running', 'running', 'running', 'running', 'waiting', 'error', \
             'unassigned', 'unassigned', 'unassigned'), IF(t.i < 8, CONCAT('a', n.i), NULL), 1, 'a,b', NOW(6), NULL, 1 \
           FROM n JOIN n AS t ON t.i <= 10; \
         INSERT INTO qtopology_topology_history (ts, uuid, status, worker, weight, enabled) \
           SELECT NOW(6), uuid, status, worker, weight, enabled FROM qtopology_topology; \
         INSERT INTO convoke_lock (name, owner, token, expires_us) \
           SELECT uuid, 'o', id, IF(id % 2, 1, 9000000000000000) FROM qtopology_topology; \
         INSERT INTO convoke_setting (name, value, revision, written_us) SELECT uuid, '1', 1, 1 FROM qtopology_topology",
    )
    .await;
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
    crowd_with_topologies(&mut node).await;
    node.run(
        "ANALYZE TABLE qtopology_worker, qtopology_message, qtopology_worker_history, qtopology_topology, \
         qtopology_topology_history, convoke_lock, convoke_setting",
    )
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
    let topology = TopologyId::new("mine").unwrap();
    let new = NewTopology::new(topology.clone(), Payload::empty());
    let (lock, owner) = (LockName::new("5-5").unwrap(), LockOwner::new("me").unwrap());
    let key = SettingKey::new("5-5").unwrap();
    let behind = page
        .clone()
        .behind(convoke_core::Cursor::behind_topology(&TopologyId::new("5-5").unwrap()));
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
        reads_few!(
            store.register_topology(&new),
            store.enable_topology(&topology),
            store.assign_topology(lease.term, &topology, &me.worker),
            store.report_topology(&me, &topology, &Report::Running),
            store.set_topology_pid(&me, &topology, Some(1)),
            store.list_topologies(&behind),
            store.list_assigned_topologies(&me.worker, &page),
            store.topology_history(&topology, &page),
            store.stop_topology(&topology),
            store.report_topology(&me, &topology, &Report::Released),
            store.refresh_statuses(&Timeouts::default()),
            store.trim_topology_history(&Retention::default(), &behind),
            store.delete_topology(&topology),
            store.acquire_lock(&lock, &owner, Ttl::from_secs(1)),
            store.list_locks(&page),
            store.put_setting(&key, &Payload::empty()),
            store.list_settings(&SettingRange::prefix("5-"), &page),
            store.take_messages(&me, Limit::MAX),
        );
        let before = rows_read(&mut plain).await;
        node.run("CALL qtopology_sp_messages_for_worker('nobody');").await;
        node.run("CALL qtopology_sp_worker_ping('m');").await;
        node.run("select * from qtopology_topology_history where uuid = '5-5' order by ts desc limit 100;")
            .await;
        let read = rows_read(&mut plain).await - before - asking;
        assert!(!counted || read < FEW, "what the old client asks for: {read} rows");
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
