//! Elections: who wins, what the others are told, when a candidacy is over.

use convoke_core::{Announcement, Candidacy, Deferral, ErrorKind, Leader, Lease, Role, Term, Timestamp, WorkerStatus};

use crate::case::Check;
use crate::expect::{TICK, defer, elect, holds, refused, register, same, secs, set, standing};
use crate::stage::Stage;

pub(super) async fn leadership_e01_the_first_lead_has_a_term_above_zero_and_lasts_for_its_ttl(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    same("who leads at first", store.leader().await?, None)?;
    let lease = elect(&store, &a, secs(10)).await?;
    holds("a term above 0", lease.term > Term::from_number(0), lease.term)?;
    let expected = Lease {
        registration: a.clone(),
        term: lease.term,
        expires: stage.clock.now().plus(secs(10)),
    };
    same("the lease", lease.clone(), expected)?;
    let leader = Leader {
        worker: a.worker,
        incarnation: a.incarnation,
        term: lease.term,
        expires: lease.expires,
    };
    same("who leads", store.leader().await?, Some(leader))?;
    same("its role", standing(&store, "a").await?.1, Role::Leader)
}

pub(super) async fn leadership_e02_each_new_lead_has_a_greater_term(stage: Stage) -> Check {
    let store = stage.open().await?;
    let (a, b) = (register(&store, "a").await?, register(&store, "b").await?);
    let mut before = Term::from_number(0);
    for who in [&a, &a, &b, &a, &b, &b] {
        let lease = elect(&store, who, secs(10)).await?;
        holds(
            "a term greater than all before it",
            lease.term > before,
            (lease.term, before),
        )?;
        before = lease.term;
        stage.clock.advance(secs(10));
    }
    let lease = elect(&store, &a, secs(10)).await?;
    store.resign(&lease).await?;
    let next = elect(&store, &a, secs(10)).await?;
    holds(
        "a greater term after resigning",
        next.term > lease.term,
        (next.term, lease.term),
    )
}

/// A fault of qtopology: a leader that asks twice is told no, and demoted (4).
pub(super) async fn leadership_e03_a_leader_asking_twice_keeps_its_term(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    let first = elect(&store, &a, secs(10)).await?;
    stage.clock.advance(secs(4));
    let prolonged = |seconds| Lease {
        expires: stage.clock.now().plus(secs(seconds)),
        ..first.clone()
    };
    same("asking again", elect(&store, &a, secs(10)).await?, prolonged(10))?;
    let checked = store.check_candidacy(&a, secs(20)).await?;
    same(
        "checking without a candidacy",
        checked,
        Candidacy::Elected(prolonged(20)),
    )?;
    same("asking for less", elect(&store, &a, secs(5)).await?, prolonged(20))?;
    same("its role", standing(&store, "a").await?.1, Role::Leader)
}

/// A fault of qtopology: 3 of 15,000 rounds told two workers that they lead, for it read first and acted then (4).
pub(super) async fn leadership_e04_a_live_lease_refuses_other_workers_to_its_last_microsecond(stage: Stage) -> Check {
    let store = stage.open().await?;
    let (a, z) = (register(&store, "a").await?, register(&store, "z").await?);
    let lease = elect(&store, &a, secs(10)).await?;
    let leader = store.leader().await?;
    let led = leader.map(Deferral::LedBy);
    for now in [stage.clock.now(), Timestamp::from_micros(lease.expires.as_micros() - 1)] {
        stage.clock.set(now);
        same(
            "why a campaign is deferred",
            Some(defer(&store, &z, secs(10)).await?),
            led.clone(),
        )?;
        let announced = store.announce_candidacy(&z, secs(10)).await?;
        same(
            "why an announcement is refused",
            Some(announced),
            led.clone().map(Announcement::Refused),
        )?;
        let checked = store.check_candidacy(&z, secs(10)).await?;
        same(
            "why a check is deferred",
            Some(checked),
            led.clone().map(Candidacy::Deferred),
        )?;
        same("its role", standing(&store, "z").await?.1, Role::Normal)?;
    }
    stage.clock.advance(TICK);
    same("who leads at the end of the lease", store.leader().await?, None)?;
    same(
        "the role of the one before",
        standing(&store, "a").await?.1,
        Role::Normal,
    )?;
    let checked = store.check_candidacy(&z, secs(10)).await?;
    same(
        "what was refused left no candidacy",
        checked,
        Candidacy::Deferred(Deferral::NotAnnounced),
    )?;
    let next = elect(&store, &z, secs(10)).await?;
    holds("a greater term", next.term > lease.term, (next.term, lease.term))
}

