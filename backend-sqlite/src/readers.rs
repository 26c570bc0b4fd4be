//! The readers: a few connections beside the writer. Each look sees what was committed before it, at one moment.

use std::sync::Arc;

use convoke_core::{Clock, Error, ErrorKind, Result};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::connection::{Access, Opened};
use crate::error::Fault;
use crate::options::FileOptions;
use crate::transaction::Transaction;

/// How many look at a time. Looks are short; more of them would only take memory.
const READERS: usize = 4;

/// A pool of connections that only look, opened when needed.
pub(crate) struct Readers {
    file: Arc<FileOptions>,
    idle: Mutex<Vec<Opened>>,
    free: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn new(file: Arc<FileOptions>) -> Self {
        Self {
            file,
            idle: Mutex::default(),
            free: Arc::new(Semaphore::new(READERS)),
        }
    }

    /// Shows a committed state, as of the time that the look begins.
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        clock: Clock,
        look: impl FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        let readers = Arc::clone(self);
        let looked = async move {
            let permit = Arc::clone(&readers.free).acquire_owned().await;
            tokio::task::spawn_blocking(move || {
                let _permit = permit;
                readers.look(&clock, look)
            })
            .await
        };
        let patience = self.file.busy_timeout + self.file.timeout;
        match tokio::time::timeout(patience, looked).await {
            Ok(Ok(answer)) => answer.map_err(Error::from),
            Ok(Err(source)) => {
                let what = "the runtime ended before the store was read";
                Err(Error::new(ErrorKind::Unavailable, what).caused_by(source))
            }
            Err(_) => {
                let what = "the disk does not answer; repeat the call";
                Err(Error::new(ErrorKind::Unavailable, what))
            }
        }
    }

    fn look<T>(&self, clock: &Clock, look: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let kept = self.idle.lock().pop();
        let opened = match kept.filter(|opened| opened.is_current(&self.file.path)) {
            Some(opened) => opened,
            None => Opened::new(&self.file, Access::Read)?,
        };
        let connection = &opened.connection;
        connection.prepare_cached("BEGIN")?.execute([])?;
        let answer = look(&Transaction::new(connection, clock.host_now()));
        connection.prepare_cached("COMMIT")?.execute([])?;
        // A connection that failed is closed: the next look opens the file anew, and the cause may be gone by then.
        if !matches!(answer, Err(Fault::Failed(_))) {
            self.idle.lock().push(opened);
        }
        answer
    }
}
