//! Real MariaDB, MySQL and Redis servers for the tests of this workspace.
