//! Workers in SQLite.

use std::collections::{BTreeMap, BTreeSet};

use convoke_core::leadership::{Seat, role_of};
use convoke_core::workers::{MAX_REFRESHED, check_deletable, check_registration, is_gone, is_silent};
use convoke_core::{
    Cursor, Incarnation, Page, Paged, Refreshed, Registration, Result, Retention, Role, RoleCounts, Timeouts,
    Timestamp, Trimmed, Vacated, Worker, WorkerChange, WorkerName, WorkerStatus, Workers, async_trait, error,
};
use rusqlite::Row;

use crate::error::{Fault, corrupt};
use crate::history::Histories;
use crate::leadership::{lapsed_candidates, seat, vacate, write_seat};
use crate::messages::{delete_messages, purge_expired};
use crate::store::SqliteStore;
use crate::topologies::{has_in_use, mark_gone, take_away, unmark_gone};
use crate::transaction::{Transaction, number, stored, text, timestamp, timestamp_if_any, worker_name};

#[async_trait]
impl Workers for SqliteStore {
    async fn register_worker(&self, name: &WorkerName) -> Result<Registration> {
        let name = name.clone();
        self.write("workers.register", move |step| register(step, name)).await
    }

    async fn ping_worker(&self, registration: &Registration) -> Result<()> {
        let registration = registration.clone();
        self.write("workers.ping", move |step| hear_of(step, &registration).map(drop))
            .await
    }

    async fn set_worker_status(
        &self,
        name: &WorkerName,
        incarnation: Option<Incarnation>,
        status: WorkerStatus,
    ) -> Result<()> {
        let name = name.clone();
        self.write("workers.set_status", move |step| {
            set_status(step, name, incarnation, status)
        })
        .await
    }

    async fn get_worker(&self, name: &WorkerName) -> Result<Worker> {
        let name = name.clone();
        self.read("workers.get", move |step| {
            let entry = entry(step, &name)?.ok_or_else(|| error::unknown_worker(&name))?;
            Ok(worker(&seat(step)?, name, &entry, step.now))
        })
        .await
    }

    async fn list_workers(&self, page: &Page) -> Result<Paged<Worker>> {
        let page = page.clone();
        self.read("workers.list", move |step| list(step, &page)).await
    }

    async fn count_workers(&self) -> Result<RoleCounts> {
        self.read("workers.count", count).await
    }

    async fn delete_worker(&self, name: &WorkerName) -> Result<()> {
        let name = name.clone();
        self.write("workers.delete", move |step| {
            let status = entry(step, &name)?.map(|entry| entry.status);
            check_deletable(&name, status, has_in_use(step, &name)?)?;
            step.execute("DELETE FROM convoke_worker WHERE name = ?1", [name.as_str()])?;
            unmark_gone(step, &name)?;
            delete_messages(step, &name)
        })
        .await
    }

    async fn worker_history(&self, name: &WorkerName, page: &Page) -> Result<Paged<WorkerChange>> {
        let (name, page) = (name.clone(), page.clone());
        self.read("workers.history", move |step| history(step, &name, &page))
            .await
    }

    async fn trim_worker_history(&self, retention: &Retention, page: &Page) -> Result<Trimmed> {
        let operation = "workers.trim_history";
        let after = page.after.as_ref().map(Cursor::worker).transpose();
        let after = after
            .map_err(|error| error.at(operation))?
            .map_or(String::new(), String::from);
        self.trim(operation, &HISTORIES, *retention, (after, page.limit)).await
    }

    async fn refresh_statuses(&self, timeouts: &Timeouts) -> Result<Refreshed> {
        let timeouts = *timeouts;
        self.write("workers.refresh_statuses", move |step| refresh(step, &timeouts))
            .await
    }
}

const HISTORIES: Histories = Histories {
    next_name: "SELECT worker FROM convoke_worker_history WHERE worker > ?1 ORDER BY worker LIMIT 1",
    oldest: "SELECT number, at FROM convoke_worker_history WHERE worker = ?1 ORDER BY number",
    newest: "SELECT number FROM convoke_worker_history WHERE worker = ?1 ORDER BY number DESC LIMIT 1",
    trim: "DELETE FROM convoke_worker_history WHERE worker = ?1 AND number <= ?2",
    floor: "worker_history",
};

/// What is kept of a worker.
pub(crate) struct Entry {
    pub(crate) status: WorkerStatus,
    pub(crate) incarnation: Incarnation,
    pub(crate) candidacy: Option<Timestamp>,
    last_ping: Timestamp,
}

