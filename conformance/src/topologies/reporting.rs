//! Reporting: what the worker that has a topology says of it, and nobody else.

use convoke_core::{
    ErrorKind, ErrorText, Incarnation, Registration, Report, Reported, Topology, TopologyStatus, WorkerStatus,
};

use super::{Scene, new, shown};
use crate::case::Check;
use crate::expect::{name, refused, register, same, secs, set, topology_id};
use crate::stage::Stage;

use TopologyStatus::{Error, Running, Unassigned};

fn failed(why: &str) -> Report {
    Report::Failed(ErrorText::new(why))
}

fn all_reports() -> [Report; 3] {
    [Report::Running, failed("why"), Report::Released]
}

pub(super) async fn topologies_e30_the_worker_that_has_it_says_that_it_runs(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.waiting("t", "a").await?;
    stage.clock.advance(secs(5));
    let since = stage.clock.now();
    for _ in 0..3 {
        scene.accepted(&scene.a, "t", &Report::Running).await?;
        same(
            "the topology",
            scene.get("t").await?,
            shown("t", Running, true, Some("a"), since)?,
        )?;
        stage.clock.advance(secs(5));
    }
    same("rows of history", scene.rows("t").await?.len(), 4)
}

pub(super) async fn topologies_e31_what_failed_stays_with_its_worker_until_that_runs_it_again(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.running("t", &scene.a).await?;
    scene
        .store
        .set_topology_pid(&scene.a, &topology_id("t")?, Some(7))
        .await?;
    stage.clock.advance(secs(5));
    let since = stage.clock.now();
    for why in ["one", "two", "two"] {
        scene.accepted(&scene.a, "t", &failed(why)).await?;
        let expected = Topology {
            error: Some(ErrorText::new(why)),
            ..shown("t", Error, true, Some("a"), since)?
        };
        same("the topology", scene.get("t").await?, expected)?;
        stage.clock.advance(secs(5));
    }
    scene.accepted(&scene.a, "t", &Report::Running).await?;
    let now = stage.clock.now();
    same(
        "the topology that runs again",
        scene.get("t").await?,
        shown("t", Running, true, Some("a"), now)?,
    )
}

pub(super) async fn topologies_e32_what_is_released_is_nobodys_and_an_error_stays_with_it(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.waiting("waiting", "a").await?;
    scene.running("running", &scene.a).await?;
    scene.failed("failed", &scene.a).await?;
    scene
        .store
        .set_topology_pid(&scene.a, &topology_id("running")?, Some(7))
        .await?;
    scene.store.disable_topology(&topology_id("waiting")?).await?;
    scene.heard().await?;
    stage.clock.advance(secs(5));
    let now = stage.clock.now();
    for id in ["waiting", "running", "failed"] {
        scene.accepted(&scene.a, id, &Report::Released).await?;
        stage.clock.advance(secs(1));
        let again = scene.report(&scene.a, id, &Report::Released).await?;
        same("releasing it again", again, Reported::NotHeld(None))?;
        stage.clock.set(now);
    }
    same(
        "that waited",
        scene.get("waiting").await?,
        shown("waiting", Unassigned, false, None, now)?,
    )?;
    same(
        "that ran",
        scene.get("running").await?,
        shown("running", Unassigned, true, None, now)?,
    )?;
    let expected = Topology {
        error: Some(ErrorText::new("it broke")),
        ..shown("failed", Error, true, None, now)?
    };
    same("that failed", scene.get("failed").await?, expected)?;
    scene.nobody_told().await
}

/// A fault of qtopology: a report by a worker that no longer has the topology is ignored, yet leaves a row (7).
pub(super) async fn topologies_e33_a_report_by_anybody_else_changes_nothing(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.enabled("free").await?;
    scene.waiting("waiting", "a").await?;
    scene.running("running", &scene.a).await?;
    scene.failed("failed", &scene.a).await?;
    scene.failed("left", &scene.a).await?;
    scene.accepted(&scene.a, "left", &Report::Released).await?;
    scene.heard().await?;
    stage.clock.advance(secs(5));
    let a = || Check::Ok(Some(name("a")?));
    for (id, holder) in [
        ("free", None),
        ("waiting", a()?),
        ("running", a()?),
        ("failed", a()?),
        ("left", None),
    ] {
        let before = (scene.get(id).await?, scene.rows(id).await?);
        for report in all_reports() {
            let answer = scene.report(&scene.b, id, &report).await?;
            same(
                &format!("{report:?} of the {id} one"),
                answer,
                Reported::NotHeld(holder.clone()),
            )?;
        }
        for pid in [Some(7), None] {
            let answer = scene.store.set_topology_pid(&scene.b, &topology_id(id)?, pid).await?;
            same(
                &format!("the process {pid:?} of the {id} one"),
                answer,
                Reported::NotHeld(holder.clone()),
            )?;
        }
        same(
            &format!("the {id} one"),
            (scene.get(id).await?, scene.rows(id).await?),
            before,
        )?;
    }
    scene.nobody_told().await
}

