//! A whole installation goes from any store into any store.

use convoke_test_servers::Kind;
use serde_json::{Value, json};

use crate::world::{World, until};

const CONFIG: &str = r#"{"n": 18446744073709551615, "x": 1.10, "b": "é \u0000 😀", "a": []}"#;

/// An installation with some of everything.
fn fill(world: &World) {
    let config = world.written("config.json", CONFIG);
    for name in ["a", "b ü"] {
        world.says(&["worker", "register", name]);
    }
    // A term, and what is not carried: a lead, a claim, a lock.
    for _ in 0..3 {
        let elected = world.json(&["leader", "campaign", "a", "--incarnation", "1"]);
        let term = elected["elected"]["term"].to_string();
        world.says(&["leader", "resign", "a", "--incarnation", "1", "--term", &term]);
    }
    world.says(&["leader", "campaign", "a", "--incarnation", "1", "--ttl", "1h"]);
    world.says(&[
        "topology",
        "register",
        "running",
        &config,
        "--opaque",
        "--weight",
        "2.5",
        "--affinity",
        "b ü",
        "--enable",
    ]);
    world.says(&["topology", "assign", "running", "a", "--term", "4"]);
    world.says(&["topology", "report", "running", "a", "running"]);
    world.says(&["topology", "register", "failed", &config, "--opaque", "--enable"]);
    world.says(&["topology", "set-error", "failed", "it's broken?"]);
    world.says(&["topology", "register", "off", &config, "--opaque"]);
    world.says(&["setting", "put", "limits/rows", "1.10"]);
    for number in ["1", "2", "2"] {
        world.says(&["message", "send", "b ü", "count", number, "--ttl", "1h"]);
    }
    world.says(&["message", "receive", "b ü", "--visibility", "30m"]);
    world.says(&["message", "send", "a", "gone", "--ttl", "1ms"]);
    world.says(&["lock", "acquire", "l", "me", "--ttl", "1h"]);
}

/// What an import brings.
fn content(world: &World) -> Value {
    let topologies = world.json(&["topology", "list"]);
    let topologies: Vec<_> = topologies["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let config = world.says(&["topology", "export", it["id"].as_str().unwrap()]);
            json!([
                it["id"],
                it["enabled"],
                it["weight"],
                it["affinity"],
                it["error"],
                config
            ])
        })
        .collect();
    let texts = |list: &[&str], key: &str| -> Vec<Value> {
        let list = world.json(list);
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it[key].clone())
            .collect()
    };
    let queue = world.json(&["message", "peek", "b ü"]);
    let messages: Vec<_> = queue["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["message"]["content"].clone())
        .collect();
    json!({
        "topologies": topologies,
        "workers": texts(&["worker", "list"], "name"),
        "settings": texts(&["setting", "list"], "key"),
        "value": world.says(&["setting", "list", "limits/"]).contains("1.10"),
        "messages": messages,
    })
}

fn carried(from: &World, into: &World) {
    fill(from);
    let file = into.file("export.jsonl").display().to_string();
    let output = from.output(&["export", "--output", &file]);
    let (said, noted) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert!(said.starts_with("1 settings, 2 workers, 3 topologies, "), "{said}");
    for left_out in [
        "a leads",
        "1 locks",
        "1 claims of messages",
        "1 topologies being waiting or running",
    ] {
        assert!(noted.contains(left_out), "{noted}");
    }
    into.says(&["migrate"]);
    into.says(&["import", &file]);
    assert_eq!(content(into), content(from));
    let expected = json!(["1", "2", "2"].map(|text| text.parse::<u8>().unwrap()));
    assert_eq!(content(into)["messages"], expected);
    // Nothing of it is at work, and nothing is put in twice.
    assert_eq!(
        into.json(&["topology", "get", "running"])["topology"]["status"],
        "unassigned"
    );
    assert_eq!(into.json(&["topology", "get", "failed"])["topology"]["status"], "error");
    assert_eq!(into.json(&["worker", "get", "a"])["status"], "unloaded");
    assert_eq!(into.json(&["lock", "list"])["items"], json!([]));
    let before = content(into);
    let again = into.json(&["import", &file, "--replace"]);
    assert_eq!(again["written"]["messages"], 0, "{again}");
    into.says(&["import", &file, "--keep"]);
    assert_eq!(content(into), before);
    // Whoever fences by a number does not meet an old one.
    let a = into.json(&["worker", "register", "a"])["incarnation"].as_u64().unwrap();
    assert!(a > 2, "incarnation {a}");
    let elected = into.json(&["leader", "campaign", "a", "--incarnation", &a.to_string()]);
    assert!(elected["elected"]["term"].as_u64().unwrap() > 4, "{elected}");
    let token = into.json(&["lock", "acquire", "l", "me"]);
    assert!(token["acquired"]["token"].as_u64().unwrap() > 1, "{token}");
}

