//! The published schema and the Rust type say the same.

use std::collections::BTreeSet;

use boon::{Compiler, Schemas};
use serde_json::{Value, json};

use super::{SCHEMA, UnitConfig, check};

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

/// Configs that are taken.
fn good() -> Vec<Value> {
    vec![
        json!({ "command": ["true"] }),
        json!({ "command": ["a", "", "é😀", "\n"], "env": {}, "working_dir": "/", "restart": "always", "general": {} }),
        json!({ "command": ["a"], "env": { "A": "", "a b": "=", "é": "\t" }, "restart": "on_failure" }),
        json!({ "command": ["a"], "restart": "never", "general": { "weight": 0, "worker_affinity": [] } }),
        json!({ "command": ["a"], "general": { "weight": 1_000_000, "worker_affinity": ["a", "b c", "x".repeat(100)] } }),
        json!({ "command": ["a"], "general": { "weight": 0.5 } }),
    ]
}

/// Configs that are refused.
fn bad() -> Vec<Value> {
    let with = |key: &str, value: Value| {
        let mut config = json!({ "command": ["a"] });
        config[key] = value;
        config
    };
    vec![
        json!([]),
        json!("sh"),
        json!({}),
        json!({ "command": [] }),
        json!({ "command": [""] }),
        json!({ "command": "sh" }),
        json!({ "command": ["sh", 1] }),
        json!({ "command": [1] }),
        json!({ "command": ["a\0"] }),
        json!({ "command": ["a", "\0"] }),
        json!({ "command": null }),
        with("comand", json!([])),
        with("env", json!(null)),
        with("env", json!([])),
        with("env", json!({ "": "" })),
        with("env", json!({ "A=": "" })),
        with("env", json!({ "A\0": "" })),
        with("env", json!({ "A": "\0" })),
        with("env", json!({ "A": 1 })),
        with("env", json!({ "CONVOKE_NAME": "" })),
        with("env", json!({ "CONVOKE_TOPOLOGY": "" })),
        with("working_dir", json!(null)),
        with("working_dir", json!("")),
        with("working_dir", json!("srv")),
        with("working_dir", json!("/a\0")),
        with("restart", json!("often")),
        with("restart", json!(true)),
        with("general", json!(null)),
        with("general", json!({ "wait": 1 })),
        with("general", json!({ "weight": -1 })),
        with("general", json!({ "weight": 1_000_001 })),
        with("general", json!({ "weight": "1" })),
        with("general", json!({ "weight": null })),
        with("general", json!({ "worker_affinity": "a" })),
        with("general", json!({ "worker_affinity": [1] })),
        with("general", json!({ "worker_affinity": ["a", "a"] })),
        with("general", json!({ "worker_affinity": [""] })),
        with("general", json!({ "worker_affinity": [" a"] })),
        with("general", json!({ "worker_affinity": ["a "] })),
        with("general", json!({ "worker_affinity": ["a\nb"] })),
        with("general", json!({ "worker_affinity": ["x".repeat(101)] })),
        with(
            "general",
            json!({ "worker_affinity": (0..101).map(|number| number.to_string()).collect::<Vec<_>>() }),
        ),
    ]
}

#[test]
fn the_schema_takes_and_refuses_what_the_program_does() {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("unit.json", schema()).unwrap();
    let unit = compiler.compile("unit.json", &mut schemas).unwrap();
    for (configs, taken) in [(good(), true), (bad(), false)] {
        for config in configs {
            let by_program = serde_json::from_value::<UnitConfig>(config.clone());
            assert_eq!(by_program.is_ok(), taken, "the program on {config}: {by_program:?}");
            let by_schema = schemas.validate(&config, unit);
            assert_eq!(by_schema.is_ok(), taken, "the schema on {config}: {by_schema:?}");
        }
    }
}

/// What stands between ```jsonc and ```.
fn examples(markdown: &str) -> Vec<&str> {
    let blocks = markdown.split("```jsonc\n").skip(1);
    blocks.filter_map(|block| Some(block.split_once("```")?.0)).collect()
}

#[test]
fn the_examples_of_the_readme_are_taken() {
    let examples = examples(include_str!("../../../README.md"));
    assert!(!examples.is_empty());
    for example in examples {
        let checked = check(example, "README.md", false).unwrap();
        assert_eq!(checked.weight.get(), 2.0);
    }
}

/// The fields that the program knows, as it names them itself.
fn fields(config: Value) -> BTreeSet<String> {
    let error = serde_json::from_value::<UnitConfig>(config).unwrap_err().to_string();
    let (_, expected) = error.split_once("expected ").expect(&error);
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_schema_has_the_fields_that_the_program_has() {
    let keys = |schema: &Value| {
        schema["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<BTreeSet<_>>()
    };
    let schema = schema();
    assert_eq!(keys(&schema), fields(json!({ "?": 1 })));
    let general = &schema["properties"]["general"];
    assert_eq!(
        keys(general),
        fields(json!({ "command": ["a"], "general": { "?": 1 } }))
    );
}
