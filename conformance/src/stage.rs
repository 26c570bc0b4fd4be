//! What a case is given: a fresh installation, a clock to move, and as many handles as it asks for.

use std::sync::Arc;

use convoke_core::{Clock, ManualClock, Result, Store};

use crate::harness::Place;

/// A fresh installation and a clock for it.
pub struct Stage {
    place: Arc<dyn Place>,
    /// The clock that the handles of [`Stage::open`] obey.
    pub clock: ManualClock,
}

impl Stage {
    pub(crate) fn new(place: Arc<dyn Place>) -> Self {
        Self {
            place,
            clock: ManualClock::default(),
        }
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
