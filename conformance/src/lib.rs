//! The suite that judges whether a backend keeps the contract of Convoke.
//!
//! A backend takes it in a file of its own, `tests/suite.rs`, with one line and a harness:
//!
//! ```
//! use std::sync::Arc;
//! use convoke_conformance::{Capabilities, Capability, Harness, Place};
//! use convoke_core::{Clock, Result, Store, async_trait};
//! # use convoke_backend_memory::MemoryStore as Database;
//!
//! struct Mine;
//!
//! #[async_trait]
//! impl Harness for Mine {
//!     /// An empty installation that no other clause uses.
//!     async fn fresh(&self) -> Arc<dyn Place> {
//!         Arc::new(Fresh(Database::new(Clock::Store)))
//!     }
//!     /// All capabilities when left out.
//!     fn capabilities(&self) -> Capabilities {
//!         Capabilities::all().without(Capability::Durable)
//!     }
//! }
//!
//! struct Fresh(Database);
//!
//! #[async_trait]
//! impl Place for Fresh {
//!     /// Another handle on this installation, with a connection of its own, that obeys the clock.
//!     async fn open(&self, clock: Clock) -> Result<Arc<dyn Store>> {
//!         Ok(Arc::new(self.0.with_clock(clock)))
//!     }
//! }
//!
//! convoke_conformance::suite!(Mine);
//! ```
//!
//! Each clause of the contract is then one test with a stable name, such as
//! `leadership_e03_a_leader_asking_twice_keeps_its_term`; the letter says how it judges ([`Kind`]). A clause that needs a
//! [`Capability`] which the backend declares to lack is not skipped: in its place runs the check that the backend says
//! so. [`report`] runs all clauses and gives a [`Report`] to publish.
//!
//! The concerns are those of core (workers, leadership, topologies, messages, locks, settings), opening, and operations as
//! data. Four kinds of case, because no single one is enough: examples with literal answers, invariants, a model, and races
//! that are checked for linearizability. The [`SABOTEURS`] prove that they have teeth: each breaks the contract in one
//! way, and the clause that it names must reject it.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `PROPTEST_CASES` | random runs of each model and each invariant | 24 |
//! | `CONVOKE_SEED` | repeats random runs; a failure prints it | new each time |
//! | `CONVOKE_RACE_ROUNDS` | rounds of each race | 12 |
//! | `CONVOKE_MESSAGES` | messages that two receivers handle | 2,000 |
//! | `CONVOKE_ELECTIONS` | elections by the clock of the store | 40 |

mod case;
mod expect;
mod harness;
mod ids;
mod invariants;
mod linearizability;
mod model;
mod pages;
mod races;
mod run;
mod saboteurs;
mod stage;
mod steps;
mod trimming;

mod leadership;
mod locks;
mod messages;
mod opening;
mod operations;
mod settings;
mod topologies;
mod workers;

pub use case::{Case, Check, Failure, Kind};
pub use harness::{Capabilities, Capability, Harness, Place};
pub use run::{CaseResult, Outcome, Report, cases, judge, must_reject, report};
pub use saboteurs::{SABOTEURS, Saboteur, honest, unreliable};
pub use stage::Stage;

/// The cases of all concerns.
const TABLES: [&[Case]; 8] = [
    workers::CASES,
    leadership::CASES,
    topologies::CASES,
    messages::CASES,
    locks::CASES,
    settings::CASES,
    opening::CASES,
    operations::CASES,
];

/// Makes a test of each clause of the contract for the backend of a [`Harness`].
///
/// Takes an expression that makes the harness; it is evaluated once per test. Use it in a module of its own to judge
/// several backends in one file: `mod mariadb { convoke_conformance::suite!(super::MariaDb); }`.
#[macro_export]
macro_rules! suite {
    ($harness:expr) => {
        $crate::workers_suite!($harness);
        $crate::leadership_suite!($harness);
        $crate::topologies_suite!($harness);
        $crate::messages_suite!($harness);
        $crate::locks_suite!($harness);
        $crate::settings_suite!($harness);
        $crate::opening_suite!($harness);
        $crate::operations_suite!($harness);
    };
}
