//! Steps that wait for a topology that somebody else is about to change: they go by what it is when their turn comes.

use std::sync::Arc;

use convoke_core::{
    Assignment, Lease, NewTopology, Payload, Registration, Report, Reported, Result, Store, TopologiesExt, TopologyId,
    Ttl, WorkerName,
};
use convoke_test_servers::Kind;
use sqlx::Row;
use tokio::task::JoinHandle;

use crate::databases::{Databases, Recycled};
use crate::eventually;
use crate::node::Node;

fn id() -> TopologyId {
    TopologyId::new("t").unwrap()
}

/// A worker that leads, and an enabled topology that nobody has.
async fn set_out(database: &Recycled) -> (Arc<dyn Store>, Registration, Lease) {
    let store = database.store().await;
    let me = store.register_worker(&WorkerName::new("m").unwrap()).await.unwrap();
    let candidacy = store.campaign(&me, Ttl::from_secs(600)).await.unwrap();
    let new = NewTopology::new(id(), Payload::empty());
    store.register_topology(&new).await.unwrap();
    store.enable_topology(&id()).await.unwrap();
    (store, me, candidacy.elected().unwrap())
}

/// Changes the topology, and commits that once the call waits for it. Answers what the call answered.
async fn while_it_waits<T: Send + 'static>(
    database: &Recycled,
    set: &str,
    call: impl FnOnce() -> JoinHandle<Result<T>>,
) -> T {
    let mut other = Node(database.plain().await);
    other
        .run(&format!(
            "START TRANSACTION; UPDATE qtopology_topology SET {set}, revision = revision + 1 WHERE uuid = 't'"
        ))
        .await;
    let called = call();
    eventually("a call waits for a lock", || async {
        // Of all who use the server; when it is somebody else who waits, the call finds the change made, which is as good.
        let waiting = "SHOW GLOBAL STATUS LIKE 'Innodb\\_row\\_lock\\_current\\_waits'";
        Node(database.plain().await).run(waiting).await[0].get::<String, _>(1) != "0"
    })
    .await;
    other.run("COMMIT").await;
    called.await.unwrap().unwrap()
}

fn assigning(store: &Arc<dyn Store>, lease: &Lease) -> JoinHandle<Result<Assignment>> {
    let (store, lease) = (Arc::clone(store), lease.clone());
    tokio::spawn(async move {
        let to = &lease.registration.worker;
        store.assign_topology(lease.term, &id(), to).await
    })
}

fn reporting(store: &Arc<dyn Store>, me: &Registration, report: Report) -> JoinHandle<Result<Reported>> {
    let (store, me) = (Arc::clone(store), me.clone());
    tokio::spawn(async move { store.report_topology(&me, &id(), &report).await })
}

pub(crate) async fn what_becomes_free_meanwhile_is_assigned_and_what_is_taken_is_not(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let (store, me, lease) = set_out(&database).await;
    let taken = "status = 'waiting', worker = 'm'";
    let assigned = while_it_waits(&database, taken, || assigning(&store, &lease)).await;
    assert_eq!(assigned, Assignment::HeldBy(me.worker.clone()));
    let free = "status = 'unassigned', worker = NULL";
    let assigned = while_it_waits(&database, free, || assigning(&store, &lease)).await;
    assert_eq!(assigned, Assignment::Assigned);
}

pub(crate) async fn a_report_counts_for_who_has_the_topology_when_its_turn_comes(kind: Kind) {
    let database = Databases::of(kind).empty().await;
    let (store, me, _) = set_out(&database).await;
    let given = "status = 'waiting', worker = 'm'";
    let reported = while_it_waits(&database, given, || reporting(&store, &me, Report::Running)).await;
    assert_eq!(reported, Reported::Accepted);
    let taken_away = "status = 'unassigned', worker = NULL";
    let reported = while_it_waits(&database, taken_away, || reporting(&store, &me, Report::Released)).await;
    assert_eq!(reported, Reported::NotHeld(None));
    let stopped = "enabled = 0, status = 'waiting', worker = 'm'";
    let reported = while_it_waits(&database, stopped, || reporting(&store, &me, Report::Running)).await;
    assert_eq!(reported, Reported::Disabled);
    // What is refused leaves nothing: registered, enabled and running is all there was.
    let history = store.topology_history(&id(), &Default::default()).await.unwrap();
    assert_eq!(history.items.len(), 3, "{history:?}");
}
