//! Topologies, locks, settings and trimming: what the store may hold, and what more than one script does.

use std::sync::Arc;
use std::time::Duration;

use convoke_core::{
    Assignment, Cursor, ErrorKind, ErrorText, Expected, Lock, LockName, LockOwner, NewTopology, Page, Payload,
    Placement, Placements, Report, Retention, SettingKey, SettingRange, SettingsExt, Store, Term, Timeouts,
    TopologiesExt, TopologyId, Trimmed, Ttl, WorkerStatus,
};
use futures_util::future::join_all;

use crate::server::{Raw, claim, open_fresh, worker};

pub(crate) fn topology(id: &str) -> TopologyId {
    TopologyId::new(id).unwrap()
}

pub(crate) fn lock(name: &str) -> LockName {
    LockName::new(name).unwrap()
}

pub(crate) fn key(name: &str) -> SettingKey {
    SettingKey::new(name).unwrap()
}

pub(crate) async fn register(store: &Arc<dyn Store>, id: &str) {
    let new = NewTopology::new(topology(id), Payload::parse("{\"n\": 1.10}").unwrap());
    store.register_topology(&new).await.unwrap();
}

pub(crate) async fn acquire(store: &Arc<dyn Store>, name: &str, ttl: Ttl) -> Lock {
    let owner = LockOwner::new("host 1").unwrap();
    let acquired = store.acquire_lock(&lock(name), &owner, ttl).await.unwrap();
    acquired.acquired().unwrap()
}

/// A term that leads.
async fn lead(store: &Arc<dyn Store>) -> Term {
    let me = store.register_worker(&worker("a")).await.unwrap();
    let elected = store.campaign(&me, Ttl::from_secs(600)).await.unwrap().elected();
    elected.unwrap().term
}

async fn spoil(raw: &mut Raw, prefix: &str, keys: &[&str]) {
    for key in keys {
        let key = format!("{prefix}{key}");
        raw.run::<()>(&["DEL", &key]).await;
        raw.run::<()>(&["SET", &key, "x"]).await;
    }
}

fn assert_corrupt<const N: usize>(errors: [convoke_core::Error; N]) {
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
        assert!(error.message().contains("namespace"), "{error:?}");
    }
}

#[tokio::test]
async fn a_key_of_the_wrong_type_is_corrupt_and_says_what_to_do() {
    let (store, mut raw, prefix, _) = open_fresh().await;
    let term = lead(&store).await;
    let page = Page::default();
    register(&store, "t").await;
    let held = acquire(&store, "l", Ttl::from_secs(60)).await;
    let spoilt = [
        "topologies",
        "topology_history",
        "waiting",
        "held",
        "locks",
        "lock_names",
        "values",
        "setting_keys",
    ];
    spoil(&mut raw, &prefix, &spoilt).await;
    let forever = Retention::default();
    assert_corrupt([
        store.get_topology(&topology("t")).await.unwrap_err(),
        store.enable_topology(&topology("t")).await.unwrap_err(),
        store.list_topologies(&page).await.unwrap_err(),
        store.list_assigned_topologies(&worker("a"), &page).await.unwrap_err(),
        store.topology_history(&topology("t"), &page).await.unwrap_err(),
        store.trim_topology_history(&forever, &page).await.unwrap_err(),
        store
            .assign_topology(term, &topology("t"), &worker("a"))
            .await
            .unwrap_err(),
        store.refresh_statuses(&Timeouts::default()).await.unwrap_err(),
        store.list_locks(&page).await.unwrap_err(),
        store.get_lock(&held.name).await.unwrap_err(),
        store.renew_lock(&held, Ttl::MIN).await.unwrap_err(),
        store.put_setting(&key("k"), &Payload::empty()).await.unwrap_err(),
        store.list_settings(&SettingRange::all(), &page).await.unwrap_err(),
    ]);
}

