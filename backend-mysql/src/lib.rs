//! Convoke on MariaDB or MySQL, by stored procedures.
