//! Layers: what stands in front of a store and sees every operation as data.

use std::sync::Arc;
use std::time::Duration;

use convoke_core::{
    Answer, Confirmed, Execute, Executed, Hints, Installation, Operation, Properties, Result, SchemaStatus, Store,
    Timestamp, WorkerName, async_trait,
};

/// What stands in front of a store and sees every operation as data, to trace, record, delay or refuse it.
///
/// One method is enough: [`Layer::over`] makes a whole [`Store`] of it, to which the next layer can be put.
///
/// ```
/// # #[cfg(feature = "memory")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> convoke::Result<()> {
/// use convoke::{Answer, Error, ErrorKind, Layer, Operation, Result, Store};
///
/// struct ReadOnly;
///
/// #[convoke::async_trait]
/// impl Layer for ReadOnly {
///     async fn around(&self, operation: Operation, store: &dyn Store) -> Result<Answer> {
///         if operation.is_read() {
///             operation.run(store).await
///         } else {
///             Err(Error::new(ErrorKind::Unsupported, "this store is open for reading only"))
///         }
///     }
/// }
///
/// let store = ReadOnly.over(convoke::open("memory:").await?);
/// assert!(store.leader().await?.is_none());
/// assert!(store.register_worker(&convoke::WorkerName::new("a")?).await.is_err());
/// # Ok(()) }
/// # #[cfg(not(feature = "memory"))]
/// # fn main() {}
/// ```
#[async_trait]
pub trait Layer: Send + Sync {
    /// Answers one operation; [`Operation::run`] on `store` passes it on.
    async fn around(&self, operation: Operation, store: &dyn Store) -> Result<Answer>;

    /// The store with this layer in front of it.
    fn over(self, store: Arc<dyn Store>) -> Arc<dyn Store>
    where
        Self: Sized + 'static,
    {
        Arc::new(Executed(Layered { layer: self, store }))
    }
}

/// A store behind a layer. Its operations go through the layer; its hints and its installation are the store's.
pub struct Layered<L> {
    layer: L,
    store: Arc<dyn Store>,
}

#[async_trait]
impl<L: Layer> Execute for Layered<L> {
    async fn execute(&self, operation: Operation) -> Result<Answer> {
        self.layer.around(operation, &*self.store).await
    }
}

#[async_trait]
impl<L: Layer> Hints for Layered<L> {
    async fn await_message(&self, worker: &WorkerName, at_most: Duration) {
        self.store.await_message(worker, at_most).await;
    }
}

#[async_trait]
impl<L: Layer> Installation for Layered<L> {
    async fn properties(&self) -> Result<Properties> {
        self.store.properties().await
    }

    async fn now(&self) -> Result<Timestamp> {
        self.store.now().await
    }

    async fn check(&self) -> Result<SchemaStatus> {
        self.store.check().await
    }

    async fn migrate(&self) -> Result<Vec<String>> {
        self.store.migrate().await
    }

    async fn clear(&self, confirmed: Confirmed) -> Result<()> {
        self.store.clear(confirmed).await
    }

    async fn reset(&self, confirmed: Confirmed) -> Result<()> {
        self.store.reset(confirmed).await
    }
}

impl<L> std::fmt::Debug for Layered<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Layered").field(&self.store).finish()
    }
}
