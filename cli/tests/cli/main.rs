//! The `convoke` program as its users run it: real processes on real stores, killed and stopped.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests fail the test.

mod agent;
mod agent_bad_days;
mod archive;
mod bad_input;
mod cluster;
mod demo;
mod fail_over;
mod lead;
mod lead_store_down;
mod operator;
mod rebalance;
mod registering;
mod requeue;
mod units;
mod watch;
mod workers;
mod world;
