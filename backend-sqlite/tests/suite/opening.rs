//! Opening, setting up, checking, clearing, resetting.

use std::collections::BTreeSet;

use convoke_core::{Confirmed, Durability, ErrorKind, SchemaPolicy};

use crate::place::{Place, message, name, open, register};

const ALL: [&str; 3] = ["0001_coordination", "0002_arrivals", "0003_topologies"];

#[tokio::test]
async fn opening_sets_a_fresh_file_up_and_a_second_time_changes_nothing() {
    let place = Place::new();
    let store = place.open().await;
    assert!(store.check().await.unwrap().is_current());
    assert_eq!(store.migrate().await.unwrap(), Vec::<String>::new());
    let again = place.open().await;
    assert!(again.check().await.unwrap().is_current());
    assert_eq!(recorded(&place), ALL);
}

#[tokio::test]
async fn looking_at_a_file_that_is_not_there_creates_nothing() {
    let place = Place::new();
    let store = open(&place.options().with_schema(SchemaPolicy::LeaveAlone))
        .await
        .unwrap();
    let status = store.check().await.unwrap();
    assert_eq!(
        (status.found, status.pending.as_slice()),
        (0, &ALL.map(str::to_owned)[..])
    );
    let error = open(&place.options().with_schema(SchemaPolicy::Check))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("convoke migrate"), "{error}");
    let error = store.leader().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("does not exist"), "{error}");
    assert!(!place.file().exists());
    assert_eq!(store.migrate().await.unwrap(), ALL);
    register(&store, "a").await;
}

#[tokio::test]
async fn a_file_that_is_not_set_up_says_so_to_every_operation() {
    let place = Place::new();
    place
        .connect()
        .execute_batch("CREATE TABLE mine (x); INSERT INTO mine VALUES (1)")
        .unwrap();
    let store = open(&place.options().with_schema(SchemaPolicy::LeaveAlone))
        .await
        .unwrap();
    for error in [
        store.register_worker(&name("a")).await.unwrap_err(),
        store.get_worker(&name("a")).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("migrate"), "{error}");
    }
    store.migrate().await.unwrap();
    register(&store, "a").await;
}

#[tokio::test]
async fn tables_of_the_application_in_the_same_file_are_left_alone() {
    let place = Place::new();
    place
        .connect()
        .execute_batch("CREATE TABLE mine (x); INSERT INTO mine VALUES (1)")
        .unwrap();
    let store = place.open().await;
    register(&store, "a").await;
    store.clear(Confirmed::YesDeleteEverything).await.unwrap();
    store.reset(Confirmed::YesDeleteEverything).await.unwrap();
    let rows: i64 = place
        .connect()
        .query_row("SELECT count(*) FROM mine", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn a_schema_newer_than_the_program_is_refused() {
    let place = Place::new();
    let store = place.open().await;
    place
        .connect()
        .execute("INSERT INTO convoke_migration VALUES (4, '0004_future', 'x', 0)", [])
        .unwrap();
    for error in [
        store.check().await.unwrap_err(),
        store.migrate().await.unwrap_err(),
        place.open_by(Default::default()).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("newer version of the program"), "{error}");
    }
}

#[tokio::test]
async fn a_migration_that_differs_from_the_one_applied_is_corrupt() {
    let place = Place::new();
    let store = place.open().await;
    place
        .connect()
        .execute("UPDATE convoke_migration SET checksum = 'other'", [])
        .unwrap();
    for error in [
        store.check().await.unwrap_err(),
        place.open_by(Default::default()).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("0001_coordination"), "{error}");
    }
}

#[test]
fn the_dumped_schema_is_what_the_migrations_make() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.sql");
    let dumped = std::fs::read_to_string(path).unwrap();
    let made = convoke_backend_sqlite::schema().unwrap();
    assert_eq!(dumped, made, "run `cargo xtask schema` to write {path} anew");
}

#[tokio::test]
async fn clearing_keeps_the_counters() {
    let place = Place::new();
    let store = place.open().await;
    let before = register(&store, "a").await;
    let sent = store.send_message(&message("a", "go")).await.unwrap();
    store.clear(Confirmed::YesDeleteEverything).await.unwrap();
    assert_eq!(
        store.get_worker(&name("a")).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert!(register(&store, "a").await.incarnation > before.incarnation);
    assert!(store.send_message(&message("a", "go")).await.unwrap() > sent);
}

#[tokio::test]
async fn other_handles_survive_a_reset_and_work_once_the_file_is_set_up_anew() {
    let place = Place::new();
    let (first, other) = (place.open().await, place.open().await);
    register(&other, "a").await;
    first.reset(Confirmed::YesDeleteEverything).await.unwrap();
    assert_eq!(other.check().await.unwrap().found, 0);
    for error in [
        other.register_worker(&name("a")).await.unwrap_err(),
        other.list_workers(&Default::default()).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
    let _anew = place.open().await;
    assert_eq!(register(&other, "a").await.incarnation.number(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_handles_may_open_one_empty_file_at_once() {
    for _ in 0..10 {
        let place = Place::new();
        let opening = (0..8).map(|_| {
            tokio::spawn({
                let options = place.options();
                async move { open(&options).await }
            })
        });
        let mut incarnations = BTreeSet::new();
        for opened in opening.collect::<Vec<_>>() {
            let store = opened.await.unwrap().unwrap();
            incarnations.insert(register(&store, "a").await.incarnation.number());
        }
        assert_eq!(incarnations, (1..=8).collect());
        assert_eq!(recorded(&place), ALL);
    }
}

#[tokio::test]
async fn the_properties_say_what_survives() {
    let place = Place::new();
    let store = place.open().await;
    let properties = store.properties().await.unwrap();
    assert_eq!(
        (properties.backend.as_str(), &properties.durability),
        ("sqlite", &Durability::Full)
    );
    assert_eq!(properties.installation, place.file().display().to_string());
    let relaxed = open(&place.options_with("durability=relaxed")).await.unwrap();
    register(&relaxed, "a").await;
    let Durability::Relaxed(what) = relaxed.properties().await.unwrap().durability else {
        panic!("not relaxed")
    };
    assert!(what.contains("power cut"), "{what}");
}

fn recorded(place: &Place) -> Vec<String> {
    let connection = place.connect();
    let mut statement = connection.prepare("SELECT name FROM convoke_migration").unwrap();
    let names = statement.query_map([], |row| row.get(0)).unwrap();
    names.map(Result::unwrap).collect()
}
