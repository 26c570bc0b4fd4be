//! What SQLite adds to the contract, and the contract itself.

#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests are tests, which clippy does not see.

mod arrivals;
mod bad_days;
mod child;
mod commits;
mod contract;
mod full_disk;
mod hints;
mod locks;
mod opening;
mod place;
mod processes;
mod silence;
mod small_disk;
mod topologies;
mod upgrading;
mod waking;
