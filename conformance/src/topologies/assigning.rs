//! Assigning: who may, what can be, and what the worker is told.

use convoke_core::topologies::{KILL_TOPOLOGY, START_TOPOLOGY, STOP_TOPOLOGY};
use convoke_core::{
    Assignment, Clock, Command, ErrorKind, ErrorText, Message, Placements, Report, Term, TopologiesExt, TopologyStatus,
    WorkerStatus,
};

use super::{Scene, kill, missing, new, places, shown, start, stop};
use crate::case::{Check, Failure};
use crate::expect::{elect, holds, name, refused, register, same, secs, send, set, topology_id};
use crate::messages::{SLACK, await_and_take};
use crate::stage::Stage;

use Assignment::{Assigned, Disabled, HeldBy, InError, NotAlive, UnknownTopology, UnknownWorker};
use TopologyStatus::Waiting;

pub(super) async fn topologies_e20_an_assigned_topology_waits_for_its_worker_which_is_told_to_start(
    stage: Stage,
) -> Check {
    let scene = Scene::of(&stage).await?;
    let odd = r#"o'h"a\ra 😀"#;
    scene.enabled(odd).await?;
    let before = send(&scene.store, "a", "before").await?;
    stage.clock.advance(secs(5));
    let now = stage.clock.now();
    let (id, a) = (topology_id(odd)?, name("a")?);
    same(
        "the assignment",
        scene.store.assign_topology(scene.term(), &id, &a).await?,
        Assigned,
    )?;
    same(
        "the topology",
        scene.get(odd).await?,
        shown(odd, Waiting, true, Some("a"), now)?,
    )?;
    let received = scene.store.take_messages(&scene.a, convoke_core::Limit::MAX).await?;
    let told = received.get(1).ok_or_else(|| missing("a message to the worker"))?;
    let expected = Message {
        id: told.id,
        worker: a,
        command: Command::new("start_topology")?,
        content: convoke_core::Payload::parse(r#"{"uuid":"o'h\"a\\ra 😀"}"#)?,
        sent: now,
        expires: now.plus(secs(120)),
    };
    same("what the worker is told", told, &expected)?;
    holds(
        "a message behind those before it",
        told.id > before && received.len() == 2,
        &received,
    )?;
    scene.nobody_told().await
}

pub(super) async fn topologies_e21_what_cannot_be_assigned_is_answered_with_the_reason(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    for status in [
        WorkerStatus::Disabled,
        WorkerStatus::Closing,
        WorkerStatus::Dead,
        WorkerStatus::Unloaded,
    ] {
        register(&scene.store, status.as_str()).await?;
        set(&scene.store, status.as_str(), status).await?;
    }
    scene.enabled("free").await?;
    scene.store.register_topology(&new("disabled")?).await?;
    scene.waiting("waiting", "a").await?;
    scene.running("running", &scene.a).await?;
    scene.failed("failed", &scene.a).await?;
    scene.failed("left", &scene.a).await?;
    scene.accepted(&scene.a, "left", &Report::Released).await?;
    scene.running("stopping", &scene.a).await?;
    scene.store.disable_topology(&topology_id("stopping")?).await?;
    scene.heard().await?;
    let ids = [
        "free", "disabled", "waiting", "running", "failed", "left", "stopping", "unknown",
    ];
    let mut before = Vec::new();
    for id in ids {
        before.push(scene.rows(id).await?);
    }
    let held = || Check::Ok(HeldBy(name("a")?));
    for (id, worker, expected) in [
        ("unknown", "b", UnknownTopology),
        ("unknown", "nobody", UnknownTopology),
        ("free", "nobody", UnknownWorker),
        ("failed", "nobody", UnknownWorker),
        ("disabled", "b", Disabled),
        ("disabled", "dead", Disabled),
        ("waiting", "b", held()?),
        ("waiting", "a", held()?),
        ("running", "b", held()?),
        ("running", "a", held()?),
        ("running", "dead", held()?),
        ("stopping", "b", held()?),
        ("failed", "b", InError),
        ("failed", "a", InError),
        ("left", "b", InError),
        ("free", "disabled", NotAlive(WorkerStatus::Disabled)),
        ("free", "closing", NotAlive(WorkerStatus::Closing)),
        ("free", "dead", NotAlive(WorkerStatus::Dead)),
        ("free", "unloaded", NotAlive(WorkerStatus::Unloaded)),
    ] {
        let placed = scene.place(&[(id, worker)]).await?;
        same(&format!("{id} to {worker}"), placed, vec![expected])?;
    }
    for (id, before) in ids.into_iter().zip(before) {
        same(&format!("the history of {id}"), scene.rows(id).await?, before)?;
    }
    for worker in ["disabled", "closing", "dead", "unloaded", "nobody"] {
        same(
            &format!("what {worker} was told"),
            scene.told(worker).await?,
            Vec::new(),
        )?;
    }
    scene.nobody_told().await
}

pub(super) async fn topologies_e22_placements_of_one_step_are_answered_and_told_in_their_order(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    for id in ["d", "a", "c", "b", "e"] {
        scene.enabled(id).await?;
    }
    scene.waiting("held", "b").await?;
    scene.heard().await?;
    let placements = [
        ("d", "a"),
        ("none", "a"),
        ("a", "b"),
        ("c", "a"),
        ("held", "a"),
        ("b", "a"),
        ("e", "none"),
    ];
    let expected = vec![
        Assigned,
        UnknownTopology,
        Assigned,
        Assigned,
        HeldBy(name("b")?),
        Assigned,
        UnknownWorker,
    ];
    same("the answers", scene.place(&placements).await?, expected)?;
    same(
        "what a was told",
        scene.told("a").await?,
        ["d", "c", "b"].map(start).to_vec(),
    )?;
    same("what b was told", scene.told("b").await?, vec![start("a")])?;
    same(
        "the one that was not assigned",
        scene.standing("e").await?,
        (TopologyStatus::Unassigned, None),
    )
}

/// Expects that this term assigns nothing, and leaves nothing behind.
async fn refuses(scene: &Scene, what: &str, term: Term) -> Check {
    for placements in [&[("t", "a")][..], &[("t", "none")], &[("none", "a"), ("t", "b")]] {
        let answer = scene.store.assign_topologies(term, &places(placements)?).await;
        refused(what, answer, ErrorKind::Fenced)?;
    }
    same(
        "its status",
        scene.standing("t").await?,
        (TopologyStatus::Unassigned, None),
    )?;
    same("its rows", scene.rows("t").await?.len(), 2)?;
    scene.nobody_told().await
}

/// A fault of qtopology: no fencing, a paused leader goes on writing (4).
pub(super) async fn topologies_e23_a_term_that_does_not_lead_assigns_nothing(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.enabled("t").await?;
    refuses(&scene, "the term 0", Term::from_number(0)).await?;
    refuses(&scene, "a term to come", Term::from_number(scene.term().number() + 1)).await?;
    scene.store.resign(&scene.lease).await?;
    refuses(&scene, "a term that was resigned", scene.term()).await?;
    let second = elect(&scene.store, &scene.b, secs(10)).await?;
    refuses(&scene, "the term before", scene.term()).await?;
    stage.clock.set(second.expires);
    refuses(&scene, "a term that ran out", second.term).await?;
    let third = elect(&scene.store, &scene.b, secs(10)).await?;
    refuses(
        &scene,
        "the one that ran out, with the same worker leading anew",
        second.term,
    )
    .await?;
    set(&scene.store, "b", WorkerStatus::Closing).await?;
    refuses(&scene, "the term of a leader that stopped", third.term).await?;
    stage.clock.set(third.expires);
    let fourth = elect(&scene.store, &scene.a, secs(10)).await?;
    let placed = scene
        .store
        .assign_topologies(fourth.term, &places(&[("t", "a")])?)
        .await?;
    same("the term that leads", placed, vec![Assigned])
}

pub(super) async fn topologies_e24_a_thousand_placements_are_one_step(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    let ids: Vec<_> = (0..1_000).map(|number| format!("t{number:03}")).collect();
    super::many(&scene.store, &ids).await?;
    // Backwards, so that neither the order of the ids nor that of their registration will do.
    let placements: Vec<_> = ids
        .iter()
        .rev()
        .enumerate()
        .map(|(number, id)| (id.as_str(), if number % 2 == 0 { "a" } else { "b" }))
        .collect();
    same("the answers", scene.place(&placements).await?, vec![Assigned; 1_000])?;
    for (worker, first) in [("a", 0), ("b", 1)] {
        let expected: Vec<_> = ids.iter().rev().skip(first).step_by(2).map(|id| start(id)).collect();
        same(&format!("what {worker} was told"), scene.told(worker).await?, expected)?;
    }
    let held = vec![HeldBy(name("a")?), HeldBy(name("b")?)];
    same(
        "placing two again",
        scene.place(&[("t999", "b"), ("t998", "a")]).await?,
        held,
    )?;
    holds(
        "no placements are refused before they are sent",
        Placements::new([]).is_err(),
        (),
    )?;
    let over: Vec<_> = (0..1_001).map(|number| format!("t{number}")).collect();
    let over: Vec<_> = over.iter().map(|id| (id.as_str(), "a")).collect();
    holds(
        "a thousand and one are refused before they are sent",
        places(&over).is_err(),
        over.len(),
    )?;
    let twice = places(&[("t", "a"), ("u", "a"), ("t", "b")]);
    holds("a topology twice is refused before it is sent", twice.is_err(), ())
}

pub(super) async fn topologies_e25_an_assignment_begins_anew(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.running("t", &scene.a).await?;
    scene
        .store
        .set_topology_pid(&scene.a, &topology_id("t")?, Some(7))
        .await?;
    scene
        .accepted(&scene.a, "t", &Report::Failed(ErrorText::new("why")))
        .await?;
    scene.accepted(&scene.a, "t", &Report::Released).await?;
    stage.clock.advance(secs(5));
    scene.store.clear_topology_error(&topology_id("t")?).await?;
    stage.clock.advance(secs(5));
    same(
        "assigning it to another one",
        scene.place(&[("t", "b")]).await?,
        vec![Assigned],
    )?;
    same(
        "the topology",
        scene.get("t").await?,
        shown("t", Waiting, true, Some("b"), stage.clock.now())?,
    )?;
    same("what b was told", scene.told("b").await?, vec![start("t")])
}

/// Or else a stop waits for the next poll.
pub(super) async fn topologies_e28_a_waiting_worker_gets_what_it_is_told_meanwhile(stage: Stage) -> Check {
    let store = stage.open_by(Clock::Store).await?;
    let bound = store.properties().await?.poll_bound;
    let a = register(&store, "a").await?;
    let lease = elect(&store, &a, secs(3_600)).await?;
    let id = topology_id("t")?;
    store.register_topology(&new("t")?).await?;
    store.enable_topology(&id).await?;
    for command in [START_TOPOLOGY, STOP_TOPOLOGY, KILL_TOPOLOGY] {
        let waiting = {
            let (store, a) = (store.clone(), a.clone());
            tokio::spawn(async move { await_and_take(&store, &a).await })
        };
        // Whether the worker waits already or not yet, it must be told.
        tokio::task::yield_now().await;
        match command {
            START_TOPOLOGY => drop(store.assign_topology(lease.term, &id, &a.worker).await?),
            STOP_TOPOLOGY => drop(store.stop_topology(&id).await?),
            _ => drop(store.kill_topology(&id).await?),
        }
        let told = waiting.await.map_err(|error| Failure::new(error.to_string()))?;
        let (got, waited) = told?;
        same("what it got", got, vec![command.to_owned()])?;
        let most = format!("a wait of at most the poll bound, {bound:?}");
        holds(&most, waited < bound + SLACK, waited)?;
    }
    Ok(())
}

/// What a worker is told stands in line with all else, and is worth something for as long as it says.
pub(super) async fn topologies_e26_what_a_worker_is_told_is_a_message_as_any_other(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.waiting("t", "a").await?;
    stage.clock.advance(secs(1));
    send(&scene.store, "a", "between").await?;
    scene.store.stop_topology(&topology_id("t")?).await?;
    scene.store.kill_topology(&topology_id("t")?).await?;
    let between = ("between".to_owned(), "{}".to_owned(), 60);
    let all = vec![start("t"), between.clone(), stop("t"), kill("t")];
    same("the queue", scene.told("a").await?, all.clone())?;
    stage.clock.advance(secs(29));
    same("the queue in the last second of two", scene.told("a").await?, all)?;
    stage.clock.advance(secs(1));
    same("what is left then", scene.told("a").await?, vec![start("t"), between])?;
    stage.clock.advance(secs(89));
    same("after two minutes", scene.told("a").await?, Vec::new())?;
    let received = crate::expect::receive(&scene.store, &scene.a, 9).await?;
    same("what is received then", received, Vec::new())
}

pub(super) async fn topologies_e27_a_leader_assigns_to_the_last_microsecond_of_its_lease(stage: Stage) -> Check {
    let scene = Scene::of(&stage).await?;
    scene.enabled("t").await?;
    stage.clock.set(crate::expect::just_before(scene.lease.expires));
    same("the answer", scene.place(&[("t", "a")]).await?, vec![Assigned])?;
    same(
        "who has it",
        scene.standing("t").await?,
        (Waiting, Some("a".to_owned())),
    )
}
