//! A layer that tells `tracing` about every operation.

use std::time::Instant;

use convoke_core::{Answer, Operation, Result, Store, async_trait};

use crate::layer::Layer;

/// Emits one event per operation: its concern, its name, how long it took, and how it ended.
///
/// The event has the target `convoke::operation` and the fields `concern`, `operation`, `elapsed_us` and `outcome`
/// (`ok`, or the kind of the error), at level debug, or warn when it failed. Names, payloads and URLs are never in it.
///
/// ```
/// # #[cfg(feature = "memory")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> convoke::Result<()> {
/// use convoke::{Layer, Traced};
///
/// let store = Traced.over(convoke::open("memory:").await?);
/// store.count_workers().await?; // DEBUG convoke::operation: concern="workers" operation="count_workers" …
/// # Ok(()) }
/// # #[cfg(not(feature = "memory"))]
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Traced;

#[async_trait]
impl Layer for Traced {
    async fn around(&self, operation: Operation, store: &dyn Store) -> Result<Answer> {
        let (concern, name) = operation.name();
        let asked = Instant::now();
        let result = operation.run(store).await;
        let elapsed_us = u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX);
        match &result {
            Ok(_) => {
                tracing::debug!(target: "convoke::operation", concern, operation = name, elapsed_us, outcome = "ok");
            }
            Err(error) => {
                let outcome = error.kind().as_str();
                tracing::warn!(target: "convoke::operation", concern, operation = name, elapsed_us, outcome);
            }
        }
        result
    }
}
