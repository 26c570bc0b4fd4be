//! Checked names. They compare byte by byte: `A` is not `a`, and NFC is not NFD.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{self, Error, Result};

/// The longest name of coordination, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 100;

fn check(what: &'static str, name: &str) -> Result<()> {
    let refuse = |why: &'static str| Err(error::invalid(why).with("name of", what).with("value", Shortened(name)));
    if name.is_empty() {
        return refuse("a name must not be empty");
    }
    if name.len() > MAX_NAME_BYTES {
        return refuse("a name has at most 100 bytes of UTF-8");
    }
    if name.chars().any(char::is_control) {
        return refuse("a name has no control characters");
    }
    if name.starts_with(' ') || name.ends_with(' ') {
        return refuse("a name does not begin or end with a space");
    }
    Ok(())
}

struct Shortened<'a>(&'a str);

impl fmt::Display for Shortened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(40) {
            Some((end, _)) => write!(f, "{}…", &self.0[..end]),
            None => f.write_str(self.0),
        }
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the name.
            ///
            /// # Errors
            /// InvalidArgument unless it is UTF-8 of 1 to 100 bytes without control characters that neither
            /// begins nor ends with a space.
            pub fn new(name: impl AsRef<str>) -> Result<Self> {
                check($what, name.as_ref())?;
                Ok(Self(Arc::from(name.as_ref())))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(name: String) -> Result<Self> {
                Self::new(name)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = Error;

            fn try_from(name: &str) -> Result<Self> {
                Self::new(name)
            }
        }

        impl std::str::FromStr for $name {
            type Err = Error;

            fn from_str(name: &str) -> Result<Self> {
                Self::new(name)
            }
        }
    };
}

name! {
    /// The name of a worker: UTF-8, 1 to 100 bytes.
    ///
    /// ```
    /// use convoke_core::WorkerName;
    /// assert_eq!(WorkerName::new("zürich 1").unwrap().as_str(), "zürich 1");
    /// assert!(WorkerName::new(" x").is_err());
    /// ```
    WorkerName, "worker"
}

name! {
    /// What a message tells a worker to do: UTF-8, 1 to 100 bytes.
    Command, "command"
}

name! {
    /// The id of a topology: UTF-8, 1 to 100 bytes.
    TopologyId, "topology"
}

name! {
    /// The name of a lock: UTF-8, 1 to 100 bytes.
    LockName, "lock"
}

name! {
    /// Who holds a lock: UTF-8, 1 to 100 bytes.
    LockOwner, "lock owner"
}

name! {
    /// The key of a setting: UTF-8, 1 to 100 bytes.
    SettingKey, "setting"
}

name! {
    /// An installation that shares a server with others and never sees them: UTF-8, 1 to 100 bytes.
    Namespace, "namespace"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_to_a_hundred_bytes_are_taken() {
        for good in ["a", "A b", "o'hara", "?", "\\", "\"", "😀", "ä", &"x".repeat(100)] {
            assert_eq!(WorkerName::new(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn names_that_stores_would_garble_are_refused() {
        for bad in [
            "",
            " a",
            "a ",
            "a\nb",
            "\0",
            "\u{7f}",
            "\u{85}",
            &"x".repeat(101),
            &"ä".repeat(51),
        ] {
            assert_eq!(
                WorkerName::new(bad).unwrap_err().kind(),
                crate::ErrorKind::InvalidArgument,
                "{bad:?}"
            );
        }
    }
}
