//! Every operation as data, and one way to run it on any backend.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::{
    Coordination, LeadershipAnswer, LeadershipOperation, LocksAnswer, LocksOperation, MessagesAnswer,
    MessagesOperation, SettingsAnswer, SettingsOperation, TopologiesAnswer, TopologiesOperation, WorkersAnswer,
    WorkersOperation,
};

/// Any operation of coordination as data.
///
/// In JSON the concern and the method are keys around the arguments, not tags beside them: tags would make serde hold
/// the arguments back in a form in which a [`Payload`](crate::Payload) loses its text.
///
/// ```
/// use convoke_core::{Operation, WorkerName, WorkersOperation};
/// let operation: Operation = WorkersOperation::RegisterWorker { name: WorkerName::new("a").unwrap() }.into();
/// let text = serde_json::to_string(&operation).unwrap();
/// assert_eq!(text, r#"{"workers":{"register_worker":{"name":"a"}}}"#);
/// assert_eq!(serde_json::from_str::<Operation>(&text).unwrap(), operation);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Operation {
    /// An operation of [`Workers`](crate::Workers).
    Workers(WorkersOperation),
    /// An operation of [`Leadership`](crate::Leadership).
    Leadership(LeadershipOperation),
    /// An operation of [`Topologies`](crate::Topologies).
    Topologies(TopologiesOperation),
    /// An operation of [`Messages`](crate::Messages).
    Messages(MessagesOperation),
    /// An operation of [`Locks`](crate::Locks).
    Locks(LocksOperation),
    /// An operation of [`Settings`](crate::Settings).
    Settings(SettingsOperation),
}

impl Operation {
    /// The concern and the method, such as `("leadership", "campaign")`.
    #[must_use]
    pub const fn name(&self) -> (&'static str, &'static str) {
        match self {
            Self::Workers(operation) => ("workers", operation.name()),
            Self::Leadership(operation) => ("leadership", operation.name()),
            Self::Topologies(operation) => ("topologies", operation.name()),
            Self::Messages(operation) => ("messages", operation.name()),
            Self::Locks(operation) => ("locks", operation.name()),
            Self::Settings(operation) => ("settings", operation.name()),
        }
    }

    /// Whether it changes nothing.
    #[must_use]
    pub const fn is_read(&self) -> bool {
        match self {
            Self::Workers(operation) => operation.is_read(),
            Self::Leadership(operation) => operation.is_read(),
            Self::Topologies(operation) => operation.is_read(),
            Self::Messages(operation) => operation.is_read(),
            Self::Locks(operation) => operation.is_read(),
            Self::Settings(operation) => operation.is_read(),
        }
    }

    /// Runs it on a store.
    ///
    /// # Errors
    /// Those of the method that it is.
    pub async fn run<S: Coordination + ?Sized>(&self, store: &S) -> Result<Answer> {
        match self {
            Self::Workers(operation) => operation.run(store).await.map(Answer::Workers),
            Self::Leadership(operation) => operation.run(store).await.map(Answer::Leadership),
            Self::Topologies(operation) => operation.run(store).await.map(Answer::Topologies),
            Self::Messages(operation) => operation.run(store).await.map(Answer::Messages),
            Self::Locks(operation) => operation.run(store).await.map(Answer::Locks),
            Self::Settings(operation) => operation.run(store).await.map(Answer::Settings),
        }
    }
}

/// What any operation answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Answer {
    /// An answer of [`Workers`](crate::Workers).
    Workers(WorkersAnswer),
    /// An answer of [`Leadership`](crate::Leadership).
    Leadership(LeadershipAnswer),
    /// An answer of [`Topologies`](crate::Topologies).
    Topologies(TopologiesAnswer),
    /// An answer of [`Messages`](crate::Messages).
    Messages(MessagesAnswer),
    /// An answer of [`Locks`](crate::Locks).
    Locks(LocksAnswer),
    /// An answer of [`Settings`](crate::Settings).
    Settings(SettingsAnswer),
}

/// Something that takes operations as data and answers them: a store, or a layer in front of one.
///
/// Implement it once to record, trace, delay or replicate every operation; wrap it in [`Executed`] to use it as a
/// store again.
#[async_trait]
pub trait Execute: Send + Sync {
    /// Runs one operation.
    async fn execute(&self, operation: Operation) -> Result<Answer>;
}

#[async_trait]
impl<S: Coordination + ?Sized> Execute for std::sync::Arc<S> {
    async fn execute(&self, operation: Operation) -> Result<Answer> {
        operation.run(&**self).await
    }
}

/// Makes whatever takes operations as data a [`Coordination`] again.
#[derive(Clone, Debug)]
pub struct Executed<E>(pub E);

pub(crate) fn mismatched(operation: &'static str, answer: &Answer) -> Error {
    Error::new(
        ErrorKind::Internal,
        "a layer answered another operation than it was given",
    )
    .at(operation)
    .with("answer", format_args!("{answer:?}"))
}
