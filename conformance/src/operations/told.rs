//! What a store answers to every operation.

use std::time::Duration;

use convoke_core::{
    Affinity, Claim, Command, Coordination, Delay, ErrorText, Limit, LockAcquisition, LockOwner, LockRenewal,
    NewMessage, NewTopology, Page, Payload, Placement, Placements, Registration, Report, Retention, SettingKey,
    SettingRange, SettingWrite, SettingWrites, SettingsWritten, Term, Timeouts, Ttl, Weight, WorkerStatus,
};

use crate::case::{Check, Failure};
use crate::expect::{lock_name, name, secs, topology_id};
use crate::stage::Stage;

/// What a store answered, ids aside.
pub(super) struct Told(Vec<String>);

impl Told {
    pub(super) fn answers(self) -> impl Iterator<Item = String> {
        self.0.into_iter()
    }

    /// Calls every operation once at least.
    pub(super) async fn of<S: Coordination + ?Sized>(store: &S, stage: &Stage) -> Check<Self> {
        let mut told = Vec::new();
        let a = store.register_worker(&name("o'hara 😀 \"?\"")?).await?;
        told.push(format!("{:?}", store.ping_worker(&a).await));
        told.push(format!("{:?}", store.announce_candidacy(&a, secs(9)).await));
        told.push(format!("{:?}", store.count_workers().await));
        let lease = store.check_candidacy(&a, Ttl::MAX).await?.elected();
        let lease = lease.ok_or_else(|| Failure::new("the only candidate must be elected"))?;
        let checked = store.check_term(lease.term).await;
        told.push(format!(
            "{checked:?} {}",
            store.leader().await? == store.leader().await?
        ));
        drop(store.campaign(&a, Ttl::MIN).await?);
        drop(store.renew_lease(&lease, secs(9)).await?);
        for text in [r#"{"z": 1.10, "a": [18446744073709551615, "\u0000"]}"#, "null"] {
            let new = NewMessage::new(a.worker.clone(), Command::new("\\'; --")?, Payload::parse(text)?);
            store.send_message(&new.with_term(lease.term)).await?;
        }
        let page = Page::first(1)?;
        let peeked = store.peek_messages(&a.worker, &page).await?;
        told.push(format!(
            "{:?} {}",
            peeked.items[0].message.content,
            peeked.next.is_some()
        ));
        let held = store.receive_messages(&a, &Claim::new(Limit::ONE, secs(9))).await?;
        told.push(format!("{:?} {}", held[0].message.content, held[0].attempt));
        told.push(format!("{:?}", store.extend_claim(&held[0].receipt, secs(20)).await));
        told.push(format!(
            "{:?}",
            store
                .nack_message(&held[0].receipt, Delay::new(Duration::from_secs(1))?)
                .await
        ));
        stage.clock.advance(secs(1));
        let held = store.receive_messages(&a, &Claim::new(Limit::ONE, secs(9))).await?;
        told.push(format!("{:?}", store.ack_message(&held[0].receipt).await));
        told.push(format!("{:?}", store.take_messages(&a, Limit::MAX).await?[0].content));
        of_topologies(store, &a, lease.term, &mut told).await?;
        of_locks(store, &mut told).await?;
        of_settings(store, &mut told).await?;
        told.push(format!("{:?}", store.resign(&lease).await));
        told.push(format!("{:?}", store.refresh_statuses(&Timeouts::default()).await));
        let unloaded = WorkerStatus::Unloaded;
        told.push(format!(
            "{:?}",
            store.set_worker_status(&a.worker, Some(a.incarnation), unloaded).await
        ));
        told.push(format!("{:?}", store.get_worker(&a.worker).await?.last_ping));
        told.push(format!("{}", store.list_workers(&page).await?.items.len()));
        told.push(format!("{:?}", store.delete_worker(&a.worker).await));
        let history = store.worker_history(&a.worker, &Page::default()).await?.items;
        told.push(format!(
            "{:?}",
            history
                .iter()
                .map(|row| (row.at, row.status, row.role))
                .collect::<Vec<_>>()
        ));
        let trimmed = store.trim_worker_history(&Retention::FOREVER.with_rows(1), &page).await;
        told.push(format!("{trimmed:?}"));
        let error = store.check_term(Term::from_number(0)).await.err();
        told.push(format!("{:?}", error.map(|error| error.kind())));
        Ok(Self(told))
    }
}

