//! Topologies, locks and settings: after a reset, in other installations, and by the clock of the store.

use std::time::{Duration, Instant};

use convoke_core::{
    Assignment, Clock, Confirmed, ErrorText, Expected, LockAcquisition, LockOwner, LockRelease, LockRenewal,
    NewTopology, Page, Payload, Registration, Report, Retention, SettingKey, SettingRange, SettingsExt, Term, Timeouts,
    Timestamp, TopologiesExt, TopologyId, TopologyStatus, Ttl,
};

use crate::case::{Check, Failure};
use crate::expect::{Handle, elect, holds, lock_name, register, same, secs, topology_id};
use crate::stage::Stage;

/// Has a lock for a year, a setting, and a topology.
async fn furnish(store: &Handle) -> Check {
    let locked = store
        .acquire_lock(&lock_name("l")?, &LockOwner::new("o")?, Ttl::MAX)
        .await?;
    holds("a lock that is free here", locked.clone().acquired().is_some(), locked)?;
    let key = SettingKey::new("k")?;
    let put = store
        .compare_and_set_setting(&key, Expected::Absent, &Payload::empty())
        .await?;
    holds("a key that is not there yet", put.is_ok(), put)?;
    store
        .register_topology(&NewTopology::new(topology_id("t")?, Payload::empty()))
        .await?;
    Ok(())
}

async fn is_bare(store: &Handle) -> Check {
    same("all locks", store.list_locks(&Page::default()).await?.items, Vec::new())?;
    let settings = store.list_settings(&SettingRange::all(), &Page::default()).await?.items;
    same("all settings", settings, Vec::new())?;
    same(
        "all topologies",
        store.list_topologies(&Page::default()).await?.items,
        Vec::new(),
    )?;
    let rows = store
        .topology_history(&topology_id("t")?, &Page::default())
        .await?
        .items;
    same("a history", rows, Vec::new())
}

pub(super) async fn opening_e09_a_reset_removes_locks_settings_and_topologies_too(stage: Stage) -> Check {
    let store = stage.open_by(Clock::Store).await?;
    furnish(&store).await?;
    store.reset(Confirmed::YesDeleteEverything).await?;
    drop(store);
    let store = stage.open_by(Clock::Store).await?;
    is_bare(&store).await?;
    furnish(&store).await
}

pub(super) async fn opening_e15_installations_share_no_locks_settings_or_topologies(stage: Stage) -> Check {
    let other = stage.elsewhere().await;
    let (here, there) = (stage.open_by(Clock::Store).await?, other.open_by(Clock::Store).await?);
    furnish(&here).await?;
    is_bare(&there).await?;
    furnish(&there).await?;
    there.clear(Confirmed::YesDeleteEverything).await?;
    there.reset(Confirmed::YesDeleteEverything).await?;
    let lock = here.get_lock(&lock_name("l")?).await?;
    holds("the lock here", lock.is_some(), lock)?;
    let setting = here.get_setting(&SettingKey::new("k")?).await?;
    holds("the setting here", setting.is_some(), setting)?;
    same(
        "topologies here",
        here.list_topologies(&Page::default()).await?.items.len(),
        1,
    )
}

/// Expects a time between two readings of the clock.
#[track_caller]
fn between(what: &str, before: Timestamp, at: Timestamp, after: Timestamp) -> Check {
    holds(
        &format!("{what}: a time of just now"),
        before <= at && at <= after,
        (before, at, after),
    )
}

/// Waits until the clock of the store is past a time.
async fn pass(store: &Handle, end: Timestamp) -> Check {
    let begun = Instant::now();
    while store.now().await? <= end {
        holds(
            "a clock that passes within 10 s",
            begun.elapsed() < Duration::from_secs(10),
            end,
        )?;
        tokio::task::yield_now().await;
    }
    Ok(())
}

