//! The conformance suite on the memory backend.

use std::sync::Arc;

use convoke_backend_memory::MemoryStore;
use convoke_conformance::{Capabilities, Capability, Harness, Place};
use convoke_core::{Clock, Result, Store, async_trait};

struct Memory;

#[async_trait]
impl Harness for Memory {
    async fn fresh(&self) -> Arc<dyn Place> {
        Arc::new(Room(MemoryStore::new(Clock::Store)))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::all().without(Capability::Durable)
    }
}

/// A store that lives as long as the place, for handles by any clock.
struct Room(MemoryStore);

#[async_trait]
impl Place for Room {
    async fn open(&self, clock: Clock) -> Result<Arc<dyn Store>> {
        Ok(Arc::new(self.0.with_clock(clock)))
    }
}

convoke_conformance::suite!(Memory);
