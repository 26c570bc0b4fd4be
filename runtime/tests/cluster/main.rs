//! Members of a cluster in one process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests fail the test.

mod failing;
mod stores;
mod world;

use std::sync::atomic::Ordering;
use std::time::Duration;

use convoke_core::{ErrorKind, TopologyStatus, Ttl, WorkerStatus};
use convoke_runtime::{ClusterSettings, LeaderSettings, REBALANCE, WorkerSettings};
use world::{Cable, World, cluster, eventually, name};

#[tokio::test]
async fn each_enabled_topology_runs_on_one_worker_and_the_load_is_even() {
    let world = World::new();
    let members = ["a", "b", "c"].map(|name| world.join(name));
    eventually("all are there", || async {
        world.store.count_workers().await.unwrap().leader == 1
    })
    .await;
    eventually("all are there", || async { workers_alive(&world).await == 3 }).await;
    let ids = world.add("t", 9, "run").await;
    world.all_run(&ids).await;
    assert_eq!(["a", "b", "c"].map(|name| world.on(&ids, name)), [3, 3, 3]);
    eventually("processes are reported", || async {
        let mut reported = true;
        for id in &ids {
            reported &= world.topology(id).await.pid == Some(7);
        }
        reported
    })
    .await;
    for member in members {
        member.end().await.unwrap();
    }
    world.book.assert_never_twice();
}

#[tokio::test]
async fn what_a_crashed_worker_ran_runs_elsewhere_after_its_time_out_and_not_before() {
    let world = World::new();
    let (first, second) = (world.join("a"), world.join("b"));
    eventually("both are there", || async { workers_alive(&world).await == 2 }).await;
    let ids = world.add("t", 6, "run").await;
    world.all_run(&ids).await;
    second.crash().await;
    eventually("all run on the other", || async { world.on(&ids, "a") == 6 }).await;
    world.book.assert_never_twice();
    eventually("it is unloaded", || async {
        world.store.get_worker(&name("b")).await.unwrap().status == WorkerStatus::Unloaded
    })
    .await;
    first.end().await.unwrap();
}

#[tokio::test]
async fn a_worker_that_ends_in_good_order_hands_its_work_over_at_once() {
    let world = World::new();
    let (first, second) = (world.join("a"), world.join("b"));
    eventually("both are there", || async { workers_alive(&world).await == 2 }).await;
    let ids = world.add("t", 6, "run").await;
    world.all_run(&ids).await;
    // The greater name leads: the lead is handed over as well.
    second.end().await.unwrap();
    assert_eq!(
        world.store.get_worker(&name("b")).await.unwrap().status,
        WorkerStatus::Unloaded
    );
    eventually("all run on the other", || async { world.on(&ids, "a") == 6 }).await;
    first.end().await.unwrap();
    world.book.assert_never_twice();
}

#[tokio::test]
async fn a_unit_that_fails_or_panics_is_in_error_and_begins_again_and_disturbs_nobody() {
    let world = World::new();
    let member = world.join("a");
    let good = world.add("good", 2, "run").await;
    let bad = world.add("bad", 1, "fail").await;
    let worse = world.add("worse", 1, "panic").await;
    eventually("both begin again", || async {
        world.book.runs(&bad[0]).len() > 2 && world.book.runs(&worse[0]).len() > 2
    })
    .await;
    eventually("the error is seen", || async {
        let topology = world.topology(&bad[0]).await;
        topology.status == TopologyStatus::Error
            && topology
                .error
                .is_some_and(|text| text.as_str() == "it can't be done: é ' ?")
    })
    .await;
    world.all_run(&good).await;
    assert!(good.iter().all(|id| world.book.runs(id).len() == 1));
    member.end().await.unwrap();
}

#[tokio::test]
async fn a_unit_that_is_done_is_disabled_and_not_run_again() {
    let world = World::new();
    let member = world.join("a");
    let ids = world.add("t", 1, "done").await;
    eventually("it is done", || async {
        let topology = world.topology(&ids[0]).await;
        !topology.enabled && topology.status == TopologyStatus::Unassigned
    })
    .await;
    member.end().await.unwrap();
    assert_eq!(world.book.runs(&ids[0]).len(), 1);
}

