//! Each example ends well and says what it is there to show.
#![allow(clippy::unwrap_used)] // Helpers of tests fail the test.

use std::process::Command;

/// What an example prints, in memory and on a SQLite file.
fn shows(example: &str, expected: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    let file = format!("sqlite://{}", directory.path().join("example.db").display());
    for url in [None, Some(&file)] {
        let output = Command::new(example).args(url).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let why = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{url:?}: {text}{why}");
        for line in expected {
            assert!(text.contains(line), "{url:?} does not say {line:?}: {text}");
        }
    }
}

#[test]
fn lead_leads_renews_and_resigns() {
    shows(
        env!("CARGO_BIN_EXE_lead"),
        &["leading in term 1", "round 3", "resigned"],
    );
}

#[test]
fn queue_handles_each_message_and_one_of_them_again() {
    let expected = [
        "job 1 done at attempt 1",
        "job 2 fails",
        "job 2 done at attempt 2",
        "job 3 done",
    ];
    shows(env!("CARGO_BIN_EXE_queue"), &expected);
}

#[test]
fn workers_fences_and_tells_the_history() {
    shows(
        env!("CARGO_BIN_EXE_workers"),
        &["fenced: ", "closing", "unloaded (incarnation 2)"],
    );
}

#[test]
fn own_backend_scheme_counts_operations() {
    shows(env!("CARGO_BIN_EXE_own_backend_scheme"), &["1 workers", "2 operations"]);
}
