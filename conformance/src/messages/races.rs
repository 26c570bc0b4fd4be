//! Races of senders and receivers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use convoke_core::{Claim, Limit, MessageId, Registration, Ttl};

use crate::case::Check;
use crate::expect::{Handle, holds, message, name, queue, register, same, secs};
use crate::model::number_in;
use crate::races::{at_once, linearizable, open_all};
use crate::stage::Stage;
use crate::steps::Mix;

/// How many messages a race handles, unless the variable CONVOKE_MESSAGES says another number.
const MESSAGES: u64 = 2_000;

pub(super) async fn messages_r01_concurrent_operations_are_atomic(stage: Stage) -> Check {
    linearizable(stage, Mix::Messages).await
}

/// A fault of qtopology: two readers of one queue made 1,715 double deliveries of 2,000 (2).
pub(super) async fn messages_r02_two_receivers_handle_each_message_once(stage: Stage) -> Check {
    let all = number_in("CONVOKE_MESSAGES").unwrap_or(MESSAGES);
    let handles = open_all(&stage, 4).await?;
    let worker = register(&handles[0], "a").await?;
    let handled = Arc::new(AtomicU64::new(0));
    let handed = at_once(&handles, |number, store| {
        let (worker, handled) = (worker.clone(), handled.clone());
        async move {
            match number {
                0 | 1 => send_half(&store, number, all).await.map(|()| Vec::new()),
                _ => receive_all(&store, &worker, all, &handled).await,
            }
        }
    });
    let handed = handed.await?;
    let mut times = BTreeMap::<MessageId, usize>::new();
    for id in handed.iter().flatten() {
        *times.entry(*id).or_default() += 1;
    }
    let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    holds("no message handled twice", twice.is_empty(), twice)?;
    same("how many were handled", times.len() as u64, all)?;
    for receiver in &handed {
        holds("each receiver gets them in order", receiver.is_sorted(), receiver.len())?;
    }
    same("the queue", queue(&handles[0], "a").await?, Vec::new())
}

async fn send_half(store: &Handle, number: usize, all: u64) -> Check {
    for count in 0..all / 2 + (all % 2) * (number as u64) {
        store
            .send_message(&message("a", &format!("{number} {count}"))?.with_ttl(secs(3_600)))
            .await?;
    }
    Ok(())
}

async fn receive_all(store: &Handle, worker: &Registration, all: u64, handled: &AtomicU64) -> Check<Vec<MessageId>> {
    let mut mine = Vec::new();
    let begun = std::time::Instant::now();
    while handled.load(Ordering::SeqCst) < all {
        let left = (handled.load(Ordering::SeqCst), all);
        holds(
            "receivers that get on",
            begun.elapsed() < std::time::Duration::from_secs(150),
            left,
        )?;
        let claim = Claim::new(Limit::new(10)?, secs(600));
        let deliveries = store.receive_messages(worker, &claim).await?;
        if deliveries.is_empty() {
            tokio::task::yield_now().await;
        }
        for delivery in deliveries {
            mine.push(delivery.message.id);
            store.ack_message(&delivery.receipt).await?;
            handled.fetch_add(1, Ordering::SeqCst);
        }
    }
    Ok(mine)
}

pub(super) async fn messages_r03_each_message_is_taken_once(stage: Stage) -> Check {
    let handles = open_all(&stage, 4).await?;
    let worker = register(&handles[0], "a").await?;
    for number in 0..200 {
        handles[0].send_message(&message("a", &format!("c{number}"))?).await?;
    }
    let taken = at_once(&handles, |_, store| {
        let worker = worker.clone();
        async move {
            let mut mine = Vec::new();
            loop {
                let taken = store.take_messages(&worker, Limit::new(3)?).await?;
                if taken.is_empty() {
                    return Ok(mine);
                }
                mine.extend(taken.into_iter().map(|message| message.command.to_string()));
            }
        }
    });
    let mut taken: Vec<_> = taken.await?.into_iter().flatten().collect();
    taken.sort_unstable();
    let mut expected: Vec<_> = (0..200).map(|number| format!("c{number}")).collect();
    expected.sort_unstable();
    same("all that was taken", taken, expected)
}

/// A fault of qtopology: SIGKILL at random lost 178 of 1,500 messages (2).
pub(super) async fn messages_r04_receivers_that_crash_lose_nothing_and_settle_nothing_twice(stage: Stage) -> Check {
    let handles = open_all(&stage, 3).await?;
    let worker = register(&handles[0], "a").await?;
    for number in 0..120 {
        handles[0]
            .send_message(&message("a", &format!("c{number}"))?.with_ttl(Ttl::MAX))
            .await?;
    }
    let mut settled = Vec::new();
    for round in 0.. {
        let done = at_once(&handles, |number, store| {
            let worker = worker.clone();
            async move { receive_and_crash(&store, &worker, number + round).await }
        });
        settled.extend(done.await?.into_iter().flatten());
        if handles[0]
            .peek_messages(&name("a")?, &convoke_core::Page::default())
            .await?
            .items
            .is_empty()
        {
            break;
        }
        holds("receivers that get on", round < 200, settled.len())?;
        // Whoever crashed held its messages for 30 s.
        stage.clock.advance(secs(30));
    }
    settled.sort_unstable();
    let mut expected: Vec<_> = (0..120).map(|number| format!("c{number}")).collect();
    expected.sort_unstable();
    same("all that was settled", settled, expected)
}

/// Receives a few, settles some of them, and forgets the rest.
async fn receive_and_crash(store: &Handle, worker: &Registration, luck: usize) -> Check<Vec<String>> {
    let mut settled = Vec::new();
    for turn in 0..3 {
        let claim = Claim::new(Limit::new(7)?, secs(30));
        for (index, delivery) in store.receive_messages(worker, &claim).await?.into_iter().enumerate() {
            if !(index + turn + luck).is_multiple_of(3) {
                store.ack_message(&delivery.receipt).await?;
                settled.push(delivery.message.command.to_string());
            }
        }
    }
    Ok(settled)
}