/// A fault of qtopology: the lowest name wins in one storage, the highest in another (1).
pub(super) async fn leadership_e05_the_greatest_name_by_its_bytes_wins(stage: Stage) -> Check {
    let store = stage.open().await?;
    // Ascending by bytes; not so by most collations.
    let names = ["A", "Z", "a", "a b", "ab", "z", "zz", "ä", "é", "日本", "😀"];
    let mut candidates = Vec::new();
    for candidate in names {
        let candidate = register(&store, candidate).await?;
        let until = stage.clock.now().plus(secs(10));
        let announced = store.announce_candidacy(&candidate, secs(10)).await?;
        same("an announcement", announced, Announcement::Announced(until))?;
        candidates.push(candidate);
    }
    while let Some(greatest) = candidates.pop() {
        for other in &candidates {
            let outranked = Deferral::Outranked {
                by: greatest.worker.clone(),
                until: stage.clock.now().plus(secs(10)),
            };
            let checked = store.check_candidacy(other, secs(10)).await?;
            same(
                &format!("what {} is told", other.worker),
                checked,
                Candidacy::Deferred(outranked.clone()),
            )?;
            same(
                "what its campaign is told",
                defer(&store, other, secs(10)).await?,
                outranked,
            )?;
        }
        let elected = store.check_candidacy(&greatest, secs(10)).await?.elected();
        holds(&format!("{} is elected", greatest.worker), elected.is_some(), &elected)?;
        // The next one in the ranks gets its turn.
        if let Some(lease) = elected {
            store.resign(&lease).await?;
        }
        for other in &candidates {
            store.announce_candidacy(other, secs(10)).await?;
        }
    }
    Ok(())
}

/// A fault of qtopology: fail-over took 304 s, for dead candidates were waited for (5).
pub(super) async fn leadership_e06_a_candidate_that_lapsed_blocks_nobody(stage: Stage) -> Check {
    let store = stage.open().await?;
    let (a, z) = (register(&store, "a").await?, register(&store, "z").await?);
    store.announce_candidacy(&z, secs(10)).await?;
    let until = stage.clock.now().plus(secs(10));
    stage.clock.set(Timestamp::from_micros(until.as_micros() - 1));
    let by = z.worker.clone();
    same(
        "a microsecond before",
        defer(&store, &a, secs(10)).await?,
        Deferral::Outranked { by, until },
    )?;
    stage.clock.advance(TICK);
    same(
        "the role of the lapsed one",
        standing(&store, "z").await?.1,
        Role::Normal,
    )?;
    let checked = store.check_candidacy(&z, secs(10)).await?;
    same(
        "the lapsed one's own check",
        checked,
        Candidacy::Deferred(Deferral::NotAnnounced),
    )?;
    elect(&store, &a, secs(10)).await?;
    Ok(())
}

pub(super) async fn leadership_e07_a_candidate_that_stopped_or_was_taken_over_blocks_nobody(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    for status in WorkerStatus::ALL {
        let z = register(&store, "z").await?;
        store.announce_candidacy(&z, secs(60)).await?;
        if status == WorkerStatus::Alive {
            register(&store, "z").await?;
        } else {
            set(&store, "z", status).await?;
        }
        let lease = elect(&store, &a, secs(10)).await?;
        store.resign(&lease).await?;
    }
    Ok(())
}

pub(super) async fn leadership_e08_a_check_without_a_candidacy_elects_nobody(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    let unannounced = Candidacy::Deferred(Deferral::NotAnnounced);
    same("a check", store.check_candidacy(&a, secs(10)).await?, unannounced)?;
    same("who leads", store.leader().await?, None)?;
    store.announce_candidacy(&a, secs(10)).await?;
    same("its role", standing(&store, "a").await?.1, Role::Candidate)?;
    let elected = store.check_candidacy(&a, secs(10)).await?.elected();
    holds("it is elected once announced", elected.is_some(), elected)
}

