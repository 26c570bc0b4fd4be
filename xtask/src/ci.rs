//! `cargo xtask ci`: what CI runs. Every step is run, also after one failed; the tests come last, with their results.

use std::time::Instant;

use anyhow::{Result, bail};
use comfy_table::Table;

use crate::workspace::{cargo, run as run_command};
use crate::{licences, readme, test, tidy};

type Step = (&'static str, fn() -> Result<()>);

const STEPS: [Step; 12] = [
    ("format", format),
    ("tidy", tidy::run),
    ("licences", licences::run),
    ("cargo-deny", deny),
    ("clippy", clippy),
    ("features", features),
    ("docs", docs),
    ("schema", schema),
    ("README", readme::run),
    ("trials", trials),
    ("bench", bench),
    ("test", || test::run(&[])),
];

/// Runs the steps named, or all, and prints how each one went.
pub(crate) fn run(wanted: &[String]) -> Result<()> {
    if let Some(unknown) = wanted
        .iter()
        .find(|wanted| STEPS.iter().all(|(name, _)| name != wanted))
    {
        bail!(
            "{unknown} is no step; there are {}",
            STEPS.map(|(name, _)| name).join(", ")
        );
    }
    let mut table = Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    let mut failed = Vec::new();
    for (name, step) in STEPS {
        if !wanted.is_empty() && wanted.iter().all(|wanted| wanted != name) {
            continue;
        }
        println!("\n=== {name}");
        let begun = Instant::now();
        let result = step();
        if let Err(error) = &result {
            println!("=== {name} FAILED: {error:#}");
            failed.push(name);
        }
        let outcome = if result.is_ok() { "ok" } else { "FAILED" };
        table.add_row([name, outcome, &format!("{:.1} s", begun.elapsed().as_secs_f64())]);
    }
    println!("\n{table}");
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn format() -> Result<()> {
    run_command(cargo().args(["fmt", "--all", "--check"]))
}

fn clippy() -> Result<()> {
    let what = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--locked",
        "--",
        "-D",
        "warnings",
    ];
    run_command(cargo().args(what))
}

/// Each backend alone, and none, with warnings denied: what is behind a feature must not be missed by the others.
fn features() -> Result<()> {
    for feature in ["", "memory", "sqlite", "mysql", "redis", "runtime"] {
        let mut command = cargo();
        command.args([
            "clippy",
            "--quiet",
            "--locked",
            "--package",
            "convoke",
            "--no-default-features",
        ]);
        run_command(command.args(["--features", feature, "--", "-D", "warnings"]))?;
    }
    Ok(())
}

fn docs() -> Result<()> {
    let mut command = cargo();
    command.env("RUSTDOCFLAGS", "-D warnings");
    run_command(command.args([
        "doc",
        "--workspace",
        "--no-deps",
        "--all-features",
        "--locked",
        "--quiet",
    ]))
}

fn schema() -> Result<()> {
    run_command(cargo().args(["xtask", "schema"]))
}

/// The trials with counts that a machine of 2 cores does in a minute or two.
fn trials() -> Result<()> {
    for trial in [
        ["elections", "--processes=8", "--rounds=100"].as_slice(),
        &["opening", "--processes=8", "--rounds=3"],
        &["messages", "--messages=1000", "--kills=4"],
        &["pings", "--agents=30", "--seconds=3"],
        &["takeovers", "--rounds=2"],
        &[
            "bad-days",
            "--store=redis,mariadb",
            "--units=6",
            "--ttl=1500ms",
            "--outage=3s",
        ],
    ] {
        run_command(with_stores().arg("trial").args(trial))?;
    }
    Ok(())
}

/// That every operation can be measured on every store; how fast, only a quiet machine and an optimized build can tell.
fn bench() -> Result<()> {
    let small = [
        "bench",
        "--seconds=0.01",
        "--crowd=100",
        "--callers=1,8",
        "--store=memory,sqlite,mariadb,mysql,redis",
    ];
    run_command(with_stores().args(small))
}

/// This program with the stores, as it is built for the tests.
fn with_stores() -> std::process::Command {
    let mut command = cargo();
    command.args([
        "run",
        "--quiet",
        "--locked",
        "--package",
        "xtask",
        "--features",
        "stores",
        "--",
    ]);
    command
}

/// Advisories need the network and cargo-deny minutes to build, so it is run where it is installed, and said where not.
fn deny() -> Result<()> {
    let is_installed = cargo()
        .args(["deny", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if is_installed {
        return run_command(cargo().args(["deny", "--all-features", "check", "bans", "licenses", "sources"]));
    }
    println!("not run: cargo-deny is not installed (cargo install --locked cargo-deny); licences were checked above");
    Ok(())
}
