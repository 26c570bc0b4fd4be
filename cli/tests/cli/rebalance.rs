//! What operators see of a rebalancing before it is done, and that it is done.

use convoke_test_servers::Kind;
use serde_json::json;

use crate::cluster::{Cluster, add, eventually, held};
use crate::world::World;

fn what_is_shown_first_is_what_is_done(world: &World) {
    let mut cluster = Cluster::of(world, &["a"]);
    add(world, &["t0", "t1", "t2", "t3"], "{}");
    cluster.join("b");
    eventually("b is there", || {
        world.attempt(&["worker", "get", "b"]).is_none().then_some(())
    });
    let plan = world.json(&["rebalance", "--dry-run"]);
    assert_eq!((&plan["cost_before"], &plan["cost_after"]), (&json!(16.0), &json!(8.0)));
    let moves = plan["moves"].as_array().unwrap();
    assert_eq!(moves.len(), 2);
    assert!(
        moves
            .iter()
            .all(|it| it["from"] == "a" && it["to"] == "b" && it["weight"] == 1.0)
    );
    assert_eq!(held(world, "b"), 0, "a look changed something");

    let text = world.says(&["rebalance", "--wait"]);
    assert!(
        text.ends_with("2 topologies are to move: cost 16.00 → 8.00; a, who leads, was asked to rebalance"),
        "{text}"
    );
    assert_eq!((held(world, "a"), held(world, "b")), (2, 2));
    for step in moves {
        let id = step["topology"].as_str().unwrap();
        assert_eq!(
            crate::cluster::state(world, id),
            ("running".to_owned(), Some("b".to_owned()))
        );
    }
    assert!(
        world
            .says(&["rebalance", "--dry-run"])
            .starts_with("nothing is to move")
    );
}

#[test]
fn the_load_is_evened_out_on_sqlite() {
    what_is_shown_first_is_what_is_done(&World::on_sqlite());
}

#[test]
fn the_load_is_evened_out_on_redis() {
    what_is_shown_first_is_what_is_done(&World::on(Kind::Redis));
}

#[test]
fn the_load_is_evened_out_on_mariadb() {
    what_is_shown_first_is_what_is_done(&World::on(Kind::MariaDb));
}

#[test]
fn without_a_leader_nobody_rebalances() {
    let world = World::on_sqlite();
    let (code, why) = world.fails(&["rebalance"]);
    assert!(code == 4 && why.contains("nobody leads"), "{why}");
    assert_eq!(
        world.says(&["rebalance", "--dry-run"]),
        "nothing is to move: cost 0.00 → 0.00"
    );
}
