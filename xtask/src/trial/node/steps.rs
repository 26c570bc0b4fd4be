//! What is tried, one step after the other.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use convoke::{Command, Limit, NewMessage, NewTopology, Page, Payload, TopologyId, WorkerName, WorkerStatus};
use rustix::process::Signal;

use super::cluster::Cluster;
use super::process::Kind;

const OURS: [&str; 2] = ["convoke-1", "convoke-2"];
const NODES: [&str; 2] = ["node-1", "node-2"];

/// For what takes one look of everybody, each 5 s at most, and as many messages of the Node client, each 2 s.
const SOON: Duration = Duration::from_secs(60);
/// A lead that was promised lasts 10 s, the Node client looks every 5 s.
const ELECTION: Duration = Duration::from_secs(30);
/// After this the leader of the Node client believes that a silent worker is dead.
const NODE_BELIEVES_DEAD: Duration = Duration::from_secs(300);
/// After this ours does.
const OURS_BELIEVES_DEAD: Duration = Duration::from_secs(30);

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    StartTogether,
    OursLeads,
    OursHandsOut,
    NodeToolsActOnOurs,
    OurToolsActOnNode,
    OursRebalances,
    NodeLeads,
    NodeHandsOut,
    NodeRebalances,
    NodeToolsActOnOursAgain,
    OurToolsActOnNodeAgain,
    NodeLeaderIsPaused,
    NodeIsKilled,
    OursIsKilled,
    NodeEnds,
    AllEnd,
}

/// All steps, or those that are brief.
pub(super) fn all(brief: bool) -> Vec<Step> {
    use Step::*;
    if brief {
        return vec![
            StartTogether,
            OursLeads,
            OursHandsOut,
            NodeLeads,
            NodeHandsOut,
            NodeRebalances,
            NodeEnds,
            AllEnd,
        ];
    }
    vec![
        StartTogether,
        OursLeads,
        OursHandsOut,
        NodeToolsActOnOurs,
        OurToolsActOnNode,
        OursRebalances,
        NodeLeads,
        NodeHandsOut,
        NodeRebalances,
        NodeToolsActOnOursAgain,
        OurToolsActOnNodeAgain,
        NodeLeaderIsPaused,
        NodeLeads,
        NodeIsKilled,
        OursIsKilled,
        NodeEnds,
        AllEnd,
    ]
}

impl Step {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::StartTogether => "both kinds start at once",
            Self::OursLeads => "ours leads when the Node clients are disabled",
            Self::OursHandsOut => "our leader hands topologies to both kinds",
            Self::NodeToolsActOnOurs => "Node's tools stop, kill and start what ours run, ours leads",
            Self::OurToolsActOnNode => "our tools stop, kill and start what Node runs, ours leads",
            Self::OursRebalances => "our leader rebalances when Node's tool says so",
            Self::NodeLeads => "Node leads when ours are disabled",
            Self::NodeHandsOut => "Node's leader hands out what a worker of ours lets go of",
            Self::NodeRebalances => "Node's leader rebalances when our tool says so",
            Self::NodeToolsActOnOursAgain => "Node's tools stop, kill and start what ours run, Node leads",
            Self::OurToolsActOnNodeAgain => "our tools stop, kill and start what Node runs, Node leads",
            Self::NodeLeaderIsPaused => "Node's leader is paused for 15 s",
            Self::NodeIsKilled => "SIGKILL of Node's leader and the other: ours takes over",
            Self::OursIsKilled => "SIGKILL of our leader and the other: Node takes over",
            Self::NodeEnds => "SIGTERM of both Node clients: ours takes over",
            Self::AllEnd => "all end in good order",
        }
    }

    pub(super) async fn take(self, cluster: &mut Cluster) -> Result<String> {
        match self {
            Self::StartTogether => start_together(cluster).await,
            Self::OursLeads => hand_over(cluster, Kind::Ours).await,
            Self::NodeLeads => hand_over(cluster, Kind::Node).await,
            Self::OursHandsOut => hand_out(cluster).await,
            Self::NodeToolsActOnOurs | Self::NodeToolsActOnOursAgain => act(cluster, Kind::Node, Kind::Ours).await,
            Self::OurToolsActOnNode | Self::OurToolsActOnNodeAgain => act(cluster, Kind::Ours, Kind::Node).await,
            Self::OursRebalances => rebalance(cluster, Kind::Ours).await,
            Self::NodeRebalances => rebalance(cluster, Kind::Node).await,
            Self::NodeHandsOut => let_go(cluster).await,
            Self::NodeLeaderIsPaused => pause(cluster).await,
            Self::NodeIsKilled => kill(cluster, Kind::Node, OURS_BELIEVES_DEAD).await,
            Self::OursIsKilled => kill(cluster, Kind::Ours, NODE_BELIEVES_DEAD).await,
            Self::NodeEnds => end_nodes(cluster).await,
            Self::AllEnd => end_all(cluster).await,
        }
    }
}

