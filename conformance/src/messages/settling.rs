//! Settling deliveries by their receipts.

use std::time::Duration;

use convoke_core::{Claim, Delay, ErrorKind, Limit, MessageId, Receipt, Registration, Timestamp, Ttl, WorkerStatus};
use uuid::Uuid;

use crate::case::Check;
use crate::expect::{Handle, commands, name, queue, receive, receive_one, refused, register, same, secs, send, set};
use crate::stage::Stage;

async fn is_stale(store: &Handle, what: &str, receipt: &Receipt) -> Check {
    let kind = ErrorKind::Fenced;
    refused(&format!("acknowledging {what}"), store.ack_message(receipt).await, kind)?;
    refused(
        &format!("giving back {what}"),
        store.nack_message(receipt, Delay::ZERO).await,
        kind,
    )?;
    refused(
        &format!("extending {what}"),
        store.extend_claim(receipt, secs(60)).await,
        kind,
    )
}

pub(super) async fn messages_e40_an_acknowledged_message_is_gone(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    send(&store, "a", "one").await?;
    send(&store, "a", "two").await?;
    let one = receive_one(&store, &a).await?;
    store.ack_message(&one.receipt).await?;
    same("the queue", queue(&store, "a").await?, vec!["two".to_owned()])?;
    stage.clock.advance(secs(30));
    same(
        "what is received later",
        commands(&receive(&store, &a, 9).await?),
        vec!["two"],
    )?;
    is_stale(&store, "what was acknowledged", &one.receipt).await
}

pub(super) async fn messages_e41_what_is_given_back_comes_again_after_its_delay_and_not_before(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    for command in ["one", "two"] {
        send(&store, "a", command).await?;
    }
    let one = receive_one(&store, &a).await?;
    store
        .nack_message(&one.receipt, Delay::new(Duration::from_secs(5))?)
        .await?;
    is_stale(&store, "what was given back", &one.receipt).await?;
    let back = stage.clock.now().plus(secs(5));
    stage.clock.set(Timestamp::from_micros(back.as_micros() - 1));
    same("just before", commands(&receive(&store, &a, 9).await?), vec!["two"])?;
    stage.clock.set(back);
    let again = receive_one(&store, &a).await?;
    same(
        "at the end of the delay",
        (again.message, again.attempt),
        (one.message, 2),
    )
}

pub(super) async fn messages_e42_what_is_given_back_without_delay_comes_again_at_once_in_its_place(
    stage: Stage,
) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    for command in ["one", "two", "three"] {
        send(&store, "a", command).await?;
    }
    let held = receive(&store, &a, 2).await?;
    store.nack_message(&held[1].receipt, Delay::ZERO).await?;
    store.nack_message(&held[0].receipt, Delay::ZERO).await?;
    let again = receive(&store, &a, 9).await?;
    same("what is received", commands(&again), vec!["one", "two", "three"])?;
    same(
        "the attempts",
        again.iter().map(|delivery| delivery.attempt).collect(),
        vec![2, 2, 1],
    )?;
    is_stale(&store, "the first delivery", &held[0].receipt).await?;
    store.ack_message(&again[0].receipt).await?;
    Ok(())
}

pub(super) async fn messages_e43_an_extended_claim_lasts_from_now(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    send(&store, "a", "one").await?;
    let one = receive_one(&store, &a).await?;
    stage
        .clock
        .set(Timestamp::from_micros(one.invisible_until.as_micros() - 1));
    let until = stage.clock.now().plus(secs(60));
    same("until when", store.extend_claim(&one.receipt, secs(60)).await?, until)?;
    stage.clock.set(Timestamp::from_micros(until.as_micros() - 1));
    same("just before", receive(&store, &a, 9).await?, Vec::new())?;
    let sooner = stage.clock.now().plus(Ttl::MIN);
    same(
        "until when, for less",
        store.extend_claim(&one.receipt, Ttl::MIN).await?,
        sooner,
    )?;
    stage.clock.set(sooner);
    is_stale(&store, "a claim whose extension ended", &one.receipt).await
}

pub(super) async fn messages_e44_a_receipt_is_stale_when_its_visibility_ends_though_nobody_else_received(
    stage: Stage,
) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    send(&store, "a", "one").await?;
    let one = receive_one(&store, &a).await?;
    stage.clock.set(one.invisible_until);
    is_stale(&store, "what nobody else received", &one.receipt).await?;
    same("the queue", queue(&store, "a").await?, vec!["one".to_owned()])
}

pub(super) async fn messages_e45_an_older_receipt_cannot_settle_a_newer_delivery(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    send(&store, "a", "one").await?;
    let old = receive_one(&store, &a).await?;
    stage.clock.set(old.invisible_until);
    let new = receive_one(&store, &a).await?;
    is_stale(&store, "a message that was delivered again", &old.receipt).await?;
    same(
        "what there is to receive then",
        receive(&store, &a, 9).await?,
        Vec::new(),
    )?;
    Ok(store.ack_message(&new.receipt).await?)
}

