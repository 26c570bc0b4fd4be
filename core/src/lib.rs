//! The contract of Convoke: what every backend does, as types, traits and pure rules.
//!
//! Users depend on the crate `convoke`, which re-exports this one and opens stores by URL. Backends implement the
//! traits [`Workers`], [`Leadership`], [`Messages`], [`Hints`] and [`Installation`], and call the pure rules of the
//! concerns' modules inside their lock or transaction, or restate their guards in the store's own language.
//!
//! Rules that hold for every operation:
//!
//! - Time is the store's ([`Clock`]); a client's clock is never trusted.
//! - Whatever is random is an input ([`Claim::token`]), so that an operation can be replayed with the same result.
//! - One operation is one atomic step, its history row included.
//! - A refusal is an answer, not an error; [`ErrorKind`] says what errors there are.
//! - Something that lasts until `t` lasts while `now < t`; at `t` it is over.

pub mod error;
pub mod leadership;
pub mod messages;
pub mod names;
pub mod operation;
pub mod page;
pub mod payload;
pub mod store;
pub mod stream;
pub mod time;
pub mod url;
pub mod workers;

pub use error::{Error, ErrorKind, Result};
pub use leadership::{
    Announcement, Candidacy, Deferral, LEADER_TIMEOUT, Leader, Leadership, LeadershipAnswer, LeadershipOperation,
    Lease, LeaseDeadline, Renewal, Resignation, Term,
};
pub use messages::{
    Claim, Delivery, Message, MessageId, Messages, MessagesAnswer, MessagesOperation, NewMessage, QueuedMessage,
    Receipt,
};
pub use names::{Command, Namespace, WorkerName};
pub use operation::{Answer, Execute, Executed, Operation};
pub use page::{Cursor, Limit, Page, Paged};
pub use payload::Payload;
pub use store::{
    Confirmed, Coordination, Driver, Durability, Hints, Installation, OpenOptions, Properties, SchemaPolicy,
    SchemaStatus, Store,
};
pub use time::{Clock, Delay, ManualClock, Timestamp, Ttl};
pub use url::StoreUrl;
pub use workers::{
    Incarnation, Refreshed, Registration, Role, RoleCounts, Timeouts, Vacated, Worker, WorkerChange, WorkerStatus,
    Workers, WorkersAnswer, WorkersOperation,
};

#[doc(no_inline)]
pub use async_trait::async_trait;
