//! The writer: one thread per handle that commits many callers' operations together.
//!
//! A commit costs one wait for the disk, whether it holds one operation or 256. Callers that come while the disk is
//! busy share the next commit. Each is answered after the commit, and all of them get an error if it fails.
//!
//! Operations of one commit are not undone alone, so they need no savepoints: each [decides before it
//! writes](Transaction). Should the store fail one in the middle of its writes, the whole transaction is rolled back.

use std::collections::VecDeque;
use std::hint;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use convoke_core::{Clock, Error, ErrorKind, Result, WorkerName};
use parking_lot::{Condvar, Mutex, MutexGuard};
use rusqlite::Connection;
use tokio::sync::{Notify, oneshot};

use crate::answers::Answers;
use crate::connection::{Access, Opened, Pause};
use crate::error::{self, Failure, Fault, is_busy};
use crate::hints::Bell;
use crate::options::FileOptions;
use crate::transaction::Transaction;

/// How many operations share a commit at most.
const BATCH: usize = 256;
/// How long a commit waits at most for those whom the one before answered: they are likely to come again. Without it
/// the first of them would be committed alone while the others wait for the disk. Nobody who is alone waits.
const GATHERING: Duration = Duration::from_micros(100);
/// How long the writer stays awake after a commit: a caller that comes again at once, as most do who are alone, need not
/// wake it. To sleep and be woken takes as long as this.
const AWAKE: Duration = Duration::from_micros(60);
/// How long dropping a handle waits at most for the thread to finish and close the file.
const CLOSING: Duration = Duration::from_secs(1);

/// The end of the queue at which callers put their operations.
pub(crate) struct Writer {
    queue: Arc<Queue>,
    busy_timeout: Duration,
}

impl Writer {
    pub(crate) fn start(file: Arc<FileOptions>, bell: Arc<Bell>) -> Result<Self> {
        let queue = Arc::new(Queue {
            answers: Answers::in_this_runtime(),
            ..Queue::default()
        });
        // Made first: should a thread be missing, dropping it ends the other one.
        let writer = Self {
            queue: Arc::clone(&queue),
            busy_timeout: file.busy_timeout,
        };
        let (watched, timeout) = (Arc::clone(&queue), file.timeout);
        spawn("convoke-sqlite-watchdog", move || watched.watch(timeout))?;
        let thread = Thread {
            file,
            queue,
            bell,
            opened: None,
            answered: 0,
            // On one processor nobody can come while it stays awake.
            awake: thread::available_parallelism().map_or(Duration::ZERO, |processors| match processors.get() {
                1 => Duration::ZERO,
                _ => AWAKE,
            }),
        };
        spawn("convoke-sqlite-writer", move || thread.run())?;
        Ok(writer)
    }

    /// Runs a step in the next commit, as of the time that it begins. Once called it may happen although the future is
    /// dropped.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        clock: Clock,
        act: impl FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let stalled = self.queue.stalled.notified();
        let call = Call {
            clock,
            act: Some(act),
            outcome: None,
            reply,
            is_here: self.queue.answers.is_here(),
        };
        if !self.queue.accept(Box::new(call), Instant::now() + self.busy_timeout) {
            let what = "the writer of this handle ended by a fault of this program; open the store again";
            return Err(Error::new(ErrorKind::Internal, what));
        }
        tokio::select! {
            biased;
            answer = answer => answer.unwrap_or_else(|_| Err(Error::new(
                ErrorKind::OutcomeUnknown,
                "the writer of this handle ended; open the store again, and look whether the operation happened",
            ))),
            () = stalled => Err(Error::new(
                ErrorKind::OutcomeUnknown,
                "the disk does not answer; look whether the operation happened before repeating it",
            )),
        }
    }
}

impl Drop for Writer {
    /// Lets the thread finish what was accepted. It goes on alone if the disk makes it wait for too long.
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        state.closed = true;
        self.queue.changed.notify_all();
        self.queue.closing.notify_all();
        let deadline = Instant::now() + CLOSING;
        while !state.ended && !self.queue.changed.wait_until(&mut state, deadline).timed_out() {}
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<()> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(run);
    spawned.map(drop).map_err(|source| {
        let what = "the system gives this process no further thread";
        Error::new(ErrorKind::Unavailable, what).caused_by(source)
    })
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    /// Whether a job came since the thread last looked, for looking without the lock.
    came: AtomicBool,
    answers: Answers,
    /// Tells those who wait that a commit takes longer than they can be asked to.
    stalled: Notify,
    closing: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Queued>,
    /// How many jobs the thread sleeps for; none when it is awake.
    wanted: Option<usize>,
    /// Since when the thread is at work on a commit, or on taking the lock for it.
    working: Option<Instant>,
    closed: bool,
    ended: bool,
}

