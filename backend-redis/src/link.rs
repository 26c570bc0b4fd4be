//! The connection: one for all callers of a handle, made again when it is lost.
//!
//! Not the crate's `ConnectionManager`: that one reports a connection that could not be made and a reply that was lost
//! by the same error, and contract and callers need to tell them apart (Unavailable, OutcomeUnknown).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use convoke_core::Result;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ErrorKind, PushInfo, PushKind, RedisError, RedisResult,
    ServerErrorKind, Value,
};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use crate::error::{Failure, Progress};
use crate::keys::Keys;
use crate::location::redirected;
use crate::script::{Call, Effect};

/// How long to wait before the one further attempt to connect.
const RECONNECT_DELAY: Duration = Duration::from_millis(50);

/// How often a call goes where a cluster redirects it.
const MAX_REDIRECTIONS: u32 = 3;

/// How many calls can wait to be written; more wait for room.
const WRITE_QUEUE: usize = 1_024;

/// Up to so many bytes of calls are written at once. The server syncs its file once for all that it reads at once, so
/// that with the 8 kB that are usual 64 callers pay for two or three syncs instead of one.
const WRITE_BYTES: usize = 262_144;

/// A connection that comes back by itself.
#[derive(Debug)]
pub(crate) struct Link {
    /// The server that the URL names.
    home: ConnectionInfo,
    timeout: Duration,
    slot: Mutex<Slot>,
}

#[derive(Debug, Default)]
struct Slot {
    open: Option<Open>,
    /// The node of a cluster that serves the namespace, where it is not the one that the URL names.
    owner: Option<ConnectionInfo>,
    /// When the last attempt to connect failed, and why: whoever waited for it gets the same answer.
    failed: Option<(Instant, RedisError)>,
}

#[derive(Clone, Debug)]
struct Open {
    connection: MultiplexedConnection,
    /// Set as soon as the connection is known to be gone, so that nothing more is sent into it.
    is_lost: Arc<AtomicBool>,
}

/// A call that is being made.
#[derive(Debug)]
pub(crate) struct Attempt {
    effect: Effect,
    deadline: Instant,
    is_sent: AtomicBool,
}

impl Attempt {
    pub(crate) fn new(effect: Effect, deadline: Instant) -> Self {
        Self {
            effect,
            deadline,
            is_sent: AtomicBool::new(false),
        }
    }

    /// How far it has come.
    pub(crate) fn progress(&self) -> Progress {
        if self.is_sent.load(Ordering::Relaxed) {
            Progress::Sent(self.effect)
        } else {
            Progress::Connecting
        }
    }
}

impl Open {
    fn discard(&self) {
        self.is_lost.store(true, Ordering::Release);
    }
}

impl Link {
    /// A link that connects when it is first used.
    pub(crate) fn new(home: ConnectionInfo, timeout: Duration) -> Self {
        Self {
            home,
            timeout,
            slot: Mutex::default(),
        }
    }

    /// How long a call lasts at the longest.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Runs a script within the time-out of the handle. What may have happened is not repeated.
    pub(crate) async fn run(&self, call: &Call<'_>, keys: &Keys) -> Result<Value> {
        let attempt = Attempt::new(call.effect(), Instant::now() + self.timeout);
        Ok(self.attempt(call, keys, &attempt).await?)
    }

    /// The same until another time, and so that others can see how far it has come.
    pub(crate) async fn attempt(&self, call: &Call<'_>, keys: &Keys, attempt: &Attempt) -> Result<Value, Failure> {
        let refused = |error| Failure::new(error, Progress::Sent(attempt.effect));
        match self.execute(&call.by_hash(keys), attempt).await? {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {}
            answer => return answer.map_err(refused),
        }
        let answer = self.execute(&call.by_source(keys), attempt).await?;
        answer.map_err(refused)
    }

    /// Runs a command that changes nothing; what the server refuses is left to the caller to judge.
    pub(crate) async fn look(&self, command: &Cmd) -> Result<RedisResult<Value>> {
        let attempt = Attempt::new(Effect::Read, Instant::now() + self.timeout);
        Ok(self.execute(command, &attempt).await?)
    }

