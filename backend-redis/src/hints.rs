//! Hints: a message was sent to a worker, said on a channel of its own.
//!
//! The scripts use PUBLISH, not SPUBLISH: it reaches a subscriber at any node of a cluster, so a listener needs not know
//! which node serves the slot, and it is the same without a cluster. The price, that a cluster passes each hint to all
//! of its nodes, is small for messages without content.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use convoke_core::{Hints, WorkerName, async_trait};
use futures_util::StreamExt;
use redis::aio::{PubSubSink, PubSubStream};
use redis::{Client, ConnectionInfo, RedisResult};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::store::RedisStore;

/// How long a receiver waits at the longest before it looks again by itself, whatever hints say.
pub(crate) const POLL_BOUND: Duration = Duration::from_secs(1);

/// For how long a channel stays subscribed after somebody last waited for it.
const IDLE: Duration = Duration::from_secs(60);

/// How often the connection is tried, so that a silent loss is noticed.
const PROBE: Duration = Duration::from_secs(15);

const FIRST_DELAY: Duration = Duration::from_millis(50);
const LAST_DELAY: Duration = Duration::from_secs(2);

#[async_trait]
impl Hints for RedisStore {
    async fn await_message(&self, worker: &WorkerName, at_most: Duration) {
        let channel = self.keys.channel(worker);
        self.listener.await_hint(channel, at_most.min(POLL_BOUND)).await;
    }
}

/// Listens for hints on a connection of its own, which is there while somebody waits.
#[derive(Debug)]
pub(crate) struct Listener {
    server: ConnectionInfo,
    timeout: Duration,
    topics: Arc<Topics>,
    task: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Topics {
    by_channel: Mutex<HashMap<String, Topic>>,
    /// Somebody waits for a channel that is not subscribed yet.
    added: Notify,
}

#[derive(Debug)]
struct Topic {
    notify: Arc<Notify>,
    waiting: usize,
    last_awaited: Instant,
    is_subscribed: bool,
}

impl Listener {
    pub(crate) fn new(server: ConnectionInfo, timeout: Duration) -> Self {
        Self {
            server,
            timeout,
            topics: Arc::default(),
            task: Mutex::default(),
        }
    }

    /// Waits for a hint since the last one that was waited for. The first time returns as soon as it listens, so that
    /// what came before is looked for.
    async fn await_hint(&self, channel: String, at_most: Duration) {
        let notify = self.topics.join(&channel);
        self.keep_listening();
        let notified = notify.notified();
        let _waiting = Waiting::new(&self.topics, channel);
        // Running out of time is as good an answer as a hint.
        let _ = timeout(at_most, notified).await;
    }

    fn keep_listening(&self) {
        let mut task = locked(&self.task);
        if task.as_ref().is_none_or(JoinHandle::is_finished) {
            let listening = listen(self.server.clone(), self.timeout, Arc::clone(&self.topics));
            *task = Some(tokio::spawn(listening));
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(task) = locked(&self.task).take() {
            task.abort();
        }
    }
}

impl Topics {
    fn join(&self, channel: &str) -> Arc<Notify> {
        let mut topics = locked(&self.by_channel);
        if let Some(topic) = topics.get_mut(channel) {
            topic.last_awaited = Instant::now();
            return Arc::clone(&topic.notify);
        }
        let notify = Arc::new(Notify::new());
        let topic = Topic {
            notify: Arc::clone(&notify),
            waiting: 0,
            last_awaited: Instant::now(),
            is_subscribed: false,
        };
        topics.insert(channel.to_owned(), topic);
        self.added.notify_one();
        notify
    }

    /// Wakes whoever waits; where nobody does, the next one will not wait.
    fn wake(&self, channel: &str) {
        if let Some(topic) = locked(&self.by_channel).get(channel) {
            topic.wake();
        }
    }

    /// The channels that are not subscribed yet; all of them on a new connection.
    fn unsubscribed(&self, is_new_connection: bool) -> Vec<String> {
        let topics = locked(&self.by_channel);
        let wanted = topics
            .iter()
            .filter(|(_, topic)| is_new_connection || !topic.is_subscribed);
        wanted.map(|(channel, _)| channel.clone()).collect()
    }

