//! Messages: a queue per worker, each message handed out under a claim until it is acknowledged.

use std::fmt;

use async_trait::async_trait;
use convoke_macros::operations;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{self, Result};
use crate::leadership::Term;
use crate::names::{Command, WorkerName};
use crate::page::{Limit, Page, Paged};
use crate::payload::Payload;
use crate::time::{Delay, Timestamp, Ttl};
use crate::workers::{Incarnation, Registration};

/// A first-in, first-out queue for each worker.
///
/// Delivery is at least once: a message that was received and not acknowledged before its visibility ends is
/// delivered again, in its old place. An expired message is never delivered. Nobody's call harms another's queue.
#[operations]
#[async_trait]
pub trait Messages: Send + Sync {
    /// Puts a message at the end of a worker's queue and answers its id.
    ///
    /// With a term it is the leader that speaks, and the term is checked in the same step.
    ///
    /// # Errors
    /// NotFound for an unknown worker, Fenced when the term does not lead.
    ///
    /// # Example
    /// ```
    /// # use convoke_core::*;
    /// # async fn example(store: &dyn Coordination, me: &Registration) -> Result<()> {
    /// let message = NewMessage::new(me.worker.clone(), Command::new("start")?, Payload::of("job 1")?);
    /// store.send_message(&message).await?;
    /// let claim = Claim::new(Limit::MAX, Ttl::from_secs(30));
    /// for delivery in store.receive_messages(me, &claim).await? {
    ///     println!("{} {}", delivery.message.command, delivery.message.content);
    ///     store.ack_message(&delivery.receipt).await?;
    /// }
    /// # Ok(()) }
    /// ```
    async fn send_message(&self, message: &NewMessage) -> Result<MessageId>;

    /// Claims the oldest messages of the worker's queue that nobody else has claimed. Counts as a ping.
    ///
    /// # Errors
    /// NotFound for an unknown worker, Fenced for a stale registration.
    async fn receive_messages(&self, registration: &Registration, claim: &Claim) -> Result<Vec<Delivery>>;

    /// Receives and acknowledges in one step: at most once. Counts as a ping.
    ///
    /// # Errors
    /// NotFound for an unknown worker, Fenced for a stale registration.
    async fn take_messages(&self, registration: &Registration, max: Limit) -> Result<Vec<Message>>;

    /// Settles a delivery: the message is gone.
    ///
    /// # Errors
    /// Fenced when the receipt is stale: settled already, visibility over, or the worker registered again.
    async fn ack_message(&self, receipt: &Receipt) -> Result<()>;

    /// Gives a delivery back; it is delivered again after `delay`.
    ///
    /// # Errors
    /// Fenced when the receipt is stale.
    async fn nack_message(&self, receipt: &Receipt, delay: Delay) -> Result<()>;

    /// Keeps a delivery invisible to others until `visibility` from now, and answers until when that is.
    ///
    /// # Errors
    /// Fenced when the receipt is stale.
    async fn extend_claim(&self, receipt: &Receipt, visibility: Ttl) -> Result<Timestamp>;

    /// A page of the messages that wait for a worker or are claimed by it, oldest first, without touching them.
    /// Empty for a worker never seen.
    #[read]
    async fn peek_messages(&self, worker: &WorkerName, page: &Page) -> Result<Paged<QueuedMessage>>;
}

/// Numbers the messages of a store in the order of their queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(u64);

impl MessageId {
    /// The id of this number. For backends.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewMessage {
    /// Whose queue.
    pub worker: WorkerName,
    /// What to do.
    pub command: Command,
    /// With what.
    pub content: Payload,
    /// After how long it is not delivered any more.
    pub ttl: Ttl,
    /// The term under which the sender leads, when only a leader may send this.
    pub term: Option<Term>,
}

impl NewMessage {
    /// A message that expires after 60 s, sent by anybody.
    #[must_use]
    pub const fn new(worker: WorkerName, command: Command, content: Payload) -> Self {
        Self {
            worker,
            command,
            content,
            ttl: Ttl::from_secs(60),
            term: None,
        }
    }

    /// The same with this time to live.
    #[must_use]
    pub fn with_ttl(self, ttl: Ttl) -> Self {
        Self { ttl, ..self }
    }

