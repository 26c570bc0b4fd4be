//! Leases: renewing, resigning, the promise that outlives a vacated lead, and fencing by term.

use convoke_core::{
    Deferral, ErrorKind, Incarnation, Leader, Lease, Registration, Renewal, Resignation, Role, Term, Ttl, WorkerStatus,
};

use crate::case::Check;
use crate::expect::{TICK, defer, elect, holds, just_before, name, refused, register, same, secs, set, standing};
use crate::stage::Stage;

fn leader_of(lease: &Lease) -> Leader {
    Leader {
        worker: lease.registration.worker.clone(),
        incarnation: lease.registration.incarnation,
        term: lease.term,
        expires: lease.expires,
    }
}

pub(super) async fn leadership_e20_a_renewal_prolongs_and_never_shortens(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    let lease = elect(&store, &a, secs(10)).await?;
    stage.clock.advance(secs(4));
    let until = |end| Lease {
        expires: end,
        ..lease.clone()
    };
    let longer = stage.clock.now().plus(secs(10));
    same(
        "a renewal",
        store.renew_lease(&lease, secs(10)).await?,
        Renewal::Renewed(until(longer)),
    )?;
    let renewed = store.renew_lease(&lease, Ttl::MIN).await?;
    same(
        "a renewal for less, with the first lease in hand",
        renewed,
        Renewal::Renewed(until(longer)),
    )?;
    same("who leads", store.leader().await?, Some(leader_of(&until(longer))))?;
    stage.clock.set(just_before(longer));
    let end = stage.clock.now().plus(Ttl::MAX);
    let renewed = store.renew_lease(&lease, Ttl::MAX).await?;
    same(
        "a renewal in the last microsecond, for a year",
        renewed,
        Renewal::Renewed(until(end)),
    )?;
    stage.clock.set(just_before(end));
    Ok(store.check_term(lease.term).await?)
}

pub(super) async fn leadership_e21_a_renewal_at_the_end_is_lost_though_nobody_else_has_won(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    let lease = elect(&store, &a, secs(10)).await?;
    stage.clock.set(lease.expires);
    same(
        "a renewal",
        store.renew_lease(&lease, secs(10)).await?,
        Renewal::Lost(None),
    )?;
    same("who leads", store.leader().await?, None)?;
    stage.clock.advance(TICK);
    same(
        "a renewal again",
        store.renew_lease(&lease, secs(10)).await?,
        Renewal::Lost(None),
    )?;
    same("resigning", store.resign(&lease).await?, Resignation::Lost(None))?;
    let next = elect(&store, &a, secs(10)).await?;
    holds(
        "only an election helps, with a greater term",
        next.term > lease.term,
        (next.term, lease.term),
    )
}

pub(super) async fn leadership_e22_whoever_lost_is_told_who_leads(stage: Stage) -> Check {
    let store = stage.open().await?;
    let (a, b) = (register(&store, "a").await?, register(&store, "b").await?);
    let lost = elect(&store, &a, secs(10)).await?;
    stage.clock.set(lost.expires);
    let lease = elect(&store, &b, secs(10)).await?;
    let leader = Some(leader_of(&lease));
    same(
        "a renewal",
        store.renew_lease(&lost, secs(60)).await?,
        Renewal::Lost(leader.clone()),
    )?;
    same(
        "resigning",
        store.resign(&lost).await?,
        Resignation::Lost(leader.clone()),
    )?;
    same("who leads", store.leader().await?, leader)
}

pub(super) async fn leadership_e23_a_lease_that_differs_in_its_term_or_its_holder_is_lost(stage: Stage) -> Check {
    let store = stage.open().await?;
    let (a, b) = (register(&store, "a").await?, register(&store, "b").await?);
    let lease = elect(&store, &a, secs(60)).await?;
    let number = lease.term.number();
    let incarnation = Incarnation::from_number(a.incarnation.number() + 100);
    let unknown = Registration {
        worker: name("nobody")?,
        incarnation: a.incarnation,
    };
    let forged = |registration: Registration, term| Lease {
        registration,
        term: Term::from_number(term),
        ..lease.clone()
    };
    let forgeries = [
        forged(a.clone(), number - 1),
        forged(a.clone(), number + 1),
        forged(b, number),
        forged(Registration { incarnation, ..a }, number),
        forged(unknown, number),
    ];
    for forgery in forgeries {
        let leader = Some(leader_of(&lease));
        same(
            "renewing it",
            store.renew_lease(&forgery, secs(90)).await?,
            Renewal::Lost(leader.clone()),
        )?;
        same(
            "resigning it",
            store.resign(&forgery).await?,
            Resignation::Lost(leader.clone()),
        )?;
        same("who leads", store.leader().await?, leader)?;
    }
    Ok(())
}

