//! Several processes on one file.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use convoke_core::{
    Assignment, ErrorKind, LockName, LockOwner, OpenOptions, Page, Payload, SettingKey, SettingsExt, Term,
    TopologiesExt, Ttl,
};

use crate::child::{self, Other};
use crate::place::{Place, message, name, open, register};
use crate::topologies::{enabled, id, lead};

const PROCESSES: usize = 8;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}

#[test]
fn eight_processes_open_one_empty_file_at_once_fifty_times() {
    if child::part().is_some() {
        return block_on(open_as_told());
    }
    let test = "processes::eight_processes_open_one_empty_file_at_once_fifty_times";
    let mut others: Vec<_> = (0..PROCESSES).map(|_| Other::start(test, "open")).collect();
    for other in &mut others {
        assert_eq!(other.said().as_deref(), Some("ready"));
    }
    for _ in 0..50 {
        let place = Place::new();
        others.iter_mut().for_each(|other| other.tell(place.url()));
        let mut incarnations = BTreeSet::new();
        for other in &mut others {
            let said = other.said().unwrap();
            incarnations.insert(said.parse::<u64>().unwrap_or_else(|_| panic!("{said}")));
        }
        assert_eq!(incarnations, (1..=PROCESSES as u64).collect());
        let connection = place.connect();
        let migrations: i64 = connection
            .query_row("SELECT count(*) FROM convoke_migration", [], |row| row.get(0))
            .unwrap();
        assert_eq!(migrations, 3);
    }
}

async fn open_as_told() {
    child::say("ready");
    while let Some(url) = child::heard() {
        let opened = open(&OpenOptions::new(&url).unwrap()).await;
        let registered = match opened {
            Ok(store) => store.register_worker(&name("a")).await,
            Err(error) => Err(error),
        };
        match registered {
            Ok(registration) => child::say(registration.incarnation),
            Err(error) => child::say(format_args!("{error:?}")),
        }
    }
}

#[test]
fn a_process_killed_while_it_sets_a_file_up_leaves_one_that_the_next_sets_up() {
    if let Some(folder) = child::part() {
        return block_on(async {
            for number in 0.. {
                child::say(number);
                let url = format!("sqlite://{folder}/{number}.db");
                open(&OpenOptions::new(&url).unwrap()).await.unwrap();
            }
        });
    }
    let place = Place::new();
    let test = "processes::a_process_killed_while_it_sets_a_file_up_leaves_one_that_the_next_sets_up";
    for round in 0..20 {
        let folder = place.file().with_file_name(format!("{round}"));
        std::fs::create_dir(&folder).unwrap();
        let mut other = Other::start(test, &folder.display().to_string());
        for _ in 0..=round % 5 {
            other.said().unwrap();
        }
        // Each round cuts it off a little later.
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_micros(150 * round) {
            std::hint::spin_loop();
        }
        other.kill();
        for file in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_some_and(|extension| extension == "db") {
                let url = format!("sqlite://{}", file.display());
                block_on(async {
                    let store = open(&OpenOptions::new(&url).unwrap()).await.unwrap();
                    assert_eq!(register(&store, "a").await.incarnation.number(), 1);
                });
            }
        }
    }
}

#[test]
fn eight_processes_write_one_file_and_nobody_is_refused() {
    const EACH: usize = 250;
    if let Some(url) = child::part() {
        return block_on(async {
            let store = open(&OpenOptions::new(&url).unwrap()).await.unwrap();
            for _ in 0..EACH {
                child::say(store.send_message(&message("a", "go")).await.unwrap());
            }
        });
    }
    let place = Place::new();
    block_on(async { register(&place.open().await, "a").await });
    let test = "processes::eight_processes_write_one_file_and_nobody_is_refused";
    let mut others: Vec<_> = (0..PROCESSES).map(|_| Other::start(test, &place.url())).collect();
    let mut ids = BTreeSet::new();
    for other in &mut others {
        let said: Vec<u64> = std::iter::from_fn(|| other.said())
            .map(|id| id.parse().unwrap())
            .collect();
        assert!(said.is_sorted(), "the ids that one process gets only grow");
        ids.extend(said);
    }
    assert_eq!(ids, (1..=(PROCESSES * EACH) as u64).collect());
}

