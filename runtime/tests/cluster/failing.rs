//! Units that fail, or take their time to be gone.

use std::sync::Arc;
use std::time::Duration;

use convoke_core::{TopologyId, TopologyStatus, async_trait};
use convoke_runtime::{Failure, LeaderSettings, Unit, Work, join};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::world::{Member, World, eventually, name, settings};

/// A member that waits for an hour before it starts again what failed.
fn patient(world: &World, text: &str) -> Member {
    let hour = Duration::from_secs(3_600);
    world.join_with(
        Arc::clone(&world.store),
        text,
        settings().with_restart_after(hour, hour),
    )
}

async fn is_in_error(world: &World, id: &TopologyId) {
    eventually("it is in error", || async {
        world.topology(id).await.status == TopologyStatus::Error
    })
    .await;
}

#[tokio::test]
async fn a_failure_for_good_stays_in_error_until_an_operator_clears_it() {
    let world = World::new();
    let member = world.join("a");
    let given_up = world.add("given up", 1, "give up").await;
    let others = world.add("other", 1, "fail").await;
    eventually("it is let go of", || async {
        let topology = world.topology(&given_up[0]).await;
        topology.status == TopologyStatus::Error && topology.worker.is_none()
    })
    .await;
    eventually("another one begins again", || async {
        world.book.runs(&others[0]).len() > 3
    })
    .await;
    let topology = world.topology(&given_up[0]).await;
    assert_eq!(topology.error.unwrap().as_str(), "it can never be done");
    assert_eq!(world.book.runs(&given_up[0]).len(), 1);
    world.store.clear_topology_error(&given_up[0]).await.unwrap();
    eventually("it is tried again", || async {
        world.book.runs(&given_up[0]).len() == 2
    })
    .await;
    member.end().await.unwrap();
}

#[tokio::test]
async fn what_waits_to_be_started_again_begins_elsewhere_when_its_worker_ends() {
    let world = World::new();
    let first = patient(&world, "a");
    let ids = world.add("t", 1, "fail once").await;
    is_in_error(&world, &ids[0]).await;
    let second = world.join("b");
    first.end().await.unwrap();
    eventually("it runs elsewhere", || async { world.on(&ids, "b") == 1 }).await;
    second.end().await.unwrap();
}

#[tokio::test]
async fn what_waits_to_be_started_again_begins_elsewhere_when_its_worker_dies() {
    let world = World::new();
    let first = patient(&world, "a");
    let ids = world.add("t", 1, "fail once").await;
    is_in_error(&world, &ids[0]).await;
    let second = world.join("b");
    first.crash().await;
    eventually("it runs elsewhere", || async { world.on(&ids, "b") == 1 }).await;
    second.end().await.unwrap();
}

/// Work of which something is left until it is permitted to be gone.
struct Lingering(Arc<Semaphore>);

#[async_trait]
impl Work for Lingering {
    async fn run(&self, unit: Unit) -> Result<(), Failure> {
        unit.set_process(Some(9));
        unit.stopped().await;
        unit.set_process(None);
        Ok(())
    }

    async fn gone(&self, _topology: &TopologyId) {
        let _permit = self.0.acquire().await;
    }
}

#[tokio::test]
async fn a_unit_is_not_let_go_of_before_nothing_is_left_of_it() {
    let world = World::new();
    let (permits, shutdown) = (Arc::new(Semaphore::new(0)), CancellationToken::new());
    let member = tokio::spawn(join(
        Arc::clone(&world.store),
        name("a"),
        Arc::new(Lingering(Arc::clone(&permits))),
        settings(),
        LeaderSettings::of(settings().cluster),
        shutdown.clone(),
    ));
    let ids = world.add("t", 1, "run").await;
    eventually("it runs", || async { world.topology(&ids[0]).await.pid == Some(9) }).await;
    world.store.stop_topology(&ids[0]).await.unwrap();
    eventually("it has stopped", || async {
        world.topology(&ids[0]).await.pid.is_none()
    })
    .await;
    let topology = world.topology(&ids[0]).await;
    assert_eq!(
        (topology.status, topology.worker),
        (TopologyStatus::Running, Some(name("a")))
    );
    permits.add_permits(1);
    eventually("it is let go of", || async {
        world.topology(&ids[0]).await.status == TopologyStatus::Unassigned
    })
    .await;
    shutdown.cancel();
    member.await.unwrap().unwrap();
}
