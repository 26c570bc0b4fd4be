//! Races for the lead.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use convoke_core::{Candidacy, Clock, Deferral, Lease, Renewal, Resignation, Term, Timestamp, Ttl};

use crate::case::{Check, Failure};
use crate::expect::{Handle, holds, register, same, secs};
use crate::model::number_in;
use crate::races::{at_once, linearizable, open_all, rounds};
use crate::stage::Stage;
use crate::steps::Mix;

pub(super) async fn leadership_r01_concurrent_operations_are_atomic(stage: Stage) -> Check {
    linearizable(stage, Mix::Leadership).await
}

/// A fault of qtopology: the election reads, then acts; 3 of 15,000 rounds told two workers that they lead (4).
pub(super) async fn leadership_r02_of_many_who_campaign_at_once_one_is_elected(stage: Stage) -> Check {
    let handles = open_all(&stage, 6).await?;
    let mut before = Term::from_number(0);
    for _ in 0..rounds() {
        let mut candidates = Vec::new();
        for (number, store) in handles.iter().enumerate() {
            candidates.push(register(store, &format!("w{number}")).await?);
        }
        let told = at_once(&handles, |number, store| {
            let me = candidates[number].clone();
            async move { Ok(store.campaign(&me, secs(10)).await?) }
        });
        let told = told.await?;
        let leases: Vec<_> = told.iter().filter_map(|told| told.clone().elected()).collect();
        let [lease] = leases.as_slice() else {
            return Err(Failure::new(format!(
                "one of {} must be elected, got {leases:?}",
                handles.len()
            )));
        };
        holds("a greater term", lease.term > before, (lease.term, before))?;
        before = lease.term;
        for other in told {
            let fits = match &other {
                Candidacy::Elected(_) => true,
                Candidacy::Deferred(Deferral::LedBy(leader)) => leader.term == lease.term,
                Candidacy::Deferred(_) => false,
            };
            holds("the others are told who leads", fits, other)?;
        }
        stage.clock.set(lease.expires);
    }
    Ok(())
}

pub(super) async fn leadership_r03_a_lease_is_resigned_once_and_not_renewed_after_that(stage: Stage) -> Check {
    let handles = open_all(&stage, 4).await?;
    for _ in 0..rounds() {
        let me = register(&handles[0], "a").await?;
        let lease = crate::expect::elect(&handles[0], &me, secs(10)).await?;
        let told = at_once(&handles, |number, store| {
            let lease = lease.clone();
            async move {
                if number % 2 == 0 {
                    return Ok((Some(store.resign(&lease).await?), None));
                }
                Ok((None, Some(store.renew_lease(&lease, secs(20)).await?)))
            }
        });
        let told = told.await?;
        let resigned = told
            .iter()
            .filter(|(told, _)| *told == Some(Resignation::Resigned))
            .count();
        same("how many resigned", resigned, 1)?;
        same("who leads after that", handles[1].leader().await?, None)?;
        let renewal = handles[1].renew_lease(&lease, secs(20)).await?;
        same("a renewal after that", renewal, Renewal::Lost(None))?;
    }
    Ok(())
}

/// One thing that a racer was told by a store that goes by its own clock.
#[derive(Clone, Debug)]
enum Told {
    Granted(Lease, Ttl),
    Renewed(Lease),
    Resigned(Term),
}

/// Rounds by the store's own clock, judged from what the racers were told: two leases never overlap.
pub(super) async fn leadership_r04_leases_never_overlap_by_the_clock_of_the_store(stage: Stage) -> Check {
    let mut handles = Vec::new();
    for _ in 0..4 {
        handles.push(stage.open_by(Clock::Store).await?);
    }
    let wanted = number_in("CONVOKE_ELECTIONS").unwrap_or(40);
    let elections = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let told = at_once(&handles, |number, store| {
        let elections = elections.clone();
        async move { campaign_on_and_on(&store, number, wanted, &elections).await }
    });
    judge_leases(told.await?.into_iter().flatten().collect(), wanted)
}

async fn campaign_on_and_on(
    store: &Handle,
    number: usize,
    wanted: u64,
    elections: &std::sync::atomic::AtomicU64,
) -> Check<Vec<Told>> {
    use std::sync::atomic::Ordering::SeqCst;
    let mut me = register(store, &format!("w{number}")).await?;
    let mut told = Vec::new();
    let ttl = Ttl::from_millis(15);
    let pause = Duration::from_millis(1);
    let begun = Instant::now();
    while elections.load(SeqCst) < wanted {
        holds(
            "elections that go on",
            begun.elapsed() < Duration::from_secs(90),
            elections.load(SeqCst),
        )?;
        let Candidacy::Elected(lease) = store.campaign(&me, ttl).await? else {
            tokio::time::sleep(pause).await;
            continue;
        };
        told.push(Told::Granted(lease.clone(), ttl));
        if let Renewal::Renewed(lease) = store.renew_lease(&lease, ttl).await? {
            told.push(Told::Renewed(lease));
        }
        // A lead ends in one of three ways.
        match elections.fetch_add(1, SeqCst) % 3 {
            0 if store.resign(&lease).await? == Resignation::Resigned => told.push(Told::Resigned(lease.term)),
            1 => me = store.register_worker(&me.worker).await?,
            _ => {
                while store.check_term(lease.term).await.is_ok() {
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }
    Ok(told)
}

/// The latest end of each term, when it began, and whether it was resigned.
#[derive(Debug, Default)]
struct Reign {
    holder: Option<convoke_core::Registration>,
    begins: Option<Timestamp>,
    ends: Option<Timestamp>,
    resigned: bool,
}

fn judge_leases(told: Vec<Told>, wanted: u64) -> Check {
    let mut reigns = BTreeMap::<Term, Reign>::new();
    for told in told {
        match told {
            Told::Granted(lease, ttl) => {
                let reign = reigns.entry(lease.term).or_default();
                holds(
                    "a term that is given to one only, once",
                    reign.holder.is_none(),
                    (&lease, &reign),
                )?;
                reign.holder = Some(lease.registration);
                let length = i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX);
                reign.begins = Some(Timestamp::from_micros(lease.expires.as_micros() - length));
                reign.ends = reign.ends.max(Some(lease.expires));
            }
            Told::Renewed(lease) => {
                let reign = reigns.entry(lease.term).or_default();
                reign.ends = reign.ends.max(Some(lease.expires));
            }
            Told::Resigned(term) => reigns.entry(term).or_default().resigned = true,
        }
    }
    holds("enough elections", reigns.len() as u64 >= wanted, reigns.len())?;
    let in_order: Vec<_> = reigns.iter().collect();
    for pair in in_order.windows(2) {
        let [(term, before), (next, after)] = pair else {
            continue;
        };
        let apart = before.resigned || before.ends <= after.begins;
        holds(
            "the next lead begins after the last lease is over",
            apart,
            (term, before, next, after),
        )?;
    }
    Ok(())
}
