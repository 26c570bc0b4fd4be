//! The contract of Convoke: what every backend does, as types, traits and pure rules.
//!
//! Users depend on the crate `convoke`, which re-exports this one and opens stores by URL. Backends implement the
//! traits [`Workers`], [`Leadership`], [`Topologies`], [`Messages`], [`Locks`], [`Settings`], [`Hints`] and
//! [`Installation`], and call the pure rules of the
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
pub mod history;
pub mod leadership;
pub mod locks;
pub mod messages;
pub mod names;
pub mod operation;
pub mod page;
pub mod payload;
pub mod settings;
pub mod store;
pub mod stream;
pub mod time;
pub mod topologies;
pub mod url;
pub mod workers;

pub use error::{Error, ErrorKind, Result};
pub use history::{Retention, Trimmed};
pub use leadership::{
    Announcement, Candidacy, Deferral, LEADER_TIMEOUT, Leader, Leadership, LeadershipAnswer, LeadershipOperation,
    Lease, LeaseDeadline, Renewal, Resignation, Term,
};
pub use locks::{Lock, LockAcquisition, LockRelease, LockRenewal, LockToken, Locks, LocksAnswer, LocksOperation};
pub use messages::{
    Claim, Delivery, Message, MessageId, Messages, MessagesAnswer, MessagesOperation, NewMessage, QueuedMessage,
    Receipt,
};
pub use names::{Command, LockName, LockOwner, Namespace, SettingKey, TopologyId, WorkerName};
pub use operation::{Answer, Execute, Executed, Operation};
pub use page::{Cursor, Limit, Page, Paged};
pub use payload::Payload;
pub use settings::{
    Expected, Revision, Setting, SettingRange, SettingWrite, SettingWrites, Settings, SettingsAnswer, SettingsExt,
    SettingsOperation, SettingsWritten,
};
pub use store::{
    Confirmed, Coordination, Driver, Durability, Hints, Installation, OpenOptions, Properties, SchemaPolicy,
    SchemaStatus, Store,
};
pub use time::{Clock, Delay, ManualClock, Timestamp, Ttl};
pub use topologies::{
    Affinity, Assignment, ErrorText, NewTopology, Placement, Placements, Report, Reported, Topologies,
    TopologiesAnswer, TopologiesExt, TopologiesOperation, Topology, TopologyChange, TopologyDetails,
    TopologyRegistered, TopologyStatus, Weight,
};
pub use url::StoreUrl;
pub use workers::{
    Incarnation, Refreshed, Registration, Role, RoleCounts, Timeouts, Vacated, Worker, WorkerChange, WorkerStatus,
    Workers, WorkersAnswer, WorkersOperation,
};

#[doc(no_inline)]
pub use async_trait::async_trait;
