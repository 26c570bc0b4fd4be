//! The server programs on this machine: where they are, how they are started, which version they are.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use crate::Kind;

/// A server program on this machine.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    /// The folder it was unpacked in, for programs that are not installed.
    home: Option<PathBuf>,
    version: String,
}

impl Program {
    /// Looks for the program of a kind.
    ///
    /// MariaDB and Redis are looked for in `PATH` and where Debian puts daemons; MySQL and Valkey in the folders that
    /// `cargo xtask servers install` fills, see [`mysql_home`] and [`valkey_home`].
    ///
    /// # Errors
    /// When there is none; the text is the command that installs it.
    pub fn find(kind: Kind) -> Result<Self> {
        let (path, home) = match kind {
            Kind::MariaDb => (in_path("mariadbd"), None),
            Kind::Redis => (in_path("redis-server"), None),
            Kind::MySql => in_home(&mysql_home()?, &["usr/sbin/mysqld", "bin/mysqld"]),
            Kind::Valkey => in_home(&valkey_home()?, &["usr/bin/valkey-server", "bin/valkey-server"]),
        };
        let path = path.ok_or_else(|| missing(kind))?;
        let mut program = Self {
            path,
            home,
            version: String::new(),
        };
        program.version = program.ask_version()?;
        Ok(program)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its version, such as `10.11.14-MariaDB`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The folder that it was unpacked in, when it is not installed.
    pub(crate) fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// The command that runs it. A program unpacked from another release of Debian brings its own loader and libraries.
    pub(crate) fn command(&self) -> Command {
        match self.home.as_deref().and_then(own_loader) {
            Some((loader, libraries)) => {
                let mut command = Command::new(loader);
                command.arg("--library-path").arg(libraries).arg(&self.path);
                command
            }
            None => Command::new(&self.path),
        }
    }

    fn ask_version(&self) -> Result<String> {
        let output = self
            .command()
            .arg("--version")
            .output()
            .with_context(|| format!("running {} --version", self.path.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            bail!("{} --version failed: {}", self.path.display(), why.trim());
        }
        version_in(&text).ok_or_else(|| anyhow!("no version in what {} --version says: {text}", self.path.display()))
    }
}

/// The folder where unpacked servers and prepared data directories are kept: `$XDG_CACHE_HOME/convoke`, else
/// `~/.cache/convoke`.
///
/// # Errors
/// When neither `XDG_CACHE_HOME` nor `HOME` is set.
pub fn cache_directory() -> Result<PathBuf> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value: &OsString| !value.is_empty())
            .map(PathBuf::from)
    };
    set("XDG_CACHE_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("convoke"))
        .context("neither XDG_CACHE_HOME nor HOME is set, so there is no place for test servers")
}

/// The folder of MySQL 9: `$CONVOKE_MYSQL_HOME`, else `mysql-9` in [`cache_directory`].
///
/// # Errors
/// As for [`cache_directory`].
pub fn mysql_home() -> Result<PathBuf> {
    home("CONVOKE_MYSQL_HOME", "mysql-9")
}

/// The folder of Valkey 9: `$CONVOKE_VALKEY_HOME`, else `valkey-9` in [`cache_directory`].
///
/// # Errors
/// As for [`cache_directory`].
pub fn valkey_home() -> Result<PathBuf> {
    home("CONVOKE_VALKEY_HOME", "valkey-9")
}

fn home(variable: &str, folder: &str) -> Result<PathBuf> {
    match std::env::var_os(variable) {
        Some(home) => Ok(PathBuf::from(home)),
        None => Ok(cache_directory()?.join(folder)),
    }
}

fn missing(kind: Kind) -> anyhow::Error {
    anyhow!(
        "{kind} is not on this machine; install it with\n\n    cargo xtask servers install\n\nor name a running server: \
         {}={}",
        kind.variable(),
        kind.url("host", kind.usual_port())
    )
}

pub(crate) fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/usr/bin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

fn in_home(home: &Path, candidates: &[&str]) -> (Option<PathBuf>, Option<PathBuf>) {
    let found = candidates
        .iter()
        .map(|candidate| home.join(candidate))
        .find(|path| path.is_file());
    (found, Some(home.to_owned()))
}

/// The loader and the libraries that Debian's libc6 package unpacks to, where it was unpacked too.
fn own_loader(home: &Path) -> Option<(PathBuf, PathBuf)> {
    let libraries = std::fs::read_dir(home.join("usr/lib"))
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.join("libc.so.6").is_file())?;
    let loader = std::fs::read_dir(&libraries)
        .ok()?
        .flatten()
        .find(|entry| entry.file_name().to_string_lossy().starts_with("ld-linux"))?;
    Some((loader.path(), libraries))
}

/// The first word that begins with a digit, also behind `v=`.
fn version_in(text: &str) -> Option<String> {
    text.split_whitespace()
        .map(|word| word.strip_prefix("v=").unwrap_or(word))
        .find(|word| word.starts_with(|letter: char| letter.is_ascii_digit()))
        .map(|word| word.trim_end_matches(',').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_what_each_server_says_of_itself() {
        let said = [
            (
                "mariadbd  Ver 10.11.14-MariaDB-0+deb12u2 for debian-linux-gnu on x86_64 (Debian 12)",
                "10.11.14-MariaDB-0+deb12u2",
            ),
            (
                "/x/usr/sbin/mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))",
                "9.7.4-2",
            ),
            (
                "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1",
                "7.0.15",
            ),
        ];
        for (text, version) in said {
            assert_eq!(version_in(text).as_deref(), Some(version));
        }
        assert_eq!(version_in("no version"), None);
    }

    #[test]
    fn a_missing_server_names_the_command_that_installs_it() {
        for kind in Kind::ALL {
            let text = missing(kind).to_string();
            assert!(
                text.contains("cargo xtask servers install") && text.contains(kind.variable()),
                "{text}"
            );
        }
    }
}