#[test]
fn what_was_acknowledged_survives_kill_9_and_what_was_cut_off_is_whole_or_not_there() {
    if let Some(url) = child::part() {
        return block_on(send_for_ever(&url));
    }
    let place = Place::new();
    block_on(async { register(&place.open().await, "a").await });
    let test = "processes::what_was_acknowledged_survives_kill_9_and_what_was_cut_off_is_whole_or_not_there";
    let mut acknowledged = BTreeSet::new();
    for round in 0..10 {
        let mut other = Other::start(test, &place.url());
        for _ in 0..100 + 37 * round {
            acknowledged.insert(other.said().unwrap().parse::<u64>().unwrap());
        }
        other.kill();
        acknowledged.extend(std::iter::from_fn(|| other.said()).filter_map(|id| id.parse::<u64>().ok()));
    }
    let stored = block_on(stored_ids(&place));
    assert!(
        stored.is_superset(&acknowledged),
        "{:?} are lost",
        acknowledged.difference(&stored)
    );
    let connection = place.connect();
    let check: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
    let counted = "SELECT max(value, ifnull((SELECT max(id) FROM convoke_arrival), 0)) FROM convoke_counter
                   WHERE name = 'message'";
    let counter: u64 = connection
        .query_row(counted, [], |row| row.get::<_, i64>(0))
        .unwrap()
        .cast_unsigned();
    assert_eq!(
        stored,
        (1..=counter).collect(),
        "each id that was counted has its message"
    );
}

async fn send_for_ever(url: &str) {
    let store = open(&OpenOptions::new(url).unwrap()).await.unwrap();
    for _ in 0..16 {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            loop {
                child::say(store.send_message(&message("a", "go")).await.unwrap());
            }
        });
    }
    std::future::pending().await
}

async fn stored_ids(place: &Place) -> BTreeSet<u64> {
    let store = place.open().await;
    let mut page = Page::first(1_000).unwrap();
    let mut ids = BTreeSet::new();
    loop {
        let found = store.peek_messages(&name("a"), &page).await.unwrap();
        ids.extend(found.items.iter().map(|queued| queued.message.id.number()));
        match found.next {
            Some(next) => page = page.behind(next),
            None => return ids,
        }
    }
}

#[test]
fn a_process_that_holds_the_lock_and_is_killed_frees_it() {
    if let Some(file) = child::part() {
        let connection = rusqlite::Connection::open(file).unwrap();
        connection
            .execute_batch("BEGIN IMMEDIATE; DELETE FROM convoke_worker")
            .unwrap();
        child::say("locked");
        child::heard();
        return;
    }
    block_on(async {
        let place = Place::new();
        let store = open(&place.options_with("busy_timeout=100")).await.unwrap();
        let me = register(&store, "a").await;
        let test = "processes::a_process_that_holds_the_lock_and_is_killed_frees_it";
        let mut other = Other::start(test, &place.file().display().to_string());
        assert_eq!(other.said().as_deref(), Some("locked"));
        assert_eq!(store.ping_worker(&me).await.unwrap_err().kind(), ErrorKind::Unavailable);
        other.kill();
        store.ping_worker(&me).await.unwrap();
    });
}

#[test]
fn a_message_of_another_process_wakes_its_receiver() {
    if let Some(url) = child::part() {
        return block_on(async {
            let store = open(&OpenOptions::new(&url).unwrap()).await.unwrap();
            while child::heard().is_some() {
                store.send_message(&message("a", "go")).await.unwrap();
            }
        });
    }
    block_on(async {
        let place = Place::new();
        let store = place.open().await;
        let me = register(&store, "a").await;
        let mut other = Other::start(
            "processes::a_message_of_another_process_wakes_its_receiver",
            &place.url(),
        );
        for _ in 0..20 {
            let begun = Instant::now();
            other.tell("send");
            while store
                .take_messages(&me, convoke_core::Limit::ONE)
                .await
                .unwrap()
                .is_empty()
            {
                store.await_message(&name("a"), Duration::from_secs(60)).await;
            }
            assert!(begun.elapsed() < Duration::from_secs(20));
        }
    });
}

