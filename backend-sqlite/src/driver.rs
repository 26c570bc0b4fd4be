//! How a registry of schemes opens this backend.

use std::sync::Arc;

use convoke_core::{Driver, OpenOptions, Result, Store, async_trait, error};

use crate::store::SqliteStore;

/// Opens URLs that begin with `sqlite:`; see [`SqliteStore::open`].
#[derive(Clone, Copy, Debug, Default)]
pub struct SqliteDriver;

#[async_trait]
impl Driver for SqliteDriver {
    fn schemes(&self) -> &'static [&'static str] {
        &["sqlite"]
    }

    async fn open(&self, options: &OpenOptions) -> Result<Arc<dyn Store>> {
        if !self.schemes().contains(&options.url.scheme()) {
            let what = "the SQLite backend opens URLs that begin with sqlite:";
            return Err(error::invalid(what).at("open").with("url", &options.url));
        }
        Ok(Arc::new(SqliteStore::open(options).await?))
    }
}
