//! Which driver opens which URL.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use convoke_core::{Driver, Error, ErrorKind, OpenOptions, Result, Store};

/// The schemes that this project has a backend for, and the cargo feature that compiles it in.
const FEATURES: [(&str, &str); 6] = [
    ("memory", "memory"),
    ("sqlite", "sqlite"),
    ("mysql", "mysql"),
    ("mariadb", "mysql"),
    ("redis", "redis"),
    ("rediss", "redis"),
];

static PROCESS: LazyLock<Registry> = LazyLock::new(Registry::compiled_in);

/// Opens the store at a URL, with the defaults of [`OpenOptions`], by the drivers of [`Registry::of_process`].
///
/// # Errors
/// InvalidArgument for what is no URL or has an unknown scheme, Unsupported for a scheme that is not compiled in or a
/// schema that is newer than the program, Unavailable when the store can't be reached, Denied when it turns
/// the caller away (password, database, rights).
///
/// # Example
/// ```
/// # #[cfg(feature = "memory")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> convoke::Result<()> {
/// let store = convoke::open("memory:").await?;
/// assert_eq!(store.properties().await?.backend, "memory");
/// # Ok(()) }
/// # #[cfg(not(feature = "memory"))]
/// # fn main() {}
/// ```
pub async fn open(url: &str) -> Result<Arc<dyn Store>> {
    open_with(&OpenOptions::new(url)?).await
}

/// Opens a store by the drivers of [`Registry::of_process`].
///
/// # Errors
/// As for [`open`].
pub async fn open_with(options: &OpenOptions) -> Result<Arc<dyn Store>> {
    Registry::of_process().open(options).await
}

/// Drivers by the URL schemes that they open.
///
/// ```
/// # use std::sync::Arc;
/// # use convoke::{Driver, OpenOptions, Registry, Result, Store};
/// struct Elsewhere;
///
/// #[convoke::async_trait]
/// impl Driver for Elsewhere {
///     fn schemes(&self) -> &'static [&'static str] {
///         &["elsewhere"]
///     }
///
///     async fn open(&self, options: &OpenOptions) -> Result<Arc<dyn Store>> {
/// #       let _ = options;
/// #       Err(convoke::Error::new(convoke::ErrorKind::Unavailable, "not here"))
/// #       /*
///         // connect to options.url
/// #       */
///     }
/// }
///
/// Registry::of_process().register(Arc::new(Elsewhere))?;
/// assert!(Registry::of_process().schemes().contains(&"elsewhere"));
/// # Ok::<(), convoke::Error>(())
/// ```
#[derive(Default)]
pub struct Registry {
    drivers: RwLock<BTreeMap<&'static str, Arc<dyn Driver>>>,
}

impl Registry {
    /// A registry without any driver.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// A registry with the drivers that the cargo features compile in.
    #[must_use]
    pub fn compiled_in() -> Self {
        #[allow(unused_mut)] // Without any feature nothing is put in.
        let mut drivers: BTreeMap<&'static str, Arc<dyn Driver>> = BTreeMap::new();
        #[cfg(feature = "memory")]
        insert(&mut drivers, Arc::new(convoke_backend_memory::MemoryDriver));
        #[cfg(feature = "sqlite")]
        insert(&mut drivers, Arc::new(convoke_backend_sqlite::SqliteDriver));
        #[cfg(feature = "mysql")]
        insert(&mut drivers, Arc::new(convoke_backend_mysql::MysqlDriver));
        #[cfg(feature = "redis")]
        insert(&mut drivers, Arc::new(convoke_backend_redis::RedisDriver));
        Self {
            drivers: RwLock::new(drivers),
        }
    }

    /// The registry of this process, which [`open`] uses. It begins with [`Registry::compiled_in`].
    #[must_use]
    pub fn of_process() -> &'static Self {
        &PROCESS
    }

    /// Adds a driver for all of its schemes, or for none.
    ///
    /// # Errors
    /// AlreadyExists when one of its schemes has a driver.
    pub fn register(&self, driver: Arc<dyn Driver>) -> Result<()> {
        let mut drivers = self.drivers.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = driver.schemes().iter().find(|scheme| drivers.contains_key(*scheme)) {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                "this URL scheme has a driver already; register each driver once, under schemes of its own",
            )
            .at("registry.register")
            .with("scheme", taken));
        }
        insert(&mut drivers, driver);
        Ok(())
    }

    /// The schemes that can be opened, in alphabetical order.
    #[must_use]
    pub fn schemes(&self) -> Vec<&'static str> {
        let drivers = self.drivers.read().unwrap_or_else(PoisonError::into_inner);
        drivers.keys().copied().collect()
    }

    /// Opens a store.
    ///
    /// # Errors
    /// As for the function [`open`].
    pub async fn open(&self, options: &OpenOptions) -> Result<Arc<dyn Store>> {
        let driver = {
            let drivers = self.drivers.read().unwrap_or_else(PoisonError::into_inner);
            drivers.get(options.url.scheme()).cloned()
        };
        match driver {
            Some(driver) => driver.open(options).await,
            None => Err(self.no_driver(options.url.scheme())),
        }
    }

    fn no_driver(&self, scheme: &str) -> Error {
        let known = self.schemes().join(", ");
        let error = match FEATURES.iter().find(|(of, _)| *of == scheme) {
            Some((_, feature)) => Error::new(
                ErrorKind::Unsupported,
                format!(
                    "this program was built without {scheme}; build it with the cargo feature `{feature}` of convoke"
                ),
            ),
            None => Error::new(
                ErrorKind::InvalidArgument,
                "no driver opens this URL scheme; use one of those compiled in, or register its driver first",
            ),
        };
        error
            .at("registry.open")
            .with("scheme", scheme)
            .with("compiled in", known)
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("schemes", &self.schemes()).finish()
    }
}

fn insert(drivers: &mut BTreeMap<&'static str, Arc<dyn Driver>>, driver: Arc<dyn Driver>) {
    for scheme in driver.schemes() {
        drivers.insert(scheme, Arc::clone(&driver));
    }
}
