//! Handing out all topologies of an installation to workers that have nothing yet.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use convoke::{Assignment, Confirmed, Placement, Placements, Store, Term};

use super::measure::{Measured, Step, slice};
use super::operation;
use super::place::{self, Place};
use super::report::{Record, Report};

/// What is measured: one step of so many placements.
pub(crate) const NAME: &str = "hand out 1,000";
/// How many workers share them.
const WORKERS: usize = 100;
/// Longer than it may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// The leader, with what is left to be handed out.
struct Leader {
    store: Arc<dyn Store>,
    term: Term,
    left: Mutex<Vec<Placements>>,
}

/// Measures it once: there is only one time from nothing.
pub(crate) async fn measure(name: &str, place: &Place, topologies: usize, report: &mut Report) -> Result<()> {
    let store = place::open(&place.fresh("hand_out").await?).await?;
    let leader = Arc::new(Leader {
        term: operation::populate(&store, WORKERS).await?.term,
        left: Mutex::new(placements(topologies)?),
        store,
    });
    operation::topologies(&leader.store, topologies).await?;
    let mut measured = Measured::default();
    measured.add(slice(std::slice::from_ref(&leader), PATIENCE, hand_out).await?);
    report.add(Record::new(name, NAME, 1, &measured, &Measured::default()));
    leader.store.reset(Confirmed::YesDeleteEverything).await?;
    Ok(())
}

/// Each worker gets one in turn.
fn placements(topologies: usize) -> Result<Vec<Placements>> {
    let place = |number| {
        let worker = operation::one_of_many(number % WORKERS)?;
        Ok(Placement::new(operation::one_topology(number)?, worker))
    };
    let all = (0..topologies).map(place).collect::<Result<Vec<_>>>()?;
    let steps = all.chunks(Placements::MAX);
    Ok(steps
        .map(|step| Placements::new(step.to_vec()))
        .collect::<convoke::Result<_>>()?)
}

async fn hand_out(leader: Arc<Leader>) -> Result<Step> {
    let next = leader.left.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let Some(placements) = next else {
        return Ok(Step::Exhausted);
    };
    let answers = leader.store.assign_topologies(leader.term, &placements).await?;
    let refused = answers.iter().find(|answer| **answer != Assignment::Assigned);
    ensure!(refused.is_none(), "not assigned: {refused:?}");
    Ok(Step::Done)
}
