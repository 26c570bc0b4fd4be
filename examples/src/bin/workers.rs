//! Registers workers, fences off a stale one, and tells what happened to it.
//!
//! `cargo run --package convoke-examples --bin workers -- mysql://root@127.0.0.1/example`

use convoke::prelude::*;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "memory:".to_owned());
    let store = convoke::open(&url).await?;
    let name = WorkerName::new("example-worker")?;

    let first = store.register_worker(&name).await?;
    store.ping_worker(&first).await?;

    // The same name again, as after a restart: whatever the first one still writes is refused from now on.
    let second = store.register_worker(&name).await?;
    match store.ping_worker(&first).await {
        Err(error) if error.is_fenced() => println!("fenced: {error}"),
        other => anyhow::bail!("a stale registration was not fenced: {other:?}"),
    }

    store
        .set_worker_status(&name, Some(second.incarnation), WorkerStatus::Closing)
        .await?;
    store.set_worker_status(&name, None, WorkerStatus::Unloaded).await?;
    for change in store.worker_history(&name, &Page::first(4)?).await?.items {
        println!(
            "{}  {} {} (incarnation {})",
            change.at, change.name, change.status, change.incarnation
        );
    }
    store.delete_worker(&name).await?;
    Ok(())
}