#[tokio::test]
async fn stop_ends_a_unit_and_one_that_does_not_stop_is_dropped() {
    let world = World::new();
    let member = world.join("a");
    let ids = [world.add("t", 1, "run").await, world.add("s", 1, "stubborn").await].concat();
    world.all_run(&ids).await;
    for id in &ids {
        assert_eq!(world.store.stop_topology(id).await.unwrap(), Some(name("a")));
    }
    for id in &ids {
        eventually("it has stopped", || async {
            world.topology(id).await.status == TopologyStatus::Unassigned
        })
        .await;
        assert_eq!(world.book.runners(id), Vec::<String>::new());
    }
    member.end().await.unwrap();
}

#[tokio::test]
async fn a_unit_that_is_disabled_ends_in_good_order_though_nobody_tells_its_worker() {
    let world = World::new();
    let member = world.join("a");
    let ids = world.add("t", 2, "run").await;
    world.all_run(&ids).await;
    world.store.disable_topology(&ids[0]).await.unwrap();
    eventually("it is let go of", || async {
        let topology = world.topology(&ids[0]).await;
        (topology.status, topology.worker) == (TopologyStatus::Unassigned, None)
    })
    .await;
    let run = &world.book.runs(&ids[0])[0];
    assert!(run.until.is_some() && run.was_asked_to_stop, "{run:?}");
    world.store.enable_topology(&ids[0]).await.unwrap();
    world.all_run(&ids).await;
    assert_eq!(world.book.runs(&ids[1]).len(), 1, "the other one was left alone");
    member.end().await.unwrap();
    world.book.assert_never_twice();
}

#[tokio::test]
async fn kill_drops_a_unit_that_does_not_stop() {
    let world = World::new();
    // It might take a minute to stop; killing does not wait for that.
    let patient = world::settings().with_stop_within(Duration::from_secs(60));
    let member = world.join_with(std::sync::Arc::clone(&world.store), "a", patient);
    let ids = world.add("s", 1, "stubborn").await;
    world.all_run(&ids).await;
    world.store.kill_topology(&ids[0]).await.unwrap();
    eventually("it is dropped", || async {
        world.topology(&ids[0]).await.status == TopologyStatus::Unassigned
    })
    .await;
    member.end().await.unwrap();
}

#[tokio::test]
async fn a_drained_worker_takes_nothing_and_what_it_had_runs_elsewhere() {
    let world = World::new();
    let (first, second) = (world.join("a"), world.join("b"));
    eventually("both are there", || async { workers_alive(&world).await == 2 }).await;
    let ids = world.add("t", 6, "run").await;
    world.all_run(&ids).await;
    world.tell(&first.name, convoke_runtime::DRAIN).await;
    eventually("all run on the other", || async { world.on(&ids, "b") == 6 }).await;
    let late = world.add("late", 2, "run").await;
    world.all_run(&late).await;
    assert_eq!(world.on(&late, "b"), 2);
    world.book.assert_never_twice();
    first.end().await.unwrap();
    second.end().await.unwrap();
}

#[tokio::test]
async fn a_worker_that_joins_gets_its_share_when_the_leader_is_asked_to_rebalance() {
    let world = World::new();
    let first = world.join("b");
    let ids = world.add("t", 6, "run").await;
    world.all_run(&ids).await;
    let second = world.join("a");
    eventually("both are there", || async { workers_alive(&world).await == 2 }).await;
    let leader = world.store.leader().await.unwrap().unwrap().worker;
    world.tell(&leader, REBALANCE).await;
    eventually("the load is even", || async {
        world.on(&ids, "a") == 3 && world.on(&ids, "b") == 3
    })
    .await;
    world.book.assert_never_twice();
    first.end().await.unwrap();
    second.end().await.unwrap();
}

#[tokio::test]
async fn a_worker_that_loses_the_store_ends_its_units_before_others_begin_them_and_comes_back_by_itself() {
    let world = World::new();
    let cable = Cable::to(&world.store);
    let (first, second) = (world.join("a"), world.join_on(cable.plug(), "b"));
    eventually("both are there", || async { workers_alive(&world).await == 2 }).await;
    let ids = [world.add("t", 4, "run").await, world.add("s", 2, "stubborn").await].concat();
    world.all_run(&ids).await;
    cable.cut.store(true, Ordering::SeqCst);
    eventually("all run on the other", || async { world.on(&ids, "a") == 6 }).await;
    world.book.assert_never_twice();
    cable.cut.store(false, Ordering::SeqCst);
    eventually("it is alive again", || async {
        world.store.get_worker(&name("b")).await.unwrap().status == WorkerStatus::Alive
    })
    .await;
    let late = world.add("late", 3, "run").await;
    world.all_run(&late).await;
    assert_eq!(world.on(&late, "b"), 3);
    world.book.assert_never_twice();
    first.end().await.unwrap();
    second.end().await.unwrap();
}

