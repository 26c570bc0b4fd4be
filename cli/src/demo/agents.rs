//! The agents of the demo: real processes, which die with it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result};
use convoke::Ttl;
use rustix::process::{Pid, Signal, getpid, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::picture::Teller;
use crate::guard::BoundArgs;

/// What agents say that is not to be seen in the picture as well.
const TOLD: [&str; 5] = ["elected", "store_lost", "unit_failed", "guard_gone", "guard_late"];

pub(super) struct Agents {
    url: String,
    ttl: Ttl,
    logs: PathBuf,
    teller: Teller,
    running: BTreeMap<&'static str, Child>,
}

impl Agents {
    pub(super) fn new(url: &str, ttl: Ttl, directory: &Path, teller: Teller) -> Self {
        Self {
            url: url.to_owned(),
            ttl,
            logs: directory.join("logs"),
            teller,
            running: BTreeMap::new(),
        }
    }

    pub(super) fn runs(&self, name: &str) -> bool {
        self.running.contains_key(name)
    }

    /// Starts a `convoke agent` that dies with this process.
    pub(super) fn start(&mut self, name: &'static str) -> Result<()> {
        let program = OsString::from("/proc/self/exe");
        let ttl = format!("{}us", self.ttl.as_micros());
        let mut command = vec![program.clone()];
        let options = [
            "agent",
            "--json",
            "--store",
            &self.url,
            "--name",
            name,
            "--ttl",
            &ttl,
            "--lead-ttl",
            &ttl,
            "--grace",
            "1s",
            "--logs",
        ];
        command.extend(options.map(OsString::from));
        command.push(self.logs.join(name).into());
        let mut child = Command::new(&program)
            .arg0("convoke")
            .args(BoundArgs::words(getpid().as_raw_nonzero().get(), None, &command))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let said = child.stderr.take().context("no standard error")?;
        let teller = self.teller.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(said).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(line) = worth_telling(name, &line) {
                    teller.tell(&line);
                }
            }
        });
        self.running.insert(name, child);
        Ok(())
    }

    pub(super) async fn kill(&mut self, name: &str) -> Result<()> {
        let mut child = self.running.remove(name).context("it does not run")?;
        child.kill().await.context("cannot send SIGKILL")
    }

    /// Tells all to stop, and waits until they have.
    pub(super) async fn stop_all(&mut self) -> Result<()> {
        for child in self.running.values() {
            let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
            kill_process(id.context("an agent ended by itself")?, Signal::TERM).context("cannot send SIGTERM")?;
        }
        for (_, mut child) in std::mem::take(&mut self.running) {
            child.wait().await?;
        }
        Ok(())
    }
}

/// What to show of a line that an agent wrote.
fn worth_telling(name: &str, line: &str) -> Option<String> {
    let Ok(event) = serde_json::from_str::<serde_json::Value>(line) else {
        return Some(format!("{name}: {line}"));
    };
    let field = |key: &str| {
        event
            .get(key)
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let what = field("event")?;
    if !TOLD.contains(&what.as_str()) {
        return None;
    }
    let details = ["term", "topology", "error"]
        .into_iter()
        .filter_map(|key| Some(format!(" {key} {}", field(key)?)));
    Some(format!(
        "{name}: {}{}",
        what.replace('_', " "),
        details.collect::<String>()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elections_and_failures_are_told_and_the_rest_is_to_be_seen() {
        let elected = r#"{"name":"amber","event":"elected","term":7}"#;
        assert_eq!(
            worth_telling("amber", elected).as_deref(),
            Some("amber: elected term 7")
        );
        assert_eq!(
            worth_telling("amber", r#"{"event":"unit_started","topology":"u","pid":3}"#),
            None
        );
        assert_eq!(worth_telling("amber", "error: no").as_deref(), Some("amber: error: no"));
    }
}
