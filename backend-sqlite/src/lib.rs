//! Convoke on one SQLite file shared by processes of one machine.