#[test]
fn from_sqlite_into_mariadb() {
    carried(&World::on_sqlite(), &World::on(Kind::MariaDb));
}

#[test]
fn from_mariadb_into_redis() {
    carried(&World::on(Kind::MariaDb), &World::on(Kind::Redis));
}

#[test]
fn from_redis_into_sqlite() {
    carried(&World::on(Kind::Redis), &World::on_sqlite());
}

/// An export of one topology, as text.
fn small_export(id: &str) -> String {
    let world = World::on_sqlite();
    let config = world.written("config.json", "1");
    world.says(&["topology", "register", id, &config, "--opaque", "--enable"]);
    world.says(&["setting", "put", "k", "\"exported\""]);
    world.says(&["export"])
}

#[test]
fn what_is_there_wins_or_loses_as_is_said_and_is_never_mixed_unasked() {
    let world = World::on_sqlite();
    let file = world.written("export.jsonl", &small_export("t"));
    let config = world.written("other.json", "2");
    world.says(&["topology", "register", "t", &config, "--opaque"]);
    world.says(&["topology", "register", "mine", &config, "--opaque"]);
    world.says(&["setting", "put", "k", "\"here\""]);
    let (code, why) = world.fails(&["import", &file]);
    assert!(code == 4 && why.contains("--keep or --replace"), "{why}");

    let kept = world.json(&["import", &file, "--keep"]);
    assert_eq!(
        (&kept["kept"]["topologies"], &kept["kept"]["settings"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(world.json(&["setting", "get", "k"])["value"], "here");
    let t = world.json(&["topology", "get", "t"]);
    assert_eq!((&t["config"], &t["topology"]["enabled"]), (&json!(2), &json!(false)));

    world.says(&["import", &file, "--replace"]);
    assert_eq!(world.json(&["setting", "get", "k"])["value"], "exported");
    let t = world.json(&["topology", "get", "t"]);
    assert_eq!((&t["config"], &t["topology"]["enabled"]), (&json!(1), &json!(true)));
    assert_eq!(world.json(&["topology", "get", "mine"])["config"], 2);
}

#[test]
fn a_bad_file_changes_nothing_and_its_fault_is_told_with_its_place() {
    let world = World::on_sqlite();
    let good = small_export("t");
    let lines: Vec<_> = good.lines().collect();
    let cut = lines[..lines.len() - 1].join("\n");
    for (text, line, what) in [
        (cut, format!("line {}", lines.len()), "cut off"),
        (
            good.replace("\"weight\":1.0", "\"weight\":-1"),
            "line 3, column".to_owned(),
            "weight",
        ),
        (
            good.replace("\"enabled\":true", "\"enabled\":tru"),
            "line 3, column".to_owned(),
            "expected",
        ),
        ("{}".to_owned(), "line 1, column".to_owned(), "expected"),
    ] {
        let file = world.written("bad.jsonl", &text);
        let (code, why) = world.fails(&["import", &file]);
        assert!(code == 2 && why.contains(&line) && why.contains(what), "{why}");
        assert_eq!(world.json(&["setting", "list"])["items"], json!([]));
        assert_eq!(world.json(&["topology", "list"])["items"], json!([]));
    }
    let newer = world.written("newer.jsonl", &good.replace("\"version\":1", "\"version\":9"));
    assert_eq!(world.fails(&["import", &newer]).0, 8);
    assert_eq!(world.fails(&["import", "/nowhere/at/all"]).0, 1);
}

#[test]
fn an_import_that_was_interrupted_is_completed_by_the_same_command() {
    let world = World::on_sqlite();
    let file = world.written("export.jsonl", &small_export("t"));
    // As an import leaves it that was killed after it had registered the topology.
    let header: Value = serde_json::from_str(std::fs::read_to_string(&file).unwrap().lines().next().unwrap()).unwrap();
    let marker = json!({ "export": header["export"]["id"], "mode": "keep" }).to_string();
    world.says(&["setting", "put", "convoke/import", &marker]);
    let config = world.written("config.json", "1");
    world.says(&["topology", "register", "t", &config, "--opaque"]);
    // Nothing of the marker gets into an export, and another import is refused meanwhile.
    assert!(!world.says(&["export"]).contains("convoke/import"));
    let other = world.written("other.jsonl", &small_export("u"));
    let (code, why) = world.fails(&["import", &other, "--replace"]);
    assert!(code == 4 && why.contains("was begun and not completed"), "{why}");

    world.says(&["import", &file]);
    assert_eq!(world.json(&["topology", "get", "t"])["topology"]["enabled"], true);
    assert_eq!(world.says(&["setting", "get", "convoke/import"]), "it is not there");
    // What an operator has touched since is no half-done thing.
    world.says(&["topology", "disable", "t"]);
    world.says(&["setting", "put", "convoke/import", &marker]);
    world.says(&["import", &file]);
    assert_eq!(world.json(&["topology", "get", "t"])["topology"]["enabled"], false);
}

#[test]
fn an_import_that_is_killed_is_completed_and_nothing_is_there_twice() {
    let (topologies, messages) = (1_500, 200);
    let mut text = small_export("t0").lines().next().unwrap().to_owned();
    text += "\n{\"worker\":{\"name\":\"a\",\"status\":\"alive\",\"last_ping\":\"2026-11-21T00:00:00Z\"}}\n";
    for number in 0..topologies {
        let topology = json!({
            "id": format!("t{number:04}"), "enabled": true, "weight": 1.0, "affinity": [], "error": null, "worker": null,
            "config": number,
        });
        text += &format!("{}\n", json!({ "topology": topology }));
    }
    for number in 0..messages {
        let message = json!({
            "worker": "a", "command": "count", "content": number % 7,
            "sent": "2026-11-21T00:00:00Z", "expires": "2999-01-01T00:00:00Z",
        });
        text += &format!("{}\n", json!({ "message": message }));
    }
    let counts = json!({
        "settings": 0, "workers": 1, "topologies": topologies, "messages": messages, "history_rows": 0,
    });
    let counters = json!({ "term": null, "incarnation": 0, "revision": 0, "lock_token": 0 });
    text += &json!({ "end": { "counts": counts, "counters": counters } }).to_string();

    let world = World::on_sqlite();
    world.says(&["migrate"]);
    let file = world.written("export.jsonl", &text);
    for id in ["t0005", "t0900"] {
        let mut import = world.convoke(&["import", &file, "--keep"]).spawn().unwrap();
        until("it is under way", || {
            world.attempt(&["topology", "get", id]).is_none().then_some(())
        });
        import.kill().unwrap();
        import.wait().unwrap();
    }
    world.says(&["import", &file, "--keep"]);
    let lines = |list: &[&str]| world.says(list);
    let listed = lines(&["topology", "list", "--all", "--json"]);
    assert_eq!(listed.lines().count(), topologies);
    assert_eq!(listed.matches("\"enabled\":true").count(), topologies);
    assert_eq!(
        lines(&["message", "peek", "a", "--all", "--json"]).lines().count(),
        messages
    );
    assert_eq!(world.json(&["setting", "list"])["items"], json!([]));
}

#[test]
fn an_export_goes_through_a_pipe_and_histories_go_with_it_when_wanted() {
    let world = World::on_sqlite();
    world.says(&["worker", "register", "a"]);
    assert!(!world.says(&["export"]).contains("worker_history"));
    let text = world.says(&["export", "--histories"]);
    assert_eq!(text.matches("{\"worker_history\":").count(), 1, "{text}");
    let into = World::on_sqlite();
    let file = std::fs::File::open(into.written("export.jsonl", &text)).unwrap();
    let output = into.convoke(&["import", "-"]).stdin(file).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let noted = String::from_utf8(output.stderr).unwrap();
    assert!(noted.contains("1 rows are left out"), "{noted}");
    assert_eq!(into.json(&["worker", "get", "a"])["status"], "unloaded");
}

#[test]
fn the_worker_time_out_of_a_cluster_that_is_there_stays() {
    let from = World::on_sqlite();
    from.says(&["setting", "put", "runtime/worker_timeout_us", "5000000"]);
    let text = from.says(&["export"]);
    let world = World::on_sqlite();
    let file = world.written("export.jsonl", &text);
    world.says(&["setting", "put", "runtime/worker_timeout_us", "7000000"]);
    let output = world.output(&["import", &file, "--replace"]);
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("stays as it is here")
    );
    assert_eq!(
        world.json(&["setting", "get", "runtime/worker_timeout_us"])["value"],
        7_000_000
    );
}
