//! What operators have handed out anew.

use convoke_test_servers::Kind;
use serde_json::json;

use crate::cluster::{Cluster, add, eventually, held, state};
use crate::world::World;

const IDS: [&str; 3] = ["t0", "t1", "t2"];

fn all_of_a_worker_is_handed_out_anew(world: &World) {
    let mut cluster = Cluster::of(world, &["a"]);
    add(world, &IDS, "{}");
    cluster.join("b");
    eventually("b is there", || {
        world.attempt(&["worker", "get", "b"]).is_none().then_some(())
    });
    let requeued = world.json(&["requeue", "topologies", "--worker", "a", "--wait"]);
    let outcomes: Vec<_> = requeued.as_array().unwrap().iter().map(|it| &it["outcome"]).collect();
    assert_eq!(outcomes, ["asked"; 3]);
    // The leader spreads what nobody has.
    assert!((1..3).contains(&held(world, "a")), "a has {}", held(world, "a"));
    for id in IDS {
        assert_eq!(state(world, id).0, "running", "{id}");
    }
}

#[test]
fn all_of_a_worker_is_requeued_on_sqlite() {
    all_of_a_worker_is_handed_out_anew(&World::on_sqlite());
}

#[test]
fn all_of_a_worker_is_requeued_on_redis() {
    all_of_a_worker_is_handed_out_anew(&World::on(Kind::Redis));
}

#[test]
fn all_of_a_worker_is_requeued_on_mariadb() {
    all_of_a_worker_is_handed_out_anew(&World::on(Kind::MariaDb));
}

#[test]
fn what_is_in_error_is_tried_again() {
    let world = World::on_sqlite();
    let _cluster = Cluster::of(&world, &["a"]);
    add(&world, &["bad"], r#""fail""#);
    add(&world, &["good"], "{}");
    assert_eq!(state(&world, "bad"), ("error".to_owned(), Some("a".to_owned())));
    assert_eq!(
        world.says(&["requeue", "topologies", "--errors", "--wait"]),
        "bad is out of error"
    );
    let history = world.json(&["topology", "history", "bad", "--limit", "20"]);
    let statuses: Vec<_> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses[0], "error", "{statuses:?}");
    // Between the two errors its worker let go of it, so that it was handed out anew.
    let mut between = statuses[1..].iter().take_while(|status| **status != "error");
    assert!(between.any(|status| *status == "unassigned"), "{statuses:?}");
}

#[test]
fn what_would_not_be_handed_out_is_refused_and_nothing_is_done() {
    let world = World::on_sqlite();
    let _cluster = Cluster::of(&world, &["a"]);
    add(&world, &["t0", "t1"], "{}");
    world.says(&["topology", "disable", "t1"]);
    let (code, why) = world.fails(&["requeue", "topologies", "t0", "t1"]);
    assert!(code == 4 && why.contains("convoke topology enable"), "{why}");
    assert_eq!(world.fails(&["requeue", "topologies", "t0", "unknown"]).0, 3);
    assert_eq!(world.fails(&["requeue", "topologies", "--worker", "unknown"]).0, 3);
    assert_eq!(world.fails(&["requeue", "topologies"]).0, 2);
    assert_eq!(world.json(&["message", "peek", "a"])["items"], json!([]));
}

#[test]
fn claimed_messages_are_sent_again_and_waiting_ones_are_not() {
    let world = World::on_sqlite();
    world.says(&["worker", "register", "a"]);
    for number in ["1", "2", "3"] {
        world.says(&["message", "send", "a", "count", number]);
    }
    assert_eq!(world.says(&["requeue", "messages", "a"]), "no message is claimed");
    world.says(&["message", "receive", "a", "--max", "2", "--visibility", "1h"]);
    assert_eq!(world.fails(&["requeue", "messages", "a", "3"]).0, 4);
    assert_eq!(
        world.json(&["requeue", "messages", "a", "2"]),
        json!([{ "message": 2, "copy": 4 }])
    );
    assert_eq!(
        world.says(&["requeue", "messages", "a"]),
        "message 1 is sent again as 5\nmessage 2 is sent again as 6"
    );
    let taken = world.json(&["message", "take", "a", "--max", "9"]);
    let contents: Vec<_> = taken
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["content"].as_u64().unwrap())
        .collect();
    assert_eq!(contents, [3, 2, 1, 2]);
    assert_eq!(world.fails(&["requeue", "messages", "nobody"]).0, 3);
}
