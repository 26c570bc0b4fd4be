//! Processes that receive from one queue.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use convoke::{Claim, Command, Limit, NewMessage, Page, Payload, Registration, Store, Ttl, WorkerName};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::crew::{Crew, Notes, wait_to_go};
use super::{Member, Part};
use crate::bench::place::{Place, open};

const RECEIVERS: usize = 2;
/// Longer than any pause of a receiver that nobody kills, on a busy machine too.
const VISIBILITY: Ttl = Ttl::from_secs(60);
/// After a kill, what the killed one held comes back soon.
const VISIBILITY_WITH_KILLS: Ttl = Ttl::from_secs(1);
const AT_ONCE: usize = 20;

/// Tries it, and says what was seen.
pub(crate) async fn run(place: &Place, messages: usize, kills: usize) -> Result<String> {
    let handled = handle(place, "undisturbed", messages, 0).await?;
    let twice = handled.values().filter(|times| **times > 1).count();
    ensure!(
        handled.len() == messages,
        "{} of {messages} messages were handled",
        handled.len()
    );
    ensure!(twice == 0, "{twice} messages were handled twice though nobody crashed");
    let with_kills = handle(place, "kills", messages, kills).await?;
    ensure!(
        with_kills.len() == messages,
        "{} messages were lost",
        messages - with_kills.len()
    );
    let again = with_kills.values().filter(|times| **times > 1).count();
    Ok(format!(
        "{messages} messages, {RECEIVERS} receivers: each handled once; with {kills} kills none lost, {again} handled again"
    ))
}

/// Answers how often each message was handled.
async fn handle(place: &Place, name: &str, messages: usize, kills: usize) -> Result<HashMap<String, usize>> {
    let url = place.fresh(name).await?;
    let store = open(&url).await?;
    let me = store.register_worker(&WorkerName::new("queue")?).await?;
    send(&*store, &me, messages).await?;
    let registration = serde_json::to_string(&me)?;
    let mut crew = Crew::new()?;
    for _ in 0..RECEIVERS {
        crew.add(Part::Receive, &url, usize::from(kills == 0), Some(&registration))?;
    }
    crew.go();
    for kill in 0..kills {
        // Spread over the whole run: the next kill comes when its share of the messages is handled.
        let share = messages * (kill + 1) / (kills + 2);
        while crew.notes()?.iter().map(Vec::len).sum::<usize>() < share {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        crew.replace(kill % RECEIVERS, Part::Receive, &url, &registration)?;
    }
    crew.end()?;
    let left = store.peek_messages(&me.worker, &Page::first(1)?).await?;
    ensure!(left.items.is_empty(), "the queue is not empty");
    let mut handled = HashMap::new();
    for line in crew.notes()?.into_iter().flatten() {
        *handled.entry(line).or_insert(0) += 1;
    }
    Ok(handled)
}

async fn send(store: &dyn Store, to: &Registration, messages: usize) -> Result<()> {
    stream::iter(0..messages)
        .map(|number| async move {
            let message = NewMessage::new(to.worker.clone(), Command::new("count")?, Payload::of(&number)?);
            store.send_message(&message.with_ttl(Ttl::from_secs(3_600))).await?;
            anyhow::Ok(())
        })
        .buffer_unordered(64)
        .try_collect()
        .await
}

/// What one process does: it writes each message down, then acknowledges it. Ends when the queue is empty.
pub(crate) async fn take_part(member: &Member) -> Result<()> {
    let mut notes = Notes::open(&member.notes)?;
    let registration = member
        .registration
        .as_deref()
        .context("a receiver needs a registration")?;
    let me: Registration = serde_json::from_str(registration)?;
    let store = open(&member.url).await?;
    wait_to_go()?;
    let visibility = if member.rounds == 0 {
        VISIBILITY_WITH_KILLS
    } else {
        VISIBILITY
    };
    loop {
        let claim = Claim::new(Limit::new(u32::try_from(AT_ONCE)?)?, visibility);
        let deliveries = store.receive_messages(&me, &claim).await?;
        if deliveries.is_empty() {
            if store
                .peek_messages(&me.worker, &Page::first(1)?)
                .await?
                .items
                .is_empty()
            {
                return Ok(());
            }
            store.await_message(&me.worker, Duration::from_millis(50)).await;
        }
        for delivery in deliveries {
            notes.write(delivery.message.content.as_str())?;
            match store.ack_message(&delivery.receipt).await {
                Ok(()) => {}
                // It took too long, and the message is delivered again.
                Err(error) if error.is_fenced() => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
