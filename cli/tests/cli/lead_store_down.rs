//! `convoke lead` while its store does not answer.

use std::time::Duration;

use convoke_test_servers::{Kind, private};
use rustix::process::Signal;

use crate::world::{World, now, signal_to, until};

const TTL: Duration = Duration::from_millis(800);

/// Somebody who holds the SQLite file locked: nobody else can write.
struct Outage(rusqlite::Connection);

impl Outage {
    fn of(world: &World) -> Self {
        let path = world.url.strip_prefix("sqlite://").unwrap();
        let connection = rusqlite::Connection::open(path).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        Self(connection)
    }

    fn end(self) {
        self.0.execute_batch("ROLLBACK").unwrap();
    }
}

#[test]
fn a_lead_that_cannot_renew_stops_its_command_in_time_and_leads_again_afterwards() {
    let world = World::on_sqlite();
    let lead = world.lead("a", TTL, &["@stamp"]);
    world.run_behind(0);
    let outage = Outage::of(&world);
    let began = now();
    lead.wait_until_it_says("the command ended");
    let last = world.runs().0[&1].last;
    assert!(last > began, "the command is not stopped before it has to be");
    assert!(
        last - began < u64::try_from(TTL.as_nanos()).unwrap(),
        "{}",
        last - began
    );
    outage.end();
    assert_eq!(world.run_behind(1).leader, "a");
    world.runs().assert_never_two_at_once();
}

#[test]
fn a_short_outage_does_not_disturb_the_command() {
    let world = World::on_sqlite();
    let lead = world.lead("a", TTL * 4, &["@stamp"]);
    world.run_behind(0);
    let outage = Outage::of(&world);
    lead.wait_until_it_says("cannot renew");
    outage.end();
    let leader = world.json(&["leader", "show"]);
    until("it is renewed", || {
        let later = world.json(&["leader", "show"]);
        (later["expires"].as_str() > leader["expires"].as_str()).then_some(())
    });
    assert!(!lead.has_said("the lease runs out"), "{:?}", lead.said());
    assert_eq!(world.runs().0.len(), 1);
}

#[test]
fn a_lead_whose_guard_is_stopped_ends_the_command_itself() {
    let world = World::on_sqlite();
    let lead = world.lead("a", TTL, &["@stamp"]);
    world.run_behind(0);
    signal_to(lead.guard(), Signal::STOP);
    let outage = Outage::of(&world);
    let began = now();
    lead.wait_until_it_says("the guard does not act");
    outage.end();
    world.run_behind(1);
    let runs = world.runs();
    assert!(
        runs.0[&1].last - began < u64::try_from(TTL.as_nanos()).unwrap(),
        "{runs:?}"
    );
    runs.assert_never_two_at_once();
}

/// The store does not answer, its connections stay open; then it is gone; then it is back.
fn a_server_that_fails_and_comes_back(kind: Kind) {
    let mut server = private(kind).unwrap();
    let world = World::at(&server);
    let ttl = u64::try_from(TTL.as_nanos()).unwrap();
    let lead = world.lead("a", TTL, &["@stamp"]);
    let first = world.run_behind(0);

    let began = now();
    server.pause();
    lead.wait_until_it_says("the command ended");
    assert!(world.runs().0[&first.term].last - began < ttl, "{:?}", world.runs());
    server.resume();
    let second = world.run_behind(first.term);

    let began = now();
    server.kill();
    until("the command ended", || {
        let last = world.runs().0[&second.term].last;
        (now() > last + ttl).then_some(())
    });
    server.start().unwrap();
    world.run_behind(second.term);
    let runs = world.runs();
    assert!(runs.0[&second.term].last - began < ttl, "{runs:?}");
    runs.assert_never_two_at_once();
}

#[test]
fn a_redis_that_hangs_or_dies_stops_the_command_in_time_until_it_is_back() {
    a_server_that_fails_and_comes_back(Kind::Redis);
}

#[test]
fn a_mariadb_that_hangs_or_dies_stops_the_command_in_time_until_it_is_back() {
    a_server_that_fails_and_comes_back(Kind::MariaDb);
}
