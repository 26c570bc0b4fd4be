//! Servers, handles and raw commands for the tests.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use convoke_backend_redis::RedisDriver;
use convoke_core::{
    Claim, Clock, Command, Driver, Limit, ManualClock, Namespace, NewMessage, OpenOptions, Payload, Store, Timestamp,
    Ttl, WorkerName,
};
use convoke_test_servers::{Kind, Server, shared};
use redis::FromRedisValue;

/// The URL of the server of this kind that the process shares.
pub(crate) async fn shared_url(kind: Kind) -> String {
    let server = tokio::task::spawn_blocking(move || shared(kind))
        .await
        .unwrap()
        .unwrap();
    server.url().to_owned()
}

/// A server that the test may hurt, with more arguments.
pub(crate) fn private(arguments: &[&str]) -> Server {
    convoke_test_servers::private_with(Kind::Redis, arguments).unwrap()
}

/// A node of a cluster that the test may hurt. Its second port, for other nodes, would by itself be 10,000 above the first:
/// among the ports that the kernel gives to outgoing connections.
pub(crate) fn clustered() -> Server {
    static LATEST: AtomicU64 = AtomicU64::new(0);
    let first = u64::from(std::process::id()) * 7;
    let numbers = std::iter::repeat_with(|| 10_000 + (first + LATEST.fetch_add(1, Ordering::Relaxed)) % 9_000);
    let is_free = |port: &u64| u16::try_from(*port).is_ok_and(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
    let port = numbers.take(9_000).find(is_free).unwrap().to_string();
    private(&["--cluster-enabled", "yes", "--cluster-port", &port])
}

/// A namespace that nobody else uses, also where the server outlives this process.
pub(crate) fn fresh_namespace() -> Namespace {
    static LATEST: AtomicU64 = AtomicU64::new(0);
    let started = Timestamp::of_host().as_micros();
    let number = LATEST.fetch_add(1, Ordering::Relaxed);
    Namespace::new(format!("test {}-{started}-{number}", std::process::id())).unwrap()
}

pub(crate) fn options(url: &str) -> OpenOptions {
    OpenOptions::new(url).unwrap()
}

pub(crate) async fn open(url: &str) -> Arc<dyn Store> {
    RedisDriver.open(&options(url)).await.unwrap()
}

/// A handle on a fresh namespace of the shared server, its keys' prefix, and the clock that it obeys.
pub(crate) async fn open_fresh() -> (Arc<dyn Store>, Raw, String, ManualClock) {
    let url = shared_url(Kind::Redis).await;
    let (namespace, clock) = (fresh_namespace(), ManualClock::default());
    let chosen = options(&url)
        .with_namespace(namespace.clone())
        .with_clock(Clock::Manual(clock.clone()));
    let store = RedisDriver.open(&chosen).await.unwrap();
    (
        store,
        Raw::connect(&url).await,
        format!("{{convoke:{namespace}}}:"),
        clock,
    )
}

pub(crate) fn worker(name: &str) -> WorkerName {
    WorkerName::new(name).unwrap()
}

pub(crate) fn message(to: &str) -> NewMessage {
    NewMessage::new(
        worker(to),
        Command::new("do").unwrap(),
        Payload::parse("{\"job\": 1}").unwrap(),
    )
}

pub(crate) fn claim(max: u32) -> Claim {
    Claim::new(Limit::new(max).unwrap(), Ttl::from_secs(30))
}

/// Commands as they are, beside the driver.
pub(crate) struct Raw(redis::aio::MultiplexedConnection);

impl Raw {
    pub(crate) async fn connect(url: &str) -> Self {
        let client = redis::Client::open(url).unwrap();
        Self(client.get_multiplexed_async_connection().await.unwrap())
    }

    pub(crate) async fn run<T: FromRedisValue>(&mut self, words: &[&str]) -> T {
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(word);
        }
        command.query_async(&mut self.0).await.unwrap()
    }
}

/// Looks until something is so, for 10 s at the longest.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let start = Instant::now();
    while !is_so().await {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{what} did not happen within 10 s"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
