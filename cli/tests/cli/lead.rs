//! `convoke lead`: who runs the command, and how it ends.

use std::time::Duration;

use rustix::process::Signal;

use crate::world::{Process, World, mark, now, processes_with, signal_to, until};

const TTL: Duration = Duration::from_millis(600);
/// Nobody takes over within this by waiting for the end of a lease.
const LONG: Duration = Duration::from_secs(600);

/// Leads with a command that does `trap` on TERM, and waits until it would.
fn lead_with_trap(world: &World, ttl: Duration, grace: &str, trap: &str) -> Process {
    let ready = world.file("ready");
    let script = format!(
        "trap '{trap}' TERM; echo > {}; while :; do sleep 0.05; done",
        ready.display()
    );
    let lead = world.lead_with("a", ttl, &["--grace", grace], &["sh", "-c", &script]);
    until("the command is ready", || ready.exists().then_some(()));
    lead
}

#[test]
fn the_command_is_told_its_term_and_its_name_and_has_nothing_to_read() {
    let world = World::on_sqlite();
    let file = world.file("told");
    let script = format!("echo \"$CONVOKE_TERM $CONVOKE_NAME $(cat)\" > {}", file.display());
    let mut lead = world.lead("näme", TTL, &["sh", "-c", &script]);
    assert!(lead.end().success());
    assert_eq!(std::fs::read_to_string(file).unwrap(), "1 näme \n");
}

#[test]
fn the_exit_code_of_the_command_is_passed_on() {
    for (script, code) in [
        ("exit 0", 0),
        ("exit 7", 7),
        ("kill -9 $$", 137),
        ("kill -TERM $$", 143),
    ] {
        let world = World::on_sqlite();
        let mut lead = world.lead("a", TTL, &["sh", "-c", script]);
        assert_eq!(lead.end().code(), Some(code), "{script}");
    }
}

#[test]
fn a_command_that_cannot_be_started_gives_127_or_126_as_in_a_shell() {
    for (command, code) in [("/no/such/program", 127), ("/etc/passwd", 126)] {
        let world = World::on_sqlite();
        let mut lead = world.lead("a", TTL, &[command]);
        assert_eq!(lead.end().code(), Some(code), "{:?}", lead.said());
        assert!(lead.has_said(command), "{:?}", lead.said());
    }
}

#[test]
fn a_command_that_ends_gives_the_lead_to_the_next_at_once() {
    let world = World::on_sqlite();
    let mut first = world.lead("a", LONG, &["true"]);
    assert!(first.end().success());
    assert!(first.has_said("resigned"), "{:?}", first.said());
    let second = world.lead("b", LONG, &["@stamp"]);
    assert_eq!(world.run_behind(1).leader, "b");
    drop(second);
}

#[test]
fn term_stops_the_command_first_and_resigns_then() {
    let world = World::on_sqlite();
    let stopped = world.file("stopped").display().to_string();
    let mut first = lead_with_trap(&world, LONG, "10s", &format!("sleep 0.3; echo > {stopped}; exit 5"));
    let mut second = world.lead("b", LONG, &["cat", &stopped]);
    second.wait_until_it_says("a leads");
    first.signal(Signal::TERM);
    assert_eq!(first.end().code(), Some(5));
    assert!(second.end().success(), "{:?}", second.said());
    let said = first.said();
    let at = |what: &str| said.iter().position(|line| line.contains(what)).expect(what);
    assert!(at("the command ended with 5") < at("resigned"));
    assert_eq!(world.json(&["worker", "get", "a"])["status"], "unloaded");
}

#[test]
fn a_second_signal_kills_a_command_that_takes_its_time() {
    let world = World::on_sqlite();
    let mut lead = lead_with_trap(&world, LONG, "1h", "");
    lead.signal(Signal::INT);
    lead.wait_until_it_says("told to stop");
    lead.signal(Signal::INT);
    assert_eq!(lead.end().code(), Some(137));
}

