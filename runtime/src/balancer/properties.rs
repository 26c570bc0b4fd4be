//! What holds for any placement.

use proptest::prelude::*;

use super::*;

fn name(index: usize) -> WorkerName {
    WorkerName::new(format!("w{index}")).unwrap()
}

/// Workers 0..count, and topologies on any of them, on one that is gone, or on none.
fn cluster() -> impl Strategy<Value = (Balancer, Vec<Unit>)> {
    (1..6_usize).prop_flat_map(|workers| {
        let unit = (0..=workers + 1, 0..8_u32, prop::collection::btree_set(0..workers, 0..3));
        prop::collection::vec(unit, 0..24).prop_map(move |units| {
            let unit = |(index, (at, weight, affinity)): (usize, (usize, u32, BTreeSet<usize>))| Unit {
                topology: TopologyId::new(format!("t{index:02}")).unwrap(),
                worker: (at <= workers).then(|| name(at)),
                weight: Weight::new(f64::from(weight) / 2.0).unwrap(),
                affinity: Affinity::new(affinity.into_iter().map(name)).unwrap(),
            };
            let units: Vec<_> = units.into_iter().enumerate().map(unit).collect();
            (Balancer::of((0..workers).map(name), &units), units)
        })
    })
}

fn after(units: &[Unit], moves: &[Move]) -> Vec<Unit> {
    let mut units = units.to_vec();
    for step in moves {
        let unit = units.iter_mut().find(|unit| unit.topology == step.topology).unwrap();
        unit.worker = Some(step.to.clone());
    }
    units
}

proptest! {
    #[test]
    fn everything_has_a_worker_afterwards_and_moving_again_moves_nothing((balancer, units) in cluster()) {
        let moved = after(&units, &balancer.rebalance(&units).moves);
        let again = Balancer::of(balancer.loads().keys().cloned(), &moved);
        prop_assert!(moved.iter().all(|unit| balancer.loads().contains_key(unit.worker.as_ref().unwrap())));
        prop_assert_eq!(again.rebalance(&moved).moves, []);
    }

    #[test]
    fn no_topology_would_lower_the_cost_elsewhere((balancer, units) in cluster()) {
        let moved = after(&units, &balancer.rebalance(&units).moves);
        let least = balancer.cost(&moved);
        for index in 0..moved.len() {
            for worker in balancer.loads().keys() {
                let mut other = moved.clone();
                other[index].worker = Some(worker.clone());
                prop_assert!(balancer.cost(&other) >= least - 1e-6, "{:?} to {worker}", other[index]);
            }
        }
    }

    #[test]
    fn the_end_is_never_worse_than_qtopology_s_or_than_the_beginning((balancer, units) in cluster()) {
        let ours = balancer.cost(&after(&units, &balancer.rebalance(&units).moves));
        let theirs = balancer.cost(&after(&units, &published_rebalance(&balancer, &units).moves));
        let all_placed = units.iter().all(|unit| unit.worker.as_ref().is_some_and(|it| balancer.loads().contains_key(it)));
        // What nobody has costs nothing, and stays so with qtopology below its score.
        if all_placed {
            prop_assert!(ours <= theirs + 1e-6, "{ours} {theirs}");
            prop_assert!(ours <= balancer.cost(&units) + 1e-6);
        }
    }
}
