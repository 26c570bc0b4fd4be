//! Convoke in the memory of one process: for unit tests and single processes.
//!
//! `memory:` opens a store of its own; `memory:NAME` opens the one of that name in this process, which lives as long
//! as a handle to it does. Every operation is one step under one lock; the rules are those of `convoke-core`, applied
//! to a [`State`] that can also be used alone: it is the reference that other backends are compared with.

mod history;
mod leadership;
mod locks;
mod messages;
mod settings;
mod state;
mod store;
mod topologies;
mod workers;

pub use state::State;
pub use store::{MemoryDriver, MemoryStore};