#[test]
fn a_command_that_ignores_term_is_killed_after_the_grace() {
    let world = World::on_sqlite();
    let mut lead = lead_with_trap(&world, LONG, "200ms", "");
    lead.signal(Signal::TERM);
    assert_eq!(lead.end().code(), Some(137));
}

#[test]
fn a_contender_that_does_not_lead_ends_with_0_when_told_to() {
    let world = World::on_sqlite();
    let _leader = world.lead("a", LONG, &["sleep", "600"]);
    until("a leads", || {
        (world.json(&["leader", "show"])["worker"] == "a").then_some(())
    });
    let mut other = world.lead("b", LONG, &["sleep", "600"]);
    other.wait_until_it_says("a leads");
    other.signal(Signal::TERM);
    assert_eq!(other.end().code(), Some(0));
}

#[test]
fn a_command_that_ignores_term_is_gone_before_the_lease_of_a_stopped_lead_runs_out() {
    let world = World::on_sqlite();
    let lead = lead_with_trap(&world, TTL, "10s", "");
    let mark = world.file("ready").display().to_string();
    let stopped_at = now();
    lead.signal(Signal::STOP);
    until("only convoke lead is left", || {
        (processes_with(&mark) == [lead.pid()]).then_some(())
    });
    let took = Duration::from_nanos(now() - stopped_at);
    assert!(took < TTL, "{took:?}");
}

#[test]
fn what_the_command_started_dies_with_it_wherever_it_went() {
    let world = World::on_sqlite();
    let mark = mark();
    let (one, two) = (world.file("one"), world.file("two"));
    // By files, since a bare Debian has no pgrep.
    let script = format!(
        "setsid sh -c 'trap \"\" TERM HUP; sleep 600 & echo > {one}; while :; do sleep 1; done # {mark}-one' &
         (setsid setsid sh -c 'echo > {two}; while :; do sleep 1; done # {mark}-two' &)
         until [ -e {one} ] && [ -e {two} ]; do sleep 0.01; done; exit 3",
        one = one.display(),
        two = two.display()
    );
    let mut lead = world.lead("a", LONG, &["sh", "-c", &script]);
    assert_eq!(lead.end().code(), Some(3), "{:?}", lead.said());
    assert!(processes_with(&mark).is_empty());
}

#[test]
fn nothing_is_left_of_a_command_whose_convoke_lead_is_killed() {
    let world = World::on_sqlite();
    let mark = mark();
    let away = format!("while :; do sleep 1; done # {mark}");
    let script = format!(
        "setsid sh -c '{away}' & echo > {}; {away}",
        world.file("started").display()
    );
    let lead = world.lead("a", LONG, &["sh", "-c", &script]);
    until("it has started", || world.file("started").exists().then_some(()));
    lead.signal(Signal::KILL);
    until("all are gone", || processes_with(&mark).is_empty().then_some(()));
}

#[test]
fn the_command_dies_with_its_guard_and_runs_again_in_a_later_term() {
    let world = World::on_sqlite();
    let lead = world.lead("a", LONG, &["@stamp"]);
    world.run_behind(0);
    signal_to(lead.guard(), Signal::KILL);
    lead.wait_until_it_says("the guard failed or was killed");
    assert_eq!(world.run_behind(1).leader, "a");
    world.runs().assert_never_two_at_once();
}

#[test]
fn the_command_dies_with_its_guard_also_while_convoke_lead_is_stopped() {
    let world = World::on_sqlite();
    let mark = mark();
    let lead = world.lead("a", LONG, &["sh", "-c", &format!("while :; do sleep 1; done # {mark}")]);
    lead.wait_until_it_says("the command runs");
    let guard = lead.guard();
    lead.signal(Signal::STOP);
    signal_to(guard, Signal::KILL);
    until("only convoke lead is left", || {
        (processes_with(&mark) == [lead.pid()]).then_some(())
    });
}

