//! Messages on MySQL: what the procedures answer, as answers of the trait.

use std::time::Instant;

use convoke_core::{
    Claim, Command, Cursor, Delay, Delivery, Limit, Message, MessageId, Messages, NewMessage, Page, Paged, Payload,
    QueuedMessage, Receipt, Registration, Result, Timestamp, Ttl, WorkerName, async_trait, error,
};
use sqlx::mysql::MySqlRow;

use crate::call::{Param, sql_now};
use crate::error::unexpected;
use crate::row::{Columns, outcome};
use crate::sends::LARGEST;
use crate::sharing::share;
use crate::store::MysqlStore;
use crate::workers::check_heard;

pub(crate) const AT_SEND: &str = "messages.send";

/// Leaves out what core's `Handling::is_gone` calls gone.
const PEEK: &str = concat!(
    "SELECT m.id, m.cmd, m.content, m.sent_us, m.expires_us, m.attempts, m.visible_from_us, t.now_us ",
    "FROM (SELECT ",
    sql_now!(),
    " AS now_us) AS t STRAIGHT_JOIN qtopology_message AS m FORCE INDEX (ix_convoke_message_queue) ",
    "WHERE m.worker = ? AND m.id > ? ",
    "AND (t.now_us < m.expires_us OR (m.token IS NOT NULL AND t.now_us < m.visible_from_us)) ORDER BY m.id LIMIT ?"
);

#[async_trait]
impl Messages for MysqlStore {
    async fn send_message(&self, message: &NewMessage) -> Result<MessageId> {
        if message.content.as_str().len() > LARGEST {
            let deadline = Instant::now() + self.pool.timeout();
            return self.send_alone(message, deadline).await;
        }
        share(self, message).await
    }

    async fn receive_messages(&self, registration: &Registration, claim: &Claim) -> Result<Vec<Delivery>> {
        const AT: &str = "messages.receive";
        let params = [
            registration.worker.as_str().into(),
            registration.incarnation.number().into(),
            claim.max.get().into(),
            claim.visibility.as_micros().into(),
            Param::Token(claim.seal(registration.incarnation).into_bytes()),
            self.now_param(),
        ];
        let rows = self
            .write(AT, "CALL convoke_receive_messages(?, ?, ?, ?, ?, ?)", &params)
            .await?;
        check_received(&rows, registration).map_err(|error| error.at(AT))?;
        let deliveries = rows
            .iter()
            .map(|row| delivery(row, registration, claim))
            .collect::<Result<_>>();
        deliveries.map_err(|error| error.at(AT))
    }

    async fn take_messages(&self, registration: &Registration, max: Limit) -> Result<Vec<Message>> {
        const AT: &str = "messages.take";
        let params = [
            registration.worker.as_str().into(),
            registration.incarnation.number().into(),
            max.get().into(),
            self.now_param(),
        ];
        let rows = self
            .write(AT, "CALL convoke_take_messages(?, ?, ?, ?)", &params)
            .await?;
        check_received(&rows, registration).map_err(|error| error.at(AT))?;
        let messages = rows
            .iter()
            .map(|row| message(&Columns(row), 1, &registration.worker))
            .collect::<Result<_>>();
        messages.map_err(|error| error.at(AT))
    }

    async fn ack_message(&self, receipt: &Receipt) -> Result<()> {
        const AT: &str = "messages.ack";
        let [id, name, incarnation, token] = receipt_params(receipt);
        let params = [id, name, incarnation, token, self.now_param()];
        let rows = self
            .write(AT, "CALL convoke_ack_message(?, ?, ?, ?, ?)", &params)
            .await?;
        check_settled(&rows, receipt).map_err(|error| error.at(AT))
    }

    async fn nack_message(&self, receipt: &Receipt, delay: Delay) -> Result<()> {
        const AT: &str = "messages.nack";
        let [id, name, incarnation, token] = receipt_params(receipt);
        let params = [id, name, incarnation, token, delay.as_micros().into(), self.now_param()];
        let rows = self
            .write(AT, "CALL convoke_nack_message(?, ?, ?, ?, ?, ?)", &params)
            .await?;
        check_settled(&rows, receipt).map_err(|error| error.at(AT))?;
        self.waiting.wake(&receipt.registration.worker);
        Ok(())
    }

    async fn extend_claim(&self, receipt: &Receipt, visibility: Ttl) -> Result<Timestamp> {
        const AT: &str = "messages.extend";
        let [id, name, incarnation, token] = receipt_params(receipt);
        let params = [
            id,
            name,
            incarnation,
            token,
            visibility.as_micros().into(),
            self.now_param(),
        ];
        let rows = self
            .write(AT, "CALL convoke_extend_claim(?, ?, ?, ?, ?, ?)", &params)
            .await?;
        extended(&rows, receipt).map_err(|error| error.at(AT))
    }

