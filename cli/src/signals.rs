//! The signals that end a process which runs commands.

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How often TERM, INT or HUP came: the first time asks its commands to stop, the second kills them.
#[derive(Clone, Debug)]
pub(crate) struct Signals(watch::Receiver<u32>);

impl Signals {
    /// Listens from now on; without it these signals would end the process.
    pub(crate) fn listen() -> Result<Self> {
        let install = |kind| signal(kind).context("cannot listen to signals");
        let mut terminate = install(SignalKind::terminate())?;
        let mut interrupt = install(SignalKind::interrupt())?;
        let mut hang_up = install(SignalKind::hangup())?;
        let (count, seen) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                let came = tokio::select! {
                    came = terminate.recv() => came,
                    came = interrupt.recv() => came,
                    came = hang_up.recv() => came,
                };
                if came.is_none() {
                    return;
                }
                count.send_modify(|count| *count += 1);
            }
        });
        Ok(Self(seen))
    }

    /// How many came so far.
    pub(crate) fn count(&self) -> u32 {
        *self.0.borrow()
    }

    /// Waits for the next, and answers how many came so far. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> u32 {
        if self.0.changed().await.is_err() {
            // Nobody listens any more, so none will come.
            std::future::pending::<()>().await;
        }
        *self.0.borrow_and_update()
    }

    /// Waits until one has come, at once if one has.
    pub(crate) async fn came(&mut self) {
        if self.0.wait_for(|count| *count > 0).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
