//! `schema.sql` shows what the migrations make on MariaDB.

use convoke_test_servers::Kind;
use sqlx::{AssertSqlSafe, Executor, Row};

use crate::databases::Databases;

/// Compares; with `CONVOKE_UPDATE_SCHEMA=1` in the environment, writes.
pub(crate) async fn the_schema_is_the_one_that_is_committed() {
    let database = Databases::of(Kind::MariaDb).bare().await;
    database.store().await;
    let mut plain = database.plain().await;
    let mut dump = String::from(
        "-- What the migrations make on MariaDB. Written by the test; CONVOKE_UPDATE_SCHEMA=1 writes it anew.\n",
    );
    let tables = plain.fetch_all("SHOW TABLES").await.unwrap();
    for table in tables.iter().map(|row| row.try_get::<String, _>(0).unwrap()) {
        let made = plain
            .fetch_one(AssertSqlSafe(format!("SHOW CREATE TABLE {table}")))
            .await
            .unwrap();
        let made: String = made.try_get(1).unwrap();
        let end = made.rfind(')').unwrap();
        let (columns, options) = made.split_at(end);
        let options: Vec<_> = options
            .split(' ')
            .filter(|option| !option.starts_with("AUTO_INCREMENT="))
            .collect();
        dump.push_str(&format!("\n{columns}{};\n", options.join(" ")));
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.sql");
    if std::env::var_os("CONVOKE_UPDATE_SCHEMA").is_some() {
        std::fs::write(path, &dump).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(path).unwrap(),
        dump,
        "run again with CONVOKE_UPDATE_SCHEMA=1, and commit it"
    );
}
