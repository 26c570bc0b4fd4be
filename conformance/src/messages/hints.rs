//! Wake-ups: hints that may be lost, and never cost more than time.

use std::time::{Duration, Instant};

use convoke_core::{Clock, Limit};

use crate::case::Check;
use crate::expect::{Handle, holds, name, register, same, send};
use crate::stage::Stage;

/// What a busy machine may add to a wait.
pub(crate) const SLACK: Duration = Duration::from_secs(3);

pub(super) async fn messages_e60_waiting_ends_in_time_though_nothing_comes(stage: Stage) -> Check {
    let store = stage.open_by(Clock::Store).await?;
    register(&store, "a").await?;
    for worker in ["a", "never registered"] {
        let begun = Instant::now();
        store.await_message(&name(worker)?, Duration::from_millis(50)).await;
        let waited = begun.elapsed();
        holds("a wait of 50 ms that ends", waited < SLACK, waited)?;
    }
    let begun = Instant::now();
    store.await_message(&name("a")?, Duration::ZERO).await;
    holds("a wait of nothing that ends", begun.elapsed() < SLACK, begun.elapsed())
}

pub(super) async fn messages_e61_a_waiting_receiver_gets_what_is_sent_meanwhile(stage: Stage) -> Check {
    let store = stage.open_by(Clock::Store).await?;
    let a = register(&store, "a").await?;
    let bound = store.properties().await?.poll_bound;
    let waiting = {
        let (store, a) = (store.clone(), a.clone());
        tokio::spawn(async move { await_and_take(&store, &a).await })
    };
    // Whether the receiver waits already or not yet, the message must reach it.
    tokio::task::yield_now().await;
    send(&store, "a", "wake up").await?;
    let (got, waited) = waiting
        .await
        .map_err(|error| crate::Failure::new(error.to_string()))??;
    same("what it got", got, vec!["wake up".to_owned()])?;
    holds(
        &format!("a wait of at most the poll bound, {bound:?}"),
        waited < bound + SLACK,
        waited,
    )
}

/// Waits for up to a minute at a time, as a worker does, until there is something.
pub(crate) async fn await_and_take(store: &Handle, who: &convoke_core::Registration) -> Check<(Vec<String>, Duration)> {
    let begun = Instant::now();
    loop {
        let got = store.take_messages(who, Limit::MAX).await?;
        if !got.is_empty() {
            let commands = got.iter().map(|message| message.command.to_string()).collect();
            return Ok((commands, begun.elapsed()));
        }
        store.await_message(&who.worker, Duration::from_secs(60)).await;
    }
}

/// The hint of a message that was sent before anybody waited is lost; the message is not.
pub(super) async fn messages_e62_a_lost_hint_costs_the_poll_bound_at_most(stage: Stage) -> Check {
    let store = stage.open_by(Clock::Store).await?;
    let a = register(&store, "a").await?;
    let bound = store.properties().await?.poll_bound;
    send(&store, "a", "sent before").await?;
    let begun = Instant::now();
    store.await_message(&a.worker, bound + 2 * SLACK).await;
    let waited = begun.elapsed();
    holds(
        &format!("a wait of at most the poll bound, {bound:?}"),
        waited < bound + SLACK,
        waited,
    )?;
    same(
        "how many are taken",
        store.take_messages(&a, Limit::MAX).await?.len(),
        1,
    )
}

pub(super) async fn messages_e63_a_wait_given_up_harms_nobody(stage: Stage) -> Check {
    let store = stage.open_by(Clock::Store).await?;
    let a = register(&store, "a").await?;
    for _ in 0..3 {
        let wait = store.await_message(&a.worker, Duration::from_secs(60));
        drop(tokio::time::timeout(Duration::from_millis(5), wait).await);
    }
    send(&store, "a", "one").await?;
    let (got, waited) = await_and_take(&store, &a).await?;
    same("what is taken then", got, vec!["one".to_owned()])?;
    holds("no long wait", waited < SLACK, waited)
}

pub(super) async fn messages_e64_a_claim_that_ends_by_itself_is_noticed_by_who_waits(stage: Stage) -> Check {
    let store = stage.open_by(Clock::Store).await?;
    let a = register(&store, "a").await?;
    let bound = store.properties().await?.poll_bound;
    send(&store, "a", "one").await?;
    let claim = convoke_core::Claim::new(Limit::ONE, convoke_core::Ttl::from_millis(20));
    let held = store.receive_messages(&a, &claim).await?;
    same("how many are held", held.len(), 1)?;
    let (got, waited) = await_and_take(&store, &a).await?;
    same("what comes again", got, vec!["one".to_owned()])?;
    holds(
        &format!("a wait of at most the poll bound, {bound:?}"),
        waited < bound + SLACK,
        waited,
    )?;
    let nothing = store.take_messages(&a, Limit::MAX).await?;
    same("how many are left", nothing.len(), 0)
}
