//! What the URL of a store says.

use std::path::PathBuf;
use std::time::Duration;

use convoke_core::{Durability, Error, ErrorKind, OpenOptions, Result, StoreUrl, error};

/// Where the file is and how it is used.
#[derive(Clone, Debug)]
pub(crate) struct FileOptions {
    /// Absolute, so that a process that changes its directory goes on with the same file.
    pub(crate) path: PathBuf,
    pub(crate) sync: Sync,
    /// How long to wait for a lock that another process has.
    pub(crate) busy_timeout: Duration,
    /// How long an operation may take beyond that before its caller is let go.
    pub(crate) timeout: Duration,
}

/// What a commit waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sync {
    /// Until the disk has it.
    Full,
    /// Until the operating system has it.
    Relaxed,
}

impl Sync {
    /// The value of `PRAGMA synchronous`.
    pub(crate) const fn pragma(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Relaxed => "NORMAL",
        }
    }

    pub(crate) fn durability(self) -> Durability {
        match self {
            Self::Full => Durability::Full,
            Self::Relaxed => Durability::Relaxed(
                "survives the end of any process; a power cut or a crash of the operating system may take what was \
                 acknowledged since the last checkpoint, never a part of an operation"
                    .to_owned(),
            ),
        }
    }
}

const OPTIONS: [&str; 2] = ["durability", "busy_timeout"];
const LONGEST_BUSY_TIMEOUT: Duration = Duration::from_secs(3_600);

impl FileOptions {
    pub(crate) fn read(options: &OpenOptions) -> Result<Self> {
        if options.namespace.is_some() {
            let what = "an SQLite file holds one installation; instead of a namespace, give each a file of its own";
            return Err(error::invalid(what));
        }
        options.url.check_options(&OPTIONS)?;
        let busy_timeout = match options.url.option("busy_timeout") {
            None => options.timeout,
            Some(text) => busy_timeout(&text)?,
        };
        Ok(Self {
            path: path(&options.url)?,
            sync: match options.url.option("durability").as_deref() {
                None | Some("full") => Sync::Full,
                Some("relaxed") => Sync::Relaxed,
                Some(other) => {
                    return Err(error::invalid("durability is full (the default) or relaxed").with("durability", other));
                }
            },
            busy_timeout,
            timeout: options.timeout,
        })
    }
}

fn path(url: &StoreUrl) -> Result<PathBuf> {
    let raw = url.with_secrets();
    if let Some(host) = raw.host_str().filter(|host| !host.is_empty()) {
        let what = "an SQLite file is on this machine, so its URL has no host; write three slashes for a path from the \
                    root (sqlite:///path/to/file) or none for one from here (sqlite:path/to/file)";
        return Err(error::invalid(what).with("host", host));
    }
    if raw.fragment().is_some() {
        return Err(error::invalid("write a # in the path of a URL as %23"));
    }
    let path = url.path()?;
    if [":memory:", "/:memory:"].contains(&path.as_str()) {
        let what = "an SQLite database in memory would be seen by one connection only; open memory: instead";
        return Err(error::invalid(what));
    }
    if path.is_empty() || path.ends_with('/') {
        return Err(error::invalid("the URL names no file; write sqlite:///path/to/file").with("path", path));
    }
    if path.contains('\0') {
        return Err(error::invalid("a path has no NUL character"));
    }
    std::path::absolute(&path).map_err(|source| {
        let what = "the path can't be made absolute; name the file from the root";
        Error::new(ErrorKind::Unavailable, what)
            .with("path", path)
            .caused_by(source)
    })
}

fn busy_timeout(text: &str) -> Result<Duration> {
    let milliseconds = text.parse().ok().map(Duration::from_millis);
    milliseconds
        .filter(|length| *length <= LONGEST_BUSY_TIMEOUT)
        .ok_or_else(|| error::invalid("busy_timeout is in milliseconds, 0 to 3600000").with("busy_timeout", text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<FileOptions> {
        FileOptions::read(&OpenOptions::new(url).unwrap())
    }

    #[test]
    fn three_slashes_begin_at_the_root_and_none_begins_here() {
        assert_eq!(
            read("sqlite:///var/a%20b.db").unwrap().path,
            PathBuf::from("/var/a b.db")
        );
        let here = std::env::current_dir().unwrap();
        assert_eq!(read("sqlite:jobs.db").unwrap().path, here.join("jobs.db"));
    }

    #[test]
    fn options_are_read() {
        let file = read("sqlite:///a.db?durability=relaxed&busy_timeout=250").unwrap();
        assert_eq!(
            (file.sync, file.busy_timeout),
            (Sync::Relaxed, Duration::from_millis(250))
        );
        let file = read("sqlite:///a.db").unwrap();
        assert_eq!((file.sync, file.busy_timeout), (Sync::Full, Duration::from_secs(5)));
    }

    #[test]
    fn what_names_no_file_of_this_machine_is_refused_with_what_to_write() {
        for (url, hint) in [
            ("sqlite://jobs/a.db", "three slashes"),
            ("sqlite://me@localhost/a.db", "three slashes"),
            ("sqlite::memory:", "open memory:"),
            ("sqlite:///:memory:", "open memory:"),
            ("sqlite:", "names no file"),
            ("sqlite://", "names no file"),
            ("sqlite:///var/", "names no file"),
            ("sqlite:///a%00b", "NUL"),
            ("sqlite:///a#b", "%23"),
            ("sqlite:///a?mode=memory", "does not know"),
            ("sqlite:///a?durability=none", "full (the default) or relaxed"),
            ("sqlite:///a?busy_timeout=5s", "milliseconds"),
            ("sqlite:///a?busy_timeout=3600001", "milliseconds"),
        ] {
            let error = read(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{url}");
            assert!(error.to_string().contains(hint), "{url}: {error}");
        }
    }

    #[test]
    fn a_namespace_is_refused() {
        let options = OpenOptions::new("sqlite:///a.db").unwrap();
        let options = options.with_namespace(convoke_core::Namespace::new("x").unwrap());
        let error = FileOptions::read(&options).unwrap_err();
        assert!(error.to_string().contains("a file of its own"), "{error}");
    }
}
