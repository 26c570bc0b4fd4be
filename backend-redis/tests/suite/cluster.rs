//! A real cluster, and what the scripts touch in it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use convoke_backend_redis::RedisDriver;
use convoke_core::{
    Clock, Confirmed, Delay, Driver, ErrorText, ManualClock, Page, Payload, Report, Retention, SettingRange,
    SettingsExt, Store, Term, Timeouts, TopologiesExt, Ttl, WorkerStatus,
};
use convoke_test_servers::Server;
use futures_util::StreamExt;

use crate::server::{Raw, claim, clustered, message, open, options, private, until, worker};
use crate::topologies::{acquire, key, register, topology};

async fn is_up(raw: &mut Raw) -> bool {
    raw.run::<String>(&["CLUSTER", "INFO"])
        .await
        .contains("cluster_state:ok")
}

async fn one_node() -> (Server, Raw) {
    let server = clustered();
    let mut raw = Raw::connect(server.url()).await;
    raw.run::<()>(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await;
    let watched = Arc::new(tokio::sync::Mutex::new(Raw::connect(server.url()).await));
    until("the cluster", || {
        let watched = Arc::clone(&watched);
        async move { is_up(&mut *watched.lock().await).await }
    })
    .await;
    (server, raw)
}

/// Every operation of workers, leadership and messages, in a way that makes its script touch all it ever touches, and
/// then those of the others.
async fn everything(url: &str) {
    let clock = ManualClock::default();
    let by_hand = options(url).with_clock(Clock::Manual(clock.clone()));
    let store = RedisDriver.open(&by_hand).await.unwrap();
    let (first, second) = (worker("a"), worker("b"));
    let (a, b) = (
        store.register_worker(&first).await.unwrap(),
        store.register_worker(&second).await.unwrap(),
    );
    store.ping_worker(&a).await.unwrap();
    store.announce_candidacy(&b, Ttl::from_secs(10)).await.unwrap();
    store.campaign(&a, Ttl::from_secs(10)).await.unwrap();
    let lease = store
        .check_candidacy(&b, Ttl::from_secs(10))
        .await
        .unwrap()
        .elected()
        .unwrap();
    store.renew_lease(&lease, Ttl::from_secs(10)).await.unwrap();
    store.leader().await.unwrap().unwrap();
    store.check_term(lease.term).await.unwrap();
    store.check_term(Term::default()).await.unwrap_err();
    store.get_worker(&first).await.unwrap();
    store.list_workers(&Page::default()).await.unwrap();
    store.count_workers().await.unwrap();
    for _ in 0..4 {
        store.send_message(&message("a").with_term(lease.term)).await.unwrap();
    }
    store.send_message(&message("a")).await.unwrap();
    let deliveries = store.receive_messages(&a, &claim(3)).await.unwrap();
    store
        .extend_claim(&deliveries[0].receipt, Ttl::from_secs(60))
        .await
        .unwrap();
    store.ack_message(&deliveries[0].receipt).await.unwrap();
    store.nack_message(&deliveries[1].receipt, Delay::ZERO).await.unwrap();
    let later = Delay::new(std::time::Duration::from_millis(1)).unwrap();
    store.nack_message(&deliveries[2].receipt, later).await.unwrap();
    store.peek_messages(&first, &Page::default()).await.unwrap();
    store.take_messages(&a, claim(1).max).await.unwrap();
    store.resign(&lease).await.unwrap();
    store.campaign(&a, Ttl::MIN).await.unwrap();
    store
        .set_worker_status(&second, None, WorkerStatus::Unloaded)
        .await
        .unwrap();
    store.delete_worker(&second).await.unwrap();
    store.worker_history(&first, &Page::default()).await.unwrap();
    let short = message("a").with_ttl(Ttl::MIN);
    store.send_message(&short).await.unwrap();
    clock.advance(Ttl::from_secs(1));
    store
        .refresh_statuses(&Timeouts::default().with_worker(Ttl::MIN))
        .await
        .unwrap();
    topologies(&store, &clock).await;
    locks_and_settings(&store, &clock).await;
    store.clear(Confirmed::YesDeleteEverything).await.unwrap();
    store.reset(Confirmed::YesDeleteEverything).await.unwrap();
}

async fn topologies(store: &Arc<dyn Store>, clock: &ManualClock) {
    let [t, u] = ["t", "u"].map(topology);
    let page = Page::default();
    clock.advance(Ttl::from_secs(60));
    let me = &store.register_worker(&worker("a")).await.unwrap();
    let lease = store.campaign(me, Ttl::from_secs(600)).await.unwrap();
    let term = lease.elected().unwrap().term;
    for id in ["t", "u"] {
        register(store, id).await;
        store.enable_topology(&topology(id)).await.unwrap();
        store.assign_topology(term, &topology(id), &me.worker).await.unwrap();
    }
    store.report_topology(me, &t, &Report::Running).await.unwrap();
    store.set_topology_pid(me, &t, Some(1)).await.unwrap();
    store.stop_topology(&t).await.unwrap();
    store.kill_topology(&t).await.unwrap();
    store.disable_topology(&u).await.unwrap();
    store.set_topology_error(&t, &ErrorText::new("why")).await.unwrap();
    store.enable_topology(&t).await.unwrap();
    store.clear_topology_error(&t).await.unwrap();
    store.report_topology(me, &t, &Report::Released).await.unwrap();
    store.get_topology(&t).await.unwrap();
    store.list_topologies(&page).await.unwrap();
    store.list_assigned_topologies(&me.worker, &page).await.unwrap();
    store.topology_history(&t, &page).await.unwrap();
    store.delete_topology(&t).await.unwrap();
    store
        .set_worker_status(&me.worker, None, WorkerStatus::Dead)
        .await
        .unwrap();
    store.refresh_statuses(&Timeouts::default()).await.unwrap();
    clock.advance(Ttl::from_secs(1));
    let nothing = Retention::FOREVER.with_age(Ttl::MIN);
    store.trim_topology_history(&nothing, &page).await.unwrap();
    store.trim_worker_history(&nothing, &page).await.unwrap();
}

async fn locks_and_settings(store: &Arc<dyn Store>, clock: &ManualClock) {
    acquire(store, "m", Ttl::MIN).await;
    clock.advance(Ttl::from_secs(1));
    let held = acquire(store, "l", Ttl::from_secs(10)).await;
    store.renew_lock(&held, Ttl::from_secs(20)).await.unwrap();
    store.check_lock(&held.name, held.token).await.unwrap();
    store.get_lock(&held.name).await.unwrap().unwrap();
    store.list_locks(&Page::default()).await.unwrap();
    store.release_lock(&held).await.unwrap();
    store.put_setting(&key("k"), &Payload::empty()).await.unwrap();
    store.get_setting(&key("k")).await.unwrap().unwrap();
    store
        .list_settings(&SettingRange::all(), &Page::default())
        .await
        .unwrap();
    store.delete_setting(&key("k")).await.unwrap();
}

#[tokio::test]
async fn a_cluster_of_one_node_takes_every_operation() {
    let (server, _raw) = one_node().await;
    everything(server.url()).await;
}

#[tokio::test]
async fn a_node_that_does_not_serve_the_namespace_leads_to_the_one_that_does() {
    let (one, other) = (clustered(), clustered());
    let (mut at_one, mut at_other) = (Raw::connect(one.url()).await, Raw::connect(other.url()).await);
    let slot: u64 = at_one.run(&["CLUSTER", "KEYSLOT", "{convoke:default}"]).await;
    let slot = slot.to_string();
    at_other.run::<()>(&["CLUSTER", "ADDSLOTS", &slot]).await;
    for others in [
        (0, slot.parse::<u64>().unwrap() - 1),
        (slot.parse::<u64>().unwrap() + 1, 16_383),
    ] {
        at_one
            .run::<()>(&["CLUSTER", "ADDSLOTSRANGE", &others.0.to_string(), &others.1.to_string()])
            .await;
    }
    let (host, port) = other
        .url()
        .trim_start_matches("redis://")
        .trim_end_matches('/')
        .split_once(':')
        .unwrap();
    let nodes_port = at_other.run::<Vec<String>>(&["CONFIG", "GET", "cluster-port"]).await;
    at_one.run::<()>(&["CLUSTER", "MEET", host, port, &nodes_port[1]]).await;
    let nodes = Arc::new(tokio::sync::Mutex::new((at_one, at_other)));
    until("the cluster of two", || {
        let nodes = Arc::clone(&nodes);
        async move {
            let (one, other) = &mut *nodes.lock().await;
            is_up(one).await && is_up(other).await
        }
    })
    .await;
    let (through_one, at_home) = (open(one.url()).await, open(other.url()).await);
    let me = through_one.register_worker(&worker("a")).await.unwrap();
    at_home.ping_worker(&me).await.unwrap();
    // The subscription is at the node of the URL, the script runs at the other.
    through_one
        .await_message(&me.worker, std::time::Duration::from_secs(1))
        .await;
    through_one.send_message(&message("a")).await.unwrap();
    assert_eq!(through_one.receive_messages(&me, &claim(10)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn no_script_touches_a_key_that_it_was_not_given() {
    let server = private(&[]);
    let monitor = redis::Client::open(server.url())
        .unwrap()
        .get_async_monitor()
        .await
        .unwrap();
    let mut lines = monitor.into_on_message::<String>();
    let watching = tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Some(line) = lines.next().await {
            if line.contains("nothing follows") {
                break;
            }
            seen.push(line);
        }
        seen
    });
    everything(server.url()).await;
    Raw::connect(server.url())
        .await
        .run::<String>(&["ECHO", "nothing follows"])
        .await;
    let mut given: HashSet<String> = HashSet::new();
    let mut touched: HashMap<String, u64> = HashMap::new();
    for line in watching.await.unwrap() {
        let (_, source) = line.split_once('[').unwrap();
        let words: Vec<_> = source.split('"').map(str::to_owned).collect();
        let command = words[1].to_uppercase();
        let keys = words.iter().filter(|word| word.starts_with("{convoke:default}:"));
        if !source.starts_with("0 lua") {
            given = keys.cloned().collect();
        } else if !["TIME", "PUBLISH"].contains(&command.as_str()) {
            let names_many = ["DEL", "UNLINK"].contains(&command.as_str());
            let keys: Vec<_> = if names_many { keys.collect() } else { vec![&words[3]] };
            for key in keys {
                assert!(given.contains(key), "{line}\nwas given {given:?}");
                *touched.entry(key.clone()).or_default() += 1;
            }
        }
    }
    assert_eq!(touched.len(), 40, "{touched:?}");
}
