//! Statuses, being heard of, and deleting.

use std::time::Duration;

use convoke_core::{Claim, Deferral, Delay, ErrorKind, Limit, Page, Renewal, Role, WorkerStatus};

use crate::case::Check;
use crate::expect::{
    defer, elect, history, holds, name, queue, receive_one, refused, register, same, secs, send, set, standing,
};
use crate::stage::Stage;

pub(super) async fn workers_e10_a_ping_never_changes_the_status(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    for status in WorkerStatus::ALL {
        set(&store, "a", status).await?;
        let before = history(&store, "a").await?;
        stage.clock.advance(secs(1));
        store.ping_worker(&a).await?;
        let got = store.get_worker(&a.worker).await?;
        same("the status after a ping", got.status, status)?;
        same("when it was last heard of", got.last_ping, stage.clock.now())?;
        same("the history after a ping", history(&store, "a").await?, before)?;
    }
    Ok(())
}

pub(super) async fn workers_e11_all_that_counts_as_being_heard_of_does(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    let claim = Claim::new(Limit::ONE, secs(1));
    for deed in [
        "ping",
        "own status",
        "announce",
        "check",
        "campaign",
        "renew",
        "campaign again",
        "announce refused",
        "receive",
        "take",
    ] {
        stage.clock.advance(secs(1));
        match deed {
            "ping" => store.ping_worker(&a).await?,
            "own status" => {
                store
                    .set_worker_status(&a.worker, Some(a.incarnation), WorkerStatus::Alive)
                    .await?
            }
            "announce" | "announce refused" => drop(store.announce_candidacy(&a, secs(1)).await?),
            "check" => drop(store.check_candidacy(&a, secs(60)).await?),
            "campaign" => drop(elect(&store, &a, secs(60)).await?),
            "campaign again" => drop(elect(&store, &a, secs(60)).await?),
            "renew" => {
                let lease = elect(&store, &a, secs(60)).await?;
                stage.clock.advance(secs(1));
                drop(store.renew_lease(&lease, secs(60)).await?);
            }
            "receive" => drop(store.receive_messages(&a, &claim).await?),
            _ => drop(store.take_messages(&a, Limit::ONE).await?),
        }
        let heard = store.get_worker(&a.worker).await?.last_ping;
        same(
            &format!("when it was last heard of, after: {deed}"),
            heard,
            stage.clock.now(),
        )?;
    }
    let b = register(&store, "b").await?;
    stage.clock.advance(secs(1));
    defer(&store, &b, secs(60)).await?;
    let heard = store.get_worker(&b.worker).await?.last_ping;
    same(
        "when it was last heard of, after a deferred campaign",
        heard,
        stage.clock.now(),
    )
}

pub(super) async fn workers_e12_what_others_do_and_settling_and_resigning_do_not_count(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    for command in ["one", "two", "three"] {
        send(&store, "a", command).await?;
    }
    let lease = elect(&store, &a, secs(60)).await?;
    let (one, two, three) = (
        receive_one(&store, &a).await?,
        receive_one(&store, &a).await?,
        receive_one(&store, &a).await?,
    );
    let heard = stage.clock.now();
    stage.clock.advance(secs(1));
    store.extend_claim(&one.receipt, secs(60)).await?;
    store.ack_message(&one.receipt).await?;
    store.nack_message(&two.receipt, Delay::ZERO).await?;
    store.extend_claim(&three.receipt, secs(60)).await?;
    send(&store, "a", "four").await?;
    store.peek_messages(&a.worker, &Page::default()).await?;
    store.resign(&lease).await?;
    set(&store, "a", WorkerStatus::Disabled).await?;
    set(&store, "a", WorkerStatus::Alive).await?;
    same(
        "when it was last heard of",
        store.get_worker(&a.worker).await?.last_ping,
        heard,
    )
}

pub(super) async fn workers_e13_a_lost_renewal_does_not_count_as_being_heard_of(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    let lease = elect(&store, &a, secs(10)).await?;
    let heard = stage.clock.now();
    stage.clock.advance(secs(10));
    same(
        "a renewal at the end",
        store.renew_lease(&lease, secs(10)).await?,
        Renewal::Lost(None),
    )?;
    same(
        "when it was last heard of",
        store.get_worker(&a.worker).await?.last_ping,
        heard,
    )
}

pub(super) async fn workers_e20_every_status_can_follow_every_other(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    for from in WorkerStatus::ALL {
        for to in WorkerStatus::ALL {
            set(&store, "a", from).await?;
            let rows = history(&store, "a").await?.len();
            store.set_worker_status(&a.worker, Some(a.incarnation), to).await?;
            same(
                &format!("the status after {to} was set on {from}"),
                standing(&store, "a").await?.0,
                to,
            )?;
            let more = history(&store, "a").await?.len() - rows;
            same(
                &format!("rows of history from {from} to {to}"),
                more,
                usize::from(from != to),
            )?;
        }
    }
    Ok(())
}

