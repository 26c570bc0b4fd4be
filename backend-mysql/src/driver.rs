//! Opens databases by URL.

use std::sync::Arc;
use std::time::Duration;

use convoke_core::{
    Driver, Error, ErrorKind, OpenOptions, Result, SchemaPolicy, SchemaStatus, Store, StoreUrl, async_trait,
    error::invalid,
};
use sqlx::ConnectOptions;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

use crate::connection::Pool;
use crate::error::{self, Stage};
use crate::migrate;
use crate::schema;
use crate::server::Server;
use crate::store::MysqlStore;

const SCHEMES: &[&str] = &["mysql", "mariadb"];

/// The options of the URL. All but the last one are understood by sqlx.
const OPTIONS: &[&str] = &["ssl-mode", "ssl-ca", "ssl-cert", "ssl-key", "socket", "connections"];

/// How many connections a store opens at most, unless the URL says otherwise.
const CONNECTIONS: usize = 32;

/// Prepared statements that a connection keeps, those that were used latest. A server keeps 16,382 for all of its
/// connections by default, and each of a thousand members has one or two.
const STATEMENTS: usize = 16;

/// Opens `mysql://user:password@host:port/database` and the same with `mariadb://`.
///
/// The database must exist; what is in it is set up or adopted by the schema policy. Options behind the question mark:
/// `ssl-mode`, `ssl-ca` (a file of authorities in PEM; by itself it means `ssl-mode=verify_identity`), `ssl-cert`,
/// `ssl-key`, `socket` (a Unix socket instead of host and port) and `connections` (how many at most; 32 when it does not
/// say).
#[derive(Clone, Copy, Debug, Default)]
pub struct MysqlDriver;

#[async_trait]
impl Driver for MysqlDriver {
    fn schemes(&self) -> &'static [&'static str] {
        SCHEMES
    }

    async fn open(&self, options: &OpenOptions) -> Result<Arc<dyn Store>> {
        match open(options).await {
            Ok(store) => Ok(Arc::new(store)),
            Err(error) => Err(error.at("open").with("url", &options.url)),
        }
    }
}

async fn open(options: &OpenOptions) -> Result<MysqlStore> {
    let location = Location::parse(options)?;
    let pool = Pool::new(location.connect, location.connections, options.timeout);
    let server = server(&pool, options.timeout).await?;
    let store = MysqlStore {
        pool: Arc::new(pool),
        server: Arc::new(server),
        database: location.database.into(),
        clock: options.clock.clone(),
        waiting: Arc::default(),
        renewals: Arc::default(),
        sends: Arc::default(),
    };
    match options.schema {
        SchemaPolicy::LeaveAlone => {}
        SchemaPolicy::Check => must_be_current(&schema::status(&store).await?)?,
        SchemaPolicy::Migrate => {
            if !schema::status(&store).await?.is_current() {
                migrate::migrate(&store).await?;
            }
        }
    }
    Ok(store)
}

async fn server(pool: &Pool, timeout: Duration) -> Result<Server> {
    let deadline = std::time::Instant::now() + timeout;
    let mut leased = pool.acquire(deadline).await?;
    let version = sqlx::query_scalar::<_, String>("SELECT VERSION()").fetch_one(&mut leased.connection);
    let version = match tokio::time::timeout_at(deadline.into(), version).await {
        Ok(version) => version.map_err(|source| error::from_sqlx(source, Stage::Connecting))?,
        Err(_) => return Err(error::timed_out(Stage::Connecting)),
    };
    leased.give_back();
    Server::parse(&version)
}

fn must_be_current(status: &SchemaStatus) -> Result<()> {
    if status.is_current() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Unsupported,
        "the schema is not the one that this program needs; run `convoke migrate`",
    )
    .with("found", status.found)
    .with("needed", status.needed)
    .with("pending", status.pending.join(", ")))
}

/// Where the database is, as the options of opening say.
struct Location {
    connect: MySqlConnectOptions,
    database: String,
    connections: usize,
}

impl Location {
    fn parse(options: &OpenOptions) -> Result<Self> {
        let url = &options.url;
        if !SCHEMES.contains(&url.scheme()) {
            return Err(invalid(
                "the MySQL backend opens URLs that begin with mysql:// or mariadb://",
            ));
        }
        url.check_options(OPTIONS)?;
        if options.namespace.is_some() {
            return Err(invalid(
                "the MySQL backend has a database per installation instead of a namespace; name another database in the URL",
            ));
        }
        let database = url.path()?.trim_start_matches('/').to_owned();
        if database.is_empty() || database.contains('/') {
            return Err(invalid(
                "the URL must name one database, such as mysql://user:password@host/database",
            ));
        }
        let connect = MySqlConnectOptions::from_url(url.with_secrets())
            .map_err(|source| error::from_sqlx(source, Stage::Connecting))?
            .database(&database)
            // The session is set up by `Pool::connect`, in one round trip.
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .set_names(false)
            .timezone(None)
            .statement_cache_capacity(STATEMENTS)
            .disable_statement_logging();
        // Whoever names an authority means to trust nobody else; sqlx by itself would not even look at the certificate.
        let connect = match (url.option("ssl-ca"), url.option("ssl-mode")) {
            (Some(_), None) => connect.ssl_mode(MySqlSslMode::VerifyIdentity),
            _ => connect,
        };
        Ok(Self {
            connect,
            database,
            connections: connections(url)?,
        })
    }
}

fn connections(url: &StoreUrl) -> Result<usize> {
    match url.option("connections") {
        None => Ok(CONNECTIONS),
        Some(text) => match text.parse() {
            Ok(connections @ 1..=1_000) => Ok(connections),
            _ => Err(invalid("`connections` in the URL is a number between 1 and 1,000").with("connections", text)),
        },
    }
}

#[cfg(test)]
mod tests {
    use convoke_core::Namespace;

    use super::*;

    fn refusal(url: &str) -> Error {
        Location::parse(&OpenOptions::new(url).unwrap()).err().unwrap()
    }

    #[test]
    fn a_url_without_a_database_or_with_a_strange_option_is_refused_with_what_to_do() {
        assert!(refusal("mysql://root@localhost").to_string().contains("/database"));
        assert!(
            refusal("mysql://root@localhost/a/b")
                .to_string()
                .contains("one database")
        );
        assert!(
            refusal("mysql://root@localhost/a?conections=5")
                .to_string()
                .contains("connections")
        );
        assert!(
            refusal("mysql://root@localhost/a?connections=0")
                .to_string()
                .contains("between")
        );
        assert!(refusal("redis://localhost/a").to_string().contains("mariadb://"));
    }

    #[test]
    fn a_namespace_is_refused_and_the_database_named_instead() {
        let options = OpenOptions::new("mysql://root@localhost/a").unwrap();
        let options = options.with_namespace(Namespace::new("b").unwrap());
        let error = Location::parse(&options).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().contains("another database"));
    }

    #[test]
    fn the_name_of_the_database_is_percent_decoded() {
        let options = OpenOptions::new("mariadb://root@localhost/a%20b?connections=7").unwrap();
        let location = Location::parse(&options).unwrap();
        assert_eq!((location.database.as_str(), location.connections), ("a b", 7));
    }
}
