//! Adds a URL scheme of one's own: `counted:URL` opens URL behind a layer that counts operations.
//!
//! A backend of one's own is registered the same way; it implements the traits instead of wrapping a store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use convoke::prelude::*;
use convoke::{Answer, Driver, Layer, Operation, Registry, Result, StoreUrl, async_trait};

static OPERATIONS: AtomicU64 = AtomicU64::new(0);

struct Counted;

#[async_trait]
impl Layer for Counted {
    async fn around(&self, operation: Operation, store: &dyn Store) -> Result<Answer> {
        OPERATIONS.fetch_add(1, Ordering::Relaxed);
        operation.run(store).await
    }
}

#[async_trait]
impl Driver for Counted {
    fn schemes(&self) -> &'static [&'static str] {
        &["counted"]
    }

    async fn open(&self, options: &OpenOptions) -> Result<Arc<dyn Store>> {
        let mut inner = options.clone();
        let url = options.url.with_secrets().as_str();
        inner.url = StoreUrl::parse(url.strip_prefix("counted:").unwrap_or(url))?;
        Ok(Counted.over(Registry::of_process().open(&inner).await?))
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let inner = std::env::args().nth(1).unwrap_or_else(|| "memory:".to_owned());
    Registry::of_process().register(Arc::new(Counted))?;

    let store = convoke::open(&format!("counted:{inner}")).await?;
    store.register_worker(&WorkerName::new("example-counted")?).await?;
    println!("{} workers", store.list_workers(&Page::default()).await?.items.len());
    println!("{} operations", OPERATIONS.load(Ordering::Relaxed));
    Ok(())
}
