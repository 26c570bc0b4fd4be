//! What is asked of the Redis backend: the suite of the contract on Redis and Valkey, and what only this backend has to
//! show.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod cluster;
mod connection;
mod contract;
mod group;
mod layout;
mod opening;
mod proxy;
mod queue;
mod server;
#[cfg(feature = "tls-rustls")]
mod tls;
mod topologies;
mod upgrade;
