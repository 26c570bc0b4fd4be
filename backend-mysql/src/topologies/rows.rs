//! Topologies as rows: what was written by us, and what the client of qtopology-mysql wrote.

use std::collections::HashSet;

use convoke_core::{
    Affinity, Assignment, ErrorText, NewTopology, Payload, Registration, Reported, Result, Term, Timestamp, Topology,
    TopologyChange, TopologyId, TopologyStatus, Weight, WorkerName, error,
};
use sqlx::mysql::MySqlRow;

use crate::error::{foreign_name, unexpected};
use crate::row::{Columns, outcome};
use crate::workers;

/// What a procedure answers that tells a worker something.
pub(super) enum Told {
    /// Who was told, if anybody.
    Whom(Option<WorkerName>),
    /// There is no such topology.
    Unknown,
    /// It is not in error, as it would have to be.
    NotInError(TopologyStatus),
}

/// The affinity as the client of qtopology-mysql reads it. It would split a name with a comma into two others.
pub(super) fn comma_joined(affinity: &Affinity) -> String {
    let names = affinity.workers().iter().map(WorkerName::as_str);
    names.filter(|name| !name.contains(',')).collect::<Vec<_>>().join(",")
}

/// The affinity of a list that the client of qtopology-mysql wrote, as far as it can name workers.
fn split(joined: &str) -> Result<Affinity> {
    let mut seen = HashSet::new();
    let names = joined.split(',').filter_map(|name| WorkerName::new(name).ok());
    let once = names.filter(|name| seen.insert(name.clone())).take(Affinity::MAX_NAMES);
    Affinity::new(once)
}

/// Reads uuid, status, enabled, worker, weight, affinity, worker_affinity, pid, error and since_us.
pub(super) fn topology(row: &MySqlRow) -> Result<Topology> {
    let row = Columns(row);
    let status = status(row.text(1)?)?;
    Ok(Topology {
        id: row.topology(0)?,
        status,
        enabled: row.int(2)? != 0,
        worker: row.some_worker(3)?,
        weight: weight(row.float(4)?)?,
        affinity: affinity(&row)?,
        // A number that is no process says nothing.
        pid: row.some_int(7)?.and_then(|pid| u32::try_from(pid).ok()),
        error: error_of(status, row.some_text(8)?),
        since: row.time(9)?,
    })
}

/// Reads the same with at_us in the place of since_us, and the number of the row.
pub(super) fn change(row: &MySqlRow) -> Result<(u64, TopologyChange)> {
    let then = topology(row)?;
    Ok((Columns(row).number(10)?, then.change(then.since)))
}

fn status(word: &str) -> Result<TopologyStatus> {
    word.parse().map_err(|source| unexpected("a status").caused_by(source))
}

/// The client of qtopology-mysql bounds no weight; the nearest that we have stands for it.
fn weight(number: f64) -> Result<Weight> {
    Weight::new(number.clamp(0.0, Weight::MAX.get()))
}

fn affinity(row: &Columns<'_>) -> Result<Affinity> {
    match row.some_text(5)? {
        Some(ours) => serde_json::from_str(ours).map_err(|source| unexpected("an affinity").caused_by(source)),
        None => split(row.some_text(6)?.unwrap_or_default()),
    }
}

/// The client of qtopology-mysql writes an empty error for none.
fn error_of(status: TopologyStatus, text: Option<&str>) -> Option<ErrorText> {
    text.filter(|text| !text.is_empty() || status == TopologyStatus::Error)
        .map(ErrorText::new)
}

/// Reads what became of several placements, or of one; nothing is answered when a single one is assigned.
pub(super) fn assignments(rows: &[MySqlRow], term: Term, is_single: bool) -> Result<Vec<Assignment>> {
    match (outcome(rows)?, rows.first()) {
        (None, _) if is_single => Ok(vec![Assignment::Assigned]),
        (Some("stale"), _) => Err(error::stale_term(term)),
        (Some("done"), Some(row)) => {
            let answers: Vec<Vec<String>> = serde_json::from_str(Columns(row).text(1)?)
                .map_err(|source| unexpected("a list of answers").caused_by(source))?;
            answers.iter().map(|answer| assignment(answer)).collect()
        }
        _ => Err(unexpected("an unknown outcome")),
    }
}

