//! What the published client of qtopology-mysql 2.2.1 does with topologies, statement by statement as it sends them, beside our
//! own.

use std::time::Duration;

use convoke_core::topologies::{KILL_TOPOLOGY, START_TOPOLOGY, STOP_TOPOLOGY};
use convoke_core::{
    Affinity, Claim, ErrorText, Lease, Limit, NewTopology, Payload, Report, Reported, Store, Timeouts, TopologiesExt,
    Topology, TopologyId, TopologyRegistered, TopologyStatus, Ttl, Weight, WorkerName, WorkerStatus,
};
use convoke_test_servers::Kind;
use sqlx::Row;

use crate::databases::Databases;
use crate::node::{Node, client_millis};

impl Node {
    async fn register_topology(&mut self, uuid: &str, config: &str, weight: &str, affinity: &str) {
        let sql = format!("CALL qtopology_sp_register_topology('{uuid}', '{config}', {weight}, '{affinity}');");
        self.run(&sql).await;
    }

    /// A setter: the columns, then a row of history.
    async fn set(&mut self, uuid: &str, columns: &str, more: &str) {
        let sql = format!(
            "update qtopology_topology set {columns} where uuid = '{uuid}'{more};\
             call qtopology_sp_add_topology_history('{uuid}');"
        );
        self.run(&sql).await;
    }

    async fn assign(&mut self, uuid: &str, worker: &str) {
        let columns = format!(
            "last_ping = FROM_UNIXTIME({} / 1000), status = 'waiting', worker = '{worker}'",
            client_millis()
        );
        self.set(uuid, &columns, "").await;
    }

    /// Its setTopologyStatus: by the worker, or by whoever leads.
    async fn set_topology_status(&mut self, uuid: &str, worker: Option<&str>, status: &str, error: &str) {
        let columns = format!(
            "status = '{status}', last_ping = FROM_UNIXTIME({} / 1000), error = {error}",
            client_millis()
        );
        let more = worker.map_or(String::new(), |worker| format!(" and worker = '{worker}'"));
        self.set(uuid, &columns, &more).await;
    }

    async fn set_pid(&mut self, uuid: &str, pid: u32) {
        let columns = format!("pid = {pid}, last_ping = FROM_UNIXTIME({} / 1000)", client_millis());
        self.set(uuid, &columns, "").await;
    }

    /// Its getTopologiesForWorker: uuid, status and pid.
    async fn topologies_of(&mut self, worker: &str) -> Vec<(String, String, Option<i64>)> {
        let sql = format!(
            "select uuid, status, worker, weight, worker_affinity, enabled, last_ping, pid from qtopology_topology \
             where worker = '{worker}';"
        );
        let rows = self.run(&sql).await;
        rows.iter()
            .map(|row| (row.get("uuid"), row.get("status"), row.get("pid")))
            .collect()
    }
}

fn name(name: &str) -> WorkerName {
    WorkerName::new(name).unwrap()
}

fn id(id: &str) -> TopologyId {
    TopologyId::new(id).unwrap()
}

async fn shown(store: &dyn Store, uuid: &str) -> Topology {
    store.get_topology(&id(uuid)).await.unwrap().topology
}

async fn led_by(store: &dyn Store, worker: &str) -> Lease {
    let me = store.register_worker(&name(worker)).await.unwrap();
    let lease = store.campaign(&me, Ttl::from_secs(60)).await.unwrap();
    lease.elected().unwrap()
}

fn new(uuid: &str) -> NewTopology {
    NewTopology::new(id(uuid), Payload::parse("{\"n\":1}").unwrap())
}

