//! Where messages arrive before they are sorted into their queues.
//!
//! A commit writes whole pages. Were each message put into its queue at once, a commit that 64 callers share would
//! write 64 pages for a few bytes on each. So a message is first put behind all others, and many are sorted into their
//! queues together: when somebody receives, or when there are [`MANY`]. Whoever only looks looks here too.
//!
//! Whatever is here is newer than anything in a queue, was never received, and leaves by being sorted only. So the
//! ids here are those that follow the stored counter, without a gap, and arriving need not write that counter.

use std::collections::HashSet;

use convoke_core::messages::Handling;
use convoke_core::{MessageId, NewMessage, WorkerName};
use rusqlite::Row;

use crate::error::{Fault, corrupt};
use crate::transaction::{Transaction, number, stored, timestamp, worker_name};

/// How many may be here at most: looking goes through all of them.
const MANY: u64 = 1_024;
/// The longest content, in bytes, that is worth writing twice.
const LONG: usize = 1_024;

/// Sends a message. A long one goes into its queue at once.
pub(crate) fn add(step: &Transaction<'_>, message: &NewMessage) -> Result<MessageId, Fault> {
    let (sorted, latest) = numbers(step)?;
    let id = latest + 1;
    let is_long = message.content.as_str().len() > LONG;
    if is_long || latest - sorted >= MANY {
        sort(step)?;
    }
    let values = (
        stored(id),
        message.worker.as_str(),
        step.now.plus(message.ttl).as_micros(),
        step.now.as_micros(),
        message.command.as_str(),
        message.content.as_str(),
    );
    if is_long {
        write_sorted(step, id)?;
        step.execute(
            "INSERT INTO convoke_message (id, worker, expires, sent, command, content, visible_from, attempts)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0)",
            values,
        )?;
    } else {
        step.execute(
            "INSERT INTO convoke_arrival (id, worker, expires, sent, command, content) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            values,
        )?;
    }
    Ok(MessageId::from_number(id))
}

/// Sorts everything that is here into the queues. To everybody else nothing changes by that, so whoever is refused
/// after it has written nothing.
pub(crate) fn sort(step: &Transaction<'_>) -> Result<(), Fault> {
    let (sorted, latest) = numbers(step)?;
    if latest == sorted {
        return Ok(());
    }
    step.change_nothing(|| {
        step.execute(
            "INSERT INTO convoke_message (id, worker, expires, sent, command, content, visible_from, attempts)
             SELECT id, worker, expires, sent, command, content, 0, 0 FROM convoke_arrival ORDER BY worker, id",
            [],
        )?;
        step.execute("DELETE FROM convoke_arrival", [])?;
        write_sorted(step, latest)
    })
}

/// Shows what is here for a worker and behind a message, oldest first, for as long as `visit` wants more. The rows
/// are those of [`crate::messages`]' peek.
pub(crate) fn walk(
    step: &Transaction<'_>,
    worker: &WorkerName,
    after: i64,
    visit: impl FnMut(&Row<'_>) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    step.walk(
        "SELECT id, expires, sent, command, content, 0, expires, 0, NULL FROM convoke_arrival
         WHERE worker = ?1 AND id > ?2 ORDER BY id",
        (worker.as_str(), after),
        visit,
    )
}

/// For whom there is something here that is not expired.
pub(crate) fn receivers(step: &Transaction<'_>) -> Result<HashSet<WorkerName>, Fault> {
    let mut receivers = HashSet::new();
    step.walk("SELECT worker, expires FROM convoke_arrival", [], |row| {
        if Handling::default().is_deliverable(timestamp(row, 1)?, step.now) {
            receivers.insert(worker_name(row, 0)?);
        }
        Ok(true)
    })?;
    Ok(receivers)
}

/// The id of the latest message that was sorted, and that of the latest one of all.
fn numbers(step: &Transaction<'_>) -> Result<(u64, u64), Fault> {
    let numbers = step.first(
        "SELECT value, max(value, ifnull((SELECT max(id) FROM convoke_arrival), 0)) FROM convoke_counter
         WHERE name = 'message'",
        [],
        |row| Ok((number(row, 0)?, number(row, 1)?)),
    )?;
    Ok(numbers.ok_or_else(|| corrupt("a counter is missing; restore the file from a copy"))?)
}

fn write_sorted(step: &Transaction<'_>, latest: u64) -> Result<(), Fault> {
    step.execute(
        "UPDATE convoke_counter SET value = ?1 WHERE name = 'message'",
        [stored(latest)],
    )?;
    Ok(())
}
