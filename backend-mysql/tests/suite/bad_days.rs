//! Servers that are down, hang, or refuse; connections that are cut; locks that others hold.

use std::time::{Duration, Instant};

use convoke_backend_mysql::MysqlDriver;
use convoke_core::{
    Candidacy, Command, Driver, ErrorKind, Limit, NewMessage, OpenOptions, Page, Payload, Registration, Renewal, Store,
    Ttl, WorkerName,
};
use convoke_test_servers::{Kind, Server, private};
use sqlx::{AssertSqlSafe, Executor, Row};

use crate::databases::{Database, Databases};
use crate::eventually;
use crate::node::Node;
use crate::proxy::Proxy;

fn name(name: &str) -> WorkerName {
    WorkerName::new(name).unwrap()
}

fn message(worker: &str) -> NewMessage {
    NewMessage::new(name(worker), Command::new("c").unwrap(), Payload::empty())
}

async fn own_server(kind: Kind) -> Server {
    tokio::task::spawn_blocking(move || private(kind))
        .await
        .unwrap()
        .unwrap()
}

/// A store whose calls end after two seconds.
async fn hasty(url: &str) -> std::sync::Arc<dyn Store> {
    let options = OpenOptions::new(url).unwrap().with_timeout(Duration::from_secs(2));
    MysqlDriver.open(&options).await.unwrap()
}

async fn refused(url: &str) -> convoke_core::Error {
    MysqlDriver.open(&OpenOptions::new(url).unwrap()).await.unwrap_err()
}

pub(crate) async fn a_server_that_is_down_is_unavailable_and_works_again_when_it_is_back(kind: Kind) {
    let mut server = own_server(kind).await;
    let database = Database::create(server.url(), "down").await;
    let store = database.store().await;
    let me = store.register_worker(&name("a")).await.unwrap();
    let server = tokio::task::spawn_blocking(move || {
        server.stop().unwrap();
        server
    });
    let mut server = server.await.unwrap();

    // The first call may find out by losing its reply; from then on it is known.
    let first = store.ping_worker(&me).await.unwrap_err();
    assert!(first.is_outcome_unknown() || first.is_retryable(), "{first:?}");
    let error = store.ping_worker(&me).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert_eq!(
        store.get_worker(&me.worker).await.unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    let error = refused(&database.url).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("check that it runs"), "{error}");

    let server = tokio::task::spawn_blocking(move || {
        server.start().unwrap();
        server
    });
    let _server = server.await.unwrap();
    store.ping_worker(&me).await.unwrap();
    assert_eq!(store.get_worker(&me.worker).await.unwrap().incarnation, me.incarnation);
}

pub(crate) async fn a_server_that_hangs_ends_the_call_in_time(kind: Kind) {
    let server = own_server(kind).await;
    let database = Database::create(server.url(), "hangs").await;
    database.store().await;
    let store = hasty(&database.url).await;
    let me = store.register_worker(&name("a")).await.unwrap();
    server.pause();
    let begun = Instant::now();
    let error = store.ping_worker(&me).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error:?}");
    server.resume();
    eventually("the next call works", || async { store.ping_worker(&me).await.is_ok() }).await;
}