pub(crate) async fn a_topology_that_one_kind_registers_is_one_of_the_other(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let store = database.store().await;
    let mut node = Node(database.plain().await);
    node.register_topology("theirs", "{\"general\":{}}", "1.1", "b,a").await;
    let details = store.get_topology(&id("theirs")).await.unwrap();
    assert_eq!(details.config.as_str(), "{\"general\":{}}");
    let topology = details.topology;
    assert_eq!((topology.status, topology.enabled), (TopologyStatus::Unassigned, false));
    assert_eq!(topology.weight, Weight::new(1.1).unwrap());
    assert_eq!(topology.affinity, Affinity::new([name("b"), name("a")]).unwrap());

    let ours = new("ours")
        .with_weight(Weight::new(0.1).unwrap())
        .with_affinity(Affinity::new(["x", "y,z", "w"].map(name)).unwrap());
    let registered = store.register_topology(&ours).await.unwrap();
    assert_eq!(registered, TopologyRegistered::Created);
    let rows = node
        .run("select weight, enabled, worker_affinity, config, error from qtopology_topology where uuid = 'ours';")
        .await;
    assert_eq!(rows[0].get::<f64, _>("weight"), 0.1);
    assert_eq!(rows[0].get::<i8, _>("enabled"), 0);
    assert_eq!(rows[0].get::<String, _>("worker_affinity"), "x,w");
    assert_eq!(rows[0].get::<String, _>("config"), "{\"n\":1}");

    // Each replaces what the other one registered; ours goes stale when theirs is newer.
    node.register_topology("ours", "{}", "3", "n").await;
    let topology = shown(&*store, "ours").await;
    assert_eq!(topology.affinity, Affinity::new([name("n")]).unwrap());
    assert_eq!(topology.weight.get(), 3.0);
    assert_eq!(
        store.register_topology(&new("theirs")).await.unwrap(),
        TopologyRegistered::Replaced
    );
    assert!(shown(&*store, "theirs").await.affinity.workers().is_empty());
    store.register_topology(&ours).await.unwrap();
    node.set("ours", "worker_affinity = 'p,q'", "").await;
    assert_eq!(
        shown(&*store, "ours").await.affinity,
        Affinity::new(["p", "q"].map(name)).unwrap()
    );
    node.run("delete from qtopology_topology where uuid = 'ours';").await;
    assert!(store.get_topology(&id("ours")).await.is_err());
}

pub(crate) async fn each_kind_gives_topologies_to_workers_of_the_other(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let store = database.store().await;
    let mut node = Node(database.plain().await);
    let lease = led_by(&*store, "ours").await;
    node.call("register_worker", "node-1").await;
    for uuid in ["u", "v"] {
        store.register_topology(&new(uuid)).await.unwrap();
        store.enable_topology(&id(uuid)).await.unwrap();
    }

    // We give it to a worker of theirs, which is told, begins, and ends.
    let answer = store.assign_topology(lease.term, &id("u"), &name("node-1")).await;
    assert_eq!(answer.unwrap(), convoke_core::Assignment::Assigned);
    assert_eq!(node.get_message("node-1").await.as_deref(), Some(START_TOPOLOGY));
    assert_eq!(
        node.topologies_of("node-1").await,
        [("u".into(), "waiting".into(), None)]
    );
    node.set_topology_status("u", Some("node-1"), "running", "''").await;
    node.set_pid("u", 4711).await;
    let topology = shown(&*store, "u").await;
    assert_eq!((topology.status, topology.pid), (TopologyStatus::Running, Some(4711)));
    assert_eq!(topology.error, None);
    node.set_topology_status("u", Some("node-1"), "unassigned", "''").await;
    let topology = shown(&*store, "u").await;
    assert_eq!(topology.status, TopologyStatus::Unassigned);
    assert_eq!((topology.worker, topology.pid), (None, None));

    // They give it to a worker of ours.
    let registration = lease.registration.clone();
    node.assign("v", "ours").await;
    let topology = shown(&*store, "v").await;
    assert_eq!(
        (topology.status, topology.worker),
        (TopologyStatus::Waiting, Some(name("ours")))
    );
    let waited = store.now().await.unwrap().since(topology.since);
    assert!(
        waited < Duration::from_secs(60),
        "their clock plays no part: {waited:?}"
    );
    node.send("ours", START_TOPOLOGY, 120_000).await;
    let claim = Claim::new(Limit::MAX, Ttl::from_secs(10));
    assert_eq!(store.receive_messages(&registration, &claim).await.unwrap().len(), 1);
    let report = store.report_topology(&registration, &id("v"), &Report::Running).await;
    assert_eq!(report.unwrap(), Reported::Accepted);
    store
        .set_topology_pid(&registration, &id("v"), Some(u32::MAX))
        .await
        .unwrap();
    let pid = i64::from(u32::MAX);
    assert_eq!(
        node.topologies_of("ours").await,
        [("v".into(), "running".into(), Some(pid))]
    );

    let history = store
        .topology_history(&id("u"), &Default::default())
        .await
        .unwrap()
        .items;
    let statuses: Vec<_> = history.iter().rev().map(|row| row.status.as_str()).collect();
    let expected = [
        "unassigned",
        "unassigned",
        "waiting",
        "running",
        "running",
        "unassigned",
    ];
    assert_eq!(statuses, expected);
}

