//! Tells the store that the worker lives, and its units until when that is sure.

use std::sync::Arc;
use std::time::Duration;

use convoke_core::{Error, ErrorKind, Registration, Store};
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;
use tracing::warn;

use crate::attempt::within;
use crate::tenure::Deadline;

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
    deadline: watch::Sender<Deadline>,
    /// For how long it is good to be heard of: the worker time-out without the margin.
    good_for: Duration,
    /// Why the store did not take the last ping; none when it heard of the worker since.
    trouble: watch::Sender<Option<String>>,
    beats: mpsc::UnboundedSender<Beat>,
}

impl Pulse {
    /// Of a worker that registered with this deadline. What it has to say goes to `beats` and `trouble`.
    pub(crate) fn new(
        until: Deadline,
        good_for: Duration,
        trouble: watch::Sender<Option<String>>,
        beats: mpsc::UnboundedSender<Beat>,
    ) -> Self {
        Self {
            deadline: watch::Sender::new(until),
            good_for,
            trouble,
            beats,
        }
    }

    pub(crate) fn deadline(&self) -> watch::Receiver<Deadline> {
        self.deadline.subscribe()
    }

    /// What holds when the store takes a call that is about to be made: it hears of the worker after this moment, so that its
    /// patience ends later than ours.
    pub(crate) fn next(&self) -> Deadline {
        Deadline::after(self.good_for)
    }

    /// The store took the call.
    pub(crate) fn heard(&self, next: Deadline) {
        let mut was_over = false;
        self.deadline.send_if_modified(|deadline| {
            let is_later = deadline.instant() < next.instant();
            if is_later {
                was_over = deadline.is_over();
                *deadline = next;
            }
            is_later
        });
        self.trouble.send_if_modified(|trouble| trouble.take().is_some());
        if was_over {
            self.say(Beat::Back);
        }
    }

    fn not_heard(&self, error: &Error) {
        warn!(%error, "the store was not reached; units stop before the worker is taken for dead");
        self.trouble.send_replace(Some(error.to_string()));
    }

    /// The worker is over, because of this error.
    pub(crate) fn ends(&self, error: Error) {
        self.deadline.send_replace(Deadline::after(Duration::ZERO));
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
    /// After how long a ping is given up.
    pub(crate) within: Duration,
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
            // Heard of since the last beat, it needs none.
            if known != *deadline.borrow() {
                known = *deadline.borrow();
                continue;
            }
            let next = self.pulse.next();
            match within(self.within, self.store.ping_worker(&self.registration)).await {
                Ok(()) => {
                    self.pulse.heard(next);
                    known = *deadline.borrow();
                }
                Err(error) if is_over(&error) => return self.pulse.ends(error),
                Err(error) => self.pulse.not_heard(&error),
            }
        }
    }
}