pub(super) async fn workers_e21_any_status_but_alive_ends_a_candidacy_for_good(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    for status in WorkerStatus::ALL
        .into_iter()
        .filter(|status| *status != WorkerStatus::Alive)
    {
        set(&store, "a", WorkerStatus::Alive).await?;
        store.announce_candidacy(&a, secs(60)).await?;
        set(&store, "a", status).await?;
        same(
            "the role of a candidate that stopped",
            standing(&store, "a").await?,
            (status, Role::Normal),
        )?;
        set(&store, "a", WorkerStatus::Alive).await?;
        same(
            "alive again",
            standing(&store, "a").await?,
            (WorkerStatus::Alive, Role::Normal),
        )?;
    }
    Ok(())
}

pub(super) async fn workers_e22_any_status_but_alive_vacates_the_lead_at_once(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    for status in WorkerStatus::ALL
        .into_iter()
        .filter(|status| *status != WorkerStatus::Alive)
    {
        set(&store, "a", WorkerStatus::Alive).await?;
        stage.clock.advance(secs(60));
        let lease = elect(&store, &a, secs(60)).await?;
        set(&store, "a", status).await?;
        same("who leads then", store.leader().await?, None)?;
        refused("its term then", store.check_term(lease.term).await, ErrorKind::Fenced)?;
        same(
            "its standing then",
            standing(&store, "a").await?,
            (status, Role::Normal),
        )?;
        set(&store, "a", WorkerStatus::Alive).await?;
        same("who leads when it is alive again", store.leader().await?, None)?;
        same(
            "its renewal",
            store.renew_lease(&lease, secs(60)).await?,
            Renewal::Lost(None),
        )?;
    }
    Ok(())
}

pub(super) async fn workers_e23_alive_set_on_an_alive_leader_or_candidate_changes_nothing(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    store.announce_candidacy(&a, secs(60)).await?;
    set(&store, "a", WorkerStatus::Alive).await?;
    same(
        "a candidate",
        standing(&store, "a").await?,
        (WorkerStatus::Alive, Role::Candidate),
    )?;
    let lease = elect(&store, &a, secs(60)).await?;
    set(&store, "a", WorkerStatus::Alive).await?;
    Ok(store.check_term(lease.term).await?)
}

pub(super) async fn workers_e24_only_an_unloaded_worker_can_be_deleted(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    for status in WorkerStatus::ALL
        .into_iter()
        .filter(|status| *status != WorkerStatus::Unloaded)
    {
        set(&store, "a", status).await?;
        refused(
            &format!("deleting a {status} worker"),
            store.delete_worker(&a.worker).await,
            ErrorKind::Conflict,
        )?;
        same("its status", standing(&store, "a").await?.0, status)?;
    }
    set(&store, "a", WorkerStatus::Unloaded).await?;
    store.delete_worker(&a.worker).await?;
    refused("getting it", store.get_worker(&a.worker).await, ErrorKind::NotFound)?;
    refused(
        "deleting it again",
        store.delete_worker(&a.worker).await,
        ErrorKind::NotFound,
    )?;
    refused("its ping", store.ping_worker(&a).await, ErrorKind::NotFound)?;
    same(
        "all workers",
        store.list_workers(&Page::default()).await?.items,
        Vec::new(),
    )
}

pub(super) async fn workers_e25_deleting_forgets_the_messages_and_keeps_the_history(stage: Stage) -> Check {
    let store = stage.open().await?;
    let first = register(&store, "a").await?;
    register(&store, "b").await?;
    send(&store, "a", "mine").await?;
    send(&store, "b", "theirs").await?;
    send(&store, "a", "held").await?;
    let held = receive_one(&store, &first).await?;
    set(&store, "a", WorkerStatus::Unloaded).await?;
    store.delete_worker(&name("a")?).await?;
    same("its queue", queue(&store, "a").await?, Vec::new())?;
    same("the other queue", queue(&store, "b").await?, vec!["theirs".to_owned()])?;
    refused(
        "settling what it held",
        store.ack_message(&held.receipt).await,
        ErrorKind::Fenced,
    )?;
    let rows = vec![
        (WorkerStatus::Unloaded, Role::Normal),
        (WorkerStatus::Alive, Role::Normal),
    ];
    same("its history", history(&store, "a").await?, rows)?;
    let again = register(&store, "a").await?;
    holds(
        "an incarnation that grew",
        again.incarnation > first.incarnation,
        (&again, &first),
    )?;
    same("the queue of its successor", queue(&store, "a").await?, Vec::new())?;
    same("rows of history then", history(&store, "a").await?.len(), 3)
}

/// The status of one worker is nobody else's.
pub(super) async fn workers_e26_what_happens_to_one_worker_leaves_the_others_alone(stage: Stage) -> Check {
    let store = stage.open().await?;
    let (a, b) = (register(&store, "a").await?, register(&store, "b").await?);
    let lease = elect(&store, &b, secs(60)).await?;
    let before = store.get_worker(&b.worker).await?;
    stage.clock.advance(Duration::from_secs(1));
    store.ping_worker(&a).await?;
    for status in WorkerStatus::ALL {
        set(&store, "a", status).await?;
    }
    store.delete_worker(&a.worker).await?;
    same("the other worker", store.get_worker(&b.worker).await?, before)?;
    let why = defer(&store, &register(&store, "a").await?, secs(60)).await?;
    let still = matches!(&why, Deferral::LedBy(leader) if leader.worker == b.worker && leader.term == lease.term);
    holds("the other one still leads", still, why)
}