#[test]
fn what_the_command_started_dies_when_its_guard_is_killed() {
    let world = World::on_sqlite();
    let mark = mark();
    let script = format!("setsid sh -c 'while :; do sleep 1; done # {mark}' & echo > $0; while :; do sleep 1; done");
    let file = world.file("started");
    let lead = world.lead("a", LONG, &["sh", "-c", &script, file.to_str().unwrap()]);
    until("it has started", || file.exists().then_some(()));
    let before = processes_with(&mark);
    signal_to(lead.guard(), Signal::KILL);
    lead.wait_until_it_says("term 2: the command runs");
    let after = processes_with(&mark);
    let left: Vec<_> = before
        .iter()
        .filter(|pid| after.contains(pid) && **pid != lead.pid())
        .collect();
    assert!(left.is_empty(), "{before:?} {after:?} {:#?}", lead.said());
}

#[test]
fn a_lead_that_was_stopped_together_with_its_guard_leads_again() {
    let world = World::on_sqlite();
    let lead = world.lead("a", TTL, &["@stamp"]);
    world.run_behind(0);
    let guard = lead.guard();
    let stopped_at = now();
    signal_to(guard, Signal::STOP);
    lead.signal(Signal::STOP);
    let over = stopped_at + u64::try_from(TTL.as_nanos()).unwrap();
    until("the lease is over", || (now() > over).then_some(()));
    // The guard kills the command without further warning, and lets `convoke lead` go on.
    signal_to(guard, Signal::CONT);
    world.run_behind(1);
    assert!(lead.has_said("the lease runs out"), "{:?}", lead.said());
}

#[test]
fn signals_to_the_guard_alone_change_nothing() {
    let world = World::on_sqlite();
    let lead = world.lead("a", TTL, &["@stamp"]);
    let run = world.run_behind(0);
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        signal_to(lead.guard(), signal);
    }
    let last = world.runs().0[&run.term].last;
    until("the command runs on", || {
        (world.runs().0[&run.term].last > last).then_some(())
    });
    assert_eq!(world.runs().0.len(), 1);
}

#[test]
fn a_worker_that_an_operator_disables_stops_leading_until_it_is_enabled() {
    let world = World::on_sqlite();
    let lead = world.lead("a", TTL, &["@stamp"]);
    world.run_behind(0);
    world.says(&["worker", "status", "a", "disabled"]);
    lead.wait_until_it_says("the worker is disabled");
    assert_eq!(world.json(&["leader", "show"]), serde_json::Value::Null);
    world.says(&["worker", "status", "a", "alive"]);
    world.run_behind(1);
    world.runs().assert_never_two_at_once();
}

#[test]
fn a_worker_that_was_given_up_for_dead_or_deleted_registers_again() {
    let world = World::on_sqlite();
    let lead = world.lead("a", TTL, &["@stamp"]);
    world.run_behind(0);
    world.says(&["worker", "status", "a", "dead"]);
    world.run_behind(1);
    world.says(&["worker", "status", "a", "unloaded"]);
    lead.wait_until_it_says("the worker is unloaded");
    world.says(&["worker", "delete", "a"]);
    world.run_behind(2);
    world.runs().assert_never_two_at_once();
}

#[test]
fn of_two_with_one_name_the_first_ends_and_says_why() {
    let world = World::on_sqlite();
    let mut first = world.lead("a", TTL, &["@stamp"]);
    world.run_behind(0);
    let _second = world.lead("a", TTL, &["@stamp"]);
    assert_eq!(first.end().code(), Some(5));
    first.wait_until_it_says("give each `convoke lead` its own with --as");
    world.run_behind(1);
    world.runs().assert_never_two_at_once();
}

#[test]
fn what_happens_is_told_in_json_lines() {
    let world = World::on_sqlite();
    let mut lead = world.lead_with("a", TTL, &["--json"], &["true"]);
    lead.end();
    until("all was said", || lead.has_said("resigned").then_some(()));
    let events: Vec<serde_json::Value> = lead
        .said()
        .iter()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    assert_eq!(
        events[1],
        serde_json::json!({ "worker": "a", "event": "elected", "term": 1 })
    );
    assert_eq!(
        events[3],
        serde_json::json!({ "worker": "a", "event": "command_ended", "term": 1, "exit_code": 0 })
    );
}
