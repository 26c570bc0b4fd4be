//! Callers' calls that go to the server together.
//!
//! A durable server syncs its file before it answers, and a script alone costs more to begin than to run. So what callers
//! ask for while a call is under way waits, and then goes as one call of `lua/shared/group.lua`, which runs one operation
//! after the other and answers for each, or of one operation's script where that does the work of all of them
//! ([`crate::batch`]). Each is still an atomic step with an answer of its own; only when the answer of
//! the call is lost, the outcome of all its operations is unknown. Who is alone does not wait: a single operation goes as
//! its own script.
//!
//! A task makes the calls, not one of the callers: a caller may be dropped, or not be polled for long, and must not hold
//! up the others then. The task ends when nobody waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use convoke_core::{Error, ErrorKind, Result};
use redis::Value;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::batch::{Batch, Waiting};
use crate::error::{Failure, Progress};
use crate::keys::Keys;
use crate::link::Link;
use crate::script::Call;

/// How many calls are under way at most. With two the server would work on one while the other is made or read, but those
/// who call would be spread over twice as many syncs of its file.
const UNDER_WAY: usize = 1;

/// How many operations one call has at most. Nobody else is served while a script runs, some 10 µs for each operation.
const MAX_OPERATIONS: usize = 64;

/// How often other tasks of the runtime go first before a call is made of fewer than were just answered.
const PATIENCE: usize = 16;

/// How many bytes the arguments of one call have at most, unless one operation alone has more.
const MAX_BYTES: usize = 1_048_576;

/// Those who wait at one handle.
pub(crate) struct Group(Arc<Shared>);

struct Shared {
    link: Arc<Link>,
    keys: Arc<Keys>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    /// By the order in which they came, and so by their deadlines.
    waiting: VecDeque<Waiting>,
    under_way: usize,
}

impl Group {
    pub(crate) fn new(link: Arc<Link>, keys: Arc<Keys>) -> Self {
        let queue = Mutex::default();
        Self(Arc::new(Shared { link, keys, queue }))
    }

    /// Runs a script within the time-out of the handle. Once called it may happen although the future is dropped.
    pub(crate) async fn run(&self, call: Call<'static>) -> Result<Value> {
        let runtime = Handle::try_current().map_err(|source| {
            let what = "Redis is reached from within a Tokio runtime; call this in one";
            Error::new(ErrorKind::InvalidArgument, what).caused_by(source)
        })?;
        let (reply, answer) = oneshot::channel();
        let deadline = Instant::now() + self.0.link.timeout();
        if self.0.accept(Waiting { call, deadline, reply }) {
            let turn = Turn {
                shared: Arc::clone(&self.0),
                is_over: false,
            };
            drop(runtime.spawn(turn.serve()));
        }
        answer.await.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::OutcomeUnknown,
                "the runtime ended while the call was made: look whether it happened before you repeat it",
            ))
        })
    }
}

impl Shared {
    fn locked(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody has to begin a turn.
    fn accept(&self, waiting: Waiting) -> bool {
        let mut queue = self.locked();
        queue.waiting.push_back(waiting);
        let begins = queue.under_way < UNDER_WAY;
        queue.under_way += usize::from(begins);
        begins
    }
}

impl Queue {
    /// Those who go together next. Who gave up does not go, nor who has no time left.
    fn next_batch(&mut self, now: Instant) -> Vec<Waiting> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(next) = self.waiting.front() {
            if next.reply.is_closed() || next.deadline <= now {
                if let Some(late) = self.waiting.pop_front() {
                    late.answer(Err(Failure::timed_out(Progress::Connecting).into()));
                }
                continue;
            }
            bytes += next.call.bytes();
            if batch.len() == MAX_OPERATIONS || (bytes > MAX_BYTES && !batch.is_empty()) {
                break;
            }
            batch.extend(self.waiting.pop_front());
        }
        batch
    }
}

/// The right to have a call under way.
struct Turn {
    shared: Arc<Shared>,
    is_over: bool,
}

impl Turn {
    /// Makes calls until nobody waits.
    async fn serve(mut self) {
        let mut answered = 1;
        loop {
            self.gather(answered).await;
            let batch = self.take();
            if batch.is_empty() {
                return;
            }
            answered = batch.len();
            let left = Batch::new(batch).run(&self.shared.link, &self.shared.keys).await;
            let mut queue = self.shared.locked();
            left.into_iter().rev().for_each(|it| queue.waiting.push_front(it));
        }
    }

    /// Lets those come first who are about to ask again, because they were answered at the same time: who comes a moment
    /// too late waits for two syncs of the server's file. At least one may want nothing more, so patience is short.
    async fn gather(&self, answered: usize) {
        for _ in 0..PATIENCE {
            tokio::task::yield_now().await;
            if self.shared.locked().waiting.len() >= answered {
                return;
            }
        }
    }

    /// Who is next. The turn is over when that is nobody.
    fn take(&mut self) -> Vec<Waiting> {
        let mut queue = self.shared.locked();
        let batch = queue.next_batch(Instant::now());
        if batch.is_empty() {
            queue.under_way -= 1;
            self.is_over = true;
        }
        batch
    }
}

impl Drop for Turn {
    /// When the runtime ends in the middle. Whoever waits in another one should not wait for ever.
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut queue = self.shared.locked();
        queue.under_way -= 1;
        if queue.under_way == 0 {
            for waiting in queue.waiting.drain(..) {
                let what = "the runtime that spoke with the Redis server ended; nothing was changed, try again";
                waiting.answer(Err(Error::new(ErrorKind::Unavailable, what)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripts;

    type Answer = oneshot::Receiver<Result<Value>>;

    fn waiting(deadline: Instant) -> (Waiting, Answer) {
        let (reply, answer) = oneshot::channel();
        let call = scripts::PING_WORKER.call();
        (Waiting { call, deadline, reply }, answer)
    }

    fn queue(deadlines: &[Instant]) -> (Queue, Vec<Answer>) {
        let (waiting, answers) = deadlines.iter().copied().map(waiting).unzip();
        (Queue { waiting, under_way: 0 }, answers)
    }

    #[test]
    fn who_has_no_time_left_is_not_sent_and_may_try_again() {
        let now = Instant::now();
        let later = now + std::time::Duration::from_secs(1);
        let (mut queue, mut answers) = queue(&[now, later, later]);
        assert_eq!(queue.next_batch(now).len(), 2);
        let error = answers[0].try_recv().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(answers[1].try_recv().is_err());
    }

    #[test]
    fn who_gave_up_is_not_sent_and_the_others_keep_their_order() {
        let now = Instant::now();
        let deadlines: Vec<_> = (1..=70)
            .map(|second| now + std::time::Duration::from_secs(second))
            .collect();
        let (mut queue, mut answers) = queue(&deadlines);
        drop(answers.remove(0));
        let batch: Vec<_> = queue.next_batch(now).iter().map(|it| it.deadline).collect();
        assert_eq!(batch, deadlines[1..65]);
        assert_eq!(queue.next_batch(now).len(), 5);
    }
}