pub(super) async fn topologies_e34_a_stale_registration_is_fenced_and_its_successor_has_what_it_had(
    stage: Stage,
) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.running("t", &scene.a).await?;
    let successor = register(&scene.store, "a").await?;
    let before = (scene.get("t").await?, scene.rows("t").await?);
    let invented = Registration {
        incarnation: Incarnation::from_number(successor.incarnation.number() + 1),
        ..successor.clone()
    };
    for who in [&scene.a, &invented] {
        for id in ["t", "unknown"] {
            let id = topology_id(id)?;
            for report in all_reports() {
                let answer = scene.store.report_topology(who, &id, &report).await;
                refused(&format!("{report:?} of {id} by {who:?}"), answer, ErrorKind::Fenced)?;
            }
            let answer = scene.store.set_topology_pid(who, &id, Some(7)).await;
            refused(&format!("a process of {id} by {who:?}"), answer, ErrorKind::Fenced)?;
        }
    }
    same("the topology", (scene.get("t").await?, scene.rows("t").await?), before)?;
    scene.accepted(&successor, "t", &Report::Running).await?;
    scene.accepted(&successor, "t", &Report::Released).await
}

pub(super) async fn topologies_e35_an_unknown_worker_is_not_found(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.running("t", &scene.a).await?;
    let nobody = Registration {
        worker: name("nobody")?,
        ..scene.a.clone()
    };
    for id in ["t", "unknown"] {
        let id = topology_id(id)?;
        for report in all_reports() {
            let answer = scene.store.report_topology(&nobody, &id, &report).await;
            refused(&format!("{report:?} of {id}"), answer, ErrorKind::NotFound)?;
        }
        let answer = scene.store.set_topology_pid(&nobody, &id, None).await;
        refused(&format!("a process of {id}"), answer, ErrorKind::NotFound)?;
    }
    same(
        "who has it",
        scene.standing("t").await?,
        (Running, Some("a".to_owned())),
    )
}

pub(super) async fn topologies_e36_a_disabled_topology_cannot_begin_to_run(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.waiting("waiting", "a").await?;
    scene.failed("failed", &scene.a).await?;
    scene.running("running", &scene.a).await?;
    for id in ["waiting", "failed", "running"] {
        scene.store.disable_topology(&topology_id(id)?).await?;
    }
    stage.clock.advance(secs(5));
    for id in ["waiting", "failed"] {
        let before = (scene.get(id).await?, scene.rows(id).await?);
        let answer = scene.report(&scene.a, id, &Report::Running).await?;
        same(&format!("running the {id} one"), answer, Reported::Disabled)?;
        same(
            &format!("the {id} one"),
            (scene.get(id).await?, scene.rows(id).await?),
            before,
        )?;
    }
    // What runs goes on.
    scene.accepted(&scene.a, "running", &Report::Running).await?;
    scene.accepted(&scene.a, "running", &failed("why")).await?;
    let answer = scene.report(&scene.a, "running", &Report::Running).await?;
    same("running what ran, and failed since", answer, Reported::Disabled)?;
    scene.accepted(&scene.a, "waiting", &failed("why")).await?;
    scene.accepted(&scene.a, "failed", &Report::Released).await?;
    scene.store.enable_topology(&topology_id("waiting")?).await?;
    scene.accepted(&scene.a, "waiting", &Report::Running).await
}

pub(super) async fn topologies_e37_reporting_is_not_a_ping(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.waiting("t", "a").await?;
    let before = scene.store.get_worker(&scene.a.worker).await?.last_ping;
    stage.clock.advance(secs(5));
    for report in all_reports() {
        scene.accepted(&scene.a, "t", &report).await?;
        scene
            .store
            .set_topology_pid(&scene.a, &topology_id("t")?, Some(7))
            .await?;
    }
    same(
        "when it was heard of",
        scene.store.get_worker(&scene.a.worker).await?.last_ping,
        before,
    )
}

pub(super) async fn topologies_e38_a_process_is_set_and_taken_back_by_the_worker_that_has_it(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    let begin = stage.clock.now();
    scene.running("t", &scene.a).await?;
    let id = topology_id("t")?;
    stage.clock.advance(secs(5));
    let before = scene.rows("t").await?.len();
    for (pid, rows) in [
        (Some(0), 1),
        (Some(u32::MAX), 2),
        (Some(u32::MAX), 2),
        (None, 3),
        (None, 3),
        (Some(1), 4),
    ] {
        let answer = scene.store.set_topology_pid(&scene.a, &id, pid).await?;
        same(&format!("the process {pid:?}"), answer, Reported::Accepted)?;
        let expected = Topology {
            pid,
            ..shown("t", Running, true, Some("a"), begin)?
        };
        same("the topology", scene.get("t").await?, expected)?;
        let newest = scene.rows("t").await?;
        same("rows of history since", newest.len() - before, rows)?;
        same(
            "the process in the newest one",
            newest.first().and_then(|row| row.pid),
            pid,
        )?;
    }
    scene.accepted(&scene.a, "t", &failed("why")).await?;
    same("the process of what failed", scene.get("t").await?.pid, None)
}

pub(super) async fn topologies_e39_a_worker_of_any_status_speaks_for_what_it_has(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    for status in WorkerStatus::ALL {
        set(&scene.store, "a", WorkerStatus::Alive).await?;
        let id = status.as_str();
        scene.waiting(id, "a").await?;
        set(&scene.store, "a", status).await?;
        scene.accepted(&scene.a, id, &Report::Running).await?;
        let answer = scene
            .store
            .set_topology_pid(&scene.a, &topology_id(id)?, Some(7))
            .await?;
        same(
            &format!("the process at a worker that is {status}"),
            answer,
            Reported::Accepted,
        )?;
        scene.accepted(&scene.a, id, &failed("why")).await?;
        scene.accepted(&scene.a, id, &Report::Released).await?;
    }
    scene.store.register_topology(&new("t")?).await?;
    let answer = scene.report(&scene.a, "t", &Report::Running).await?;
    same("what it never had", answer, Reported::NotHeld(None))?;
    same("that one", scene.standing("t").await?, (Unassigned, None))
}
