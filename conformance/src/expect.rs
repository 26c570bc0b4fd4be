//! Expectations in words, and the short forms of operations that most examples need.

use std::fmt::Debug;

use convoke_core::{ErrorKind, Registration, Result, Store, WorkerName};

use crate::case::{Check, Failure};

/// Expects `got` to be `expected`; `what` names it.
#[track_caller]
pub(crate) fn same<T: PartialEq + Debug>(what: &str, got: T, expected: T) -> Check {
    if got == expected {
        Ok(())
    } else {
        Err(Failure::new(format!(
            "{what}\n  expected: {expected:?}\n  got:      {got:?}"
        )))
    }
}

/// Expects that something holds of `got`; `what` says it.
#[track_caller]
pub(crate) fn holds(what: &str, holds: bool, got: impl Debug) -> Check {
    if holds {
        Ok(())
    } else {
        Err(Failure::new(format!("expected: {what}\n  got:      {got:?}")))
    }
}

/// Expects an error of this kind; `what` names the operation.
#[track_caller]
pub(crate) fn refused<T: Debug>(what: &str, got: Result<T>, kind: ErrorKind) -> Check {
    match got {
        Err(error) if error.kind() == kind => Ok(()),
        other => Err(Failure::new(format!(
            "{what}\n  expected: an error of the kind {kind}\n  got:      {other:?}"
        ))),
    }
}

/// A worker's name.
#[track_caller]
pub(crate) fn name(name: &str) -> Check<WorkerName> {
    Ok(WorkerName::new(name)?)
}

/// Registers a worker.
pub(crate) async fn register(store: &dyn Store, worker: &str) -> Check<Registration> {
    Ok(store.register_worker(&name(worker)?).await?)
}
