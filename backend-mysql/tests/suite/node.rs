//! What the published client of qtopology-mysql 2.2.1 does, statement by statement as it sends them, beside our own.

use std::time::Duration;

use convoke_core::{
    Candidacy, Claim, Command, Deferral, Limit, NewMessage, Payload, Role, Timeouts, Ttl, WorkerName, WorkerStatus,
};
use convoke_test_servers::Kind;
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Executor, Row};

use crate::databases::Databases;
use crate::eventually;

/// The published client on a connection of its own.
pub(crate) struct Node(pub(crate) MySqlConnection);

impl Node {
    /// A statement as its query helper pastes it together.
    pub(crate) async fn run(&mut self, sql: &str) -> Vec<MySqlRow> {
        self.0
            .fetch_all(sqlx::raw_sql(AssertSqlSafe(sql.to_owned())))
            .await
            .unwrap()
    }

    pub(crate) async fn call(&mut self, procedure: &str, name: &str) -> Vec<MySqlRow> {
        self.run(&format!("CALL qtopology_sp_{procedure}('{name}');")).await
    }

    /// Announces and checks, as its leader does each 5 s while no row has lstatus 'leader'.
    pub(crate) async fn elects(&mut self, name: &str) -> bool {
        self.call("announce_leader_candidacy", name).await;
        let answer = self.call("check_leader_candidacy", name).await;
        answer[0].try_get::<String, _>("status").unwrap() == "leader"
    }

    async fn set_lstatus(&mut self, name: &str, lstatus: &str) {
        let sql = format!(
            "update qtopology_worker set lstatus = '{lstatus}', last_ping = FROM_UNIXTIME({} / 1000) where name = '{name}';\
             call qtopology_sp_add_worker_history('{name}');",
            client_millis()
        );
        self.run(&sql).await;
    }

    pub(crate) async fn set_status(&mut self, name: &str, status: &str) {
        let sql = format!(
            "update qtopology_worker set status = '{status}', last_ping = FROM_UNIXTIME({} / 1000) where name = '{name}';\
             call qtopology_sp_add_worker_history('{name}');",
            client_millis()
        );
        self.run(&sql).await;
    }

    pub(crate) async fn send(&mut self, worker: &str, command: &str, valid_millis: i64) {
        let created = client_millis();
        let sql = format!(
            "insert into qtopology_message(cmd, content, created, valid_until, worker) values ('{command}', '{{\"uuid\":\"u\"}}', \
             FROM_UNIXTIME({created} / 1000), FROM_UNIXTIME({} / 1000), '{worker}');",
            created + valid_millis
        );
        self.run(&sql).await;
    }

    /// Its getMessage: the first row, then deleted by its id.
    pub(crate) async fn get_message(&mut self, name: &str) -> Option<String> {
        let rows = self.call("messages_for_worker", name).await;
        let row = rows.first()?;
        let id: i64 = row.try_get("id").unwrap();
        let command = row.try_get("cmd").unwrap();
        self.run(&format!("delete from qtopology_message where id = {id};"))
            .await;
        Some(command)
    }

    async fn leaders(&mut self) -> Vec<String> {
        let rows = self
            .run("select name, status, lstatus, last_ping from qtopology_worker where lstatus = 'leader';")
            .await;
        rows.iter().map(|row| row.try_get("name").unwrap()).collect()
    }
}

/// The client's own clock: two hours slow, which must not matter.
pub(crate) fn client_millis() -> i64 {
    convoke_core::Timestamp::of_host().as_micros() / 1000 - 7_200_000
}

fn name(name: &str) -> WorkerName {
    WorkerName::new(name).unwrap()
}

const TTL: Ttl = Ttl::from_secs(10);

