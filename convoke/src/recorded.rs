//! A layer that hands every operation and its answer to a sink.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use convoke_core::{Answer, Operation, Result, Store, async_trait};
use serde::{Deserialize, Serialize};

use crate::layer::Layer;

/// Hands each operation and what came of it to a sink, after it was answered.
///
/// Because whatever is random is an argument, the operations replayed in their order on another store by the same
/// manual clock are answered the same.
///
/// ```
/// # #[cfg(feature = "memory")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> convoke::Result<()> {
/// use std::sync::Arc;
/// use convoke::{Layer, Recorded, Recording, WorkerName};
///
/// let recording = Arc::new(Recording::default());
/// let store = Recorded(recording.clone()).over(convoke::open("memory:").await?);
/// store.register_worker(&WorkerName::new("a")?).await?;
/// assert_eq!(recording.entries()[0].operation.name(), ("workers", "register_worker"));
/// # Ok(()) }
/// # #[cfg(not(feature = "memory"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct Recorded(pub Arc<dyn Record>);

/// Takes what [`Recorded`] saw. Called in the caller's task: keep it short.
pub trait Record: Send + Sync {
    /// One operation and its result.
    fn record(&self, operation: &Operation, result: &Result<Answer>);
}

/// A sink that keeps in memory what was answered; what failed is left out.
#[derive(Debug, Default)]
pub struct Recording(Mutex<Vec<Entry>>);

/// An operation and its answer. With serde it is a line of a log to be replayed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// What was asked.
    pub operation: Operation,
    /// What was answered.
    pub answer: Answer,
}

#[async_trait]
impl Layer for Recorded {
    async fn around(&self, operation: Operation, store: &dyn Store) -> Result<Answer> {
        let result = operation.run(store).await;
        self.0.record(&operation, &result);
        result
    }
}

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorded")
    }
}

impl Recording {
    /// What was recorded so far, in the order of the answers.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Record for Recording {
    fn record(&self, operation: &Operation, result: &Result<Answer>) {
        if let Ok(answer) = result {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Entry {
                operation: operation.clone(),
                answer: answer.clone(),
            });
        }
    }
}
