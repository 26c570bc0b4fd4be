//! What SQLite adds to the contract, and the contract itself.

mod bad_days;
mod child;
mod commits;
mod contract;
mod hints;
mod opening;
mod place;
mod processes;
