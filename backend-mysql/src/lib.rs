//! Convoke on MariaDB or MySQL, by stored procedures.
//!
//! One database is one installation. Every write is one prepared `CALL`, one round trip; the rules are those of
//! `convoke-core`, restated under `procedures/`. The tables of qtopology-mysql 2.2.1 are kept whole, so that its published
//! client works beside this one: both see the same workers, topologies and messages, and one of them leads at most.
//!
//! ```no_run
//! use convoke_backend_mysql::MysqlDriver;
//! use convoke_core::{Driver, OpenOptions, WorkerName};
//! # async fn example() -> convoke_core::Result<()> {
//! let store = MysqlDriver.open(&OpenOptions::new("mysql://app:secret@db.example/jobs")?).await?;
//! let me = store.register_worker(&WorkerName::new("a")?).await?;
//! store.ping_worker(&me).await?;
//! # Ok(()) }
//! ```

mod call;
mod connection;
mod driver;
mod error;
mod hints;
mod history;
mod installation;
mod leadership;
mod locks;
mod messages;
mod migrate;
mod renewals;
mod routines;
mod row;
mod schema;
mod sends;
mod server;
mod settings;
mod sharing;
mod store;
mod topologies;
mod workers;

pub use driver::MysqlDriver;
pub use store::MysqlStore;
