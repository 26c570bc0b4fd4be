//! Registering, taking over, and fencing by incarnation.

use convoke_core::{Claim, ErrorKind, Incarnation, Limit, Registration, Role, Worker, WorkerStatus};

use crate::case::Check;
use crate::expect::{Handle, holds, message, name, queue, refused, register, same, secs, send, set, standing};
use crate::stage::Stage;

pub(super) async fn workers_e01_a_registered_worker_is_alive_and_normal_and_just_heard_of(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    let expected = Worker {
        name: name("a")?,
        status: WorkerStatus::Alive,
        role: Role::Normal,
        incarnation: a.incarnation,
        last_ping: stage.clock.now(),
    };
    same("a fresh worker", store.get_worker(&a.worker).await?, expected)
}

pub(super) async fn workers_e02_incarnations_only_grow(stage: Stage) -> Check {
    let store = stage.open().await?;
    let mut before = Incarnation::from_number(0);
    for worker in ["a", "b", "a", "b", "b", "c", "a"] {
        let now = register(&store, worker).await?.incarnation;
        holds("an incarnation greater than all before it", now > before, (now, before))?;
        before = now;
    }
    Ok(())
}

/// A fault of qtopology: a restarted worker of the same name kept its dead predecessor alive (4).
pub(super) async fn workers_e03_whatever_an_older_registration_does_is_fenced(stage: Stage) -> Check {
    let store = stage.open().await?;
    let old = register(&store, "a").await?;
    let new = register(&store, "a").await?;
    send(&store, "a", "wait").await?;
    let begun = stage.clock.now();
    stage.clock.advance(secs(1));
    everything_is_refused(&store, &old, ErrorKind::Fenced).await?;
    same(
        "the queue after that",
        queue(&store, "a").await?,
        vec!["wait".to_owned()],
    )?;
    let a = store.get_worker(&new.worker).await?;
    same(
        "its status after that",
        (a.status, a.role),
        (WorkerStatus::Alive, Role::Normal),
    )?;
    same("when it was last heard of", a.last_ping, begun)?;
    Ok(store.ping_worker(&new).await?)
}

pub(super) async fn workers_e04_an_invented_incarnation_is_fenced(stage: Stage) -> Check {
    let store = stage.open().await?;
    let real = register(&store, "a").await?;
    let invented = Registration {
        incarnation: Incarnation::from_number(real.incarnation.number() + 1),
        ..real
    };
    everything_is_refused(&store, &invented, ErrorKind::Fenced).await
}

/// A fault of qtopology: unknown names were met with silence, `{}` or an error, by storage (7).
pub(super) async fn workers_e05_an_unknown_worker_is_not_found(stage: Stage) -> Check {
    let store = stage.open().await?;
    register(&store, "b").await?;
    let nobody = Registration {
        worker: name("a")?,
        incarnation: Incarnation::from_number(1),
    };
    everything_is_refused(&store, &nobody, ErrorKind::NotFound).await?;
    let kind = ErrorKind::NotFound;
    refused("getting it", store.get_worker(&nobody.worker).await, kind)?;
    refused("deleting it", store.delete_worker(&nobody.worker).await, kind)?;
    refused("sending to it", store.send_message(&message("a", "go")?).await, kind)?;
    for status in WorkerStatus::ALL {
        let set = store.set_worker_status(&nobody.worker, None, status).await;
        refused("setting its status", set, kind)?;
    }
    refused(
        "getting it after all that",
        store.get_worker(&nobody.worker).await,
        kind,
    )
}

/// Each operation that carries a registration.
async fn everything_is_refused(store: &Handle, who: &Registration, kind: ErrorKind) -> Check {
    let claim = Claim::new(Limit::MAX, secs(30));
    refused("a ping", store.ping_worker(who).await, kind)?;
    for status in WorkerStatus::ALL {
        let set = store
            .set_worker_status(&who.worker, Some(who.incarnation), status)
            .await;
        refused("a status that it sets itself", set, kind)?;
    }
    refused("an announcement", store.announce_candidacy(who, secs(9)).await, kind)?;
    refused(
        "a check of its candidacy",
        store.check_candidacy(who, secs(9)).await,
        kind,
    )?;
    refused("a campaign", store.campaign(who, secs(9)).await, kind)?;
    refused("receiving", store.receive_messages(who, &claim).await, kind)?;
    refused("taking", store.take_messages(who, Limit::MAX).await, kind)
}

