//! What is known of each kind of server without looking at the machine.

use std::fmt;

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// MariaDB 10.11 or later.
    MariaDb,
    /// Oracle MySQL 9.
    MySql,
    /// Redis 7 or later.
    Redis,
    /// Valkey 9.
    Valkey,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::MariaDb, Self::MySql, Self::Redis, Self::Valkey];

    /// The word for it in file names and on command lines.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::MariaDb => "mariadb",
            Self::MySql => "mysql",
            Self::Redis => "redis",
            Self::Valkey => "valkey",
        }
    }

    /// The kind of this word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// The environment variable that names a running server.
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Self::MariaDb => "CONVOKE_TEST_MARIADB_URL",
            Self::MySql => "CONVOKE_TEST_MYSQL_URL",
            Self::Redis => "CONVOKE_TEST_REDIS_URL",
            Self::Valkey => "CONVOKE_TEST_VALKEY_URL",
        }
    }

    pub(crate) const fn image(self) -> (&'static str, &'static str) {
        match self {
            Self::MariaDb => ("mariadb", "10.11"),
            Self::MySql => ("mysql", "9"),
            Self::Redis => ("redis", "7"),
            Self::Valkey => ("valkey/valkey", "9"),
        }
    }

    pub(crate) const fn usual_port(self) -> u16 {
        match self {
            Self::MariaDb | Self::MySql => 3306,
            Self::Redis | Self::Valkey => 6379,
        }
    }

    pub(crate) fn url(self, host: &str, port: u16) -> String {
        match self {
            Self::MariaDb | Self::MySql => format!("mysql://root@{host}:{port}/"),
            Self::Redis | Self::Valkey => format!("redis://{host}:{port}/"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::MariaDb => "MariaDB",
            Self::MySql => "MySQL",
            Self::Redis => "Redis",
            Self::Valkey => "Valkey",
        })
    }
}
