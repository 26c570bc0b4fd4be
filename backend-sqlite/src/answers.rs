//! How answers come back to callers.
//!
//! A thread that wakes a task of a multi-threaded runtime wakes two threads: one that runs the task, and one that looks
//! whether there is more to do and takes the processor from the writer for that. A task that the runtime's own driver
//! of I/O wakes costs one. So the writer leaves its answers for a task of the runtime in which the store was opened,
//! and rings by a byte in a pair of sockets.
//!
//! Nobody depends on that task: what it leaves lying is [given directly](Answers::give_late) after a while, and callers
//! in other runtimes are always answered directly.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::{Handle, Id, RuntimeFlavor};

/// Answers the callers of one commit.
pub(crate) type Giving = Box<dyn FnOnce() + Send>;

/// The writer's end.
#[derive(Default)]
pub(crate) struct Answers(Option<Line>);

struct Line {
    runtime: Id,
    waiting: Arc<Waiting>,
    bell: bell::Bell,
}

/// What the task has not given yet; nothing is left for it once it has ended.
struct Waiting(Mutex<Option<Vec<Giving>>>);

impl Answers {
    /// Starts the task in this runtime, where it is of use: one thread alone wakes no other, and outside of
    /// [`Handle::block_on`] and its like nothing would run it.
    pub(crate) fn in_this_runtime() -> Self {
        let Ok(runtime) = Handle::try_current() else {
            return Self(None);
        };
        if runtime.runtime_flavor() != RuntimeFlavor::MultiThread {
            return Self(None);
        }
        let waiting = Arc::new(Waiting(Mutex::new(Some(Vec::new()))));
        // Without sockets the answers are given directly.
        let bell = bell::install(&runtime, Listener(Arc::clone(&waiting))).ok();
        Self(bell.map(|bell| Line {
            runtime: runtime.id(),
            waiting,
            bell,
        }))
    }

    /// Whether the task runs where the caller does.
    pub(crate) fn is_here(&self) -> bool {
        let here = Handle::try_current().ok().map(|runtime| runtime.id());
        self.0.as_ref().is_some_and(|line| here == Some(line.runtime))
    }

    /// Has the task answer callers of its runtime.
    pub(crate) fn give(&self, answers: Giving) {
        let Some(line) = &self.0 else { return answers() };
        match line.waiting.leave(answers) {
            Left::Alone if line.bell.ring().is_err() => line.waiting.give(),
            Left::Alone | Left::BesideOthers => {}
            Left::Ended(answers) => answers(),
        }
    }

    /// Answers those for whom the task had no time, as when the program blocks all threads of its runtime.
    pub(crate) fn give_late(&self) {
        if let Some(line) = &self.0 {
            line.waiting.give();
        }
    }
}

enum Left {
    Alone,
    /// The task was rung for those already.
    BesideOthers,
    /// There is no task any more.
    Ended(Giving),
}

impl Waiting {
    fn leave(&self, answers: Giving) -> Left {
        let mut waiting = self.0.lock();
        let Some(waiting) = &mut *waiting else {
            return Left::Ended(answers);
        };
        waiting.push(answers);
        match waiting.len() {
            1 => Left::Alone,
            _ => Left::BesideOthers,
        }
    }

    fn give(&self) {
        let waiting = self.0.lock().as_mut().map(std::mem::take);
        waiting.into_iter().flatten().for_each(|answers| answers());
    }
}

/// The task's end. Dropped with its runtime, it leaves nobody without an answer.
struct Listener(Arc<Waiting>);

impl Drop for Listener {
    fn drop(&mut self) {
        let left = self.0.0.lock().take();
        left.into_iter().flatten().for_each(|answers| answers());
    }
}

#[cfg(unix)]
mod bell {
    use std::io::{self, Write};
    use std::os::unix::net::UnixStream;

    use tokio::io::AsyncReadExt;
    use tokio::runtime::Handle;

    use super::Listener;

    /// Rings by a byte; the task ends when it is dropped.
    pub(super) struct Bell(UnixStream);

    pub(super) fn install(runtime: &Handle, listener: Listener) -> io::Result<Bell> {
        let (rings, heard) = UnixStream::pair()?;
        rings.set_nonblocking(true)?;
        heard.set_nonblocking(true)?;
        let mut heard = tokio::net::UnixStream::from_std(heard)?;
        runtime.spawn(async move {
            while let Ok(1..) = heard.read(&mut [0; 16]).await {
                listener.0.give();
            }
        });
        Ok(Bell(rings))
    }

    impl Bell {
        pub(super) fn ring(&self) -> io::Result<()> {
            (&self.0).write_all(b"!")
        }
    }
}

#[cfg(not(unix))]
mod bell {
    use std::io;

    use tokio::runtime::Handle;

    use super::Listener;

    pub(super) enum Bell {}

    pub(super) fn install(_: &Handle, _: Listener) -> io::Result<Bell> {
        Err(io::ErrorKind::Unsupported.into())
    }

    impl Bell {
        pub(super) fn ring(&self) -> io::Result<()> {
            match *self {}
        }
    }
}
