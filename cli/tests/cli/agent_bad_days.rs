//! `convoke agent` on a bad day, on several stores: killed, stopped, cut off. A unit never runs twice at a time.

use std::time::Duration;

use convoke_test_servers::{Kind, private};
use rustix::process::Signal;

use crate::units::{Cluster, TTL};
use crate::world::{World, now, until};

const UNITS: [&str; 3] = ["one", "two", "three"];

fn nanos(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap()
}

/// The agents are killed and started again one after the other.
fn killed_agents(world: &World) {
    let cluster = Cluster::of(world, TTL);
    let mut agents = ["a", "b"].map(|name| cluster.agent(name));
    UNITS.iter().for_each(|id| cluster.register_stamping(id));
    UNITS.iter().for_each(|id| drop(cluster.running(id)));
    for victim in &mut agents {
        let (name, killed_at) = (victim.name.clone(), now());
        victim.signal(Signal::KILL);
        victim.end();
        for id in UNITS {
            let run = cluster.running_since(id, killed_at, |run| run.agent != name);
            let took = Duration::from_nanos(run.first.saturating_sub(killed_at));
            assert!(took < TTL * 3, "{id} took {took:?}");
        }
        *victim = cluster.agent(&name);
        victim.wait_until_it_says("registered");
    }
    UNITS.iter().for_each(|id| cluster.assert_never_twice_at_a_time(id));
}

#[test]
fn on_sqlite_the_units_of_a_killed_agent_run_elsewhere_and_never_twice_at_a_time() {
    killed_agents(&World::on_sqlite());
}

#[test]
fn on_redis_the_units_of_a_killed_agent_run_elsewhere_and_never_twice_at_a_time() {
    killed_agents(&World::on(Kind::Redis));
}

#[test]
fn on_mariadb_the_units_of_a_killed_agent_run_elsewhere_and_never_twice_at_a_time() {
    killed_agents(&World::on(Kind::MariaDb));
}

/// An agent is stopped until its units run elsewhere, and goes on then.
fn a_stopped_agent(world: &World) {
    let cluster = Cluster::of(world, TTL);
    let stopped = cluster.agent("a");
    UNITS.iter().for_each(|id| cluster.register_stamping(id));
    UNITS.iter().for_each(|id| drop(cluster.running(id)));
    let other = cluster.agent("b");
    other.wait_until_it_says("registered");
    let stopped_at = now();
    stopped.signal(Signal::STOP);
    for id in UNITS {
        cluster.running_since(id, stopped_at, |run| run.agent == "b");
        let before = cluster.runs(id)[0].clone();
        assert!(
            before.last < stopped_at + nanos(TTL),
            "{id} outlived its agent's lease: {before:?}"
        );
    }
    let went_on_at = now();
    stopped.signal(Signal::CONT);
    // It lives again, and leaves what is another's alone.
    until("a is heard of again", || {
        let worker = world.json(&["worker", "get", "a"]);
        (worker["status"] == "alive").then_some(())
    });
    for id in UNITS {
        assert_eq!(
            cluster.running_since(id, went_on_at + nanos(TTL) / 3, |_| true).agent,
            "b"
        );
        cluster.assert_never_twice_at_a_time(id);
    }
}

#[test]
fn on_redis_a_stopped_agent_has_no_units_when_others_run_them_nor_when_it_goes_on() {
    a_stopped_agent(&World::on(Kind::Redis));
}

#[test]
fn on_mariadb_a_stopped_agent_has_no_units_when_others_run_them_nor_when_it_goes_on() {
    a_stopped_agent(&World::on(Kind::MariaDb));
}

#[test]
fn on_sqlite_a_stopped_agent_goes_on_when_its_units_are_gone_and_runs_them_again() {
    let world = World::on_sqlite();
    let cluster = Cluster::of(&world, TTL);
    let agent = cluster.agent("a");
    cluster.register_stamping("one");
    let first = cluster.running("one");
    let stopped_at = now();
    agent.signal(Signal::STOP);
    // Its guard lets it go on: it might have been stopped while it held the file's lock.
    cluster.running_since("one", stopped_at, |run| run.pid != first.pid);
    let first = cluster.runs("one")[0].clone();
    assert!(first.last < stopped_at + nanos(TTL), "{first:?}");
    cluster.assert_never_twice_at_a_time("one");
}

/// The store does not answer, its connections stay open; then it is gone; then it is back.
fn a_store_that_fails_and_comes_back(kind: Kind) {
    let mut server = private(kind).unwrap();
    let world = World::at(&server);
    let cluster = Cluster::of(&world, TTL);
    let agents = ["a", "b"].map(|name| cluster.agent(name));
    UNITS.iter().for_each(|id| cluster.register_stamping(id));
    UNITS.iter().for_each(|id| drop(cluster.running(id)));
    for outage in 0..2 {
        let before = UNITS.map(|id| cluster.running(id).pid);
        let began = now();
        if outage == 0 {
            server.pause();
        } else {
            server.kill();
        }
        for (id, pid) in UNITS.iter().zip(before) {
            let run = || cluster.runs(id).into_iter().find(|run| run.pid == pid).unwrap();
            until("the units are gone", || {
                (run().last + nanos(TTL) / 4 < now()).then_some(())
            });
            assert!(run().last < began + nanos(TTL), "{id} outlived the lease: {:?}", run());
        }
        if outage == 0 {
            server.resume();
        } else {
            server.start().unwrap();
        }
        for id in UNITS {
            cluster.running(id);
        }
    }
    agents
        .iter()
        .for_each(|agent| agent.wait_until_it_says("the store answers again"));
    UNITS.iter().for_each(|id| cluster.assert_never_twice_at_a_time(id));
}

#[test]
fn units_end_in_time_when_redis_hangs_or_dies_and_run_again_when_it_is_back() {
    a_store_that_fails_and_comes_back(Kind::Redis);
}

#[test]
fn units_end_in_time_when_mariadb_hangs_or_dies_and_run_again_when_it_is_back() {
    a_store_that_fails_and_comes_back(Kind::MariaDb);
}

#[test]
fn an_agent_that_is_started_while_the_store_is_away_takes_part_once_it_is_back() {
    let mut server = private(Kind::Redis).unwrap();
    let world = World::at(&server);
    let cluster = Cluster::of(&world, TTL);
    cluster.register_stamping("one");
    server.kill();
    let agent = cluster.agent("a");
    agent.wait_until_it_says("the store does not answer");
    server.start().unwrap();
    agent.wait_until_it_says("the store answers again");
    cluster.running("one");
}
