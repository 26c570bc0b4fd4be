//! Races about topologies: who has one, and under whose term it was assigned.

use std::collections::BTreeSet;

use convoke_core::{Assignment, Page, Paged, Report, Reported, Timeouts, TopologyRegistered, TopologyStatus};

use super::{NEVER, Scene, new, places, start};
use crate::case::Check;
use crate::expect::{elect, holds, register, same, secs, topology_id};
use crate::races::{at_once, linearizable, open_all, rounds};
use crate::stage::Stage;
use crate::steps::Mix;

pub(super) async fn topologies_r01_concurrent_operations_are_atomic(stage: Stage) -> Check {
    linearizable(stage, Mix::Topologies).await
}

/// A fault of qtopology: eight processes registering 200 names made five double topologies, which run twice (3).
pub(super) async fn topologies_r02_many_who_register_the_same_ids_make_no_doubles(stage: Stage) -> Check {
    const IDS: usize = 30;
    let handles = open_all(&stage, 8).await?;
    let registered = at_once(&handles, |_, store| async move {
        let mut created = BTreeSet::new();
        for number in 0..IDS {
            let id = format!("t{number:02}");
            if store.register_topology(&new(&id)?).await? == TopologyRegistered::Created {
                created.insert(id);
            }
        }
        Ok(created)
    });
    let mut created: Vec<_> = registered.await?.into_iter().flatten().collect();
    created.sort_unstable();
    let expected: Vec<_> = (0..IDS).map(|number| format!("t{number:02}")).collect();
    same("what was created, over all answers", &created, &expected)?;
    let Paged { items, next } = handles[0].list_topologies(&Page::first(1_000)?).await?;
    let listed: Vec<_> = items.into_iter().map(|topology| topology.id.to_string()).collect();
    same("all topologies", (&listed, next), (&expected, None))?;
    for id in &expected {
        let rows = handles[0]
            .topology_history(&topology_id(id)?, &Page::default())
            .await?
            .items;
        same("rows of each", rows.len(), handles.len())?;
    }
    Ok(())
}

/// A fault of qtopology: two lead for good, and send the same starts (4).
pub(super) async fn topologies_r03_of_two_who_lead_one_after_the_other_only_the_later_assigns(stage: Stage) -> Check {
    let handles = open_all(&stage, 4).await?;
    for round in 0..rounds() {
        let (old, young) = (
            register(&handles[0], "old").await?,
            register(&handles[0], "young").await?,
        );
        let lease = elect(&handles[0], &old, secs(60)).await?;
        let id = format!("t{round}");
        handles[0].register_topology(&new(&id)?).await?;
        handles[0].enable_topology(&topology_id(&id)?).await?;
        let raced = at_once(&handles, |number, store| {
            let (lease, young, id) = (lease.clone(), young.clone(), id.clone());
            async move {
                if number == 0 {
                    // Takes over in the middle of it.
                    store.resign(&lease).await?;
                    let next = elect(&store, &young, secs(60)).await?;
                    let placed = store.assign_topologies(next.term, &places(&[(&id, "young")])?).await?;
                    store.resign(&next).await?;
                    return Ok(placed == [Assignment::Assigned]);
                }
                match store.assign_topologies(lease.term, &places(&[(&id, "old")])?).await {
                    Ok(placed) => Ok(placed == [Assignment::Assigned]),
                    Err(error) if error.is_fenced() => Ok(false),
                    Err(error) => Err(error.into()),
                }
            }
        });
        let assigned = raced.await?;
        let winners = assigned.iter().filter(|assigned| **assigned).count();
        same("how many assigned it", winners, 1)?;
        let topology = handles[0].get_topology(&topology_id(&id)?).await?.topology;
        let expected = if assigned[0] { "young" } else { "old" };
        let holder = topology.worker.map(|worker| worker.to_string());
        same("who has it", holder.as_deref(), Some(expected))?;
        let late = handles[1]
            .assign_topologies(lease.term, &places(&[(&id, "old")])?)
            .await;
        holds(
            "the old term is fenced",
            late.as_ref().is_err_and(convoke_core::Error::is_fenced),
            late,
        )?;
    }
    Ok(())
}

