//! Bad input gives an error of the right kind that says what to do; never a panic, never a secret.

use std::time::{Duration, Instant};

use convoke_test_servers::Kind;

use crate::world::World;

fn refused(world: &World, arguments: &[&str], code: i32, says: &str) {
    let began = Instant::now();
    let (got, why) = world.fails(arguments);
    assert!(got == code && why.contains(says), "{arguments:?} gave {got}: {why}");
    assert!(!why.contains("panicked"), "{why}");
    assert!(began.elapsed() < Duration::from_secs(10), "{arguments:?}");
}

#[test]
fn names_that_stores_would_garble_are_refused() {
    let world = World::on_sqlite();
    for name in ["", " a", "a\nb", "\u{7f}", &"x".repeat(101)] {
        refused(&world, &["worker", "register", name], 2, "a name");
        refused(&world, &["lead", "--as", name, "--", "true"], 2, "a name");
    }
}

#[test]
fn names_that_look_dangerous_are_taken_as_they_are() {
    let world = World::on_sqlite();
    for name in ["o'hara", "?", "\\", "\"", "😀", "%s; DROP TABLE worker", "A", "a"] {
        world.says(&["worker", "register", name]);
        assert_eq!(world.json(&["worker", "get", name])["name"], name);
    }
}

#[test]
fn a_ttl_of_nothing_or_of_years_is_refused() {
    let world = World::on_sqlite();
    for ttl in ["0s", "17520h", "-1s", "soon", "99999999999999999999h"] {
        refused(
            &world,
            &["lead", "--as", "a", &format!("--ttl={ttl}"), "--", "true"],
            2,
            "--ttl",
        );
        refused(
            &world,
            &["message", "send", "a", "start", &format!("--ttl={ttl}")],
            2,
            "--ttl",
        );
    }
    refused(
        &world,
        &["lead", "--as", "a", "--ttl", "50ms", "--", "true"],
        2,
        "100ms or more",
    );
    refused(&world, &["demo", "--ttl", "1m"], 2, "300ms to 2s");
}

#[test]
fn content_that_is_not_json_or_too_long_is_refused_and_nothing_is_sent() {
    let world = World::on_sqlite();
    world.says(&["worker", "register", "a"]);
    refused(&world, &["message", "send", "a", "start", "{"], 2, "JSON");
    refused(
        &world,
        &["message", "send", "a", "start", r#"{"k":1,"k":2}"#],
        2,
        "twice",
    );
    assert_eq!(world.json(&["message", "peek", "a"])["items"], serde_json::json!([]));
}

#[test]
fn what_does_not_exist_or_is_stale_is_told_apart() {
    let world = World::on_sqlite();
    refused(&world, &["message", "send", "nobody", "start"], 3, "register it first");
    world.says(&["worker", "register", "a"]);
    world.says(&["worker", "register", "a"]);
    refused(
        &world,
        &["worker", "ping", "a", "--incarnation", "1"],
        5,
        "registered again",
    );
    refused(&world, &["leader", "check-term", "7"], 5, "does not lead");
    refused(&world, &["worker", "list", "--limit", "0"], 2, "between 1 and 1,000");
    refused(&world, &["message", "ack", "7/1/x/a"], 2, "a receipt");
}

#[test]
fn a_store_that_is_not_named_or_not_known_is_told_how_to_be() {
    let world = World::on_sqlite();
    let mut unnamed = world.convoke(&["worker", "list"]);
    let output = unnamed.env_remove("CONVOKE_STORE").output().unwrap();
    let why = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(2) && why.contains("--store or CONVOKE_STORE"),
        "{why}"
    );
    refused(
        &world,
        &["worker", "list", "--store", "a file"],
        2,
        "sqlite:///path/to/file",
    );
    refused(
        &world,
        &["worker", "list", "--store", "gopher://u:hunter2@h/"],
        2,
        "sqlite",
    );
    refused(
        &world,
        &["worker", "list", "--store", "sqlite:///no/such/directory/x.db"],
        6,
        "directory",
    );
    for (store, says) in [("gopher://h/", "sqlite"), ("memory:", "every process would lead")] {
        refused(&world, &["lead", "--as", "a", "--store", store, "--", "true"], 2, says);
    }
}

#[test]
fn no_secret_is_shown_in_help_or_errors() {
    let world = World::on_sqlite();
    let url = "gopher://user:hunter2@host/?password=hunter2";
    for arguments in [
        &["--help"][..],
        &["lead", "--help"],
        &["worker", "list"],
        &["doctor"],
        &["clear"],
    ] {
        let output = world
            .convoke(arguments)
            .env("CONVOKE_STORE", url)
            .env("CONVOKE_LOG", "trace")
            .output()
            .unwrap();
        let said = format!("{output:?}");
        assert!(!said.contains("hunter2"), "{arguments:?}: {said}");
    }
}

#[test]
fn an_error_is_json_when_asked_for() {
    let world = World::on_sqlite();
    let (code, why) = world.fails(&["worker", "get", "nobody", "--json"]);
    let error: serde_json::Value = serde_json::from_str(&why).unwrap();
    assert_eq!((code, &error["error"]["kind"]), (3, &serde_json::json!("not_found")));
    assert_eq!(error["error"]["context"]["worker"], "nobody");
}

#[test]
fn a_server_that_is_down_or_takes_no_such_user_is_told_apart_from_a_wrong_url() {
    let world = World::on_sqlite();
    for url in ["redis://:hunter2@127.0.0.1:1/", "mysql://u:hunter2@127.0.0.1:1/d"] {
        refused(&world, &["worker", "list", "--store", url], 6, "127.0.0.1");
        let (_, why) = world.fails(&["worker", "list", "--store", url]);
        assert!(!why.contains("hunter2"), "{why}");
    }
    let url = World::on(Kind::MariaDb).url.replace("root@", "nobody:hunter2@");
    refused(&world, &["worker", "list", "--store", &url], 9, "refuses this user");
    let (_, why) = world.fails(&["worker", "list", "--store", &url]);
    assert!(why.contains("nobody") && !why.contains("hunter2"), "{why}");
    // Waiting for the store is no use then: it ends, where it would wait for one that is down.
    refused(
        &world,
        &["lead", "--as", "a", "--store", &url, "--", "true"],
        9,
        "refuses this user",
    );
}
