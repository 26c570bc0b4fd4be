//! Leads for a moment: campaign, act while the lease surely lives, renew, resign.
//!
//! `cargo run --package convoke-examples --bin lead -- redis://127.0.0.1/0`

use std::time::Instant;

use convoke::prelude::*;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "memory:".to_owned());
    let store = convoke::open(&url).await?;
    let me = store.register_worker(&WorkerName::new("example-lead")?).await?;
    let ttl = Ttl::from_secs(10);

    // Before the call: so the deadline is not later than the lease's end in the store, however long the answer takes.
    let mut asked = Instant::now();
    let lease = match store.campaign(&me, ttl).await? {
        Candidacy::Elected(lease) => lease,
        Candidacy::Deferred(why) => {
            println!("not leading: {why}");
            return Ok(());
        }
    };
    println!("leading in term {}", lease.term);

    for round in 1..=3 {
        if !LeaseDeadline::new(asked, ttl).may_act(Instant::now()) {
            anyhow::bail!("the lease may be over: stop at once");
        }
        println!(
            "round {round}: whatever only the leader may do, with term {} as the fencing token",
            lease.term
        );
        store.check_term(lease.term).await?;

        asked = Instant::now();
        if let Renewal::Lost(_) = store.renew_lease(&lease, ttl).await? {
            anyhow::bail!("the lease is lost: stop at once");
        }
    }

    // Stopped acting first; now the next one need not wait for the end of the lease.
    store.resign(&lease).await?;
    println!("resigned");
    Ok(())
}
