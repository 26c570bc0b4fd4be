//! `convoke message`: send messages to workers, look at their queues, receive and settle.

use std::str::FromStr;

use anyhow::Result;
use clap::Subcommand;
use convoke::{
    Claim, Command, Delay, Incarnation, Limit, Message, MessageId, NewMessage, Payload, QueuedMessage, Receipt,
    Registration, Store, Term, Ttl, WorkerName, error,
};
use serde_json::json;

use crate::args::PageArgs;
use crate::output::{Output, table};
use crate::worker::{done, registration};

#[derive(Debug, Subcommand)]
pub(crate) enum MessageCommand {
    /// Put a message at the end of a worker's queue. Prints its id
    Send {
        worker: WorkerName,
        /// What to do
        command: Command,
        /// With what, in JSON
        #[arg(default_value = "{}")]
        content: Payload,
        /// After how long it is not delivered any more
        #[arg(long, value_name = "TIME", default_value = "60s", value_parser = crate::args::ttl)]
        ttl: Ttl,
        /// Only while this term leads
        #[arg(long)]
        term: Option<u64>,
    },
    /// Look at a queue without touching it
    Peek {
        worker: WorkerName,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Claim the oldest messages of a queue, as its worker. Prints the receipts
    Receive {
        #[command(flatten)]
        receiver: ReceiverArgs,
        /// How long nobody else sees them
        #[arg(long, value_name = "TIME", default_value = "30s", value_parser = crate::args::ttl)]
        visibility: Ttl,
    },
    /// Receive and acknowledge in one step, as the worker
    Take {
        #[command(flatten)]
        receiver: ReceiverArgs,
    },
    /// Settle a delivery: the message is gone
    Ack { receipt: ReceiptText },
    /// Give a delivery back
    Nack {
        receipt: ReceiptText,
        /// After how long it is delivered again
        #[arg(long, value_name = "TIME", default_value = "0s", value_parser = crate::args::delay)]
        delay: Delay,
    },
    /// Keep a delivery invisible to others for longer
    Extend {
        receipt: ReceiptText,
        /// For how long from now
        #[arg(long, value_name = "TIME", default_value = "30s", value_parser = crate::args::ttl)]
        visibility: Ttl,
    },
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ReceiverArgs {
    worker: WorkerName,
    /// Which registration receives; the latest when not given
    #[arg(long)]
    incarnation: Option<u64>,
    /// How many at most, 1 to 1,000
    #[arg(long, default_value_t = 1)]
    max: u32,
}

impl ReceiverArgs {
    async fn registration(&self, store: &dyn Store) -> convoke::Result<Registration> {
        registration(store, self.worker.clone(), self.incarnation).await
    }
}

/// A receipt in one word, `MESSAGE/INCARNATION/TOKEN/WORKER`, or as its JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReceiptText(Receipt);

impl std::fmt::Display for ReceiptText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Receipt {
            message,
            registration,
            token,
        } = &self.0;
        write!(
            f,
            "{message}/{}/{token}/{}",
            registration.incarnation, registration.worker
        )
    }
}

impl FromStr for ReceiptText {
    type Err = convoke::Error;

    fn from_str(text: &str) -> convoke::Result<Self> {
        let parts: Vec<&str> = text.splitn(4, '/').collect();
        let receipt = match parts[..] {
            [message, incarnation, token, worker] if !text.starts_with('{') => {
                let number = |text: &str| text.parse().ok();
                number(message)
                    .zip(number(incarnation))
                    .and_then(|(message, incarnation)| {
                        let worker = WorkerName::new(worker).ok()?;
                        let incarnation = Incarnation::from_number(incarnation);
                        let registration = Registration { worker, incarnation };
                        let token = token.parse().ok()?;
                        Some(Receipt {
                            message: MessageId::from_number(message),
                            registration,
                            token,
                        })
                    })
            }
            _ => serde_json::from_str(text).ok(),
        };
        receipt
            .map(Self)
            .ok_or_else(|| error::invalid("a receipt is taken as `convoke message receive` printed it"))
    }
}

