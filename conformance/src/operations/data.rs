//! Operations and answers that went through JSON do what calls do.

use std::collections::BTreeSet;
use std::sync::Arc;

use convoke_core::{
    Answer, Cursor, Error, ErrorKind, Execute, Executed, LockToken, Operation, Page, Result, SettingRange, Term,
    async_trait,
};
use parking_lot::Mutex;

use super::told::Told;
use crate::case::{Check, Failure};
use crate::expect::{Handle, holds, lock_name, name, refused, same, topology_id};
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
const ALL: [(&str, &str); 49] = [
    ("leadership", "announce_candidacy"),
    ("leadership", "campaign"),
    ("leadership", "check_candidacy"),
    ("leadership", "check_term"),
    ("leadership", "leader"),
    ("leadership", "renew_lease"),
    ("leadership", "resign"),
    ("locks", "acquire_lock"),
    ("locks", "check_lock"),
    ("locks", "get_lock"),
    ("locks", "list_locks"),
    ("locks", "release_lock"),
    ("locks", "renew_lock"),
    ("messages", "ack_message"),
    ("messages", "extend_claim"),
    ("messages", "nack_message"),
    ("messages", "peek_messages"),
    ("messages", "receive_messages"),
    ("messages", "send_message"),
    ("messages", "take_messages"),
    ("settings", "get_setting"),
    ("settings", "list_settings"),
    ("settings", "write_settings"),
    ("topologies", "assign_topologies"),
    ("topologies", "clear_topology_error"),
    ("topologies", "delete_topology"),
    ("topologies", "disable_topology"),
    ("topologies", "enable_topology"),
    ("topologies", "get_topology"),
    ("topologies", "kill_topology"),
    ("topologies", "list_assigned_topologies"),
    ("topologies", "list_topologies"),
    ("topologies", "register_topology"),
    ("topologies", "report_topology"),
    ("topologies", "set_topology_error"),
    ("topologies", "set_topology_pid"),
    ("topologies", "stop_topology"),
    ("topologies", "topology_history"),
    ("topologies", "trim_topology_history"),
    ("workers", "count_workers"),
    ("workers", "delete_worker"),
    ("workers", "get_worker"),
    ("workers", "list_workers"),
    ("workers", "ping_worker"),
    ("workers", "refresh_statuses"),
    ("workers", "register_worker"),
    ("workers", "set_worker_status"),
    ("workers", "trim_worker_history"),
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
    for (as_data, as_call) in as_data.answers().zip(as_calls.answers()) {
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
        ("topologies", store.get_topology(&topology_id("none")?).await.err()),
        (
            "topologies",
            store.clear_topology_error(&topology_id("none")?).await.err(),
        ),
        (
            "locks",
            store
                .check_lock(&lock_name("l")?, LockToken::from_number(7))
                .await
                .err(),
        ),
        (
            "settings",
            store
                .list_settings(
                    &SettingRange::all(),
                    &Page::default().behind(Cursor::from(String::new())),
                )
                .await
                .err(),
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