struct Queued {
    job: Box<dyn Job>,
    /// Until when it waits for a lock that another process has.
    deadline: Instant,
}

impl Queue {
    /// Whether the job will be run.
    fn accept(&self, job: Box<dyn Job>, deadline: Instant) -> bool {
        let mut state = self.state.lock();
        if state.ended {
            return false;
        }
        state.jobs.push_back(Queued { job, deadline });
        self.came.store(true, Ordering::Release);
        if state.wanted.is_some_and(|wanted| state.jobs.len() >= wanted) {
            state.wanted = None;
            self.changed.notify_all();
        }
        true
    }

    /// Waits for work, for so long without sleeping. False when there will be none any more.
    fn has_work(&self, awake: Duration) -> bool {
        let mut state = self.state.lock();
        state.working = None;
        self.came.store(false, Ordering::Relaxed);
        if state.jobs.is_empty() && !awake.is_zero() {
            drop(state);
            let begun = Instant::now();
            while !self.came.load(Ordering::Acquire) && begun.elapsed() < awake {
                hint::spin_loop();
            }
            state = self.state.lock();
        }
        while state.jobs.is_empty() {
            if state.closed {
                return false;
            }
            state.wanted = Some(1);
            self.changed.wait(&mut state);
        }
        state.wanted = None;
        true
    }

    /// Waits until as many jobs are there, or for so long.
    fn gather(&self, wanted: usize, at_most: Duration) {
        let mut state = self.state.lock();
        let deadline = Instant::now() + at_most;
        state.working = Some(deadline);
        while state.jobs.len() < wanted && !state.closed {
            state.wanted = Some(wanted);
            if self.changed.wait_until(&mut state, deadline).timed_out() {
                break;
            }
        }
        state.wanted = None;
    }

    /// Lets callers go when a commit takes longer than that, as it does on a disk that hangs. One thread looks from
    /// time to time, because a timer for each call would cost as much as the call.
    fn watch(&self, timeout: Duration) {
        let mut state = self.state.lock();
        while !state.closed {
            if state.working.is_some_and(|since| since.elapsed() >= timeout) {
                self.stalled.notify_waiters();
            }
            MutexGuard::unlocked(&mut state, || self.answers.give_late());
            self.closing
                .wait_for(&mut state, (timeout / 4).max(Duration::from_millis(1)));
        }
    }

    fn take(&self, at_most: usize) -> Vec<Box<dyn Job>> {
        let mut state = self.state.lock();
        let end = state.jobs.len().min(at_most);
        state.jobs.drain(..end).map(|queued| queued.job).collect()
    }

    /// Takes those that have waited for long enough. All wait equally long, so they are the first ones.
    fn take_overdue(&self, now: Instant) -> Vec<Box<dyn Job>> {
        let mut state = self.state.lock();
        let end = state.jobs.partition_point(|queued| queued.deadline <= now);
        state.jobs.drain(..end).map(|queued| queued.job).collect()
    }
}

/// An operation with its caller.
trait Job: Send {
    /// Runs it inside the open transaction.
    fn run(&mut self, connection: &Connection, hints: &mut Vec<WorkerName>) -> Ran;
    /// Whether its caller is in the runtime in which the store was opened.
    fn is_here(&self) -> bool;
    /// Answers the caller: what it came to if that was committed, or why it was not.
    fn answer(self: Box<Self>, committed: Result<(), Failure>);
}

/// How a job went.
enum Ran {
    Done,
    /// Refused or failed before it wrote anything.
    NotAtAll,
    HalfWay(Option<Failure>),
}

struct Call<T, F> {
    clock: Clock,
    act: Option<F>,
    outcome: Option<Result<T, Fault>>,
    reply: oneshot::Sender<Result<T>>,
    is_here: bool,
}

impl<T, F> Job for Call<T, F>
where
    T: Send,
    F: FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send,
{
    fn run(&mut self, connection: &Connection, hints: &mut Vec<WorkerName>) -> Ran {
        let Some(act) = self.act.take() else { return Ran::Done };
        let transaction = Transaction::new(connection, self.clock.host_now());
        let outcome = act(&transaction);
        let ran = match &outcome {
            Ok(_) => Ran::Done,
            Err(_) if !transaction.has_written() => Ran::NotAtAll,
            Err(Fault::Refused(_)) => Ran::HalfWay(None),
            Err(Fault::Failed(failure)) => Ran::HalfWay(Some(failure.clone())),
        };
        hints.append(&mut transaction.into_hints());
        self.outcome = Some(outcome);
        ran
    }

    fn is_here(&self) -> bool {
        self.is_here
    }

    fn answer(self: Box<Self>, committed: Result<(), Failure>) {
        let answer = match (committed, self.outcome) {
            (_, Some(Err(fault))) => Err(fault.into()),
            (Err(failure), _) => Err(failure.into()),
            (Ok(()), Some(Ok(value))) => Ok(value),
            (Ok(()), None) => return,
        };
        // A caller that is gone does not want to know.
        let _ = self.reply.send(answer);
    }
}

