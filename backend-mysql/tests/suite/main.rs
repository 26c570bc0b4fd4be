//! The suite on MariaDB and MySQL, and what only this backend has to keep.

mod databases;

/// MariaDB 10.11 or later.
mod mariadb {
    convoke_conformance::suite!(super::databases::Databases::of(convoke_test_servers::Kind::MariaDb));
}

/// Oracle MySQL 9.
mod mysql {
    convoke_conformance::suite!(super::databases::Databases::of(convoke_test_servers::Kind::MySql));
}
