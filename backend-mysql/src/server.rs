//! Which server it is, and what it promises.

use convoke_core::{Durability, Error, ErrorKind, Result};

/// The two families of servers. Their SQL differs in the name of a collation and in how a routine is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    MariaDb,
    MySql,
}

/// A server, as it names itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) family: Family,
    version: (u32, u32),
    name: String,
}

impl Server {
    /// Reads what `SELECT VERSION()` answers.
    ///
    /// # Errors
    /// Unsupported for a version that lacks what the schema needs.
    pub(crate) fn parse(version: &str) -> Result<Self> {
        let family = if version.contains("MariaDB") {
            Family::MariaDb
        } else {
            Family::MySql
        };
        let plain = version.split('-').next().unwrap_or_default();
        let mut parts = plain.split('.').map(|part| part.parse().unwrap_or(0));
        let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        let (name, least) = match family {
            Family::MariaDb => ("MariaDB", (10, 6)),
            Family::MySql => ("MySQL", (8, 0)),
        };
        if found < least {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "the server is too old; MariaDB 10.6, MySQL 8.0 or later is needed",
            )
            .with("server", version));
        }
        Ok(Self {
            family,
            version: found,
            name: format!("{name} {plain}"),
        })
    }

    /// Such as `MariaDB 10.11.14`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// SQL of this crate, which is written for MariaDB, for this server: names compare byte by byte, without padding, and what
    /// others have locked can be skipped.
    pub(crate) fn localized(&self, sql: &str) -> String {
        match self.family {
            Family::MariaDb => sql.to_owned(),
            Family::MySql => sql
                .replace("utf8mb4_nopad_bin", "utf8mb4_0900_bin")
                .replace("LOCK IN SHARE MODE SKIP LOCKED", "FOR SHARE SKIP LOCKED"),
        }
    }
}

/// What survives a power cut, by the settings that decide it. `sync_binlog` counts only where there is a binary log.
pub(crate) fn durability(flush_log: i64, sync_binlog: Option<i64>) -> Durability {
    match (flush_log, sync_binlog) {
        (1, None | Some(1)) => Durability::Full,
        (1, Some(sync)) => Durability::Relaxed(format!(
            "sync_binlog is {sync}: a power cut of the server may leave the binary log, and so replicas, without the last \
             transactions"
        )),
        (0, _) => Durability::Relaxed(
            "innodb_flush_log_at_trx_commit is 0: a crash of the server loses up to a second of what was acknowledged"
                .to_owned(),
        ),
        (other, _) => Durability::Relaxed(format!(
            "innodb_flush_log_at_trx_commit is {other}: a power cut of the server loses up to a second of what was acknowledged"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_told_apart_by_their_version() {
        let server = Server::parse("10.11.14-MariaDB-0+deb12u2").unwrap();
        assert_eq!((server.family, server.name()), (Family::MariaDb, "MariaDB 10.11.14"));
        let server = Server::parse("9.7.4-2").unwrap();
        assert_eq!((server.family, server.name()), (Family::MySql, "MySQL 9.7.4"));
    }

    #[test]
    fn a_server_that_is_too_old_is_refused() {
        for version in ["5.7.44", "10.5.9-MariaDB"] {
            assert_eq!(Server::parse(version).unwrap_err().kind(), ErrorKind::Unsupported);
        }
    }

    #[test]
    fn durability_is_called_full_only_when_each_commit_is_flushed() {
        assert_eq!(durability(1, None), Durability::Full);
        assert_eq!(durability(1, Some(1)), Durability::Full);
        assert!(matches!(durability(1, Some(0)), Durability::Relaxed(_)));
        assert!(matches!(durability(2, None), Durability::Relaxed(_)));
        assert!(matches!(durability(0, Some(1)), Durability::Relaxed(_)));
    }
}
