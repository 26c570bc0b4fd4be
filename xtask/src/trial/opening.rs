//! Processes that open one empty store at the same time.

use anyhow::{Context, Result, ensure};
use convoke::WorkerName;

use super::crew::{Crew, wait_to_go};
use super::{Member, Part};
use crate::bench::place::{Place, open};

/// Tries it, and says what was seen.
pub(crate) async fn run(place: &Place, processes: usize, rounds: usize) -> Result<String> {
    for round in 0..rounds {
        let url = place.fresh(&format!("opening_{round}")).await?;
        let mut crew = Crew::new()?;
        for _ in 0..processes {
            crew.add(Part::Open, &url, 1, None)?;
        }
        crew.end().with_context(|| format!("in round {round}"))?;
        let store = open(&url).await?;
        let schema = store.check().await?;
        ensure!(schema.is_current(), "the schema is not whole: {schema:?}");
        let workers = store.count_workers().await?.normal;
        ensure!(
            workers == processes as u64,
            "{workers} of {processes} processes are in the store"
        );
        place.remove().await?;
    }
    Ok(format!(
        "{processes} processes opened an empty store at once, {rounds} times: no error, one schema"
    ))
}

/// What one process does.
pub(crate) async fn take_part(member: &Member) -> Result<()> {
    wait_to_go()?;
    let store = open(&member.url).await?;
    let name = WorkerName::new(format!("process-{}", std::process::id()))?;
    store.register_worker(&name).await?;
    Ok(())
}