pub(crate) async fn both_kinds_see_the_same_workers_and_messages(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let store = database.store().await;
    let mut node = Node(database.plain().await);
    node.call("register_worker", "node-1").await;
    let ours = store.register_worker(&name("ours")).await.unwrap();

    let listed = store.list_workers(&Default::default()).await.unwrap().items;
    let listed: Vec<_> = listed
        .iter()
        .map(|worker| (worker.name.as_str(), worker.status))
        .collect();
    assert_eq!(listed, [("node-1", WorkerStatus::Alive), ("ours", WorkerStatus::Alive)]);
    let rows = node
        .run("select name, status, lstatus, last_ping from qtopology_worker order by name;")
        .await;
    let words: Vec<(String, String)> = rows
        .iter()
        .map(|row| (row.try_get("status").unwrap(), row.try_get("lstatus").unwrap()))
        .collect();
    assert_eq!(
        words,
        [("alive".into(), String::new()), ("alive".into(), String::new())]
    );

    node.send("ours", "stop_topology", 30_000).await;
    let got = store
        .receive_messages(&ours, &Claim::new(Limit::MAX, TTL))
        .await
        .unwrap();
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].message.command.as_str(), "stop_topology");
    let lasts = got[0].message.expires.since(got[0].message.sent);
    assert_eq!(lasts, Duration::from_secs(30));

    let message = NewMessage::new(
        name("node-1"),
        Command::new("start_topology").unwrap(),
        Payload::of("u").unwrap(),
    );
    store.send_message(&message).await.unwrap();
    assert_eq!(node.get_message("node-1").await.as_deref(), Some("start_topology"));
    assert_eq!(node.get_message("node-1").await, None);
    assert!(
        store
            .peek_messages(&name("node-1"), &Default::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
}

pub(crate) async fn a_node_leader_excludes_ours_and_ours_a_node_leader(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let store = database.store().await;
    let mut node = Node(database.plain().await);
    node.call("register_worker", "node-1").await;
    let ours = store.register_worker(&name("ours")).await.unwrap();

    assert!(node.elects("node-1").await);
    let leader = store.leader().await.unwrap().unwrap();
    assert_eq!((leader.worker.as_str(), leader.term.number()), ("node-1", 1));
    assert_eq!(store.get_worker(&name("node-1")).await.unwrap().role, Role::Leader);
    assert!(matches!(
        store.campaign(&ours, TTL).await.unwrap(),
        Candidacy::Deferred(Deferral::LedBy(_))
    ));

    // It steps down by a plain UPDATE, which frees the seat at once.
    node.set_lstatus("node-1", "normal").await;
    let lease = store.campaign(&ours, TTL).await.unwrap().elected().unwrap();
    assert_eq!(lease.term.number(), 2);
    assert_eq!(node.leaders().await, ["ours"]);
    assert!(!node.elects("node-1").await);
    assert_eq!(node.leaders().await, ["ours"]);

    store.resign(&lease).await.unwrap();
    assert!(node.leaders().await.is_empty());
    assert!(node.elects("node-1").await);
    assert_eq!(store.leader().await.unwrap().unwrap().term.number(), 3);
}

pub(crate) async fn a_node_lead_lasts_ten_seconds_from_its_last_ping(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let store = database.store().await;
    let mut node = Node(database.plain().await);
    node.call("register_worker", "node-1").await;
    assert!(node.elects("node-1").await);
    let pings = [
        "CALL qtopology_sp_worker_ping('node-1');",
        "CALL qtopology_sp_leader_ping('node-1');",
    ];
    for ping in pings {
        let before = store.leader().await.unwrap().unwrap().expires;
        node.run(ping).await;
        let now = store.now().await.unwrap();
        let after = store.leader().await.unwrap().unwrap().expires;
        assert!(after > before, "{ping}");
        assert!(after.since(now) <= Duration::from_secs(10), "{ping}");
        assert!(after.since(now) > Duration::from_secs(5), "{ping}");
    }
    let before = store.leader().await.unwrap().unwrap().expires;
    node.set_status("node-1", "alive").await;
    assert!(store.leader().await.unwrap().unwrap().expires > before);

    // Let its time run out: the next ping of any worker of its kind vacates the seat, so that they elect again.
    node.call("register_worker", "node-2").await;
    node.run("UPDATE convoke_seat SET promised_until_us = 1 WHERE id = 1")
        .await;
    assert_eq!(store.leader().await.unwrap(), None);
    assert_eq!(node.leaders().await, ["node-1"]);
    node.call("worker_ping", "node-2").await;
    assert!(node.leaders().await.is_empty());
    assert!(node.elects("node-2").await);
    let history = store
        .worker_history(&name("node-1"), &Default::default())
        .await
        .unwrap()
        .items;
    assert_eq!(
        (history[0].role, history[0].status),
        (Role::Normal, WorkerStatus::Alive)
    );
}

pub(crate) async fn a_node_leader_that_is_declared_dead_leads_no_more_and_its_promise_is_kept(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let store = database.store().await;
    let mut node = Node(database.plain().await);
    node.call("register_worker", "node-1").await;
    let ours = store.register_worker(&name("ours")).await.unwrap();
    assert!(node.elects("node-1").await);
    node.set_status("node-1", "dead").await;
    assert_eq!(store.leader().await.unwrap(), None);
    assert!(node.leaders().await.is_empty());
    assert!(matches!(
        store.campaign(&ours, TTL).await.unwrap(),
        Candidacy::Deferred(Deferral::Promised(_))
    ));
}

pub(crate) async fn lstatus_leader_by_a_plain_update_takes_a_free_seat_and_no_other(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let store = database.store().await;
    let mut node = Node(database.plain().await);
    node.call("register_worker", "node-1").await;
    let ours = store.register_worker(&name("ours")).await.unwrap();

    node.set_lstatus("node-1", "leader").await;
    assert_eq!(store.leader().await.unwrap().unwrap().worker, name("node-1"));
    assert!(matches!(
        store.campaign(&ours, TTL).await.unwrap(),
        Candidacy::Deferred(Deferral::LedBy(_))
    ));

    node.set_lstatus("node-1", "normal").await;
    let lease = store.campaign(&ours, TTL).await.unwrap().elected().unwrap();
    node.set_lstatus("node-1", "leader").await;
    assert_eq!(node.leaders().await, ["ours"]);
    assert_eq!(store.leader().await.unwrap().unwrap().term, lease.term);

    // Our own leader is disabled the old way: it leads no more, and cannot renew.
    node.set_status("ours", "disabled").await;
    assert_eq!(store.leader().await.unwrap(), None);
    assert!(matches!(
        store.renew_lease(&lease, TTL).await.unwrap(),
        convoke_core::Renewal::Lost(None)
    ));
    node.run(
        "insert into qtopology_worker(name, status, last_ping, lstatus) values ('node-2', 'alive', NOW(), 'leader');",
    )
    .await;
    assert!(node.leaders().await.is_empty(), "a promised lease is honoured");
}

pub(crate) async fn two_readers_of_one_queue_never_get_the_same_message(kind: Kind) {
    const MESSAGES: usize = 100;
    let database = Databases::of(kind).empty().await;
    database.store().await;
    let mut node = Node(database.plain().await);
    node.call("register_worker", "node-1").await;
    for number in 0..MESSAGES {
        node.send("node-1", &format!("command {number}"), 60_000).await;
    }
    node.send("node-1", "too late", -1).await;
    let mut readers = Vec::new();
    for _ in 0..2 {
        let mut reader = Node(database.plain().await);
        readers.push(tokio::spawn(async move {
            let mut got = Vec::new();
            while let Some(command) = reader.get_message("node-1").await {
                got.push(command);
            }
            got
        }));
    }
    let mut all = Vec::new();
    for reader in readers {
        all.extend(reader.await.unwrap());
    }
    let mut once = all.clone();
    once.sort();
    once.dedup();
    assert_eq!((all.len(), once.len()), (MESSAGES, MESSAGES));
}

pub(crate) async fn reading_ones_own_messages_harms_nobody_elses(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    database.store().await;
    let mut node = Node(database.plain().await);
    node.call("register_worker", "node-1").await;
    node.send("node-2", "for another", 60_000).await;
    node.send("node-2", "expired, for another", -1).await;
    assert_eq!(node.get_message("node-1").await, None);
    let left = node
        .run("select worker, cmd, content, created, valid_until from qtopology_message;")
        .await;
    assert_eq!(left.len(), 2);
}

pub(crate) async fn the_other_procedures_do_what_they_did(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let store = database.store().await;
    let mut node = Node(database.plain().await);
    node.call("register_worker", "node-1").await;
    node.run("CALL qtopology_sp_register_topology('u', '{}', 1.5, 'a,b');")
        .await;
    node.run("CALL qtopology_sp_register_topology('u', '{\"n\":1}', 2, '');")
        .await;
    let rows = node
        .run("select uuid, status, worker, weight, worker_affinity, enabled, pid, config from qtopology_topology;")
        .await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].try_get::<String, _>("config").unwrap(), "{\"n\":1}");
    assert_eq!(rows[0].try_get::<i8, _>("enabled").unwrap(), 0);

    node.run(
        "update qtopology_topology set status = 'running', worker = 'node-1' where uuid = 'u';\
         call qtopology_sp_add_topology_history('u');",
    )
    .await;
    node.run("UPDATE qtopology_worker SET last_ping_us = 1, revision = revision + 1 WHERE name = 'node-1'")
        .await;
    node.run("CALL qtopology_sp_refresh_statuses();").await;
    assert_eq!(
        store.get_worker(&name("node-1")).await.unwrap().status,
        WorkerStatus::Dead
    );
    let rows = node.run("select status from qtopology_topology;").await;
    assert_eq!(rows[0].try_get::<String, _>(0).unwrap(), "unassigned");
    let history = node
        .run("select * from qtopology_topology_history where uuid = 'u' order by ts desc limit 100;")
        .await;
    assert_eq!(history.len(), 4);
    let history = node
        .run("select * from qtopology_worker_history where name = 'node-1' order by ts desc limit 100;")
        .await;
    assert_eq!(history.len(), 2);

    let counts = node.run("CALL qtopology_sp_worker_statuses();").await;
    assert_eq!(counts[0].try_get::<String, _>("lstatus").unwrap(), "");
    assert_eq!(counts[0].try_get::<i64, _>("cnt").unwrap(), 1);
    let version = node
        .run("select value from qtopology_settings where name = 'db_version';")
        .await;
    assert_eq!(version[0].try_get::<String, _>(0).unwrap(), "17");
    assert!(store.refresh_statuses(&Timeouts::default()).await.unwrap().is_empty());
}