/// The workers of a kind.
const fn workers(kind: Kind) -> [&'static str; 2] {
    match kind {
        Kind::Ours => OURS,
        Kind::Node => NODES,
    }
}

const fn other(kind: Kind) -> Kind {
    match kind {
        Kind::Ours => Kind::Node,
        Kind::Node => Kind::Ours,
    }
}

fn id(topology: &str) -> Result<TopologyId> {
    Ok(TopologyId::new(topology)?)
}

async fn start_together(cluster: &mut Cluster) -> Result<String> {
    let begun = Instant::now();
    for (ours, node) in OURS.into_iter().zip(NODES) {
        cluster.start(node, Kind::Node)?;
        cluster.start(ours, Kind::Ours)?;
    }
    let leader = cluster
        .until("somebody leads", ELECTION, async |cluster| Ok(cluster.watch.leader()))
        .await?;
    let elected = begun.elapsed();
    cluster.alive(&[OURS, NODES].concat(), ELECTION).await?;
    Ok(format!("{} leads after {:.1} s", leader.0, elected.as_secs_f64()))
}

/// Sends a message to a worker by the tools of a kind.
async fn tell(cluster: &Cluster, by: Kind, worker: &str, command: &str) -> Result<()> {
    match by {
        Kind::Node => cluster.node_tool(&[command, worker]),
        Kind::Ours => {
            let message = NewMessage::new(WorkerName::new(worker)?, Command::new(command)?, Payload::empty());
            cluster.store.send_message(&message).await?;
            Ok(())
        }
    }
}

