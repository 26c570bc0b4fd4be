//! Topologies as the file keeps them.

use convoke_core::{
    Affinity, Cursor, ErrorText, NewTopology, Page, Paged, Payload, Topology, TopologyChange, TopologyDetails,
    TopologyId, Ttl, Weight, WorkerName, error,
};
use rusqlite::Row;

use crate::error::{Fault, corrupt};
use crate::history::Histories;
use crate::transaction::{Transaction, number, stored, text, text_if_any, timestamp, worker_name_if_any};
use crate::workers::word;

pub(super) const HISTORIES: Histories = Histories {
    next_name: "SELECT topology FROM convoke_topology_history WHERE topology > ?1 ORDER BY topology LIMIT 1",
    oldest: "SELECT number, at FROM convoke_topology_history WHERE topology = ?1 ORDER BY number",
    newest: "SELECT number FROM convoke_topology_history WHERE topology = ?1 ORDER BY number DESC LIMIT 1",
    trim: "DELETE FROM convoke_topology_history WHERE topology = ?1 AND number <= ?2",
    floor: "topology_history",
};

/// The topology of this id, which must be there.
pub(super) fn topology(step: &Transaction<'_>, id: &TopologyId) -> Result<Topology, Fault> {
    Ok(find(step, id)?.ok_or_else(|| error::unknown_topology(id))?)
}

pub(super) fn find(step: &Transaction<'_>, id: &TopologyId) -> Result<Option<Topology>, Fault> {
    step.first(
        "SELECT id, status, enabled, worker, weight, affinity, pid, error, since FROM convoke_topology WHERE id = ?1",
        [id.as_str()],
        read_topology,
    )
}

pub(super) fn details(step: &Transaction<'_>, id: &TopologyId) -> Result<TopologyDetails, Fault> {
    let topology = topology(step, id)?;
    let config = step.first(
        "SELECT config FROM convoke_topology_config WHERE id = ?1",
        [id.as_str()],
        |row| Ok(Payload::from_store(text(row, 0)?)?),
    )?;
    let config = config.ok_or_else(|| corrupt("a topology has no config; register it again"))?;
    Ok(TopologyDetails { topology, config })
}

pub(super) fn list(step: &Transaction<'_>, page: &Page) -> Result<Paged<Topology>, Fault> {
    let after = page.after.as_ref().map(Cursor::topology).transpose()?;
    let items = step.all(
        "SELECT id, status, enabled, worker, weight, affinity, pid, error, since FROM convoke_topology
         WHERE id > ?1 ORDER BY id LIMIT ?2",
        (after.as_ref().map_or("", TopologyId::as_str), page.limit.get() + 1),
        read_topology,
    )?;
    Ok(cut(items, page))
}

pub(super) fn list_held(step: &Transaction<'_>, worker: &WorkerName, page: &Page) -> Result<Paged<Topology>, Fault> {
    let after = page.after.as_ref().map(Cursor::topology).transpose()?;
    let items = step.all(
        "SELECT id, status, enabled, worker, weight, affinity, pid, error, since FROM convoke_topology
         WHERE worker = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
        (
            worker.as_str(),
            after.as_ref().map_or("", TopologyId::as_str),
            page.limit.get() + 1,
        ),
        read_topology,
    )?;
    Ok(cut(items, page))
}

/// The first of those that waited for too long, the longest first.
pub(super) fn overdue(step: &Transaction<'_>, waiting: Ttl, at_most: usize) -> Result<Vec<Topology>, Fault> {
    let mut found = Vec::new();
    step.walk(
        "SELECT id, status, enabled, worker, weight, affinity, pid, error, since FROM convoke_topology
         WHERE status = 'waiting' ORDER BY since, id",
        [],
        |row| {
            let topology = read_topology(row)?;
            let is_overdue = topology.is_overdue(waiting, step.now);
            if is_overdue {
                found.push(topology);
            }
            Ok(is_overdue && found.len() < at_most)
        },
    )?;
    Ok(found)
}

/// The first of those that wait for a worker or run on it.
pub(super) fn in_use(step: &Transaction<'_>, worker: &WorkerName, at_most: usize) -> Result<Vec<Topology>, Fault> {
    let mut found = Vec::new();
    step.walk(
        "SELECT id, status, enabled, worker, weight, affinity, pid, error, since FROM convoke_topology
         WHERE worker = ?1 AND status IN ('waiting', 'running') ORDER BY id",
        [worker.as_str()],
        |row| {
            found.push(read_topology(row)?);
            Ok(found.len() < at_most)
        },
    )?;
    Ok(found)
}

