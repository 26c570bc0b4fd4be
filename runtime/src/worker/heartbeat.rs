//! Tells the store that the worker lives, and its units until when that is sure.

use std::sync::Arc;
use std::time::Duration;

use convoke_core::{Error, ErrorKind, Registration, Store};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior};
use tracing::warn;

/// What the heart has to say.
#[derive(Debug)]
pub(crate) enum Beat {
    /// The store was reached again after units may have been dropped.
    Back,
    /// Somebody else has taken the name: this worker is over.
    Fenced(Error),
}

/// Until when the worker surely is not taken for dead: the store hears of it by pings, and when it receives messages.
pub(crate) struct Pulse {
    deadline: watch::Sender<Instant>,
    /// For how long it is good to be heard of: the worker time-out without the margin.
    good_for: Duration,
    beats: mpsc::UnboundedSender<Beat>,
}

impl Pulse {
    /// Of a worker that registered by a call that was made after `asked`. What it has to say goes to `beats`.
    pub(crate) fn new(asked: Instant, good_for: Duration, beats: mpsc::UnboundedSender<Beat>) -> Self {
        let deadline = watch::Sender::new(asked + good_for);
        Self {
            deadline,
            good_for,
            beats,
        }
    }

    pub(crate) fn deadline(&self) -> watch::Receiver<Instant> {
        self.deadline.subscribe()
    }

    /// The store took a call that was made after `asked`, so its patience ends later than ours.
    pub(crate) fn heard(&self, asked: Instant) {
        let later = asked + self.good_for;
        let mut was_over = false;
        self.deadline.send_if_modified(|deadline| {
            let is_later = *deadline < later;
            if is_later {
                was_over = *deadline <= Instant::now();
                *deadline = later;
            }
            is_later
        });
        if was_over {
            self.say(Beat::Back);
        }
    }

    /// The worker is over, because of this error.
    pub(crate) fn ends(&self, error: Error) {
        self.deadline.send_replace(Instant::now());
        self.say(Beat::Fenced(error));
    }

    fn say(&self, beat: Beat) {
        // The worker that listens owns those who feel the pulse: it is gone only when they are about to be, too.
        let _ = self.beats.send(beat);
    }
}

/// Whether somebody else has the name, or nobody.
pub(crate) fn is_over(error: &Error) -> bool {
    error.is_fenced() || error.kind() == ErrorKind::NotFound
}

/// Pings whenever the store has not heard of the worker otherwise.
pub(crate) struct Heart {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) registration: Registration,
    pub(crate) every: Duration,
    pub(crate) pulse: Arc<Pulse>,
}

impl Heart {
    /// Beats until the worker is fenced.
    pub(crate) async fn beat(self) {
        let mut beats = tokio::time::interval(self.every);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let deadline = self.pulse.deadline();
        let mut known = *deadline.borrow();
        loop {
            beats.tick().await;
            let asked = Instant::now();
            if known < *deadline.borrow() {
                // It was heard of since the last beat.
                known = *deadline.borrow();
                continue;
            }
            match self.store.ping_worker(&self.registration).await {
                Ok(()) => {
                    self.pulse.heard(asked);
                    known = *deadline.borrow();
                }
                Err(error) if is_over(&error) => return self.pulse.ends(error),
                Err(error) => {
                    warn!(%error, "the store was not reached; units stop before the worker is taken for dead");
                }
            }
        }
    }
}