pub(super) async fn leadership_e24_resigning_frees_the_seat_at_once(stage: Stage) -> Check {
    let store = stage.open().await?;
    let (a, b) = (register(&store, "a").await?, register(&store, "b").await?);
    let lease = elect(&store, &b, secs(60)).await?;
    same("resigning", store.resign(&lease).await?, Resignation::Resigned)?;
    same("who leads", store.leader().await?, None)?;
    same(
        "its role",
        standing(&store, "b").await?,
        (WorkerStatus::Alive, Role::Normal),
    )?;
    refused("its term", store.check_term(lease.term).await, ErrorKind::Fenced)?;
    same("resigning twice", store.resign(&lease).await?, Resignation::Lost(None))?;
    let next = elect(&store, &a, secs(60)).await?;
    same(
        "resigning after another was elected",
        store.resign(&lease).await?,
        Resignation::Lost(Some(leader_of(&next))),
    )?;
    Ok(store.check_term(next.term).await?)
}

/// A fault of qtopology: no fencing, so that two lead for good when they are interleaved by hand (4).
pub(super) async fn leadership_e25_a_vacated_lease_is_honoured_to_its_end(stage: Stage) -> Check {
    let store = stage.open().await?;
    for how in ["disabled", "taken over", "closing", "unloaded"] {
        let (a, b) = (register(&store, "a").await?, register(&store, "b").await?);
        let lease = elect(&store, &a, secs(10)).await?;
        match how {
            "taken over" => drop(register(&store, "a").await?),
            status => set(&store, "a", status.parse()?).await?,
        }
        same(&format!("who leads after it was {how}"), store.leader().await?, None)?;
        same(
            "its renewal",
            store.renew_lease(&lease, secs(90)).await?,
            Renewal::Lost(None),
        )?;
        same("its resignation", store.resign(&lease).await?, Resignation::Lost(None))?;
        stage.clock.set(just_before(lease.expires));
        let promised = Deferral::Promised(lease.expires);
        same(
            "why nobody is elected before its end",
            defer(&store, &b, secs(10)).await?,
            promised,
        )?;
        same(
            "the role of the one that waits",
            standing(&store, "b").await?.1,
            Role::Candidate,
        )?;
        stage.clock.set(lease.expires);
        let next = elect(&store, &b, secs(10)).await?;
        holds("a greater term", next.term > lease.term, (next.term, lease.term))?;
        store.resign(&next).await?;
    }
    Ok(())
}

pub(super) async fn leadership_e26_a_worker_that_registers_again_waits_for_its_own_promise_too(stage: Stage) -> Check {
    let store = stage.open().await?;
    let old = register(&store, "a").await?;
    let lease = elect(&store, &old, secs(10)).await?;
    let new = register(&store, "a").await?;
    same(
        "its campaign",
        defer(&store, &new, secs(10)).await?,
        Deferral::Promised(lease.expires),
    )?;
    let forged = Lease {
        registration: new.clone(),
        ..lease.clone()
    };
    same(
        "renewing with the new registration",
        store.renew_lease(&forged, secs(10)).await?,
        Renewal::Lost(None),
    )?;
    stage.clock.set(lease.expires);
    elect(&store, &new, secs(10)).await?;
    Ok(())
}

