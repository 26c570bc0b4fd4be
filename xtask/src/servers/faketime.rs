//! libfaketime: what gives a process another calendar than its host's.

use std::path::PathBuf;

/// Debian's package of it.
pub(crate) const PACKAGE: &str = "libfaketime";

/// Where the library is, when it is installed.
pub(crate) fn library() -> Option<PathBuf> {
    let architectures = std::fs::read_dir("/usr/lib").ok()?;
    architectures
        .flatten()
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.is_file())
}
