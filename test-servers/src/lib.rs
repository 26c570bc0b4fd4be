//! Real servers for tests: MariaDB, MySQL 9, Redis and Valkey.
//!
//! [`shared`] gives one server per kind and process, started on first use. Where it comes from, in this order:
//!
//! 1. the URL in `CONVOKE_TEST_MARIADB_URL`, `CONVOKE_TEST_MYSQL_URL`, `CONVOKE_TEST_REDIS_URL` or
//!    `CONVOKE_TEST_VALKEY_URL`: whoever set it looks after the server;
//! 2. Docker, where a daemon answers and the image can be had;
//! 3. the programs on this machine, in a temporary directory, on a free port.
//!
//! [`private`] gives a server of one's own that may be stopped, killed and paused ([`private_with_tls`]: and speaks TLS); it always comes from the programs on
//! this machine. A server that can't be had is an error which says how to install it: tests are never skipped.
//!
//! What was started is stopped, and its directory removed, however the process ends: by returning, by a panic, or by
//! `kill -9` (see the module `guard`). Every function blocks, for a few seconds at the longest where a server must be
//! set up; call them from `spawn_blocking` where that matters.
//!
//! All servers are as durable as the published defaults or more so: MariaDB and MySQL flush the log at each commit
//! (MySQL its binary log too, which is on as it is by default), Redis and Valkey sync their append-only file on every
//! write. Their caches are small.

mod certificates;
mod database;
mod docker;
mod guard;
mod key_value;
mod kind;
mod local;
mod port;
mod program;
mod readiness;
mod server;

pub use certificates::Certificates;
pub use kind::Kind;
pub use program::{Program, cache_directory, mysql_home, valkey_home};
pub use server::{Server, private, private_with, private_with_tls, shared};
