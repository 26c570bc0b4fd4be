//! The messages of a worker, as what they ask for.

use std::sync::Arc;
use std::time::Duration;

use convoke_core::{Claim, Delivery, Limit, Message, Registration, Result, Store, TopologyId, Ttl};
use serde::Deserialize;
use tokio::sync::mpsc;
use tracing::warn;

use super::heartbeat::{Pulse, is_over};

/// What somebody asks of a worker. Where the store knows the truth (what is assigned, what is enabled), a message only says
/// that it is time to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Look at these topologies.
    Look(Vec<TopologyId>),
    /// End this one at once, and look.
    Kill(TopologyId),
    /// Let go of these, though they are enabled.
    Release(Vec<TopologyId>),
    /// Take work, or take none.
    Enable(bool),
    /// Take no work and let go of all.
    Drain,
    /// End in good order.
    ShutDown,
    /// Rebalance, when this worker leads.
    Rebalance,
}

/// A request, and when it was sent by the store's clock.
#[derive(Debug)]
pub(crate) struct Mail {
    pub(crate) request: Request,
    pub(crate) delivery: Delivery,
}

/// Tells a worker to let go of all that it has and to take nothing new.
pub const DRAIN: &str = "drain";
/// Tells a worker to let go of topologies that shall run elsewhere.
pub const STOP_TOPOLOGIES: &str = "stop_topologies";
/// Tells the leader to rebalance.
pub const REBALANCE: &str = "rebalance";
/// Tells a worker to end.
pub const SHUTDOWN: &str = "shutdown";
/// Tells a worker to take work again.
pub const SET_ENABLED: &str = "set_enabled";
/// Tells a worker to take no work.
pub const SET_DISABLED: &str = "set_disabled";

#[derive(Deserialize)]
struct One {
    uuid: TopologyId,
}

#[derive(Deserialize)]
struct Many {
    uuids: Vec<TopologyId>,
}

#[derive(Deserialize)]
struct Moved {
    stop_topologies: Vec<One>,
}

/// A message that is not acknowledged by then comes again; requests bear being asked twice.
const VISIBILITY: Ttl = Ttl::from_secs(30);

/// What a message asks for; none for a command that nobody knows.
fn request(message: &Message) -> Result<Option<Request>> {
    let one = || message.content.decode::<One>().map(|it| it.uuid);
    Ok(Some(match message.command.as_str() {
        "start_topology" | "stop_topology" => Request::Look(vec![one()?]),
        "start_topologies" => Request::Look(message.content.decode::<Many>()?.uuids),
        "kill_topology" => Request::Kill(one()?),
        STOP_TOPOLOGIES => {
            let moved = message.content.decode::<Moved>()?.stop_topologies;
            Request::Release(moved.into_iter().map(|it| it.uuid).collect())
        }
        SET_ENABLED => Request::Enable(true),
        SET_DISABLED => Request::Enable(false),
        DRAIN => Request::Drain,
        SHUTDOWN => Request::ShutDown,
        REBALANCE => Request::Rebalance,
        _ => return Ok(None),
    }))
}

pub(crate) struct Mailbox {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) registration: Registration,
    pub(crate) poll_every: Duration,
    /// How long to wait when the store was not reached.
    pub(crate) retry_after: Duration,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) mail: mpsc::Sender<Mail>,
}

impl Mailbox {
    /// Hands on what comes until nobody takes it any more, or the worker is over.
    pub(crate) async fn serve(self) {
        loop {
            let next = self.pulse.next();
            let claim = Claim::new(Limit::MAX, VISIBILITY);
            match self.store.receive_messages(&self.registration, &claim).await {
                Ok(deliveries) => {
                    self.pulse.heard(next);
                    if deliveries.is_empty() {
                        let me = &self.registration.worker;
                        self.store.await_message(me, self.poll_every).await;
                    }
                    for delivery in deliveries {
                        if !self.hand_on(delivery).await {
                            return;
                        }
                    }
                }
                Err(error) if is_over(&error) => return self.pulse.ends(error),
                Err(error) => {
                    warn!(%error, "messages were not received");
                    tokio::time::sleep(self.retry_after).await;
                }
            }
        }
    }

    async fn hand_on(&self, delivery: Delivery) -> bool {
        let message = &delivery.message;
        let request = match request(message) {
            Ok(Some(request)) => request,
            Ok(None) => {
                warn!(command = %message.command, "nobody knows this command; the message is dropped");
                return self.drop_message(&delivery).await;
            }
            Err(error) => {
                warn!(command = %message.command, %error, "the message is dropped");
                return self.drop_message(&delivery).await;
            }
        };
        self.mail.send(Mail { request, delivery }).await.is_ok()
    }

    async fn drop_message(&self, delivery: &Delivery) -> bool {
        if let Err(error) = self.store.ack_message(&delivery.receipt).await {
            warn!(%error, "a message was not acknowledged");
        }
        !self.mail.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use convoke_core::{Command, MessageId, Payload, Timestamp, WorkerName};

    use super::*;

    fn asked(command: &str, content: &str) -> Result<Option<Request>> {
        request(&Message {
            id: MessageId::from_number(1),
            worker: WorkerName::new("a").unwrap(),
            command: Command::new(command).unwrap(),
            content: Payload::parse(content).unwrap(),
            sent: Timestamp::EPOCH,
            expires: Timestamp::EPOCH,
        })
    }

    fn id(text: &str) -> TopologyId {
        TopologyId::new(text).unwrap()
    }

    #[test]
    fn the_messages_of_qtopology_are_understood() {
        for (command, content, expected) in [
            ("start_topology", r#"{"uuid":"a"}"#, Request::Look(vec![id("a")])),
            (
                "start_topologies",
                r#"{"uuids":["a","b"]}"#,
                Request::Look(vec![id("a"), id("b")]),
            ),
            ("stop_topology", r#"{"uuid":"a"}"#, Request::Look(vec![id("a")])),
            (
                "stop_topologies",
                r#"{"stop_topologies":[{"uuid":"a","worker_new":"w"}]}"#,
                Request::Release(vec![id("a")]),
            ),
            ("kill_topology", r#"{"uuid":"a"}"#, Request::Kill(id("a"))),
            ("set_enabled", "{}", Request::Enable(true)),
            ("set_disabled", "{}", Request::Enable(false)),
            ("shutdown", "{}", Request::ShutDown),
            ("rebalance", "{}", Request::Rebalance),
            ("drain", "{}", Request::Drain),
        ] {
            assert_eq!(asked(command, content).unwrap(), Some(expected), "{command}");
        }
    }

    #[test]
    fn what_nobody_knows_or_what_lacks_its_content_asks_for_nothing() {
        assert_eq!(asked("dance", "{}").unwrap(), None);
        assert!(asked("start_topology", "{}").is_err());
        assert!(asked("stop_topologies", r#"{"stop_topologies":[{"uuid":" "}]}"#).is_err());
    }
}
