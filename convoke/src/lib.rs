//! Coordination behind one contract, on the store you already run: workers, one leader, units of work handed out,
//! messages, locks and settings.
//!
//! ```
//! # #[cfg(feature = "memory")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> convoke::Result<()> {
//! use convoke::prelude::*;
//!
//! // Also sqlite:///path/to/file, mysql://user:password@host/database, redis://host/0?namespace=jobs.
//! let store = convoke::open("memory:").await?;
//!
//! let me = store.register_worker(&WorkerName::new("a")?).await?;
//! if let Candidacy::Elected(lease) = store.campaign(&me, Ttl::from_secs(10)).await? {
//!     let job = NewMessage::new(me.worker.clone(), Command::new("start")?, Payload::of("job 1")?);
//!     store.send_message(&job.with_term(lease.term)).await?;
//! }
//!
//! let claim = Claim::new(Limit::MAX, Ttl::from_secs(30));
//! for delivery in store.receive_messages(&me, &claim).await? {
//!     assert_eq!(delivery.message.content.as_str(), "\"job 1\"");
//!     store.ack_message(&delivery.receipt).await?;
//! }
//! # Ok(()) }
//! # #[cfg(not(feature = "memory"))]
//! # fn main() {}
//! ```
//!
//! # Features
//!
//! | feature | what it compiles in | URL |
//! |---|---|---|
//! | `memory` (default) | a store in this process, for tests and single processes | `memory:` |
//! | `sqlite` (default) | a file, shared by the processes of one host | `sqlite:///path/to/file` |
//! | `mysql` | MariaDB 10.11 and later, MySQL 8 and later | `mysql://user:password@host:3306/database` |
//! | `redis` | Redis 7 and later, Valkey | `redis://host:6379/0` |
//! | `runtime` | worker, leader and balancer: [`runtime`](https://docs.rs/convoke-runtime) | |
//! | `tls-rustls` | TLS for `mysql` and `redis`, by rustls | `rediss://host:6379/0` |
//!
//! A backend of somebody else adds its scheme with [`Registry::register`].
//!
//! # Layers
//!
//! Every operation exists also as data ([`Operation`], [`Answer`]). What wraps a store is written once over that form:
//! [`Traced`] emits an event per operation, [`Recorded`] hands each operation and its answer to a sink. Write your own
//! with [`Layer`].

mod layer;
mod recorded;
mod registry;
mod traced;

pub use convoke_core::*;
#[cfg(feature = "runtime")]
pub use convoke_runtime as runtime;
pub use layer::{Layer, Layered};
pub use recorded::{Entry, Record, Recorded, Recording};
pub use registry::{Registry, open, open_with};
pub use traced::Traced;

/// The Rust of the README compiles and runs.
#[cfg(all(doctest, feature = "memory", feature = "runtime"))]
#[doc = include_str!("../../README.md")]
struct Readme;

/// What a program that uses a store needs in scope.
pub mod prelude {
    pub use convoke_core::{
        Affinity, Assignment, Candidacy, Claim, Clock, Command, Coordination, Cursor, Deferral, Delay, Error,
        ErrorKind, Expected, Hints, Installation, Leadership, Lease, LeaseDeadline, Limit, LockAcquisition, LockName,
        LockOwner, LockRenewal, Locks, ManualClock, Messages, NewMessage, NewTopology, OpenOptions, Page, Payload,
        Placement, Placements, Registration, Renewal, Report, Reported, Resignation, SettingKey, SettingRange,
        SettingWrite, SettingWrites, Settings, SettingsExt, SettingsWritten, Store, Term, Topologies, TopologiesExt,
        TopologyId, Ttl, Weight, WorkerName, WorkerStatus, Workers,
    };
}
