//! `cargo xtask bench`: each operation on each store, beside the raw floor of that store.
//!
//! A floor is what the store itself does when asked for one durable change by the simplest program: the bars are ratios to
//! it, measured in slices that alternate with those of the operation, so that whatever else the machine does slows both.

#[cfg(feature = "stores")]
mod bars;
#[cfg(feature = "stores")]
mod beside;
#[cfg(feature = "stores")]
mod floor;
#[cfg(feature = "stores")]
mod handing_out;
#[cfg(feature = "stores")]
mod idle;
#[cfg(feature = "stores")]
mod measure;
#[cfg(feature = "stores")]
mod operation;
#[cfg(feature = "stores")]
pub(crate) mod place;
#[cfg(feature = "stores")]
mod plan;
#[cfg(feature = "stores")]
mod predecessor;
#[cfg(feature = "stores")]
mod report;

use std::path::PathBuf;

use anyhow::Result;

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The stores, of memory, sqlite, mariadb, mysql, redis and valkey.
    #[arg(long, value_delimiter = ',', default_value = "memory,sqlite,mariadb,mysql,redis")]
    pub(crate) store: Vec<String>,
    /// How long each operation is measured.
    #[arg(long, default_value_t = 2.0)]
    pub(crate) seconds: f64,
    /// How many callers at once.
    #[arg(long, value_delimiter = ',', default_value = "1,8,64")]
    pub(crate) callers: Vec<usize>,
    /// Only operations whose name contains this.
    #[arg(long)]
    pub(crate) only: Option<String>,
    /// How many workers a crowded installation has, or messages for others.
    #[arg(long, default_value_t = 100_000)]
    pub(crate) crowd: usize,
    /// How many topologies a crowded installation has, and how many are handed out.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) topologies: usize,
    /// Writes what was measured to this file.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Fails when a bar is missed.
    #[arg(long)]
    pub(crate) assert: bool,
    /// Opens this store and waits, to have its memory measured.
    #[arg(long, hide = true)]
    pub(crate) idle_client: Option<String>,
}

/// Builds this program with the stores, optimized, and runs it again.
#[cfg(not(feature = "stores"))]
pub(crate) fn run(_: &Arguments) -> Result<()> {
    crate::workspace::run_with_stores(true)
}

/// Measures and reports.
#[cfg(feature = "stores")]
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if let Some(url) = &arguments.idle_client {
        return idle::be(url);
    }
    if cfg!(debug_assertions) {
        println!("this is not an optimized build: run it by `cargo xtask bench`, without features");
    }
    let mut report = report::Report::default();
    for name in &arguments.store {
        plan::measure_store(name, arguments, &mut report)?;
    }
    report.print();
    if let Some(file) = &arguments.json {
        report.write(file)?;
    }
    let missed = bars::print(&report);
    if arguments.assert && missed > 0 {
        anyhow::bail!("{missed} bars are missed");
    }
    Ok(())
}