pub(crate) async fn run(store: &dyn Store, command: MessageCommand, output: Output) -> Result<()> {
    match command {
        MessageCommand::Send {
            worker,
            command,
            content,
            ttl,
            term,
        } => {
            let message = NewMessage::new(worker, command, content).with_ttl(ttl);
            let message = match term {
                Some(term) => message.with_term(Term::from_number(term)),
                None => message,
            };
            let id = store.send_message(&message).await?;
            output.answer(&json!({ "id": id }), |_| format!("message {id} is sent"))
        }
        MessageCommand::Peek { worker, page } => {
            let read = async |page| store.peek_messages(&worker, &page).await;
            output.list(page, QUEUE_HEADER, queue_row, read).await
        }
        MessageCommand::Receive { receiver, visibility } => {
            let registration = receiver.registration(store).await?;
            let claim = Claim::new(Limit::new(receiver.max)?, visibility);
            let deliveries = store.receive_messages(&registration, &claim).await?;
            output.answer(&deliveries, |deliveries| {
                table(
                    ["id", "command", "content", "attempt", "claimed until", "receipt"],
                    deliveries.iter().map(|it| {
                        let [id, command, content, ..] = row(&it.message);
                        let receipt = ReceiptText(it.receipt.clone()).to_string();
                        [
                            id,
                            command,
                            content,
                            it.attempt.to_string(),
                            it.invisible_until.to_string(),
                            receipt,
                        ]
                    }),
                )
            })
        }
        MessageCommand::Take { receiver } => {
            let registration = receiver.registration(store).await?;
            let messages = store.take_messages(&registration, Limit::new(receiver.max)?).await?;
            output.answer(&messages, |messages| {
                table(
                    ["id", "command", "content", "sent", "expires"],
                    messages.iter().map(row),
                )
            })
        }
        MessageCommand::Ack { receipt } => {
            store.ack_message(&receipt.0).await?;
            done(output, "acknowledged")
        }
        MessageCommand::Nack { receipt, delay } => {
            store.nack_message(&receipt.0, delay).await?;
            done(output, "given back")
        }
        MessageCommand::Extend { receipt, visibility } => {
            let until = store.extend_claim(&receipt.0, visibility).await?;
            output.answer(&json!({ "invisible_until": until }), |_| {
                format!("claimed until {until}")
            })
        }
    }
}

const QUEUE_HEADER: [&str; 7] = [
    "id",
    "command",
    "content",
    "sent",
    "expires",
    "attempts",
    "claimed until",
];

fn queue_row(queued: &QueuedMessage) -> [String; 7] {
    let [id, command, content, sent, expires] = row(&queued.message);
    let claimed = queued
        .invisible_until
        .map_or_else(String::new, |until| until.to_string());
    [
        id,
        command,
        content,
        sent,
        expires,
        queued.attempts.to_string(),
        claimed,
    ]
}

fn row(message: &Message) -> [String; 5] {
    [
        message.id.to_string(),
        message.command.to_string(),
        message.content.to_string(),
        message.sent.to_string(),
        message.expires.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_read_as_it_was_printed_and_as_json() {
        let text = "7/3/0199a4c2-0000-7000-8000-000000000001/a/b c";
        let receipt: ReceiptText = text.parse().unwrap();
        assert_eq!(receipt.to_string(), text);
        assert_eq!(receipt.0.registration.worker.as_str(), "a/b c");
        let json = serde_json::to_string(&receipt.0).unwrap();
        assert_eq!(json.parse::<ReceiptText>().unwrap(), receipt);
    }

    #[test]
    fn what_is_no_receipt_is_refused() {
        for bad in ["", "7", "x/3/t/a", "7/3/not-a-uuid/a", "{}", "{\"message\":1}"] {
            assert!(bad.parse::<ReceiptText>().is_err(), "{bad}");
        }
    }
}