struct Thread {
    file: Arc<FileOptions>,
    queue: Arc<Queue>,
    bell: Arc<Bell>,
    opened: Option<Opened>,
    /// How many callers the last commit answered.
    answered: usize,
    /// How long to stay awake after that.
    awake: Duration,
}

impl Thread {
    fn run(mut self) {
        // A panic would be a fault of this program. It must not leave callers waiting, now or later.
        let ended = catch_unwind(AssertUnwindSafe(|| self.serve()));
        if ended.is_err() {
            tracing::error!("the SQLite writer panicked; its handle is of no use any more");
        }
        self.opened = None;
        let mut state = self.queue.state.lock();
        state.ended = true;
        state.jobs.clear();
        self.queue.changed.notify_all();
    }

    fn serve(&mut self) {
        let mut pause = Pause::default();
        let mut awake = Duration::ZERO;
        while self.queue.has_work(awake) {
            awake = self.awake;
            self.queue.gather(self.answered, GATHERING);
            match self.begin() {
                Ok(Begun::Yes) => {
                    pause = Pause::default();
                    self.commit_together();
                }
                Ok(Begun::Busy(failure)) => {
                    let overdue = self.queue.take_overdue(Instant::now());
                    self.answer(overdue, Err(failure));
                    pause.sleep();
                }
                Err(failure) => {
                    // The next call opens the file anew: the cause may be gone by then.
                    self.opened = None;
                    self.answer(self.queue.take(usize::MAX), Err(failure));
                }
            }
        }
    }

    fn begin(&mut self) -> Result<Begun, Failure> {
        if self
            .opened
            .as_ref()
            .is_some_and(|opened| !opened.is_current(&self.file.path))
        {
            tracing::warn!(file = %self.file.path.display(), "the file was deleted or replaced");
            self.opened = None;
        }
        let opened = match &mut self.opened {
            Some(opened) => opened,
            closed => closed.insert(Opened::new(&self.file, Access::Write)?),
        };
        match execute(&opened.connection, "BEGIN IMMEDIATE") {
            Ok(()) => Ok(Begun::Yes),
            Err(error) if is_busy(&error) => Ok(Begun::Busy(error.into())),
            Err(error) => Err(error.into()),
        }
    }

    fn commit_together(&mut self) {
        let Some(Opened { connection, .. }) = &self.opened else {
            return;
        };
        let mut jobs = self.queue.take(BATCH);
        let mut hints = Vec::new();
        let committed = run_all(connection, &mut jobs, &mut hints)
            .and_then(|()| execute(connection, "COMMIT").map_err(error::of_commit));
        if committed.is_err() {
            if !connection.is_autocommit()
                && let Err(error) = execute(connection, "ROLLBACK")
            {
                tracing::warn!(%error, "SQLite can't roll back; closing the connection does");
            }
            self.opened = None;
        } else {
            self.bell.ring(&hints);
        }
        self.answered = jobs.len();
        self.answer(jobs, committed);
    }

    fn answer(&self, jobs: Vec<Box<dyn Job>>, committed: Result<(), Failure>) {
        let (here, elsewhere): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| job.is_here());
        for job in elsewhere {
            job.answer(committed.clone());
        }
        if !here.is_empty() {
            let give = move || here.into_iter().for_each(|job| job.answer(committed.clone()));
            self.queue.answers.give(Box::new(give));
        }
    }
}

enum Begun {
    Yes,
    /// Another process has the lock.
    Busy(Failure),
}

/// Runs jobs in the open transaction. An error means that none of them may be committed, and is for those among them
/// that did not fail themselves.
fn run_all(connection: &Connection, jobs: &mut [Box<dyn Job>], hints: &mut Vec<WorkerName>) -> Result<(), Failure> {
    for job in jobs {
        match job.run(connection, hints) {
            Ran::Done => {}
            // What one of them refused or read wrong harms no other. SQLite undoes everything by itself after some
            // failures, and then nothing is open any more.
            Ran::NotAtAll if !connection.is_autocommit() => {}
            Ran::NotAtAll => return Err(error::of_neighbour(None)),
            Ran::HalfWay(failure) => return Err(error::of_neighbour(failure)),
        }
    }
    Ok(())
}

fn execute(connection: &Connection, sql: &'static str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}
