use convoke_core::{
    Candidacy, Error, ErrorKind, Incarnation, LeadershipAnswer as LA, LeadershipOperation as LO, Lease, Registration,
    Term, Ttl, WorkerName, WorkerStatus, WorkersAnswer as WA, WorkersOperation as WO,
};

use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);
const TTL: Ttl = Ttl::from_secs(10);

fn registration(name: &str, incarnation: u64) -> Registration {
    Registration {
        worker: WorkerName::new(name).unwrap(),
        incarnation: Incarnation::from_number(incarnation),
    }
}

fn call(operation: impl Into<Operation>, answer: Result<Answer>, called: usize, returned: usize) -> Call {
    Call {
        operation: operation.into(),
        answer,
        called,
        returned,
    }
}

fn register(name: &str, incarnation: u64, called: usize, returned: usize) -> Call {
    let registered = registration(name, incarnation);
    let operation = WO::RegisterWorker {
        name: registered.worker.clone(),
    };
    call(operation, Ok(WA::RegisterWorker(registered).into()), called, returned)
}

fn ping(name: &str, incarnation: u64, answer: Result<()>, called: usize, returned: usize) -> Call {
    let registration = registration(name, incarnation);
    call(
        WO::PingWorker { registration },
        answer.map(|()| WA::PingWorker(()).into()),
        called,
        returned,
    )
}

fn elected(name: &str, incarnation: u64, term: u64, called: usize, returned: usize) -> Call {
    let registration = registration(name, incarnation);
    let lease = Lease {
        registration: registration.clone(),
        term: Term::from_number(term),
        expires: NOW.plus(TTL),
    };
    let operation = LO::Campaign { registration, ttl: TTL };
    call(
        operation,
        Ok(LA::Campaign(Candidacy::Elected(lease)).into()),
        called,
        returned,
    )
}

fn error(kind: ErrorKind) -> Error {
    Error::new(kind, "made up")
}

#[test]
fn a_sequence_with_gaps_in_its_ids_is_explained() {
    let calls = vec![
        register("a", 7, 1, 2),
        register("b", 9, 3, 4),
        ping("a", 7, Ok(()), 5, 6),
    ];
    explain(calls, NOW).unwrap();
}

#[test]
fn concurrent_calls_are_explained_by_any_order_of_them() {
    // The ping with the first incarnation returned last; it must have come before the second registration.
    let calls = vec![
        register("a", 1, 1, 2),
        register("a", 2, 3, 5),
        ping("a", 1, Ok(()), 4, 6),
    ];
    explain(calls, NOW).unwrap();
}

#[test]
fn a_call_cannot_come_before_one_that_returned_before_it_was_made() {
    let calls = vec![
        register("a", 1, 1, 2),
        register("a", 2, 3, 4),
        ping("a", 1, Ok(()), 5, 6),
    ];
    let why = explain(calls, NOW).unwrap_err().to_string();
    assert!(why.contains("2 of them can be ordered"), "{why}");
}

#[test]
fn two_leaders_at_once_are_not_explained_by_any_order() {
    let calls = vec![
        register("a", 1, 1, 2),
        register("b", 2, 3, 4),
        elected("a", 1, 1, 5, 8),
        elected("b", 2, 2, 6, 7),
    ];
    assert!(explain(calls, NOW).is_err());
}

#[test]
fn one_id_cannot_stand_for_two_things() {
    let calls = vec![register("a", 1, 1, 2), register("b", 1, 3, 4)];
    assert!(explain(calls, NOW).is_err());
}

#[test]
fn an_unknown_outcome_may_have_happened_or_not() {
    let unknown = || {
        let mut call = register("a", 0, 3, 4);
        call.answer = Err(error(ErrorKind::OutcomeUnknown));
        call
    };
    let happened = vec![
        register("a", 1, 1, 2),
        unknown(),
        ping("a", 1, Err(error(ErrorKind::Fenced)), 5, 6),
    ];
    explain(happened, NOW).unwrap();
    let did_not = vec![register("a", 1, 1, 2), unknown(), ping("a", 1, Ok(()), 5, 6)];
    explain(did_not, NOW).unwrap();
    let late = vec![
        register("a", 1, 1, 2),
        unknown(),
        ping("a", 1, Ok(()), 5, 6),
        ping("a", 1, Err(error(ErrorKind::Fenced)), 7, 8),
    ];
    explain(late, NOW).unwrap();
    let both = vec![
        register("a", 1, 1, 2),
        unknown(),
        ping("a", 1, Err(error(ErrorKind::Fenced)), 5, 6),
        ping("a", 1, Ok(()), 7, 8),
    ];
    assert!(explain(both, NOW).is_err());
}

#[test]
fn what_was_unavailable_did_nothing() {
    let mut refused = register("a", 0, 3, 4);
    refused.answer = Err(error(ErrorKind::Unavailable));
    let calls = vec![
        register("a", 1, 1, 2),
        refused,
        ping("a", 1, Err(error(ErrorKind::Fenced)), 5, 6),
    ];
    assert!(explain(calls, NOW).is_err());
}

#[test]
fn a_wide_history_that_cannot_be_explained_is_decided() {
    let mut calls = vec![register("a", 1, 1, 2)];
    for number in 0..7 {
        calls.push(register("b", 10 + number, 3, 40));
    }
    calls.push(ping("a", 1, Err(error(ErrorKind::Fenced)), 3, 40));
    let why = explain(calls, NOW).unwrap_err().to_string();
    assert!(why.contains("not atomic"), "{why}");
}

#[test]
fn a_write_that_changes_nothing_at_first_may_be_what_changes_something_later() {
    let set = |status, called, returned| {
        let name = WorkerName::new("a").unwrap();
        let operation = WO::SetWorkerStatus {
            name,
            incarnation: None,
            status,
        };
        call(operation, Ok(WA::SetWorkerStatus(()).into()), called, returned)
    };
    let worker = convoke_core::Worker {
        name: WorkerName::new("a").unwrap(),
        status: WorkerStatus::Alive,
        role: convoke_core::Role::Normal,
        incarnation: Incarnation::from_number(1),
        last_ping: NOW,
    };
    let name = worker.name.clone();
    let looked = call(WO::GetWorker { name }, Ok(WA::GetWorker(worker).into()), 7, 8);
    // The worker is alive already when "alive" is asked for; it must be tried behind "closing" all the same.
    let calls = vec![
        register("a", 1, 1, 2),
        set(WorkerStatus::Alive, 4, 5),
        set(WorkerStatus::Closing, 3, 6),
        looked,
    ];
    assert!(explain(calls, NOW).is_ok());
}
