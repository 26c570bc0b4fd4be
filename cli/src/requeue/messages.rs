//! `convoke requeue messages`.

use anyhow::Result;
use convoke::{Error, ErrorKind, MessageId, NewMessage, QueuedMessage, Store, Ttl, WorkerName, stream};
use futures_util::TryStreamExt;
use serde::Serialize;

use crate::args::LARGEST_PAGE;
use crate::output::Output;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct MessagesArgs {
    /// Whose messages
    worker: WorkerName,
    /// Which ones; all that are claimed when none is named
    ids: Vec<u64>,
}

/// A message and its copy.
#[derive(Debug, Serialize)]
struct Copied {
    message: MessageId,
    copy: MessageId,
}

pub(crate) async fn run(store: &dyn Store, args: MessagesArgs, output: Output) -> Result<()> {
    // Its absence is an error, while a queue that nobody has is just empty.
    store.get_worker(&args.worker).await?;
    let claimed: Vec<_> = stream::queue(store, &args.worker, LARGEST_PAGE)
        .try_filter(|it| std::future::ready(it.invisible_until.is_some()))
        .try_collect()
        .await?;
    let wanted = wanted(claimed, &args)?;
    let mut copied = Vec::new();
    for QueuedMessage { message, .. } in wanted {
        // Whatever expires before it is sent is not worth sending.
        let Ok(rest) = Ttl::new(message.expires.since(store.now().await?)) else {
            continue;
        };
        let new = NewMessage::new(message.worker, message.command, message.content).with_ttl(rest);
        copied.push(Copied {
            message: message.id,
            copy: store.send_message(&new).await?,
        });
    }
    output.answer(&copied, |copied| {
        if copied.is_empty() {
            return "no message is claimed".to_owned();
        }
        let lines: Vec<_> = copied
            .iter()
            .map(|it| format!("message {} is sent again as {}", it.message, it.copy))
            .collect();
        lines.join("\n")
    })
}

fn wanted(claimed: Vec<QueuedMessage>, args: &MessagesArgs) -> convoke::Result<Vec<QueuedMessage>> {
    if args.ids.is_empty() {
        return Ok(claimed);
    }
    let is_claimed = |id: &u64| claimed.iter().any(|it| it.message.id.number() == *id);
    if let Some(other) = args.ids.iter().find(|id| !is_claimed(id)) {
        let what = "this message is not claimed; `convoke message peek` shows which ones are";
        return Err(Error::new(ErrorKind::Conflict, what)
            .with("worker", &args.worker)
            .with("message", other));
    }
    let mut claimed = claimed;
    claimed.retain(|it| args.ids.contains(&it.message.id.number()));
    Ok(claimed)
}