#[tokio::test]
async fn what_stops_because_pings_do_not_arrive_is_not_done_and_begins_again() {
    let world = World::new();
    let cable = Cable::to(&world.store);
    let member = world.join_on(cable.plug(), "a");
    let ids = world.add("t", 2, "run").await;
    world.all_run(&ids).await;
    cable.pings_cut.store(true, Ordering::SeqCst);
    eventually("all have stopped", || async {
        ids.iter().all(|id| world.book.runners(id).is_empty())
    })
    .await;
    cable.pings_cut.store(false, Ordering::SeqCst);
    world.all_run(&ids).await;
    member.end().await.unwrap();
    world.book.assert_never_twice();
}

#[tokio::test]
async fn a_worker_that_receives_all_the_time_needs_no_pings() {
    let world = World::new();
    let cable = Cable::to(&world.store);
    let mut settings = world::settings();
    settings.poll_every = settings.ping_every / 10;
    let beats = 8 * settings.ping_every;
    let begun = std::time::Instant::now();
    let member = world.join_with(cable.plug(), "a", settings);
    eventually("some beats are over", || async { begun.elapsed() > beats }).await;
    // One when it registers; on a busy host there may be no receive between two beats.
    let (pings, receives) = (cable.calls("ping_worker"), cable.calls("receive_messages"));
    assert!(pings <= 4 && receives > 8, "{pings} pings, {receives} receives");
    member.end().await.unwrap();
}

#[tokio::test]
async fn a_worker_that_only_waits_for_messages_pings() {
    let world = World::new();
    let cable = Cable::to(&world.store);
    let mut settings = world::settings();
    settings.poll_every = Duration::from_secs(60);
    let member = world.join_with(cable.plug(), "a", settings);
    eventually("it pings", || async { cable.calls("ping_worker") > 4 }).await;
    assert!(cable.calls("receive_messages") < 4);
    member.end().await.unwrap();
}

#[tokio::test]
async fn a_ping_that_is_never_answered_costs_no_unit() {
    let world = World::new();
    let cable = Cable::to(&world.store);
    let mut settings = world::settings();
    // Otherwise the store hears of the worker when it receives messages.
    settings.poll_every = Duration::from_secs(60);
    let timeout = settings.cluster.timeouts.worker.as_duration();
    let member = world.join_with(cable.plug(), "a", settings);
    let ids = world.add("t", 2, "run").await;
    world.all_run(&ids).await;
    cable.hang_once("ping_worker");
    eventually("a ping hangs", || async { cable.has_hung() }).await;
    let hung = std::time::Instant::now();
    eventually("a time-out is over", || async { hung.elapsed() > timeout }).await;
    for id in &ids {
        let runs = world.book.runs(id);
        assert!(runs.len() == 1 && runs[0].until.is_none(), "{runs:?}");
    }
    member.end().await.unwrap();
}

#[tokio::test]
async fn a_renewal_that_is_never_answered_costs_no_lead() {
    let world = World::new();
    let cable = Cable::to(&world.store);
    let member = world.join_on(cable.plug(), "a");
    eventually("it leads", || async { world.store.leader().await.unwrap().is_some() }).await;
    let term = world.store.leader().await.unwrap().unwrap().term;
    cable.hang_once("renew_lease");
    eventually("a renewal hangs", || async { cable.has_hung() }).await;
    let hung = std::time::Instant::now();
    eventually("a lease is over", || async {
        hung.elapsed() > cluster().lead.as_duration()
    })
    .await;
    assert_eq!(
        world.store.leader().await.unwrap().map(|leader| leader.term),
        Some(term)
    );
    member.end().await.unwrap();
}

#[tokio::test]
async fn members_that_do_not_lead_only_read() {
    let world = World::new();
    let first = world.join("b");
    eventually("it leads", || async { world.store.leader().await.unwrap().is_some() }).await;
    let cable = Cable::to(&world.store);
    let second = world.join_on(cable.plug(), "a");
    eventually("it has looked some times", || async { cable.calls("leader") > 3 }).await;
    assert_eq!(
        ["campaign", "refresh_statuses"].map(|operation| cable.calls(operation)),
        [0, 0]
    );
    second.end().await.unwrap();
    first.end().await.unwrap();
}

