//! Messages in SQLite.

use convoke_core::error;
use convoke_core::messages::{Handling, check_receipt};
use convoke_core::{
    Claim, Command, Cursor, Delay, Delivery, Limit, Message, MessageId, Messages, NewMessage, Page, Paged, Payload,
    QueuedMessage, Receipt, Registration, Result, Timestamp, Ttl, WorkerName, async_trait,
};
use rusqlite::Row;

use crate::arrivals;
use crate::error::{Fault, corrupt};
use crate::leadership::check_term;
use crate::store::SqliteStore;
use crate::transaction::{Transaction, number, stored, timestamp, worker_name};
use crate::workers::{entry, ping, registered};

#[async_trait]
impl Messages for SqliteStore {
    async fn send_message(&self, message: &NewMessage) -> Result<MessageId> {
        let message = message.clone();
        self.write("messages.send", move |step| send(step, &message)).await
    }

    async fn receive_messages(&self, registration: &Registration, claim: &Claim) -> Result<Vec<Delivery>> {
        let (registration, claim) = (registration.clone(), claim.clone());
        self.write("messages.receive", move |step| receive(step, &registration, &claim))
            .await
    }

    async fn take_messages(&self, registration: &Registration, max: Limit) -> Result<Vec<Message>> {
        let registration = registration.clone();
        self.write("messages.take", move |step| take(step, &registration, max))
            .await
    }

    async fn ack_message(&self, receipt: &Receipt) -> Result<()> {
        let receipt = receipt.clone();
        self.write("messages.ack", move |step| {
            claimed(step, &receipt)?;
            delete(step, &receipt.registration.worker, receipt.message)
        })
        .await
    }

    async fn nack_message(&self, receipt: &Receipt, delay: Delay) -> Result<()> {
        let receipt = receipt.clone();
        self.write("messages.nack", move |step| {
            let released = claimed(step, &receipt)?.released(delay, step.now);
            step.hint(&receipt.registration.worker);
            handle(step, &receipt.registration.worker, receipt.message, &released)
        })
        .await
    }

    async fn extend_claim(&self, receipt: &Receipt, visibility: Ttl) -> Result<Timestamp> {
        let receipt = receipt.clone();
        self.write("messages.extend", move |step| {
            let extended = claimed(step, &receipt)?.extended(visibility, step.now);
            handle(step, &receipt.registration.worker, receipt.message, &extended)?;
            Ok(extended.visible_from)
        })
        .await
    }

    async fn peek_messages(&self, worker: &WorkerName, page: &Page) -> Result<Paged<QueuedMessage>> {
        let (worker, page) = (worker.clone(), page.clone());
        self.read("messages.peek", move |step| peek(step, &worker, &page)).await
    }
}

/// How many expired messages one call removes at most.
const PURGED: usize = 1_000;

/// When the first message of the queue that does not expire before can be received; it may be in the past. Of what was
/// not sorted into the queue yet it says nothing.
pub(crate) fn next_deliverable(step: &Transaction<'_>, worker: &WorkerName) -> Result<Option<Timestamp>, Fault> {
    let mut next = None;
    let mut visit = |row: &Row<'_>| {
        let (handling, expires) = (read_handling(row, 1)?, timestamp(row, 2)?);
        let from = handling.visible_from.max(step.now);
        if next.is_none() && handling.is_deliverable(expires, from) {
            next = Some(handling.visible_from);
        }
        Ok(next.is_none())
    };
    step.walk(
        NEVER_RECEIVED,
        (worker.as_str(), latest_received(step, worker)?),
        &mut visit,
    )?;
    step.walk(
        "SELECT id, visible_from, expires, attempts, token FROM convoke_message
         WHERE worker = ?1 AND attempts > 0 ORDER BY visible_from",
        [worker.as_str()],
        visit,
    )?;
    Ok(next)
}

pub(crate) fn delete_messages(step: &Transaction<'_>, worker: &WorkerName) -> Result<(), Fault> {
    arrivals::sort(step)?;
    step.execute("DELETE FROM convoke_message WHERE worker = ?1", [worker.as_str()])?;
    Ok(())
}

/// Removes messages of anybody that nobody will ever receive.
pub(crate) fn purge_expired(step: &Transaction<'_>) -> Result<(), Fault> {
    arrivals::sort(step)?;
    let mut gone = Vec::new();
    step.walk(
        "SELECT worker, id, visible_from, expires, attempts, token FROM convoke_message
         WHERE expires <= ?1 ORDER BY expires",
        [step.now.as_micros()],
        |row| {
            if read_handling(row, 2)?.is_gone(timestamp(row, 3)?, step.now) {
                gone.push((worker_name(row, 0)?, message_id(row, 1)?));
            }
            Ok(gone.len() < PURGED)
        },
    )?;
    for (worker, id) in gone {
        delete(step, &worker, id)?;
    }
    Ok(())
}

