//! What a store is beside its operations: how it is opened, set up, looked at and emptied.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::leadership::Leadership;
use crate::locks::Locks;
use crate::messages::Messages;
use crate::names::{Namespace, WorkerName};
use crate::operation::Executed;
use crate::settings::Settings;
use crate::time::{Clock, Timestamp};
use crate::topologies::Topologies;
use crate::url::StoreUrl;
use crate::workers::Workers;

/// Workers, one leader, topologies, messages, locks and settings.
pub trait Coordination: Workers + Leadership + Topologies + Messages + Locks + Settings {}

impl<S: Workers + Leadership + Topologies + Messages + Locks + Settings + ?Sized> Coordination for S {}

/// A store that is open: its operations, its hints and its installation.
pub trait Store: Coordination + Hints + Installation + fmt::Debug {}

impl<S: Coordination + Hints + Installation + fmt::Debug + ?Sized> Store for S {}

/// Wake-ups. Losing every hint costs latency up to the poll bound, never data.
#[async_trait]
pub trait Hints: Send + Sync {
    /// Waits until the worker may have a message, for `at_most` at the longest. May return early, for no reason.
    ///
    /// Call it after an empty receive, then receive again. Never fails: a store that is down answers after `at_most`
    /// or sooner. Dropping the future is fine.
    async fn await_message(&self, worker: &WorkerName, at_most: Duration);
}

/// The installation in a store: its schema and its properties.
#[async_trait]
pub trait Installation: Send + Sync {
    /// What this store is and promises. Never holds a secret.
    async fn properties(&self) -> Result<Properties>;

    /// What the clock of this handle says now.
    async fn now(&self) -> Result<Timestamp>;

    /// Compares the schema with what this program needs. Only looks.
    ///
    /// # Errors
    /// Unsupported when the schema is newer than the program, Corrupt when an applied migration differs.
    async fn check(&self) -> Result<SchemaStatus>;

    /// Brings the schema to what this program needs, under a lock of the store, and says what it applied.
    ///
    /// Safe to run by many at once; goes on where a crash left it.
    ///
    /// # Errors
    /// As for [`Installation::check`].
    async fn migrate(&self) -> Result<Vec<String>>;

    /// Deletes all workers, leads, topologies, messages, settings and histories; the schema stays, and so do the counters
    /// of terms, incarnations, messages, locks and revisions, so that no fencing token is given out twice. A live lease is
    /// vacated: nobody else is elected before its end. Locks that are held stay until they run out or are released.
    async fn clear(&self, confirmed: Confirmed) -> Result<()>;

    /// Removes the whole installation, schema and counters included. Open it again to set it up anew.
    async fn reset(&self, confirmed: Confirmed) -> Result<()>;
}

/// A layer over a store hands hints on, and is a [`Store`] again.
#[async_trait]
impl<E: Hints> Hints for Executed<E> {
    async fn await_message(&self, worker: &WorkerName, at_most: Duration) {
        self.0.await_message(worker, at_most).await;
    }
}

#[async_trait]
impl<E: Installation> Installation for Executed<E> {
    async fn properties(&self) -> Result<Properties> {
        self.0.properties().await
    }

    async fn now(&self) -> Result<Timestamp> {
        self.0.now().await
    }

    async fn check(&self) -> Result<SchemaStatus> {
        self.0.check().await
    }

    async fn migrate(&self) -> Result<Vec<String>> {
        self.0.migrate().await
    }

    async fn clear(&self, confirmed: Confirmed) -> Result<()> {
        self.0.clear(confirmed).await
    }

    async fn reset(&self, confirmed: Confirmed) -> Result<()> {
        self.0.reset(confirmed).await
    }
}

/// The explicit yes that [`Installation::clear`] and [`Installation::reset`] ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// Yes, delete.
    YesDeleteEverything,
}

