//! `convoke topology register`: which configs are taken, and what is said of the others.

use serde_json::json;

use crate::world::World;

const QTOPOLOGY: &str = r#"{
    // A topology of qtopology: its own workers run it.
    "general": { "heartbeat": 1000, "weight": 2.5, "worker_affinity": ["a", "b"] },
    "spouts": [{ "name": "pump", "type": "sys", "working_dir": "", "cmd": "timer", "init": {} }],
    "bolts": [{ "name": "log", "type": "sys", "working_dir": ".", "cmd": "console", "inputs": [{ "source": "pump" }], "init": {} }],
    "variables": {}
}"#;

#[test]
fn a_unit_is_stored_without_comments_and_with_what_it_says_of_weight_and_affinity() {
    let world = World::on_sqlite();
    let text =
        "{ /* what */ \"command\": [\"true\"], // how\n \"general\": {\"weight\": 3, \"worker_affinity\": [\"a\"]} }";
    let file = world.written("unit.json", text);
    world.says(&["topology", "register", "u", &file]);
    let details = world.json(&["topology", "get", "u"]);
    assert_eq!(
        details["config"],
        json!({ "command": ["true"], "general": { "weight": 3, "worker_affinity": ["a"] } })
    );
    assert_eq!(
        (&details["topology"]["weight"], &details["topology"]["affinity"]),
        (&json!(3.0), &json!(["a"]))
    );
    world.says(&["topology", "register", "u", &file, "--weight", "0.5", "--affinity", "c"]);
    let topology = world.json(&["topology", "get", "u"])["topology"].take();
    assert_eq!(
        (&topology["weight"], &topology["affinity"]),
        (&json!(0.5), &json!(["c"]))
    );
}

#[test]
fn a_topology_of_qtopology_is_taken_as_it_is() {
    let world = World::on_sqlite();
    let file = world.written("topology.json", QTOPOLOGY);
    world.says(&["topology", "register", "t", &file]);
    let details = world.json(&["topology", "get", "t"]);
    assert_eq!(details["config"]["bolts"][0]["inputs"], json!([{ "source": "pump" }]));
    assert_eq!(
        (&details["topology"]["weight"], &details["topology"]["affinity"]),
        (&json!(2.5), &json!(["a", "b"]))
    );
}

#[test]
fn what_is_wrong_is_refused_with_its_place_and_nothing_is_stored() {
    let world = World::on_sqlite();
    let file = world.written(
        "unit.json",
        "{\n  \"command\": [\"true\"],\n  \"restart\": \"often\"\n}\n",
    );
    let (code, why) = world.fails(&["topology", "register", "u", &file]);
    assert_eq!(code, 2);
    assert!(
        why.contains("unit.json:3:") && why.contains("at $.restart: unknown variant `often`, expected one of"),
        "{why}"
    );
    let (code, why) = world.fails(&[
        "topology",
        "register",
        "u",
        &world.written("other.json", "{\"job\": 1}"),
    ]);
    assert!(
        code == 2 && why.contains("it has `job`; expected `command`") && why.contains("--opaque"),
        "{why}"
    );
    assert_eq!(world.fails(&["topology", "get", "u"]).0, 3);
    world.says(&[
        "topology",
        "register",
        "u",
        &world.written("other.json", "{\"job\": 1} // opaque"),
        "--opaque",
    ]);
    assert_eq!(world.json(&["topology", "get", "u"])["config"], json!({ "job": 1 }));
}

#[test]
fn the_schema_is_printed_without_a_store() {
    let world = World::on_sqlite();
    let output = world
        .convoke(&["topology", "schema"])
        .env_remove("CONVOKE_STORE")
        .output()
        .unwrap();
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schema["required"], json!(["command"]));
}
