//! Whether a concurrent history can be explained by some order of its calls.
//!
//! The search of Wing and Gong, with Lowe's memory of what was tried (Gavin Lowe, "Testing for linearizability", 2017):
//! a call may come next when no other call returned before it was made; it does when the reference, in the state
//! reached so far, answers what the backend did. A call whose outcome is unknown may have happened at any time after
//! it was made, or never.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use convoke_backend_memory::State;
use convoke_core::{Answer, ErrorKind, Operation, Result, Timestamp};
use parking_lot::Mutex;

use crate::case::{Check, Failure};
use crate::ids::Ids;

/// How many steps the search tries until it gives up. A history of some hundred calls by a handful takes far fewer.
const PATIENCE: usize = 400_000;

/// A call: between two moments, counted by its history.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) operation: Operation,
    pub(crate) answer: Result<Answer>,
    pub(crate) called: usize,
    pub(crate) returned: usize,
}

impl Call {
    fn is_unknown(&self) -> bool {
        self.answer.as_ref().is_err_and(convoke_core::Error::is_outcome_unknown)
    }

    /// A read, or a call that was refused with an error.
    fn never_changes_anything(&self) -> bool {
        self.operation.is_read() || (self.answer.is_err() && !self.is_unknown())
    }

    fn surely_did_nothing(&self) -> bool {
        self.answer
            .as_ref()
            .is_err_and(|error| error.kind() == ErrorKind::Unavailable)
    }
}

/// Calls as they are made, by many at once.
#[derive(Debug, Default)]
pub(crate) struct History(Mutex<Recorded>);

#[derive(Debug, Default)]
struct Recorded {
    moment: usize,
    calls: Vec<Call>,
}

impl History {
    /// The next moment.
    pub(crate) fn moment(&self) -> usize {
        let mut recorded = self.0.lock();
        recorded.moment += 1;
        recorded.moment
    }

    /// Records a call that was made at the moment `called` and returned just now.
    pub(crate) fn record(&self, operation: Operation, answer: Result<Answer>, called: usize) {
        let mut recorded = self.0.lock();
        recorded.moment += 1;
        let returned = recorded.moment;
        recorded.calls.push(Call {
            operation,
            answer,
            called,
            returned,
        });
    }

    /// The calls, in the order in which they returned.
    pub(crate) fn into_calls(self) -> Vec<Call> {
        self.0.into_inner().calls
    }
}

/// A point of the search: which calls were ordered so far, and where that led.
#[derive(Clone)]
struct Point {
    done: Vec<bool>,
    state: State,
    ids: Ids,
    /// Which call is tried next.
    next: usize,
}

/// Judges whether some order of the calls, all as of `now`, explains their answers from an empty store.
pub(crate) fn explain(calls: Vec<Call>, now: Timestamp) -> Check {
    let calls: Vec<_> = calls.into_iter().filter(|call| !call.surely_did_nothing()).collect();
    let mut path = vec![Point {
        done: vec![false; calls.len()],
        state: State::default(),
        ids: Ids::default(),
        next: 0,
    }];
    let mut tried = HashSet::new();
    let mut furthest = path[0].clone();
    for _ in 0..PATIENCE {
        let Some(point) = path.last_mut() else {
            return Err(unexplained(&calls, &furthest, now));
        };
        if all_certain(&calls, &point.done) {
            return Ok(());
        }
        let Some(candidate) = next_candidate(&calls, point) else {
            path.pop();
            continue;
        };
        if let Some(reached) = after(&calls, point, candidate, now) {
            if calls[candidate].never_changes_anything() && reached.ids == point.ids {
                // It fits here and would change nothing elsewhere either: no other place can be better. (A write that
                // happens to change nothing *here* may be needed later: setting the status that is set already.)
                *point = reached;
            } else if tried.insert(fingerprint(&reached)) {
                if count(&reached.done) > count(&furthest.done) {
                    furthest = reached.clone();
                }
                path.push(reached);
            }
        }
    }
    Err(Failure::new(format!(
        "whether the {} calls can be ordered was not decided after {PATIENCE} steps",
        calls.len()
    )))
}

fn all_certain(calls: &[Call], done: &[bool]) -> bool {
    calls.iter().zip(done).all(|(call, done)| *done || call.is_unknown())
}

fn count(done: &[bool]) -> usize {
    done.iter().filter(|done| **done).count()
}

/// The next call to try: not ordered yet, and made before any other such call had returned.
fn next_candidate(calls: &[Call], point: &mut Point) -> Option<usize> {
    let returned = calls
        .iter()
        .zip(&point.done)
        .filter(|(call, done)| !**done && !call.is_unknown());
    let horizon = returned.map(|(call, _)| call.returned).min()?;
    while point.next < calls.len() {
        let candidate = point.next;
        point.next += 1;
        if !point.done[candidate] && calls[candidate].called < horizon {
            return Some(candidate);
        }
    }
    None
}

/// Where the candidate leads, when it answers what the backend did.
fn after(calls: &[Call], point: &Point, candidate: usize, now: Timestamp) -> Option<Point> {
    let call = &calls[candidate];
    let mut state = point.state.clone();
    let mut ids = point.ids.clone();
    let expected = state.apply(&ids.to_reference(&call.operation), now);
    let fits = match call.is_unknown() {
        // Having changed nothing is as good as never having happened.
        true => state != point.state,
        false => ids.agree(&call.operation, &expected, &call.answer),
    };
    if !fits {
        return None;
    }
    let mut done = point.done.clone();
    done[candidate] = true;
    Some(Point {
        done,
        state,
        ids,
        next: 0,
    })
}

/// Stands for a point in the memory of the search. Two points share one with a chance of one in 2^64.
fn fingerprint(point: &Point) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&point.done, &point.state, &point.ids).hash(&mut hasher);
    hasher.finish()
}

fn unexplained(calls: &[Call], furthest: &Point, now: Timestamp) -> Failure {
    let open: Vec<_> = calls
        .iter()
        .zip(&furthest.done)
        .filter(|(_, done)| !**done)
        .map(|(call, _)| call)
        .collect();
    let horizon = open.iter().map(|call| call.returned).min().unwrap_or_default();
    let mut lines = Vec::new();
    for call in open.iter().filter(|call| call.called < horizon) {
        let expected = furthest
            .state
            .clone()
            .apply(&furthest.ids.to_reference(&call.operation), now);
        lines.push(format!(
            "    {:?}\n      got:      {:?}\n      expected: {expected:?}",
            call.operation, call.answer
        ));
    }
    Failure::new(format!(
        "no order of the {} calls explains their answers: they are not atomic\n  {} of them can be ordered; none of these can come next (ids are the reference's in what is expected):\n{}",
        calls.len(),
        count(&furthest.done),
        lines.join("\n")
    ))
}

#[cfg(test)]
mod tests;
