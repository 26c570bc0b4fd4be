//! The registry and the layers, on the store of this process.
#![cfg(feature = "memory")]
#![allow(clippy::unwrap_used)] // Helpers of tests fail the test.

use std::sync::{Arc, Mutex};

use convoke::prelude::*;
use convoke::{Driver, Entry, Layer, Recorded, Recording, Registry, Traced};
use tracing::field::{Field, Visit};

async fn memory() -> Arc<dyn Store> {
    convoke::open("memory:").await.unwrap()
}

fn name(name: &str) -> WorkerName {
    WorkerName::new(name).unwrap()
}

#[tokio::test]
async fn an_unknown_scheme_is_told_which_ones_there_are() {
    let error = convoke::open("gopher://host/").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let text = error.to_string();
    assert!(text.contains("gopher") && text.contains("memory"), "{text}");
}

#[tokio::test]
async fn a_scheme_that_is_not_compiled_in_is_told_its_feature() {
    let options = OpenOptions::new("mariadb://root:hunter2@host/db").unwrap();
    let error = Registry::empty().open(&options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let text = format!("{error} {error:?}");
    assert!(text.contains("feature `mysql`") && !text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn what_is_no_url_is_told_what_one_looks_like() {
    let error = convoke::open("just a file").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("sqlite:///"), "{error}");
}

struct Elsewhere;

#[convoke::async_trait]
impl Driver for Elsewhere {
    fn schemes(&self) -> &'static [&'static str] {
        &["elsewhere", "memory"]
    }

    async fn open(&self, _: &OpenOptions) -> convoke::Result<Arc<dyn Store>> {
        Ok(memory().await)
    }
}

#[tokio::test]
async fn a_third_party_opens_its_own_scheme() {
    let registry = Registry::empty();
    registry.register(Arc::new(Elsewhere)).unwrap();
    assert_eq!(registry.schemes(), ["elsewhere", "memory"]);
    let store = registry.open(&OpenOptions::new("elsewhere:").unwrap()).await.unwrap();
    assert!(store.leader().await.unwrap().is_none());
}

#[test]
fn a_scheme_that_is_taken_is_refused_and_nothing_is_registered() {
    let registry = Registry::compiled_in();
    let error = registry.register(Arc::new(Elsewhere)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(!registry.schemes().contains(&"elsewhere"));
}

/// A short life of a worker: registered, elected, with a message sent and received.
async fn live(store: &dyn Store) {
    let me = store.register_worker(&name("a")).await.unwrap();
    let lease = store
        .campaign(&me, Ttl::from_secs(10))
        .await
        .unwrap()
        .elected()
        .unwrap();
    let job = Payload::of("a secret job").unwrap();
    let message = NewMessage::new(name("a"), Command::new("start").unwrap(), job).with_term(lease.term);
    store.send_message(&message).await.unwrap();
    let claim = Claim::new(Limit::MAX, Ttl::from_secs(30));
    let delivery = store.receive_messages(&me, &claim).await.unwrap().remove(0);
    store.ack_message(&delivery.receipt).await.unwrap();
}

async fn by_hand() -> Arc<dyn Store> {
    let options = OpenOptions::new("memory:").unwrap();
    convoke::open_with(&options.with_clock(Clock::Manual(ManualClock::default())))
        .await
        .unwrap()
}

#[tokio::test]
async fn what_was_recorded_is_answered_the_same_by_another_store() {
    let recording = Arc::new(Recording::default());
    live(&*Recorded(recording.clone()).over(by_hand().await)).await;
    let log: Vec<String> = recording
        .entries()
        .iter()
        .map(|entry| serde_json::to_string(entry).unwrap())
        .collect();
    assert_eq!(log.len(), 5);

    let other = by_hand().await;
    for line in &log {
        let Entry { operation, answer } = serde_json::from_str(line).unwrap();
        assert_eq!(operation.run(&*other).await.unwrap(), answer);
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "convoke::operation"
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Line(String);
        impl Visit for Line {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                self.0 += &format!("{field}={value:?} ");
            }
        }
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn each_operation_is_traced_with_its_outcome_and_without_its_contents() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let store = Traced.over(memory().await);
    live(&*store).await;
    let _ = store.get_worker(&name("nobody")).await.unwrap_err();

    let seen = lines.0.lock().unwrap().clone();
    assert_eq!(seen.len(), 6, "{seen:?}");
    assert!(
        seen[1].contains(r#"concern="leadership" operation="campaign""#),
        "{seen:?}"
    );
    assert!(
        seen[1].contains(r#"outcome="ok""#) && seen[1].contains("elapsed_us="),
        "{seen:?}"
    );
    assert!(seen[5].contains(r#"outcome="not_found""#), "{seen:?}");
    assert!(
        !seen.concat().contains("secret") && !seen.concat().contains("nobody"),
        "{seen:?}"
    );
}