/// Writes what registering sets, of a new topology or of one that is there.
pub(super) fn write_registered(step: &Transaction<'_>, topology: &Topology, new: &NewTopology) -> Result<(), Fault> {
    step.execute(
        "INSERT INTO convoke_topology (id, status, enabled, weight, affinity, since) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO UPDATE SET weight = excluded.weight, affinity = excluded.affinity",
        (
            topology.id.as_str(),
            topology.status.as_str(),
            topology.enabled,
            topology.weight.get(),
            Payload::of(&topology.affinity)?.as_str(),
            topology.since.as_micros(),
        ),
    )?;
    step.execute(
        "INSERT INTO convoke_topology_config (id, config) VALUES (?1, ?2)
         ON CONFLICT (id) DO UPDATE SET config = excluded.config",
        (new.id.as_str(), new.config.as_str()),
    )?;
    Ok(())
}

/// Writes how a topology stands: all but what registering sets.
pub(super) fn write(step: &Transaction<'_>, topology: &Topology) -> Result<(), Fault> {
    step.execute(
        "UPDATE convoke_topology SET status = ?2, enabled = ?3, worker = ?4, pid = ?5, error = ?6, since = ?7
         WHERE id = ?1",
        (
            topology.id.as_str(),
            topology.status.as_str(),
            topology.enabled,
            topology.worker.as_ref().map(WorkerName::as_str),
            topology.pid,
            topology.error.as_ref().map(ErrorText::as_str),
            topology.since.as_micros(),
        ),
    )?;
    Ok(())
}

pub(super) fn delete(step: &Transaction<'_>, id: &TopologyId) -> Result<(), Fault> {
    step.execute("DELETE FROM convoke_topology WHERE id = ?1", [id.as_str()])?;
    step.execute("DELETE FROM convoke_topology_config WHERE id = ?1", [id.as_str()])?;
    Ok(())
}

/// Writes a row of history: how the topology stands from now on.
pub(super) fn record(step: &Transaction<'_>, topology: &Topology) -> Result<(), Fault> {
    step.execute(
        "INSERT INTO convoke_topology_history
             (topology, number, at, status, enabled, worker, weight, affinity, pid, error)
         VALUES (?1, 1 + ifnull((SELECT max(number) FROM convoke_topology_history WHERE topology = ?1),
                                (SELECT value FROM convoke_counter WHERE name = 'topology_history')),
                 ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        (
            topology.id.as_str(),
            step.now.as_micros(),
            topology.status.as_str(),
            topology.enabled,
            topology.worker.as_ref().map(WorkerName::as_str),
            topology.weight.get(),
            Payload::of(&topology.affinity)?.as_str(),
            topology.pid,
            topology.error.as_ref().map(ErrorText::as_str),
        ),
    )?;
    Ok(())
}

pub(super) fn history(step: &Transaction<'_>, id: &TopologyId, page: &Page) -> Result<Paged<TopologyChange>, Fault> {
    let before = page.after.as_ref().map(Cursor::number).transpose()?;
    let items = step.all(
        "SELECT number, at, status, enabled, worker, weight, affinity, pid, error FROM convoke_topology_history
         WHERE topology = ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3",
        (id.as_str(), before.map_or(i64::MAX, stored), page.limit.get() + 1),
        |row| {
            let change = TopologyChange {
                at: timestamp(row, 1)?,
                id: id.clone(),
                status: word(row, 2)?,
                enabled: row.get(3)?,
                worker: worker_name_if_any(row, 4)?,
                weight: weight(row, 5)?,
                affinity: affinity(row, 6)?,
                pid: row.get(7)?,
                error: text_if_any(row, 8)?.map(ErrorText::new),
            };
            Ok((number(row, 0)?, change))
        },
    )?;
    let page = Paged::cut(items, page.limit, |(number, _)| Cursor::behind_number(*number));
    Ok(page.map(|(_, change)| change))
}

fn cut(items: Vec<Topology>, page: &Page) -> Paged<Topology> {
    Paged::cut(items, page.limit, |last| Cursor::behind_topology(&last.id))
}

/// Reads a row of `id, status, enabled, worker, weight, affinity, pid, error, since`.
fn read_topology(row: &Row<'_>) -> Result<Topology, Fault> {
    let id = TopologyId::new(text(row, 0)?);
    Ok(Topology {
        id: id.map_err(|_| corrupt("the file holds a topology's id that breaks the rules of names"))?,
        status: word(row, 1)?,
        enabled: row.get(2)?,
        worker: worker_name_if_any(row, 3)?,
        weight: weight(row, 4)?,
        affinity: affinity(row, 5)?,
        pid: row.get(6)?,
        error: text_if_any(row, 7)?.map(ErrorText::new),
        since: timestamp(row, 8)?,
    })
}

fn weight(row: &Row<'_>, column: usize) -> Result<Weight, Fault> {
    Weight::new(row.get(column)?).map_err(|_| corrupt("the file holds a weight that is none").into())
}

fn affinity(row: &Row<'_>, column: usize) -> Result<Affinity, Fault> {
    let names = text(row, column)?;
    // Most have none.
    if names == "[]" {
        return Ok(Affinity::default());
    }
    Payload::from_store(names)?
        .decode()
        .map_err(|_| corrupt("the file holds an affinity that is no list of workers").into())
}
