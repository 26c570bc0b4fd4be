//! Rules of Rust files, and of what holds for all source files.

use super::tree::{File, Finding, Tree};

const MOST_LINES: usize = 600;

pub(crate) fn too_long(tree: &Tree) -> Vec<Finding> {
    // Dumps of a schema are made by a program.
    let ours = tree.files.iter().filter(|file| !file.path.ends_with("/schema.sql"));
    ours.filter_map(|file| {
        let lines = file.text.lines().count();
        (lines > MOST_LINES).then(|| file.as_a_whole(format!("{lines} lines; make it two files of one concern each")))
    })
    .collect()
}

pub(crate) fn vague_names(tree: &Tree) -> Vec<Finding> {
    let is_vague = |file: &&File| {
        let stem = file
            .path
            .rsplit('/')
            .next()
            .and_then(|name| name.split('.').next())
            .unwrap_or_default();
        ["util", "utils", "common", "manager", "helper", "helpers", "misc"].contains(&stem)
    };
    tree.files
        .iter()
        .filter(is_vague)
        .map(|file| file.as_a_whole("name it after what it holds"))
        .collect()
}

pub(crate) fn unfinished(tree: &Tree) -> Vec<Finding> {
    // Put together, so that this file does not find itself.
    let words = [
        ["todo", "!("].concat(),
        ["unimplemented", "!("].concat(),
        ["dbg", "!("].concat(),
        ["#[", "ignore"].concat(),
    ];
    let mut findings = Vec::new();
    for file in tree.ending("rs") {
        for (number, line) in file.text.lines().enumerate().filter(|(_, line)| !is_comment(line)) {
            for word in words.iter().filter(|word| line.contains(*word)) {
                findings.push(file.finding(number, format!("{word} must not stay")));
            }
        }
    }
    findings
}

pub(crate) fn tests_that_are_no_sentences(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.ending("rs") {
        let mut is_test = false;
        for (number, line) in file
            .text
            .lines()
            .enumerate()
            .map(|(number, line)| (number, line.trim_start()))
        {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if is_test && let Some(name) = function_name(line) {
                if name.starts_with("test_") || name.ends_with("_test") || name.matches('_').count() < 2 {
                    findings.push(file.finding(number, format!("{name} does not say what must hold")));
                }
                is_test = false;
            }
        }
    }
    findings
}

pub(crate) fn crates_without_lints(tree: &Tree) -> Vec<Finding> {
    let has_lints = |file: &File| file.text.replace(' ', "").contains("[lints]\nworkspace=true");
    tree.ending("toml")
        .filter(|file| file.path.ends_with("/Cargo.toml") && !has_lints(file))
        .map(|file| file.as_a_whole("add [lints] workspace = true"))
        .collect()
}

/// Where the calendar clock of the host may be read: it is the clock of memory and SQLite; it spreads retries; the old client writes it; it tells how old a
/// package list is.
const CALENDARS: [&str; 4] = [
    "core/src/time.rs",
    "backend-mysql/src/call.rs",
    "xtask/src/bench/predecessor.rs",
    "xtask/src/servers/debian.rs",
];

/// A clock that is a day off, or that somebody sets, can do no harm where nobody looks at it.
pub(crate) fn calendar_clocks(tree: &Tree) -> Vec<Finding> {
    // Put together, so that this file does not find itself.
    let clocks = ["SystemTime", "Timestamp", "Zoned", "Utc", "Local"].map(|clock| [clock, "::", "now("].concat());
    let mut findings = Vec::new();
    for file in tree
        .ending("rs")
        .filter(|file| !CALENDARS.contains(&file.path.as_str()))
    {
        for (number, line) in file.text.lines().enumerate().filter(|(_, line)| !is_comment(line)) {
            if clocks.iter().any(|clock| line.contains(clock.as_str())) {
                findings.push(file.finding(number, "ask the store, or measure by Instant or Boottime".to_owned()));
            }
        }
    }
    findings
}

fn function_name(line: &str) -> Option<&str> {
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let line = line.strip_prefix("async ").unwrap_or(line);
    // A macro names it: the name is judged where it is written.
    line.strip_prefix("fn ")?
        .split(['(', '<'])
        .next()
        .filter(|name| !name.starts_with('$'))
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_601_lines_is_too_long_and_a_dump_is_not() {
        let long = "\n".repeat(601);
        let just = "\n".repeat(600);
        let tree = Tree::of([("a.rs", &long), ("b.sql", &just), ("backend-mysql/schema.sql", &long)]);
        assert_eq!(too_long(&tree).len(), 1);
    }

    #[test]
    fn a_file_called_util_is_found() {
        assert_eq!(
            vague_names(&Tree::of([("core/src/util.rs", ""), ("core/src/utility.rs", "")])).len(),
            1
        );
    }

    #[test]
    fn what_is_unfinished_is_found_outside_comments() {
        let word = ["to", "do!(\"later\")"].concat();
        let ignored = ["#[ign", "ore = \"flaky\"]"].concat();
        let text = format!("fn a() {{ {word} }}\n/// {word}\n    {ignored}\nlet todo = 1;\n");
        let tree = Tree::of([("a.rs", &text)]);
        let lines: Vec<_> = unfinished(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(
            lines[0].starts_with("a.rs:1:") && lines[1].starts_with("a.rs:3:"),
            "{lines:?}"
        );
    }

    #[test]
    fn a_test_that_is_no_sentence_is_found() {
        let attribute = ["#[te", "st]"].concat();
        let text = format!(
            "{attribute}\nfn test_a_lease_ends() {{}}\n{attribute}\nfn works() {{}}\n#[tokio::{}\nasync fn \
             a_lease_ends() {{}}\nfn helper() {{}}\n",
            &attribute[2..]
        );
        assert_eq!(tests_that_are_no_sentences(&Tree::of([("a.rs", &text)])).len(), 2);
    }

    #[test]
    fn a_look_at_the_calendar_clock_is_found_outside_of_where_it_belongs() {
        let text = [
            "let now = Sys",
            "temTime::now();\n// Sys",
            "temTime::now()\nlet at = Instant::now();\n",
        ]
        .concat();
        let tree = Tree::of([("runtime/src/leader.rs", &text), ("core/src/time.rs", &text)]);
        let found: Vec<_> = calendar_clocks(&tree).iter().map(ToString::to_string).collect();
        assert!(
            found.len() == 1 && found[0].starts_with("runtime/src/leader.rs:1:"),
            "{found:?}"
        );
    }

    #[test]
    fn a_crate_without_the_lints_is_found() {
        let with = "[package]\n\n[lints]\nworkspace = true\n";
        let tree = Tree::of([
            ("a/Cargo.toml", with),
            ("b/Cargo.toml", "[package]\n"),
            ("Cargo.toml", "[workspace]\n"),
        ]);
        assert_eq!(crates_without_lints(&tree).len(), 1);
    }
}
