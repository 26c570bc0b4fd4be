//! What an operator does: look and act.

use serde_json::{Value, json};

use crate::world::World;

#[test]
fn a_worker_is_registered_looked_at_and_deleted() {
    let world = World::on_sqlite();
    assert_eq!(
        world.says(&["worker", "register", "a"]),
        "a is registered, incarnation 1"
    );
    world.says(&["worker", "ping", "a", "--incarnation", "1"]);
    assert_eq!(world.json(&["worker", "get", "a"])["status"], "alive");
    assert_eq!(
        world.json(&["worker", "count"]),
        json!({ "normal": 1, "candidate": 0, "leader": 0 })
    );
    assert_eq!(world.fails(&["worker", "delete", "a"]).0, 4);
    world.says(&["worker", "status", "a", "unloaded"]);
    world.says(&["worker", "delete", "a"]);
    assert_eq!(world.fails(&["worker", "get", "a"]).0, 3);
    let history = world.json(&["worker", "history", "a"]);
    assert_eq!(history["items"][0]["status"], "unloaded");
}

#[test]
fn a_list_goes_on_where_the_page_before_ended() {
    let world = World::on_sqlite();
    for name in ["a", "b", "c"] {
        world.says(&["worker", "register", name]);
    }
    let page = world.says(&["worker", "list", "--limit", "2"]);
    assert!(
        page.contains("name") && page.contains(" b ") && !page.contains(" c "),
        "{page}"
    );
    assert!(page.ends_with("more: --after \"b\""), "{page}");
    let rest = world.json(&["worker", "list", "--limit", "2", "--after", "b"]);
    assert_eq!(rest["items"].as_array().unwrap().len(), 1);
    assert_eq!(rest["next"], Value::Null);
}

#[test]
fn a_whole_list_is_read_page_by_page_as_lines_for_programs() {
    let world = World::on_sqlite();
    let config = world.written("config.json", "{}");
    // More than a page has at most.
    let rows = 1_003;
    let put = |row: usize| json!({ "key": format!("k{row:04}"), "expected": "anything", "value": row });
    for first in (0..rows).step_by(100) {
        let writes: Vec<_> = (first..rows.min(first + 100)).map(put).collect();
        let operation = json!({ "settings": { "write_settings": { "writes": writes } } });
        world.says(&["operation", "run", &operation.to_string()]);
    }
    let all = world.says(&["setting", "list", "--all", "--json"]);
    let keys: Vec<Value> = all.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(keys.len(), rows);
    assert_eq!(keys[1_000]["key"], "k1000");
    let table = world.says(&["setting", "list", "--all"]);
    assert_eq!(table.matches("revision").count(), 1, "one header");
    assert!(table.contains("k0000") && table.contains("k1002"));
    assert_eq!(world.fails(&["setting", "list", "--all", "--limit", "1"]).0, 2);
    world.says(&["topology", "register", "t", &config, "--opaque"]);
    assert_eq!(world.says(&["topology", "list", "--all", "--json"]).lines().count(), 1);
}

