//! Refreshing: what waited too long, and what is left of workers that are gone, is taken away.

use convoke_core::{
    ErrorKind, ErrorText, Refreshed, Registration, Report, Reported, Timeouts, Topology, TopologyId, TopologyStatus,
    Vacated, WorkerName, WorkerStatus,
};
use futures_util::{StreamExt, stream};

use super::{NEVER, Scene, TOO_LONG, shown, start};
use crate::case::Check;
use crate::expect::{TICK, just_before, name, refused, register, same, secs, set, topology_id};
use crate::stage::Stage;

use TopologyStatus::{Error, Running, Unassigned, Waiting};

/// Refreshes without declaring anybody dead.
async fn refresh(scene: &Scene) -> Check<Refreshed> {
    Ok(scene
        .store
        .refresh_statuses(&Timeouts::default().with_worker(NEVER))
        .await?)
}

/// What changed when these topologies were taken away, and nothing else.
#[track_caller]
fn taken(ids: &[&str]) -> Check<Refreshed> {
    Ok(Refreshed::default().with_unassigned(all(ids)?))
}

#[track_caller]
fn all(ids: &[&str]) -> Check<Vec<TopologyId>> {
    ids.iter().map(|id| topology_id(id)).collect()
}

#[track_caller]
fn names(workers: &[&str]) -> Check<Vec<WorkerName>> {
    workers.iter().map(|worker| name(worker)).collect()
}

pub(super) async fn topologies_e70_what_waits_is_taken_away_at_the_timeout_and_not_before(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.waiting("t", "a").await?;
    scene.waiting("u", "a").await?;
    let end = stage.clock.now().plus(TOO_LONG);
    stage.clock.set(just_before(end));
    scene.waiting("later", "a").await?;
    same("a microsecond before", refresh(&scene).await?, Refreshed::default())?;
    scene.heard().await?;
    stage.clock.set(end);
    same("at the time-out", refresh(&scene).await?, taken(&["t", "u"])?)?;
    same(
        "one of them",
        scene.get("t").await?,
        shown("t", Unassigned, true, None, end)?,
    )?;
    same(
        "the one that waits since",
        scene.standing("later").await?,
        (Waiting, Some("a".to_owned())),
    )?;
    scene.nobody_told().await?;
    let late = scene.report(&scene.a, "t", &Report::Running).await?;
    same("what its worker says then", late, Reported::NotHeld(None))?;
    scene.place(&[("t", "b")]).await?;
    same("what the next one is told", scene.told("b").await?, vec![start("t")])?;
    let holder = Reported::NotHeld(Some(name("b")?));
    same(
        "what the first one is told",
        scene.report(&scene.a, "t", &Report::Running).await?,
        holder,
    )
}

pub(super) async fn topologies_e71_the_timeout_is_the_callers_and_begins_anew_with_each_assignment(
    stage: Stage,
) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.failed("t", &scene.a).await?;
    stage.clock.advance(secs(60));
    scene.store.clear_topology_error(&topology_id("t")?).await?;
    stage.clock.advance(secs(5));
    let five = Timeouts::default().with_worker(NEVER).with_waiting(secs(5));
    let six = five.with_waiting(secs(6));
    same(
        "six seconds",
        scene.store.refresh_statuses(&six).await?,
        Refreshed::default(),
    )?;
    same(
        "five seconds",
        scene.store.refresh_statuses(&five).await?,
        taken(&["t"])?,
    )
}

pub(super) async fn topologies_e72_only_what_waits_can_wait_too_long(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.enabled("free").await?;
    scene.running("running", &scene.a).await?;
    scene.failed("failed", &scene.a).await?;
    scene.waiting("stopped", "a").await?;
    scene.store.stop_topology(&topology_id("stopped")?).await?;
    scene.accepted(&scene.a, "stopped", &Report::Released).await?;
    stage.clock.advance(secs(86_400));
    same("a day later", refresh(&scene).await?, Refreshed::default())?;
    same(
        "the running one",
        scene.standing("running").await?,
        (Running, Some("a".to_owned())),
    )
}

