//! Databases that qtopology-mysql made, at each of its versions, by its own scripts.

use std::time::Duration;

use convoke_backend_mysql::MysqlDriver;
use convoke_core::{
    Claim, Driver, ErrorKind, Limit, OpenOptions, Role, Store, Topology, TopologyId, TopologyStatus, Ttl, WorkerName,
    WorkerStatus,
};
use convoke_test_servers::Kind;
use sqlx::{AssertSqlSafe, Executor, Row};

use crate::adoption::described;
use crate::databases::{Database, Databases};
use crate::node::Node;

macro_rules! scripts {
    ($($name:literal),*) => {
        &[$(include_str!(concat!("qtopology_mysql/", $name, ".sql"))),*]
    };
}

/// What makes its table of settings, then what upgrades to version 1, 2 and so on.
const SCRIPTS: &[&str] = scripts![
    "init", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16",
    "v17"
];

/// As its own upgrader makes a database of this version. Every other one has a character set that knows emoji.
async fn made(kind: Kind, version: usize) -> (Database, Node) {
    let database = Databases::of(kind).bare().await;
    let mut node = Node(database.plain().await);
    if version % 2 == 1 {
        let database = database.url.rsplit('/').next().unwrap();
        node.run(&format!("ALTER DATABASE {database} CHARACTER SET utf8mb4"))
            .await;
        // A new connection knows the new character set.
    }
    node.run(SCRIPTS[0]).await;
    for (number, script) in SCRIPTS.iter().enumerate().skip(1).take(version) {
        node.run(script).await;
        node.run(&format!(
            "update qtopology_settings set value = '{number}' where name = 'db_version';"
        ))
        .await;
    }
    (database, node)
}

/// A text that a database of this version can hold.
const fn odd_text(version: usize) -> &'static str {
    if version % 2 == 1 { "é 😀" } else { "é" }
}

async fn fill(node: &mut Node, version: usize) {
    let lead = |at: &str| if version < 14 { format!(", {at}") } else { String::new() };
    let lstatus_ts = if version < 14 { ", lstatus_ts" } else { "" };
    let (hour, minute) = ("NOW() - interval 1 hour", "NOW() - interval 1 minute");
    // Who leads was heard of in the future, so that its lead lasts however slow the machine adopts.
    node.run(&format!(
        "insert into qtopology_worker(name, status, last_ping, lstatus{lstatus_ts}) values \
           ('twice', 'dead', {minute}, 'leader'{t1}), ('twice', 'alive', NOW(), ''{t2}), \
           ('boss', 'alive', NOW() + interval 1 minute, 'leader'{t2}), ('gone', 'dead', {hour}, ''{t2}), ('Twice', 'unloaded', {hour}, ''{t2})",
        t1 = lead(minute),
        t2 = lead("NOW()"),
    ))
    .await;
    let odd = odd_text(version);
    let nobody_said = if version < 4 { "null" } else { "0" };
    let long = "x".repeat(1_000);
    node.run(&format!(
        "insert into qtopology_topology(uuid, config, status, worker, weight, worker_affinity, last_ping, error, enabled) values \
           ('double', '{{\"old\":1}}', 'unassigned', null, 1, '', {minute}, null, 0), \
           ('double', '{{\"new\":\"{odd}\"}}', 'running', 'twice', 1.1, 'a,b', NOW(), '', 1), \
           ('failed', '{{}}', 'error', 'twice', 0.3, null, {hour}, '{long}', 1), \
           ('left', '{{}}', 'unassigned', 'twice', 2, 'b', NOW(), '', {nobody_said}), \
           ('nowhere', '{{}}', 'running', null, 1, '', NOW(), null, 1), \
           ('orphan', '{{}}', 'running', 'gone', 123456.7, '', NOW(), null, 1), \
           ('waits', '{{}}', 'waiting', 'boss', 1e-5, '', {hour}, null, 1)",
    ))
    .await;
    if version >= 15 {
        node.run(
            "update qtopology_topology set pid = 4711 where uuid in ('double', 'left') and config <> '{\"old\":1}'",
        )
        .await;
    }
    match version {
        ..5 => {
            let create =
                "insert into qtopology_message(worker, cmd, content) values ('twice', 'start', '{ \"uuid\": double}')";
            node.run(create).await;
        }
        5..11 => {
            let create = format!(
                "insert into qtopology_message(worker, cmd, content) values ('twice', 'start', '{{\"uuid\":\"{odd}\"}}')"
            );
            node.run(&create).await;
        }
        11..14 => {
            let create =
                "insert into qtopology_message(worker, cmd, content, created) values ('twice', 'start', '{}', NOW())";
            node.run(create).await;
        }
        _ => {
            let create = "insert into qtopology_message(worker, cmd, content, created, valid_until) values \
                          ('twice', 'start', '{}', NOW(), NOW() + interval 1 minute), \
                          ('twice', 'late', '{}', NOW() - interval 1 hour, NOW() - interval 30 minute)";
            node.run(create).await;
        }
    }
    if version >= 8 {
        node.run(
            "insert into qtopology_worker_history(ts, name, status, lstatus) values \
               (NOW() - interval 2 second, 'twice', 'alive', ''), (NOW() - interval 1 second, 'twice', 'dead', 'normal'); \
             insert into qtopology_topology_history(ts, uuid, status, worker, weight, worker_affinity, error, enabled) values \
               (NOW() - interval 2 second, 'double', 'unassigned', 'twice', 1.1, null, '', 0), \
               (NOW() - interval 1 second, 'double', 'error', 'twice', 1.1, 'a,b', 'why', 1)",
        )
        .await;
    }
}