/// How a schema stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaStatus {
    /// The version found; 0 when nothing is set up.
    pub found: u32,
    /// The version that this program needs.
    pub needed: u32,
    /// The migrations to be applied, in order.
    pub pending: Vec<String>,
}

impl SchemaStatus {
    /// Whether there is nothing to apply.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.pending.is_empty()
    }
}

/// What survives what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// What was acknowledged survives a power cut.
    Full,
    /// What was acknowledged last may be lost; the text says when and how much.
    Relaxed(String),
    /// Nothing survives the process.
    None,
}

/// What a store is and promises.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Properties {
    /// The backend: `memory`, `sqlite`, `mysql`, `redis`, or a third party's.
    pub backend: String,
    /// The server and its version, such as `MariaDB 10.11.14`.
    pub server: String,
    /// Which installation, such as a path, a database, a key prefix.
    pub installation: String,
    /// What survives what.
    pub durability: Durability,
    /// Whether [`Hints`] are pushed by the store; polled when not.
    pub pushes_hints: bool,
    /// The longest that a lost hint delays a receiver.
    pub poll_bound: Duration,
}

impl Properties {
    /// All of them.
    #[must_use]
    pub fn new(
        backend: impl Into<String>,
        server: impl Into<String>,
        installation: impl Into<String>,
        durability: Durability,
        pushes_hints: bool,
        poll_bound: Duration,
    ) -> Self {
        Self {
            backend: backend.into(),
            server: server.into(),
            installation: installation.into(),
            durability,
            pushes_hints,
            poll_bound,
        }
    }
}

/// What opening does about the schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SchemaPolicy {
    /// Sets it up or upgrades it where needed.
    #[default]
    Migrate,
    /// Fails with Unsupported unless it is current.
    Check,
    /// Does not look; for programs that check or migrate by themselves.
    LeaveAlone,
}

/// How to open a store.
///
/// ```
/// use convoke_core::{OpenOptions, SchemaPolicy};
/// let options = OpenOptions::new("sqlite:///tmp/app.db").unwrap().with_schema(SchemaPolicy::Check);
/// assert_eq!(options.url.scheme(), "sqlite");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OpenOptions {
    /// Where.
    pub url: StoreUrl,
    /// By whose clock.
    pub clock: Clock,
    /// What to do about the schema.
    pub schema: SchemaPolicy,
    /// How long connecting may take, and one operation until it fails with Unavailable or OutcomeUnknown. Default 5 s.
    pub timeout: Duration,
    /// Which installation among those that share the server, where the URL does not say. Backends that have a
    /// database per installation refuse it.
    pub namespace: Option<Namespace>,
}

impl OpenOptions {
    /// The defaults for a URL.
    ///
    /// # Errors
    /// InvalidArgument when it is no URL.
    pub fn new(url: &str) -> Result<Self> {
        Ok(Self {
            url: StoreUrl::parse(url)?,
            clock: Clock::Store,
            schema: SchemaPolicy::Migrate,
            timeout: Duration::from_secs(5),
            namespace: None,
        })
    }

    /// The same by this clock.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// The same with this schema policy.
    #[must_use]
    pub fn with_schema(self, schema: SchemaPolicy) -> Self {
        Self { schema, ..self }
    }

    /// The same with this time-out.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The same in this namespace.
    #[must_use]
    pub fn with_namespace(self, namespace: Namespace) -> Self {
        Self {
            namespace: Some(namespace),
            ..self
        }
    }
}

/// A backend, as a registry of schemes knows it.
#[async_trait]
pub trait Driver: Send + Sync {
    /// The URL schemes that it opens, such as `["redis", "rediss"]`.
    fn schemes(&self) -> &'static [&'static str];

    /// Opens a store.
    ///
    /// # Errors
    /// InvalidArgument for a URL it does not understand, Unavailable when the store can't be reached, Denied when it
    /// turns the caller away (password, database, rights), Unsupported for a schema newer than the program.
    async fn open(&self, options: &OpenOptions) -> Result<Arc<dyn Store>>;
}
