//! Redis and Valkey: how they are started.

use std::path::Path;
use std::process::Command;

use crate::program::Program;

/// What is written is synced before it is answered; there are no snapshots beside the append-only file.
pub(crate) const DURABLE: [&str; 6] = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""];

/// The command that starts a server whose data is in `directory`.
pub(crate) fn command(program: &Program, directory: &Path, port: u16) -> Command {
    let mut command = program.command();
    command
        .args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--daemonize",
            "no",
            "--dir",
        ])
        .arg(directory)
        .args(DURABLE);
    command
}
