//! `convoke rebalance`: what would move so that the load is even, and asking the leader to move it.

use std::collections::BTreeMap;

use anyhow::Result;
use convoke::runtime::{Outlook, Picture, REBALANCE};
use convoke::{Command, Error, ErrorKind, NewMessage, Payload, Store, Topology, TopologyId, Weight, WorkerName};
use serde::Serialize;

use crate::output::{Output, table};
use crate::wait::{Progress, WaitArgs};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RebalanceArgs {
    /// Only show what would move, and what comes of it
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
    #[command(flatten)]
    wait: WaitArgs,
}

/// A topology that should run elsewhere.
#[derive(Debug, Serialize)]
struct Step {
    topology: TopologyId,
    from: Option<WorkerName>,
    to: WorkerName,
    weight: Weight,
}

#[derive(Debug, Serialize)]
struct Plan {
    moves: Vec<Step>,
    cost_before: f64,
    cost_after: f64,
    /// Who was asked to do it.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<WorkerName>,
}

pub(crate) async fn run(store: &dyn Store, args: RebalanceArgs, output: Output) -> Result<()> {
    let picture = Picture::read(store).await?;
    let mut plan = plan(&picture);
    if !args.dry_run {
        plan.asked = Some(ask(store).await?);
    }
    output.answer(&plan, shown)?;
    let of = plan.moves.len();
    args.wait
        .until(async || {
            let picture = Picture::read(store).await?;
            let (moves, nowhere) = (picture.moves().len(), placeable(&picture));
            Ok(Progress {
                of: of.max(moves + nowhere),
                left: moves + nowhere,
                what: format!("{moves} topologies are still to move, {nowhere} are on their way"),
            })
        })
        .await
}

fn plan(picture: &Picture) -> Plan {
    let Outlook {
        moves,
        cost_before,
        cost_after,
    } = picture.outlook();
    let weights: BTreeMap<&TopologyId, Weight> = picture.topologies.iter().map(|it| (&it.id, it.weight)).collect();
    let step = |it: convoke::runtime::Move| Step {
        weight: weights.get(&it.topology).copied().unwrap_or_default(),
        topology: it.topology,
        from: it.from,
        to: it.to,
    };
    Plan {
        moves: moves.into_iter().map(step).collect(),
        cost_before,
        cost_after,
        asked: None,
    }
}

/// What waits to be handed out, or to be started.
fn placeable(picture: &Picture) -> usize {
    use convoke::TopologyStatus::{Unassigned, Waiting};
    let on_its_way = |it: &&Topology| it.enabled && matches!(it.status, Unassigned | Waiting);
    picture.topologies.iter().filter(on_its_way).count()
}

/// Asks whoever leads, and only while it does.
async fn ask(store: &dyn Store) -> Result<WorkerName> {
    let Some(leader) = store.leader().await? else {
        let what = "nobody leads; workers rebalance under their leader, who is elected within seconds of their start";
        return Err(Error::new(ErrorKind::Conflict, what).into());
    };
    let message = NewMessage::new(leader.worker.clone(), Command::new(REBALANCE)?, Payload::empty());
    store.send_message(&message.with_term(leader.term)).await?;
    Ok(leader.worker)
}

fn shown(plan: &Plan) -> String {
    let rows = plan.moves.iter().map(|it| {
        [
            it.topology.to_string(),
            it.from.as_ref().map(ToString::to_string).unwrap_or_default(),
            it.to.to_string(),
            it.weight.to_string(),
        ]
    });
    let count = match plan.moves.len() {
        0 => "nothing is to move".to_owned(),
        1 => "1 topology is to move".to_owned(),
        count => format!("{count} topologies are to move"),
    };
    let moves = match plan.moves.len() {
        0 => String::new(),
        _ => table(["topology", "from", "to", "weight"], rows) + "\n",
    };
    let asked = match &plan.asked {
        Some(leader) => format!("; {leader}, who leads, was asked to rebalance"),
        None => String::new(),
    };
    format!(
        "{moves}{count}: cost {:.2} → {:.2}{asked}",
        plan.cost_before, plan.cost_after
    )
}