    /// The same, only to be sent while `term` leads.
    #[must_use]
    pub fn with_term(self, term: Term) -> Self {
        Self {
            term: Some(term),
            ..self
        }
    }
}

/// How many messages to claim, for how long, and under which token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// How many at most.
    pub max: Limit,
    /// How long nobody else sees them.
    pub visibility: Ttl,
    /// What makes the receipts of this call differ from all others.
    pub token: Uuid,
}

impl Claim {
    /// A claim with a fresh token.
    #[must_use]
    pub fn new(max: Limit, visibility: Ttl) -> Self {
        Self {
            max,
            visibility,
            token: Uuid::now_v7(),
        }
    }

    /// What a store keeps of this claim by `incarnation`; equal to the [seal](Receipt::seal) of its receipts.
    #[must_use]
    pub fn seal(&self, incarnation: Incarnation) -> Uuid {
        seal(self.token, incarnation)
    }
}

/// The token and the incarnation in one value, so that a claim's token is worth nothing with another incarnation.
///
/// The incarnation goes into the half of the token that is mostly time: one token has as many seals as there are
/// incarnations, and what is random in it still tells the claims of one incarnation apart.
fn seal(token: Uuid, incarnation: Incarnation) -> Uuid {
    Uuid::from_u128(token.as_u128() ^ (u128::from(incarnation.number()) << 64))
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    /// Its number.
    pub id: MessageId,
    /// Whose queue.
    pub worker: WorkerName,
    /// What to do.
    pub command: Command,
    /// With what.
    pub content: Payload,
    /// When it was sent.
    pub sent: Timestamp,
    /// When it expires.
    pub expires: Timestamp,
}

/// A message claimed by [`Messages::receive_messages`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// With which to settle it.
    pub receipt: Receipt,
    /// How often it was delivered, this time included.
    pub attempt: u32,
    /// Until when nobody else sees it.
    pub invisible_until: Timestamp,
}

/// The right to settle one delivery.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Receipt {
    /// The message.
    pub message: MessageId,
    /// Who received it.
    pub registration: Registration,
    /// The token of the claim.
    pub token: Uuid,
}

impl Receipt {
    /// What a store must have kept of the claim for this receipt to be good.
    #[must_use]
    pub fn seal(&self) -> Uuid {
        seal(self.token, self.registration.incarnation)
    }
}

/// A message as [`Messages::peek_messages`] shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedMessage {
    /// The message.
    pub message: Message,
    /// How often it was delivered.
    pub attempts: u32,
    /// Until when it is invisible to receivers, when it is.
    pub invisible_until: Option<Timestamp>,
}

/// What a store keeps of a message beside the message itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Handling {
    /// How often it was delivered.
    pub attempts: u32,
    /// From when on it can be received; the past when nobody has it.
    pub visible_from: Timestamp,
    /// The [seal](Claim::seal) of the claim that holds it.
    pub seal: Option<Uuid>,
}

impl Handling {
    /// Whether the message can be received at `now`.
    #[must_use]
    pub fn is_deliverable(&self, expires: Timestamp, now: Timestamp) -> bool {
        now < expires && self.visible_from <= now
    }

    /// Whether the message is gone at `now`: expired, and in nobody's hands.
    #[must_use]
    pub fn is_gone(&self, expires: Timestamp, now: Timestamp) -> bool {
        expires <= now && (self.seal.is_none() || self.visible_from <= now)
    }

    /// The handling after a claim by `incarnation`.
    #[must_use]
    pub fn claimed(&self, claim: &Claim, incarnation: Incarnation, now: Timestamp) -> Self {
        Self {
            attempts: self.attempts.saturating_add(1),
            visible_from: now.plus(claim.visibility),
            seal: Some(claim.seal(incarnation)),
        }
    }

    /// The handling after it was given back.
    #[must_use]
    pub fn released(&self, delay: Delay, now: Timestamp) -> Self {
        Self {
            attempts: self.attempts,
            visible_from: now.plus(delay),
            seal: None,
        }
    }

    /// The handling after the claim was prolonged.
    #[must_use]
    pub fn extended(&self, visibility: Ttl, now: Timestamp) -> Self {
        Self {
            visible_from: now.plus(visibility),
            ..self.clone()
        }
    }