pub(crate) fn entry(step: &Transaction<'_>, name: &WorkerName) -> Result<Option<Entry>, Fault> {
    step.first(
        "SELECT status, incarnation, last_ping, candidacy FROM convoke_worker WHERE name = ?1",
        [name.as_str()],
        |row| read_entry(row, 0),
    )
}

/// The worker of a registration that is not stale. Does not count the call as a ping yet, so that whoever has more to
/// decide can do so before anything is written.
pub(crate) fn registered(step: &Transaction<'_>, registration: &Registration) -> Result<Entry, Fault> {
    let found = entry(step, &registration.worker)?;
    check_registration(found.as_ref().map(|entry| entry.incarnation), registration)?;
    Ok(found.ok_or_else(|| error::unknown_worker(&registration.worker))?)
}

/// Notes that the worker was heard of now.
pub(crate) fn ping(step: &Transaction<'_>, name: &WorkerName) -> Result<(), Fault> {
    let values = (name.as_str(), step.now.as_micros());
    let pinged = step.execute(
        "UPDATE convoke_worker SET last_ping = ?2 WHERE name = ?1 AND last_ping <> ?2 AND noted_ping <= ?2",
        values,
    )?;
    if pinged == 0 {
        // Either nothing is to be done, or the clock was set back.
        step.execute(
            "UPDATE convoke_worker SET last_ping = ?2, noted_ping = ?2 WHERE name = ?1 AND noted_ping > ?2",
            values,
        )?;
    }
    Ok(())
}

/// Checks the registration and counts the call as a ping.
pub(crate) fn hear_of(step: &Transaction<'_>, registration: &Registration) -> Result<Entry, Fault> {
    let entry = registered(step, registration)?;
    ping(step, &registration.worker)?;
    Ok(entry)
}

/// Writes a row of history: how the worker stands from now on.
pub(crate) fn record(step: &Transaction<'_>, name: &WorkerName, standing: &Standing) -> Result<(), Fault> {
    step.execute(
        "INSERT INTO convoke_worker_history (worker, number, at, status, role, incarnation)
         VALUES (?1, 1 + ifnull((SELECT max(number) FROM convoke_worker_history WHERE worker = ?1),
                                (SELECT value FROM convoke_counter WHERE name = 'worker_history')), ?2, ?3, ?4, ?5)",
        (
            name.as_str(),
            step.now.as_micros(),
            standing.status.as_str(),
            standing.role.as_str(),
            stored(standing.incarnation.number()),
        ),
    )?;
    Ok(())
}

/// How a worker stands after a change.
pub(crate) struct Standing {
    pub(crate) status: WorkerStatus,
    pub(crate) role: Role,
    pub(crate) incarnation: Incarnation,
}

/// Records that a worker has no part in leadership from now on. Nothing for one that is not there.
pub(crate) fn record_normal(step: &Transaction<'_>, name: &WorkerName) -> Result<(), Fault> {
    match entry(step, name)? {
        None => Ok(()),
        Some(Entry {
            status, incarnation, ..
        }) => record(
            step,
            name,
            &Standing {
                status,
                role: Role::Normal,
                incarnation,
            },
        ),
    }
}

/// Keeps a candidacy, or ends it.
pub(crate) fn write_candidacy(
    step: &Transaction<'_>,
    name: &WorkerName,
    until: Option<Timestamp>,
) -> Result<(), Fault> {
    step.execute(
        "UPDATE convoke_worker SET candidacy = ?2 WHERE name = ?1",
        (name.as_str(), until.map(Timestamp::as_micros)),
    )?;
    Ok(())
}

fn register(step: &Transaction<'_>, name: WorkerName) -> Result<Registration, Fault> {
    let seat = seat(step)?;
    let incarnation = Incarnation::from_number(step.next("incarnation")?);
    step.execute(
        "INSERT INTO convoke_worker (name, status, incarnation, last_ping, candidacy, noted_ping, received)
         VALUES (?1, ?2, ?3, ?4, NULL, ?4, 0)
         ON CONFLICT (name) DO UPDATE SET
             status = excluded.status, incarnation = excluded.incarnation, last_ping = excluded.last_ping,
             candidacy = NULL, noted_ping = excluded.noted_ping",
        (
            name.as_str(),
            WorkerStatus::Alive.as_str(),
            stored(incarnation.number()),
            step.now.as_micros(),
        ),
    )?;
    vacate(step, &seat, &name)?;
    unmark_gone(step, &name)?;
    let standing = Standing {
        status: WorkerStatus::Alive,
        role: Role::Normal,
        incarnation,
    };
    record(step, &name, &standing)?;
    Ok(Registration {
        worker: name,
        incarnation,
    })
}