    /// What the server answered, its refusals included; an error when there is no answer.
    async fn execute(&self, command: &Cmd, attempt: &Attempt) -> Result<RedisResult<Value>, Failure> {
        let &Attempt { effect, deadline, .. } = attempt;
        let mut may_repeat = effect == Effect::Read;
        let mut redirections = 0;
        loop {
            attempt.is_sent.store(false, Ordering::Relaxed);
            let open = self.open(deadline).await?;
            let mut connection = open.connection.clone();
            attempt.is_sent.store(true, Ordering::Relaxed);
            let Ok(answer) = timeout_at(deadline, connection.send_packed_command(command)).await else {
                // Its answer may still come, or never: either way nobody else should wait behind it.
                open.discard();
                return Err(Failure::timed_out(Progress::Sent(effect)));
            };
            let error = match answer {
                Ok(Value::ServerError(error)) => RedisError::from(error),
                Ok(answer) => return Ok(Ok(answer)),
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::Server(ServerErrorKind::Moved) if redirections < MAX_REDIRECTIONS => {
                    redirections += 1;
                    self.follow(&error, &open).await;
                }
                // A replica now; the address may lead to the primary when it is resolved again.
                ErrorKind::Server(ServerErrorKind::ReadOnly) => {
                    open.discard();
                    return Ok(Err(error));
                }
                ErrorKind::Server(_) | ErrorKind::Extension => return Ok(Err(error)),
                _ => {
                    open.discard();
                    if !may_repeat {
                        return Err(Failure::new(error, Progress::Sent(effect)));
                    }
                    may_repeat = false;
                }
            }
        }
    }

    /// The connection; makes it where there is none, for all who wait at once.
    async fn open(&self, deadline: Instant) -> Result<Open, Failure> {
        let asked = Instant::now();
        let Ok(mut slot) = timeout_at(deadline, self.slot.lock()).await else {
            return Err(Failure::timed_out(Progress::Connecting));
        };
        if let Some(open) = slot.open.as_ref().filter(|open| !open.is_lost.load(Ordering::Acquire)) {
            return Ok(open.clone());
        }
        if let Some((_, error)) = slot.failed.as_ref().filter(|(at, _)| asked <= *at) {
            return Err(Failure::new(error.clone(), Progress::Connecting));
        }
        slot.open = None;
        match timeout_at(deadline, self.connect(&mut slot)).await {
            Ok(Ok(open)) => {
                slot.open = Some(open.clone());
                Ok(open)
            }
            Ok(Err(error)) => {
                slot.failed = Some((Instant::now(), error.clone()));
                Err(Failure::new(error, Progress::Connecting))
            }
            Err(_) => {
                slot.failed = Some((
                    Instant::now(),
                    std::io::Error::from(std::io::ErrorKind::TimedOut).into(),
                ));
                Err(Failure::timed_out(Progress::Connecting))
            }
        }
    }

    async fn connect(&self, slot: &mut Slot) -> RedisResult<Open> {
        // Forgotten unless it answers: after a fail-over the server of the URL knows the new one.
        if let Some(owner) = slot.owner.take()
            && let Ok(open) = connect_to(&owner).await
        {
            slot.owner = Some(owner);
            return Ok(open);
        }
        match connect_to(&self.home).await {
            Err(error) if error.is_io_error() => {
                tokio::time::sleep(RECONNECT_DELAY).await;
                connect_to(&self.home).await
            }
            attempt => attempt,
        }
    }

    /// Goes to the node of the cluster that a redirection names.
    async fn follow(&self, error: &RedisError, open: &Open) {
        let node = error.redirect_node().and_then(|(node, _)| redirected(&self.home, node));
        self.slot.lock().await.owner = node;
        open.discard();
    }
}

async fn connect_to(server: &ConnectionInfo) -> RedisResult<Open> {
    let is_lost = Arc::new(AtomicBool::new(false));
    let notice = Arc::clone(&is_lost);
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None)
        .set_pipeline_buffer_size(WRITE_QUEUE)
        .set_write_backpressure_boundary(WRITE_BYTES)
        .set_push_sender(move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                notice.store(true, Ordering::Release);
            }
            Ok::<(), std::convert::Infallible>(())
        });
    let connection = Client::open(server.clone())?
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    Ok(Open { connection, is_lost })
}
