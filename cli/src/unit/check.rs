//! What a file has to hold to be registered as the config of a topology.

use std::collections::BTreeMap;

use convoke::{Affinity, Payload, Result, Weight, error};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::UnitConfig;

/// A config that may be registered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Checked {
    /// Without its comments.
    pub(crate) config: Payload,
    /// What it says of its weight.
    pub(crate) weight: Weight,
    /// What it says of the workers on which it runs best.
    pub(crate) affinity: Affinity,
}

/// What is common to the topologies of qtopology; the rest is for their own workers to understand.
#[derive(Deserialize)]
struct Foreign {
    #[serde(default)]
    general: ForeignGeneral,
}

#[derive(Default, Deserialize)]
struct ForeignGeneral {
    weight: Option<Weight>,
    worker_affinity: Option<Affinity>,
}

/// Checks a file of JSON, in which comments are allowed: a unit of `convoke agent`, or a topology of qtopology, or, when
/// `opaque`, anything.
///
/// # Errors
/// InvalidArgument with the place: `source`, line, column and path.
pub(crate) fn check(text: &str, source: &str, opaque: bool) -> Result<Checked> {
    let plain = without_comments(text, source)?;
    if opaque {
        read::<IgnoredAny>(&plain, source)?;
        return Ok(Checked {
            config: Payload::parse(&compact(&plain))?,
            weight: Weight::default(),
            affinity: Affinity::default(),
        });
    }
    let keys: BTreeMap<String, IgnoredAny> = read(&plain, source)?;
    let (weight, affinity) = if keys.contains_key("command") {
        let general = read::<UnitConfig>(&plain, source)?.general;
        (general.weight, general.worker_affinity)
    } else if keys.contains_key("spouts") && keys.contains_key("bolts") {
        let general = read::<Foreign>(&plain, source)?.general;
        (
            general.weight.unwrap_or_default(),
            general.worker_affinity.unwrap_or_default(),
        )
    } else {
        return Err(neither(source, &keys));
    };
    Ok(Checked {
        config: Payload::parse(&compact(&plain))?,
        weight,
        affinity,
    })
}

/// The text with spaces in place of its comments, so that every place in it stays where it is.
fn without_comments(text: &str, source: &str) -> Result<String> {
    let mut plain = text.to_owned();
    if json_strip_comments::strip(&mut plain).is_err() {
        return Err(error::invalid(format!(
            "{source}: a `/` that begins no comment; expected JSON, in which /* */ and // comments are allowed"
        )));
    }
    // It blanks the line ends in comments too, by which places are counted.
    let lines = plain.bytes().zip(text.bytes());
    let lines = lines.map(|(plain, text)| if text == b'\n' { text } else { plain });
    Ok(String::from_utf8_lossy(&lines.collect::<Vec<_>>()).into_owned())
}

/// JSON without the spaces between its words, those that comments left among them. Numbers stay as they were written.
fn compact(json: &str) -> String {
    let (mut is_inside, mut is_escaped) = (false, false);
    let keeps = |char: &char| {
        let was_inside = is_inside;
        is_inside ^= *char == '"' && !is_escaped;
        is_escaped = was_inside && *char == '\\' && !is_escaped;
        was_inside || !char.is_ascii_whitespace()
    };
    json.chars().filter(keeps).collect()
}

fn read<T: DeserializeOwned>(plain: &str, source: &str) -> Result<T> {
    let mut json = serde_json::Deserializer::from_str(plain);
    let refuse = |path: String, why: &serde_json::Error| {
        let (line, column) = (why.line(), why.column());
        let said = why.to_string();
        let said = said
            .strip_suffix(&format!(" at line {line} column {column}"))
            .unwrap_or(&said);
        error::invalid(format!("{source}:{line}:{column}: at {path}: {said}"))
    };
    let value = serde_path_to_error::deserialize(&mut json).map_err(|why| {
        let path = match why.path().to_string().as_str() {
            "." => "$".to_owned(),
            path => format!("$.{path}"),
        };
        refuse(path, why.inner())
    })?;
    json.end().map_err(|why| refuse("$".to_owned(), &why))?;
    Ok(value)
}

fn neither(source: &str, keys: &BTreeMap<String, IgnoredAny>) -> convoke::Error {
    let has: Vec<_> = keys
        .keys()
        .take(10)
        .map(|key| format!("`{}`", key.escape_debug()))
        .collect();
    let has = if has.is_empty() {
        "nothing".to_owned()
    } else {
        has.join(", ")
    };
    error::invalid(format!(
        "{source}:1:1: at $: it has {has}; expected `command`, for `convoke agent` to run (`convoke topology schema` prints \
         the schema), or `spouts` and `bolts`, a topology of qtopology; --opaque registers whatever your own workers understand"
    ))
}

#[cfg(test)]
mod tests {
    use convoke::{ErrorKind, WorkerName};

    use super::*;

