//! `convoke agent`: units that are processes, what ends them, and who runs them then.

use std::time::Duration;

use rustix::process::Signal;

use crate::units::{Cluster, TTL};
use crate::world::World;

#[test]
fn a_unit_runs_on_one_agent_and_after_that_one_is_killed_on_another() {
    fail_over(&World::on_sqlite());
}

fn fail_over(world: &World) {
    let cluster = Cluster::of(world);
    let mut agents = vec![cluster.agent("a"), cluster.agent("b")];
    for id in ["one", "two", "three", "four"] {
        cluster.register_stamping(id);
    }
    for id in ["one", "two", "three", "four"] {
        let run = cluster.running(id, 0);
        if run.agent == "a" {
            continue;
        }
    }
    let killed_at = crate::world::now();
    agents[0].signal(Signal::KILL);
    agents[0].end();
    for id in ["one", "two", "three", "four"] {
        let run = cluster.running_on(id, "b", killed_at);
        assert!(
            Duration::from_nanos(run.last.saturating_sub(killed_at)) < TTL + Duration::from_secs(20),
            "{run:?}"
        );
    }
    cluster.assert_never_twice_at_a_time();
}
