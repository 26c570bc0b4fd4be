//! TLS with real servers.

use std::path::PathBuf;

use convoke_backend_redis::RedisDriver;
use convoke_core::{Driver, Error, ErrorKind};
use convoke_test_servers::{Kind, Server, private_with_tls};

use crate::server::{message, open, options, worker};

/// A server and its URL with a password, which it does not ask for and which nobody must get to see.
async fn secure_server(kind: Kind) -> (Server, String) {
    let server = tokio::task::spawn_blocking(move || private_with_tls(kind));
    let server = server.await.unwrap().unwrap();
    let url = format!("{}?", server.url().replace("rediss://", "rediss://:s3cret@"));
    (server, url)
}

async fn refused(url: &str) -> Error {
    let error = RedisDriver.open(&options(url)).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    error
}

async fn only_the_authority_of_the_url_is_trusted(kind: Kind) {
    let (server, url) = secure_server(kind).await;
    let certificates = server.certificates().unwrap();
    let trusting = |authority: PathBuf| format!("{url}ssl-ca={}", authority.display());

    for untrusting in [trusting(certificates.stranger()), url.clone()] {
        let error = refused(&untrusting).await;
        assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
        assert!(error.message().contains("ssl-ca"), "{error:?}");
        assert!(format!("{error:?}").contains("UnknownIssuer"), "{error:?}");
    }
    for useless in ["/no/such/file.pem".into(), std::env::temp_dir()] {
        let error = refused(&trusting(useless)).await;
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error:?}");
    }

    // The server has no password to ask for.
    let trusted = trusting(certificates.authority()).replace(":s3cret@", "");
    let store = open(&trusted).await;
    let me = store.register_worker(&worker("a")).await.unwrap();
    let waiting = store.await_message(&me.worker, std::time::Duration::from_secs(10));
    let sending = async { store.send_message(&message("a")).await.unwrap() };
    tokio::join!(waiting, sending);
    let elsewhere = trusted.replace("//127.0.0.1:", "//localhost:");
    let error = refused(&elsewhere).await;
    assert_eq!(
        error.kind(),
        ErrorKind::Denied,
        "the certificate is of another host: {error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_is_trusted_by_the_authority_of_the_url_and_by_no_other() {
    only_the_authority_of_the_url_is_trusted(Kind::Redis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_valkey_is_trusted_by_the_authority_of_the_url_and_by_no_other() {
    only_the_authority_of_the_url_is_trusted(Kind::Valkey).await;
}
