//! Where a store is: what a URL says.

use convoke_core::{Error, ErrorKind, Namespace, OpenOptions, Result, StoreUrl, error};
use percent_encoding::percent_decode_str;
use redis::io::tcp::TcpSettings;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo};

pub(crate) const SCHEMES: &[&str] = &["redis", "rediss"];

const DEFAULT_PORT: u16 = 6379;

/// A server, a database in it, and a namespace in that.
#[derive(Debug)]
pub(crate) struct Location {
    pub(crate) connection: ConnectionInfo,
    pub(crate) namespace: Namespace,
    pub(crate) database: i64,
}

impl Location {
    pub(crate) fn of(options: &OpenOptions) -> Result<Self> {
        let url = &options.url;
        if !SCHEMES.contains(&url.scheme()) {
            return Err(error::invalid(
                "the Redis backend opens URLs that begin with redis:// or rediss://",
            ));
        }
        url.check_options(&["namespace", "ssl-ca"])?;
        let parts = url.with_secrets();
        if parts.fragment().is_some() {
            return Err(error::invalid(
                "a Redis URL has nothing behind a #; write a # within the password as %23",
            ));
        }
        let host = parts.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| error::invalid("a Redis URL names a host: redis://HOST:PORT/"))?;
        let host = decoded(host.trim_start_matches('[').trim_end_matches(']'), "the host")?;
        let address = address(url.scheme(), host, parts.port().unwrap_or(DEFAULT_PORT))?;
        let database = database(&url.path()?)?;
        let settings = credentials(parts.username(), parts.password())?
            .set_db(database)
            .set_protocol(ProtocolVersion::RESP3);
        // Without it the answers of a pipeline wait for the acknowledgement of a packet, 40 ms.
        let tcp = TcpSettings::default().set_nodelay(true);
        #[cfg(target_os = "linux")]
        let tcp = tcp.set_user_timeout(options.timeout);
        let connection = address
            .into_connection_info()
            .map_err(|source| error::invalid("the Redis URL is not usable").caused_by(source))?
            .set_tcp_settings(tcp)
            .set_redis_settings(settings);
        Ok(Self {
            connection: with_authority(connection, url)?,
            namespace: namespace(options)?,
            database,
        })
    }
}

/// The same server's settings for another node of its cluster.
pub(crate) fn redirected(to: &ConnectionInfo, node: &str) -> Option<ConnectionInfo> {
    let (host, port) = node.rsplit_once(':')?;
    let port = port.parse().ok()?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    // A node that does not know its own name says only the port: it is where it was asked.
    let host = if host.is_empty() {
        host_of(to.addr())
    } else {
        host.to_owned()
    };
    let address = match to.addr() {
        ConnectionAddr::TcpTls {
            insecure, tls_params, ..
        } => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        },
        _ => ConnectionAddr::Tcp(host, port),
    };
    Some(to.clone().set_addr(address))
}

fn host_of(address: &ConnectionAddr) -> String {
    match address {
        ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host.clone(),
        _ => String::new(),
    }
}

fn address(scheme: &str, host: String, port: u16) -> Result<ConnectionAddr> {
    if scheme == "redis" {
        return Ok(ConnectionAddr::Tcp(host, port));
    }
    if !cfg!(feature = "tls-rustls") {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "this program was built without TLS; build it with the feature tls-rustls to open rediss:// URLs",
        ));
    }
    Ok(ConnectionAddr::TcpTls {
        host,
        port,
        insecure: false,
        tls_params: None,
    })
}

/// The connection that trusts the authorities in the file that the URL names, and no others.
fn with_authority(connection: ConnectionInfo, url: &StoreUrl) -> Result<ConnectionInfo> {
    let Some(file) = url.option("ssl-ca") else {
        return Ok(connection);
    };
    if url.scheme() == "redis" {
        return Err(error::invalid(
            "a redis:// URL is without TLS, so ssl-ca has no use; write rediss://, or leave it out",
        ));
    }
    trusting(connection, &file).map_err(|error| error.with("ssl-ca", file))
}

