//! Messages on Redis.

use convoke_core::messages::Handling;
use convoke_core::{
    Claim, Command, Cursor, Delay, Delivery, Limit, Message, MessageId, Messages, NewMessage, Page, Paged, Payload,
    QueuedMessage, Receipt, Registration, Result, Timestamp, Ttl, WorkerName, async_trait, error,
};

use crate::answer::{Answer, name, parse, strange};
use crate::keys::ordered;
use crate::script::{Call, Script};
use crate::scripts;
use crate::store::{RedisStore, refused_registration};

#[async_trait]
impl Messages for RedisStore {
    async fn send_message(&self, message: &NewMessage) -> Result<MessageId> {
        self.send(message).await.map_err(|error| error.at("messages.send"))
    }

    async fn receive_messages(&self, registration: &Registration, claim: &Claim) -> Result<Vec<Delivery>> {
        let received = self.receive(registration, claim).await;
        received.map_err(|error| error.at("messages.receive"))
    }

    async fn take_messages(&self, registration: &Registration, max: Limit) -> Result<Vec<Message>> {
        let taken = self.take(registration, max).await;
        taken.map_err(|error| error.at("messages.take"))
    }

    async fn ack_message(&self, receipt: &Receipt) -> Result<()> {
        self.ack(receipt).await.map_err(|error| error.at("messages.ack"))
    }

    async fn nack_message(&self, receipt: &Receipt, delay: Delay) -> Result<()> {
        self.nack(receipt, delay)
            .await
            .map_err(|error| error.at("messages.nack"))
    }

    async fn extend_claim(&self, receipt: &Receipt, visibility: Ttl) -> Result<Timestamp> {
        let extended = self.extend(receipt, visibility).await;
        extended.map_err(|error| error.at("messages.extend"))
    }

    async fn peek_messages(&self, worker: &WorkerName, page: &Page) -> Result<Paged<QueuedMessage>> {
        self.peek(worker, page).await.map_err(|error| error.at("messages.peek"))
    }
}

impl RedisStore {
    async fn send(&self, message: &NewMessage) -> Result<MessageId> {
        let NewMessage {
            worker,
            command,
            content,
            ..
        } = message;
        let call = scripts::SEND_MESSAGE
            .call()
            .arg(self.now_argument()?)
            .arg(worker.as_str())
            .arg(message.ttl.as_micros())
            .arg(message.term.map(|term| term.number().to_string()).unwrap_or_default())
            .arg(format!("{command}\0{content}"));
        let answer = self.ask_in_group(call).await?;
        match (answer.word.as_str(), message.term) {
            ("unknown", _) => Err(error::unknown_worker(worker)),
            ("stale_term", Some(term)) => Err(error::stale_term(term)),
            (id, _) => parse(id).map(MessageId::from_number),
        }
    }

    async fn receive(&self, registration: &Registration, claim: &Claim) -> Result<Vec<Delivery>> {
        let mut answer = self
            .ask_queue(&scripts::RECEIVE_MESSAGES, registration, |call| {
                call.arg(claim.max.get())
                    .arg(claim.visibility.as_micros())
                    .arg(claim.seal(registration.incarnation).to_string())
            })
            .await?;
        if answer.word != "claimed" {
            return Err(refused_registration(&answer, registration));
        }
        let invisible_until = answer.fields.time()?;
        let mut rows = answer.fields.list()?;
        let mut deliveries = Vec::new();
        while !rows.is_done() {
            let id = MessageId::from_number(rows.parsed()?);
            let attempt = attempts(rows.parsed()?);
            deliveries.push(Delivery {
                message: message(id, &rows.text()?)?,
                receipt: Receipt {
                    message: id,
                    registration: registration.clone(),
                    token: claim.token,
                },
                attempt,
                invisible_until,
            });
        }
        Ok(deliveries)
    }

    async fn take(&self, registration: &Registration, max: Limit) -> Result<Vec<Message>> {
        let mut answer = self
            .ask_queue(&scripts::TAKE_MESSAGES, registration, |call| call.arg(max.get()))
            .await?;
        if answer.word != "taken" {
            return Err(refused_registration(&answer, registration));
        }
        let mut rows = answer.fields.list()?;
        let mut messages = Vec::new();
        while !rows.is_done() {
            let id = MessageId::from_number(rows.parsed()?);
            messages.push(message(id, &rows.text()?)?);
        }
        Ok(messages)
    }

    async fn ack(&self, receipt: &Receipt) -> Result<()> {
        let call = scripts::ACK_MESSAGE.call();
        let answer = self.ask_in_group(self.with_receipt(call, receipt)?).await?;
        match answer.word.as_str() {
            "acknowledged" => Ok(()),
            _ => Err(refused_receipt(&answer, receipt)),
        }
    }

    async fn nack(&self, receipt: &Receipt, delay: Delay) -> Result<()> {
        let call = scripts::NACK_MESSAGE.call();
        let call = self.with_receipt(call, receipt)?.arg(delay.as_micros());
        let answer = self.ask_in_group(call).await?;
        match answer.word.as_str() {
            "released" => Ok(()),
            _ => Err(refused_receipt(&answer, receipt)),
        }
    }

    async fn extend(&self, receipt: &Receipt, visibility: Ttl) -> Result<Timestamp> {
        let call = scripts::EXTEND_CLAIM.call();
        let call = self.with_receipt(call, receipt)?.arg(visibility.as_micros());
        let mut answer = self.ask_in_group(call).await?;
        match answer.word.as_str() {
            "extended" => answer.fields.time(),
            _ => Err(refused_receipt(&answer, receipt)),
        }
    }

