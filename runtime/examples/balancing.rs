//! Compares how qtopology and Convoke rebalance: how much each moves, and how good what comes out is.
//!
//! `cargo run --release -p convoke-runtime --example balancing`

use std::time::Instant;

use convoke_core::{Affinity, Result, TopologyId, Weight, WorkerName};
use convoke_runtime::balancer::{Unit, published_rebalance};
use convoke_runtime::{Balancer, Rebalance};

/// What happened to a balanced cluster before it is rebalanced.
type Disturbance = fn(&mut Vec<Unit>, &mut Vec<WorkerName>) -> Result<()>;

fn main() -> Result<()> {
    println!("workers  topologies  what happened         qtopology: moved  cost   Convoke: moved  cost    took");
    let disturbances: [(&str, Disturbance); 5] = [
        ("nothing", |_, _| Ok(())),
        ("one worker joined", |_, workers| {
            workers.push(WorkerName::new("z new")?);
            Ok(())
        }),
        ("one worker left", |units, workers| {
            let gone = workers.pop();
            units
                .iter_mut()
                .filter(|unit| unit.worker == gone)
                .for_each(|unit| unit.worker = None);
            Ok(())
        }),
        ("one in ten is heavier", |units, _| {
            for unit in units.iter_mut().step_by(10) {
                unit.weight = Weight::new(3.0)?;
            }
            Ok(())
        }),
        ("a third on one worker", |units, workers| {
            let first = workers.first().cloned();
            units
                .iter_mut()
                .step_by(3)
                .for_each(|unit| unit.worker.clone_from(&first));
            Ok(())
        }),
    ];
    for (workers, topologies) in [(4, 20), (10, 200), (100, 2_000)] {
        for (what, disturb) in disturbances {
            let (mut units, mut names) = balanced(workers, topologies)?;
            disturb(&mut units, &mut names)?;
            place_the_rest(&mut units, &names);
            compare(what, &units, &names);
        }
    }
    Ok(())
}

/// A cluster that Convoke has balanced: weights 1 to 5, every fifth topology with an affinity.
fn balanced(workers: usize, topologies: usize) -> Result<(Vec<Unit>, Vec<WorkerName>)> {
    let names: Vec<_> = (0..workers)
        .map(|n| WorkerName::new(format!("w{n:03}")))
        .collect::<Result<_>>()?;
    let unit = |n: usize| {
        let preferred = n.is_multiple_of(5).then(|| names[n * 7 % workers].clone());
        Ok(Unit {
            topology: TopologyId::new(format!("t{n:05}"))?,
            worker: None,
            weight: Weight::new((1 + n * 3 % 5) as f64)?,
            affinity: Affinity::new(preferred)?,
        })
    };
    let units: Vec<_> = (0..topologies).map(unit).collect::<Result<_>>()?;
    let placed = Balancer::of(names.clone(), &units).rebalance(&units);
    Ok((after(&units, &placed), names))
}

/// What nobody has is placed by the rule that both have in common, before anything is moved.
fn place_the_rest(units: &mut [Unit], names: &[WorkerName]) {
    let mut balancer = Balancer::of(names.iter().cloned(), units);
    for unit in units.iter_mut().filter(|unit| unit.worker.is_none()) {
        unit.worker = balancer.place(unit.weight, &unit.affinity);
    }
}

fn compare(what: &str, units: &[Unit], names: &[WorkerName]) {
    let balancer = Balancer::of(names.iter().cloned(), units);
    let theirs = published_rebalance(&balancer, units);
    let begun = Instant::now();
    let ours = balancer.rebalance(units);
    let took = begun.elapsed();
    let cost = |rebalance: &Rebalance| balancer.cost(&after(units, rebalance));
    println!(
        "{:7}  {:10}  {what:21} {:17}  {:5.0}  {:14}  {:5.0}  {took:.1?}",
        names.len(),
        units.len(),
        theirs.moves.len(),
        cost(&theirs),
        ours.moves.len(),
        cost(&ours),
    );
}

fn after(units: &[Unit], rebalance: &Rebalance) -> Vec<Unit> {
    let place = |unit: &Unit| {
        let to = rebalance
            .moves
            .iter()
            .find(|step| step.topology == unit.topology)
            .map(|step| step.to.clone());
        Unit {
            worker: to.or_else(|| unit.worker.clone()),
            ..unit.clone()
        }
    };
    units.iter().map(place).collect()
}
