//! Saboteurs of messages.

use convoke_core::{
    Answer, Claim, Delay, Delivery, ErrorKind, Limit, Message, MessageId, Messages, MessagesAnswer as MA,
    MessagesOperation as MO, NewMessage, Operation, Page, Payload, Receipt, Registration, Result, Ttl, WorkerName,
    Workers, WorkersAnswer as WA, WorkersOperation as WO, error,
};
use serde_json::Value;

use super::Layer;
use super::of_opening::current;

pub(super) async fn an_unknown_worker_is_sent_to(layer: Layer, operation: Operation) -> Result<Answer> {
    match (&operation, layer.honestly(operation.clone()).await) {
        (Operation::Messages(MO::SendMessage { .. }), Err(error)) if error.kind() == ErrorKind::NotFound => {
            Ok(MA::SendMessage(MessageId::from_number(1)).into())
        }
        (_, answer) => answer,
    }
}

/// A fault of qtopology: there is no fencing; a paused leader goes on writing (4).
pub(super) async fn a_term_is_not_looked_at_when_sending(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Operation::Messages(MO::SendMessage { message }) = &mut operation {
        message.term = None;
    }
    layer.honestly(operation).await
}

/// A driver that repeats what it did not hear of.
pub(super) async fn a_message_is_sent_twice(layer: Layer, operation: Operation) -> Result<Answer> {
    if let Operation::Messages(MO::SendMessage { .. }) = &operation {
        layer.honestly(operation.clone()).await?;
    }
    layer.honestly(operation).await
}

pub(super) async fn the_newest_comes_first(layer: Layer, operation: Operation) -> Result<Answer> {
    let mut answer = layer.honestly(operation).await?;
    if let Answer::Messages(MA::ReceiveMessages(deliveries)) = &mut answer {
        deliveries.reverse();
    }
    Ok(answer)
}

/// A column of the type JSON: keys are ordered, numbers written anew.
pub(super) async fn numbers_are_written_anew(layer: Layer, operation: Operation) -> Result<Answer> {
    rewriting(layer, operation, Some).await
}

/// A fault of eventflow-db: integers over 2^53 are lossy in JavaScript (13).
pub(super) async fn large_integers_become_floats(layer: Layer, operation: Operation) -> Result<Answer> {
    let as_float = |value: Value| {
        value
            .as_u64()
            .filter(|number| *number > 1 << 53)
            .map(|number| Value::from(number as f64))
    };
    rewriting(layer, operation, as_float).await
}

async fn rewriting(layer: Layer, mut operation: Operation, change: fn(Value) -> Option<Value>) -> Result<Answer> {
    if let Operation::Messages(MO::SendMessage { message }) = &mut operation
        && let Ok(value) = message.content.decode::<Value>()
        && let Some(changed) = change(value)
    {
        message.content = Payload::of(&changed)?;
    }
    layer.honestly(operation).await
}

pub(super) async fn a_look_claims(layer: Layer, operation: Operation) -> Result<Answer> {
    let answer = layer.honestly(operation.clone()).await?;
    if let Operation::Messages(MO::PeekMessages { worker, .. }) = operation
        && let Ok(registration) = current(&layer, &worker).await
    {
        layer
            .store
            .receive_messages(&registration, &Claim::new(Limit::MAX, Ttl::from_secs(1)))
            .await?;
    }
    Ok(answer)
}

pub(super) async fn attempts_are_not_counted(layer: Layer, operation: Operation) -> Result<Answer> {
    let mut answer = layer.honestly(operation).await?;
    if let Answer::Messages(MA::ReceiveMessages(deliveries)) = &mut answer {
        deliveries.iter_mut().for_each(|delivery| delivery.attempt = 1);
    }
    Ok(answer)
}