async fn of_topologies<S: Coordination + ?Sized>(
    store: &S,
    a: &Registration,
    term: Term,
    told: &mut Vec<String>,
) -> Check {
    let id = topology_id("'; -- 😀")?;
    let affinity = Affinity::new([name("b,c")?, name("\\")?])?;
    let new = NewTopology::new(id.clone(), Payload::parse(r#"{"z": 1.10, "a": 18446744073709551615}"#)?)
        .with_weight(Weight::new(0.1)?)
        .with_affinity(affinity);
    told.push(format!("{:?}", store.register_topology(&new).await));
    told.push(format!("{:?}", store.enable_topology(&id).await));
    let placements = Placements::new([Placement::new(id.clone(), a.worker.clone())])?;
    told.push(format!("{:?}", store.assign_topologies(term, &placements).await));
    told.push(format!("{:?}", store.report_topology(a, &id, &Report::Running).await));
    told.push(format!("{:?}", store.set_topology_pid(a, &id, Some(u32::MAX)).await));
    told.push(format!("{:?}", store.get_topology(&id).await));
    told.push(format!("{:?}", store.list_topologies(&Page::default()).await));
    told.push(format!(
        "{:?}",
        store.list_assigned_topologies(&a.worker, &Page::default()).await
    ));
    let failed = Report::Failed(ErrorText::new("\0 \" 😀"));
    told.push(format!("{:?}", store.report_topology(a, &id, &failed).await));
    told.push(format!("{:?}", store.clear_topology_error(&id).await));
    told.push(format!("{:?}", store.stop_topology(&id).await));
    told.push(format!("{:?}", store.kill_topology(&id).await));
    told.push(format!(
        "{:?}",
        store.set_topology_error(&id, &ErrorText::new("why?")).await
    ));
    told.push(format!("{:?}", store.report_topology(a, &id, &Report::Released).await));
    told.push(format!("{:?}", store.disable_topology(&id).await));
    told.push(format!("{:?}", store.delete_topology(&id).await));
    told.push(format!("{:?}", store.topology_history(&id, &Page::first(1_000)?).await));
    let retention = Retention::default().with_rows(1);
    told.push(format!(
        "{:?}",
        store.trim_topology_history(&retention, &Page::first(1)?).await
    ));
    let queue = store.take_messages(a, Limit::MAX).await?;
    told.push(format!(
        "{:?}",
        queue.iter().map(|it| (&it.command, &it.content)).collect::<Vec<_>>()
    ));
    Ok(())
}

async fn of_locks<S: Coordination + ?Sized>(store: &S, told: &mut Vec<String>) -> Check {
    let (name, owner) = (lock_name("a \\ lock")?, LockOwner::new("o'hara")?);
    let LockAcquisition::Acquired(lock) = store.acquire_lock(&name, &owner, secs(9)).await? else {
        return Err(Failure::new("a lock that nobody has must be acquired"));
    };
    told.push(format!("{:?} {:?} {:?}", lock.name, lock.owner, lock.expires));
    let LockRenewal::Renewed(renewed) = store.renew_lock(&lock, secs(10)).await? else {
        return Err(Failure::new("a lock that is held must be renewed"));
    };
    told.push(format!("{:?} {}", renewed.expires, renewed.token == lock.token));
    told.push(format!("{:?}", store.check_lock(&name, lock.token).await));
    told.push(format!("{}", store.get_lock(&name).await?.as_ref() == Some(&renewed)));
    told.push(format!(
        "{}",
        store.list_locks(&Page::default()).await?.items == [renewed]
    ));
    told.push(format!("{:?}", store.release_lock(&lock).await));
    Ok(())
}

async fn of_settings<S: Coordination + ?Sized>(store: &S, told: &mut Vec<String>) -> Check {
    let key = SettingKey::new("a/%_\"")?;
    let write = SettingWrite::put(key.clone(), Payload::parse(r#"[1e300, -0]"#)?);
    let written = store.write_settings(&SettingWrites::one(write)).await?;
    told.push(format!("{}", matches!(written, SettingsWritten::Written(_))));
    told.push(format!(
        "{:?}",
        store.get_setting(&key).await?.map(|it| (it.value, it.written))
    ));
    let listed = store
        .list_settings(&SettingRange::prefix("a/"), &Page::default())
        .await?;
    told.push(format!("{:?} {:?}", listed.items.len(), listed.next));
    Ok(())
}
