//! The contract, as the conformance suite judges it.

use std::sync::Arc;

use convoke_conformance::Harness;
use convoke_core::{Clock, Result, Store, async_trait};

use crate::place::Place;

struct Files;

#[async_trait]
impl Harness for Files {
    async fn fresh(&self) -> Arc<dyn convoke_conformance::Place> {
        Arc::new(Place::new())
    }
}

#[async_trait]
impl convoke_conformance::Place for Place {
    async fn open(&self, clock: Clock) -> Result<Arc<dyn Store>> {
        self.open_by(clock).await
    }
}

convoke_conformance::suite!(Files);
