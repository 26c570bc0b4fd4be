//! The suite of the contract on Redis and on Valkey.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use convoke_backend_redis::RedisDriver;
use convoke_conformance::{Harness, Place};
use convoke_core::{Clock, Driver, Namespace, OpenOptions, Result, Store, Timestamp, async_trait};
use convoke_test_servers::{Kind, shared};

/// A namespace of its own for each case, on the server that the process shares.
struct Shared(Kind);

struct Installation {
    url: String,
    namespace: Namespace,
}

#[async_trait]
impl Harness for Shared {
    async fn fresh(&self) -> Arc<dyn Place> {
        static CASES: AtomicU64 = AtomicU64::new(0);
        let kind = self.0;
        let server = tokio::task::spawn_blocking(move || shared(kind)).await.unwrap().unwrap();
        // The server may have been named in the environment and outlive this process.
        let started = Timestamp::of_host().as_micros();
        let case = CASES.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("suite {}-{started}-{case}", std::process::id());
        Arc::new(Installation {
            url: server.url().to_owned(),
            namespace: Namespace::new(namespace).unwrap(),
        })
    }
}

#[async_trait]
impl Place for Installation {
    async fn open(&self, clock: Clock) -> Result<Arc<dyn Store>> {
        let options = OpenOptions::new(&self.url)?;
        let options = options.with_namespace(self.namespace.clone()).with_clock(clock);
        RedisDriver.open(&options).await
    }
}

mod redis {
    convoke_conformance::suite!(super::Shared(super::Kind::Redis));
}

mod valkey {
    convoke_conformance::suite!(super::Shared(super::Kind::Valkey));
}