    async fn peek(&self, worker: &WorkerName, page: &Page) -> Result<Paged<QueuedMessage>> {
        // The latest message that was looked at, and the latest place of those that nobody was given yet.
        let (mut latest, mut place) = match &page.after {
            Some(cursor) => cursor.place().map(|(id, place)| (Some(id), place))?,
            None => (None, 0),
        };
        let mut items = Vec::new();
        // Once, unless messages that expired and were not dropped yet leave gaps, or the messages are very large.
        loop {
            let call = scripts::PEEK_MESSAGES
                .call()
                .arg(self.now_argument()?)
                .arg(worker.as_str())
                .arg(latest.map(ordered).unwrap_or_default())
                .arg(place)
                .arg(page.limit.as_usize() + 1 - items.len());
            let mut answer = self.ask(&call).await?;
            if answer.word != "page" {
                return Err(answer.unexpected());
            }
            let now = answer.fields.time()?;
            let has_more = answer.fields.parsed::<u8>()? == 1;
            let looked_at: u64 = answer.fields.parsed()?;
            let mut rows = answer.fields.list()?;
            while !rows.is_done() {
                let id: u64 = rows.parsed()?;
                latest = Some(id);
                place = place.max(rows.parsed()?);
                let message = message(MessageId::from_number(id), &rows.text()?)?;
                let handling = rows
                    .optional_text()?
                    .map_or(Ok(Handling::default()), |text| handling(&text))?;
                if !handling.is_gone(message.expires, now) {
                    let item = QueuedMessage {
                        message,
                        attempts: handling.attempts,
                        invisible_until: handling.invisible_until(now),
                    };
                    items.push((item, Cursor::behind_place(id, place)));
                }
            }
            place = looked_at;
            if !has_more || items.len() > page.limit.as_usize() {
                break;
            }
        }
        let page = Paged::cut(items, page.limit, |(_, cursor): &(_, Cursor)| cursor.clone());
        Ok(page.map(|(item, _)| item))
    }

    /// Runs a script that takes from the worker's queue until it has dropped what stood in its way.
    async fn ask_queue(
        &self,
        script: &'static Script,
        registration: &Registration,
        with_rest: impl for<'a> Fn(Call<'a>) -> Call<'a>,
    ) -> Result<Answer> {
        loop {
            let call = script
                .call()
                .arg(self.now_argument()?)
                .arg(registration.worker.as_str())
                .arg(registration.incarnation.number());
            let answer = self.ask_in_group(with_rest(call)).await?;
            if answer.word != "more" {
                return Ok(answer);
            }
        }
    }

    /// The arguments that the three scripts about a receipt have in common.
    fn with_receipt<'a>(&self, call: Call<'a>, receipt: &Receipt) -> Result<Call<'a>> {
        Ok(call
            .arg(self.now_argument()?)
            .arg(ordered(receipt.message.number()))
            .arg(receipt.registration.worker.as_str())
            .arg(receipt.registration.incarnation.number())
            .arg(receipt.seal().to_string()))
    }
}

fn refused_receipt(answer: &Answer, receipt: &Receipt) -> convoke_core::Error {
    match answer.word.as_str() {
        "stale_receipt" => error::stale_receipt(receipt.message),
        _ => answer.unexpected(),
    }
}

/// Reads `expires sent worker NUL command NUL content`.
fn message(id: MessageId, text: &str) -> Result<Message> {
    let malformed = || strange("a message is not \"expires sent worker NUL command NUL content\"");
    let mut parts = text.splitn(3, '\0');
    let (Some(head), Some(command), Some(content)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(malformed());
    };
    let mut head = head.splitn(3, ' ');
    let (Some(expires), Some(sent), Some(worker)) = (head.next(), head.next(), head.next()) else {
        return Err(malformed());
    };
    Ok(Message {
        id,
        worker: name(worker.to_owned())?,
        command: Command::new(command).map_err(|source| malformed().caused_by(source))?,
        content: Payload::from_store(content)?,
        sent: Timestamp::from_micros(parse(sent)?),
        expires: Timestamp::from_micros(parse(expires)?),
    })
}

/// Reads `attempts visible-from token worker`.
fn handling(text: &str) -> Result<Handling> {
    let mut parts = text.splitn(4, ' ');
    let (Some(count), Some(visible_from), Some(token), Some(_)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(strange("the handling of a message does not have four parts"));
    };
    Ok(Handling {
        attempts: attempts(parse(count)?),
        visible_from: Timestamp::from_micros(parse(visible_from)?),
        seal: if token == "-" { None } else { Some(parse(token)?) },
    })
}

fn attempts(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use convoke_core::ErrorKind;

    use super::*;

    #[test]
    fn a_message_is_read_to_the_letter() {
        let text = "1795200000000001 1795200000000000 a b\0do it\0{\"n\": 18446744073709551615}";
        let message = message(MessageId::from_number(7), text).unwrap();
        assert_eq!((message.worker.as_str(), message.command.as_str()), ("a b", "do it"));
        assert_eq!(message.content.as_str(), "{\"n\": 18446744073709551615}");
        assert_eq!(message.expires, Timestamp::from_micros(1_795_200_000_000_001));
    }

    #[test]
    fn what_was_not_written_here_is_corrupt() {
        for text in ["", "1 2 a", "1 2 a\0b", "x 2 a\0b\0{}", "1 2 a\0b\0{", "1 2 \0b\0{}"] {
            let error = message(MessageId::from_number(1), text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{text:?}");
        }
        assert_eq!(handling("1 2").unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
