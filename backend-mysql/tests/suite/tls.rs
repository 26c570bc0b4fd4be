//! TLS with real servers.

use convoke_backend_mysql::MysqlDriver;
use convoke_core::{Driver, Error, ErrorKind, OpenOptions, WorkerName};
use convoke_test_servers::{Kind, Server, private_with_tls};
use sqlx::{AssertSqlSafe, Executor};

use crate::databases::Database;

/// A server that lets a user in by TLS only, and that user's URL, to which options can be appended.
async fn secure_server(kind: Kind) -> (Server, String) {
    let server = tokio::task::spawn_blocking(move || private_with_tls(kind));
    let server = server.await.unwrap().unwrap();
    let database = Database::create(server.url(), "secured").await;
    // On both hosts: MariaDB has an anonymous user of localhost, which goes before one of any host.
    for host in ["%", "localhost"] {
        let user = format!(
            "CREATE USER 'app'@'{host}' IDENTIFIED BY 's3cret' REQUIRE SSL; GRANT ALL ON secured.* TO 'app'@'{host}'; \
             SET GLOBAL log_bin_trust_function_creators = 1"
        );
        let mut admin = database.plain().await;
        admin.execute(sqlx::raw_sql(AssertSqlSafe(user))).await.unwrap();
    }
    let url = format!("{}?", database.url.replace("root@", "app:s3cret@"));
    (server, url)
}

async fn refused(url: &str) -> Error {
    let error = MysqlDriver.open(&OpenOptions::new(url).unwrap()).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    error
}

pub(crate) async fn a_server_is_trusted_by_the_authority_of_the_url_and_by_no_other(kind: Kind) {
    let (server, url) = secure_server(kind).await;
    let certificates = server.certificates().unwrap();
    let trusting = |authority: std::path::PathBuf| format!("{url}ssl-ca={}", authority.display());

    let error = refused(&trusting(certificates.stranger())).await;
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    assert!(error.to_string().contains("correct the URL"), "{error}");
    assert!(format!("{error:?}").contains("UnknownIssuer"), "{error:?}");
    let error = refused(&format!("{url}ssl-mode=verify_ca")).await;
    assert_eq!(error.kind(), ErrorKind::Denied, "only public authorities: {error:?}");
    let error = refused(&trusting("/no/such/file.pem".into())).await;
    assert!(error.to_string().contains("ssl-ca"), "{error}");

    let options = OpenOptions::new(&trusting(certificates.authority())).unwrap();
    let store = MysqlDriver.open(&options).await.unwrap();
    store.register_worker(&WorkerName::new("a").unwrap()).await.unwrap();
}

pub(crate) async fn a_certificate_is_good_for_its_own_host_only(kind: Kind) {
    let (server, url) = secure_server(kind).await;
    let authority = server.certificates().unwrap().authority();
    let elsewhere = url.replace("@127.0.0.1:", "@localhost:");
    let error = refused(&format!("{elsewhere}ssl-ca={}", authority.display())).await;
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    let options = format!("{elsewhere}ssl-mode=verify_ca&ssl-ca={}", authority.display());
    MysqlDriver.open(&OpenOptions::new(&options).unwrap()).await.unwrap();
}
