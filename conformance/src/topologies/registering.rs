//! Registering, enabling, disabling, deleting.

use convoke_core::{
    Affinity, ErrorKind, ErrorText, NewTopology, Page, Payload, Report, Topology, TopologyDetails, TopologyRegistered,
    TopologyStatus, Weight,
};

use super::{Scene, new, same_rows, shown};
use crate::case::Check;
use crate::expect::{name, refused, same, secs, topology_id};
use crate::stage::Stage;
use crate::workers::nasty_names;

use TopologyStatus::{Error, Running, Unassigned, Waiting};

pub(super) async fn topologies_e01_a_new_topology_is_disabled_and_unassigned(stage: Stage) -> Check {
    let store = stage.open().await?;
    let config = Payload::parse(r#"{"command":["import","--all"]}"#)?;
    let new = NewTopology::new(topology_id("t")?, config.clone());
    same(
        "registering it",
        store.register_topology(&new).await?,
        TopologyRegistered::Created,
    )?;
    let expected = TopologyDetails {
        topology: shown("t", Unassigned, false, None, stage.clock.now())?,
        config,
    };
    same("the topology", store.get_topology(&new.id).await?, expected)
}

pub(super) async fn topologies_e02_registering_again_replaces_config_weight_and_affinity_and_keeps_the_rest(
    stage: Stage,
) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.running("running", &scene.a).await?;
    scene
        .store
        .set_topology_pid(&scene.a, &topology_id("running")?, Some(42))
        .await?;
    scene.failed("failed", &scene.b).await?;
    scene.enabled("free").await?;
    scene.heard().await?;
    for id in ["running", "failed", "free"] {
        let before = scene.get(id).await?;
        stage.clock.advance(secs(5));
        let replacing = NewTopology::new(topology_id(id)?, Payload::parse("[2]")?)
            .with_weight(Weight::new(2.5)?)
            .with_affinity(Affinity::new([name("b")?, name("a")?])?);
        let answer = scene.store.register_topology(&replacing).await?;
        same(
            &format!("registering the {id} one"),
            answer,
            TopologyRegistered::Replaced,
        )?;
        let expected = TopologyDetails {
            topology: Topology {
                weight: Weight::new(2.5)?,
                affinity: Affinity::new([name("b")?, name("a")?])?,
                ..before
            },
            config: Payload::parse("[2]")?,
        };
        same(
            &format!("the {id} one"),
            scene.store.get_topology(&replacing.id).await?,
            expected,
        )?;
    }
    scene.nobody_told().await
}

/// A fault of qtopology: unknown names are met with silence, `{}`, or an error, by storage (7).
pub(super) async fn topologies_e03_an_unknown_topology_is_not_found(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.enabled("T").await?;
    let (store, id) = (&scene.store, topology_id("t")?);
    let unknown = ErrorKind::NotFound;
    refused("getting it", store.get_topology(&id).await, unknown)?;
    refused("enabling it", store.enable_topology(&id).await, unknown)?;
    refused("disabling it", store.disable_topology(&id).await, unknown)?;
    refused("stopping it", store.stop_topology(&id).await, unknown)?;
    refused("killing it", store.kill_topology(&id).await, unknown)?;
    let why = ErrorText::new("why");
    refused("setting its error", store.set_topology_error(&id, &why).await, unknown)?;
    refused("clearing its error", store.clear_topology_error(&id).await, unknown)?;
    refused("deleting it", store.delete_topology(&id).await, unknown)?;
    for report in [Report::Running, Report::Released, Report::Failed(why)] {
        let answer = store.report_topology(&scene.a, &id, &report).await;
        refused(&format!("reporting {report:?}"), answer, unknown)?;
    }
    let answer = store.set_topology_pid(&scene.a, &id, Some(1)).await;
    refused("setting its process", answer, unknown)?;
    let listed = store.list_topologies(&Page::default()).await?.items;
    same("how many there are", listed.len(), 1)?;
    same("rows of the unknown one", scene.rows("t").await?, Vec::new())?;
    scene.nobody_told().await
}