    fn refused(text: &str) -> String {
        let error = check(text, "unit.json", false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        error.to_string()
    }

    fn affinity(names: &[&str]) -> Affinity {
        Affinity::new(names.iter().map(|name| WorkerName::new(name).unwrap())).unwrap()
    }

    #[test]
    fn comments_are_not_stored_and_hide_nothing() {
        let text = "{ // the program\n  \"command\": [\"echo\", \"/* no comment */ // at all\"], /* and\n its */ \"env\": {}\n}";
        let checked = check(text, "unit.json", false).unwrap();
        let expected = Payload::parse(r#"{"command":["echo","/* no comment */ // at all"],"env":{}}"#).unwrap();
        assert_eq!(checked.config, expected);
        assert!(!checked.config.to_string().contains("the program"));
    }

    #[test]
    fn spaces_are_kept_in_strings_alone() {
        let text = r#" { "a b" : [ 1 , "c \" d" , "e\\" , 1e400 ] , "f" : " " } "#;
        assert_eq!(compact(text), r#"{"a b":[1,"c \" d","e\\",1e400],"f":" "}"#);
    }

    #[test]
    fn weight_and_affinity_are_read_from_general_in_both_kinds() {
        for text in [
            r#"{"command": ["a"], "general": {"weight": 2.5, "worker_affinity": ["x", "y"]}}"#,
            r#"{"general": {"weight": 2.5, "worker_affinity": ["x", "y"], "heartbeat": 1000}, "spouts": [], "bolts": []}"#,
        ] {
            let checked = check(text, "unit.json", false).unwrap();
            assert_eq!((checked.weight.get(), checked.affinity), (2.5, affinity(&["x", "y"])));
        }
        let checked = check(
            r#"{"spouts": [], "bolts": [], "general": {"weight": null}}"#,
            "-",
            false,
        )
        .unwrap();
        assert_eq!((checked.weight.get(), checked.affinity), (1.0, affinity(&[])));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_what_is_expected() {
        for (text, expected) in [
            (
                "{\n  \"command\": [\"a\", 1]\n}",
                "unit.json:2:20: at $.command[1]: invalid type: integer `1`, expected a string",
            ),
            (
                "{\"command\": []}",
                "unit.json:1:15: at $.command: a command begins with its program; expected an array like",
            ),
            (
                "{\"command\": [\"\"]}",
                "at $.command: a command begins with its program",
            ),
            (
                "{\"command\": \"ls\"}",
                "at $.command: invalid type: string \"ls\", expected a sequence",
            ),
            (
                "{\"command\": [\"a\\u0000\"]}",
                "at $.command[0]: no process can be given text with a NUL character",
            ),
            (
                "{\"command\": [\"a\"], \"env\": {\"A=B\": \"\"}}",
                "at $.env.A=B: the name of a variable has no NUL character",
            ),
            (
                "{\"command\": [\"a\"], \"env\": {\"A\": 1}}",
                "at $.env.A: invalid type: integer `1`, expected a string",
            ),
            (
                "{\"command\": [\"a\"], \"working_dir\": \"x\"}",
                "at $.working_dir: agents run in different directories; expected",
            ),
            (
                "{\"command\": [\"a\"], \"restart\": \"yes\"}",
                "at $.restart: unknown variant `yes`, expected one of `on_failure`, `always`, `never`",
            ),
            (
                "{\"command\": [\"a\"], \"general\": {\"wait\": 1}}",
                "at $.general.wait: unknown field `wait`, expected `weight` or `worker_affinity`",
            ),
            (
                "{\"command\": [\"a\"], \"general\": {\"weight\": -1}}",
                "at $.general.weight: a weight is a number from 0 to 1,000,000",
            ),
            (
                "{\"command\": [\"a\"], \"workdir\": \"/\"}",
                "at $.workdir: unknown field `workdir`, expected one of `command`, `env`",
            ),
            (
                "{\"command\": [\"a\"], \"command\": [\"b\"]}",
                "duplicate field `command`",
            ),
            ("{\"command\": [\"a\"]} x", "unit.json:1:20: at $: trailing characters"),
            (
                "// only\n[1]",
                "unit.json:2:0: at $: invalid type: sequence, expected a map",
            ),
            (
                "{\"comand\": [\"a\"]}",
                "unit.json:1:1: at $: it has `comand`; expected `command`",
            ),
            ("{\"spouts\": []}", "expected `command`"),
            ("{}", "it has nothing; expected `command`"),
            ("", "unit.json:1:0: at $: EOF while parsing a value"),
            (
                "{\"spouts\": [], \"bolts\": [], \"general\": {\"weight\": \"heavy\"}}",
                "at $.general.weight: invalid type: string \"heavy\"",
            ),
        ] {
            let said = refused(text);
            assert!(said.contains(expected), "{text}\n{said}\n{expected}");
        }
    }

    #[test]
    fn places_are_those_of_the_file_whatever_comments_are_before_them() {
        assert!(refused("/* é\n\n*/ {\"command\": [/* x */ 1]}").contains("unit.json:3:25: at $.command[0]"));
    }

    #[test]
    fn anything_that_is_json_is_opaque_and_nothing_else() {
        for text in ["{}", "[1, 2] // two", "\"run\"", "{\"command\": 1}"] {
            assert_eq!(check(text, "-", true).unwrap().weight.get(), 1.0, "{text}");
        }
        assert!(check("{", "-", true).is_err());
    }
}
