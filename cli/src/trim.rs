//! `convoke trim-history`: histories do not grow for ever.

use anyhow::Result;
use convoke::{Retention, Store, Ttl, history};
use serde_json::json;

use crate::output::Output;
use crate::wait::counter;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TrimArgs {
    /// Drop what was written longer ago
    #[arg(long, value_name = "TIME", default_value = "720h", value_parser = crate::args::ttl)]
    older_than: Ttl,
    /// How many rows of one name to keep at most
    #[arg(long, value_name = "ROWS", default_value_t = 1_000)]
    keep: u32,
}

pub(crate) async fn run(store: &dyn Store, args: &TrimArgs, output: Output) -> Result<()> {
    let retention = Retention::FOREVER.with_age(args.older_than).with_rows(args.keep);
    let (mut workers, mut topologies) = (0, 0);
    let bar = counter()?;
    bar.set_message("rows");
    // One round drops a bounded number of rows of each name.
    while let rows @ 1.. = history::trim_workers(store, &retention).await? {
        workers += rows;
        bar.inc(rows);
    }
    while let rows @ 1.. = history::trim_topologies(store, &retention).await? {
        topologies += rows;
        bar.inc(rows);
    }
    bar.finish_and_clear();
    let answer = json!({ "workers": workers, "topologies": topologies });
    output.answer(&answer, |_| {
        format!("dropped {workers} rows of workers and {topologies} rows of topologies")
    })
}
