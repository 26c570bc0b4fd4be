//! The published packages, installed as their lock file says, and the programs of this folder beside them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sqlx::ConnectOptions;
use sqlx::mysql::MySqlConnectOptions;

use crate::workspace::{cargo, output_of, run};

const FILES: [(&str, &str); 5] = [
    ("package.json", include_str!("package.json")),
    ("package-lock.json", include_str!("package-lock.json")),
    ("worker.js", include_str!("worker.js")),
    ("tool.js", include_str!("tool.js")),
    ("stamps.js", include_str!("stamps.js")),
];

/// Installs them into a folder. No program of a package is run.
pub(super) fn install(folder: &Path) -> Result<()> {
    for (name, text) in FILES {
        fs::write(folder.join(name), text)?;
    }
    eprintln!("installing the published client with npm");
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    output_of(npm.current_dir(folder))
        .context("install Node.js 16 or later with npm, and let npm reach a registry; this trial needs both")?;
    Ok(())
}

/// The program, built like this one, beside which it stands then.
pub(super) fn convoke() -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let mut build = cargo();
    build.args(["build", "--quiet", "--locked", "--package", "convoke-cli"]);
    run(&mut build)?;
    Ok(this.with_file_name("convoke"))
}

/// The settings of its storage for this URL.
pub(super) fn database(url: &str) -> Result<String> {
    let options: MySqlConnectOptions = url.parse()?;
    let url = options.to_url_lossy();
    let settings = serde_json::json!({
        "host": url.host_str(),
        "port": url.port(),
        "user": url.username(),
        "password": url.password().unwrap_or_default(),
        "database": url.path().trim_start_matches('/'),
    });
    Ok(settings.to_string())
}
