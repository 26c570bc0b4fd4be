//! `convoke agent`: what its units are told, how they end, and what becomes of them.

use rustix::process::Signal;
use serde_json::json;

use crate::units::{Cluster, LONG, TTL};
use crate::world::{Process, World, mark, processes_with, signal_to, until};

fn read(path: &std::path::Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn a_unit_is_told_its_name_and_the_agents_and_not_where_the_store_is() {
    let world = World::on_sqlite();
    let cluster = Cluster::of(&world, LONG);
    let _agent = cluster.agent("näme");
    let file = world.file("told");
    let script = "echo \"$CONVOKE_NAME,$CONVOKE_TOPOLOGY,${CONVOKE_STORE-none},$A,$(pwd),$(cat)\" > $0";
    let config = json!({
        "command": ["sh", "-c", script, file],
        "env": { "A": "it's \"ä\"" },
        "working_dir": "/usr",
    });
    cluster.register("unit/1 ?", &config);
    let done = cluster.topology_when("unit/1 ?", |it| it["enabled"] == false && it["status"] == "unassigned");
    assert_eq!(done["error"], serde_json::Value::Null);
    assert_eq!(read(&file), "näme,unit/1 ?,none,it's \"ä\",/usr,\n");
}

#[test]
fn a_unit_that_fails_is_in_error_with_what_it_said_and_starts_again() {
    let world = World::on_sqlite();
    let cluster = Cluster::of(&world, LONG);
    let starts = world.file("starts");
    let script = format!("echo >> {}; echo 'é: no such table' >&2; exit 3", starts.display());
    let agent = cluster.agent_with("a", &["--restart-after", "300ms"]);
    cluster.register_script("u", &script, "on_failure");
    let failed = cluster.topology_when("u", |it| it["status"] == "error");
    assert_eq!(failed["error"], "the command exited with 3: é: no such table");
    assert_eq!((&failed["worker"], &failed["enabled"]), (&json!("a"), &json!(true)));
    until("it was started again and again", || {
        (read(&starts).lines().count() >= 3).then_some(())
    });
    agent.wait_until_it_says("u: failed: the command exited with 3");
}

/// A unit that failed on the first agent and is not started there again for an hour, and another agent.
fn in_its_back_off(world: &World, cluster: &Cluster<'_>) -> (Process, Process) {
    let first = cluster.agent_with("a", &["--restart-after", "1h"]);
    let file = world.file("second");
    // Fails at first, runs from the second time on.
    let script = format!("[ -e {0} ] || {{ echo > {0}; exit 1; }}; sleep 600", file.display());
    cluster.register_script("u", &script, "on_failure");
    cluster.topology_when("u", |it| it["status"] == "error");
    (first, cluster.agent("b"))
}

#[test]
fn a_unit_in_its_back_off_goes_elsewhere_when_its_agent_ends() {
    let world = World::on_sqlite();
    let cluster = Cluster::of(&world, LONG);
    let (mut first, _second) = in_its_back_off(&world, &cluster);
    first.signal(Signal::TERM);
    assert!(first.end().success());
    cluster.topology_when("u", |it| it["status"] == "running" && it["worker"] == "b");
}

#[test]
fn a_unit_in_its_back_off_goes_elsewhere_when_its_agent_is_killed() {
    let world = World::on_sqlite();
    let cluster = Cluster::of(&world, TTL);
    let (mut first, _second) = in_its_back_off(&world, &cluster);
    first.signal(Signal::KILL);
    first.end();
    cluster.topology_when("u", |it| it["status"] == "running" && it["worker"] == "b");
}

#[test]
fn a_unit_that_is_never_to_be_restarted_stays_in_error_until_an_operator_clears_it() {
    let world = World::on_sqlite();
    let cluster = Cluster::of(&world, LONG);
    let starts = world.file("starts");
    let _agent = cluster.agent("a");
    cluster.register_script("u", &format!("echo >> {}; exit 7", starts.display()), "never");
    let given_up = cluster.topology_when("u", |it| it["status"] == "error" && it["worker"].is_null());
    assert_eq!(given_up["error"], "the command exited with 7");
    // Time enough to be started again several times, were it to be.
    cluster.register_script(
        "other",
        &format!(
            "[ -e {0} ] && exit 0; echo > {0}; exit 1",
            world.file("other").display()
        ),
        "on_failure",
    );
    cluster.topology_when("other", |it| it["enabled"] == false);
    assert_eq!(read(&starts).lines().count(), 1);
    world.says(&["topology", "clear-error", "u"]);
    until("it was started again", || {
        (read(&starts).lines().count() == 2).then_some(())
    });
}

#[test]
fn a_unit_that_is_always_to_run_starts_again_after_success() {
    let world = World::on_sqlite();
    let cluster = Cluster::of(&world, LONG);
    let starts = world.file("starts");
    let _agent = cluster.agent("a");
    cluster.register_script("u", &format!("echo >> {}", starts.display()), "always");
    until("it was started again and again", || {
        (read(&starts).lines().count() >= 3).then_some(())
    });
    let topology = cluster.topology("u");
    assert_eq!(
        (&topology["enabled"], &topology["error"]),
        (&json!(true), &serde_json::Value::Null)
    );
}

#[test]
fn what_cannot_be_started_is_an_error_that_says_why() {
    let world = World::on_sqlite();
    let cluster = Cluster::of(&world, LONG);
    let _agent = cluster.agent("a");
    cluster.register("gone", &json!({ "command": ["/no/such/program"] }));
    cluster.register(
        "dir",
        &json!({ "command": ["true"], "working_dir": "/no/such/directory" }),
    );
    let file = world.written("opaque", "{\"job\": 1}");
    world.says(&["topology", "register", "opaque", &file, "--opaque", "--enable"]);
    let error = |id| {
        cluster.topology_when(id, |it| it["status"] == "error")["error"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    for (id, expected) in [
        ("gone", "the command exited with 127: there is no such program on a; "),
        ("gone", ": convoke: cannot start /no/such/program: No such file"),
        ("dir", "the working_dir /no/such/directory is not a directory on a; "),
        ("opaque", "`convoke agent` can't run this config: "),
    ] {
        let error = error(id);
        assert!(error.contains(expected), "{error}");
        assert!(error.contains("as its worker_affinity"), "what to do: {error}");
    }
    cluster.topology_when("opaque", |it| it["worker"].is_null());
}

#[test]
fn a_unit_that_prints_megabytes_goes_on_and_leaves_a_bounded_log_with_the_last_of_it() {
    let world = World::on_sqlite();
    let cluster = Cluster::of(&world, LONG);
    let _agent = cluster.agent_with("a", &["--log-size", "64KiB"]);
    let script = "head -c 30000000 /dev/zero | tr '\\0' x; head -c 3000000 /dev/zero | tr '\\0' 'y' >&2; echo 'the end 😀' >&2; exit 1";
    cluster.register_script("u", script, "never");
    let failed = cluster.topology_when("u", |it| it["status"] == "error");
    let error = failed["error"].as_str().unwrap();
    assert!(
        error.starts_with("the command exited with 1: …yyy") && error.ends_with("y\nthe end 😀")
            || error.ends_with("ythe end 😀"),
        "{error}"
    );
    assert_eq!(error.chars().count(), 1_000);
    let (log, before) = (cluster.logs().join("u.log"), cluster.logs().join("u.log.1"));
    until("the log has the last of it", || {
        read(&log).ends_with("the end 😀\n").then_some(())
    });
    let lengths = [&log, &before].map(|path| std::fs::metadata(path).unwrap().len());
    assert!(lengths.iter().all(|length| *length <= 64 << 10), "{lengths:?}");
    assert_eq!(std::fs::read_dir(cluster.logs()).unwrap().count(), 2);
}

#[test]
fn a_stopped_unit_that_ignores_term_is_killed_with_all_that_it_started_wherever_it_went() {
    let world = World::on_sqlite();
    let cluster = Cluster::of(&world, LONG);
    let mark = mark();
    let agent = cluster.agent_with("a", &["--grace", "200ms"]);
    let (one, two) = (world.file("one"), world.file("two"));
    let script = format!(
        "trap '' TERM
         setsid sh -c 'trap \"\" TERM HUP; echo > {one}; while :; do sleep 1; done # {mark}' &
         (setsid setsid sh -c 'trap \"\" TERM; echo > {two}; while :; do sleep 1; done # {mark}' &)
         while :; do sleep 0.1; done # {mark}",
        one = one.display(),
        two = two.display()
    );
    cluster.register_script("u", &script, "on_failure");
    until("all run", || (one.exists() && two.exists()).then_some(()));
    let running = cluster.topology_when("u", |it| it["status"] == "running" && !it["pid"].is_null());
    let pid = i32::try_from(running["pid"].as_i64().unwrap()).unwrap();
    assert!(processes_with(&mark).contains(&pid), "{running}");
    world.says(&["topology", "stop", "u"]);
    let stopped = cluster.topology_when("u", |it| it["status"] == "unassigned");
    assert_eq!((&stopped["pid"], &stopped["error"]), (&json!(null), &json!(null)));
    assert!(processes_with(&mark).is_empty(), "let go of before it was gone");
    agent.wait_until_it_says("u: killed 9");
}

#[test]
fn a_killed_unit_has_no_time_to_end() {
    let world = World::on_sqlite();
    let cluster = Cluster::of(&world, LONG);
    let mark = mark();
    let _agent = cluster.agent_with("a", &["--grace", "1h"]);
    let ready = world.file("ready");
    let script = format!(
        "trap '' TERM; echo > {}; while :; do sleep 0.1; done # {mark}",
        ready.display()
    );
    cluster.register_script("u", &script, "on_failure");
    until("it is ready", || ready.exists().then_some(()));
    world.says(&["topology", "kill", "u"]);
    cluster.topology_when("u", |it| it["status"] == "unassigned");
    assert!(processes_with(&mark).is_empty(), "let go of before it was gone");
}

/// An agent with a unit that does `trap` on TERM, ready to do it, found by the mark.
fn agent_with_trap(cluster: &Cluster<'_>, grace: &str, trap: &str) -> (Process, String) {
    let mark = mark();
    let agent = cluster.agent_with("a", &["--grace", grace]);
    let ready = cluster.world.file("ready");
    let script = format!(
        "trap '{trap}' TERM; echo > {}; while :; do sleep 0.05; done # {mark}",
        ready.display()
    );
    cluster.register_script("u", &script, "on_failure");
    until("it is ready", || ready.exists().then_some(()));
    (agent, mark)
}

#[test]
fn an_agent_that_is_told_to_end_stops_its_units_lets_go_of_them_and_its_name_can_be_used_at_once() {
    let world = World::on_sqlite();
    let cluster = Cluster::of(&world, LONG);
    let (mut agent, mark) = agent_with_trap(&cluster, "1h", "sleep 0.3; exit 5");
    agent.signal(Signal::TERM);
    assert!(agent.end().success(), "{:?}", agent.said());
    assert!(processes_with(&mark).is_empty());
    let let_go = cluster.topology("u");
    assert_eq!(
        (&let_go["status"], &let_go["enabled"], &let_go["error"]),
        (&json!("unassigned"), &json!(true), &json!(null))
    );
    assert_eq!(world.json(&["worker", "get", "a"])["status"], "unloaded");
    agent.wait_until_it_says("a: stopped");
    let said = agent.said();
    let at = |what: &str| said.iter().position(|line| line.contains(what)).expect(what);
    assert!(
        at("told to stop") < at("u: exited 5") && at("u: exited 5") < at("a: stopped"),
        "{said:?}"
    );
    // Its predecessor's time would last for ten minutes.
    let again = cluster.agent("a");
    again.wait_until_it_says("u: runs as process");
}

#[test]
fn a_second_signal_kills_units_that_take_their_time() {
    let world = World::on_sqlite();
    let cluster = Cluster::of(&world, LONG);
    let (mut agent, mark) = agent_with_trap(&cluster, "1h", "");
    agent.signal(Signal::INT);
    agent.wait_until_it_says("told to stop; stopping");
    agent.signal(Signal::INT);
    assert!(agent.end().success(), "{:?}", agent.said());
    assert!(processes_with(&mark).is_empty());
    assert_eq!(cluster.topology("u")["status"], "unassigned");
}

#[test]
fn nothing_is_left_of_the_units_of_an_agent_that_is_killed() {
    let world = World::on_sqlite();
    let cluster = Cluster::of(&world, LONG);
    let (mut agent, mark) = agent_with_trap(&cluster, "200ms", "");
    // The guard is among those who are looked for.
    assert!(processes_with(&mark).contains(&agent.guard()));
    agent.signal(Signal::KILL);
    agent.end();
    until("all are gone", || processes_with(&mark).is_empty().then_some(()));
}

#[test]
fn a_unit_dies_with_its_guard_and_is_started_again_and_others_go_on() {
    let world = World::on_sqlite();
    let cluster = Cluster::of(&world, LONG);
    let agent = cluster.agent("a");
    cluster.register_stamping("other");
    let other = cluster.running("other");
    let guard_of_other = agent.guard();
    cluster.register_stamping("u");
    let first = cluster.running("u");
    let guard = until("there are two guards", || {
        agent.guards().into_iter().find(|guard| *guard != guard_of_other)
    });
    signal_to(guard, Signal::KILL);
    agent.wait_until_it_says("u: its guard failed or was killed");
    cluster.running_since("u", 0, |run| run.pid != first.pid);
    cluster.assert_never_twice_at_a_time("u");
    assert_eq!(cluster.running("other").pid, other.pid);
}

#[test]
fn of_two_agents_with_one_name_the_first_ends_its_units_and_says_why() {
    let world = World::on_sqlite();
    let cluster = Cluster::of(&world, TTL);
    let mut first = cluster.agent("a");
    cluster.register_stamping("u");
    let run = cluster.running("u");
    let _second = cluster.agent("a");
    assert_eq!(first.end().code(), Some(5), "{:?}", first.said());
    first.wait_until_it_says("give each `convoke agent` its own with --name");
    cluster.running_since("u", 0, |later| later.pid != run.pid);
    cluster.assert_never_twice_at_a_time("u");
}

#[test]
fn what_happens_is_told_in_json_lines() {
    let world = World::on_sqlite();
    let cluster = Cluster::of(&world, LONG);
    let mut agent = cluster.agent_with("a", &["--json"]);
    cluster.register_script("u", "exit 0", "on_failure");
    cluster.topology_when("u", |it| it["enabled"] == false);
    agent.signal(Signal::TERM);
    assert!(agent.end().success());
    until("all was said", || agent.has_said("\"stopped\"").then_some(()));
    let events: Vec<serde_json::Value> = agent
        .said()
        .iter()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    let with = |event: &str| events.iter().find(|it| it["event"] == event).expect(event);
    assert_eq!(
        events[0],
        json!({ "worker": "a", "event": "registered", "incarnation": 1 })
    );
    assert_eq!(
        *with("elected"),
        json!({ "worker": "a", "event": "elected", "term": 1 })
    );
    assert!(with("unit_started")["pid"].is_i64() && with("unit_started")["topology"] == "u");
    assert_eq!(with("unit_ended")["how"], "exited 0");
    assert_eq!(
        *with("stopping"),
        json!({ "worker": "a", "event": "stopping", "signals": 1 })
    );
}

#[test]
fn a_memory_store_and_times_that_cannot_be_kept_are_refused() {
    let world = World::on_sqlite();
    for (options, says) in [
        (
            ["--store", "memory:", "--ttl", "30s"],
            "memory: store is this process's own",
        ),
        (["--ttl", "200ms", "--lead-ttl", "1s"], "--ttl has to be 300ms or more"),
        (
            ["--ttl", "1s", "--lead-ttl", "50ms"],
            "--lead-ttl has to be 100ms or more",
        ),
        (
            ["--ttl", "1s", "--ping-every", "500ms"],
            "--ping-every has to be a third",
        ),
        (["--ttl", "1s", "--look-every", "0s"], "a period is 1ms or more"),
        (["--ttl", "1s", "--log-size", "10"], "a size is written as"),
    ] {
        let (code, why) = world.fails(&[&["agent", "--name", "a"], &options[..]].concat());
        assert!(code == 2 && why.contains(says), "{options:?} {code} {why}");
    }
}
