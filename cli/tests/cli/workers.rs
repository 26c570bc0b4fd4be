//! What operators ask of workers, and whether they do it.

use convoke_test_servers::Kind;
use serde_json::json;

use crate::cluster::{Cluster, add, eventually, held, state};
use crate::world::World;

const IDS: [&str; 4] = ["t0", "t1", "t2", "t3"];

/// The status of a worker.
fn status(world: &World, name: &str) -> String {
    world.json(&["worker", "get", name])["status"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn a_drained_worker_has_nothing_and_the_others_have_all(world: &World) {
    let _cluster = Cluster::of(world, &["a", "b"]);
    add(world, &IDS, "{}");
    assert_eq!((held(world, "a"), held(world, "b")), (2, 2));
    assert_eq!(
        world.says(&["worker", "drain", "a", "--wait"]),
        "a was told to take no work, and to let go of what it has"
    );
    assert_eq!((status(world, "a").as_str(), held(world, "a")), ("disabled", 0));
    eventually("b runs all", || (held(world, "b") == 4).then_some(()));
    assert_eq!(
        world.says(&["worker", "enable", "a", "--wait"]),
        "a was told to take work"
    );
    assert_eq!(status(world, "a"), "alive");
    assert_eq!(world.says(&["worker", "enable", "a"]), "a: nothing to do");
}

#[test]
fn a_worker_is_drained_on_sqlite() {
    a_drained_worker_has_nothing_and_the_others_have_all(&World::on_sqlite());
}

#[test]
fn a_worker_is_drained_on_redis() {
    a_drained_worker_has_nothing_and_the_others_have_all(&World::on(Kind::Redis));
}

#[test]
fn a_worker_is_drained_on_mariadb() {
    a_drained_worker_has_nothing_and_the_others_have_all(&World::on(Kind::MariaDb));
}

#[test]
fn a_disabled_worker_goes_on_with_what_it_has() {
    let world = World::on_sqlite();
    let cluster = Cluster::of(&world, &["a"]);
    add(&world, &["t0"], "{}");
    world.says(&["worker", "disable", "a", "--wait"]);
    assert_eq!(status(&world, "a"), "disabled");
    assert_eq!(state(&world, "t0"), ("running".to_owned(), Some("a".to_owned())));
    assert!(!cluster.has_ended("a"));
}

#[test]
fn all_workers_end_in_good_order_when_all_are_told_to() {
    let world = World::on_sqlite();
    let cluster = Cluster::of(&world, &["a", "b"]);
    add(&world, &IDS, "{}");
    world.says(&["worker", "register", "gone"]);
    world.says(&["worker", "status", "gone", "unloaded"]);
    let asked = world.json(&["worker", "shutdown", "--all", "--wait"]);
    assert_eq!(
        asked,
        json!([
            { "worker": "a", "outcome": "told" },
            { "worker": "b", "outcome": "told" },
            { "worker": "gone", "outcome": "already" },
        ])
    );
    eventually("both have ended", || {
        (cluster.has_ended("a") && cluster.has_ended("b")).then_some(())
    });
    for id in IDS {
        assert_eq!(state(&world, id), ("unassigned".to_owned(), None));
    }
    world.says(&["worker", "delete", "a"]);
}

#[test]
fn from_a_worker_that_is_gone_its_work_is_taken_away() {
    let world = World::on_sqlite();
    let mut cluster = Cluster::of(&world, &["a"]);
    add(&world, &["t0"], "{}");
    // Disabled before it crashed, it is never found dead by itself.
    world.says(&["worker", "disable", "a", "--wait"]);
    cluster.crash("a");
    eventually("a is silent", || {
        let (code, why) = world.attempt(&["worker", "shutdown", "a"])?;
        assert!(code == 4 && why.contains("convoke worker drain"), "{why}");
        Some(())
    });
    assert_eq!(state(&world, "t0").1.as_deref(), Some("a"));
    assert_eq!(
        world.says(&["worker", "drain", "a", "--wait"]),
        "a is gone; what it had was taken away"
    );
    assert_eq!(state(&world, "t0"), ("unassigned".to_owned(), None));
    assert_eq!(status(&world, "a"), "dead");
    assert_eq!(world.fails(&["worker", "delete", "a"]).0, 4);
    world.says(&["worker", "delete", "a", "--dead"]);
    assert_eq!(world.fails(&["worker", "get", "a"]).0, 3);
}

#[test]
fn nobody_is_asked_when_one_of_the_named_cannot_do_it() {
    let world = World::on_sqlite();
    world.says(&["worker", "register", "a"]);
    world.says(&["worker", "register", "dead"]);
    world.says(&["worker", "status", "dead", "dead"]);
    let (code, why) = world.fails(&["worker", "disable", "a", "dead"]);
    assert!(code == 4 && why.contains("its process is gone"), "{why}");
    assert_eq!(world.fails(&["worker", "disable", "a", "nobody"]).0, 3);
    assert_eq!(world.json(&["message", "peek", "a"])["items"], json!([]));
    assert_eq!(world.fails(&["worker", "disable"]).0, 2);
}

#[test]
fn what_does_not_come_in_time_is_said_with_an_exit_code_of_its_own() {
    let world = World::on_sqlite();
    // Nobody reads its messages.
    world.says(&["worker", "register", "a"]);
    let (code, why) = world.fails(&["worker", "disable", "a", "--wait=100ms"]);
    assert!(code == 10 && why.contains("a is alive"), "{why}");
    let (code, why) = world.fails(&["worker", "disable", "a", "--wait=100ms", "--json"]);
    assert!(code == 10 && why.contains("not_in_time"), "{why}");
}