/// A fault of qtopology: names differing in case or by a trailing space are one on MySQL (6).
pub(super) async fn topologies_e04_each_id_is_a_topology_of_its_own_to_the_byte(stage: Stage) -> Check {
    let store = stage.open().await?;
    let ids = nasty_names();
    for (number, id) in ids.iter().enumerate() {
        let new = NewTopology::new(topology_id(id)?, Payload::of(&number)?);
        same(
            &format!("registering {id:?}"),
            store.register_topology(&new).await?,
            TopologyRegistered::Created,
        )?;
    }
    for (number, id) in ids.iter().enumerate() {
        if number % 2 == 0 {
            store.enable_topology(&topology_id(id)?).await?;
        }
    }
    for (number, id) in ids.iter().enumerate() {
        let got = store.get_topology(&topology_id(id)?).await?;
        same("an id", got.topology.id.as_str(), id.as_str())?;
        same("its config", got.config, Payload::of(&number)?)?;
        same(
            &format!("whether {id:?} is enabled"),
            got.topology.enabled,
            number % 2 == 0,
        )?;
        let rows = store.topology_history(&topology_id(id)?, &Page::default()).await?.items;
        same("its rows", rows.len(), if number % 2 == 0 { 2 } else { 1 })?;
    }
    let mut ordered = ids;
    ordered.sort_unstable();
    let listed = store.list_topologies(&Page::first(1_000)?).await?.items;
    let listed: Vec<_> = listed.into_iter().map(|topology| topology.id.to_string()).collect();
    same("all topologies, ordered by the bytes of their ids", listed, ordered)
}

pub(super) async fn topologies_e05_what_runs_goes_on_when_it_is_disabled(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    let begin = stage.clock.now();
    scene.running("t", &scene.a).await?;
    scene.heard().await?;
    stage.clock.advance(secs(5));
    let id = topology_id("t")?;
    for _ in 0..2 {
        scene.store.disable_topology(&id).await?;
        same(
            "disabled",
            scene.get("t").await?,
            shown("t", Running, false, Some("a"), begin)?,
        )?;
    }
    for _ in 0..2 {
        scene.store.enable_topology(&id).await?;
        same(
            "enabled again",
            scene.get("t").await?,
            shown("t", Running, true, Some("a"), begin)?,
        )?;
    }
    scene.nobody_told().await?;
    let expected = [
        (Running, true, Some("a"), None, None),
        (Running, false, Some("a"), None, None),
        (Running, true, Some("a"), None, None),
    ];
    same_rows("its newest rows", &scene.newest("t", 3).await?, &expected)
}

pub(super) async fn topologies_e06_a_topology_is_deleted_unless_it_waits_or_runs(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.enabled("free").await?;
    scene.failed("failed", &scene.a).await?;
    scene.waiting("waiting", "a").await?;
    scene.running("running", &scene.a).await?;
    let store = &scene.store;
    for (id, status) in [("waiting", Waiting), ("running", Running)] {
        let id = topology_id(id)?;
        refused(
            &format!("deleting the {id} one"),
            store.delete_topology(&id).await,
            ErrorKind::Conflict,
        )?;
        store.disable_topology(&id).await?;
        refused(
            &format!("deleting the {id} one, disabled"),
            store.delete_topology(&id).await,
            ErrorKind::Conflict,
        )?;
        same("its status", scene.get(id.as_str()).await?.status, status)?;
    }
    for id in ["free", "failed"] {
        let (id, rows) = (topology_id(id)?, scene.rows(id).await?);
        store.delete_topology(&id).await?;
        refused("getting it", store.get_topology(&id).await, ErrorKind::NotFound)?;
        refused(
            "deleting it again",
            store.delete_topology(&id).await,
            ErrorKind::NotFound,
        )?;
        same("its history", scene.rows(id.as_str()).await?, rows)?;
    }
    let listed = store
        .list_assigned_topologies(&name("a")?, &Page::default())
        .await?
        .items;
    let listed: Vec<_> = listed.iter().map(|topology| topology.id.as_str()).collect();
    same("what the worker has", listed, vec!["running", "waiting"])?;
    stage.clock.advance(secs(1));
    same(
        "registering it anew",
        store.register_topology(&new("failed")?).await?,
        TopologyRegistered::Created,
    )?;
    let fresh = shown("failed", Unassigned, false, None, stage.clock.now())?;
    same("the new one", scene.get("failed").await?, fresh)?;
    let expected = [
        (Unassigned, false, None, None, None),
        (Error, true, Some("a"), None, Some("it broke")),
    ];
    same_rows("the history goes on", &scene.newest("failed", 2).await?, &expected)
}
