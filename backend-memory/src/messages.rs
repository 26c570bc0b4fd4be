//! Messages in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use convoke_core::error;
use convoke_core::messages::{Handling, check_receipt};
use convoke_core::{
    Claim, Cursor, Delay, Delivery, Limit, Message, MessageId, NewMessage, Page, Paged, QueuedMessage, Receipt,
    Registration, Result, Timestamp, Ttl, WorkerName,
};

use crate::state::State;

/// The queue of one worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Queue {
    messages: BTreeMap<MessageId, Queued>,
    /// Those that nobody holds, in order.
    ready: BTreeSet<MessageId>,
    /// Those that are invisible until then.
    hidden: BTreeSet<(Timestamp, MessageId)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Queued {
    message: Message,
    handling: Handling,
}

impl Queue {
    /// When the next hidden message becomes visible.
    pub(crate) fn next_visible(&self) -> Option<Timestamp> {
        self.hidden.first().map(|(from, _)| *from)
    }

    /// Whether there is something to be received.
    pub(crate) fn has_deliverable(&self, now: Timestamp) -> bool {
        let visible_again = self
            .hidden
            .range(..=(now, MessageId::from_number(u64::MAX)))
            .map(|(_, id)| id);
        visible_again
            .chain(&self.ready)
            .filter_map(|id| self.messages.get(id))
            .any(|queued| queued.handling.is_deliverable(queued.message.expires, now))
    }

    /// The oldest deliverable messages. What turns out to be expired is dropped on the way.
    fn deliverable(&mut self, max: Limit, now: Timestamp) -> Vec<MessageId> {
        while let Some(&(from, id)) = self.hidden.first()
            && from <= now
        {
            self.hidden.remove(&(from, id));
            self.ready.insert(id);
        }
        let mut found = Vec::new();
        let mut gone = Vec::new();
        for id in &self.ready {
            if found.len() == max.as_usize() {
                break;
            }
            let Some(queued) = self.messages.get(id) else { continue };
            if queued.handling.is_deliverable(queued.message.expires, now) {
                found.push(*id);
            } else if queued.handling.is_gone(queued.message.expires, now) {
                gone.push(*id);
            }
        }
        for id in gone {
            self.remove(id);
        }
        found
    }

    fn remove(&mut self, id: MessageId) -> Option<Message> {
        let queued = self.messages.remove(&id)?;
        self.ready.remove(&id);
        self.hidden.remove(&(queued.handling.visible_from, id));
        Some(queued.message)
    }

    /// Replaces the handling of a message, and files it where it belongs.
    fn handle(&mut self, id: MessageId, next: Handling, now: Timestamp) {
        let Some(queued) = self.messages.get_mut(&id) else {
            return;
        };
        self.ready.remove(&id);
        self.hidden.remove(&(queued.handling.visible_from, id));
        if now < next.visible_from {
            self.hidden.insert((next.visible_from, id));
        } else {
            self.ready.insert(id);
        }
        queued.handling = next;
    }
}

impl State {
    pub(crate) fn send_message(&mut self, new: &NewMessage, now: Timestamp) -> Result<MessageId> {
        if !self.workers.contains_key(&new.worker) {
            return Err(error::unknown_worker(&new.worker));
        }
        if let Some(term) = new.term {
            self.check_term(term, now)?;
        }
        self.latest_message += 1;
        let id = MessageId::from_number(self.latest_message);
        let message = Message {
            id,
            worker: new.worker.clone(),
            command: new.command.clone(),
            content: new.content.clone(),
            sent: now,
            expires: now.plus(new.ttl),
        };
        let queue = self.queues.entry(new.worker.clone()).or_default();
        queue.messages.insert(
            id,
            Queued {
                message,
                handling: Handling::default(),
            },
        );
        queue.ready.insert(id);
        Ok(id)
    }