pub(crate) async fn elections_by_both_kinds_at_once_never_make_two_leaders(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let store = database.store().await;
    let mut node = Node(database.plain().await);
    node.call("register_worker", "node-1").await;
    let rounds = 30;
    let theirs = tokio::spawn(async move {
        let mut won = 0;
        for _ in 0..rounds {
            if node.elects("node-1").await {
                assert_eq!(node.leaders().await, ["node-1"]);
                won += 1;
                node.set_lstatus("node-1", "normal").await;
            }
        }
        won
    });
    let ours = store.register_worker(&name("ours")).await.unwrap();
    let mut terms = Vec::new();
    for _ in 0..rounds {
        if let Candidacy::Elected(lease) = store.campaign(&ours, TTL).await.unwrap() {
            assert_eq!(store.leader().await.unwrap().unwrap().worker, name("ours"));
            terms.push(lease.term);
            store.resign(&lease).await.unwrap();
        }
    }
    let won = theirs.await.unwrap();
    assert!(terms.is_sorted_by(|before, after| before < after));
    // Whoever comes last finds a free seat once the other's candidacy has lapsed.
    eventually("ours is elected", || async {
        store.campaign(&ours, TTL).await.unwrap().elected().is_some()
    })
    .await;
    let last = store.leader().await.unwrap().unwrap().term.number();
    assert_eq!(last, (terms.len() + won + 1) as u64, "each lead has a term of its own");
}