pub(crate) async fn a_worker_of_theirs_is_told_by_us_what_to_stop(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let store = database.store().await;
    let mut node = Node(database.plain().await);
    node.call("register_worker", "node-1").await;
    node.register_topology("u", "{}", "1", "").await;
    node.set("u", "enabled = 1", "").await;
    node.assign("u", "node-1").await;
    node.set_topology_status("u", Some("node-1"), "running", "''").await;

    assert_eq!(store.stop_topology(&id("u")).await.unwrap(), Some(name("node-1")));
    assert_eq!(store.kill_topology(&id("u")).await.unwrap(), Some(name("node-1")));
    let error = ErrorText::new("?'\\ 😀");
    assert_eq!(
        store.set_topology_error(&id("u"), &error).await.unwrap(),
        Some(name("node-1"))
    );
    let rows = node
        .run("select uuid, status, worker, weight, enabled, worker_affinity, error, config, last_ping, pid from qtopology_topology where uuid = 'u';")
        .await;
    assert_eq!(rows[0].get::<String, _>("error"), error.as_str());
    assert_eq!(rows[0].get::<i8, _>("enabled"), 0);
    for command in [STOP_TOPOLOGY, KILL_TOPOLOGY, STOP_TOPOLOGY] {
        assert_eq!(node.get_message("node-1").await.as_deref(), Some(command));
    }
    assert_eq!(node.get_message("node-1").await, None);

    node.set("u", "enabled = 1", "").await;
    assert_eq!(
        store.clear_topology_error(&id("u")).await.unwrap(),
        Some(name("node-1"))
    );
    assert_eq!(node.get_message("node-1").await.as_deref(), Some(START_TOPOLOGY));
    assert_eq!(
        node.topologies_of("node-1").await,
        [("u".into(), "waiting".into(), None)]
    );
}

pub(crate) async fn what_a_worker_of_theirs_is_told_in_a_row_comes_in_one_message(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let store = database.store().await;
    let mut node = Node(database.plain().await);
    let lease = led_by(&*store, "ours").await;
    node.call("register_worker", "node-1").await;
    let ids = ["u\"", "v", "w"];
    for uuid in ids {
        store.register_topology(&new(uuid)).await.unwrap();
        store.enable_topology(&id(uuid)).await.unwrap();
        let answer = store.assign_topology(lease.term, &id(uuid), &name("node-1")).await;
        assert_eq!(answer.unwrap(), convoke_core::Assignment::Assigned);
    }
    store.kill_topology(&id("v")).await.unwrap();
    for uuid in ids {
        store.stop_topology(&id(uuid)).await.unwrap();
    }
    // One message each two seconds, and those of an operator are worth something for thirty: each kind of command at once.
    let mut got = Vec::new();
    while let Some(row) = node.call("messages_for_worker", "node-1").await.first() {
        let content: serde_json::Value = serde_json::from_str(row.get("content")).unwrap();
        got.push((row.get::<String, _>("cmd"), content));
        let sql = format!("delete from qtopology_message where id = {};", row.get::<i64, _>("id"));
        node.run(&sql).await;
    }
    let stops = ids.map(|uuid| serde_json::json!({ "uuid": uuid }));
    assert_eq!(
        got,
        [
            ("start_topologies".to_owned(), serde_json::json!({ "uuids": ids })),
            (KILL_TOPOLOGY.to_owned(), serde_json::json!({ "uuid": "v" })),
            (
                "stop_topologies".to_owned(),
                serde_json::json!({ "stop_topologies": stops })
            ),
        ]
    );
}

