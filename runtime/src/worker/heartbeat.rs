//! Tells the store that the worker lives, and its units until when that is sure.

use std::sync::Arc;
use std::time::Duration;

use convoke_core::{Error, Registration, Store};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracing::warn;

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
    pub(crate) deadline: watch::Sender<Instant>,
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
            let asked = Instant::now();
            match self.store.ping_worker(&self.registration).await {
                Ok(()) => {
                    let was_over = *self.deadline.borrow() <= Instant::now();
                    self.deadline.send_replace(asked + self.good_for);
                    if was_over {
                        self.say(Beat::Back);
                    }
                }
                Err(error) if error.is_fenced() || error.kind() == convoke_core::ErrorKind::NotFound => {
                    self.deadline.send_replace(asked);
                    self.say(Beat::Fenced(error));
                    return;
                }
                Err(error) => {
                    warn!(%error, "the store was not reached; units stop before the worker is taken for dead")
                }
            }
        }
    }

    fn say(&self, beat: Beat) {
        // The worker that listens owns this task: it is gone only when this is about to be, too.
        let _ = self.beats.send(beat);
    }
}
