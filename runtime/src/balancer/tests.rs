use super::*;

fn worker(name: &str) -> WorkerName {
    WorkerName::new(name).unwrap()
}

fn unit(topology: &str, on: &str, weight: f64, affinity: &[&str]) -> Unit {
    Unit {
        topology: TopologyId::new(topology).unwrap(),
        worker: (!on.is_empty()).then(|| worker(on)),
        weight: Weight::new(weight).unwrap(),
        affinity: Affinity::new(affinity.iter().map(|name| worker(name))).unwrap(),
    }
}

fn balancer(loads: &[f64]) -> Balancer {
    Balancer::new(
        loads
            .iter()
            .enumerate()
            .map(|(index, load)| (worker(&format!("wrkr{}", index + 1)), *load)),
    )
}

/// Places topologies of these weights one after the other, and answers the numbers of the workers.
fn placed(loads: &[f64], affinity: &[&str], weights: &[f64]) -> String {
    let mut balancer = balancer(loads);
    let affinity = Affinity::new(affinity.iter().map(|name| worker(name))).unwrap();
    let place = |weight: &f64| balancer.place(Weight::new(*weight).unwrap(), &affinity).unwrap();
    weights
        .iter()
        .map(place)
        .map(|worker| worker.as_str().replace("wrkr", ""))
        .collect()
}

#[test]
fn places_as_qtopology_published_it() {
    let ones = [1.0; 14];
    for (loads, affinity, weights, expected) in [
        (&[1.0][..], &[][..], &ones[..10], "1111111111"),
        (&[1.0, 1.0], &[], &ones[..10], "1212121212"),
        (&[4.0, 1.0], &[], &ones[..9], "222121212"),
        (&[1.0, 4.0], &[], &ones[..9], "111121212"),
        (&[1.0, 1.0, 1.0], &[], &ones[..9], "123123123"),
        (&[4.0, 1.0, 1.0], &[], &ones[..9], "232323123"),
        (&[3.0, 0.0], &["wrkr1"], &ones[..9], "112111112"),
        (&[0.0, 1.0], &["wrkr1"], &ones[..11], "11111111112"),
        (&[0.0, 0.0, 0.0], &["wrkr1"], &ones[..14], "11111231111123"),
        (&[4.0, 0.0, 0.0], &["wrkr1"], &ones[..10], "1231111123"),
        (&[0.0, 1.0, 0.0], &["wrkr1"], &ones[..13], "1111131111123"),
        (&[0.0, 0.0], &[], &[2.0, 1.0, 1.0, 1.0, 2.0, 1.0, 1.0, 1.0], "12212112"),
        (&[1.0, 0.0], &[], &[2.0, 1.0, 1.0, 1.0, 2.0, 1.0, 1.0, 1.0], "21121221"),
        (
            &[0.0, 0.0],
            &["wrkr1"],
            &[1.0, 4.0, 2.0, 1.0, 7.0, 1.0, 1.0, 1.0, 1.0, 1.0, 5.0, 1.0],
            "111212121112",
        ),
    ] {
        assert_eq!(placed(loads, affinity, weights), expected, "{loads:?} {affinity:?}");
    }
}

#[test]
fn rebalances_as_qtopology_published_it() {
    type Way = fn(&Balancer, &[Unit]) -> Rebalance;
    let ways: [Way; 2] = [published_rebalance, Balancer::rebalance];
    for way in ways {
        for (loads, units, moved, score) in [
            (
                [1.0, 1.0],
                [unit("a", "wrkr1", 1.0, &[]), unit("b", "wrkr2", 1.0, &[])],
                None,
                0.0,
            ),
            (
                [2.0, 0.0],
                [unit("a", "wrkr1", 1.0, &[]), unit("b", "wrkr1", 1.0, &[])],
                Some("b"),
                51.0,
            ),
            (
                [7.0, 0.0],
                [unit("a", "wrkr1", 1.0, &[]), unit("b", "wrkr1", 6.0, &[])],
                Some("a"),
                (101.0 + 1.0 / 6.0) / 2.0,
            ),
            (
                [2.0, 0.0],
                [unit("a", "wrkr1", 1.0, &[]), unit("b", "wrkr1", 1.0, &["wrkr1"])],
                Some("a"),
                51.0,
            ),
        ] {
            let rebalance = way(&balancer(&loads), &units);
            let expected = moved.map(|topology| Move {
                topology: TopologyId::new(topology).unwrap(),
                from: Some(worker("wrkr1")),
                to: worker("wrkr2"),
            });
            assert_eq!(rebalance.moves, Vec::from_iter(expected), "{units:?}");
            assert_eq!(rebalance.score, score, "{units:?}");
        }
    }
}

#[test]
fn nobody_takes_work_when_there_is_nobody() {
    let mut nobody = Balancer::default();
    assert_eq!(nobody.place(Weight::default(), &Affinity::default()), None);
    assert_eq!(nobody.rebalance(&[unit("a", "gone", 1.0, &[])]), Rebalance::default());
}

#[test]
fn equally_good_places_are_left_as_they_are() {
    let units = [unit("a", "wrkr2", 1.0, &[]), unit("b", "wrkr1", 1.0, &[])];
    let balancer = Balancer::of([worker("wrkr1"), worker("wrkr2")], &units);
    assert_eq!(balancer.rebalance(&units).moves, []);
    // qtopology leaves them too, by its score; a third worker makes it move all but what lies as it would.
    assert_eq!(published_rebalance(&balancer, &units).moves, []);
}

#[test]
fn a_worse_placement_is_left_also_below_the_score_at_which_qtopology_stays() {
    // Loads 4 and 2 make a score of (4/3 + 3/2) / 2, below 1.5.
    let units: Vec<_> = (0..6)
        .map(|n| unit(&format!("t{n}"), if n < 4 { "wrkr1" } else { "wrkr2" }, 1.0, &[]))
        .collect();
    let balancer = Balancer::of([worker("wrkr1"), worker("wrkr2")], &units);
    assert_eq!(published_rebalance(&balancer, &units).moves, []);
    let moves = balancer.rebalance(&units).moves;
    assert_eq!(moves.len(), 1);
    assert_eq!(moves[0].to, worker("wrkr2"));
}

#[test]
fn what_nobody_has_is_placed() {
    let units = [
        unit("a", "wrkr1", 1.0, &[]),
        unit("b", "gone", 1.0, &[]),
        unit("c", "", 1.0, &["wrkr1"]),
    ];
    let balancer = Balancer::of([worker("wrkr1"), worker("wrkr2")], &units);
    let places: Vec<_> = balancer
        .rebalance(&units)
        .moves
        .into_iter()
        .map(|it| (it.topology, it.to))
        .collect();
    assert_eq!(
        places,
        [
            (units[1].topology.clone(), worker("wrkr2")),
            (units[2].topology.clone(), worker("wrkr1"))
        ]
    );
}

#[test]
fn a_topology_goes_home_to_the_worker_that_it_prefers() {
    let units = [unit("a", "wrkr2", 1.0, &["wrkr1"]), unit("b", "wrkr1", 1.0, &[])];
    let balancer = Balancer::of([worker("wrkr1"), worker("wrkr2")], &units);
    let moves = balancer.rebalance(&units).moves;
    assert!(
        moves
            .iter()
            .any(|it| it.topology == units[0].topology && it.to == worker("wrkr1")),
        "{moves:?}"
    );
}