pub(crate) async fn a_leader_of_theirs_that_stood_still_takes_nothing_from_who_has_it(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let store = database.store().await;
    let mut node = Node(database.plain().await);
    let lease = led_by(&*store, "ours").await;
    node.call("register_worker", "node-1").await;
    store.register_topology(&new("u")).await.unwrap();
    store.enable_topology(&id("u")).await.unwrap();
    let answer = store.assign_topology(lease.term, &id("u"), &name("ours")).await;
    assert_eq!(answer.unwrap(), convoke_core::Assignment::Assigned);
    // It read that nobody has it, was stopped, and goes on.
    let waiting = shown(&*store, "u").await;
    node.assign("u", "node-1").await;
    assert_eq!(shown(&*store, "u").await, waiting);
    let report = store
        .report_topology(&lease.registration, &id("u"), &Report::Running)
        .await;
    assert_eq!(report.unwrap(), Reported::Accepted);
    let running = shown(&*store, "u").await;
    node.assign("u", "node-1").await;
    assert_eq!(shown(&*store, "u").await, running);
    assert!(node.topologies_of("node-1").await.is_empty());
}

pub(crate) async fn its_setters_are_seen_as_what_they_mean(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let store = database.store().await;
    let mut node = Node(database.plain().await);
    node.call("register_worker", "node-1").await;
    node.register_topology("u", "{}", "1", "").await;
    node.set("u", "enabled = 1", "").await;
    let registered = shown(&*store, "u").await;
    assert!(registered.enabled);
    node.assign("u", "node-1").await;
    let waiting = shown(&*store, "u").await;
    assert!(waiting.since > registered.since);
    node.assign("u", "node-1").await;
    let again = shown(&*store, "u").await;
    assert!(again.since > waiting.since, "an assignment again is one, too");
    node.set_topology_status("u", Some("node-1"), "running", "''").await;
    let running = shown(&*store, "u").await;
    node.set_pid("u", 1).await;
    node.set("u", "enabled = 0", "").await;
    let disabled = shown(&*store, "u").await;
    assert_eq!((disabled.since, disabled.enabled), (running.since, false));

    node.set_topology_status("u", Some("node-1"), "error", "'it broke'")
        .await;
    let failed = shown(&*store, "u").await;
    assert_eq!(failed.status, TopologyStatus::Error);
    assert_eq!(failed.error, Some(ErrorText::new("it broke")));
    assert_eq!((failed.worker, failed.pid), (Some(name("node-1")), None));
    // Its clearTopologyError.
    node.set_topology_status("u", None, "unassigned", "null").await;
    let cleared = shown(&*store, "u").await;
    assert_eq!(
        (cleared.status, cleared.worker, cleared.error),
        (TopologyStatus::Unassigned, None, None)
    );
    // What runs without a worker, its leader assigns anew.
    node.set_topology_status("u", None, "running", "''").await;
    assert_eq!(shown(&*store, "u").await.status, TopologyStatus::Unassigned);
    let long = "é".repeat(3_000);
    node.set_topology_status("u", None, "error", &format!("'{long}'")).await;
    let text = shown(&*store, "u").await.error.unwrap();
    assert_eq!(text.as_str().chars().count(), ErrorText::MAX_CHARS);
}

pub(crate) async fn a_report_of_theirs_without_the_topology_changes_nothing(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let store = database.store().await;
    let mut node = Node(database.plain().await);
    node.register_topology("u", "{}", "1", "").await;
    node.assign("u", "node-1").await;
    let before = shown(&*store, "u").await;
    node.set_topology_status("u", Some("node-2"), "running", "''").await;
    assert_eq!(shown(&*store, "u").await, before);
}