pub(super) async fn opening_e14_locks_and_settings_go_by_the_clock_of_the_store(stage: Stage) -> Check {
    let store = stage.open_by(Clock::Store).await?;
    let (name, owner) = (lock_name("l")?, LockOwner::new("o")?);
    let before = store.now().await?;
    let minute = secs(60);
    let LockAcquisition::Acquired(lock) = store.acquire_lock(&name, &owner, minute).await? else {
        return Err(Failure::new("a lock that nobody has must be acquired"));
    };
    between(
        "a lock",
        before.plus(minute),
        lock.expires,
        store.now().await?.plus(minute),
    )?;
    store.check_lock(&name, lock.token).await?;
    same("who has it", store.get_lock(&name).await?.as_ref(), Some(&lock))?;
    same(
        "all locks",
        store.list_locks(&Page::default()).await?.items,
        vec![lock.clone()],
    )?;
    let before = store.now().await?;
    let LockRenewal::Renewed(renewed) = store.renew_lock(&lock, secs(90)).await? else {
        return Err(Failure::new("a lock that is held must be renewed"));
    };
    let ninety = secs(90);
    between(
        "a renewal",
        before.plus(ninety),
        renewed.expires,
        store.now().await?.plus(ninety),
    )?;
    same("a release", store.release_lock(&renewed).await?, LockRelease::Released)?;
    let short = store.acquire_lock(&name, &owner, Ttl::MIN).await?.acquired();
    let short = short.ok_or_else(|| Failure::new("a lock that was released must be acquired"))?;
    pass(&store, short.expires).await?;
    same("who has one that ran out", store.get_lock(&name).await?, None)?;
    same(
        "all locks then",
        store.list_locks(&Page::default()).await?.items,
        Vec::new(),
    )?;
    let renewal = store.renew_lock(&short, minute).await?;
    same("its renewal", renewal, LockRenewal::Lost(None))?;
    let before = store.now().await?;
    let key = SettingKey::new("k")?;
    store.put_setting(&key, &Payload::empty()).await?;
    let written = store.get_setting(&key).await?.map(|setting| setting.written);
    between("a setting", before, written.unwrap_or_default(), store.now().await?)
}

pub(super) async fn opening_e16_topologies_go_by_the_clock_of_the_store(stage: Stage) -> Check {
    let store = stage.open_by(Clock::Store).await?;
    let a = register(&store, "a").await?;
    let lease = elect(&store, &a, secs(3_600)).await?;
    let id = topology_id("t")?;
    let mut before = store.now().await?;
    for step in 0..6 {
        act(&store, &a, lease.term, &id, step).await?;
        let after = store.now().await?;
        let since = store.get_topology(&id).await?.topology.since;
        between(&format!("since when, in step {step}"), before, since, after)?;
        let rows = store.topology_history(&id, &Page::first(1)?).await?.items;
        let at = rows.first().map(|row| row.at).unwrap_or_default();
        between(&format!("the newest row in step {step}"), before, at, after)?;
        // The clock may be coarse; what comes next is of another time.
        pass(&store, after).await?;
        before = store.now().await?;
    }
    let placed = store.assign_topology(lease.term, &id, &a.worker).await?;
    same("assigning it", placed, Assignment::Assigned)?;
    let refreshed = store.refresh_statuses(&Timeouts::default()).await?;
    holds("nothing that waits for half a minute", refreshed.is_empty(), refreshed)?;
    let waiting = Timeouts::default().with_waiting(Ttl::MIN);
    pass(&store, store.now().await?.plus(Ttl::MIN)).await?;
    let refreshed = store.refresh_statuses(&waiting).await?;
    same("what waited for a millisecond", refreshed.unassigned, vec![id.clone()])?;
    let month = store
        .trim_topology_history(&Retention::default(), &Page::default())
        .await?;
    let of_workers = store
        .trim_worker_history(&Retention::default(), &Page::default())
        .await?;
    same("rows of a month ago", (month.rows, of_workers.rows), (0, 0))?;
    pass(&store, store.now().await?.plus(Ttl::MIN)).await?;
    let old = Retention::FOREVER.with_age(Ttl::MIN);
    store.trim_topology_history(&old, &Page::default()).await?;
    store.trim_worker_history(&old, &Page::default()).await?;
    let rows = store.topology_history(&id, &Page::default()).await?.items;
    let of_worker = store.worker_history(&a.worker, &Page::default()).await?.items;
    same("rows of the last millisecond", (rows.len(), of_worker.len()), (0, 0))
}

/// Six deeds, each of which gives the topology another status.
async fn act(store: &Handle, a: &Registration, term: Term, id: &TopologyId, step: usize) -> Check {
    match step {
        0 => drop(
            store
                .register_topology(&NewTopology::new(id.clone(), Payload::empty()))
                .await?,
        ),
        1 => {
            store.enable_topology(id).await?;
            drop(store.assign_topology(term, id, &a.worker).await?);
        }
        2 => drop(store.report_topology(a, id, &Report::Running).await?),
        3 => drop(store.set_topology_error(id, &ErrorText::new("why")).await?),
        4 => drop(store.clear_topology_error(id).await?),
        _ => drop(store.report_topology(a, id, &Report::Released).await?),
    }
    let expected = [
        TopologyStatus::Unassigned,
        TopologyStatus::Waiting,
        TopologyStatus::Running,
        TopologyStatus::Error,
        TopologyStatus::Waiting,
        TopologyStatus::Unassigned,
    ][step];
    same("its status", store.get_topology(id).await?.topology.status, expected)
}