fn set_status(
    step: &Transaction<'_>,
    name: WorkerName,
    incarnation: Option<Incarnation>,
    status: WorkerStatus,
) -> Result<(), Fault> {
    let (name, before) = match incarnation {
        None => {
            let found = entry(step, &name)?.ok_or_else(|| error::unknown_worker(&name))?;
            (name, found)
        }
        Some(incarnation) => {
            let registration = Registration {
                worker: name,
                incarnation,
            };
            let heard = hear_of(step, &registration)?;
            (registration.worker, heard)
        }
    };
    if before.status == status {
        return Ok(());
    }
    step.execute(
        "UPDATE convoke_worker SET status = ?2 WHERE name = ?1",
        (name.as_str(), status.as_str()),
    )?;
    let (mut seat, mut candidacy) = (seat(step)?, before.candidacy);
    if status != WorkerStatus::Alive {
        seat = vacate(step, &seat, &name)?;
        candidacy = None;
        write_candidacy(step, &name, candidacy)?;
    }
    if is_gone(status) {
        mark_gone(step, &name)?;
    } else {
        unmark_gone(step, &name)?;
    }
    let standing = Standing {
        status,
        role: role_of(&seat, &name, status, candidacy, step.now),
        incarnation: before.incarnation,
    };
    record(step, &name, &standing)
}

fn list(step: &Transaction<'_>, page: &Page) -> Result<Paged<Worker>, Fault> {
    let after = page.after.as_ref().map(Cursor::worker).transpose()?;
    let seat = seat(step)?;
    let items = step.all(
        "SELECT name, status, incarnation, last_ping, candidacy FROM convoke_worker
         WHERE name > ?1 ORDER BY name LIMIT ?2",
        (after.as_ref().map_or("", WorkerName::as_str), page.limit.get() + 1),
        |row| Ok(worker(&seat, worker_name(row, 0)?, &read_entry(row, 1)?, step.now)),
    )?;
    Ok(Paged::cut(items, page.limit, |last| Cursor::behind_worker(&last.name)))
}

fn count(step: &Transaction<'_>) -> Result<RoleCounts, Fault> {
    let all = step.first("SELECT count(*) FROM convoke_worker", [], |row| number(row, 0))?;
    let seat = seat(step)?;
    let mut counts = RoleCounts {
        leader: u64::from(seat.leader(step.now).is_some()),
        ..RoleCounts::default()
    };
    step.walk(
        "SELECT name, status, incarnation, last_ping, candidacy FROM convoke_worker WHERE candidacy IS NOT NULL",
        [],
        |row| {
            let candidate = worker(&seat, worker_name(row, 0)?, &read_entry(row, 1)?, step.now);
            counts.candidate += u64::from(candidate.role == Role::Candidate);
            Ok(true)
        },
    )?;
    counts.normal = all.unwrap_or(0).saturating_sub(counts.leader + counts.candidate);
    Ok(counts)
}

fn history(step: &Transaction<'_>, name: &WorkerName, page: &Page) -> Result<Paged<WorkerChange>, Fault> {
    let before = page.after.as_ref().map(Cursor::number).transpose()?;
    let items = step.all(
        "SELECT number, at, status, role, incarnation FROM convoke_worker_history
         WHERE worker = ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3",
        (name.as_str(), before.map_or(i64::MAX, stored), page.limit.get() + 1),
        |row| {
            let change = WorkerChange {
                at: timestamp(row, 1)?,
                name: name.clone(),
                status: word(row, 2)?,
                role: word(row, 3)?,
                incarnation: Incarnation::from_number(number(row, 4)?),
            };
            Ok((number(row, 0)?, change))
        },
    )?;
    let page = Paged::cut(items, page.limit, |(number, _)| Cursor::behind_number(*number));
    Ok(page.map(|(_, change)| change))
}