pub(crate) async fn a_reply_that_is_lost_leaves_a_write_unknown_and_a_read_repeated(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let proxy = Proxy::before(&database.url).await;
    database.store().await;
    let store = hasty(&proxy.url(&database.url)).await;
    let me = store.register_worker(&name("a")).await.unwrap();
    // The statement is prepared before, so that the reply which is lost is that of the call itself.
    store.send_message(&message("a")).await.unwrap();

    proxy.lose_the_next_reply();
    let error = store.send_message(&message("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error:?}");
    eventually("it happened, once", || async {
        store
            .peek_messages(&me.worker, &Default::default())
            .await
            .unwrap()
            .items
            .len()
            == 2
    })
    .await;

    proxy.lose_the_next_reply();
    assert_eq!(store.get_worker(&me.worker).await.unwrap().incarnation, me.incarnation);
}

pub(crate) async fn a_wrong_password_an_unknown_database_and_missing_rights_say_what_to_do(kind: Kind) {
    let database = Databases::of(kind).bare().await;
    let url = convoke_core::StoreUrl::parse(&database.url)
        .unwrap()
        .with_secrets()
        .clone();

    let mut wrong = url.clone();
    wrong.set_password(Some("s3cret")).unwrap();
    let error = refused(wrong.as_str()).await;
    if kind == Kind::MySql && !cfg!(feature = "tls-rustls") {
        // MySQL takes passwords by TLS only, which this build lacks.
        assert!(error.to_string().contains("tls-rustls"), "{error}");
    } else {
        assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
        assert!(error.to_string().contains("password"), "{error}");
    }
    assert!(!format!("{error} {error:?}").contains("s3cret"));

    let mut unknown = url.clone();
    unknown.set_path("/convoke_test_there_is_none");
    let error = refused(unknown.as_str()).await;
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    assert!(error.to_string().contains("CREATE DATABASE"), "{error}");

    let user = format!("convoke_{}", std::process::id());
    let schema = url.path().trim_start_matches('/');
    let mut admin = Node(database.plain().await);
    // On both hosts: MariaDB has an anonymous user of localhost, which goes before one of any host.
    for host in ["%", "localhost"] {
        admin
            .run(&format!(
                "DROP USER IF EXISTS '{user}'@'{host}'; CREATE USER '{user}'@'{host}'; GRANT SELECT, INSERT, UPDATE, DELETE, \
                 EXECUTE, CREATE, ALTER, INDEX, DROP ON {schema}.* TO '{user}'@'{host}'"
            ))
            .await;
    }
    let mut limited = url.clone();
    limited.set_username(&user).unwrap();
    let error = refused(limited.as_str()).await;
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    assert!(error.to_string().contains("CREATE ROUTINE"), "{error}");

    // Once somebody else has set it up, those rights are enough to work.
    database.store().await;
    let store = MysqlDriver
        .open(&OpenOptions::new(limited.as_str()).unwrap())
        .await
        .unwrap();
    let me = store.register_worker(&name("a")).await.unwrap();
    store.send_message(&message("a")).await.unwrap();
    assert!(matches!(
        store.campaign(&me, Ttl::from_secs(1)).await.unwrap(),
        Candidacy::Elected(_)
    ));
    admin
        .run(&format!("DROP USER '{user}'@'%', '{user}'@'localhost'"))
        .await;
}

async fn registered(store: &dyn Store) -> Registration {
    store.register_worker(&name("a")).await.unwrap()
}

pub(crate) async fn a_lock_that_somebody_holds_for_long_is_unavailable_and_nothing_happened(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    database.store().await;
    let store = hasty(&database.url).await;
    let me = registered(&*store).await;
    let mut holder = database.plain().await;
    holder.execute("START TRANSACTION").await.unwrap();
    holder
        .fetch_all("SELECT id FROM convoke_seat WHERE id = 1 FOR UPDATE")
        .await
        .unwrap();
    let begun = Instant::now();
    let error = store.campaign(&me, Ttl::from_secs(10)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(4));
    holder.execute("ROLLBACK").await.unwrap();
    assert_eq!(store.leader().await.unwrap(), None);
    assert!(
        store
            .campaign(&me, Ttl::from_secs(10))
            .await
            .unwrap()
            .elected()
            .is_some()
    );
}

pub(crate) async fn a_renewal_that_waited_for_a_lock_beyond_its_lease_is_lost(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let store = database.store().await;
    let me = registered(&*store).await;
    let lease = store.campaign(&me, Ttl::from_secs(3)).await.unwrap().elected().unwrap();
    let mut holder = database.plain().await;
    holder.execute("START TRANSACTION").await.unwrap();
    holder
        .fetch_all("SELECT id FROM convoke_seat WHERE id = 1 FOR UPDATE")
        .await
        .unwrap();
    let renewing = tokio::spawn({
        let store = store.clone();
        async move { store.renew_lease(&lease, Ttl::from_secs(60)).await }
    });
    eventually("the lease is over", || async {
        store.leader().await.unwrap().is_none()
    })
    .await;
    holder.execute("ROLLBACK").await.unwrap();
    let renewal = renewing.await.unwrap().unwrap();
    assert!(matches!(renewal, Renewal::Lost(None)), "{renewal:?}");
    assert_eq!(store.leader().await.unwrap(), None);
}

pub(crate) async fn a_call_that_is_killed_keeps_no_lock(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let store = database.store().await;
    let me = registered(&*store).await;
    let mut holder = database.plain().await;
    holder.execute("START TRANSACTION").await.unwrap();
    holder
        .fetch_all("SELECT id FROM qtopology_worker WHERE name = 'a' FOR UPDATE")
        .await
        .unwrap();
    // It takes the seat, then waits for the worker.
    let calling = tokio::spawn({
        let (store, me) = (store.clone(), me.clone());
        async move { store.campaign(&me, Ttl::from_secs(10)).await }
    });
    let waiting = waiting_call(&database).await;
    let kill = format!("KILL QUERY {waiting}");
    database.plain().await.execute(AssertSqlSafe(kill)).await.unwrap();
    let error = calling.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error:?}");
    holder.execute("ROLLBACK").await.unwrap();
    // The server notices soon that the connection is gone.
    eventually("the seat is free", || async {
        store
            .campaign(&me, Ttl::from_secs(10))
            .await
            .is_ok_and(|candidacy| candidacy.elected().is_some())
    })
    .await;
}