pub(super) async fn a_claim_hides_nothing(layer: Layer, operation: Operation) -> Result<Answer> {
    let answer = layer.honestly(operation).await?;
    if let Answer::Messages(MA::ReceiveMessages(deliveries)) = &answer {
        for delivery in deliveries {
            layer.store.nack_message(&delivery.receipt, Delay::ZERO).await?;
        }
    }
    Ok(answer)
}

/// A fault of qtopology: no acknowledgement; SIGKILL at random lost 178 of 1,500 messages (2).
pub(super) async fn what_is_received_is_lost_in_a_crash(layer: Layer, operation: Operation) -> Result<Answer> {
    let answer = layer.honestly(operation).await?;
    if let Answer::Messages(MA::ReceiveMessages(deliveries)) = &answer {
        for delivery in deliveries {
            layer.store.ack_message(&delivery.receipt).await?;
        }
    }
    Ok(answer)
}

/// Messages are kept for a year whatever their time to live, and shown with it.
pub(super) async fn the_expired_are_delivered(layer: Layer, mut operation: Operation) -> Result<Answer> {
    let mut expires = None;
    if let Operation::Messages(MO::SendMessage { message }) = &mut operation {
        expires = Some(layer.now().plus(message.ttl));
        message.ttl = Ttl::MAX;
    }
    let mut answer = layer.honestly(operation).await?;
    let mut notes = layer.notes.lock();
    let restore = |message: &mut Message| {
        if let Some(expires) = notes.expiries.get(&message.id) {
            message.expires = *expires;
        }
    };
    match &mut answer {
        Answer::Messages(MA::SendMessage(id)) => {
            let id = *id;
            notes.expiries.extend(expires.map(|expires| (id, expires)));
        }
        Answer::Messages(MA::ReceiveMessages(all)) => all.iter_mut().map(|it| &mut it.message).for_each(restore),
        Answer::Messages(MA::TakeMessages(all)) => all.iter_mut().for_each(restore),
        _ => {}
    }
    Ok(answer)
}

/// Everybody but this one, as they are registered at present.
async fn others(layer: &Layer, worker: &WorkerName) -> Result<Vec<Registration>> {
    let workers = layer.store.list_workers(&Page::first(1_000)?).await?.items.into_iter();
    let others = workers.filter(|other| other.name != *worker).map(|other| Registration {
        worker: other.name,
        incarnation: other.incarnation,
    });
    Ok(others.collect())
}

/// A fault of qtopology, to the letter (1).
pub(super) async fn an_empty_receive_deletes_everybodys(layer: Layer, operation: Operation) -> Result<Answer> {
    let answer = layer.honestly(operation.clone()).await?;
    if let Operation::Messages(MO::ReceiveMessages { registration, .. }) = operation
        && let Answer::Messages(MA::ReceiveMessages(deliveries)) = &answer
        && deliveries.is_empty()
    {
        for other in others(&layer, &registration.worker).await? {
            layer.store.take_messages(&other, Limit::MAX).await?;
        }
    }
    Ok(answer)
}

pub(super) async fn an_empty_receive_gives_anothers(layer: Layer, operation: Operation) -> Result<Answer> {
    let answer = layer.honestly(operation.clone()).await?;
    if let Operation::Messages(MO::ReceiveMessages { registration, claim }) = operation
        && let Answer::Messages(MA::ReceiveMessages(deliveries)) = &answer
        && deliveries.is_empty()
    {
        for other in others(&layer, &registration.worker).await? {
            let theirs = layer.store.receive_messages(&other, &claim).await?;
            if !theirs.is_empty() {
                return Ok(MA::ReceiveMessages(theirs).into());
            }
        }
    }
    Ok(answer)
}

/// A fault of qtopology: one message at a time, every two seconds (2).
pub(super) async fn one_at_a_time_whatever_is_asked(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Operation::Messages(MO::ReceiveMessages { claim, .. }) = &mut operation {
        claim.max = Limit::ONE;
    }
    layer.honestly(operation).await
}

