//! Stopping, killing, and errors that an operator sets or clears; and who is told.

use convoke_core::{ErrorKind, ErrorText, Report, Topology, TopologyStatus, WorkerStatus};

use super::{Scene, kill, shown, start, stop};
use crate::case::Check;
use crate::expect::{name, refused, register, same, secs, set, topology_id};
use crate::stage::Stage;

use TopologyStatus::{Error, Running, Unassigned, Waiting};

/// Ends a topology in good order, or at once.
async fn end(scene: &Scene, kills: bool, id: &str) -> Check<Option<String>> {
    let id = topology_id(id)?;
    let told = if kills {
        scene.store.kill_topology(&id).await?
    } else {
        scene.store.stop_topology(&id).await?
    };
    Ok(told.map(|worker| worker.to_string()))
}

async fn ends_what_somebody_has(stage: Stage, kills: bool) -> Check {
    let scene = Scene::of(&stage).await?;
    let message = if kills { kill } else { stop };
    let begin = stage.clock.now();
    scene.waiting("waiting", "a").await?;
    scene.running("running", &scene.a).await?;
    scene.failed("failed", &scene.a).await?;
    scene.heard().await?;
    stage.clock.advance(secs(5));
    for (id, status) in [("waiting", Waiting), ("running", Running), ("failed", Error)] {
        let rows = scene.rows(id).await?.len();
        for _ in 0..2 {
            same(
                &format!("who is told of the {id} one"),
                end(&scene, kills, id).await?.as_deref(),
                Some("a"),
            )?;
            let expected = Topology {
                error: scene.get(id).await?.error,
                ..shown(id, status, false, Some("a"), begin)?
            };
            same(&format!("the {id} one"), scene.get(id).await?, expected)?;
        }
        same("rows that this left", scene.rows(id).await?.len() - rows, 1)?;
        let told = scene.told("a").await?;
        same("what the worker was told", told, vec![message(id), message(id)])?;
        scene.heard().await?;
    }
    scene.nobody_told().await
}

pub(super) async fn topologies_e40_stopping_disables_and_tells_the_worker_that_has_it(stage: Stage) -> Check {
    ends_what_somebody_has(stage, false).await
}

pub(super) async fn topologies_e41_killing_disables_and_tells_the_worker_that_has_it(stage: Stage) -> Check {
    ends_what_somebody_has(stage, true).await
}

pub(super) async fn topologies_e42_when_nobody_has_it_nobody_is_told(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    for kills in [false, true] {
        let begin = stage.clock.now();
        scene.enabled("free").await?;
        scene.failed("left", &scene.a).await?;
        scene.accepted(&scene.a, "left", &Report::Released).await?;
        // Its worker is in the queue of nobody: it was deleted.
        let gone = register(&scene.store, "gone").await?;
        scene.failed("orphan", &gone).await?;
        set(&scene.store, "gone", WorkerStatus::Unloaded).await?;
        scene.store.delete_worker(&gone.worker).await?;
        scene.heard().await?;
        for id in ["free", "left", "orphan"] {
            same(
                &format!("who is told of the {id} one"),
                end(&scene, kills, id).await?,
                None,
            )?;
            same("whether it is enabled", scene.get(id).await?.enabled, false)?;
        }
        let why = ErrorText::new("why");
        for id in ["free", "left", "orphan"] {
            let told = scene.store.set_topology_error(&topology_id(id)?, &why).await?;
            same(&format!("who is told of the error of the {id} one"), told, None)?;
        }
        let expected = Topology {
            error: Some(why),
            ..shown("free", Error, false, None, begin)?
        };
        same("the free one", scene.get("free").await?, expected)?;
        same("what the deleted one was told", scene.told("gone").await?, Vec::new())?;
        scene.nobody_told().await?;
        for id in ["free", "left", "orphan"] {
            scene.store.delete_topology(&topology_id(id)?).await?;
        }
        stage.clock.advance(secs(60));
    }
    let again = register(&scene.store, "gone").await?;
    let received = crate::expect::receive(&scene.store, &again, 9).await?;
    same("what its successor receives", received, Vec::new())
}

pub(super) async fn topologies_e43_a_registered_worker_is_told_whatever_its_status(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    for status in WorkerStatus::ALL {
        let worker = register(&scene.store, status.as_str()).await?;
        scene.running(&format!("stop {status}"), &worker).await?;
        scene.running(&format!("kill {status}"), &worker).await?;
        set(&scene.store, status.as_str(), status).await?;
        scene.store.take_messages(&worker, convoke_core::Limit::MAX).await?;
        for kills in [false, true] {
            let id = format!("{} {status}", if kills { "kill" } else { "stop" });
            same(
                "who is told",
                end(&scene, kills, &id).await?.as_deref(),
                Some(status.as_str()),
            )?;
        }
        let expected = vec![stop(&format!("stop {status}")), kill(&format!("kill {status}"))];
        same("what it was told", scene.told(status.as_str()).await?, expected)?;
    }
    Ok(())
}

