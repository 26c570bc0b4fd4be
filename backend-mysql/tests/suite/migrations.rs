//! Setting up: at once, cut short, newer, changed, reset.

use std::time::Duration;

use convoke_backend_mysql::MysqlDriver;
use convoke_core::{Confirmed, Driver, ErrorKind, OpenOptions, Result, SchemaPolicy, Store, WorkerName};
use convoke_test_servers::Kind;
use sqlx::Executor;

use crate::databases::{Database, Databases};
use crate::node::Node;

const VERSION_17: &str = include_str!("version_17.sql");

async fn open(database: &Database) -> Result<std::sync::Arc<dyn Store>> {
    MysqlDriver.open(&OpenOptions::new(&database.url)?).await
}

async fn works(store: &dyn Store) {
    assert!(store.check().await.unwrap().is_current());
    let me = store.register_worker(&WorkerName::new("a").unwrap()).await.unwrap();
    store.ping_worker(&me).await.unwrap();
}

pub(crate) async fn many_who_open_an_empty_database_at_once_make_one_schema(kind: Kind) {
    for _ in 0..2 {
        let database = Databases::of(kind).bare().await;
        let opened = (0..8).map(|_| {
            let options = OpenOptions::new(&database.url).unwrap();
            tokio::spawn(async move { MysqlDriver.open(&options).await })
        });
        for store in opened.collect::<Vec<_>>() {
            assert!(store.await.unwrap().unwrap().check().await.unwrap().is_current());
        }
        let rows = database
            .plain()
            .await
            .fetch_all("SELECT number FROM convoke_migration WHERE done = 1")
            .await
            .unwrap();
        let needed = database.store().await.check().await.unwrap().needed;
        assert_eq!(rows.len(), needed as usize);
    }
}

pub(crate) async fn a_set_up_that_was_cut_short_goes_on_where_it_was(kind: Kind) {
    let database = Databases::of(kind).bare().await;
    // Dropping the call closes its connection, as the death of its process does.
    for millis in [5, 20, 50, 100, 150, 200, 300] {
        let cut = tokio::time::timeout(Duration::from_millis(millis), open(&database)).await;
        if let Ok(store) = cut {
            store.unwrap();
        }
    }
    works(&*open(&database).await.unwrap()).await;
}

pub(crate) async fn an_adoption_that_was_cut_short_goes_on_where_it_was(kind: Kind) {
    let database = Databases::of(kind).bare().await;
    let mut node = Node(database.plain().await);
    node.run(VERSION_17).await;
    node.run(
        "insert into qtopology_worker(name, status, last_ping, lstatus) values ('x', 'alive', NOW(), ''), ('x', 'alive', NOW(), '')",
    )
    .await;
    for millis in [20, 50, 100, 150, 200, 250, 300, 400] {
        let cut = tokio::time::timeout(Duration::from_millis(millis), open(&database)).await;
        if let Ok(store) = cut {
            store.unwrap();
        }
    }
    let store = open(&database).await.unwrap();
    works(&*store).await;
    assert_eq!(store.list_workers(&Default::default()).await.unwrap().items.len(), 2);
}

pub(crate) async fn a_newer_schema_is_refused(kind: Kind) {
    let database = Databases::of(kind).bare().await;
    database.store().await;
    let mut plain = database.plain().await;
    plain
        .execute("UPDATE convoke_procedures SET version = version + 1")
        .await
        .unwrap();
    assert_eq!(open(&database).await.unwrap_err().kind(), ErrorKind::Unsupported);
    plain
        .execute("UPDATE convoke_procedures SET version = version - 1")
        .await
        .unwrap();
    let newer = "INSERT INTO convoke_migration (number, name, checksum, done) VALUES (999, '0999_later', '', 1)";
    plain.execute(newer).await.unwrap();
    let error = open(&database).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("0999_later"), "{error}");
}

pub(crate) async fn a_changed_migration_is_corrupt(kind: Kind) {
    let database = Databases::of(kind).bare().await;
    database.store().await;
    let change = "UPDATE convoke_migration SET checksum = 'another' WHERE number = 2";
    database.plain().await.execute(change).await.unwrap();
    assert_eq!(open(&database).await.unwrap_err().kind(), ErrorKind::Corrupt);
}

pub(crate) async fn a_missing_procedure_is_named_and_made_again(kind: Kind) {
    let database = Databases::of(kind).bare().await;
    let store = database.store().await;
    database
        .plain()
        .await
        .execute("DROP PROCEDURE convoke_ping_worker")
        .await
        .unwrap();
    let me = store.register_worker(&WorkerName::new("a").unwrap()).await.unwrap();
    let error = store.ping_worker(&me).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("convoke migrate"), "{error}");
    assert_eq!(store.check().await.unwrap().pending, ["procedures"]);
    let checking = OpenOptions::new(&database.url)
        .unwrap()
        .with_schema(SchemaPolicy::Check);
    assert_eq!(
        MysqlDriver.open(&checking).await.unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    assert_eq!(store.migrate().await.unwrap(), ["procedures"]);
    store.ping_worker(&me).await.unwrap();
    assert!(store.migrate().await.unwrap().is_empty());
}

pub(crate) async fn a_reset_leaves_nothing_and_a_new_set_up_works(kind: Kind) {
    let database = Databases::of(kind).bare().await;
    let store = database.store().await;
    store.reset(Confirmed::YesDeleteEverything).await.unwrap();
    let mut plain = database.plain().await;
    assert!(plain.fetch_all("SHOW TABLES").await.unwrap().is_empty());
    let routines = "SELECT 1 FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()";
    assert!(plain.fetch_all(routines).await.unwrap().is_empty());
    works(&*open(&database).await.unwrap()).await;
}