/// Receives, and would have acknowledged later.
pub(super) async fn taking_does_not_settle(layer: Layer, operation: Operation) -> Result<Answer> {
    let Operation::Messages(MO::TakeMessages { registration, max }) = operation else {
        return layer.honestly(operation).await;
    };
    let received = layer
        .store
        .receive_messages(&registration, &Claim::new(max, Ttl::from_secs(5)))
        .await?;
    Ok(MA::TakeMessages(received.into_iter().map(|delivery| delivery.message).collect()).into())
}

pub(super) async fn any_token_settles(layer: Layer, operation: Operation) -> Result<Answer> {
    settling_by(layer, operation, |known, receipt| receipt.token = known.token).await
}

pub(super) async fn an_older_receipt_settles_a_newer_delivery(layer: Layer, operation: Operation) -> Result<Answer> {
    settling_by(layer, operation, |known, receipt| {
        if known.registration == receipt.registration {
            *receipt = known.clone();
        }
    })
    .await
}

async fn settling_by(layer: Layer, mut operation: Operation, forge: fn(&Receipt, &mut Receipt)) -> Result<Answer> {
    if let Operation::Messages(
        MO::AckMessage { receipt } | MO::NackMessage { receipt, .. } | MO::ExtendClaim { receipt, .. },
    ) = &mut operation
        && let Some(known) = layer.notes.lock().receipts.get(&receipt.message)
    {
        forge(known, receipt);
    }
    let answer = layer.honestly(operation).await?;
    if let Answer::Messages(MA::ReceiveMessages(deliveries)) = &answer {
        let receipts = deliveries
            .iter()
            .map(|delivery| (delivery.message.id, delivery.receipt.clone()));
        layer.notes.lock().receipts.extend(receipts);
    }
    Ok(answer)
}

/// A receipt is a token and nothing else: whoever registers under the name holds what its predecessor held.
pub(super) async fn claims_pass_to_the_successor(layer: Layer, operation: Operation) -> Result<Answer> {
    let Operation::Workers(WO::RegisterWorker { name }) = &operation else {
        return settling_by(layer, operation, |_, _| {}).await;
    };
    let held: Vec<_> = layer.notes.lock().receipts.values().cloned().collect();
    let mut tokens = Vec::new();
    for receipt in held.into_iter().filter(|receipt| receipt.registration.worker == *name) {
        if layer.store.nack_message(&receipt, Delay::ZERO).await.is_ok() {
            tokens.push(receipt.token);
        }
    }
    let answer = layer.honestly(operation.clone()).await?;
    if let Answer::Workers(WA::RegisterWorker(successor)) = &answer {
        for token in tokens {
            let claim = Claim {
                token,
                ..Claim::new(Limit::ONE, Ttl::from_secs(30))
            };
            layer.store.receive_messages(successor, &claim).await?;
        }
    }
    Ok(answer)
}

pub(super) async fn a_delay_is_ignored(layer: Layer, mut operation: Operation) -> Result<Answer> {
    if let Operation::Messages(MO::NackMessage { delay, .. }) = &mut operation {
        *delay = Delay::ZERO;
    }
    layer.honestly(operation).await
}

pub(super) async fn what_is_given_back_goes_to_the_end(layer: Layer, operation: Operation) -> Result<Answer> {
    let Operation::Messages(MO::NackMessage { receipt, .. }) = &operation else {
        return layer.honestly(operation).await;
    };
    let queued = layer
        .store
        .peek_messages(&receipt.registration.worker, &Page::first(1_000)?)
        .await?
        .items;
    layer.store.ack_message(receipt).await?;
    for it in queued.into_iter().filter(|it| it.message.id == receipt.message) {
        let again = NewMessage::new(it.message.worker, it.message.command, it.message.content);
        layer.store.send_message(&again).await?;
    }
    Ok(MA::NackMessage(()).into())
}