pub(super) async fn topologies_e44_an_operator_sets_an_error_and_the_worker_is_told_to_end_it(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.waiting("waiting", "a").await?;
    scene.running("running", &scene.a).await?;
    scene
        .store
        .set_topology_pid(&scene.a, &topology_id("running")?, Some(7))
        .await?;
    scene.heard().await?;
    stage.clock.advance(secs(5));
    let since = stage.clock.now();
    for id in ["waiting", "running"] {
        let rows = scene.rows(id).await?.len();
        // The same error again tells again, and changes nothing.
        for (why, left) in [("one", 1), ("one", 1), ("two", 2)] {
            let told = scene
                .store
                .set_topology_error(&topology_id(id)?, &ErrorText::new(why))
                .await?;
            same("who is told", told, Some(name("a")?))?;
            let expected = Topology {
                error: Some(ErrorText::new(why)),
                ..shown(id, Error, true, Some("a"), since)?
            };
            same(&format!("the {id} one"), scene.get(id).await?, expected)?;
            same("rows that this left", scene.rows(id).await?.len() - rows, left)?;
            stage.clock.advance(secs(1));
        }
        same(
            "what the worker was told",
            scene.told("a").await?,
            vec![stop(id), stop(id), stop(id)],
        )?;
        scene.heard().await?;
        stage.clock.set(since);
    }
    scene.nobody_told().await
}

pub(super) async fn topologies_e45_a_cleared_error_goes_back_to_a_live_worker_that_has_it(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.failed("t", &scene.a).await?;
    scene.heard().await?;
    stage.clock.advance(secs(5));
    let now = stage.clock.now();
    let told = scene.store.clear_topology_error(&topology_id("t")?).await?;
    same("who is told", told, Some(name("a")?))?;
    same(
        "the topology",
        scene.get("t").await?,
        shown("t", Waiting, true, Some("a"), now)?,
    )?;
    same("what a was told", scene.told("a").await?, vec![start("t")])?;
    let newest = scene.newest("t", 1).await?.swap_remove(0);
    same("the newest row", (newest.status, newest.error), (Waiting, None))?;
    scene.accepted(&scene.a, "t", &Report::Running).await
}

pub(super) async fn topologies_e46_a_cleared_error_is_nobodys_when_no_live_worker_has_it_or_it_is_disabled(
    stage: Stage,
) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.failed("left", &scene.a).await?;
    scene.accepted(&scene.a, "left", &Report::Released).await?;
    scene.failed("disabled", &scene.a).await?;
    scene.store.disable_topology(&topology_id("disabled")?).await?;
    let mut ids = vec![("left".to_owned(), true), ("disabled".to_owned(), false)];
    for status in WorkerStatus::ALL
        .into_iter()
        .filter(|status| *status != WorkerStatus::Alive)
    {
        let worker = register(&scene.store, status.as_str()).await?;
        scene.failed(&format!("at {status}"), &worker).await?;
        set(&scene.store, status.as_str(), status).await?;
        ids.push((format!("at {status}"), true));
    }
    let gone = register(&scene.store, "gone").await?;
    scene.failed("orphan", &gone).await?;
    set(&scene.store, "gone", WorkerStatus::Unloaded).await?;
    scene.store.delete_worker(&gone.worker).await?;
    ids.push(("orphan".to_owned(), true));
    scene.heard().await?;
    let told = scene.told("dead").await?;
    stage.clock.advance(secs(5));
    for (id, enabled) in &ids {
        let told = scene.store.clear_topology_error(&topology_id(id)?).await?;
        same(&format!("who is told of {id:?}"), told, None)?;
        let expected = shown(id, Unassigned, *enabled, None, stage.clock.now())?;
        same(&format!("the topology {id:?}"), scene.get(id).await?, expected)?;
    }
    same("what a dead worker was told", scene.told("dead").await?, told)?;
    scene.nobody_told().await
}

pub(super) async fn topologies_e47_only_what_is_in_error_can_be_cleared(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.enabled("free").await?;
    scene.waiting("waiting", "a").await?;
    scene.running("running", &scene.a).await?;
    scene.heard().await?;
    stage.clock.advance(secs(5));
    for id in ["free", "waiting", "running"] {
        let before = (scene.get(id).await?, scene.rows(id).await?);
        let answer = scene.store.clear_topology_error(&topology_id(id)?).await;
        refused(&format!("clearing the {id} one"), answer, ErrorKind::Conflict)?;
        same(
            &format!("the {id} one"),
            (scene.get(id).await?, scene.rows(id).await?),
            before,
        )?;
    }
    scene.nobody_told().await?;
    scene.failed("failed", &scene.b).await?;
    scene.store.clear_topology_error(&topology_id("failed")?).await?;
    let again = scene.store.clear_topology_error(&topology_id("failed")?).await;
    refused("clearing it twice", again, ErrorKind::Conflict)
}
