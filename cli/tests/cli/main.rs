//! The `convoke` program as its users run it: real processes on real stores, killed and stopped.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests fail the test.

mod agent;
mod bad_input;
mod demo;
mod fail_over;
mod lead;
mod lead_store_down;
mod operator;
mod units;
mod world;
