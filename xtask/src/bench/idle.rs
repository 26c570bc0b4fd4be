//! How much memory a program takes that has a store open and does nothing.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use convoke::WorkerName;

/// Starts this program once more as an idle client of a store, and looks how much memory it holds.
pub(crate) fn resident_bytes(url: &str) -> Result<u64> {
    let mut client = Command::new(std::env::current_exe()?)
        .args(["bench", "--idle-client", url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    let output = client.stdout.take().context("the idle client has no output")?;
    BufReader::new(output).read_line(&mut line)?;
    let status = std::fs::read_to_string(format!("/proc/{}/status", client.id()))?;
    // The end of its standard input ends it.
    drop(client.stdin.take());
    ensure!(client.wait()?.success(), "the idle client failed");
    let kibibytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next());
    let kibibytes: u64 = kibibytes.context("no VmRSS in /proc")?.parse()?;
    Ok(kibibytes * 1_024)
}

/// What that program does.
pub(crate) fn be(url: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let _store = runtime.block_on(async {
        let store = super::place::open(url).await?;
        let me = store.register_worker(&WorkerName::new("idle")?).await?;
        store.ping_worker(&me).await?;
        anyhow::Ok(store)
    })?;
    writeln!(io::stdout(), "open")?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
