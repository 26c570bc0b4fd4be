//! Operations and answers that went through JSON do what calls do.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use convoke_core::{
    Answer, Claim, Command, Coordination, Delay, Error, ErrorKind, Execute, Executed, Limit, NewMessage, Operation,
    Page, Payload, Result, Term, Timeouts, Ttl, WorkerStatus, async_trait,
};
use parking_lot::Mutex;

use crate::case::{Check, Failure};
use crate::expect::{Handle, holds, name, refused, same, secs};
use crate::stage::Stage;

/// A layer that writes each operation and each answer as JSON and reads it back.
struct Spelled {
    store: Handle,
    seen: Mutex<BTreeSet<(&'static str, &'static str)>>,
}

#[async_trait]
impl Execute for Spelled {
    async fn execute(&self, operation: Operation) -> Result<Answer> {
        self.seen.lock().insert(operation.name());
        let spelled: Operation = through_json(&operation)?;
        if spelled != operation {
            return Err(garbled(format!("{operation:?} came back from JSON as {spelled:?}")));
        }
        let answer = self.store.execute(spelled).await?;
        let spelled: Answer = through_json(&answer)?;
        if spelled != answer {
            return Err(garbled(format!("{answer:?} came back from JSON as {spelled:?}")));
        }
        Ok(spelled)
    }
}

fn garbled(what: String) -> Error {
    Error::new(ErrorKind::Internal, what)
}

fn through_json<T: serde::Serialize + serde::de::DeserializeOwned + std::fmt::Debug>(value: &T) -> Result<T> {
    let failed = |error: serde_json::Error| garbled(format!("{value:?} does not go through JSON: {error}"));
    let text = serde_json::to_string(value).map_err(failed)?;
    serde_json::from_str(&text).map_err(failed)
}

/// The names of all operations, in the order of the alphabet.
const ALL: [(&str, &str); 23] = [
    ("leadership", "announce_candidacy"),
    ("leadership", "campaign"),
    ("leadership", "check_candidacy"),
    ("leadership", "check_term"),
    ("leadership", "leader"),
    ("leadership", "renew_lease"),
    ("leadership", "resign"),
    ("messages", "ack_message"),
    ("messages", "extend_claim"),
    ("messages", "nack_message"),
    ("messages", "peek_messages"),
    ("messages", "receive_messages"),
    ("messages", "send_message"),
    ("messages", "take_messages"),
    ("workers", "count_workers"),
    ("workers", "delete_worker"),
    ("workers", "get_worker"),
    ("workers", "list_workers"),
    ("workers", "ping_worker"),
    ("workers", "refresh_statuses"),
    ("workers", "register_worker"),
    ("workers", "set_worker_status"),
    ("workers", "worker_history"),
];

pub(super) async fn operations_e01_every_operation_does_as_data_what_it_does_as_a_call(stage: Stage) -> Check {
    let spelled = Arc::new(Spelled {
        store: stage.open().await?,
        seen: Mutex::default(),
    });
    let as_data = Told::of(&Executed(Shared(spelled.clone())), &stage).await?;
    let elsewhere = stage.elsewhere().await;
    let as_calls = Told::of(&*elsewhere.open().await?, &elsewhere).await?;
    for (as_data, as_call) in as_data.0.into_iter().zip(as_calls.0) {
        same("an answer as data and as a call", as_data, as_call)?;
    }
    let seen: Vec<_> = spelled.seen.lock().iter().copied().collect();
    same("the operations that were run", seen, ALL.to_vec())
}

struct Shared(Arc<Spelled>);

#[async_trait]
impl Execute for Shared {
    async fn execute(&self, operation: Operation) -> Result<Answer> {
        self.0.execute(operation).await
    }
}

/// What a store answered, ids aside.
struct Told(Vec<String>);

impl Told {
    async fn of<S: Coordination + ?Sized>(store: &S, stage: &Stage) -> Check<Self> {
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
        let error = store.check_term(Term::from_number(0)).await.err();
        told.push(format!("{:?}", error.map(|error| error.kind())));
        Ok(Self(told))
    }
}

pub(super) async fn operations_e02_errors_name_the_operation_and_say_something(stage: Stage) -> Check {
    let store = stage.open().await?;
    let unknown = name("nobody")?;
    let errors = [
        ("workers", store.get_worker(&unknown).await.err()),
        ("workers", store.delete_worker(&unknown).await.err()),
        ("leadership", store.check_term(Term::from_number(7)).await.err()),
        (
            "messages",
            store.send_message(&crate::expect::message("nobody", "go")?).await.err(),
        ),
    ];
    for (concern, error) in errors {
        let error = error.ok_or_else(|| Failure::new(format!("an operation of {concern} must fail")))?;
        let named = error
            .operation()
            .is_some_and(|operation| operation.starts_with(concern));
        holds(&format!("an error that names an operation of {concern}"), named, &error)?;
        holds("an error that says what to do", error.message().len() > 10, &error)?;
    }
    refused("the unknown one", store.get_worker(&unknown).await, ErrorKind::NotFound)
}