pub(crate) async fn what_its_dead_workers_have_is_taken_away(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let store = database.store().await;
    let mut node = Node(database.plain().await);
    for worker in ["node-1", "node-2", "node-3"] {
        node.call("register_worker", worker).await;
        node.register_topology(&format!("of-{worker}"), "{}", "1", "").await;
        node.assign(&format!("of-{worker}"), worker).await;
        node.set_topology_status(&format!("of-{worker}"), Some(worker), "running", "''")
            .await;
    }
    node.set_status("node-1", "dead").await;
    node.set_status("node-2", "unloaded").await;
    let deleted = store.delete_worker(&name("node-2")).await.unwrap_err();
    assert!(deleted.is_conflict(), "{deleted}");
    let refreshed = store.refresh_statuses(&Timeouts::default()).await.unwrap();
    let taken: Vec<_> = refreshed.unassigned.iter().map(TopologyId::as_str).collect();
    assert_eq!(taken, ["of-node-1", "of-node-2"]);
    assert!(store.refresh_statuses(&Timeouts::default()).await.unwrap().is_empty());
    store.delete_worker(&name("node-2")).await.unwrap();

    // Silent for longer than a worker of theirs may be.
    node.run("UPDATE qtopology_worker SET last_ping_us = 1, revision = revision + 1 WHERE name = 'node-3'")
        .await;
    let refreshed = store.refresh_statuses(&Timeouts::default()).await.unwrap();
    assert_eq!(refreshed.died, [name("node-3")]);
    assert_eq!(refreshed.unassigned, [id("of-node-3")]);
}

pub(crate) async fn what_a_worker_has_that_it_deletes_is_taken_away(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let store = database.store().await;
    let mut node = Node(database.plain().await);
    node.call("register_worker", "node-1").await;
    for uuid in ["u", "v"] {
        node.register_topology(uuid, "{}", "1", "").await;
        node.assign(uuid, "node-1").await;
    }
    node.set_topology_status("v", Some("node-1"), "error", "'why'").await;
    node.set_status("node-1", "unloaded").await;
    node.run("delete from qtopology_worker where name = 'node-1' and status = 'unloaded';")
        .await;
    let topology = shown(&*store, "u").await;
    assert_eq!((topology.status, topology.worker), (TopologyStatus::Unassigned, None));
    assert_eq!(shown(&*store, "v").await.status, TopologyStatus::Error);
    let history = store
        .topology_history(&id("u"), &Default::default())
        .await
        .unwrap()
        .items;
    assert_eq!(
        (history[0].status, &history[0].worker),
        (TopologyStatus::Unassigned, &None)
    );
}

pub(crate) async fn clean_ups_by_both_kinds_take_each_topology_away_once(kind: Kind) {
    const TOPOLOGIES: usize = 40;
    let database = Databases::of(kind).empty().await;
    let store = database.store().await;
    let mut node = Node(database.plain().await);
    for number in 0..TOPOLOGIES {
        let (worker, uuid) = (format!("node-{}", number % 4), format!("u{number:02}"));
        node.call("register_worker", &worker).await;
        node.register_topology(&uuid, "{}", "1", "").await;
        node.assign(&uuid, &worker).await;
    }
    let mut others = Vec::new();
    for number in 0..4 {
        let (store, mut node) = (database.store().await, Node(database.plain().await));
        others.push(tokio::spawn(async move {
            let worker = format!("node-{number}");
            node.set_status(&worker, "dead").await;
            node.run("CALL qtopology_sp_unassign_waiting_topologies();").await;
            let refreshed = store.refresh_statuses(&Timeouts::default()).await.unwrap();
            assert!(!refreshed.more);
        }));
    }
    for other in others {
        other.await.unwrap();
    }
    for number in 0..TOPOLOGIES {
        let uuid = format!("u{number:02}");
        assert_eq!(shown(&*store, &uuid).await.status, TopologyStatus::Unassigned);
        let history = store.topology_history(&id(&uuid), &Default::default()).await.unwrap();
        assert_eq!(history.items.len(), 3, "registered, assigned, taken away once");
    }
    let status = store.get_worker(&name("node-0")).await.unwrap().status;
    assert_eq!(status, WorkerStatus::Dead);
}
