//! What turns a Convoke store into a working cluster.
//!
//! [`Balancer`] decides where units of work run. It is pure: it knows neither a store nor a clock.

pub mod balancer;

pub use balancer::{Balancer, Move, Rebalance, Unit};