fn send(step: &Transaction<'_>, message: &NewMessage) -> Result<MessageId, Fault> {
    if entry(step, &message.worker)?.is_none() {
        return Err(error::unknown_worker(&message.worker).into());
    }
    if let Some(term) = message.term {
        check_term(step, term)?;
    }
    put(step, message)
}

/// Sends a message to a worker that is registered.
pub(crate) fn put(step: &Transaction<'_>, message: &NewMessage) -> Result<MessageId, Fault> {
    let id = arrivals::add(step, message)?;
    step.hint(&message.worker);
    Ok(id)
}

fn receive(step: &Transaction<'_>, registration: &Registration, claim: &Claim) -> Result<Vec<Delivery>, Fault> {
    registered(step, registration)?;
    arrivals::sort(step)?;
    let found = look_through(step, &registration.worker, claim.max)?;
    ping(step, &registration.worker)?;
    found.remove_gone(step, &registration.worker)?;
    if let Some((latest, _)) = found.deliverable.last() {
        note_received(step, &registration.worker, latest.id)?;
    }
    let mut deliveries = Vec::with_capacity(found.deliverable.len());
    for (message, handling) in found.deliverable {
        let handling = handling.claimed(claim, step.now);
        handle(step, &registration.worker, message.id, &handling)?;
        let receipt = Receipt {
            message: message.id,
            registration: registration.clone(),
            token: claim.token,
        };
        deliveries.push(Delivery {
            message,
            receipt,
            attempt: handling.attempts,
            invisible_until: handling.visible_from,
        });
    }
    Ok(deliveries)
}

fn take(step: &Transaction<'_>, registration: &Registration, max: Limit) -> Result<Vec<Message>, Fault> {
    registered(step, registration)?;
    arrivals::sort(step)?;
    let found = look_through(step, &registration.worker, max)?;
    ping(step, &registration.worker)?;
    found.remove_gone(step, &registration.worker)?;
    for (message, _) in &found.deliverable {
        delete(step, &registration.worker, message.id)?;
    }
    Ok(found.deliverable.into_iter().map(|(message, _)| message).collect())
}

/// What a look through a queue found.
#[derive(Default)]
struct Found {
    deliverable: Vec<(Message, Handling)>,
    gone: Vec<MessageId>,
}

impl Found {
    fn remove_gone(&self, step: &Transaction<'_>, worker: &WorkerName) -> Result<(), Fault> {
        self.gone.iter().try_for_each(|id| delete(step, worker, *id))
    }
}

/// Finds the oldest deliverable messages, and those on the way that can go. What is hidden costs nothing.
fn look_through(step: &Transaction<'_>, worker: &WorkerName, max: Limit) -> Result<Found, Fault> {
    let (mut ready, mut gone) = (Vec::new(), Vec::new());
    let mut visit = |row: &Row<'_>| {
        let (id, handling, expires) = (message_id(row, 0)?, read_handling(row, 1)?, timestamp(row, 2)?);
        if handling.is_deliverable(expires, step.now) {
            ready.push((id, handling));
        } else if handling.is_gone(expires, step.now) && gone.len() < PURGED {
            gone.push(id);
        }
        Ok(ready.len())
    };
    step.walk(
        NEVER_RECEIVED,
        (worker.as_str(), latest_received(step, worker)?),
        |row| Ok(visit(row)? < max.as_usize()),
    )?;
    step.walk(
        "SELECT id, visible_from, expires, attempts, token FROM convoke_message
         WHERE worker = ?1 AND attempts > 0 AND visible_from <= ?2",
        (worker.as_str(), step.now.as_micros()),
        |row| visit(row).map(|_| true),
    )?;
    ready.sort_unstable_by_key(|(id, _)| *id);
    ready.truncate(max.as_usize());
    let mut deliverable = Vec::with_capacity(ready.len());
    for (id, handling) in ready {
        deliverable.extend(message(step, worker, id)?.map(|message| (message, handling)));
    }
    Ok(Found { deliverable, gone })
}

/// The messages behind the latest that was received: none of them is hidden, for the oldest are received first.
const NEVER_RECEIVED: &str = "SELECT id, visible_from, expires, attempts, token FROM convoke_message
     WHERE worker = ?1 AND id > ?2 ORDER BY id";

fn latest_received(step: &Transaction<'_>, worker: &WorkerName) -> Result<i64, Fault> {
    let latest = step.first(
        "SELECT received FROM convoke_worker WHERE name = ?1",
        [worker.as_str()],
        |row| Ok(row.get(0)?),
    )?;
    Ok(latest.unwrap_or(0))
}