#[cfg(feature = "tls-rustls")]
fn trusting(connection: ConnectionInfo, file: &str) -> Result<ConnectionInfo> {
    let authorities = std::fs::read(file).map_err(|source| {
        error::invalid("the file that ssl-ca names can't be read; correct the URL, or the rights to it")
            .caused_by(source)
    })?;
    let certificates = redis::TlsCertificates {
        client_tls: None,
        root_cert: Some(authorities),
    };
    let client = redis::Client::build_with_tls(connection, certificates).map_err(|source| {
        error::invalid("the file that ssl-ca names holds no certificates in PEM; name another one").caused_by(source)
    })?;
    Ok(client.get_connection_info().clone())
}

/// Not reached: a URL that asks for TLS was refused before.
#[cfg(not(feature = "tls-rustls"))]
fn trusting(connection: ConnectionInfo, _: &str) -> Result<ConnectionInfo> {
    Ok(connection)
}

fn database(path: &str) -> Result<i64> {
    match path.trim_start_matches('/') {
        "" => Ok(0),
        number => number
            .parse()
            .ok()
            .filter(|number| (0..=i64::from(u16::MAX)).contains(number))
            .ok_or_else(|| {
                error::invalid("the path of a Redis URL is the number of a database, such as redis://host/1")
                    .with("path", path)
            }),
    }
}

fn credentials(user: &str, password: Option<&str>) -> Result<RedisConnectionInfo> {
    let settings = RedisConnectionInfo::default();
    let settings = match password {
        Some(password) => settings.set_password(decoded(password, "the password")?),
        None if user.is_empty() => settings,
        None => {
            return Err(error::invalid(
                "the Redis URL has a user and no password; write redis://user:password@host, or :password@ without a user",
            ));
        }
    };
    if user.is_empty() {
        Ok(settings)
    } else {
        Ok(settings.set_username(decoded(user, "the user")?))
    }
}

/// The option of the URL, else that of the options, else `default`.
fn namespace(options: &OpenOptions) -> Result<Namespace> {
    match (options.url.option("namespace"), &options.namespace) {
        (Some(name), _) => Namespace::new(name),
        (None, Some(namespace)) => Ok(namespace.clone()),
        (None, None) => Namespace::new("default"),
    }
}

fn decoded(text: &str, what: &'static str) -> Result<String> {
    match percent_decode_str(text).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        // The text itself may be a secret.
        Err(_) => Err(error::invalid("a part of the Redis URL is not UTF-8 after percent-decoding").with("part", what)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(url: &str) -> Result<Location> {
        Location::of(&OpenOptions::new(url)?)
    }

    #[test]
    fn a_url_gives_host_port_database_user_password_and_namespace() {
        let location = location("redis://us%40er:p%2Fa%23ss@[::1]:7000/3?namespace=a%7Bb").unwrap();
        assert_eq!(location.connection.addr().to_string(), "::1:7000");
        assert_eq!(location.connection.redis_settings().username(), Some("us@er"));
        assert_eq!(location.connection.redis_settings().password(), Some("p/a#ss"));
        assert_eq!((location.database, location.namespace.as_str()), (3, "a{b"));
    }

    #[test]
    fn what_a_url_leaves_out_has_a_default() {
        let location = location("redis://db").unwrap();
        assert_eq!(location.connection.addr().to_string(), "db:6379");
        assert_eq!((location.database, location.namespace.as_str()), (0, "default"));
        assert!(location.connection.tcp_settings().nodelay());
    }

    #[test]
    fn the_namespace_of_the_url_goes_before_that_of_the_options() {
        let other = Namespace::new("other").unwrap();
        let options = |url| OpenOptions::new(url).unwrap().with_namespace(other.clone());
        let named = Location::of(&options("redis://db/?namespace=mine")).unwrap();
        assert_eq!(named.namespace.as_str(), "mine");
        assert_eq!(Location::of(&options("redis://db/")).unwrap().namespace, other);
    }

    #[test]
    fn a_url_that_is_not_understood_is_refused_without_telling_its_password() {
        for url in [
            "redis://:s3cret@db/one",
            "redis://:s3cret@db/-1",
            "redis://:s3cret@db/?db=1",
            "redis://:s3cret@db/?ssl-ca=/authority.pem",
            "redis://:s3cret@db/#insecure",
            "redis://:s3cret%FF@db/",
            "redis:///",
            "redis://user@db",
            "redis://:s3cret@db/?namespace=",
        ] {
            let error = location(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{url}");
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }

    #[cfg(not(feature = "tls-rustls"))]
    #[test]
    fn tls_names_the_feature_that_gives_it() {
        let error = location("rediss://db").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("tls-rustls"));
    }
}
