//! `cargo xtask test`: installs what is missing, runs `cargo test`, and tells how each backend did.

mod outcome;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::{servers, workspace};
use outcome::Outcomes;

/// Installs what the tests need, runs them, and prints a table in the end. Fails when a test does, and, when all were
/// asked for, when a backend took no case of the suite.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    servers::install_missing()?;
    let mut outcomes = Outcomes::of(executables(arguments)?);
    let succeeded = run_and_read(arguments, &mut outcomes)?;
    println!("\n{}", outcomes.table());
    if !succeeded {
        bail!("tests failed; the table above and the lines marked FAILED say which");
    }
    if arguments.is_empty() {
        outcomes.check_complete()?;
    }
    Ok(())
}

/// Plain `cargo test`: what a bare machine has.
fn cargo_test(arguments: &[String]) -> Command {
    let mut command = workspace::cargo();
    command.args(["test", "--locked", "--all-features", "--no-fail-fast"]);
    let names_packages = arguments.iter().any(|argument| {
        argument == "-p" || argument == "--package" || argument.starts_with("--package=") || argument == "--workspace"
    });
    // With a single thread, what a test prints would stand between its name and its result.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores == 1 && std::env::var_os("RUST_TEST_THREADS").is_none() {
        command.env("RUST_TEST_THREADS", "2");
    }
    if !names_packages {
        command.arg("--workspace");
    }
    command
}

/// The file name of each test executable, and the package and target it is of. Compiles them.
fn executables(arguments: &[String]) -> Result<BTreeMap<String, (String, String)>> {
    let mut command = cargo_test(arguments);
    let before_tests = arguments.iter().take_while(|argument| *argument != "--");
    command
        .args(["--no-run", "--message-format=json-render-diagnostics"])
        .args(before_tests);
    let messages = output_showing_progress(&mut command)?;
    Ok(messages.lines().filter_map(executable).collect())
}

fn output_showing_progress(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("running cargo test --no-run")?;
    if !output.status.success() {
        bail!("the tests do not compile");
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn executable(message: &str) -> Option<(String, (String, String))> {
    #[derive(Deserialize)]
    struct Message {
        package_id: String,
        target: Target,
        executable: Option<String>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    let message: Message = serde_json::from_str(message).ok()?;
    let executable = message.executable?;
    let file = Path::new(&executable).file_name()?.to_string_lossy().into_owned();
    Some((file, (package_name(&message.package_id), message.target.name)))
}

/// Of `path+file:///work/backend-redis#convoke-backend-redis@0.1.0`, or of `path+file:///work/xtask#0.1.0`.
fn package_name(id: &str) -> String {
    let (path, fragment) = id.split_once('#').unwrap_or((id, ""));
    match fragment.split_once('@') {
        Some((name, _)) => name.to_owned(),
        None => path.rsplit('/').next().unwrap_or_default().to_owned(),
    }
}

/// Runs the tests, passing on what they write, in the order in which they write it.
fn run_and_read(arguments: &[String], outcomes: &mut Outcomes) -> Result<bool> {
    let (reader, writer) = std::io::pipe()?;
    let mut command = cargo_test(arguments);
    command.args(arguments).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().context("running cargo test")?;
    // It holds ends of the pipe, which would never end.
    drop(command);
    let mut output = std::io::stdout();
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        output.write_all(&line)?;
        output.flush()?;
        outcomes.read(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
    Ok(child.wait()?.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_executable_is_known_by_its_package_and_target() {
        let message = r#"{"reason":"compiler-artifact","package_id":"path+file:///w/backend-redis#convoke-backend-redis@0.1.0",
            "target":{"kind":["test"],"name":"suite"},"profile":{"test":true},"executable":"/w/target/debug/deps/suite-0a1b"}"#;
        let of = ("convoke-backend-redis".to_owned(), "suite".to_owned());
        assert_eq!(executable(message), Some(("suite-0a1b".to_owned(), of)));
        assert_eq!(executable(r#"{"reason":"build-finished","success":true}"#), None);
    }

    #[test]
    fn a_package_named_like_its_folder_has_only_a_version_in_its_id() {
        assert_eq!(package_name("path+file:///w/xtask#0.1.0"), "xtask");
    }

    #[test]
    fn naming_a_package_leaves_out_the_others() {
        let words = |arguments: &[&str]| {
            let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
            let command = cargo_test(&arguments);
            command.get_args().any(|argument| argument == "--workspace")
        };
        assert!(words(&[]) && words(&["leadership"]));
        assert!(!words(&["-p", "xtask"]));
    }
}