pub(super) async fn workers_e06_taking_over_a_name_makes_it_alive_and_normal_whatever_it_was(stage: Stage) -> Check {
    let store = stage.open().await?;
    register(&store, "a").await?;
    for status in WorkerStatus::ALL {
        set(&store, "a", status).await?;
        let again = register(&store, "a").await?;
        let expected = (WorkerStatus::Alive, Role::Normal);
        same(
            &format!("a {status} worker taken over"),
            standing(&store, "a").await?,
            expected,
        )?;
        store.announce_candidacy(&again, secs(9)).await?;
        same(
            "a candidate",
            standing(&store, "a").await?,
            (WorkerStatus::Alive, Role::Candidate),
        )?;
    }
    register(&store, "a").await?;
    same(
        "a candidate taken over",
        standing(&store, "a").await?,
        (WorkerStatus::Alive, Role::Normal),
    )
}

pub(super) async fn workers_e07_taking_over_a_name_keeps_its_messages(stage: Stage) -> Check {
    let store = stage.open().await?;
    register(&store, "a").await?;
    send(&store, "a", "one").await?;
    send(&store, "a", "two").await?;
    let again = register(&store, "a").await?;
    let got = store.take_messages(&again, Limit::MAX).await?;
    let got: Vec<_> = got.iter().map(|message| message.command.as_str()).collect();
    same("the messages of a worker that was taken over", got, vec!["one", "two"])
}

/// Faults of qtopology: names that differ by case or a trailing blank were one on MySQL and two elsewhere, and values
/// were pasted into statements (6).
pub(super) async fn workers_e08_each_name_is_a_worker_of_its_own_to_the_byte(stage: Stage) -> Check {
    let store = stage.open().await?;
    let names = nasty_names();
    let mut registered = Vec::new();
    for worker in &names {
        registered.push(register(&store, worker).await?);
    }
    for (index, (worker, registration)) in names.iter().zip(&registered).enumerate() {
        store.ping_worker(registration).await?;
        send(&store, worker, &format!("for {index}")).await?;
        let got = store.get_worker(&registration.worker).await?;
        same("the name of a worker", got.name.as_str(), worker.as_str())?;
        same("the incarnation of a worker", got.incarnation, registration.incarnation)?;
    }
    for (index, worker) in names.iter().enumerate() {
        let only = vec![format!("for {index}")];
        same(&format!("the queue of {worker:?}"), queue(&store, worker).await?, only)?;
    }
    let listed = store.list_workers(&convoke_core::Page::first(1_000)?).await?.items;
    let mut ordered = names.clone();
    ordered.sort_unstable();
    let listed: Vec<_> = listed.into_iter().map(|worker| worker.name.to_string()).collect();
    same("all workers, ordered by the bytes of their names", listed, ordered)
}

/// Names that stores have been seen to garble, confuse or run.
pub(crate) fn nasty_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "a",
        "A",
        "aa",
        "Ab",
        "aB",
        "a b",
        "a  b",
        "a\u{a0}",
        "a\u{3000}",
        "a\u{200b}",
        "\u{feff}a",
        "á",
        "a\u{301}",
        "ß",
        "ss",
        "SS",
        "ı",
        "i",
        "I",
        "İ",
        "o'hara",
        "o''hara",
        "\"q\"",
        "`t`",
        "?",
        "??",
        ":x",
        "$1",
        "%",
        "_",
        "%s",
        "{}",
        "{a}",
        "\\",
        "\\'",
        "\\\\",
        "\\0",
        "'; DROP TABLE qtopology_worker; --",
        "' OR '1'='1",
        "/* */",
        "a,b",
        "a:b",
        "a*",
        "[a]",
        "null",
        "NULL",
        "0",
        "00",
        "1e3",
        "-1",
        "💩",
        "😀",
        "👩\u{200d}🚀",
        "日本語",
        "\u{10ffff}",
        "ſ",
        "s",
    ]
    .iter()
    .map(|name| (*name).to_owned())
    .collect();
    names.push("x".repeat(100));
    names.push("x".repeat(99));
    names.push("😀".repeat(25));
    names
}