#[test]
fn a_config_comes_back_as_it_was_registered() {
    let world = World::on_sqlite();
    let config = world.written("config.json", r#"{"n": 1.10}"#);
    world.says(&["topology", "register", "t", &config, "--opaque"]);
    assert_eq!(world.says(&["topology", "export", "t"]), r#"{"n":1.10}"#);
    let file = world.file("out.json").display().to_string();
    world.says(&["topology", "export", "t", &file]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{\"n\":1.10}\n");
    let (code, why) = world.fails(&["topology", "export", "t", &file]);
    assert!(code == 1 && why.contains("could not be written"), "{why}");
}

#[test]
fn a_silent_worker_is_marked_dead() {
    let world = World::on_sqlite();
    world.says(&["worker", "register", "a"]);
    assert_eq!(world.says(&["worker", "refresh"]), "nothing was over");
    assert_eq!(world.says(&["worker", "refresh", "--silent-for", "1ms"]), "a is dead");
}

#[test]
fn a_script_campaigns_renews_and_resigns() {
    let world = World::on_sqlite();
    assert_eq!(world.says(&["leader", "show"]), "nobody leads");
    world.says(&["worker", "register", "a"]);
    world.says(&["worker", "register", "b"]);
    let a = ["a", "--incarnation", "1"];
    let elected = world.json(&[&["leader", "campaign"][..], &a].concat());
    assert_eq!(elected["elected"]["term"], 1);
    world.says(&[&["leader", "renew"][..], &a, &["--term", "1", "--ttl", "1m"]].concat());
    let deferred = world.says(&["leader", "campaign", "b", "--incarnation", "2"]);
    assert!(deferred.starts_with("not elected: a leads in term 1"), "{deferred}");
    assert_eq!(world.says(&["leader", "check-term", "1"]), "term 1 leads");
    assert!(world.says(&["leader", "show"]).contains(" a "));
    assert_eq!(
        world.says(&[&["leader", "resign"][..], &a, &["--term", "1"]].concat()),
        "resigned"
    );
    assert_eq!(world.fails(&["leader", "check-term", "1"]).0, 5);
    assert_eq!(
        world
            .fails(&[&["leader", "renew"][..], &a, &["--term", "1"]].concat())
            .0,
        5
    );
}

#[test]
fn a_message_is_sent_looked_at_received_and_settled() {
    let world = World::on_sqlite();
    world.says(&["worker", "register", "a"]);
    assert_eq!(
        world.json(&["message", "send", "a", "start", r#"{"n": 1.10}"#]),
        json!({ "id": 1 })
    );
    let queue = world.says(&["message", "peek", "a", "--json"]);
    assert!(queue.contains(r#"{"n": 1.10}"#), "{queue}");
    let received = world.json(&["message", "receive", "a", "--max", "10"]);
    let receipt = received[0]["receipt"].to_string();
    world.says(&["message", "extend", &receipt, "--visibility", "1m"]);
    world.says(&["message", "nack", &receipt]);
    assert_eq!(world.fails(&["message", "ack", &receipt]).0, 5);

    let table = world.says(&["message", "receive", "a"]);
    let receipt = table.split_whitespace().last().unwrap().to_owned();
    assert_eq!(world.says(&["message", "ack", &receipt]), "acknowledged");
    world.says(&["message", "send", "a", "stop"]);
    assert_eq!(
        world.json(&["message", "take", "a", "--incarnation", "1"])[0]["command"],
        "stop"
    );
    assert_eq!(world.json(&["message", "peek", "a"])["items"], json!([]));
}

#[test]
fn only_the_leader_sends_under_a_term() {
    let world = World::on_sqlite();
    world.says(&["worker", "register", "a"]);
    assert_eq!(world.fails(&["message", "send", "a", "start", "--term", "1"]).0, 5);
    world.says(&["leader", "campaign", "a", "--incarnation", "1"]);
    world.says(&["message", "send", "a", "start", "--term", "1"]);
}

#[test]
fn any_operation_runs_as_data() {
    let world = World::on_sqlite();
    let operation = r#"{"workers":{"register_worker":{"name":"a"}}}"#;
    let answer = world.says(&["operation", "run", operation]);
    assert_eq!(
        answer,
        r#"{"workers":{"register_worker":{"worker":"a","incarnation":1}}}"#
    );
    let (code, why) = world.fails(&["operation", "run", r#"{"workers":{"fire":{}}}"#]);
    assert!(code == 2 && why.contains("get_worker"), "{why}");
}

#[test]
fn an_installation_is_set_up_checked_cleared_and_reset() {
    let world = World::on_sqlite();
    let (code, text) = {
        let output = world.output(&["check"]);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert!(code == Some(8) && text.contains("run `convoke migrate`"), "{text}");
    assert!(!world.json(&["migrate"])["applied"].as_array().unwrap().is_empty());
    assert_eq!(world.says(&["migrate"]), "the schema is current");
    assert!(world.says(&["check"]).contains("current"));
    assert_eq!(world.json(&["properties"])["backend"], "sqlite");

    world.says(&["worker", "register", "a"]);
    let (code, why) = world.fails(&["clear"]);
    assert!(code == 2 && why.contains("--yes"), "{why}");
    world.says(&["clear", "--yes"]);
    assert_eq!(world.json(&["worker", "list"])["items"], json!([]));
    assert_eq!(world.json(&["worker", "register", "a"])["incarnation"], 2);
    world.says(&["reset", "--yes"]);
    assert_eq!(world.json(&["worker", "register", "a"])["incarnation"], 1);
}

#[test]
fn the_doctor_says_what_to_do() {
    let world = World::on_sqlite();
    let output = world.output(&["doctor"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.code() == Some(1) && text.contains("run `convoke migrate`"),
        "{text}"
    );
    world.says(&["worker", "register", "a"]);
    world.says(&["worker", "status", "a", "dead"]);
    let text = world.says(&["doctor"]);
    for expected in [
        "full: what was acknowledged survives",
        "nobody leads",
        "dead: a",
        "convoke worker delete",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let findings = world.json(&["doctor"]);
    assert!(
        findings
            .as_array()
            .unwrap()
            .iter()
            .all(|finding| finding["state"] != "problem"),
        "{findings}"
    );
}

#[test]
fn completions_are_printed_for_the_shells_and_cover_every_command() {
    let world = World::on_sqlite();
    let help = world.says(&["--help"]);
    let (_, commands) = help.split_once("Commands:").unwrap();
    let (commands, _) = commands.split_once("\n\n").unwrap();
    let names: Vec<_> = commands
        .lines()
        .filter_map(|line| {
            line.strip_prefix("  ")?
                .split(' ')
                .next()
                .filter(|name| !name.is_empty())
        })
        .collect();
    assert!(names.contains(&"watch") && names.contains(&"rebalance"), "{names:?}");
    for shell in ["bash", "zsh", "fish"] {
        let script = world.says(&["completions", shell]);
        for name in names.iter().chain(&["drain", "requeue", "--dry-run", "--replace"]) {
            let word = name.trim_start_matches("--");
            assert!(script.contains(word), "{shell}: {name}");
        }
    }
}

#[test]
fn a_topology_is_registered_assigned_reported_and_stopped() {
    let world = World::on_sqlite();
    let config = world.written("config.json", r#"{"command": ["sleep", "1"]}"#);
    assert_eq!(
        world.says(&[
            "topology",
            "register",
            "t",
            &config,
            "--weight",
            "2.5",
            "--affinity",
            "a, b"
        ]),
        "t is registered; enable it to have it run"
    );
    world.says(&["worker", "register", "a"]);
    let elected = world.json(&["leader", "campaign", "a", "--incarnation", "1"]);
    assert_eq!(elected["elected"]["term"], 1);
    let assign = ["topology", "assign", "t", "a", "--term", "1"];
    assert_eq!(world.says(&assign), "not assigned: the topology is disabled");
    world.says(&["topology", "enable", "t"]);
    assert_eq!(world.says(&assign), "a has t, and was told to start it");
    assert_eq!(world.fails(&["topology", "assign", "t", "a", "--term", "7"]).0, 5);
    assert_eq!(world.says(&["topology", "report", "t", "a", "running"]), "accepted");
    let details = world.json(&["topology", "get", "t"]);
    assert_eq!(details["topology"]["status"], "running");
    assert_eq!(details["topology"]["affinity"], json!(["a, b"]));
    assert_eq!(details["config"], json!({ "command": ["sleep", "1"] }));
    assert_eq!(world.fails(&["topology", "delete", "t"]).0, 4);
    assert_eq!(world.says(&["topology", "stop", "t"]), "a was told to stop it");
    let told = world.json(&["message", "take", "a", "--max", "9"]);
    let commands: Vec<_> = told
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["command"].as_str().unwrap())
        .collect();
    assert_eq!(commands, ["start_topology", "stop_topology"]);
    world.says(&["topology", "report", "t", "a", "released"]);
    assert_eq!(world.says(&["topology", "stop", "t"]), "nobody has it; nobody was told");
    let history = world.json(&["topology", "history", "t", "--limit", "2"]);
    assert_eq!(history["items"][0]["status"], "unassigned");
    world.says(&["topology", "delete", "t"]);
    assert_eq!(world.fails(&["topology", "get", "t"]).0, 3);
}

#[test]
fn a_topology_in_error_is_set_right_by_an_operator() {
    let world = World::on_sqlite();
    let config = world.written("config.json", "{}");
    world.says(&["topology", "register", "t", &config, "--opaque", "--enable"]);
    assert_eq!(
        world.says(&["topology", "set-error", "t", "it's broken?"]),
        "nobody has it; nobody was told"
    );
    let listed = world.says(&["topology", "list"]);
    assert!(listed.contains("it's broken?") && listed.contains("error"), "{listed}");
    assert_eq!(
        world.says(&["topology", "clear-error", "t"]),
        "nobody has it; nobody was told"
    );
    assert_eq!(world.fails(&["topology", "clear-error", "t"]).0, 4);
    let bad = world.written("bad.json", "{");
    assert_eq!(world.fails(&["topology", "register", "u", &bad]).0, 2);
}

#[test]
fn a_lock_is_taken_by_one_and_given_back() {
    let world = World::on_sqlite();
    assert!(
        world
            .says(&["lock", "acquire", "l", "a"])
            .starts_with("acquired, token 1, until ")
    );
    assert_eq!(world.fails(&["lock", "acquire", "l", "b"]).0, 4);
    assert_eq!(world.says(&["lock", "check", "l", "1"]), "token 1 holds l");
    world.says(&["lock", "renew", "l", "a", "--token", "1", "--ttl", "1m"]);
    assert_eq!(world.json(&["lock", "list"])["items"][0]["owner"], "a");
    assert_eq!(world.says(&["lock", "release", "l", "a", "--token", "1"]), "released");
    assert_eq!(world.fails(&["lock", "release", "l", "a", "--token", "1"]).0, 5);
    assert_eq!(world.fails(&["lock", "check", "l", "1"]).0, 5);
    assert_eq!(world.says(&["lock", "get", "l"]), "nobody has it");
}

#[test]
fn a_setting_is_put_only_when_it_is_as_expected() {
    let world = World::on_sqlite();
    assert_eq!(
        world.says(&["setting", "put", "limits/rows", "100", "--absent"]),
        "written, revision 1"
    );
    assert_eq!(world.fails(&["setting", "put", "limits/rows", "200", "--absent"]).0, 4);
    assert_eq!(
        world.says(&["setting", "put", "limits/rows", "200", "--revision", "1"]),
        "written, revision 2"
    );
    world.says(&["setting", "put", "other", "1"]);
    let listed = world.json(&["setting", "list", "limits/"]);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(listed["items"][0]["value"], 200);
    assert_eq!(world.says(&["setting", "delete", "other"]), "deleted");
    assert_eq!(world.says(&["setting", "delete", "other"]), "it was not there");
    assert_eq!(world.says(&["setting", "get", "other"]), "it is not there");
}

#[test]
fn histories_are_trimmed_to_what_is_kept() {
    let world = World::on_sqlite();
    for _ in 0..4 {
        world.says(&["worker", "register", "a"]);
    }
    assert_eq!(
        world.says(&["trim-history", "--keep", "1"]),
        "dropped 3 rows of workers and 0 rows of topologies"
    );
    assert_eq!(
        world.json(&["worker", "history", "a"])["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
