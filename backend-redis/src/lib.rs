//! Convoke on Redis or Valkey, by Lua scripts.
//!
//! Each operation is one script, `lua/<concern>/<operation>.lua`, and one round trip; `lua/shared` has what several of
//! them restate of core. A script runs alone in its server, so it is the atomic step. All keys of an installation have
//! one hash tag, `{convoke:NAMESPACE}`, so that they live in one slot of a cluster, and there is a fixed number of them:
//! nothing ever looks through the keyspace. the files of `migrations/` say what each key holds.
//!
//! # URLs
//! `redis://[user:password@]host[:port][/database][?namespace=NAME]`, and `rediss://` for TLS with the feature
//! `tls-rustls`: by the authorities of the system, or by those in the file of PEM that `ssl-ca=FILE` names. The namespace is `default` where neither the URL nor the options name one. Against a cluster, any of
//! its nodes will do: the handle goes where it is redirected.
//!
//! # Cost
//! Everything is at most logarithmic in what the installation holds, beside what it answers, with these exceptions: an
//! election ends each candidacy, deleting a worker drops each of its messages, what expired or became visible again is
//! moved when the queue is next received from, 1,000 messages per script, and a list of locks steps over those that ran
//! out, 1,000 per script. Trimming drops about 1,000 rows per script, so that it holds up nobody.
//!
//! The longest steps are those on 1,000 topologies at once: to assign them takes one script of some 12 ms, to take them
//! away from their workers one of some 8 ms.
//!
//! # Calls that go together
//! The frequent writes (ping, renew, send, receive, take, ack, nack, extend, report, those of locks) that callers of one
//! handle ask for while a call of these is under way go as one script, `lua/shared/group.lua`, made of the same files.
//! Each is an atomic step with an answer of its own, and what one of them throws harms no other; when the answer of the
//! call is lost, the outcome of all of them is unknown. Redis serves nobody else while a script runs. So such a call
//! has at most 64 operations and 1 MiB of arguments, and it leaves the rest for the next one once it has moved 1,000
//! messages or gathered 16 MiB: a millisecond, as a rule. Whoever is alone waits for nobody.
//!
//! # Limits
//! Numbers are exact below 2^53: times until the year 2255, and 9 × 10^15 messages. A receive stops gathering at 16 MiB
//! and then delivers fewer than asked for; a list of settings goes on with another script then.

mod answer;
mod batch;
mod error;
mod group;
mod hints;
mod history;
mod installation;
mod keys;
mod leadership;
mod link;
mod location;
mod locks;
mod messages;
mod script;
mod scripts;
mod settings;
mod store;
mod topologies;
mod workers;

pub use store::{RedisDriver, RedisStore};