pub(super) async fn topologies_e73_dead_and_unloaded_workers_lose_what_waits_and_runs_but_no_errors(
    stage: Stage,
) -> Check {
    let scene = Scene::of(&stage).await?;
    for status in WorkerStatus::ALL {
        let worker = register(&scene.store, status.as_str()).await?;
        scene.waiting(&format!("{status} w"), status.as_str()).await?;
        scene.running(&format!("{status} r"), &worker).await?;
        scene
            .store
            .set_topology_pid(&worker, &topology_id(&format!("{status} r"))?, Some(7))
            .await?;
        scene
            .store
            .disable_topology(&topology_id(&format!("{status} r"))?)
            .await?;
        scene.failed(&format!("{status} f"), &worker).await?;
        set(&scene.store, status.as_str(), status).await?;
    }
    stage.clock.advance(secs(5));
    let now = stage.clock.now();
    let told = scene.told("dead").await?;
    let expected = taken(&["dead r", "dead w", "unloaded r", "unloaded w"])?;
    same("what is taken away", refresh(&scene).await?, expected)?;
    for status in ["dead", "unloaded"] {
        let (r, w, f) = (format!("{status} r"), format!("{status} w"), format!("{status} f"));
        same(
            "what ran",
            scene.get(&r).await?,
            shown(&r, Unassigned, false, None, now)?,
        )?;
        same(
            "what waited",
            scene.get(&w).await?,
            shown(&w, Unassigned, true, None, now)?,
        )?;
        same(
            "what is in error",
            scene.standing(&f).await?,
            (Error, Some(status.to_owned())),
        )?;
    }
    for status in ["alive", "disabled", "closing"] {
        let holder = Some(status.to_owned());
        same(
            "what ran",
            scene.standing(&format!("{status} r")).await?,
            (Running, holder.clone()),
        )?;
        same(
            "what waited",
            scene.standing(&format!("{status} w")).await?,
            (Waiting, holder),
        )?;
    }
    same("what a dead worker was told", scene.told("dead").await?, told)?;
    same("a second time", refresh(&scene).await?, Refreshed::default())
}

/// A fault of qtopology: after SIGKILL of the leader topologies stay unassigned, or with the dead, for minutes (5).
pub(super) async fn topologies_e74_whoever_dies_loses_its_topologies_in_the_same_step(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.running("t", &scene.a).await?;
    scene.failed("failed", &scene.a).await?;
    scene.running("u", &scene.b).await?;
    stage.clock.advance(secs(30));
    scene.store.ping_worker(&scene.b).await?;
    let refreshed = scene.store.refresh_statuses(&Timeouts::default()).await?;
    let vacated = Vacated {
        worker: name("lead")?,
        term: scene.term(),
    };
    let expected = Refreshed::new(names(&["a", "lead"])?, Some(vacated), Vec::new()).with_unassigned(all(&["t"])?);
    same("what changed", refreshed, expected)?;
    same(
        "what ran there",
        scene.get("t").await?,
        shown("t", Unassigned, true, None, stage.clock.now())?,
    )?;
    same(
        "what is in error there",
        scene.standing("failed").await?,
        (Error, Some("a".to_owned())),
    )?;
    same(
        "what runs elsewhere",
        scene.standing("u").await?,
        (Running, Some("b".to_owned())),
    )
}

pub(super) async fn topologies_e75_a_worker_that_came_back_in_time_keeps_what_it_has(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.running("t", &scene.a).await?;
    scene.running("u", &scene.b).await?;
    set(&scene.store, "a", WorkerStatus::Dead).await?;
    set(&scene.store, "b", WorkerStatus::Unloaded).await?;
    let again = register(&scene.store, "a").await?;
    set(&scene.store, "b", WorkerStatus::Disabled).await?;
    same("refreshing then", refresh(&scene).await?, Refreshed::default())?;
    scene.accepted(&again, "t", &Report::Running).await?;
    scene.accepted(&scene.b, "u", &Report::Running).await?;
    // What it got since it was dead once is no other than what it had.
    set(&scene.store, "a", WorkerStatus::Dead).await?;
    same("when it dies again", refresh(&scene).await?, taken(&["t"])?)
}

/// A worker that runs something again, though it is dead, does not keep it.
pub(super) async fn topologies_e76_what_a_gone_worker_begins_to_run_is_taken_away_too(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.failed("t", &scene.a).await?;
    set(&scene.store, "a", WorkerStatus::Dead).await?;
    same("an error stays", refresh(&scene).await?, Refreshed::default())?;
    scene.accepted(&scene.a, "t", &Report::Running).await?;
    same("what runs does not", refresh(&scene).await?, taken(&["t"])?)?;
    same("who has it", scene.standing("t").await?, (Unassigned, None))
}

pub(super) async fn topologies_e77_refreshing_changes_nothing_else_of_a_topology(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.waiting("t", "a").await?;
    let heavy = super::new("t")?.with_weight(convoke_core::Weight::new(0.1)?);
    let config = convoke_core::Payload::parse("[1]")?;
    let heavy = convoke_core::NewTopology { config, ..heavy };
    scene.store.register_topology(&heavy).await?;
    stage.clock.advance(TOO_LONG);
    refresh(&scene).await?;
    let expected = Topology {
        weight: heavy.weight,
        ..shown("t", Unassigned, true, None, stage.clock.now())?
    };
    let got = scene.store.get_topology(&heavy.id).await?;
    same("the topology", got.topology, expected)?;
    same("its config", got.config, heavy.config)
}

