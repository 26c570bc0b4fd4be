//! The store and its driver.

use std::fmt;
use std::sync::Arc;

use convoke_core::{
    Clock, Driver, Error, ErrorKind, OpenOptions, Registration, Result, SchemaPolicy, Store, async_trait, error,
};

use crate::answer::Answer;
use crate::group::Group;
use crate::hints::Listener;
use crate::keys::Keys;
use crate::link::Link;
use crate::location::{Location, SCHEMES};
use crate::script::Call;

/// A handle to an installation on Redis or Valkey.
pub struct RedisStore {
    pub(crate) keys: Arc<Keys>,
    pub(crate) link: Arc<Link>,
    group: Group,
    pub(crate) clock: Clock,
    pub(crate) listener: Listener,
    pub(crate) database: i64,
}

/// The latest time that a double still counts in whole microseconds, with room for the longest ttl: in the year 2254.
const LAST_MICROS: i64 = (1 << 53) - 366 * 86_400 * 1_000_000;

impl RedisStore {
    fn new(location: &Location, options: &OpenOptions) -> Self {
        let keys = Arc::new(Keys::new(&location.namespace));
        let link = Arc::new(Link::new(location.connection.clone(), options.timeout));
        Self {
            group: Group::new(Arc::clone(&link), Arc::clone(&keys)),
            keys,
            link,
            clock: options.clock.clone(),
            listener: Listener::new(location.connection.clone(), options.timeout),
            database: location.database,
        }
    }

    /// The time to pass to a script; empty for the server's own.
    pub(crate) fn now_argument(&self) -> Result<String> {
        match self.clock.override_now().map(|now| now.as_micros()) {
            None => Ok(String::new()),
            Some(micros) if (0..=LAST_MICROS).contains(&micros) => Ok(micros.to_string()),
            Some(micros) => Err(error::invalid(
                "Redis counts microseconds exactly from 1970 to 2254; set the manual clock to a time between",
            )
            .with("microseconds", micros)),
        }
    }

    /// Runs a script and reads its answer.
    pub(crate) async fn ask(&self, call: &Call<'_>) -> Result<Answer> {
        Answer::read(self.link.run(call, &self.keys).await?)
    }

    /// Runs a script, together with those that others of this handle ask for meanwhile, and reads its answer.
    pub(crate) async fn ask_in_group(&self, call: Call<'static>) -> Result<Answer> {
        Answer::read(self.group.run(call).await?)
    }

    async fn set_up(&self, policy: SchemaPolicy) -> Result<()> {
        match policy {
            SchemaPolicy::Migrate => self.apply_migrations().await.map(drop),
            SchemaPolicy::Check => {
                let status = self.schema_status().await?;
                if status.is_current() {
                    return Ok(());
                }
                Err(Error::new(
                    ErrorKind::Unsupported,
                    "the installation is not set up for this program; run `convoke migrate`, or open it to migrate",
                )
                .with("found", status.found)
                .with("needed", status.needed))
            }
            SchemaPolicy::LeaveAlone => Ok(()),
        }
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("keys", &self.keys.prefix())
            .field("database", &self.database)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}

/// The error for a script's word that refuses a registration; any other word is unexpected.
pub(crate) fn refused_registration(answer: &Answer, registration: &Registration) -> Error {
    match answer.word.as_str() {
        "unknown" => error::unknown_worker(&registration.worker),
        "stale" => error::stale_registration(registration),
        _ => answer.unexpected(),
    }
}

/// Opens `redis://` and, with the feature `tls-rustls`, `rediss://`.
///
/// ```no_run
/// use convoke_backend_redis::RedisDriver;
/// use convoke_core::{Driver, OpenOptions, WorkerName};
/// # async fn example() -> convoke_core::Result<()> {
/// let store = RedisDriver.open(&OpenOptions::new("redis://127.0.0.1/?namespace=jobs")?).await?;
/// let me = store.register_worker(&WorkerName::new("a")?).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct RedisDriver;

#[async_trait]
impl Driver for RedisDriver {
    fn schemes(&self) -> &'static [&'static str] {
        SCHEMES
    }

    async fn open(&self, options: &OpenOptions) -> Result<Arc<dyn Store>> {
        let at = |error: Error| error.at("open").with("url", &options.url);
        #[cfg(feature = "tls-rustls")]
        choose_cryptography();
        let location = Location::of(options).map_err(at)?;
        let store = RedisStore::new(&location, options);
        store.set_up(options.schema).await.map_err(at)?;
        Ok(Arc::new(store))
    }
}

/// The redis crate takes the process's provider and panics when there are several and none was chosen.
#[cfg(feature = "tls-rustls")]
fn choose_cryptography() {
    // Fails when the program has chosen one already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
