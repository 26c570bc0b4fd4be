//! What a backend gives the suite: fresh installations, handles on them, and what it is able to do.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use convoke_core::{Clock, Result, Store};
use serde::{Deserialize, Serialize};

/// Makes installations of a backend for the suite.
///
/// One is made per clause, from several threads at once; all clauses of a process share one runtime, so connections may
/// be kept between them. Whatever goes wrong here may panic: it fails the clause.
#[async_trait]
pub trait Harness: Send + Sync + 'static {
    /// A fresh, empty installation that nobody else uses. Nothing needs to be set up in it: the first handle does that.
    async fn fresh(&self) -> Arc<dyn Place>;

    /// What the backend is able to do. All of it by default.
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }
}

/// One installation. It may be cleaned up when the place is dropped.
#[async_trait]
pub trait Place: Send + Sync {
    /// Opens another handle on this installation, with a connection of its own and by this clock, and migrates.
    ///
    /// Handles that were open before stay open. Also called after all of them were dropped, to see what is still there.
    ///
    /// # Errors
    /// Those of opening a store.
    async fn open(&self, clock: Clock) -> Result<Arc<dyn Store>>;
}

/// Something that a backend may be unable to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Capability {
    /// Every operation obeys a clock moved by hand.
    ManualClock,
    /// Several handles can be open on one installation.
    Shared,
    /// What was written is there after the last handle was closed and another one opened.
    Durable,
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ManualClock => "a manual clock",
            Self::Shared => "several handles on one installation",
            Self::Durable => "data that outlives the last handle",
        })
    }
}

/// What a backend is able to do.
///
/// A clause that needs what is missing does not pass silently: in its place runs the check that the backend says so,
/// by an error of the kind Unsupported, or for durability by its properties.
///
/// ```
/// use convoke_conformance::{Capabilities, Capability};
/// let memory = Capabilities::all().without(Capability::Durable);
/// assert!(memory.has(Capability::Shared) && !memory.has(Capability::Durable));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    missing: Vec<Capability>,
}

impl Capabilities {
    /// All there are. The default.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// The same without this one.
    #[must_use]
    pub fn without(mut self, capability: Capability) -> Self {
        if self.has(capability) {
            self.missing.push(capability);
        }
        self
    }

    /// Whether the backend has this one.
    #[must_use]
    pub fn has(&self, capability: Capability) -> bool {
        !self.missing.contains(&capability)
    }
}