/// Lets a kind lead: those of the other are disabled by its tools until it does.
async fn hand_over(cluster: &mut Cluster, to: Kind) -> Result<String> {
    let begun = Instant::now();
    let before = cluster.watch.leader();
    for worker in workers(other(to)) {
        tell(cluster, to, worker, "set_disabled").await?;
    }
    cluster
        .until("they are disabled", ELECTION, async |cluster| {
            for worker in workers(other(to)) {
                if cluster.status(worker).await? != Some(WorkerStatus::Disabled) {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
        .await?;
    let leader = cluster.led_by(to, ELECTION).await?;
    let took = begun.elapsed();
    for worker in workers(other(to)) {
        tell(cluster, to, worker, "set_enabled").await?;
    }
    cluster.alive(&workers(other(to)), ELECTION).await?;
    if !registered(cluster).await? {
        return Ok(format!("{leader} leads after {:.1} s", took.as_secs_f64()));
    }
    cluster.all_run(&cluster.topologies.clone(), SOON).await?;
    let before = before.map_or_else(|| "nobody".to_owned(), |(name, _)| name);
    Ok(format!(
        "{before} → {leader} in {:.1} s; all run once",
        took.as_secs_f64()
    ))
}

async fn registered(cluster: &Cluster) -> Result<bool> {
    let page = Page {
        limit: Limit::MAX,
        after: None,
    };
    Ok(!cluster.store.list_topologies(&page).await?.items.is_empty())
}

/// Every second topology is registered by ours and enabled by Node's tool, the others the other way round.
async fn hand_out(cluster: &mut Cluster) -> Result<String> {
    for (number, topology) in cluster.topologies.clone().iter().enumerate() {
        if number % 2 == 0 {
            let config = Payload::of(&cluster.config(topology))?;
            cluster
                .store
                .register_topology(&NewTopology::new(id(topology)?, config))
                .await?;
            cluster.node_tool(&["enable", topology])?;
        } else {
            let file = cluster.config_file(topology)?;
            cluster.node_tool(&["register", topology, &file.to_string_lossy()])?;
            cluster.store.enable_topology(&id(topology)?).await?;
        }
    }
    cluster.all_run(&cluster.topologies.clone(), SOON).await?;
    both_have_some(cluster).await
}

async fn both_have_some(cluster: &mut Cluster) -> Result<String> {
    let (ours, nodes) = cluster.shares().await?;
    ensure!(ours > 0 && nodes > 0, "ours run {ours}, those of Node {nodes}");
    Ok(format!("ours run {ours}, those of Node {nodes}, each once"))
}

/// Stops and kills a topology that a kind runs by the tools of the other, and lets both run again.
async fn act(cluster: &mut Cluster, by: Kind, on: Kind) -> Result<String> {
    let mut seen = Vec::new();
    for (word, command) in [("stopped", "stop-topology"), ("killed", "kill-topology")] {
        let topology = cluster.one_of(on).await?;
        let begun = Instant::now();
        match (by, word) {
            (Kind::Node, _) => cluster.node_tool(&[command, &topology])?,
            (Kind::Ours, "stopped") => drop(cluster.store.stop_topology(&id(&topology)?).await?),
            (Kind::Ours, _) => drop(cluster.store.kill_topology(&id(&topology)?).await?),
        }
        cluster.runs_nowhere(&topology, SOON).await?;
        ensure!(!cluster.topology(&topology).await?.enabled, "{topology} is enabled");
        seen.push(format!("{word} within {:.1} s", begun.elapsed().as_secs_f64()));
        match by {
            Kind::Node => cluster.node_tool(&["enable", &topology])?,
            Kind::Ours => cluster.store.enable_topology(&id(&topology)?).await?,
        }
        cluster.all_run(&cluster.topologies.clone(), SOON).await?;
    }
    Ok(seen.join(", "))
}

/// One worker of each kind is emptied by being disabled or ended, and filled again when the leader is told to rebalance.
async fn rebalance(cluster: &mut Cluster, leader: Kind) -> Result<String> {
    let emptied = NODES[0];
    if cluster.watch.leader().is_none_or(|(name, _)| name != emptied) {
        tell(cluster, Kind::Ours, emptied, "set_disabled").await?;
        cluster
            .until(&format!("{emptied} is empty"), SOON, async |cluster| {
                let page = Page {
                    limit: Limit::MAX,
                    after: None,
                };
                let has = cluster
                    .store
                    .list_assigned_topologies(&WorkerName::new(emptied)?, &page)
                    .await?;
                let is_disabled = cluster.status(emptied).await? == Some(WorkerStatus::Disabled);
                Ok((is_disabled && has.items.is_empty()).then_some(()))
            })
            .await?;
        tell(cluster, Kind::Node, emptied, "set_enabled").await?;
        cluster.alive(&[emptied], ELECTION).await?;
    }
    cluster.all_run(&cluster.topologies.clone(), SOON).await?;
    let (ours, nodes) = cluster.shares().await?;
    let begun = Instant::now();
    let name = cluster.led_by(leader, ELECTION).await?;
    tell(cluster, other(leader), &name, "rebalance").await?;
    let all = cluster.topologies.clone();
    let even = cluster.topologies.len() / 4;
    cluster
        .until("the load is even", SOON, async |cluster| {
            let mut loads = std::collections::BTreeMap::new();
            for topology in &all {
                let Some(worker) = cluster.runs_on(topology).await? else {
                    return Ok(None);
                };
                *loads.entry(worker).or_insert(0) += 1;
            }
            Ok((loads.len() == 4 && loads.values().all(|load| *load >= even)).then_some(()))
        })
        .await?;
    let (ours_now, nodes_now) = cluster.shares().await?;
    Ok(format!(
        "{name} told; ours run {ours} → {ours_now}, those of Node {nodes} → {nodes_now} in {:.1} s",
        begun.elapsed().as_secs_f64()
    ))
}

/// A worker of ours ends in good order, its topologies are handed out, and it comes back.
async fn let_go(cluster: &mut Cluster) -> Result<String> {
    let leader = cluster.led_by(Kind::Node, ELECTION).await?;
    let begun = Instant::now();
    cluster.signal(OURS[0], Signal::TERM)?;
    cluster.ended(&[OURS[0].to_owned()], SOON).await?;
    cluster.all_run(&cluster.topologies.clone(), SOON).await?;
    let took = begun.elapsed();
    cluster.start(OURS[0], Kind::Ours)?;
    cluster.alive(&[OURS[0]], SOON).await?;
    Ok(format!("{leader} had all run again after {:.1} s", took.as_secs_f64()))
}

/// Node's leader stands still for longer than its lead lasts, and goes on.
async fn pause(cluster: &mut Cluster) -> Result<String> {
    let paused = cluster.led_by(Kind::Node, ELECTION).await?;
    let begun = Instant::now();
    cluster.signal(&paused, Signal::STOP)?;
    let name = paused.clone();
    let next = cluster
        .until("somebody else leads", ELECTION, async |cluster| {
            Ok(cluster.watch.leader().filter(|(leader, _)| *leader != name))
        })
        .await;
    let took = begun.elapsed();
    tokio::time::sleep_until((begun + Duration::from_secs(15)).into()).await;
    // Whatever came of it, it goes on.
    cluster.signal(&paused, Signal::CONT)?;
    let (next, _) = next?;
    tokio::time::sleep(Duration::from_secs(12)).await;
    cluster.all_run(&cluster.topologies.clone(), SOON).await?;
    Ok(format!(
        "{paused} → {next} in {:.1} s; all run once",
        took.as_secs_f64()
    ))
}

/// All workers of a kind are killed, its leader or not; the other kind takes everything over. Then they come back.
async fn kill(cluster: &mut Cluster, kind: Kind, believed_dead: Duration) -> Result<String> {
    let before = cluster.led_by(kind, ELECTION).await?;
    let begun = Instant::now();
    for worker in workers(kind) {
        cluster.signal(worker, Signal::KILL)?;
    }
    let leader = cluster.led_by(other(kind), ELECTION).await?;
    let led = begun.elapsed();
    cluster.say(&format!("  {before} → {leader} in {:.1} s", led.as_secs_f64()));
    cluster
        .all_run(&cluster.topologies.clone(), believed_dead + SOON)
        .await?;
    let ran = begun.elapsed();
    for worker in workers(kind) {
        cluster.start(worker, kind)?;
    }
    cluster.alive(&workers(kind), SOON).await?;
    Ok(format!(
        "{before} → {leader} in {:.1} s; all run once again after {:.1} s",
        led.as_secs_f64(),
        ran.as_secs_f64()
    ))
}

async fn end_nodes(cluster: &mut Cluster) -> Result<String> {
    let before = cluster.led_by(Kind::Node, ELECTION).await?;
    let begun = Instant::now();
    for node in NODES {
        cluster.signal(node, Signal::TERM)?;
    }
    cluster.ended(&NODES.map(str::to_owned), SOON).await?;
    let leader = cluster.led_by(Kind::Ours, ELECTION).await?;
    let led = begun.elapsed();
    cluster.all_run(&cluster.topologies.clone(), SOON).await?;
    Ok(format!(
        "{before} → {leader} in {:.1} s; all run once again after {:.1} s",
        led.as_secs_f64(),
        begun.elapsed().as_secs_f64()
    ))
}

async fn end_all(cluster: &mut Cluster) -> Result<String> {
    for ours in OURS {
        cluster.signal(ours, Signal::TERM)?;
    }
    cluster.ended(&OURS.map(str::to_owned), SOON).await?;
    for topology in cluster.topologies.clone() {
        cluster.runs_nowhere(&topology, SOON).await?;
    }
    ensure!(cluster.watch.leader().is_none(), "{:?} leads", cluster.watch.leader());
    Ok("nothing runs, nobody leads".to_owned())
}
