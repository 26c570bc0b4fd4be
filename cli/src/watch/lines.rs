//! What changes as lines of JSON: one for each look that differs from the one before.

use std::process::ExitCode;

use anyhow::Result;
use convoke::{Error, Ttl};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::json;

use super::{Look, Watcher};
use crate::output::is_shown;

pub(super) async fn run(
    mut watcher: Watcher,
    first: convoke::Result<Look>,
    every: Ttl,
    once: bool,
) -> Result<ExitCode> {
    let mut ticks = tokio::time::interval(every.as_duration());
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut last, mut lost) = (None::<Look>, None::<String>);
    let mut next = Some(first);
    loop {
        ticks.tick().await;
        let look = match next.take() {
            Some(first) => first,
            None => watcher.look().await,
        };
        let line = match look {
            Ok(look) => {
                // What comes back is told, also when it comes back as it was.
                let is_news = lost.take().is_some() || last.as_ref().is_none_or(|last| look.differs_from(last));
                let line = if is_news {
                    Some(serde_json::to_string(&look)?)
                } else {
                    None
                };
                last = Some(look);
                line
            }
            Err(error) => {
                let why = error.to_string();
                let line = (lost.as_ref() != Some(&why)).then(|| told(&error));
                lost = Some(why);
                line
            }
        };
        let has_reader = match line {
            Some(line) => is_shown(&line)?,
            None => has_reader(),
        };
        if once || !has_reader {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

fn told(error: &Error) -> String {
    json!({ "lost": { "kind": error.kind().as_str(), "message": error.to_string() } }).to_string()
}

/// Whether anybody still reads the standard output: while nothing changes, no write would tell.
fn has_reader() -> bool {
    let stdout = std::io::stdout();
    let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let gone = PollFlags::ERR | PollFlags::NVAL;
    !(poll(&mut fds, Some(&now)).is_ok() && fds[0].revents().intersects(gone))
}