fn name(name: &str) -> WorkerName {
    WorkerName::new(name).unwrap()
}

async fn check_workers(store: &dyn Store, version: usize) {
    let workers = store.list_workers(&Default::default()).await.unwrap().items;
    let found: Vec<_> = workers
        .iter()
        .map(|worker| (worker.name.as_str(), worker.status, worker.role))
        .collect();
    let expected = [
        ("Twice", WorkerStatus::Unloaded, Role::Normal),
        ("boss", WorkerStatus::Alive, Role::Leader),
        ("gone", WorkerStatus::Dead, Role::Normal),
        ("twice", WorkerStatus::Alive, Role::Normal),
    ];
    assert_eq!(found, expected, "version {version}");
    assert_eq!(store.leader().await.unwrap().unwrap().worker, name("boss"));
    let history = store.worker_history(&name("twice"), &Default::default()).await.unwrap();
    let statuses: Vec<_> = history.items.iter().map(|row| row.status).collect();
    let expected: &[_] = if version < 8 {
        &[]
    } else {
        &[WorkerStatus::Dead, WorkerStatus::Alive]
    };
    assert_eq!(statuses, expected, "version {version}");
}

/// How a topology is expected: id, status, worker, enabled, weight, affinity, error.
type Expected<'a> = (
    &'a str,
    TopologyStatus,
    Option<&'a str>,
    bool,
    f64,
    Vec<&'a str>,
    Option<&'a str>,
);

fn shown(topology: &Topology) -> Expected<'_> {
    (
        topology.id.as_str(),
        topology.status,
        topology.worker.as_ref().map(WorkerName::as_str),
        topology.enabled,
        topology.weight.get(),
        topology.affinity.workers().iter().map(WorkerName::as_str).collect(),
        topology.error.as_ref().map(convoke_core::ErrorText::as_str),
    )
}

async fn check_topologies(store: &dyn Store, version: usize) {
    let topologies = store.list_topologies(&Default::default()).await.unwrap().items;
    let found: Vec<_> = topologies.iter().map(shown).collect();
    let long = "x".repeat(1_000);
    use TopologyStatus::{Error, Running, Unassigned, Waiting};
    let expected = [
        ("double", Running, Some("twice"), true, 1.1, vec!["a", "b"], None),
        ("failed", Error, Some("twice"), true, 0.3, vec![], Some(long.as_str())),
        ("left", Unassigned, None, false, 2.0, vec!["b"], None),
        ("nowhere", Unassigned, None, true, 1.0, vec![], None),
        ("orphan", Running, Some("gone"), true, 123_457.0, vec![], None),
        ("waits", Waiting, Some("boss"), true, 1e-5, vec![], None),
    ];
    assert_eq!(found, expected, "version {version}");
    let pids: Vec<_> = topologies.iter().map(|topology| topology.pid).collect();
    let pid = (version >= 15).then_some(4711);
    assert_eq!(pids, [pid, None, None, None, None, None], "version {version}");
    let now = store.now().await.unwrap();
    let waited = now.since(topologies[5].since);
    assert!((3_600..3_700).contains(&waited.as_secs()), "{waited:?}");

    let id = TopologyId::new("double").unwrap();
    let details = store.get_topology(&id).await.unwrap();
    assert_eq!(
        details.config.as_str(),
        format!("{{\"new\":\"{}\"}}", odd_text(version))
    );
    let held = store
        .list_assigned_topologies(&name("twice"), &Default::default())
        .await;
    let held = held.unwrap().items;
    assert_eq!(
        held.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(),
        ["double", "failed"]
    );

    let history = store.topology_history(&id, &Default::default()).await.unwrap().items;
    if version < 8 {
        assert!(history.is_empty());
        return;
    }
    let rows: Vec<_> = history
        .iter()
        .map(|row| (row.status, row.enabled, row.weight.get(), row.affinity.workers().len()))
        .collect();
    assert_eq!(
        rows,
        [(Error, true, 1.1, 2), (Unassigned, false, 1.1, 0)],
        "version {version}"
    );
    assert_eq!(history[0].at.since(history[1].at), Duration::from_secs(1));
    assert_eq!(history[1].error, None);
}