#[tokio::test]
async fn what_the_store_took_away_is_ended() {
    let world = World::new();
    let patient = world::settings().with_stop_within(Duration::from_secs(60));
    let member = world.join_with(std::sync::Arc::clone(&world.store), "a", patient);
    let ids = world.add("s", 1, "stubborn").await;
    world.all_run(&ids).await;
    world.store.disable_topology(&ids[0]).await.unwrap();
    world
        .store
        .set_worker_status(&member.name, None, WorkerStatus::Dead)
        .await
        .unwrap();
    // At once, before the worker says that it lives nevertheless.
    world.store.refresh_statuses(&cluster().timeouts).await.unwrap();
    eventually("it has ended", || async { world.book.runners(&ids[0]).is_empty() }).await;
    eventually("it is alive nevertheless", || async {
        workers_alive(&world).await == 1
    })
    .await;
    member.end().await.unwrap();
}

#[tokio::test]
async fn a_dormant_worker_takes_no_work() {
    let world = World::new();
    let always = convoke_runtime::Dormancy::new("* * * * * *", "UTC").unwrap();
    let sleeper = world.join_with(
        std::sync::Arc::clone(&world.store),
        "b",
        world::settings().with_dormancy(always),
    );
    eventually("it sleeps", || async {
        let worker = world.store.get_worker(&name("b")).await;
        worker.is_ok_and(|worker| worker.status == WorkerStatus::Disabled)
    })
    .await;
    let member = world.join("a");
    let ids = world.add("t", 4, "run").await;
    eventually("all run on the other", || async { world.on(&ids, "a") == 4 }).await;
    member.end().await.unwrap();
    sleeper.end().await.unwrap();
}

#[tokio::test]
async fn when_all_lose_the_store_all_stop_and_all_go_on_where_they_were() {
    let world = World::new();
    let cable = Cable::to(&world.store);
    let members = ["a", "b"].map(|name| world.join_on(cable.plug(), name));
    eventually("both are there", || async { workers_alive(&world).await == 2 }).await;
    let ids = world.add("t", 4, "run").await;
    world.all_run(&ids).await;
    cable.cut.store(true, Ordering::SeqCst);
    eventually("all have stopped", || async {
        ids.iter().all(|id| world.book.runners(id).is_empty())
    })
    .await;
    cable.cut.store(false, Ordering::SeqCst);
    world.all_run(&ids).await;
    for member in members {
        member.end().await.unwrap();
    }
    world.book.assert_never_twice();
}

#[tokio::test]
async fn whoever_takes_over_a_name_ends_the_one_before_and_starts_nothing_beside_it() {
    let world = World::new();
    let old = world.join("a");
    let ids = world.add("t", 3, "run").await;
    world.all_run(&ids).await;
    let new = world.join("a");
    assert!(old.ended().await.unwrap_err().is_fenced());
    eventually("they run again", || async {
        ids.iter().all(|id| world.book.runs(id).len() == 2)
    })
    .await;
    world.all_run(&ids).await;
    world.book.assert_never_twice();
    new.end().await.unwrap();
}

#[tokio::test]
async fn members_that_keep_time_otherwise_are_refused() {
    let world = World::new();
    let member = world.join("a");
    eventually("it is there", || async { workers_alive(&world).await == 1 }).await;
    let timeouts = cluster().timeouts.with_worker(Ttl::from_secs(7));
    let other = WorkerSettings::of(ClusterSettings::default().with_timeouts(timeouts));
    let work = std::sync::Arc::new(world::Scripted {
        book: world.book.clone(),
        worker: "b".to_owned(),
    });
    let store = std::sync::Arc::clone(&world.store);
    let shutdown = tokio_util::sync::CancellationToken::new();
    let refused = convoke_runtime::join(store, name("b"), work, other, LeaderSettings::default(), shutdown).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Conflict);
    member.end().await.unwrap();
}

async fn workers_alive(world: &World) -> usize {
    let page = convoke_core::Page::default();
    let workers = world.store.list_workers(&page).await.unwrap().items;
    workers
        .iter()
        .filter(|worker| worker.status == WorkerStatus::Alive)
        .count()
}