    /// How a look at the queue shows it.
    #[must_use]
    pub fn invisible_until(&self, now: Timestamp) -> Option<Timestamp> {
        (now < self.visible_from).then_some(self.visible_from)
    }
}

/// The rule of receipts: `stored` is the message's handling and its worker's latest incarnation, none when it is gone.
///
/// # Errors
/// Fenced unless the claim lives, was made with this token by this incarnation, and its worker has not registered again.
/// So a receipt belongs to the incarnation that received it: not even its successor can settle by it.
pub fn check_receipt(stored: Option<(&Handling, Incarnation)>, receipt: &Receipt, now: Timestamp) -> Result<()> {
    match stored {
        Some((handling, incarnation))
            if handling.seal == Some(receipt.seal())
                && now < handling.visible_from
                && incarnation == receipt.registration.incarnation =>
        {
            Ok(())
        }
        _ => Err(error::stale_receipt(receipt.message)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);
    const FIRST: Incarnation = Incarnation::from_number(1);

    #[test]
    fn a_claim_hides_a_message_until_its_visibility_ends_and_not_longer() {
        let claim = Claim::new(Limit::ONE, Ttl::from_secs(1));
        let claimed = Handling::default().claimed(&claim, FIRST, NOW);
        let expires = NOW.plus(Ttl::from_secs(60));
        let end = NOW.plus(claim.visibility);
        assert!(!claimed.is_deliverable(expires, Timestamp::from_micros(end.as_micros() - 1)));
        assert!(claimed.is_deliverable(expires, end));
        assert_eq!(claimed.attempts, 1);
    }

    #[test]
    fn an_expired_message_is_not_delivered_though_it_is_visible() {
        assert!(!Handling::default().is_deliverable(NOW, NOW));
        assert!(Handling::default().is_gone(NOW, NOW));
    }

    #[test]
    fn a_claimed_message_that_expires_stays_until_its_claim_ends() {
        let claimed = Handling::default().claimed(&Claim::new(Limit::ONE, Ttl::from_secs(1)), FIRST, NOW);
        assert!(!claimed.is_gone(NOW, NOW));
        assert!(claimed.is_gone(NOW, NOW.plus(Ttl::from_secs(1))));
    }

    #[test]
    fn a_receipt_is_stale_after_the_visibility_with_another_token_or_by_an_older_registration() {
        let claim = Claim::new(Limit::ONE, Ttl::from_secs(1));
        let handling = Handling::default().claimed(&claim, FIRST, NOW);
        let incarnation = FIRST;
        let receipt = Receipt {
            message: MessageId(1),
            registration: Registration {
                worker: WorkerName::new("a").unwrap(),
                incarnation,
            },
            token: claim.token,
        };
        assert!(check_receipt(Some((&handling, incarnation)), &receipt, NOW).is_ok());
        let refused = [
            check_receipt(Some((&handling, incarnation)), &receipt, NOW.plus(claim.visibility)),
            check_receipt(Some((&handling, Incarnation::from_number(2))), &receipt, NOW),
            check_receipt(
                Some((&handling, incarnation)),
                &Receipt {
                    token: Uuid::now_v7(),
                    ..receipt.clone()
                },
                NOW,
            ),
            check_receipt(None, &receipt, NOW),
        ];
        assert!(refused.into_iter().all(|answer| answer.unwrap_err().is_fenced()));
    }

    #[test]
    fn the_token_of_an_older_claim_is_worth_nothing_with_a_newer_registration() {
        let claim = Claim::new(Limit::ONE, Ttl::from_secs(1));
        let handling = Handling::default().claimed(&claim, FIRST, NOW);
        for successor in [0, 2, 3, 1 << 53, u64::MAX].map(Incarnation::from_number) {
            let receipt = Receipt {
                message: MessageId(1),
                registration: Registration {
                    worker: WorkerName::new("a").unwrap(),
                    incarnation: successor,
                },
                token: claim.token,
            };
            let answer = check_receipt(Some((&handling, successor)), &receipt, NOW);
            assert!(answer.unwrap_err().is_fenced());
        }
    }
}