fn refresh(step: &Transaction<'_>, timeouts: &Timeouts) -> Result<Refreshed, Fault> {
    let before = seat(step)?;
    let Silent { mut died, heard_since } = silent(step, timeouts)?;
    let more = died.len() > MAX_REFRESHED;
    died.truncate(MAX_REFRESHED);
    let lapsed = lapsed_candidates(step)?;
    let mut after = before.clone();
    for (name, incarnation) in &died {
        step.execute(
            "UPDATE convoke_worker SET status = ?2, candidacy = NULL WHERE name = ?1",
            (name.as_str(), WorkerStatus::Dead.as_str()),
        )?;
        after = vacate(step, &after, name)?;
        mark_gone(step, name)?;
        let standing = Standing {
            status: WorkerStatus::Dead,
            role: Role::Normal,
            incarnation: *incarnation,
        };
        record(step, name, &standing)?;
    }
    if let Some(holder) = after.holder.clone().filter(|_| after.leader(step.now).is_none()) {
        after = after.vacated();
        write_seat(step, &after)?;
        record_normal(step, &holder.worker)?;
    }
    let died: BTreeSet<_> = died.into_iter().map(|(name, _)| name).collect();
    let lapsed: Vec<_> = lapsed.into_iter().filter(|name| !died.contains(name)).collect();
    for name in &lapsed {
        write_candidacy(step, name, None)?;
        record_normal(step, name)?;
    }
    for name in &heard_since {
        step.execute(
            "UPDATE convoke_worker SET noted_ping = last_ping WHERE name = ?1",
            [name.as_str()],
        )?;
    }
    purge_expired(step)?;
    let vacated = before.holder.filter(|_| after.holder.is_none()).map(|holder| Vacated {
        worker: holder.worker,
        term: before.term,
    });
    let (unassigned, more_topologies) = take_away(step, timeouts.waiting)?;
    Ok(Refreshed::new(died.into_iter().collect(), vacated, lapsed)
        .with_unassigned(unassigned)
        .with_more(more || more_topologies))
}

/// For how many workers one call brings the index of pings up to date at most; the next call goes on.
const NOTED: usize = 10_000;

/// What a look for the silent found.
struct Silent {
    /// Those that were silent for too long, the longest first, one more than may be buried in one call.
    died: Vec<(WorkerName, Incarnation)>,
    /// Those that were heard of since the index was told, [`NOTED`] of them at most.
    heard_since: Vec<WorkerName>,
}

fn silent(step: &Transaction<'_>, timeouts: &Timeouts) -> Result<Silent, Fault> {
    let mut died = BTreeMap::new();
    let mut heard_since = Vec::new();
    step.walk(
        "SELECT name, status, incarnation, last_ping, candidacy, noted_ping FROM convoke_worker
         WHERE status IN ('alive', 'closing') ORDER BY noted_ping, name",
        [],
        |row| {
            let (entry, noted) = (read_entry(row, 1)?, timestamp(row, 5)?);
            let is_silent = |since| is_silent(entry.status, since, timeouts.worker, step.now);
            let latest = died.keys().next_back().map(|(last_ping, _)| *last_ping);
            let is_full = died.len() > MAX_REFRESHED && latest < Some(noted);
            // Nobody behind this one was heard of for the last time before that.
            if !is_silent(noted) || is_full {
                return Ok(false);
            }
            let name = worker_name(row, 0)?;
            if noted < entry.last_ping && heard_since.len() < NOTED {
                heard_since.push(name.clone());
            }
            if is_silent(entry.last_ping) {
                died.insert((entry.last_ping, name), entry.incarnation);
                if died.len() > MAX_REFRESHED + 1 {
                    died.pop_last();
                }
            }
            Ok(true)
        },
    )?;
    let died = died.into_iter().map(|((_, name), incarnation)| (name, incarnation));
    Ok(Silent {
        died: died.collect(),
        heard_since,
    })
}

fn worker(seat: &Seat, name: WorkerName, entry: &Entry, now: Timestamp) -> Worker {
    Worker {
        status: entry.status,
        role: role_of(seat, &name, entry.status, entry.candidacy, now),
        incarnation: entry.incarnation,
        last_ping: entry.last_ping,
        name,
    }
}

fn read_entry(row: &Row<'_>, from: usize) -> Result<Entry, Fault> {
    Ok(Entry {
        status: word(row, from)?,
        incarnation: Incarnation::from_number(number(row, from + 1)?),
        last_ping: timestamp(row, from + 2)?,
        candidacy: timestamp_if_any(row, from + 3)?,
    })
}

/// A status or a role in this column.
pub(crate) fn word<T: std::str::FromStr>(row: &Row<'_>, column: usize) -> Result<T, Fault> {
    text(row, column)?
        .parse()
        .map_err(|_| corrupt("the file holds a status or a role that this program does not know").into())
}
