//! Waiting until something is so, with progress on a terminal.

use std::time::{Duration, Instant};

use anyhow::Result;
use convoke::{Error, Ttl};
use indicatif::{ProgressBar, ProgressStyle};

use crate::exit::NotInTime;

/// How often to look whether it is so.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Whether to wait, and for how long.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct WaitArgs {
    /// Wait until it is so, for 60s at most, or for as long as said by --wait=5m
    #[arg(
        long,
        value_name = "TIME",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "60s",
        value_parser = crate::args::ttl
    )]
    wait: Option<Ttl>,
}

/// How far it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    /// How much there is to do, in all.
    pub(crate) of: usize,
    /// How much of it is left; nothing when it is so.
    pub(crate) left: usize,
    /// What is waited for, in a few words.
    pub(crate) what: String,
}

impl WaitArgs {
    /// Looks again and again until nothing is left. Does nothing when waiting is not wanted. A store that is not reached is waited
    /// for as well.
    pub(crate) async fn until(&self, mut look: impl AsyncFnMut() -> convoke::Result<Progress>) -> Result<()> {
        let Some(patience) = self.wait else { return Ok(()) };
        let began = Instant::now();
        let bar = bar(0)?;
        loop {
            let what = match look().await {
                Ok(Progress { left: 0, .. }) => break,
                Ok(progress) => {
                    bar.set_length(progress.of as u64);
                    bar.set_position(progress.of.saturating_sub(progress.left) as u64);
                    progress.what
                }
                Err(error) if may_pass(&error) => error.to_string(),
                Err(error) => {
                    bar.finish_and_clear();
                    return Err(error.into());
                }
            };
            bar.set_message(what.clone());
            if began.elapsed() >= patience.as_duration() {
                bar.finish_and_clear();
                let waited = patience.as_duration();
                let why = format!("after {waited:?} still not: {what}; what was asked for stays asked for");
                return Err(NotInTime(why).into());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        bar.finish_and_clear();
        Ok(())
    }
}

/// Whether it is worth looking again. Looking changes nothing, so that a lost reply is no harm.
pub(crate) fn may_pass(error: &Error) -> bool {
    error.is_retryable() || error.is_outcome_unknown()
}

/// A bar on the standard error of a terminal; nothing elsewhere.
pub(crate) fn bar(of: u64) -> Result<ProgressBar> {
    let bar = ProgressBar::new(of);
    bar.set_style(ProgressStyle::with_template(
        "{spinner} {wide_bar} {pos}/{len} {elapsed} {msg}",
    )?);
    bar.enable_steady_tick(Duration::from_millis(100));
    Ok(bar)
}

/// A count of what nobody knows the end of, on the standard error of a terminal; nothing elsewhere.
pub(crate) fn counter() -> Result<ProgressBar> {
    let counter = ProgressBar::no_length();
    counter.set_style(ProgressStyle::with_template(
        "{spinner} {pos} {msg} {per_sec} {elapsed}",
    )?);
    counter.enable_steady_tick(Duration::from_millis(100));
    Ok(counter)
}