    pub(crate) fn receive_messages(
        &mut self,
        registration: &Registration,
        claim: &Claim,
        now: Timestamp,
    ) -> Result<Vec<Delivery>> {
        self.hear_of(registration, now)?;
        let Some(queue) = self.queues.get_mut(&registration.worker) else {
            return Ok(Vec::new());
        };
        let mut deliveries = Vec::new();
        for id in queue.deliverable(claim.max, now) {
            let Some(queued) = queue.messages.get(&id) else {
                continue;
            };
            let handling = queued.handling.claimed(claim, registration.incarnation, now);
            deliveries.push(Delivery {
                message: queued.message.clone(),
                receipt: Receipt {
                    message: id,
                    registration: registration.clone(),
                    token: claim.token,
                },
                attempt: handling.attempts,
                invisible_until: handling.visible_from,
            });
            queue.handle(id, handling, now);
        }
        Ok(deliveries)
    }

    pub(crate) fn take_messages(
        &mut self,
        registration: &Registration,
        max: Limit,
        now: Timestamp,
    ) -> Result<Vec<Message>> {
        self.hear_of(registration, now)?;
        let Some(queue) = self.queues.get_mut(&registration.worker) else {
            return Ok(Vec::new());
        };
        Ok(queue
            .deliverable(max, now)
            .into_iter()
            .filter_map(|id| queue.remove(id))
            .collect())
    }

    pub(crate) fn ack_message(&mut self, receipt: &Receipt, now: Timestamp) -> Result<()> {
        self.claimed(receipt, now).map(|(queue, _)| {
            queue.remove(receipt.message);
        })
    }

    pub(crate) fn nack_message(&mut self, receipt: &Receipt, delay: Delay, now: Timestamp) -> Result<()> {
        self.claimed(receipt, now).map(|(queue, handling)| {
            queue.handle(receipt.message, handling.released(delay, now), now);
        })
    }

    pub(crate) fn extend_claim(&mut self, receipt: &Receipt, visibility: Ttl, now: Timestamp) -> Result<Timestamp> {
        self.claimed(receipt, now).map(|(queue, handling)| {
            let extended = handling.extended(visibility, now);
            let until = extended.visible_from;
            queue.handle(receipt.message, extended, now);
            until
        })
    }

    pub(crate) fn peek_messages(
        &self,
        worker: &WorkerName,
        page: &Page,
        now: Timestamp,
    ) -> Result<Paged<QueuedMessage>> {
        let after = page.after.as_ref().map(Cursor::number).transpose()?;
        let from = after.map_or(Bound::Unbounded, |number| {
            Bound::Excluded(MessageId::from_number(number))
        });
        let messages = self
            .queues
            .get(worker)
            .into_iter()
            .flat_map(|queue| queue.messages.range((from, Bound::Unbounded)).map(|(_, queued)| queued));
        let there = messages.filter(|queued| !queued.handling.is_gone(queued.message.expires, now));
        let items = there.take(page.limit.as_usize() + 1).map(|queued| QueuedMessage {
            message: queued.message.clone(),
            attempts: queued.handling.attempts,
            invisible_until: queued.handling.invisible_until(now),
        });
        Ok(Paged::cut(items.collect(), page.limit, |last: &QueuedMessage| {
            Cursor::behind_number(last.message.id.number())
        }))
    }

    fn claimed(&mut self, receipt: &Receipt, now: Timestamp) -> Result<(&mut Queue, Handling)> {
        let worker = &receipt.registration.worker;
        let incarnation = self.workers.get(worker).map(|entry| entry.incarnation);
        let queue = self.queues.get_mut(worker);
        let handling = queue
            .as_ref()
            .and_then(|queue| queue.messages.get(&receipt.message))
            .map(|it| &it.handling);
        check_receipt(handling.zip(incarnation), receipt, now)?;
        let handling = handling.cloned();
        queue.zip(handling).ok_or_else(|| error::stale_receipt(receipt.message))
    }
}