pub(super) async fn topologies_r04_assigning_reporting_and_refreshing_at_once_leave_one_holder(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    let handles = open_all(&stage, 4).await?;
    for round in 0..rounds() {
        let id = format!("t{round}");
        scene.waiting(&id, "a").await?;
        scene.heard().await?;
        // It waits for too long: a says that it runs, others take it away and give it to b.
        stage.clock.advance(secs(30));
        let raced = at_once(&handles, |number, store| {
            let (id, a, term) = (id.clone(), scene.a.clone(), scene.term());
            async move {
                match number {
                    0 => {
                        let reported = store.report_topology(&a, &topology_id(&id)?, &Report::Running).await?;
                        Ok(reported == Reported::Accepted)
                    }
                    1 => {
                        let timeouts = Timeouts::default().with_worker(NEVER);
                        Ok(!store.refresh_statuses(&timeouts).await?.unassigned.is_empty())
                    }
                    _ => {
                        let placed = store.assign_topologies(term, &places(&[(&id, "b")])?).await?;
                        Ok(placed == [Assignment::Assigned])
                    }
                }
            }
        });
        let did = raced.await?;
        let [runs, taken, first, second] = did[..] else {
            return Err(super::missing("four answers"));
        };
        holds("either a runs it or it was taken away", runs != taken, &did)?;
        holds(
            "b is given it once, when it was taken away",
            !(first && second) && (!(first || second) || taken),
            &did,
        )?;
        let given = first || second;
        let expected = match (runs, given) {
            (true, _) => (TopologyStatus::Running, Some("a".to_owned())),
            (false, true) => (TopologyStatus::Waiting, Some("b".to_owned())),
            (false, false) => (TopologyStatus::Unassigned, None),
        };
        same("who has it", scene.standing(&id).await?, expected)?;
        let told = if given { vec![start(&id)] } else { Vec::new() };
        same("what b was told", scene.told("b").await?, told)?;
        let rows = 3 + usize::from(runs) + usize::from(taken) + usize::from(given);
        same("rows of history", scene.rows(&id).await?.len(), rows)?;
        scene.heard().await?;
        scene.store.stop_topology(&topology_id(&id)?).await?;
        scene.heard().await?;
        for worker in [&scene.a, &scene.b] {
            scene.report(worker, &id, &Report::Released).await?;
        }
    }
    Ok(())
}

pub(super) async fn topologies_r05_many_who_assign_at_once_assign_each_topology_once(stage: Stage) -> Check {
    const IDS: usize = 20;
    let scene = Scene::of(&stage).await?;
    let handles = open_all(&stage, 6).await?;
    let ids: Vec<_> = (0..IDS).map(|number| format!("t{number:02}")).collect();
    super::many(&scene.store, &ids).await?;
    let raced = at_once(&handles, |number, store| {
        let (mut ids, term) = (ids.clone(), scene.term());
        // Each in an order of its own.
        ids.rotate_left(number * 3);
        if number % 2 == 1 {
            ids.reverse();
        }
        async move {
            let worker = if number % 2 == 0 { "a" } else { "b" };
            let placements: Vec<_> = ids.iter().map(|id| (id.as_str(), worker)).collect();
            let answers = store.assign_topologies(term, &places(&placements)?).await?;
            let assigned = ids.into_iter().zip(answers);
            let assigned = assigned.filter(|(_, answer)| *answer == Assignment::Assigned);
            Ok(assigned.map(|(id, _)| id).collect::<Vec<_>>())
        }
    });
    let mut assigned: Vec<_> = raced.await?.into_iter().flatten().collect();
    assigned.sort_unstable();
    same("what was assigned, over all answers", &assigned, &ids)?;
    let told = scene.told("a").await?.len() + scene.told("b").await?.len();
    same("how many starts were told", told, IDS)
}