#[test]
fn processes_that_assign_at_once_give_each_topology_to_one_worker_only() {
    const TOPOLOGIES: usize = 100;
    if let Some(part) = child::part() {
        let [url, term, worker] = part.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{part}")
        };
        let term = Term::from_number(term.parse().unwrap());
        return block_on(async {
            let store = open(&OpenOptions::new(url).unwrap()).await.unwrap();
            for number in 0..TOPOLOGIES {
                let answer = store
                    .assign_topology(term, &id(&number.to_string()), &name(worker))
                    .await;
                if answer.unwrap() == Assignment::Assigned {
                    child::say(number);
                }
            }
        });
    }
    let place = Place::new();
    let workers = ["a", "b", "c", "d"];
    let term = block_on(async {
        let store = place.open().await;
        for number in 0..TOPOLOGIES {
            enabled(&*store, &number.to_string(), Payload::empty()).await;
        }
        for worker in workers {
            register(&store, worker).await;
        }
        lead(&*store, &register(&store, "a").await).await
    });
    let test = "processes::processes_that_assign_at_once_give_each_topology_to_one_worker_only";
    let others = workers.map(|worker| (worker, Other::start(test, &format!("{} {term} {worker}", place.url()))));
    let mut all = Vec::new();
    for (worker, mut other) in others {
        let mut got: Vec<_> = std::iter::from_fn(|| other.said()).collect();
        got.sort();
        let listed = block_on(async {
            let store = place.open().await;
            let page = Page::first(1_000).unwrap();
            store
                .list_assigned_topologies(&name(worker), &page)
                .await
                .unwrap()
                .items
        });
        let listed: Vec<_> = listed.iter().map(|topology| topology.id.to_string()).collect();
        assert_eq!(listed, got, "{worker} has what was given to it");
        all.append(&mut got);
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), TOPOLOGIES);
}

/// Each adds one to a number by reading and writing it, which only goes well under a lock.
#[test]
fn a_lock_keeps_processes_apart() {
    const EACH: usize = 25;
    let (counted, key) = (LockName::new("counted").unwrap(), SettingKey::new("count").unwrap());
    if let Some(url) = child::part() {
        return block_on(async {
            let store = open(&OpenOptions::new(&url).unwrap()).await.unwrap();
            let owner = LockOwner::new(std::process::id().to_string()).unwrap();
            for _ in 0..EACH {
                let lock = loop {
                    let answer = store.acquire_lock(&counted, &owner, Ttl::from_secs(60)).await.unwrap();
                    if let Some(lock) = answer.acquired() {
                        break lock;
                    }
                };
                let before = store.get_setting(&key).await.unwrap();
                let before: usize = before.map_or(0, |setting| setting.value.decode().unwrap());
                store
                    .put_setting(&key, &Payload::of(&(before + 1)).unwrap())
                    .await
                    .unwrap();
                child::say(lock.token);
                store.release_lock(&lock).await.unwrap();
            }
        });
    }
    let place = Place::new();
    let store = block_on(place.open());
    let test = "processes::a_lock_keeps_processes_apart";
    let mut others: Vec<_> = (0..4).map(|_| Other::start(test, &place.url())).collect();
    let mut tokens = BTreeSet::new();
    for other in &mut others {
        let said: Vec<u64> = std::iter::from_fn(|| other.said())
            .map(|token| token.parse().unwrap())
            .collect();
        assert!(said.is_sorted(), "the tokens that one process gets only grow");
        tokens.extend(said);
    }
    assert_eq!(tokens, (1..=4 * EACH as u64).collect());
    let count = block_on(store.get_setting(&key)).unwrap().unwrap();
    assert_eq!(count.value.decode::<usize>().unwrap(), 4 * EACH);
}
