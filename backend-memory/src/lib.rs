//! Convoke in the memory of one process.