fn note_received(step: &Transaction<'_>, worker: &WorkerName, latest: MessageId) -> Result<(), Fault> {
    step.execute(
        "UPDATE convoke_worker SET received = ?2 WHERE name = ?1 AND received < ?2",
        (worker.as_str(), stored(latest.number())),
    )?;
    Ok(())
}

/// A message itself.
fn message(step: &Transaction<'_>, worker: &WorkerName, id: MessageId) -> Result<Option<Message>, Fault> {
    step.first(
        "SELECT id, expires, sent, command, content FROM convoke_message WHERE worker = ?1 AND id = ?2",
        (worker.as_str(), stored(id.number())),
        |row| read_message(row, worker),
    )
}

fn peek(step: &Transaction<'_>, worker: &WorkerName, page: &Page) -> Result<Paged<QueuedMessage>, Fault> {
    let after = page.after.as_ref().map(Cursor::number).transpose()?.map_or(0, stored);
    let mut items = Vec::new();
    let mut visit = |row: &Row<'_>| {
        let handling = read_handling(row, 5)?;
        if !handling.is_gone(timestamp(row, 1)?, step.now) {
            items.push(QueuedMessage {
                message: read_message(row, worker)?,
                attempts: handling.attempts,
                invisible_until: handling.invisible_until(step.now),
            });
        }
        Ok(items.len() <= page.limit.as_usize())
    };
    step.walk(
        "SELECT id, expires, sent, command, content, visible_from, expires, attempts, token FROM convoke_message
         WHERE worker = ?1 AND id > ?2 ORDER BY id",
        (worker.as_str(), after),
        &mut visit,
    )?;
    // Those are newer than all of its queue. Of a queue that fills the page this takes one, which is cut off.
    arrivals::walk(step, worker, after, visit)?;
    Ok(Paged::cut(items, page.limit, |last| {
        Cursor::behind_number(last.message.id.number())
    }))
}

/// The handling of the message whose claim this receipt proves.
fn claimed(step: &Transaction<'_>, receipt: &Receipt) -> Result<Handling, Fault> {
    let worker = &receipt.registration.worker;
    let handling = step.first(
        "SELECT visible_from, expires, attempts, token FROM convoke_message WHERE worker = ?1 AND id = ?2",
        (worker.as_str(), stored(receipt.message.number())),
        |row| read_handling(row, 0),
    )?;
    let incarnation = entry(step, worker)?.map(|entry| entry.incarnation);
    check_receipt(handling.as_ref().zip(incarnation), receipt, step.now)?;
    Ok(handling.ok_or_else(|| error::stale_receipt(receipt.message))?)
}

fn handle(step: &Transaction<'_>, worker: &WorkerName, id: MessageId, handling: &Handling) -> Result<(), Fault> {
    step.execute(
        "UPDATE convoke_message SET visible_from = ?3, attempts = ?4, token = ?5 WHERE worker = ?1 AND id = ?2",
        (
            worker.as_str(),
            stored(id.number()),
            handling.visible_from.as_micros(),
            handling.attempts,
            handling.token.map(uuid::Uuid::into_bytes),
        ),
    )?;
    Ok(())
}

fn delete(step: &Transaction<'_>, worker: &WorkerName, id: MessageId) -> Result<(), Fault> {
    step.execute(
        "DELETE FROM convoke_message WHERE worker = ?1 AND id = ?2",
        (worker.as_str(), stored(id.number())),
    )?;
    Ok(())
}

fn message_id(row: &Row<'_>, column: usize) -> Result<MessageId, Fault> {
    number(row, column).map(MessageId::from_number)
}

/// Reads `visible_from, expires, attempts, token` from this column on.
fn read_handling(row: &Row<'_>, from: usize) -> Result<Handling, Fault> {
    Ok(Handling {
        visible_from: timestamp(row, from)?,
        attempts: row.get(from + 2)?,
        token: row.get::<_, Option<[u8; 16]>>(from + 3)?.map(uuid::Uuid::from_bytes),
    })
}

/// Reads a message from a row of `id, expires, sent, command, content`.
fn read_message(row: &Row<'_>, worker: &WorkerName) -> Result<Message, Fault> {
    let text = |column| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
    let command = Command::new(text(3)?);
    Ok(Message {
        id: message_id(row, 0)?,
        worker: worker.clone(),
        command: command.map_err(|_| corrupt("the file holds a command that breaks the rules of names"))?,
        content: Payload::from_store(text(4)?)?,
        sent: timestamp(row, 2)?,
        expires: timestamp(row, 1)?,
    })
}
