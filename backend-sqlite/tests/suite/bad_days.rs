//! Bad days: each gives an error of the right kind that says what to do, and the next call works once its cause is gone.

use std::process::Command;
use std::time::{Duration, Instant};

use convoke_core::{Confirmed, ErrorKind, OpenOptions, Payload, SchemaPolicy};

use crate::child::{self, Other};
use crate::place::{Place, message, name, open, register};

#[tokio::test]
async fn a_missing_directory_is_named_and_can_be_made() {
    let place = Place::new();
    let folder = place.file().with_file_name("missing");
    let options = OpenOptions::new(&format!("sqlite://{}/jobs.db", folder.display())).unwrap();
    let error = open(&options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error
            .to_string()
            .contains(&format!("the directory {} does not exist; create it", folder.display()))
    );
    std::fs::create_dir(&folder).unwrap();
    register(&open(&options).await.unwrap(), "a").await;
}

#[tokio::test]
async fn a_directory_is_no_file() {
    let place = Place::new();
    std::fs::create_dir(place.file()).unwrap();
    let error = open(&place.options()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_corrupt_and_stays_as_it_is() {
    let place = Place::new();
    let letter = "Dear database, ".repeat(1_000);
    std::fs::write(place.file(), &letter).unwrap();
    for policy in [SchemaPolicy::Migrate, SchemaPolicy::Check] {
        let error = open(&place.options().with_schema(policy)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
        assert!(error.to_string().contains("not an SQLite database"), "{error}");
    }
    assert_eq!(std::fs::read_to_string(place.file()).unwrap(), letter);
}

#[tokio::test]
async fn a_damaged_file_is_corrupt() {
    let place = Place::new();
    let store = place.open().await;
    register(&store, "a").await;
    drop(store);
    let mut bytes = std::fs::read(place.file()).unwrap();
    bytes[4_096..].fill(0xAA);
    std::fs::write(place.file(), bytes).unwrap();
    let store = open(&place.options().with_schema(SchemaPolicy::LeaveAlone))
        .await
        .unwrap();
    for error in [
        store.get_worker(&name("a")).await.unwrap_err(),
        store.register_worker(&name("a")).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
        assert!(error.to_string().contains("restore"), "{error}");
    }
}

#[tokio::test]
async fn a_payload_that_something_else_wrote_harms_its_own_queue_only() {
    let place = Place::new();
    let store = place.open().await;
    let (a, b) = (register(&store, "a").await, register(&store, "b").await);
    store.send_message(&message("a", "go")).await.unwrap();
    store.send_message(&message("b", "go")).await.unwrap();
    place
        .connect()
        .execute("UPDATE convoke_arrival SET content = '{' WHERE worker = 'a'", [])
        .unwrap();
    let max = convoke_core::Limit::MAX;
    // Both wait for a lock, so that they share a commit.
    let other = place.connect();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let free = async {
        tokio::task::yield_now().await;
        other.execute_batch("COMMIT").unwrap();
    };
    let (refused, taken, ()) = tokio::join!(store.take_messages(&a, max), store.take_messages(&b, max), free);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(taken.unwrap().len(), 1);
}

#[tokio::test]
async fn a_file_locked_by_others_is_waited_for_and_then_unavailable() {
    let place = Place::new();
    let store = open(&place.options_with("busy_timeout=150")).await.unwrap();
    let me = register(&store, "a").await;
    let other = place.connect();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let begun = Instant::now();
    let error = store.ping_worker(&me).await.unwrap_err();
    let waited = begun.elapsed();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("raise busy_timeout"), "{error}");
    assert!(
        waited >= Duration::from_millis(150) && waited < Duration::from_secs(3),
        "{waited:?}"
    );
    assert_eq!(
        store.get_worker(&name("a")).await.unwrap().name,
        name("a"),
        "looking needs no lock"
    );
    other.execute_batch("ROLLBACK").unwrap();
    store.ping_worker(&me).await.unwrap();
}

#[tokio::test]
async fn a_lock_that_is_freed_in_time_is_not_noticed() {
    let place = Place::new();
    let store = place.open().await;
    let me = register(&store, "a").await;
    let other = place.connect();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let ping = store.ping_worker(&me);
    let free = async {
        tokio::task::yield_now().await;
        other.execute_batch("COMMIT").unwrap();
    };
    tokio::join!(ping, free).0.unwrap();
}

/// A trigger that counts for seconds stands in for a disk that hangs.
#[tokio::test]
async fn a_commit_that_takes_too_long_lets_its_callers_go_without_knowing() {
    let place = Place::new();
    let options = place.options().with_timeout(Duration::from_millis(100));
    let store = open(&options).await.unwrap();
    register(&store, "a").await;
    let slow = "CREATE TRIGGER slow BEFORE INSERT ON convoke_arrival WHEN NEW.command = 'slow' BEGIN
        SELECT count(*) FROM (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 10000000)
                              SELECT i FROM n); END";
    place.connect().execute_batch(slow).unwrap();
    let error = store.send_message(&message("a", "slow")).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    assert!(error.to_string().contains("look whether"), "{error}");
    let page = convoke_core::Page::default();
    while store.peek_messages(&name("a"), &page).await.unwrap().items.is_empty() {
        tokio::task::yield_now().await;
    }
    store.send_message(&message("a", "fast")).await.unwrap();
}

#[tokio::test]
async fn setting_up_waits_for_a_lock_and_then_says_unavailable() {
    let place = Place::new();
    let other = place.connect();
    other.execute_batch("CREATE TABLE mine (x); BEGIN EXCLUSIVE").unwrap();
    let error = open(&place.options_with("busy_timeout=100")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    other.execute_batch("ROLLBACK").unwrap();
    open(&place.options_with("busy_timeout=100")).await.unwrap();
}

#[tokio::test]
async fn a_file_that_was_deleted_is_noticed_and_nothing_is_written_into_the_void() {
    let place = Place::new();
    let store = place.open().await;
    let me = register(&store, "a").await;
    store.get_worker(&name("a")).await.unwrap();
    std::fs::remove_file(place.file()).unwrap();
    for error in [
        store.ping_worker(&me).await.unwrap_err(),
        store.get_worker(&name("a")).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        assert!(error.to_string().contains("does not exist"), "{error}");
    }
    assert!(!place.file().exists());
    store.migrate().await.unwrap();
    register(&store, "a").await;
}

#[tokio::test]
async fn a_file_that_was_replaced_is_used_from_then_on() {
    let (place, other) = (Place::new(), Place::new());
    let store = place.open().await;
    register(&store, "a").await;
    let elsewhere = other.open().await;
    register(&elsewhere, "b").await;
    drop(elsewhere);
    for left in ["jobs.db-wal", "jobs.db-shm"] {
        std::fs::remove_file(place.file().with_file_name(left)).unwrap();
    }
    std::fs::rename(other.file(), place.file()).unwrap();
    store.get_worker(&name("b")).await.unwrap();
    assert_eq!(register(&store, "c").await.incarnation.number(), 2);
    assert_eq!(
        store.get_worker(&name("a")).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

/// A limit on the size of files stands in for a full disk, which a test can't make without rights: the disk refuses
/// to take more in the middle of a commit, and takes it later. The shell keeps the signal away that ends the process.
#[test]
fn a_disk_that_takes_no_more_is_unavailable_and_nothing_is_half_written() {
    if let Some(url) = child::part() {
        return fill(&url);
    }
    let place = Place::new();
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"trap "" XFSZ; exec "$@""#, "sh"]);
    let test = "bad_days::a_disk_that_takes_no_more_is_unavailable_and_nothing_is_half_written";
    Other::start_by(shell, test, &place.url()).finish();
    let check: String = place
        .connect()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
}

#[tokio::main(flavor = "current_thread")]
async fn fill(url: &str) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = |bytes| {
        setrlimit(
            Resource::Fsize,
            Rlimit {
                current: bytes,
                maximum: None,
            },
        )
        .unwrap()
    };
    let store = open(&OpenOptions::new(url).unwrap()).await.unwrap();
    let me = register(&store, "a").await;
    limit(Some(600_000));
    let content = Payload::of(&"x".repeat(50_000)).unwrap();
    let sent = |number: usize| convoke_core::NewMessage {
        content: content.clone(),
        ..message("a", &format!("go {number}"))
    };
    let mut taken = Vec::new();
    let error = loop {
        match store.send_message(&sent(taken.len())).await {
            Ok(id) => taken.push(id),
            Err(error) => break error,
        }
        assert!(taken.len() < 100, "the limit does not bite");
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.to_string().contains("repeat the call"), "{error}");
    // Closing the file moves its log into it, which makes a little room again: the first of these may fit.
    let together = all_at_once(&store, (0..40).map(|number| sent(100 + number))).await;
    assert!(together.iter().any(Result::is_err), "the limit does not bite");
    for answer in together {
        match answer {
            Ok(id) => taken.push(id),
            Err(error) => assert!(error.is_retryable(), "{error:?}"),
        }
    }
    limit(None);
    let delivered = store.take_messages(&me, convoke_core::Limit::MAX).await.unwrap();
    let delivered: Vec<_> = delivered.iter().map(|message| message.id).collect();
    taken.sort_unstable();
    assert_eq!(delivered, taken, "what was answered is there, and nothing else");
    store.send_message(&sent(0)).await.unwrap();
}

async fn all_at_once(
    store: &std::sync::Arc<dyn convoke_core::Store>,
    messages: impl Iterator<Item = convoke_core::NewMessage>,
) -> Vec<convoke_core::Result<convoke_core::MessageId>> {
    let sending = messages.map(|message| {
        let store = std::sync::Arc::clone(store);
        tokio::spawn(async move { store.send_message(&message).await })
    });
    let mut answers = Vec::new();
    for sent in sending.collect::<Vec<_>>() {
        answers.push(sent.await.unwrap());
    }
    answers
}

/// In a process without the rights of root, which no file is read-only to.
#[test]
fn a_read_only_file_can_be_looked_at_and_says_what_to_do_about_writing() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    if let Some(url) = child::part() {
        return only_look(&url);
    }
    let place = Place::new();
    let folder = place.file().parent().unwrap().to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { register(&place.open().await, "a").await });
    let allow = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    // Where nobody else may go the binary can't be run by somebody else.
    let binary = folder.join("test");
    std::fs::copy(std::env::current_exe().unwrap(), &binary).unwrap();
    allow(&binary, 0o755);
    allow(&place.file(), 0o444);
    allow(&folder, 0o555);
    let test = "bad_days::a_read_only_file_can_be_looked_at_and_says_what_to_do_about_writing";
    let mut command = Command::new(&binary);
    if rustix::process::getuid().is_root() {
        command.uid(65_534).gid(65_534);
    }
    let mut other = Other::run(command, test, &place.url());
    assert_eq!(other.said().as_deref(), Some("refused"));
    allow(&folder, 0o777);
    allow(&place.file(), 0o666);
    other.tell("writable now");
    other.finish();
}

#[tokio::main(flavor = "current_thread")]
async fn only_look(url: &str) {
    let options = OpenOptions::new(url).unwrap();
    let store = open(&options.clone().with_schema(SchemaPolicy::Check)).await.unwrap();
    assert!(store.check().await.unwrap().is_current());
    for error in [
        open(&options).await.unwrap_err(),
        store.register_worker(&name("b")).await.unwrap_err(),
        store.reset(Confirmed::YesDeleteEverything).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        assert!(error.to_string().contains("give this process the right"), "{error}");
    }
    child::say("refused");
    child::heard().unwrap();
    store.get_worker(&name("a")).await.unwrap();
    register(&store, "b").await;
}
