//! Topologies and their histories: what is particular to a file.

use std::time::Duration;

use convoke_core::{
    Assignment, Candidacy, Clock, Cursor, ErrorKind, ManualClock, NewTopology, Page, Payload, Placement, Placements,
    Registration, Report, Retention, Store, Term, Timeouts, TopologiesExt, TopologyId, Ttl, WorkerStatus,
};
use rusqlite::Connection;

use crate::place::{Place, name, open, register};

pub(crate) fn id(text: &str) -> TopologyId {
    TopologyId::new(text).unwrap()
}

/// Registers a topology and enables it.
pub(crate) async fn enabled(store: &dyn Store, text: &str, config: Payload) {
    store
        .register_topology(&NewTopology::new(id(text), config))
        .await
        .unwrap();
    store.enable_topology(&id(text)).await.unwrap();
}

/// The term that this worker wins.
pub(crate) async fn lead(store: &dyn Store, registration: &Registration) -> Term {
    match store.campaign(registration, Ttl::from_secs(3_600)).await.unwrap() {
        Candidacy::Elected(lease) => lease.term,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_long_config_is_not_written_again_by_reports() {
    let place = Place::new();
    let store = place.open().await;
    let me = register(&store, "a").await;
    let long = Payload::of(&"x".repeat(1_000_000)).unwrap();
    enabled(&*store, "t", long.clone()).await;
    let term = lead(&*store, &me).await;
    store.assign_topology(term, &id("t"), &name("a")).await.unwrap();
    let log = place.file().with_file_name("jobs.db-wal");
    let before = std::fs::metadata(&log).unwrap().len();
    for round in 0..10 {
        store.set_topology_pid(&me, &id("t"), Some(round)).await.unwrap();
        store.report_topology(&me, &id("t"), &Report::Running).await.unwrap();
    }
    let written = std::fs::metadata(&log).unwrap().len() - before;
    assert!(written < 500_000, "{written} bytes were written");
    assert_eq!(store.get_topology(&id("t")).await.unwrap().config, long);
}

#[tokio::test]
async fn what_something_else_wrote_into_a_topology_is_corrupt() {
    let place = Place::new();
    let store = place.open().await;
    for (text, damage) in [
        ("affinity", "UPDATE convoke_topology SET affinity = '{}'"),
        ("status", "UPDATE convoke_topology SET status = 'asleep'"),
        ("weight", "UPDATE convoke_topology SET weight = -1"),
        ("config", "DELETE FROM convoke_topology_config"),
    ] {
        store
            .register_topology(&NewTopology::new(id(text), Payload::empty()))
            .await
            .unwrap();
        place.connect().execute(damage, []).unwrap();
        let error = store.get_topology(&id(text)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
        place.connect().execute("DELETE FROM convoke_topology", []).unwrap();
    }
}

/// As many rows of history as this, for as many topologies, as if they had come one after the other.
fn write_history(connection: &mut Connection, topologies: u32, rows: u32) {
    let transaction = connection.transaction().unwrap();
    transaction
        .execute(
            "WITH RECURSIVE topology (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM topology WHERE n < ?1),
                            number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?2)
             INSERT INTO convoke_topology_history (topology, number, at, status, enabled, weight, affinity)
             SELECT format('t%05d', topology.n), number.n, number.n, 'unassigned', 0, 1.0, '[]' FROM topology, number",
            (topologies, rows),
        )
        .unwrap();
    transaction.commit().unwrap();
}

#[tokio::test]
async fn trimming_holds_up_no_write() {
    let place = Place::new();
    let store = place.open().await;
    let me = register(&store, "a").await;
    write_history(&mut place.connect(), 40, 1_500);
    let (retention, page) = (Retention::FOREVER.with_rows(0), Page::first(1_000).unwrap());
    let trimming = store.trim_topology_history(&retention, &page);
    tokio::pin!(trimming);
    let mut pings = 0;
    let trimmed = loop {
        tokio::select! {
            trimmed = &mut trimming => break trimmed.unwrap(),
            pinged = store.ping_worker(&me) => {
                pinged.unwrap();
                pings += 1;
            }
        }
    };
    assert_eq!((trimmed.rows, trimmed.next), (40_000, None));
    assert!(pings >= 20, "only {pings} pings in between");
    assert_eq!(
        store.trim_topology_history(&retention, &page).await.unwrap().rows,
        20_000
    );
    assert_eq!(rows_left(&place), 0);
}

#[tokio::test]
async fn a_page_of_names_is_trimmed_and_the_next_goes_on_behind_it() {
    let place = Place::new();
    let store = place.open().await;
    write_history(&mut place.connect(), 5, 4);
    let retention = Retention::FOREVER.with_rows(3);
    let mut page = Page::first(2).unwrap();
    let mut ends = Vec::new();
    loop {
        let trimmed = store.trim_topology_history(&retention, &page).await.unwrap();
        ends.push((trimmed.rows, trimmed.next.clone()));
        match trimmed.next {
            Some(next) => page = page.behind(next),
            None => break,
        }
    }
    let behind = |text: &str| Some(Cursor::behind_topology(&id(text)));
    assert_eq!(ends, [(2, behind("t00002")), (2, behind("t00004")), (1, None)]);
    let error = store
        .trim_topology_history(&retention, &page.behind(Cursor::from(String::new())))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[tokio::test]
async fn a_history_that_was_trimmed_to_nothing_gives_no_number_out_again() {
    let place = Place::new();
    let store = place.open().await;
    write_history(&mut place.connect(), 1, 7);
    let page = Page::first(1).unwrap();
    let seen = store.topology_history(&id("t00001"), &page).await.unwrap();
    let behind_seen = page.clone().behind(seen.next.unwrap());
    store
        .trim_topology_history(&Retention::FOREVER.with_rows(0), &page)
        .await
        .unwrap();
    for _ in 0..10 {
        store
            .register_topology(&NewTopology::new(id("t00001"), Payload::empty()))
            .await
            .unwrap();
    }
    let rest = store.topology_history(&id("t00001"), &behind_seen).await.unwrap();
    assert_eq!(rest.items, [], "all rows are newer than the cursor");
    let all = store.topology_history(&id("t00001"), &Page::default()).await.unwrap();
    assert_eq!(all.items.len(), 10);
}

#[tokio::test]
async fn one_refreshing_takes_a_thousand_away_those_that_wait_longest_first() {
    let place = Place::new();
    let clock = ManualClock::default();
    let options = place.options_with("durability=relaxed");
    let store = open(&options.with_clock(Clock::Manual(clock.clone()))).await.unwrap();
    let (me, gone) = (register(&store, "a").await, register(&store, "b").await);
    let term = lead(&*store, &me).await;
    let early: Vec<_> = (0..500).map(|number| format!("z{number:03}")).collect();
    let late: Vec<_> = (0..501).map(|number| format!("a{number:03}")).collect();
    let running = "0 runs on a worker that is gone".to_owned();
    for (ids, worker) in [(&early, "a"), (&late, "a"), (&vec![running.clone()], "b")] {
        for text in ids {
            enabled(&*store, text, Payload::empty()).await;
        }
        let placements = ids.iter().map(|text| Placement::new(id(text), name(worker)));
        let placements = Placements::new(placements).unwrap();
        let answers = store.assign_topologies(term, &placements).await.unwrap();
        assert!(answers.iter().all(|answer| *answer == Assignment::Assigned));
        clock.advance(Duration::from_secs(1));
    }
    store
        .report_topology(&gone, &id(&running), &Report::Running)
        .await
        .unwrap();
    store
        .set_worker_status(&name("b"), None, WorkerStatus::Dead)
        .await
        .unwrap();
    let timeouts = Timeouts::default()
        .with_worker(Ttl::from_secs(3_600))
        .with_waiting(Ttl::from_secs(2));
    let taken = |ids: &[&[String]]| {
        let mut all: Vec<_> = ids.concat().iter().map(|text| id(text)).collect();
        all.sort();
        all
    };
    let first = store.refresh_statuses(&timeouts).await.unwrap();
    assert_eq!((first.unassigned, first.more), (taken(&[&early, &late[..500]]), true));
    let second = store.refresh_statuses(&timeouts).await.unwrap();
    assert_eq!(
        (second.unassigned, second.more),
        (taken(&[&late[500..], &[running]]), false)
    );
    assert!(store.refresh_statuses(&timeouts).await.unwrap().is_empty());
}

fn rows_left(place: &Place) -> i64 {
    let count = "SELECT count(*) FROM convoke_topology_history";
    place.connect().query_row(count, [], |row| row.get(0)).unwrap()
}