#[tokio::test]
async fn values_that_nobody_here_wrote_are_corrupt() {
    let (store, mut raw, prefix, _) = open_fresh().await;
    let term = lead(&store).await;
    let page = Page::default();
    register(&store, "t").await;
    let held = acquire(&store, "l", Ttl::from_secs(60)).await;
    store.put_setting(&key("k"), &Payload::empty()).await.unwrap();
    for (hash, field) in [("topologies", "t"), ("locks", "l"), ("settings", "k")] {
        raw.run::<()>(&["HSET", &format!("{prefix}{hash}"), field, "x"]).await;
    }
    assert_corrupt([
        store.get_topology(&topology("t")).await.unwrap_err(),
        store.list_topologies(&page).await.unwrap_err(),
        store.stop_topology(&topology("t")).await.unwrap_err(),
        store.delete_topology(&topology("t")).await.unwrap_err(),
        store
            .assign_topology(term, &topology("t"), &worker("a"))
            .await
            .unwrap_err(),
        store.get_lock(&held.name).await.unwrap_err(),
        store.list_locks(&page).await.unwrap_err(),
        store.get_setting(&key("k")).await.unwrap_err(),
        store.put_setting(&key("k"), &Payload::empty()).await.unwrap_err(),
    ]);
    // Named by an index, and not there.
    raw.run::<()>(&["HDEL", &format!("{prefix}topologies"), "t"]).await;
    assert_eq!(
        store.list_topologies(&page).await.unwrap_err().kind(),
        ErrorKind::Corrupt
    );
}

#[tokio::test]
async fn numbers_near_two_to_the_fifty_third_come_back_exactly() {
    let (store, mut raw, prefix, _) = open_fresh().await;
    let near = 9_007_199_254_740_000_u64;
    let text = near.to_string();
    let counters = format!("{prefix}counters");
    let term = lead(&store).await;
    for counter in ["lock", "revision", "message", "history"] {
        raw.run::<()>(&["HSET", &counters, counter, &text]).await;
    }
    let held = acquire(&store, "l", Ttl::from_secs(60)).await;
    assert_eq!(held.token.number(), near + 1);
    store.check_lock(&held.name, held.token).await.unwrap();
    let revision = store.put_setting(&key("k"), &Payload::empty()).await.unwrap();
    assert_eq!(revision.number(), near + 1);
    for id in ["t", "u"] {
        register(&store, id).await;
        store.enable_topology(&topology(id)).await.unwrap();
    }
    let both = ["t", "u"].map(|id| Placement::new(topology(id), worker("a")));
    let answers = store
        .assign_topologies(term, &Placements::new(both).unwrap())
        .await
        .unwrap();
    assert_eq!(answers, [Assignment::Assigned, Assignment::Assigned]);
    let queued = store.peek_messages(&worker("a"), &Page::default()).await.unwrap().items;
    let ids: Vec<_> = queued.iter().map(|it| it.message.id.number()).collect();
    assert_eq!(ids, [near + 1, near + 2]);
    let first = Page::first(2).unwrap();
    let newest = store.topology_history(&topology("u"), &first).await.unwrap();
    let behind = first.behind(newest.next.unwrap());
    let oldest = store.topology_history(&topology("u"), &behind).await.unwrap();
    assert_eq!((newest.items.len(), oldest.items.len()), (2, 1));
}

#[tokio::test]
async fn thousands_of_locks_that_ran_out_do_not_hide_the_one_behind_them() {
    let (store, _, _, clock) = open_fresh().await;
    let names: Vec<_> = (0..2_500).map(|number| format!("l{number:04}")).collect();
    join_all(names.iter().map(|name| acquire(&store, name, Ttl::from_secs(1)))).await;
    let last = acquire(&store, "z", Ttl::from_secs(60)).await;
    clock.advance(Duration::from_secs(1));
    let listed = store.list_locks(&Page::first(1).unwrap()).await.unwrap();
    assert_eq!((listed.items, listed.next), (vec![last], None));
}

