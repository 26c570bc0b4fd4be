//! The suite of the contract on Redis and on Valkey.

use std::sync::Arc;

use convoke_conformance::{Harness, Place};
use convoke_core::{Clock, Driver, Namespace, OpenOptions, Result, Store, async_trait};
use convoke_test_servers::Kind;

use crate::server::{fresh_namespace, shared_url};

/// A namespace of its own for each case, on the server that the process shares.
struct Shared(Kind);

struct Installation {
    url: String,
    namespace: Namespace,
}

#[async_trait]
impl Harness for Shared {
    async fn fresh(&self) -> Arc<dyn Place> {
        Arc::new(Installation {
            url: shared_url(self.0).await,
            namespace: fresh_namespace(),
        })
    }
}

#[async_trait]
impl Place for Installation {
    async fn open(&self, clock: Clock) -> Result<Arc<dyn Store>> {
        let options = OpenOptions::new(&self.url)?;
        let options = options.with_namespace(self.namespace.clone()).with_clock(clock);
        convoke_backend_redis::RedisDriver.open(&options).await
    }
}

mod redis {
    convoke_conformance::suite!(super::Shared(super::Kind::Redis));
}

mod valkey {
    convoke_conformance::suite!(super::Shared(super::Kind::Valkey));
}