pub(super) async fn messages_e46_a_receipt_is_stale_when_its_worker_registers_again(stage: Stage) -> Check {
    let store = stage.open().await?;
    let old = register(&store, "a").await?;
    send(&store, "a", "one").await?;
    let one = receive_one(&store, &old).await?;
    register(&store, "a").await?;
    is_stale(&store, "what the predecessor holds", &one.receipt).await?;
    same("the queue", queue(&store, "a").await?, vec!["one".to_owned()])
}

pub(super) async fn messages_e47_a_made_up_receipt_is_stale(stage: Stage) -> Check {
    let store = stage.open().await?;
    let (a, b) = (register(&store, "a").await?, register(&store, "b").await?);
    for worker in ["a", "b"] {
        send(&store, worker, "one").await?;
        send(&store, worker, "two").await?;
    }
    let (mine, theirs) = (
        receive_one(&store, &a).await?.receipt,
        receive_one(&store, &b).await?.receipt,
    );
    let forge = |message: MessageId, registration: &Registration, token: Uuid| Receipt {
        message,
        registration: registration.clone(),
        token,
    };
    let unclaimed = MessageId::from_number(mine.message.number() + 1);
    let forgeries = [
        ("another token", forge(mine.message, &a, Uuid::now_v7())),
        ("another's message", forge(theirs.message, &a, theirs.token)),
        ("another's name", forge(mine.message, &b, mine.token)),
        ("a message that nobody claimed", forge(unclaimed, &a, mine.token)),
        (
            "a message that never was",
            forge(MessageId::from_number(1 << 40), &a, mine.token),
        ),
        ("message 0", forge(MessageId::from_number(0), &a, mine.token)),
        (
            "an unknown worker",
            forge(
                mine.message,
                &Registration {
                    worker: name("c")?,
                    ..a.clone()
                },
                mine.token,
            ),
        ),
        ("the nil token", forge(unclaimed, &a, Uuid::nil())),
    ];
    for (what, forgery) in forgeries {
        is_stale(&store, what, &forgery).await?;
    }
    store.ack_message(&mine).await?;
    store.ack_message(&theirs).await?;
    same("the queue", queue(&store, "a").await?, vec!["two".to_owned()])
}

pub(super) async fn messages_e48_messages_of_one_claim_are_settled_one_by_one(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    for command in ["acked", "given back", "extended", "left"] {
        send(&store, "a", command).await?;
    }
    let claim = Claim::new(Limit::MAX, secs(10));
    let held = store.receive_messages(&a, &claim).await?;
    same("how many", held.len(), 4)?;
    store.ack_message(&held[0].receipt).await?;
    store.nack_message(&held[1].receipt, Delay::ZERO).await?;
    store.extend_claim(&held[2].receipt, secs(20)).await?;
    same("at once", commands(&receive(&store, &a, 9).await?), vec!["given back"])?;
    stage.clock.advance(secs(10));
    same(
        "when the claim ends",
        commands(&receive(&store, &a, 9).await?),
        vec!["left"],
    )?;
    stage.clock.advance(secs(10));
    same(
        "when the extension ends",
        commands(&receive(&store, &a, 9).await?),
        vec!["extended"],
    )
}

pub(super) async fn messages_e49_a_worker_of_any_status_may_settle_what_it_holds(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    for status in WorkerStatus::ALL {
        send(&store, "a", status.as_str()).await?;
        let held = receive_one(&store, &a).await?;
        set(&store, "a", status).await?;
        store.extend_claim(&held.receipt, secs(60)).await?;
        store.ack_message(&held.receipt).await?;
    }
    same("the queue", queue(&store, "a").await?, Vec::new())
}

pub(super) async fn messages_e50_the_token_of_an_older_claim_is_worth_nothing_with_a_newer_registration(
    stage: Stage,
) -> Check {
    let store = stage.open().await?;
    let old = register(&store, "a").await?;
    send(&store, "a", "one").await?;
    let one = receive_one(&store, &old).await?;
    let new = register(&store, "a").await?;
    let taken_over = Receipt {
        registration: new.clone(),
        ..one.receipt.clone()
    };
    is_stale(&store, "what the predecessor holds, as the successor", &taken_over).await?;
    same("the queue", queue(&store, "a").await?, vec!["one".to_owned()])?;

    // Nor is it worth anything once the successor claims the message by that very token: only its own receipt is.
    stage.clock.set(one.invisible_until);
    let claim = Claim {
        token: one.receipt.token,
        ..Claim::new(Limit::ONE, secs(30))
    };
    let again = store.receive_messages(&new, &claim).await?;
    same("what the successor receives", commands(&again), vec!["one"])?;
    is_stale(&store, "what the predecessor held", &one.receipt).await?;
    store.ack_message(&again[0].receipt).await?;
    same("the queue in the end", queue(&store, "a").await?, Vec::new())
}
