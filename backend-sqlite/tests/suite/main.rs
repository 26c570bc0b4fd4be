//! What SQLite adds to the contract, and the contract itself.

#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests are tests, which clippy does not see.

mod arrivals;
mod bad_days;
mod child;
mod commits;
mod contract;
mod hints;
mod locks;
mod opening;
mod place;
mod processes;
mod silence;
mod topologies;
mod upgrading;
