//! The suite that judges whether a backend keeps the contract of Convoke.
