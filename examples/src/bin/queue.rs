//! Sends messages to a worker, and handles each at least once: receive, work, acknowledge.
//!
//! `cargo run --package convoke-examples --bin queue -- sqlite:///tmp/queue.db`

use std::time::Duration;

use convoke::prelude::*;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "memory:".to_owned());
    let store = convoke::open(&url).await?;
    let me = store.register_worker(&WorkerName::new("example-queue")?).await?;

    for job in 1..=3 {
        let message = NewMessage::new(me.worker.clone(), Command::new("resize")?, Payload::of(&job)?);
        store.send_message(&message.with_ttl(Ttl::from_secs(3600))).await?;
    }

    let mut handled = 0;
    while handled < 3 {
        // Nobody else sees them for 30 s; a crash before the acknowledgement delivers them again after that.
        let claim = Claim::new(Limit::new(10)?, Ttl::from_secs(30));
        let deliveries = store.receive_messages(&me, &claim).await?;
        if deliveries.is_empty() {
            store.await_message(&me.worker, Duration::from_secs(1)).await;
        }
        for delivery in deliveries {
            let job: u32 = delivery.message.content.decode()?;
            if job == 2 && delivery.attempt == 1 {
                println!("job {job} fails, and is given back");
                store.nack_message(&delivery.receipt, Delay::ZERO).await?;
                continue;
            }
            println!("job {job} done at attempt {}", delivery.attempt);
            store.ack_message(&delivery.receipt).await?;
            handled += 1;
        }
    }
    Ok(())
}