    async fn peek_messages(&self, worker: &WorkerName, page: &Page) -> Result<Paged<QueuedMessage>> {
        const AT: &str = "messages.peek";
        let after = page
            .after
            .as_ref()
            .map(Cursor::number)
            .transpose()
            .map_err(|error| error.at(AT))?;
        let params = [
            self.now_param(),
            worker.as_str().into(),
            after.unwrap_or(0).into(),
            (page.limit.get() + 1).into(),
        ];
        let rows = self.read(AT, PEEK, &params).await?;
        let messages = rows.iter().map(|row| queued(row, worker)).collect::<Result<_>>();
        let messages = messages.map_err(|error| error.at(AT))?;
        Ok(Paged::cut(messages, page.limit, |last: &QueuedMessage| {
            Cursor::behind_number(last.message.id.number())
        }))
    }
}

impl MysqlStore {
    /// The call that sends one message.
    pub(crate) async fn send_alone(&self, message: &NewMessage, deadline: Instant) -> Result<MessageId> {
        let params = [
            message.worker.as_str().into(),
            message.command.as_str().into(),
            message.content.as_str().into(),
            message.ttl.as_micros().into(),
            message.term.map_or(Param::Int(None), |term| term.number().into()),
            self.now_param(),
        ];
        let sql = "CALL convoke_send_message(?, ?, ?, ?, ?, ?)";
        let rows = self.write_by(AT_SEND, sql, &params, deadline).await?;
        let id = sent(&rows, message).map_err(|error| error.at(AT_SEND))?;
        self.waiting.wake(&message.worker);
        Ok(id)
    }
}

fn receipt_params(receipt: &Receipt) -> [Param<'_>; 4] {
    [
        receipt.message.number().into(),
        receipt.registration.worker.as_str().into(),
        receipt.registration.incarnation.number().into(),
        Param::Token(receipt.seal().into_bytes()),
    ]
}

fn sent(rows: &[MySqlRow], message: &NewMessage) -> Result<MessageId> {
    let row = rows.first().map(Columns).ok_or_else(|| unexpected("no row"))?;
    if row.some_int(0)?.is_some() {
        return Ok(MessageId::from_number(row.number(0)?));
    }
    match (row.text(1)?, message.term) {
        ("unknown", _) => Err(error::unknown_worker(&message.worker)),
        ("stale", Some(term)) => Err(error::stale_term(term)),
        _ => Err(unexpected("an unknown outcome")),
    }
}

/// Deliveries begin with the word ok, refusals with why.
fn check_received(rows: &[MySqlRow], registration: &Registration) -> Result<()> {
    match outcome(rows)? {
        Some("ok") => Ok(()),
        _ => check_heard(rows, registration),
    }
}

fn check_settled(rows: &[MySqlRow], receipt: &Receipt) -> Result<()> {
    match outcome(rows)? {
        None => Ok(()),
        Some(_) => Err(error::stale_receipt(receipt.message)),
    }
}

fn extended(rows: &[MySqlRow], receipt: &Receipt) -> Result<Timestamp> {
    match (outcome(rows)?, rows.first()) {
        (Some("extended"), Some(row)) => Columns(row).time(1),
        _ => Err(error::stale_receipt(receipt.message)),
    }
}

/// Reads id, cmd, content, sent_us and expires_us from the column `first` on.
fn message(row: &Columns<'_>, first: usize, worker: &WorkerName) -> Result<Message> {
    Ok(Message {
        id: MessageId::from_number(row.number(first)?),
        worker: worker.clone(),
        command: Command::new(row.text(first + 1)?).map_err(|source| unexpected("a command").caused_by(source))?,
        content: Payload::from_store(row.text(first + 2)?)?,
        sent: row.time(first + 3)?,
        expires: row.time(first + 4)?,
    })
}

fn delivery(row: &MySqlRow, registration: &Registration, claim: &Claim) -> Result<Delivery> {
    let row = Columns(row);
    let message = message(&row, 1, &registration.worker)?;
    Ok(Delivery {
        receipt: Receipt {
            message: message.id,
            registration: registration.clone(),
            token: claim.token,
        },
        message,
        attempt: row.count(6)?,
        invisible_until: row.time(7)?,
    })
}

fn queued(row: &MySqlRow, worker: &WorkerName) -> Result<QueuedMessage> {
    let row = Columns(row);
    let (visible_from, now) = (row.time(6)?, row.time(7)?);
    Ok(QueuedMessage {
        message: message(&row, 0, worker)?,
        attempts: row.count(5)?,
        invisible_until: (now < visible_from).then_some(visible_from),
    })
}
