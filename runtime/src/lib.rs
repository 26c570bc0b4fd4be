//! What turns a Convoke store into a working cluster.
//!
//! - [`Worker`] takes part under a name and runs the topologies that it is given, each through the [`Work`] that the user
//!   implements.
//! - [`Leader`] runs beside it; the one that is elected hands out what nobody has, takes work from the dead, and keeps the
//!   load even by a [`Balancer`].
//! - [`join`] runs both.
//!
//! Nothing here knows which store it runs on.
//!
//! At any time at most one worker runs a topology: a unit starts only after the store took the report that it runs, and
//! ends before its worker can be taken for dead. Both hold by the store's clock and this process's monotonic clock; the
//! host's calendar clock plays no part. A whole process that is stopped (SIGSTOP) can't end anything; what must not even
//! then run twice has a guard outside of it, as the processes of `convoke agent` have.

mod agreement;
mod attempt;
mod backoff;
pub mod balancer;
mod boottime;
mod dormancy;
mod leader;
mod member;
mod settings;
mod tenure;
mod work;
mod worker;

pub use agreement::{WORKER_TIMEOUT, agree};
#[doc(no_inline)]
pub use async_trait::async_trait;
pub use backoff::Backoff;
pub use balancer::{Balancer, Move, Rebalance};
pub use boottime::Boottime;
pub use dormancy::Dormancy;
pub use leader::{Leader, Outlook, Picture};
pub use member::{Member, join};
pub use settings::{ClusterSettings, LeaderSettings, WorkerSettings};
pub use tenure::{Deadline, Tenure};
#[doc(no_inline)]
pub use tokio_util::sync::CancellationToken;
pub use work::{Failure, Permanent, Unit, Work};
pub use worker::{DRAIN, REBALANCE, SET_DISABLED, SET_ENABLED, SHUTDOWN, STOP_TOPOLOGIES, Worker};