/// Nothing is lost, and all of it goes on: messages are received, what is lost is taken away.
async fn goes_on(store: &dyn Store, version: usize) {
    let me = store.register_worker(&name("twice")).await.unwrap();
    let claim = Claim::new(Limit::MAX, Ttl::from_secs(10));
    let got = store.receive_messages(&me, &claim).await.unwrap();
    assert_eq!(got.len(), 1, "version {version}");
    let content = match version {
        ..5 => "{ \"uuid\": \"double\"}".to_owned(),
        5..11 => format!("{{\"uuid\":\"{}\"}}", odd_text(version)),
        _ => "{}".to_owned(),
    };
    let message = &got[0].message;
    assert_eq!(
        (message.command.as_str(), message.content.as_str()),
        ("start", content.as_str())
    );
    let left = message.expires.since(store.now().await.unwrap()).as_secs();
    let expected = if version < 14 { 60..=120 } else { 30..=60 };
    assert!(expected.contains(&left), "version {version}: {left} s");

    let refreshed = store.refresh_statuses(&Default::default()).await.unwrap();
    let taken: Vec<_> = refreshed.unassigned.iter().map(TopologyId::as_str).collect();
    assert_eq!(taken, ["orphan", "waits"], "version {version}");
}

pub(crate) async fn each_version_is_adopted_with_its_rows(kind: Kind) {
    let fresh = Databases::of(kind).bare().await;
    fresh.store().await;
    let ours = described(&mut fresh.plain().await).await;
    for version in 1..SCRIPTS.len() {
        let (database, mut node) = made(kind, version).await;
        fill(&mut node, version).await;
        let store = database.store().await;
        assert!(store.check().await.unwrap().is_current());
        check_workers(&*store, version).await;
        check_topologies(&*store, version).await;
        assert_eq!(described(&mut node.0).await, ours, "version {version}");
        let sql = "select value from qtopology_settings where name = 'db_version';";
        assert_eq!(node.run(sql).await[0].try_get::<String, _>(0).unwrap(), "17");
        goes_on(&*store, version).await;
        assert!(store.migrate().await.unwrap().is_empty());
    }
}

pub(crate) async fn an_upgrade_of_theirs_that_was_cut_short_is_adopted(kind: Kind) {
    for version in [0, 1, 7, 10, 13, 14, 16] {
        let (database, mut node) = made(kind, version).await;
        // The first statements of the next version, as far as they came before their process was killed.
        let next = SCRIPTS[version + 1].split_inclusive(";\n");
        for statement in next.filter(|statement| !statement.contains("begin")).take(2) {
            let done = node.0.execute(sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))).await;
            assert!(
                done.is_ok() || statement.trim().is_empty() || statement.contains("end"),
                "{done:?}"
            );
        }
        let store = database.store().await;
        assert!(store.check().await.unwrap().is_current(), "version {version}");
        let me = store.register_worker(&name("a")).await.unwrap();
        store.ping_worker(&me).await.unwrap();
        assert!(
            store
                .list_topologies(&Default::default())
                .await
                .unwrap()
                .items
                .is_empty()
        );
    }
}

pub(crate) async fn a_version_that_there_never_was_is_refused_and_left_as_it_is(kind: Kind) {
    for version in ["18", "seventeen"] {
        let (database, mut node) = made(kind, 17).await;
        node.run(&format!(
            "update qtopology_settings set value = '{version}' where name = 'db_version'"
        ))
        .await;
        let error = MysqlDriver
            .open(&OpenOptions::new(&database.url).unwrap())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains(version), "{error}");
        assert!(node.run("show tables like 'convoke%'").await.is_empty());
    }
}
