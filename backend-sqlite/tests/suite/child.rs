//! Tests that need other processes run themselves again in them.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const PART: &str = "CONVOKE_TEST_PART";

/// What this process was started for by [`Other::start`]; none in the test itself.
pub(crate) fn part() -> Option<String> {
    std::env::var(PART).ok()
}

/// Says a line to the test.
pub(crate) fn say(line: impl std::fmt::Display) {
    // The test may have ended; then there is nobody to tell.
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{SAID}{line}").and_then(|()| out.flush());
}

/// The next line that the test says; none when it ended.
pub(crate) fn heard() -> Option<String> {
    std::io::stdin().lines().next()?.ok()
}

/// Marks what a child says among what the test harness prints.
const SAID: &str = "said: ";

/// Another process that runs a test of this binary. Killed when dropped.
pub(crate) struct Other {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Other {
    /// Starts `test` again (its full path), in which [`part`] is then `part`.
    pub(crate) fn start(test: &str, part: &str) -> Self {
        Self::run(Command::new(std::env::current_exe().unwrap()), test, part)
    }

    /// The same by a command that the path of this binary and its arguments are added to.
    pub(crate) fn start_by(mut command: Command, test: &str, part: &str) -> Self {
        command.arg(std::env::current_exe().unwrap());
        Self::run(command, test, part)
    }

    pub(crate) fn run(mut command: Command, test: &str, part: &str) -> Self {
        let mut process = command
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(PART, part)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            input: process.stdin.take().unwrap(),
            output: BufReader::new(process.stdout.take().unwrap()),
            process,
        }
    }

    pub(crate) fn tell(&mut self, line: impl std::fmt::Display) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// The next line that it says; none when it ended.
    pub(crate) fn said(&mut self) -> Option<String> {
        let lines = self.output.by_ref().lines().map_while(Result::ok);
        // The harness prints the name of the test before it, on the same line.
        let mut said = lines.filter_map(|line| line.split_once(SAID).map(|(_, said)| said.to_owned()));
        said.next()
    }

    /// Ends it as kill -9 does.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Lets it end, and fails if its part of the test did.
    pub(crate) fn finish(mut self) {
        let status = self.process.wait().unwrap();
        assert!(status.success(), "the other process failed: {status}");
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
