//! `convoke requeue`: has work handed out anew, and messages delivered again.

mod messages;
mod topologies;

use anyhow::Result;
use clap::Subcommand;
use convoke::Store;

use crate::output::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum RequeueCommand {
    /// Have topologies handed out anew
    ///
    /// What waits or runs is let go of by its worker first, which the leader asks in the same way when it rebalances: at no
    /// time does it run twice. The leader may hand it to the same worker again; `convoke worker drain` empties one for
    /// good. What is in error is taken out of it. From a worker that was not heard of for the worker time-out of the
    /// installation it is taken away. Disabled topologies are refused: they would not be handed out.
    Topologies(topologies::TopologiesArgs),
    /// Send again what a worker received and did not acknowledge
    ///
    /// A copy of each is put at the end of the queue, with the rest of its time. Only who holds its receipt can end a claim: so the message
    /// itself comes again, too, when its claim ends before it is acknowledged. For workers that crashed and are back; who is
    /// still at work on a message does it twice.
    Messages(messages::MessagesArgs),
}

pub(crate) async fn run(store: &dyn Store, command: RequeueCommand, output: Output) -> Result<()> {
    match command {
        RequeueCommand::Topologies(args) => topologies::run(store, args, output).await,
        RequeueCommand::Messages(args) => messages::run(store, args, output).await,
    }
}
