//! MariaDB and MySQL: how a data directory is prepared once per version, and how the server is started on a copy.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::Kind;
use crate::program::{Program, cache_directory, in_path};

/// Part of the name of prepared data directories: count it up when what is prepared changes.
const PREPARED: u32 = 1;

/// What each installation and each start have in common. The redo log is small because it is copied for each server.
fn settings(kind: Kind, program: &Program) -> Vec<String> {
    let mut settings = vec!["--no-defaults".to_owned()];
    if kind == Kind::MySql {
        // Debian's default is a folder that only its package makes.
        settings.push("--secure-file-priv=NULL".into());
    }
    match kind {
        Kind::MySql => settings.push("--innodb-redo-log-capacity=33554432".into()),
        _ => settings.push("--innodb-log-file-size=33554432".into()),
    }
    if rustix::process::geteuid().is_root() {
        settings.push("--user=root".into());
    }
    if let Some(home) = program.home()
        && home.join("usr/share/mysql").is_dir()
    {
        let usr = home.join("usr");
        settings.push(format!("--basedir={}", usr.display()));
        settings.push(format!("--lc-messages-dir={}", usr.join("share/mysql").display()));
        settings.push(format!(
            "--character-sets-dir={}",
            usr.join("share/mysql/charsets").display()
        ));
        settings.push(format!("--plugin-dir={}", usr.join("lib/mysql/plugin").display()));
    }
    settings
}

/// The command that starts a server on a directory in which [`prepare`] has put its data.
pub(crate) fn command(kind: Kind, program: &Program, directory: &Path, port: u16) -> Command {
    let mut command = program.command();
    command.args(settings(kind, program)).args([
        format!("--datadir={}", directory.join("data").display()),
        format!("--socket={}", directory.join("socket").display()),
        format!("--pid-file={}", directory.join("pid").display()),
        format!("--tmpdir={}", directory.display()),
        format!("--port={port}"),
    ]);
    command.args([
        "--bind-address=127.0.0.1",
        "--max-connections=1000",
        "--innodb-flush-log-at-trx-commit=1",
        "--innodb-buffer-pool-size=67108864",
        "--performance-schema=OFF",
    ]);
    if kind == Kind::MySql {
        // The binary log stays on, synced at each commit, as it is by default: it makes the server refuse stored
        // functions that it would refuse in production.
        command.args(["--mysqlx=OFF", "--sync-binlog=1", "--server-id=1"]);
    }
    command
}

/// Puts the data of a fresh server into the directory: copied from a prepared one, which is made once per version.
pub(crate) fn prepare(kind: Kind, program: &Program, directory: &Path) -> Result<()> {
    let prepared = prepared(kind, program)?;
    let target = directory.join("data");
    copy(&prepared, &target).with_context(|| format!("copying {} to {}", prepared.display(), target.display()))
}

/// The prepared data directory. Several test binaries may ask at once: one makes it, the others wait.
fn prepared(kind: Kind, program: &Program) -> Result<PathBuf> {
    let folder = cache_directory()?.join("data");
    let name = format!("{}-{}-{PREPARED}", kind.word(), file_name(program.version()));
    let prepared = folder.join(&name);
    if prepared.is_dir() {
        return Ok(prepared);
    }
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let lock = File::create(folder.join(format!("{name}.lock")))?;
    lock.lock()
        .context("waiting for another test process to prepare a data directory")?;
    if !prepared.is_dir() {
        let unfinished = tempfile::Builder::new().prefix("unfinished-").tempdir_in(&folder)?;
        let data = unfinished.path().join("data");
        install(kind, program, &data)?;
        // Otherwise all copies would be the same server to a replica.
        let _ = fs::remove_file(data.join("auto.cnf"));
        fs::rename(&data, &prepared)?;
    }
    Ok(prepared)
}

fn install(kind: Kind, program: &Program, data: &Path) -> Result<()> {
    let mut command = match kind {
        Kind::MySql => {
            let mut command = program.command();
            command.args(settings(kind, program)).arg("--initialize-insecure");
            command
        }
        _ => {
            let script = in_path("mariadb-install-db").context(
                "mariadb-install-db is not on this machine; install it with\n\n    cargo xtask servers install",
            )?;
            let mut command = Command::new(script);
            command
                .args(settings(kind, program))
                .args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
            command
        }
    };
    command.arg(format!("--datadir={}", data.display()));
    let output = command
        .output()
        .with_context(|| format!("preparing a data directory of {kind}"))?;
    if !output.status.success() {
        bail!(
            "preparing a data directory of {kind} failed:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

fn file_name(version: &str) -> String {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-');
    version
        .chars()
        .map(|letter| if allowed(letter) { letter } else { '_' })
        .collect()
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
