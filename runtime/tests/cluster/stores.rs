//! The same cluster on every store: nothing in it knows which one it is.

use std::sync::Arc;
use std::time::Duration;

use convoke_core::{Timeouts, Ttl};
use convoke_runtime::{ClusterSettings, WorkerSettings};
use convoke_test_servers::{Kind, shared};

use crate::world::{Member, World, eventually};

const UNITS: usize = 12;
const ROUNDS: usize = 4;

/// Long enough for a busy machine, short enough to crash several members.
fn settings() -> WorkerSettings {
    let timeout = Ttl::from_millis(1_500);
    let timeouts = Timeouts::default().with_worker(timeout).with_waiting(timeout);
    let cluster = ClusterSettings::default()
        .with_timeouts(timeouts)
        .with_lead(Ttl::from_millis(1_000));
    WorkerSettings::of(cluster)
        .with_reconcile_every(Duration::from_millis(500))
        .with_stop_within(Duration::from_millis(300))
}

/// Members crash and join, one at a time and the leader among them; every unit runs once at most at every moment, and once
/// again afterwards.
async fn survives_crashes(url: String) {
    let world = World::over(convoke::open(&url).await.unwrap());
    let mut members = Vec::new();
    for number in 0..3 {
        members.push(join(&world, &url, number).await);
    }
    let ids = world.add("t", UNITS, "run").await;
    world.all_run(&ids).await;
    for round in 0..ROUNDS {
        let leader = world.store.leader().await.unwrap().map(|leader| leader.worker);
        let is_leader = |member: &Member| Some(&member.name) == leader.as_ref();
        let victim = if round % 2 == 0 {
            members.iter().position(is_leader)
        } else {
            None
        };
        members.swap_remove(victim.unwrap_or(0)).crash().await;
        members.push(join(&world, &url, 3 + round).await);
        world.all_run(&ids).await;
    }
    for member in members {
        member.end().await.unwrap();
    }
    eventually("all have ended", || async {
        ids.iter().all(|id| world.book.runners(id).is_empty())
    })
    .await;
    world.book.assert_never_twice();
}

/// Joins over a handle of its own, as another process does.
async fn join(world: &World, url: &str, number: usize) -> Member {
    let store = convoke::open(url).await.unwrap();
    world.join_with(store, &format!("m{number}"), settings())
}

async fn on_server(kind: Kind) {
    let server = tokio::task::spawn_blocking(move || shared(kind).unwrap())
        .await
        .unwrap();
    let name = format!("runtime_{}", std::process::id());
    let url = match kind {
        Kind::Redis | Kind::Valkey => format!("{}?namespace={name}", server.url()),
        Kind::MariaDb | Kind::MySql => {
            database(server.url(), &name).await;
            format!("{}{name}", server.url())
        }
    };
    survives_crashes(url).await;
}

async fn database(server: &str, name: &str) {
    use sqlx::{AssertSqlSafe, Connection, Executor};
    let mut connection = sqlx::MySqlConnection::connect(server).await.unwrap();
    // The name is made of this process's number.
    connection
        .execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_survives_crashes_on_memory() {
    survives_crashes("memory:crashes".to_owned()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_survives_crashes_on_sqlite() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    survives_crashes(format!("sqlite://{}", directory.path().join("store.db").display())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_survives_crashes_on_mariadb() {
    on_server(Kind::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_survives_crashes_on_mysql() {
    on_server(Kind::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_survives_crashes_on_redis() {
    on_server(Kind::Redis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_survives_crashes_on_valkey() {
    on_server(Kind::Valkey).await;
}
