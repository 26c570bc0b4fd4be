//! A guard beside each server: a small shell that ends the server when this process has ended, however it ended.
//!
//! The guard's standard input is a pipe whose other end only this process holds (Rust marks it close-on-exec). When the
//! process is gone, by `kill -9` too, the kernel closes that end, the guard reads the end of the file, kills the server
//! and removes its directory. It is in a process group of its own, so that Ctrl-C reaches the tests and not the guard.
//!
//! The guard's standard output is inherited by the server alone, so its end tells that the server has exited.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rustix::process::{Pid, Signal, kill_process};

/// `$1` is the directory to remove in the end, the rest the server's command. The trap comes after the start: ignored
/// signals would be inherited.
const SERVER: &str = r#"
directory=$1; shift
"$@" 3>&1 </dev/null >>"$directory/log" 2>&1 &
server=$!
echo "$server"
exec >&-
trap '' HUP INT TERM
read -r word
{ kill -KILL "$server"; wait "$server"; } 2>/dev/null
[ "$word" = keep ] || rm -rf "$directory"
"#;

/// The same for a server that is stopped at the moment.
const DIRECTORY: &str = r#"
echo 0
trap '' HUP INT TERM
read -r word
[ "$word" = keep ] || rm -rf "$1"
"#;

/// The same for a container, whose id is `$1`.
const CONTAINER: &str = r#"
echo 0
exec >&-
trap '' HUP INT TERM
read -r word
docker rm --force --volumes "$1" >/dev/null 2>&1
"#;

/// Ends what it guards when it is dropped, or when this process ends in another way.
#[derive(Debug)]
pub(crate) struct Guard {
    shell: Child,
}

impl Guard {
    /// Keeps a directory, and removes it in the end.
    pub(crate) fn of_directory(directory: &Path) -> Result<Self> {
        let (guard, _, _) = Self::run(DIRECTORY, Command::new("sh"), |shell| shell.arg(directory))?;
        Ok(guard)
    }

    /// Removes a container in the end.
    pub(crate) fn of_container(id: &str) -> Result<Self> {
        let (guard, _, _) = Self::run(CONTAINER, Command::new("sh"), |shell| shell.arg(id))?;
        Ok(guard)
    }

    fn run(
        script: &str,
        mut shell: Command,
        arguments: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Result<(Self, u32, BufReader<ChildStdout>)> {
        shell.arg("-c").arg(script).arg("convoke-test-guard");
        arguments(&mut shell);
        let mut shell = shell
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("starting sh, which guards a test server")?;
        let mut output = BufReader::new(shell.stdout.take().context("the guard has no output")?);
        let mut line = String::new();
        output
            .read_line(&mut line)
            .context("asking the guard for the server's process")?;
        let pid = line
            .trim()
            .parse()
            .with_context(|| format!("the guard said {line:?}"))?;
        Ok((Self { shell }, pid, output))
    }

    /// Ends without removing the directory.
    pub(crate) fn keep_directory(mut self) -> Result<()> {
        if let Some(mut input) = self.shell.stdin.take() {
            input
                .write_all(b"keep\n")
                .context("telling a guard to keep the directory")?;
        }
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // It ends by itself now; waiting leaves no zombie, and there is nobody to tell that it failed.
        let _ = self.shell.wait();
    }
}

/// A server that runs under a guard.
#[derive(Debug)]
pub(crate) struct Running {
    guard: Guard,
    pid: Pid,
    exited: std::sync::Mutex<Receiver<()>>,
}

impl Running {
    /// Starts a server that logs to `directory/log`.
    pub(crate) fn start(directory: &Path, server: &Command) -> Result<Self> {
        let mut shell = Command::new("sh");
        for (name, value) in server.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let (guard, pid, mut output) = Guard::run(SERVER, shell, |shell| {
            shell.arg(directory).arg(server.get_program()).args(server.get_args())
        })?;
        let pid = Pid::from_raw(pid.cast_signed()).ok_or_else(|| anyhow!("the guard named no process"))?;
        let (send, exited) = mpsc::channel();
        thread::Builder::new()
            .name("convoke-test-server-exit".into())
            .spawn(move || {
                let mut rest = Vec::new();
                // The end of the file is the news, an error as well.
                let _ = output.read_to_end(&mut rest);
                let _ = send.send(());
            })?;
        Ok(Self {
            guard,
            pid,
            exited: std::sync::Mutex::new(exited),
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid.as_raw_pid().cast_unsigned()
    }

    /// Sends a signal; a server that has exited can't be told any more, and that is fine.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = kill_process(self.pid, signal);
    }

    /// Whether the server has exited, waiting for that at most so long.
    pub(crate) fn has_exited(&self, at_most: Duration) -> bool {
        let exited = self.exited.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // The thread hangs up after it has told, so a second question gets the same answer.
        !matches!(exited.recv_timeout(at_most), Err(RecvTimeoutError::Timeout))
    }

    /// Ends guard and server, and keeps the directory.
    pub(crate) fn end_keeping_directory(self) -> Result<()> {
        self.guard.keep_directory()
    }
}
