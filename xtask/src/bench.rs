//! `cargo xtask bench`: each operation on each store, beside the raw floor of that store.

use std::path::PathBuf;

use anyhow::Result;

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The stores, of memory, sqlite, mariadb, mysql, redis and valkey.
    #[arg(long, value_delimiter = ',', default_value = "memory,sqlite,mariadb,mysql,redis")]
    pub(crate) store: Vec<String>,
    /// How long each measurement takes.
    #[arg(long, default_value_t = 2.0)]
    pub(crate) seconds: f64,
    /// How many callers at once.
    #[arg(long, value_delimiter = ',', default_value = "1,8,64")]
    pub(crate) callers: Vec<usize>,
    /// Writes what was measured to this file.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Fails when a bar is missed.
    #[arg(long)]
    pub(crate) assert: bool,
}

/// Builds this program with the stores, optimized, and runs it again.
#[cfg(not(feature = "stores"))]
pub(crate) fn run(_: &Arguments) -> Result<()> {
    crate::workspace::run_with_stores(true)
}
