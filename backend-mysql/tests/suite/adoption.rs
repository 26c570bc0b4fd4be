//! A database that qtopology-mysql 2.2.1 made, with its rows.

use convoke_core::{Claim, Limit, Role, Ttl, WorkerName, WorkerStatus};
use convoke_test_servers::Kind;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row};

use crate::databases::Databases;

/// The tables of version 17, as `db/export` of the package has them.
const VERSION_17: &str = include_str!("version_17.sql");

async fn run(connection: &mut MySqlConnection, sql: &str) {
    connection
        .execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned())))
        .await
        .unwrap();
}

fn name(name: &str) -> WorkerName {
    WorkerName::new(name).unwrap()
}

pub(crate) async fn a_database_of_version_17_is_adopted_with_its_rows(kind: Kind) {
    let database = Databases::of(kind).bare().await;
    let mut plain = database.plain().await;
    run(&mut plain, VERSION_17).await;
    // The lead lasts ten seconds from the ping, and adopting may take longer on a busy machine.
    run(
        &mut plain,
        "insert into qtopology_worker(name, status, last_ping, lstatus) values \
           ('twice', 'dead', NOW() - interval 60 second, 'leader'), ('twice', 'alive', NOW(), ''), \
           ('boss', 'alive', NOW() + interval 30 second, 'leader'), ('ghost', 'alive', NOW() - interval 1 hour, 'candidate'); \
         insert into qtopology_topology(uuid, config, status, worker, weight, worker_affinity, last_ping, error, enabled, pid) \
           values ('u', '{\"old\":1}', 'unassigned', null, 1, '', NOW() - interval 60 second, null, 0, null), \
           ('u', '{\"new\":1}', 'running', 'twice', 1, 'a,b', NOW(), null, 1, 7), ('v', '{}', 'error', null, 2, '', NOW(), 'why', 1, null); \
         insert into qtopology_message(worker, cmd, content, created, valid_until) values \
           ('twice', 'start_topology', '{\"uuid\":\"ü\"}', NOW(), NOW() + interval 120 second), \
           ('twice', 'stop_topology', '{}', NOW() - interval 120 second, NOW() - interval 60 second); \
         insert into qtopology_worker_history(ts, name, status, lstatus) values \
           (NOW() - interval 2 second, 'twice', 'alive', ''), (NOW() - interval 1 second, 'twice', 'dead', 'normal'); \
         insert into qtopology_topology_history(ts, uuid, status, worker, weight, worker_affinity, error, enabled, pid) values \
           (NOW(), 'u', 'running', 'twice', 1, 'a,b', null, 1, 7)",
    )
    .await;

    let store = database.store().await;
    assert!(store.check().await.unwrap().is_current());
    let workers = store.list_workers(&Default::default()).await.unwrap().items;
    let found: Vec<_> = workers
        .iter()
        .map(|worker| (worker.name.as_str(), worker.status, worker.role))
        .collect();
    assert_eq!(
        found,
        [
            ("boss", WorkerStatus::Alive, Role::Leader),
            ("ghost", WorkerStatus::Alive, Role::Normal),
            ("twice", WorkerStatus::Alive, Role::Normal),
        ]
    );
    let now = store.now().await.unwrap();
    assert!(now.since(workers[2].last_ping).as_secs() < 30);
    assert!((3_600..3_700).contains(&now.since(workers[1].last_ping).as_secs()));
    assert_eq!(store.leader().await.unwrap().unwrap().worker, name("boss"));

    let history = store
        .worker_history(&name("twice"), &Default::default())
        .await
        .unwrap()
        .items;
    assert_eq!(
        history.iter().map(|row| row.status).collect::<Vec<_>>(),
        [WorkerStatus::Dead, WorkerStatus::Alive]
    );
    assert_eq!(history[0].at.since(history[1].at).as_secs(), 1);

    let me = store.register_worker(&name("twice")).await.unwrap();
    let got = store
        .receive_messages(&me, &Claim::new(Limit::MAX, Ttl::from_secs(10)))
        .await
        .unwrap();
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].message.content.as_str(), "{\"uuid\":\"ü\"}");

    let rows = plain
        .fetch_all("select uuid, config, worker, pid from qtopology_topology order by uuid")
        .await
        .unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].try_get::<String, _>("config").unwrap(), "{\"new\":1}");
    let kept = plain
        .fetch_all("select * from qtopology_topology_history")
        .await
        .unwrap();
    assert_eq!(kept.len(), 1);
}

pub(crate) async fn an_adopted_schema_is_the_one_that_we_make(kind: Kind) {
    let made = Databases::of(kind).bare().await;
    made.store().await;
    let adopted = Databases::of(kind).bare().await;
    run(&mut adopted.plain().await, VERSION_17).await;
    adopted.store().await;
    assert_eq!(
        described(&mut made.plain().await).await,
        described(&mut adopted.plain().await).await
    );
}

/// Columns and keys of all tables; the order of columns is free.
pub(crate) async fn described(connection: &mut MySqlConnection) -> Vec<String> {
    let sql = "SELECT CAST(CONCAT_WS(' ', TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COALESCE(COLUMN_DEFAULT, '-'), \
                 COALESCE(COLLATION_NAME, '-'), EXTRA) AS CHAR) AS line \
               FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() \
               UNION ALL SELECT CAST(CONCAT_WS(' ', TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME, NON_UNIQUE) AS CHAR) \
               FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() ORDER BY line";
    let rows = connection.fetch_all(sql).await.unwrap();
    rows.iter().map(|row| row.try_get(0).unwrap()).collect()
}
