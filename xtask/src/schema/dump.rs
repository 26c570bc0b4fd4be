//! Dumps of what the migrations make in an empty database.

use anyhow::{Context, Result};
use convoke_test_servers::{Kind, shared};
use sqlx::{AssertSqlSafe, Connection, MySqlConnection, Row};

const HEAD: &str = "-- Made by `cargo xtask schema` from migrations/*.sql. Do not edit.\n";

/// The tables and indexes of SQLite.
pub(crate) fn of_sqlite() -> Result<String> {
    Ok(convoke_backend_sqlite::schema()?)
}

/// The tables of MariaDB. The routines are files of their own, in procedures/.
pub(crate) fn of_mariadb() -> Result<String> {
    let server = shared(Kind::MariaDb)?;
    let name = format!("convoke_schema_{}", std::process::id());
    runtime()?.block_on(async {
        let mut server_wide = MySqlConnection::connect(server.url()).await?;
        execute(&mut server_wide, format!("CREATE DATABASE {name}")).await?;
        let dump = dump_mariadb(&format!("{}{name}", server.url())).await;
        execute(&mut server_wide, format!("DROP DATABASE {name}")).await?;
        dump
    })
}

async fn dump_mariadb(url: &str) -> Result<String> {
    open(url).await?;
    let mut connection = MySqlConnection::connect(url).await?;
    let tables = sqlx::query_scalar::<_, String>(
        "SELECT CAST(table_name AS CHAR) FROM information_schema.tables \
         WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' ORDER BY table_name",
    )
    .fetch_all(&mut connection)
    .await?;
    let mut dump = HEAD.to_owned();
    for table in tables {
        let query = sqlx::query(AssertSqlSafe(format!("SHOW CREATE TABLE `{table}`")));
        let row = query.fetch_one(&mut connection).await?;
        let sql: String = row.try_get(1)?;
        dump.push_str(&format!("\n{};\n", without_counter(&sql)));
    }
    Ok(dump)
}

async fn execute(connection: &mut MySqlConnection, sql: String) -> Result<()> {
    sqlx::query(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

async fn open(url: &str) -> Result<()> {
    convoke::open(url)
        .await
        .with_context(|| "opening a store in an empty database")?;
    Ok(())
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?)
}

/// Without where the next number stands, which depends on what was inserted.
fn without_counter(sql: &str) -> String {
    let Some((before, rest)) = sql.split_once(" AUTO_INCREMENT=") else {
        return sql.to_owned();
    };
    format!(
        "{before}{}",
        rest.trim_start_matches(|letter: char| letter.is_ascii_digit())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_number_of_a_table_is_no_part_of_its_schema() {
        let sql = "CREATE TABLE `a` (\n  `id` int(11) NOT NULL AUTO_INCREMENT\n) ENGINE=InnoDB AUTO_INCREMENT=17 DEFAULT CHARSET=ascii";
        let without =
            "CREATE TABLE `a` (\n  `id` int(11) NOT NULL AUTO_INCREMENT\n) ENGINE=InnoDB DEFAULT CHARSET=ascii";
        assert_eq!(without_counter(sql), without);
    }
}