fn assignment(answer: &[String]) -> Result<Assignment> {
    let words: Vec<_> = answer.iter().map(String::as_str).collect();
    match words[..] {
        ["assigned"] => Ok(Assignment::Assigned),
        ["unknown_topology"] => Ok(Assignment::UnknownTopology),
        ["unknown_worker"] => Ok(Assignment::UnknownWorker),
        ["in_error"] => Ok(Assignment::InError),
        ["disabled"] => Ok(Assignment::Disabled),
        ["held", by] => {
            let by = WorkerName::new(by).map_err(|source| foreign_name(source, by))?;
            Ok(Assignment::HeldBy(by))
        }
        ["not_alive", status] => Ok(Assignment::NotAlive(workers::status(status)?)),
        _ => Err(unexpected("an unknown outcome")),
    }
}

pub(super) fn reported(rows: &[MySqlRow], registration: &Registration, id: &TopologyId) -> Result<Reported> {
    match (outcome(rows)?, rows.first()) {
        (None, _) => Ok(Reported::Accepted),
        (Some("disabled"), _) => Ok(Reported::Disabled),
        (Some("not_held"), Some(row)) => Ok(Reported::NotHeld(Columns(row).some_worker(1)?)),
        (Some("unknown_worker"), _) => Err(error::unknown_worker(&registration.worker)),
        (Some("stale"), _) => Err(error::stale_registration(registration)),
        (Some("unknown_topology"), _) => Err(error::unknown_topology(id)),
        _ => Err(unexpected("an unknown outcome")),
    }
}

pub(super) fn told_whom(rows: &[MySqlRow]) -> Result<Told> {
    match (outcome(rows)?, rows.first()) {
        (Some("done"), Some(row)) => Ok(Told::Whom(Columns(row).some_worker(1)?)),
        (Some("unknown"), _) => Ok(Told::Unknown),
        (Some("not_in_error"), Some(row)) => Ok(Told::NotInError(status(Columns(row).text(1)?)?)),
        _ => Err(unexpected("an unknown outcome")),
    }
}

pub(super) fn check_deleted(rows: &[MySqlRow], id: &TopologyId) -> Result<()> {
    match (outcome(rows)?, rows.first()) {
        (None, _) => Ok(()),
        (Some("unknown"), _) => Err(error::unknown_topology(id)),
        (Some("in_use"), Some(row)) => {
            let row = Columns(row);
            Err(error::topology_in_use(&Topology {
                status: status(row.text(1)?)?,
                worker: row.some_worker(2)?,
                ..Topology::registered(&NewTopology::new(id.clone(), Payload::empty()), Timestamp::EPOCH)
            }))
        }
        _ => Err(unexpected("an unknown outcome")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(affinity: &Affinity) -> Vec<&str> {
        affinity.workers().iter().map(WorkerName::as_str).collect()
    }

    #[test]
    fn a_comma_joined_list_names_each_worker_once_and_nobody_else() {
        assert_eq!(names(&split("b,a,,b,\u{7}").unwrap()), ["b", "a"]);
        assert!(split("").unwrap().workers().is_empty());
    }

    #[test]
    fn a_name_with_a_comma_is_not_split_into_two_others() {
        let affinity = Affinity::new(["a,b", "c"].map(|name| WorkerName::new(name).unwrap())).unwrap();
        assert_eq!(comma_joined(&affinity), "c");
    }

    #[test]
    fn a_weight_beyond_ours_is_the_nearest_one() {
        assert_eq!(weight(-1.0).unwrap().get(), 0.0);
        assert_eq!(weight(1e9).unwrap(), Weight::MAX);
        assert_eq!(weight(0.1).unwrap().get(), 0.1);
    }

    #[test]
    fn an_empty_text_is_an_error_only_where_there_is_one() {
        assert_eq!(error_of(TopologyStatus::Running, Some("")), None);
        assert_eq!(error_of(TopologyStatus::Error, Some("")), Some(ErrorText::new("")));
        assert_eq!(error_of(TopologyStatus::Unassigned, None), None);
    }
}
