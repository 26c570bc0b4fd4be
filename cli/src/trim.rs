//! `convoke trim-history`: histories do not grow for ever.

use anyhow::Result;
use convoke::{Page, Retention, Store, Ttl};
use serde_json::json;

use crate::output::Output;

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
    let mut workers = 0;
    while let rows @ 1.. = workers_once(store, &retention).await? {
        workers += rows;
    }
    let mut topologies = 0;
    while let rows @ 1.. = topologies_once(store, &retention).await? {
        topologies += rows;
    }
    let answer = json!({ "workers": workers, "topologies": topologies });
    output.answer(&answer, |_| {
        format!("dropped {workers} rows of workers and {topologies} rows of topologies")
    })
}

/// Trims the history of each worker once; one step drops a bounded number of rows.
async fn workers_once(store: &dyn Store, retention: &Retention) -> Result<u64> {
    let (mut rows, mut next) = (0, Some(Page::default()));
    while let Some(page) = next {
        let trimmed = store.trim_worker_history(retention, &page).await?;
        rows += trimmed.rows;
        next = trimmed.next.map(|cursor| page.behind(cursor));
    }
    Ok(rows)
}

async fn topologies_once(store: &dyn Store, retention: &Retention) -> Result<u64> {
    let (mut rows, mut next) = (0, Some(Page::default()));
    while let Some(page) = next {
        let trimmed = store.trim_topology_history(retention, &page).await?;
        rows += trimmed.rows;
        next = trimmed.next.map(|cursor| page.behind(cursor));
    }
    Ok(rows)
}
