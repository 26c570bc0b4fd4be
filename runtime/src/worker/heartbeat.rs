//! Tells the store that the worker lives, and its units until when that is sure.

use std::sync::Arc;
use std::time::Duration;

use convoke_core::{Error, Registration, Store};
use tokio::sync::{mpsc, watch};
use tracing::warn;

use crate::tenure::Deadline;

/// What the heart has to say.
#[derive(Debug)]
pub(crate) enum Beat {
    /// The store was reached again after units may have been dropped.
    Back,
    /// Somebody else has taken the name: this worker is over.
    Fenced(Error),
}

pub(crate) struct Heart {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) registration: Registration,
    pub(crate) every: Duration,
    /// For how long one ping is good: the worker time-out without the margin.
    pub(crate) good_for: Duration,
    pub(crate) deadline: watch::Sender<Deadline>,
    /// Why the store did not take the last ping; none when it did.
    pub(crate) trouble: watch::Sender<Option<String>>,
    pub(crate) beats: mpsc::UnboundedSender<Beat>,
}

impl Heart {
    /// Beats until the worker is fenced.
    pub(crate) async fn beat(self) {
        let mut beats = tokio::time::interval(self.every);
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beats.tick().await;
            // The store hears of the worker after this instant, so its patience ends later than ours.
            let next = Deadline::after(self.good_for);
            match self.store.ping_worker(&self.registration).await {
                Ok(()) => {
                    let was_over = self.deadline.borrow().is_over();
                    self.deadline.send_replace(next);
                    self.trouble.send_if_modified(|trouble| trouble.take().is_some());
                    if was_over {
                        self.say(Beat::Back);
                    }
                }
                Err(error) if error.is_fenced() || error.kind() == convoke_core::ErrorKind::NotFound => {
                    self.deadline.send_replace(Deadline::after(Duration::ZERO));
                    self.say(Beat::Fenced(error));
                    return;
                }
                Err(error) => {
                    warn!(%error, "the store was not reached; units stop before the worker is taken for dead");
                    self.trouble.send_replace(Some(error.to_string()));
                }
            }
        }
    }

    fn say(&self, beat: Beat) {
        // The worker that listens owns this task: it is gone only when this is about to be, too.
        let _ = self.beats.send(beat);
    }
}
