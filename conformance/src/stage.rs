//! What a case is given: a fresh installation, a clock to move, and as many handles as it asks for.

use std::sync::Arc;

use convoke_core::{Clock, ManualClock, Result, Store};

use crate::harness::{Capabilities, Harness, Place};

/// A fresh installation and a clock for it.
pub struct Stage {
    harness: Arc<dyn Harness>,
    place: Arc<dyn Place>,
    /// The clock that the handles of [`Stage::open`] obey.
    pub clock: ManualClock,
}

impl Stage {
    pub(crate) async fn new(harness: Arc<dyn Harness>) -> Self {
        Self {
            place: harness.fresh().await,
            harness,
            clock: ManualClock::default(),
        }
    }

    /// Another fresh installation, with a clock of its own.
    pub async fn elsewhere(&self) -> Self {
        Self::new(Arc::clone(&self.harness)).await
    }

    /// What the backend declares to be able to do.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.harness.capabilities()
    }

    /// Another handle, by the clock of this stage.
    ///
    /// # Errors
    /// Those of opening a store.
    pub async fn open(&self) -> Result<Arc<dyn Store>> {
        self.open_by(Clock::Manual(self.clock.clone())).await
    }

    /// Another handle, by this clock.
    ///
    /// # Errors
    /// Those of opening a store.
    pub async fn open_by(&self, clock: Clock) -> Result<Arc<dyn Store>> {
        self.place.open(clock).await
    }
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage")
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}