pub(super) async fn an_extension_adds_to_the_end(layer: Layer, operation: Operation) -> Result<Answer> {
    let Operation::Messages(MO::ExtendClaim { receipt, visibility }) = &operation else {
        return layer.honestly(operation).await;
    };
    let queued = layer
        .store
        .peek_messages(&receipt.registration.worker, &Page::first(1_000)?)
        .await?
        .items;
    let mine = queued.into_iter().find(|it| it.message.id == receipt.message);
    let left = mine
        .and_then(|it| it.invisible_until)
        .map(|until| until.since(layer.now()))
        .unwrap_or_default();
    let longer = Ttl::new(left + visibility.as_duration())?;
    Ok(MA::ExtendClaim(layer.store.extend_claim(receipt, longer).await?).into())
}

/// What a reader of the queue would receive.
async fn visible(layer: &Layer, worker: &WorkerName, max: Limit) -> Result<Vec<convoke_core::QueuedMessage>> {
    let queued = layer.store.peek_messages(worker, &Page::first(1_000)?).await?.items;
    let visible = queued.into_iter().filter(|it| it.invisible_until.is_none());
    Ok(visible.take(max.as_usize()).collect())
}

/// A fault of qtopology: two readers of one queue made 1,715 double deliveries of 2,000 (2).
pub(super) async fn receivers_read_then_claim(layer: Layer, operation: Operation) -> Result<Answer> {
    let Operation::Messages(MO::ReceiveMessages { registration, claim }) = &operation else {
        return layer.honestly(operation).await;
    };
    let read = visible(&layer, &registration.worker, claim.max).await?;
    layer.gap().await;
    layer.store.receive_messages(registration, claim).await?;
    let deliveries = read.into_iter().map(|it| Delivery {
        receipt: Receipt {
            message: it.message.id,
            registration: registration.clone(),
            token: claim.token,
        },
        message: it.message,
        attempt: it.attempts + 1,
        invisible_until: layer.now().plus(claim.visibility),
    });
    Ok(MA::ReceiveMessages(deliveries.collect()).into())
}

pub(super) async fn takers_read_then_delete(layer: Layer, operation: Operation) -> Result<Answer> {
    let Operation::Messages(MO::TakeMessages { registration, max }) = &operation else {
        return layer.honestly(operation).await;
    };
    let read = visible(&layer, &registration.worker, *max).await?;
    layer.gap().await;
    layer.store.take_messages(registration, *max).await?;
    Ok(MA::TakeMessages(read.into_iter().map(|it| it.message).collect()).into())
}

/// Every other claim is forgotten.
pub(super) async fn receiving_forgets_to_claim_now_and_then(layer: Layer, operation: Operation) -> Result<Answer> {
    let answer = layer.honestly(operation).await?;
    if let Answer::Messages(MA::ReceiveMessages(deliveries)) = &answer {
        for delivery in deliveries
            .iter()
            .filter(|delivery| delivery.message.id.number() % 2 == 0)
        {
            layer.store.nack_message(&delivery.receipt, Delay::ZERO).await?;
        }
    }
    Ok(answer)
}

/// When two are there and one is asked for, the second is given.
pub(super) async fn a_receive_of_one_skips_the_oldest(layer: Layer, operation: Operation) -> Result<Answer> {
    let Operation::Messages(MO::ReceiveMessages { registration, claim }) = &operation else {
        return layer.honestly(operation).await;
    };
    if claim.max != Limit::ONE {
        return layer.honestly(operation).await;
    }
    let two = Claim {
        max: Limit::new(2)?,
        ..claim.clone()
    };
    let mut deliveries = layer.store.receive_messages(registration, &two).await?;
    if deliveries.len() == 2 {
        let oldest = deliveries.remove(0);
        layer.store.nack_message(&oldest.receipt, Delay::ZERO).await?;
    }
    match deliveries.len() {
        0 | 1 => Ok(MA::ReceiveMessages(deliveries).into()),
        _ => Err(error::invalid("at most one was asked for")),
    }
}