    /// Notes that they are subscribed, and lets their waiters look: what was said before was not heard.
    fn subscribed(&self, channels: &[String]) {
        let mut topics = locked(&self.by_channel);
        for channel in channels {
            if let Some(topic) = topics.get_mut(channel) {
                topic.is_subscribed = true;
                topic.wake();
            }
        }
    }

    /// Forgets the channels for which nobody has waited for long.
    fn forget_idle(&self) -> Vec<String> {
        let mut topics = locked(&self.by_channel);
        let is_idle = |topic: &Topic| topic.waiting == 0 && topic.last_awaited.elapsed() >= IDLE;
        let idle: Vec<_> = topics
            .iter()
            .filter(|(_, topic)| is_idle(topic))
            .map(|(channel, _)| channel.clone())
            .collect();
        topics.retain(|_, topic| !is_idle(topic));
        idle
    }

    fn is_empty(&self) -> bool {
        locked(&self.by_channel).is_empty()
    }
}

impl Topic {
    fn wake(&self) {
        if self.waiting == 0 {
            self.notify.notify_one();
        } else {
            self.notify.notify_waiters();
        }
    }
}

/// Counts one that waits, while it lives.
struct Waiting<'a> {
    topics: &'a Topics,
    channel: String,
}

impl<'a> Waiting<'a> {
    fn new(topics: &'a Topics, channel: String) -> Self {
        if let Some(topic) = locked(&topics.by_channel).get_mut(&channel) {
            topic.waiting += 1;
        }
        Self { topics, channel }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(topic) = locked(&self.topics.by_channel).get_mut(&self.channel) {
            topic.waiting = topic.waiting.saturating_sub(1);
            topic.last_awaited = Instant::now();
        }
    }
}

/// Listens until nobody has waited for long; connects anew whenever the connection is lost.
async fn listen(server: ConnectionInfo, patience: Duration, topics: Arc<Topics>) {
    let mut delay = FIRST_DELAY;
    while !topics.is_empty() {
        let connected = timeout(patience, connect(&server)).await;
        if let Ok(Ok((sink, stream))) = connected {
            delay = FIRST_DELAY;
            if let Err(error) = follow(sink, stream, patience, &topics).await {
                tracing::debug!(%error, "hints are interrupted");
            }
        }
        sleep(delay).await;
        delay = LAST_DELAY.min(delay * 2);
    }
}

async fn connect(server: &ConnectionInfo) -> RedisResult<(PubSubSink, PubSubStream)> {
    let pubsub = Client::open(server.clone())?.get_async_pubsub().await?;
    Ok(pubsub.split())
}

/// Passes on what is said, until the connection is lost or nobody listens any more.
async fn follow(
    mut sink: PubSubSink,
    mut stream: PubSubStream,
    patience: Duration,
    topics: &Topics,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    subscribe(&mut sink, patience, topics, true).await?;
    let mut probe = interval(PROBE);
    probe.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            message = stream.next() => match message {
                Some(message) => topics.wake(message.get_channel_name()),
                None => return Ok(()),
            },
            () = topics.added.notified() => subscribe(&mut sink, patience, topics, false).await?,
            _ = probe.tick() => {
                let idle = topics.forget_idle();
                if !idle.is_empty() {
                    timeout(patience, sink.unsubscribe(&idle)).await??;
                }
                if topics.is_empty() {
                    return Ok(());
                }
                timeout(patience, sink.ping::<redis::Value>()).await??;
            }
        }
    }
}

async fn subscribe(
    sink: &mut PubSubSink,
    patience: Duration,
    topics: &Topics,
    is_new_connection: bool,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let channels = topics.unsubscribed(is_new_connection);
    if !channels.is_empty() {
        timeout(patience, sink.subscribe(&channels)).await??;
        topics.subscribed(&channels);
    }
    Ok(())
}

/// What is behind these locks is whole at every step, so a panic of another holder is of no concern.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
