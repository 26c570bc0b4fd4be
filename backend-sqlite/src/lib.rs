//! Convoke on one SQLite file shared by processes of one machine.
//!
//! A handle has one writer thread that commits the operations of many callers together, and a few connections beside
//! it that look. The file is in WAL mode, so looking never waits for writing. The rules are those of `convoke-core`,
//! applied inside the transaction. A file on a network drive does not work: the processes share memory beside it.
//!
//! Read `writer` for how a commit is shared, `answers` for how its callers are woken, `connection` for how processes wait for each other, `schema` for
//! migrations, `history` for how rows of history are numbered and dropped, and `workers`, `leadership`, `topologies`,
//! `messages`, `locks` and `settings` for the concerns.

mod answers;
mod arrivals;
mod connection;
mod driver;
mod error;
mod hints;
mod history;
mod installation;
mod leadership;
mod locks;
mod messages;
mod options;
#[cfg(test)]
mod plans;
mod readers;
mod schema;
mod settings;
mod store;
mod topologies;
mod transaction;
mod workers;
mod writer;

pub use driver::SqliteDriver;
pub use schema::schema;
pub use store::SqliteStore;