pub(super) async fn leadership_e09_announcing_again_replaces_the_end_of_the_candidacy(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    for (after, valid_for) in [(0, 10), (5, 10), (1, 2)] {
        stage.clock.advance(std::time::Duration::from_secs(after));
        let until = stage.clock.now().plus(secs(valid_for));
        let announced = store.announce_candidacy(&a, secs(valid_for)).await?;
        same("until when it stands", announced, Announcement::Announced(until))?;
    }
    stage.clock.advance(std::time::Duration::from_millis(1_999));
    same("before the last end", standing(&store, "a").await?.1, Role::Candidate)?;
    stage.clock.advance(std::time::Duration::from_millis(1));
    same("at the last end", standing(&store, "a").await?.1, Role::Normal)
}

pub(super) async fn leadership_e10_a_campaign_leaves_a_candidacy_for_its_ttl_and_ten_seconds_at_most(
    stage: Stage,
) -> Check {
    let store = stage.open().await?;
    let (a, z) = (register(&store, "a").await?, register(&store, "z").await?);
    for (ttl, lasts) in [(3, 3), (10, 10), (11, 10), (31_536_000, 10)] {
        store.announce_candidacy(&z, secs(60)).await?;
        defer(&store, &a, secs(ttl)).await?;
        set(&store, "z", WorkerStatus::Disabled).await?;
        let end = stage.clock.now().plus(secs(lasts));
        stage.clock.set(Timestamp::from_micros(end.as_micros() - 1));
        same(
            &format!("just before the end, for {ttl} s"),
            standing(&store, "a").await?.1,
            Role::Candidate,
        )?;
        stage.clock.set(end);
        same(
            &format!("at the end, for {ttl} s"),
            standing(&store, "a").await?.1,
            Role::Normal,
        )?;
        set(&store, "z", WorkerStatus::Alive).await?;
    }
    Ok(())
}

pub(super) async fn leadership_e11_an_election_ends_all_candidacies(stage: Stage) -> Check {
    let store = stage.open().await?;
    let (a, b, c) = (
        register(&store, "a").await?,
        register(&store, "b").await?,
        register(&store, "c").await?,
    );
    for candidate in [&a, &b, &c] {
        store.announce_candidacy(candidate, secs(3_600)).await?;
    }
    let lease = elect(&store, &c, secs(10)).await?;
    same("a role", standing(&store, "a").await?.1, Role::Normal)?;
    store.resign(&lease).await?;
    for candidate in [&a, &b, &c] {
        let checked = store.check_candidacy(candidate, secs(10)).await?;
        same(
            "a candidacy from before the election",
            checked,
            Candidacy::Deferred(Deferral::NotAnnounced),
        )?;
    }
    Ok(())
}

pub(super) async fn leadership_e12_only_an_alive_worker_can_stand_or_lead(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    for status in WorkerStatus::ALL
        .into_iter()
        .filter(|status| *status != WorkerStatus::Alive)
    {
        set(&store, "a", status).await?;
        let why = Deferral::NotAlive(status);
        let announced = store.announce_candidacy(&a, secs(10)).await?;
        same("an announcement", announced, Announcement::Refused(why.clone()))?;
        let checked = store.check_candidacy(&a, secs(10)).await?;
        same("a check", checked, Candidacy::Deferred(why.clone()))?;
        same("a campaign", defer(&store, &a, secs(10)).await?, why)?;
    }
    set(&store, "a", WorkerStatus::Alive).await?;
    same(
        "alive again, it is no candidate",
        standing(&store, "a").await?.1,
        Role::Normal,
    )?;
    elect(&store, &a, secs(10)).await?;
    Ok(())
}

pub(super) async fn leadership_e13_a_leader_that_is_dead_is_not_revived_by_its_ping(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    let lease = elect(&store, &a, secs(60)).await?;
    set(&store, "a", WorkerStatus::Dead).await?;
    store.ping_worker(&a).await?;
    same(
        "its standing",
        standing(&store, "a").await?,
        (WorkerStatus::Dead, Role::Normal),
    )?;
    same("who leads", store.leader().await?, None)?;
    refused("its term", store.check_term(lease.term).await, ErrorKind::Fenced)
}
