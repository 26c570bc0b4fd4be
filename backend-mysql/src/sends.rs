//! Messages that are sent at once share a call.
//!
//! Each is still one atomic step with its own answer, and none waits for a lock on another's worker: what cannot be sent at
//! once, or is refused, is left out by the shared call and sent alone. All of one call are committed together.

use std::time::{Duration, Instant};

use convoke_core::payload::MAX_PAYLOAD_BYTES;
use convoke_core::{MessageId, NewMessage, Result};
use serde_json::{Value, json};

use crate::error::unexpected;
use crate::messages::AT_SEND;
use crate::row::Columns;
use crate::sharing::{Line, Share};
use crate::store::MysqlStore;

/// Larger messages are always sent alone: there is little to be saved.
pub(crate) const LARGEST: usize = 65_536;

/// How many messages one call sends at most.
const MOST: usize = 128;

/// How many bytes of contents one call sends at most: less than a message of the largest content.
const MOST_BYTES: usize = 262_144;
const _: () = assert!(MOST_BYTES + MOST * 1_024 < MAX_PAYLOAD_BYTES);

/// Those who send.
pub(crate) type Sends = Line<NewMessage, MessageId>;

/// What one call sends.
#[derive(Default)]
pub(crate) struct Load {
    messages: usize,
    bytes: usize,
}

impl Share<NewMessage> for MysqlStore {
    type Answer = MessageId;
    type Load = Load;
    /// More than one, so that callers of a few lose nothing, and commits of several calls can be made together by the server.
    const AT_ONCE: usize = 8;

    fn line(&self) -> &Sends {
        &self.sends
    }

    fn timeout(&self) -> Duration {
        self.pool.timeout()
    }

    fn take_on(load: &mut Load, message: &NewMessage) -> bool {
        let bytes = load.bytes + message.content.as_str().len();
        let fits = load.messages == 0 || (load.messages < MOST && bytes <= MOST_BYTES);
        if fits {
            load.messages += 1;
            load.bytes = bytes;
        }
        fits
    }

    async fn alone(&self, message: &NewMessage, deadline: Instant) -> Result<MessageId> {
        self.send_alone(message, deadline).await
    }

    async fn together(&self, messages: &[NewMessage], deadline: Instant) -> Result<Vec<Option<MessageId>>> {
        let all = Value::from_iter(messages.iter().map(without_content)).to_string();
        let contents: String = messages.iter().map(|message| message.content.as_str()).collect();
        let params = [all.as_str().into(), contents.as_str().into(), self.now_param()];
        let rows = self
            .write_by(AT_SEND, "CALL convoke_send_messages(?, ?, ?)", &params, deadline)
            .await?;
        let text = rows.first().map_or(Ok(""), |row| Columns(row).text(0));
        let sent = text.and_then(|text| ids(text, messages.len()));
        let sent = sent.map_err(|error| error.at(AT_SEND))?;
        for (message, id) in messages.iter().zip(&sent) {
            // Whoever sent it may wait no more; the receiver does.
            if id.is_some() {
                self.waiting.wake(&message.worker);
            }
        }
        Ok(sent)
    }
}

/// What the procedure reads, but for the content.
fn without_content(message: &NewMessage) -> Value {
    json!([
        message.worker.as_str(),
        message.command.as_str(),
        message.ttl.as_micros(),
        // As a parameter would be: beyond the range of the column is a term that no store gave out.
        message
            .term
            .map(|term| i64::try_from(term.number()).unwrap_or(i64::MAX)),
        message.content.as_str().len(),
    ])
}

/// Reads what was sent under which id, as in `1=17 3=18`.
fn ids(text: &str, messages: usize) -> Result<Vec<Option<MessageId>>> {
    let mut ids = vec![None; messages];
    for part in text.split_ascii_whitespace() {
        let (number, id) = part.split_once('=').ok_or_else(|| unexpected("no id"))?;
        let number: usize = number.parse().map_err(|_| unexpected("no number"))?;
        let place = number.checked_sub(1).and_then(|index| ids.get_mut(index));
        let id = id.parse().map_err(|_| unexpected("no id"))?;
        *place.ok_or_else(|| unexpected("a message that was not asked for"))? = Some(MessageId::from_number(id));
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use convoke_core::{Command, Payload, Term, WorkerName};

    use super::*;

    fn message(bytes: usize) -> NewMessage {
        let content = format!("\"{}\"", "x".repeat(bytes - 2));
        let content = Payload::parse(&content).unwrap();
        NewMessage::new(WorkerName::new("a").unwrap(), Command::new("c").unwrap(), content)
    }

    fn taken(message: &NewMessage) -> usize {
        let mut load = Load::default();
        (0..1_000)
            .take_while(|_| MysqlStore::take_on(&mut load, message))
            .count()
    }

    #[test]
    fn a_call_is_bounded_by_messages_and_bytes_and_takes_one_of_any_size() {
        assert_eq!(taken(&message(2)), MOST);
        assert_eq!(taken(&message(LARGEST)), 4);
        assert_eq!(taken(&message(1_000_000)), 1);
    }

    #[test]
    fn a_content_goes_by_its_bytes_and_a_term_within_its_column() {
        let content = Payload::parse("\"é\"").unwrap();
        let message = NewMessage::new(WorkerName::new("a").unwrap(), Command::new("c").unwrap(), content)
            .with_term(Term::from_number(u64::MAX));
        let expected = json!(["a", "c", message.ttl.as_micros(), i64::MAX, 4]);
        assert_eq!(without_content(&message), expected);
    }

    #[test]
    fn ids_come_with_the_numbers_of_their_messages() {
        let sent = ids("1=17 3=18 ", 3).unwrap();
        let numbers: Vec<_> = sent.into_iter().map(|id| id.map(MessageId::number)).collect();
        assert_eq!(numbers, [Some(17), None, Some(18)]);
        assert_eq!(ids("", 1).unwrap(), [None]);
        for strange in ["4=1", "0=1", "1", "1=x"] {
            assert!(ids(strange, 3).is_err(), "{strange}");
        }
    }
}
