//! `convoke demo`.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::world::{processes_with, signal_to, until};

fn demo(directory: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_convoke"));
    command
        .args(["demo", "--ttl", "1500ms"])
        .env("TMPDIR", directory)
        .stdin(Stdio::null());
    command
}

fn nothing_is_left(directory: &std::path::Path) {
    assert_eq!(std::fs::read_dir(directory).unwrap().count(), 0);
    let mark = directory.display().to_string();
    until("no process is left", || processes_with(&mark).is_empty().then_some(()));
}

#[test]
fn the_demo_shows_where_units_run_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let output = demo(directory.path()).output().unwrap();
    assert!(began.elapsed() < Duration::from_secs(30));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains(", which leads and runs 4 units"), "{text}");
    assert!(text.contains(" is drained of its "), "{text}");
    assert!(text.contains('●') && text.contains("  killed"), "{text}");
    assert!(text.contains("No unit ever ran twice at a time"), "{text}");
    nothing_is_left(directory.path());
}

#[test]
fn the_demo_answers_in_json() {
    let directory = tempfile::tempdir().unwrap();
    let output = demo(directory.path()).arg("--json").output().unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["overlaps"], 0);
    let steps = summary["steps"].as_array().unwrap();
    let units: Vec<_> = steps.iter().map(|step| step["units"].as_u64().unwrap()).collect();
    assert_eq!((units[0], units[1], units.len()), (12, 4, 4), "{summary}");
    assert!(units[2..].iter().all(|units| (1..=6).contains(units)), "{summary}");
    assert!(
        steps[1]["ran_after_ms"][2].as_u64().unwrap() < 1_500 + 1_000,
        "{summary}"
    );
    nothing_is_left(directory.path());
}

#[test]
fn an_interrupted_demo_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = demo(directory.path()).stdout(Stdio::null()).spawn().unwrap();
    let mark = directory.path().display().to_string();
    until("units run", || (processes_with(&mark).len() >= 3 + 12).then_some(()));
    signal_to(i32::try_from(process.id()).unwrap(), Signal::INT);
    assert_eq!(process.wait().unwrap().code(), Some(130));
    nothing_is_left(directory.path());
}

#[test]
fn a_killed_demo_leaves_no_process_behind() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = demo(directory.path()).stdout(Stdio::null()).spawn().unwrap();
    let mark = directory.path().display().to_string();
    until("units run", || (processes_with(&mark).len() >= 3 + 12).then_some(()));
    process.kill().unwrap();
    process.wait().unwrap();
    until("no process is left", || processes_with(&mark).is_empty().then_some(()));
}