/// Those that wait longest come first, then those of workers that are gone, by the names of worker and topology.
pub(super) async fn topologies_e78_at_most_a_thousand_are_taken_away_at_once_and_it_says_when_there_are_more(
    stage: Stage,
) -> Check {
    let scene = Scene::of(&stage).await?;
    let first: Vec<_> = (0..998).map(|number| format!("t{number:03}")).collect();
    super::many(&scene.store, &first).await?;
    let placements: Vec<_> = first.iter().map(|id| (id.as_str(), "a")).collect();
    scene.place(&placements).await?;
    stage.clock.advance(TICK);
    scene.waiting("second", "a").await?;
    let (c, d) = (register(&scene.store, "c").await?, register(&scene.store, "d").await?);
    scene.running("a at d", &d).await?;
    scene.running("y at c", &c).await?;
    scene.running("x at c", &c).await?;
    set(&scene.store, "c", WorkerStatus::Dead).await?;
    set(&scene.store, "d", WorkerStatus::Unloaded).await?;
    stage.clock.advance(TOO_LONG);
    let mut expected = first;
    expected.extend(["second", "x at c"].map(str::to_owned));
    expected.sort_unstable();
    let refreshed = refresh(&scene).await?;
    let unassigned: Vec<_> = refreshed.unassigned.iter().map(ToString::to_string).collect();
    same("what is taken away at first", unassigned, expected)?;
    same("whether there is more", refreshed.more, true)?;
    same("the rest", refresh(&scene).await?, taken(&["a at d", "y at c"])?)?;
    same("nothing more", refresh(&scene).await?, Refreshed::default())
}

pub(super) async fn topologies_e79_a_thousand_of_a_dead_worker_are_taken_away_and_the_rest_the_next_time(
    stage: Stage,
) -> Check {
    let scene = Scene::of(&stage).await?;
    let ids: Vec<_> = (0..1_001).map(|number| format!("t{number:04}")).collect();
    super::many(&scene.store, &ids).await?;
    for part in ids.chunks(1_000) {
        let placements: Vec<_> = part.iter().map(|id| (id.as_str(), "a")).collect();
        scene.place(&placements).await?;
    }
    report_all(&scene, &scene.a, &ids).await?;
    set(&scene.store, "a", WorkerStatus::Dead).await?;
    let refreshed = refresh(&scene).await?;
    let unassigned: Vec<_> = refreshed.unassigned.iter().map(ToString::to_string).collect();
    same("what is taken away at first", unassigned, ids[..1_000].to_vec())?;
    same("whether there is more", refreshed.more, true)?;
    set(&scene.store, "a", WorkerStatus::Unloaded).await?;
    refused(
        "deleting its worker",
        scene.store.delete_worker(&scene.a.worker).await,
        ErrorKind::Conflict,
    )?;
    same("the rest", refresh(&scene).await?, taken(&["t1000"])?)?;
    Ok(scene.store.delete_worker(&scene.a.worker).await?)
}

async fn report_all(scene: &Scene, worker: &Registration, ids: &[String]) -> Check {
    let each = ids.iter().cloned().map(|id| {
        let (store, worker) = (scene.store.clone(), worker.clone());
        async move {
            Check::Ok(
                store
                    .report_topology(&worker, &topology_id(&id)?, &Report::Running)
                    .await?,
            )
        }
    });
    let each = each.collect::<Vec<_>>();
    let answers: Vec<_> = stream::iter(each).buffer_unordered(16).collect().await;
    answers
        .into_iter()
        .try_for_each(|answer| same("a report", answer?, Reported::Accepted))
}

pub(super) async fn topologies_e80_a_worker_is_deleted_when_nothing_waits_for_it_or_runs_on_it(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.failed("failed", &scene.a).await?;
    scene.waiting("waiting", "a").await?;
    scene.running("running", &scene.a).await?;
    set(&scene.store, "a", WorkerStatus::Unloaded).await?;
    let delete = || scene.store.delete_worker(&scene.a.worker);
    refused("with two", delete().await, ErrorKind::Conflict)?;
    scene.accepted(&scene.a, "running", &Report::Released).await?;
    refused("with one that waits", delete().await, ErrorKind::Conflict)?;
    let told = scene.told("a").await?.len();
    same("what it was told is still there", told, 3)?;
    scene.accepted(&scene.a, "waiting", &Report::Running).await?;
    refused("with one that runs", delete().await, ErrorKind::Conflict)?;
    same(
        "what refreshing takes away",
        refresh(&scene).await?,
        taken(&["waiting"])?,
    )?;
    delete().await?;
    same(
        "what is in error",
        scene.get("failed").await?.error,
        Some(ErrorText::new("it broke")),
    )?;
    refused(
        "its worker",
        scene.store.get_worker(&scene.a.worker).await,
        ErrorKind::NotFound,
    )
}