#[tokio::test]
async fn names_of_locks_that_are_used_once_do_not_stay() {
    let (store, mut raw, prefix, clock) = open_fresh().await;
    for number in 0..50 {
        acquire(&store, &format!("l{number}"), Ttl::MIN).await;
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(raw.run::<u64>(&["HLEN", &format!("{prefix}locks")]).await, 1);
    for index in ["lock_names", "lock_ends"] {
        assert_eq!(
            raw.run::<u64>(&["ZCARD", &format!("{prefix}{index}")]).await,
            1,
            "{index}"
        );
    }
}

#[tokio::test]
async fn a_batch_that_is_refused_takes_no_revision() {
    let (store, _, _, _) = open_fresh().await;
    let first = store.put_setting(&key("k"), &Payload::empty()).await.unwrap();
    let refused = store
        .compare_and_set_setting(&key("k"), Expected::Absent, &Payload::empty())
        .await;
    assert_eq!(refused.unwrap(), Err(Some(first)));
    let second = store.put_setting(&key("k"), &Payload::empty()).await.unwrap();
    assert_eq!(second.number(), first.number() + 1);
}

#[tokio::test]
async fn a_page_of_settings_is_whole_however_large_their_values_are() {
    let (store, _, _, _) = open_fresh().await;
    let large = Payload::parse(&format!("\"{}\"", "x".repeat(1_048_000))).unwrap();
    for number in 0..20 {
        store.put_setting(&key(&format!("k{number:02}")), &large).await.unwrap();
    }
    let page = Page::first(19).unwrap();
    let listed = store.list_settings(&SettingRange::all(), &page).await.unwrap();
    assert_eq!(
        (listed.items.len(), listed.next.map(|it| it.as_str().to_owned())),
        (19, Some("k18".to_owned()))
    );
    assert!(listed.items.iter().all(|it| it.value == large));
}

#[tokio::test]
async fn a_long_trimming_is_cut_into_scripts_and_answers_for_all_of_them() {
    let (store, mut raw, prefix, clock) = open_fresh().await;
    let me = store.register_worker(&worker("a")).await.unwrap();
    let history = format!("{prefix}topology_history");
    for id in ["t", "u", "v"] {
        for number in 0..15 {
            let rows = (0..100).map(|row| format!("{id}\0{:016} 1 error 0 - 1.0 \0[]\0why", 100 * number + row));
            let members = rows.flat_map(|row| ["0".to_owned(), row]);
            let words: Vec<_> = ["ZADD".to_owned(), history.clone()]
                .into_iter()
                .chain(members)
                .collect();
            raw.run::<()>(&words.iter().map(String::as_str).collect::<Vec<_>>())
                .await;
        }
    }
    clock.advance(Duration::from_secs(60));
    let retention = Retention::FOREVER.with_age(Ttl::from_secs(1));
    let two = Page::first(2).unwrap();
    let trimmed = store.trim_topology_history(&retention, &two).await.unwrap();
    let behind = Some(Cursor::behind_topology(&topology("u")));
    assert_eq!(
        trimmed,
        Trimmed {
            rows: 2_000,
            next: behind
        }
    );
    let trimmed = store.trim_topology_history(&retention, &Page::default()).await.unwrap();
    assert_eq!(
        trimmed,
        Trimmed {
            rows: 2_000,
            next: None
        }
    );
    let trimmed = store.trim_topology_history(&retention, &Page::default()).await.unwrap();
    assert_eq!((trimmed.rows, raw.run::<u64>(&["ZCARD", &history]).await), (500, 0));
    // The histories of workers are others.
    assert_eq!(
        store
            .worker_history(&me.worker, &Page::default())
            .await
            .unwrap()
            .items
            .len(),
        1
    );
}

#[tokio::test]
async fn what_was_taken_away_leaves_no_mark_behind() {
    let (store, mut raw, prefix, _) = open_fresh().await;
    let term = lead(&store).await;
    let other = store.register_worker(&worker("b")).await.unwrap();
    for id in ["t", "u"] {
        register(&store, id).await;
        store.enable_topology(&topology(id)).await.unwrap();
        store.assign_topology(term, &topology(id), &other.worker).await.unwrap();
    }
    let broken = Report::Failed(ErrorText::new("broken"));
    store.report_topology(&other, &topology("u"), &broken).await.unwrap();
    store
        .set_worker_status(&other.worker, None, WorkerStatus::Dead)
        .await
        .unwrap();
    let count = |key: &str| vec!["ZCARD".to_owned(), format!("{prefix}{key}")];
    let counts = async |raw: &mut Raw| {
        let mut found = Vec::new();
        for key in ["gone", "in_use", "waiting", "held"] {
            let words = count(key);
            found.push(raw.run::<u64>(&[&words[0], &words[1]]).await);
        }
        found
    };
    assert_eq!(counts(&mut raw).await, [1, 1, 1, 2]);
    let refreshed = store.refresh_statuses(&Timeouts::default()).await.unwrap();
    assert_eq!(refreshed.unassigned, [topology("t")]);
    assert_eq!(counts(&mut raw).await, [0, 0, 0, 1]);
    // Though taken for dead it lives, and begins what it had in error.
    let began = store.report_topology(&other, &topology("u"), &Report::Running).await;
    assert!(began.unwrap().is_accepted());
    assert_eq!(counts(&mut raw).await, [1, 1, 0, 1]);
    let refreshed = store.refresh_statuses(&Timeouts::default()).await.unwrap();
    assert_eq!(refreshed.unassigned, [topology("u")]);
    assert_eq!(counts(&mut raw).await, [0, 0, 0, 0]);
    assert_eq!(store.take_messages(&other, claim(10).max).await.unwrap().len(), 2);
}