pub(crate) async fn a_dropped_call_keeps_no_lock(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let store = database.store().await;
    let me = registered(&*store).await;
    let mut holder = database.plain().await;
    holder.execute("START TRANSACTION").await.unwrap();
    holder
        .fetch_all("SELECT id FROM qtopology_worker WHERE name = 'a' FOR UPDATE")
        .await
        .unwrap();
    let calling = tokio::spawn({
        let (store, me) = (store.clone(), me.clone());
        async move { store.campaign(&me, Ttl::from_secs(10)).await }
    });
    waiting_call(&database).await;
    calling.abort();
    holder.execute("ROLLBACK").await.unwrap();
    eventually("the seat is free", || async {
        store
            .campaign(&me, Ttl::from_secs(10))
            .await
            .is_ok_and(|candidacy| candidacy.elected().is_some())
    })
    .await;
}

pub(crate) async fn a_server_that_keeps_few_prepared_statements_is_asked_anew_each_time(kind: Kind) {
    let server = own_server(kind).await;
    let database = Database::create(server.url(), "statements").await;
    let store = hasty(&database.url).await;
    let mut plain = database.plain().await;
    let me = store.register_worker(&name("a")).await.unwrap();
    plain.execute("SET GLOBAL max_prepared_stmt_count = 2").await.unwrap();
    for _ in 0..3 {
        store.ping_worker(&me).await.unwrap();
        store.get_worker(&me.worker).await.unwrap();
        store.send_message(&message("a")).await.unwrap();
        assert_eq!(store.take_messages(&me, Limit::ONE).await.unwrap().len(), 1);
        store.leader().await.unwrap();
    }
    plain.execute("SET GLOBAL max_prepared_stmt_count = 0").await.unwrap();
    let error = store.list_workers(&Page::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.message().contains("max_prepared_stmt_count"), "{error:?}");
}

/// The id of the session of a call to `convoke_campaign` that waits.
async fn waiting_call(database: &Database) -> i64 {
    let begun = Instant::now();
    let sql = "SELECT CAST(ID AS SIGNED) FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID() \
               AND COMMAND IN ('Execute', 'Query') AND INFO IS NOT NULL";
    let mut plain = database.plain().await;
    loop {
        if let Some(row) = plain.fetch_optional(sql).await.unwrap() {
            return row.try_get(0).unwrap();
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "no call waits");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
