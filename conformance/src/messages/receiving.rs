//! Receiving and taking: order, visibility, expiry, and whose queue it is.

use convoke_core::{Claim, Command, Delay, Delivery, ErrorKind, Limit, Message, Payload, Receipt, Timestamp, Ttl};

use crate::case::Check;
use crate::expect::{Handle, commands, message, queue, receive, receive_one, refused, register, same, secs, send};
use crate::stage::Stage;

fn just_before(end: Timestamp) -> Timestamp {
    Timestamp::from_micros(end.as_micros() - 1)
}

pub(super) async fn messages_e20_a_delivery_says_all_there_is_to_know(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    let sent = stage.clock.now();
    let new = convoke_core::NewMessage {
        content: Payload::parse(r#"{"n": 1.10}"#)?,
        ..message("a", "go now")?.with_ttl(secs(90))
    };
    let id = store.send_message(&new).await?;
    stage.clock.advance(secs(1));
    let claim = Claim::new(Limit::MAX, secs(30));
    let expected = Delivery {
        message: Message {
            id,
            worker: a.worker.clone(),
            command: Command::new("go now")?,
            content: Payload::parse(r#"{"n": 1.10}"#)?,
            sent,
            expires: sent.plus(secs(90)),
        },
        receipt: Receipt {
            message: id,
            registration: a.clone(),
            token: claim.token,
        },
        attempt: 1,
        invisible_until: stage.clock.now().plus(secs(30)),
    };
    same(
        "the delivery",
        store.receive_messages(&a, &claim).await?,
        vec![expected],
    )
}

pub(super) async fn messages_e21_a_claim_hides_a_message_to_its_last_microsecond(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    store.send_message(&message("a", "one")?.with_ttl(secs(90))).await?;
    let first = receive_one(&store, &a).await?;
    same("received again at once", receive(&store, &a, 9).await?, Vec::new())?;
    same("taken", store.take_messages(&a, Limit::MAX).await?, Vec::new())?;
    stage.clock.set(just_before(first.invisible_until));
    same(
        "received again a microsecond before the end",
        receive(&store, &a, 9).await?,
        Vec::new(),
    )?;
    stage.clock.set(first.invisible_until);
    let second = receive_one(&store, &a).await?;
    same("the message", &second.message, &first.message)?;
    same("its attempt", second.attempt, 2)?;
    stage.clock.set(second.invisible_until);
    same("the attempt after that", receive_one(&store, &a).await?.attempt, 3)
}

/// A fault of qtopology: SIGKILL at random lost 178 of 1,500 messages, for there was no acknowledgement (2).
pub(super) async fn messages_e22_what_nobody_acknowledged_comes_again_in_its_old_place(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    for command in ["one", "two", "three"] {
        send(&store, "a", command).await?;
    }
    same(
        "the first two",
        commands(&receive(&store, &a, 2).await?),
        vec!["one", "two"],
    )?;
    same("the third", commands(&receive(&store, &a, 2).await?), vec!["three"])?;
    stage.clock.advance(secs(30));
    send(&store, "a", "four").await?;
    let again = receive(&store, &a, 9).await?;
    same("after a crash", commands(&again), vec!["one", "two", "three", "four"])?;
    let attempts: Vec<_> = again.iter().map(|delivery| delivery.attempt).collect();
    same("the attempts", attempts, vec![2, 2, 2, 1])
}

pub(super) async fn messages_e23_an_expired_message_is_never_delivered(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    for (command, seconds) in [("late", 10), ("taken late", 10), ("shorter", 5), ("longer", 90)] {
        store
            .send_message(&message("a", command)?.with_ttl(secs(seconds)))
            .await?;
    }
    let expires = stage.clock.now().plus(secs(10));
    stage.clock.set(just_before(expires));
    let claim = Claim::new(Limit::ONE, Ttl::MIN);
    let got = store.receive_messages(&a, &claim).await?;
    same("a microsecond before the end", commands(&got), vec!["late"])?;
    stage.clock.set(expires);
    let got = store.receive_messages(&a, &claim).await?;
    same("at the end", commands(&got), vec!["longer"])?;
    stage.clock.advance(Ttl::MIN);
    let taken = store.take_messages(&a, Limit::MAX).await?;
    let taken: Vec<_> = taken.iter().map(|message| message.command.as_str()).collect();
    same("taken after the end", taken, vec!["longer"])
}

pub(super) async fn messages_e24_what_expires_in_somebodys_hands_is_settled_and_not_given_again(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    for command in ["acked", "extended", "given back", "left"] {
        store.send_message(&message("a", command)?.with_ttl(secs(10))).await?;
    }
    let held = receive(&store, &a, 9).await?;
    same(
        "all four are received",
        commands(&held),
        vec!["acked", "extended", "given back", "left"],
    )?;
    stage.clock.advance(secs(20));
    store.ack_message(&held[0].receipt).await?;
    store.extend_claim(&held[1].receipt, secs(20)).await?;
    store.nack_message(&held[2].receipt, Delay::ZERO).await?;
    same(
        "what is there to be received",
        receive(&store, &a, 9).await?,
        Vec::new(),
    )?;
    stage.clock.advance(secs(20));
    same("after all claims", receive(&store, &a, 9).await?, Vec::new())
}

/// A fault of qtopology: `getMessage` by a worker with nothing pending deletes everybody's messages (1).
pub(super) async fn messages_e25_an_empty_receive_harms_nobodys_queue(stage: Stage) -> Check {
    let store = stage.open().await?;
    let (a, b) = (register(&store, "a").await?, register(&store, "b").await?);
    register(&store, "A").await?;
    send(&store, "b", "theirs").await?;
    send(&store, "A", "upper").await?;
    same("what a receives", receive(&store, &a, 9).await?, Vec::new())?;
    same("what a takes", store.take_messages(&a, Limit::MAX).await?, Vec::new())?;
    same("the queue of A", queue(&store, "A").await?, vec!["upper".to_owned()])?;
    same(
        "what b receives",
        commands(&receive(&store, &b, 9).await?),
        vec!["theirs"],
    )?;
    same("what a receives then", receive(&store, &a, 9).await?, Vec::new())
}

pub(super) async fn messages_e26_everybody_gets_their_own_and_nothing_else(stage: Stage) -> Check {
    let store = stage.open().await?;
    let names = ["a", "b", "ab", "A", "a b", "á", "a\u{301}"];
    let mut workers = Vec::new();
    for worker in names {
        workers.push(register(&store, worker).await?);
    }
    for round in 0..3 {
        for worker in names {
            send(&store, worker, &format!("{round} for {worker}")).await?;
        }
    }
    for worker in workers {
        let got = receive(&store, &worker, 1_000).await?;
        let expected: Vec<_> = (0..3).map(|round| format!("{round} for {}", worker.worker)).collect();
        same(
            "what one gets",
            commands(&got),
            expected.iter().map(String::as_str).collect(),
        )?;
        let whose = got.iter().all(|delivery| delivery.message.worker == worker.worker);
        same("whether it is told to be theirs", whose, true)?;
    }
    Ok(())
}

/// A fault of qtopology: one message in two seconds; of thirty stop calls, half expired (2).
pub(super) async fn messages_e27_one_call_gives_as_many_as_it_may_and_not_more(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    for number in 0..30 {
        send(&store, "a", &format!("c{number}")).await?;
    }
    let sizes = |deliveries: Vec<Delivery>| deliveries.len();
    same("one", sizes(receive(&store, &a, 1).await?), 1)?;
    same("seven", sizes(receive(&store, &a, 7).await?), 7)?;
    same("two taken", store.take_messages(&a, Limit::new(2)?).await?.len(), 2)?;
    let rest = receive(&store, &a, 1_000).await?;
    let expected: Vec<_> = (10..30).map(|number| format!("c{number}")).collect();
    same(
        "the rest, in order",
        commands(&rest),
        expected.iter().map(String::as_str).collect(),
    )
}

pub(super) async fn messages_e28_taking_settles_in_the_same_step(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    let sent = stage.clock.now();
    let id = send(&store, "a", "one").await?;
    send(&store, "a", "two").await?;
    stage.clock.advance(secs(1));
    let expected = Message {
        id,
        worker: a.worker.clone(),
        command: Command::new("one")?,
        content: Payload::empty(),
        sent,
        expires: sent.plus(secs(60)),
    };
    same(
        "what is taken",
        store.take_messages(&a, Limit::ONE).await?,
        vec![expected],
    )?;
    same("the queue", queue(&store, "a").await?, vec!["two".to_owned()])?;
    stage.clock.advance(secs(58));
    let rest = receive(&store, &a, 9).await?;
    same("what is there to be received, much later", commands(&rest), vec!["two"])
}

pub(super) async fn messages_e29_a_refused_receiver_claims_nothing(stage: Stage) -> Check {
    let store = stage.open().await?;
    let old = register(&store, "a").await?;
    let new = register(&store, "a").await?;
    send(&store, "a", "one").await?;
    let claim = Claim::new(Limit::MAX, secs(30));
    refused(
        "receiving",
        store.receive_messages(&old, &claim).await,
        ErrorKind::Fenced,
    )?;
    refused("taking", store.take_messages(&old, Limit::MAX).await, ErrorKind::Fenced)?;
    let got = receive_one(&store, &new).await?;
    same("the attempt of whoever may receive", got.attempt, 1)
}

pub(super) async fn messages_e30_a_successor_gets_what_its_predecessor_held_when_its_claim_ends(stage: Stage) -> Check {
    let store = stage.open().await?;
    let old = register(&store, "a").await?;
    send(&store, "a", "one").await?;
    let held = receive_one(&store, &old).await?;
    let new = register(&store, "a").await?;
    same("what is there at once", receive(&store, &new, 9).await?, Vec::new())?;
    stage.clock.set(held.invisible_until);
    let again = receive_one(&store, &new).await?;
    same(
        "the message and its attempt",
        (again.message, again.attempt),
        (held.message, 2),
    )
}

pub(super) async fn messages_e31_a_handle_receives_what_another_one_sent(stage: Stage) -> Check {
    let (one, two): (Handle, Handle) = (stage.open().await?, stage.open().await?);
    let a = register(&one, "a").await?;
    send(&two, "a", "one").await?;
    send(&one, "a", "two").await?;
    let first = receive_one(&one, &a).await?;
    let second = receive_one(&two, &a).await?;
    same(
        "what they received",
        commands(&[first.clone(), second]),
        vec!["one", "two"],
    )?;
    two.ack_message(&first.receipt).await?;
    same(
        "the queue after the other one acknowledged",
        queue(&one, "a").await?,
        vec!["two".to_owned()],
    )
}

pub(super) async fn messages_e32_queues_and_claims_outlive_the_last_handle(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&store, "a").await?;
    let last = {
        send(&store, "a", "held").await?;
        send(&store, "a", "waits").await?
    };
    let held = receive_one(&store, &a).await?;
    drop(store);
    let store = stage.open().await?;
    same(
        "what is received",
        commands(&receive(&store, &a, 9).await?),
        vec!["waits"],
    )?;
    store.ack_message(&held.receipt).await?;
    let next = send(&store, "a", "next").await?;
    same("whether ids go on growing", next > last, true)?;
    same(
        "the queue",
        queue(&store, "a").await?,
        ["waits", "next"].map(str::to_owned).to_vec(),
    )
}
