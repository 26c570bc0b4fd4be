//! Fail-overs, again and again: the leader is killed or stopped, another one's command runs within ttl + 1 s, and never
//! two run at once, by the time stamps that the commands write.
//!
//! `CONVOKE_FAILOVERS=1000 cargo test --package convoke-cli --test cli -- --nocapture fail_over` runs a thousand on
//! each store; the default is 20.

use std::time::Duration;

use convoke_test_servers::Kind;
use rustix::process::Signal;

use crate::world::{HostWatch, Process, Run, Runs, World, now};

/// As short as a lease may reasonably be, so that many fit into little time.
const TTL: Duration = Duration::from_millis(300);
const NAMES: [&str; 3] = ["a", "b", "c"];

fn fail_overs() -> usize {
    std::env::var("CONVOKE_FAILOVERS").map_or(20, |count| count.parse().expect("CONVOKE_FAILOVERS is a number"))
}

#[test]
fn on_sqlite_another_takes_over_in_time_and_never_two_at_once() {
    fail_over_and_over("SQLite", &World::on_sqlite());
}

#[test]
fn on_redis_another_takes_over_in_time_and_never_two_at_once() {
    fail_over_and_over("Redis", &World::on(Kind::Redis));
}

#[test]
fn on_valkey_another_takes_over_in_time_and_never_two_at_once() {
    fail_over_and_over("Valkey", &World::on(Kind::Valkey));
}

#[test]
fn on_mariadb_another_takes_over_in_time_and_never_two_at_once() {
    fail_over_and_over("MariaDB", &World::on(Kind::MariaDb));
}

#[test]
fn on_mysql_another_takes_over_in_time_and_never_two_at_once() {
    fail_over_and_over("MySQL", &World::on(Kind::MySql));
}

/// What was seen so far.
struct Seen {
    host: HostWatch,
    took: Vec<Duration>,
}

fn fail_over_and_over(store: &str, world: &World) {
    let mut contenders: Vec<Process> = NAMES.iter().map(|name| world.lead(name, TTL, &["@stamp"])).collect();
    let mut seen = Seen {
        host: HostWatch::of(world),
        took: Vec::new(),
    };
    while seen.took.len() < fail_overs() {
        let run = world.running();
        let index = contenders.iter().position(|lead| lead.name == run.leader).unwrap();
        let began = now();
        if seen.took.len().is_multiple_of(2) {
            contenders[index].signal(Signal::KILL);
            seen.next(world, &run, began, &contenders);
            contenders[index] = world.lead(&run.leader, TTL, &["@stamp"]);
        } else {
            contenders[index].signal(Signal::STOP);
            // On a busy host a lease may be lost at any moment, and then it was not the leader that was stopped.
            if world.goes_on(&run, began) {
                seen.next(world, &run, began, &contenders);
            }
            contenders[index].signal(Signal::CONT);
        }
    }
    drop(contenders);
    seen.judge(store, &world.runs());
}

impl Seen {
    /// Waits for the command of the next term.
    fn next(&mut self, world: &World, run: &Run, began: u64, contenders: &[Process]) {
        let complaint = || {
            let said = |lead: &Process| (lead.name.clone(), lead.pid(), lead.said_since(began));
            let said: Vec<_> = contenders.iter().map(said).collect();
            format!("after {} fail-overs, {run:?}; {said:#?}", self.took.len())
        };
        let next = world.run_behind_or(run.term, complaint);
        let took = Duration::from_nanos(next.first.saturating_sub(began));
        // The host's own pauses are told, not excused.
        assert!(
            took < TTL + Duration::from_secs(1),
            "took {took:?}, longest pause of the host {:?}; {}",
            self.host.longest_since(began),
            complaint()
        );
        assert_ne!(
            next.leader,
            run.leader,
            "the one that was stopped led again first; {}",
            complaint()
        );
        self.took.push(took);
    }

    fn judge(mut self, store: &str, runs: &Runs) {
        runs.assert_never_two_at_once();
        self.took.sort();
        let count = self.took.len();
        let (least, most, median) = (self.took[0], self.took[count - 1], self.took[count / 2]);
        let ms = |length: Duration| length.as_millis();
        let terms = runs.0.len();
        println!(
            "{store}: {count} fail-overs, ttl {TTL:?}: took {} to {} ms, median {} ms; \
             {terms} runs of the command, never two at once",
            ms(least),
            ms(most),
            ms(median)
        );
    }
}
