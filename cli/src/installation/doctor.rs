//! `convoke doctor`: looks at an installation and says what to do.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use convoke::{Durability, Page, SchemaPolicy, Store, Timeouts, Timestamp, WorkerStatus, workers};
use serde::Serialize;

use super::durability;
use crate::Opener;
use crate::output::{Output, table};

/// The most workers that are looked at.
const MOST_WORKERS: usize = 10_000;
/// A difference of clocks that is worth a note.
const NOTED_SKEW: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Ok,
    /// Worth knowing; may be as wanted.
    Note,
    /// Something does not work.
    Problem,
}

#[derive(Clone, Debug, Serialize)]
struct Finding {
    check: &'static str,
    state: State,
    found: String,
    /// What to do.
    advice: Option<String>,
}

/// Looks; changes nothing. The exit code is 1 when there is a problem.
pub(crate) async fn doctor(opener: &Opener, output: Output) -> Result<ExitCode> {
    let findings = match opener.open_with(SchemaPolicy::LeaveAlone).await {
        Ok(store) => examine(&*store).await,
        Err(error) => vec![failed("connection", &error)],
    };
    output.answer(&findings, |findings| {
        table(
            ["check", "state", "found", "what to do"],
            findings.iter().map(|it| {
                let state = match it.state {
                    State::Ok => "ok",
                    State::Note => "note",
                    State::Problem => "PROBLEM",
                };
                let advice = it.advice.clone().unwrap_or_default();
                [it.check.to_owned(), state.to_owned(), it.found.clone(), advice]
            }),
        )
    })?;
    let well = findings.iter().all(|finding| finding.state != State::Problem);
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn examine(store: &dyn Store) -> Vec<Finding> {
    let mut findings = match store.properties().await {
        Ok(it) => vec![
            ok(
                "connection",
                format!("{}, {}, {}", it.backend, it.server, it.installation),
            ),
            match &it.durability {
                Durability::Full => ok("durability", durability(&it.durability)),
                other => note(
                    "durability",
                    durability(other),
                    "set the store up for full durability if that is not as wanted",
                ),
            },
        ],
        Err(error) => return vec![failed("connection", &error)],
    };
    findings.push(clock(store).await);
    match store.check().await {
        Ok(status) if status.is_current() => {
            findings.push(ok("schema", format!("version {}, current", status.found)));
            findings.push(leader(store).await);
            findings.extend(all_workers(store).await);
        }
        Ok(status) => {
            let found = format!("version {}, {} to apply", status.found, status.pending.len());
            findings.push(problem("schema", found, "run `convoke migrate`"));
        }
        Err(error) => findings.push(failed("schema", &error)),
    }
    findings
}

async fn clock(store: &dyn Store) -> Finding {
    let before = Timestamp::of_host();
    let now = match store.now().await {
        Ok(now) => now,
        Err(error) => return failed("clock", &error),
    };
    // Within the call the two were read at one moment, for all that can be known.
    let (ahead, behind) = (now.since(Timestamp::of_host()), before.since(now));
    let skew = ahead.max(behind);
    if skew < NOTED_SKEW {
        return ok("clock", format!("{now}, this host's within {NOTED_SKEW:?}"));
    }
    let direction = if ahead > behind { "ahead of" } else { "behind" };
    let found = format!("{now}, {skew:.1?} {direction} this host's");
    note(
        "clock",
        found,
        "nothing: only the store's clock counts; mind it when comparing logs",
    )
}

async fn leader(store: &dyn Store) -> Finding {
    match store.leader().await {
        Ok(Some(leader)) => ok(
            "leader",
            format!("{} in term {}, until {}", leader.worker, leader.term, leader.expires),
        ),
        Ok(None) => note("leader", "nobody leads", "run `convoke lead` if a command has to run"),
        Err(error) => failed("leader", &error),
    }
}

async fn all_workers(store: &dyn Store) -> Vec<Finding> {
    let (mut seen, mut dead, mut silent) = (0, Vec::new(), Vec::new());
    let timeout = Timeouts::default().worker;
    let now = match store.now().await {
        Ok(now) => now,
        Err(error) => return vec![failed("workers", &error)],
    };
    let mut page = Some(Page {
        limit: convoke::Limit::MAX,
        after: None,
    });
    while let Some(current) = page.take() {
        let read = match store.list_workers(&current).await {
            Ok(read) => read,
            Err(error) => return vec![failed("workers", &error)],
        };
        for worker in read.items {
            seen += 1;
            if worker.status == WorkerStatus::Dead {
                dead.push(worker.name.to_string());
            } else if workers::is_silent(worker.status, worker.last_ping, timeout, now) {
                silent.push(worker.name.to_string());
            }
        }
        page = read
            .next
            .filter(|_| seen < MOST_WORKERS)
            .map(|cursor| current.behind(cursor));
    }
    let mut findings = vec![ok("workers", format!("{seen} looked at"))];
    if !silent.is_empty() {
        let found = format!("not heard of for 30 s, and not marked dead: {}", some_of(&silent));
        findings.push(note("workers", found, "run `convoke worker refresh`"));
    }
    if !dead.is_empty() {
        let advice = "start them again; or `convoke worker delete --dead NAME`";
        findings.push(note("workers", format!("dead: {}", some_of(&dead)), advice));
    }
    findings
}

fn some_of(names: &[String]) -> String {
    match names.len().checked_sub(5) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..5].join(", ")),
    }
}

fn ok(check: &'static str, found: String) -> Finding {
    Finding {
        check,
        state: State::Ok,
        found,
        advice: None,
    }
}

fn note(check: &'static str, found: impl Into<String>, advice: &str) -> Finding {
    Finding {
        check,
        state: State::Note,
        found: found.into(),
        advice: Some(advice.to_owned()),
    }
}

fn problem(check: &'static str, found: impl Into<String>, advice: &str) -> Finding {
    Finding {
        check,
        state: State::Problem,
        found: found.into(),
        advice: Some(advice.to_owned()),
    }
}

fn failed(check: &'static str, error: &convoke::Error) -> Finding {
    use convoke::ErrorKind::{Corrupt, Denied, InvalidArgument, Unavailable, Unsupported};
    let advice = match error.kind() {
        InvalidArgument => "correct the URL of the store",
        Unavailable => "see that the store runs and can be reached from here",
        Denied => "correct user, password or database in the URL, or let an administrator grant the rights",
        Unsupported => "use the program version that fits this schema, or build it with what is missing",
        Corrupt => "find out what else writes to this installation; restore it from a backup",
        _ => "try again; CONVOKE_LOG=debug shows each operation",
    };
    problem(check, error.to_string(), advice)
}