pub(super) async fn leadership_e27_after_a_promise_the_greatest_of_those_who_waited_wins(stage: Stage) -> Check {
    let store = stage.open().await?;
    let (a, b, c) = (
        register(&store, "a").await?,
        register(&store, "b").await?,
        register(&store, "c").await?,
    );
    let lease = elect(&store, &c, secs(10)).await?;
    set(&store, "c", WorkerStatus::Disabled).await?;
    stage.clock.advance(secs(5));
    for candidate in [&b, &a] {
        same(
            "a campaign",
            defer(&store, candidate, secs(10)).await?,
            Deferral::Promised(lease.expires),
        )?;
    }
    let until = stage.clock.now().plus(secs(10));
    stage.clock.set(lease.expires);
    let outranked = Deferral::Outranked {
        by: b.worker.clone(),
        until,
    };
    same("the lesser name", defer(&store, &a, secs(10)).await?, outranked)?;
    elect(&store, &b, secs(10)).await?;
    Ok(())
}

pub(super) async fn leadership_e28_only_the_live_term_passes_the_check(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    refused(
        "term 0 before any lead",
        store.check_term(Term::from_number(0)).await,
        ErrorKind::Fenced,
    )?;
    refused(
        "term 1 before any lead",
        store.check_term(Term::from_number(1)).await,
        ErrorKind::Fenced,
    )?;
    let first = elect(&store, &a, secs(10)).await?;
    stage.clock.set(just_before(first.expires));
    store.check_term(first.term).await?;
    stage.clock.set(first.expires);
    refused(
        "a term at the end of its lease",
        store.check_term(first.term).await,
        ErrorKind::Fenced,
    )?;
    let second = elect(&store, &a, secs(10)).await?;
    store.check_term(second.term).await?;
    for stale in [
        first.term,
        second.term.next(),
        Term::from_number(0),
        Term::from_number(1 << 62),
    ] {
        refused(
            &format!("term {stale}"),
            store.check_term(stale).await,
            ErrorKind::Fenced,
        )?;
    }
    Ok(())
}

pub(super) async fn leadership_e29_terms_grow_past_the_deletion_of_whoever_led(stage: Stage) -> Check {
    let store = stage.open().await?;
    let mut before = Term::from_number(0);
    for _ in 0..3 {
        let a = register(&store, "a").await?;
        let lease = elect(&store, &a, secs(10)).await?;
        holds("a greater term", lease.term > before, (lease.term, before))?;
        before = lease.term;
        set(&store, "a", WorkerStatus::Unloaded).await?;
        store.delete_worker(&a.worker).await?;
        stage.clock.set(lease.expires);
    }
    Ok(())
}

pub(super) async fn leadership_e30_a_lead_is_the_same_through_every_handle(stage: Stage) -> Check {
    let (one, two) = (stage.open().await?, stage.open().await?);
    let (a, b) = (register(&one, "a").await?, register(&two, "b").await?);
    let lease = elect(&one, &a, secs(10)).await?;
    same(
        "who leads, asked elsewhere",
        two.leader().await?,
        Some(leader_of(&lease)),
    )?;
    same(
        "a campaign elsewhere",
        defer(&two, &b, secs(10)).await?,
        Deferral::LedBy(leader_of(&lease)),
    )?;
    two.check_term(lease.term).await?;
    same("resigning elsewhere", two.resign(&lease).await?, Resignation::Resigned)?;
    refused(
        "the term, asked here",
        one.check_term(lease.term).await,
        ErrorKind::Fenced,
    )
}

pub(super) async fn leadership_e31_a_lead_and_its_promise_outlive_the_last_handle(stage: Stage) -> Check {
    let store = stage.open().await?;
    let (a, b) = (register(&store, "a").await?, register(&store, "b").await?);
    let lease = elect(&store, &a, secs(60)).await?;
    drop(store);
    let store = stage.open().await?;
    same("who leads", store.leader().await?, Some(leader_of(&lease)))?;
    let renewed = store.renew_lease(&lease, secs(60)).await?;
    same("its renewal", renewed, Renewal::Renewed(lease.clone()))?;
    set(&store, "a", WorkerStatus::Disabled).await?;
    drop(store);
    let store = stage.open().await?;
    same(
        "a campaign",
        defer(&store, &b, secs(60)).await?,
        Deferral::Promised(lease.expires),
    )?;
    stage.clock.set(lease.expires);
    drop(store);
    let store = stage.open().await?;
    let next = elect(&store, &b, secs(60)).await?;
    holds("a greater term", next.term > lease.term, (next.term, lease.term))
}
