//! Where a store is, with its password kept out of sight.

use std::fmt;

use url::Url;

use crate::error::{self, Result};

/// The URL of a store. Prints without its password.
///
/// ```
/// use convoke_core::StoreUrl;
/// let url = StoreUrl::parse("mysql://app:s3cret@db:3306/jobs?timeout=5").unwrap();
/// assert_eq!(url.to_string(), "mysql://app:***@db:3306/jobs?timeout=5");
/// assert_eq!(url.option("timeout").as_deref(), Some("5"));
/// assert!(!format!("{url:?}").contains("s3cret"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl(Url);

impl StoreUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// InvalidArgument when it is none. The text is not repeated in the error: it may hold a password.
    pub fn parse(text: &str) -> Result<Self> {
        Url::parse(text).map(Self).map_err(|source| {
            error::invalid("a store is named by a URL, such as sqlite:///path/to/file, memory:, mysql://… or redis://…")
                .caused_by(source)
        })
    }

    /// What stands before the first colon.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.0.scheme()
    }

    /// The whole URL, password included. For drivers.
    #[must_use]
    pub const fn with_secrets(&self) -> &Url {
        &self.0
    }

    /// The path, percent-decoded: what follows `sqlite:` or `sqlite://`, or the host.
    ///
    /// # Errors
    /// InvalidArgument when it is not UTF-8.
    pub fn path(&self) -> Result<String> {
        percent_encoding::percent_decode_str(self.0.path())
            .decode_utf8()
            .map(std::borrow::Cow::into_owned)
            .map_err(|source| error::invalid("the path of the URL is not UTF-8").caused_by(source))
    }

    /// The value of an option behind the question mark.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<String> {
        self.0
            .query_pairs()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// Refuses options that the backend does not know.
    ///
    /// # Errors
    /// InvalidArgument that lists the known ones.
    pub fn check_options(&self, known: &[&str]) -> Result<()> {
        match self.0.query_pairs().find(|(key, _)| !known.contains(&key.as_ref())) {
            None => Ok(()),
            Some((key, _)) => Err(error::invalid("the URL has an option that this backend does not know")
                .with("option", key)
                .with("known", known.join(", "))),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        if shown.password().is_some() {
            // Setting a password fails only for URLs that cannot have one.
            let _ = shown.set_password(Some("***"));
        }
        let hides = |key: &str| {
            ["password", "pass", "secret", "token", "key"]
                .iter()
                .any(|word| key.contains(word))
        };
        if shown.query_pairs().any(|(key, _)| hides(&key)) {
            let pairs: Vec<_> = self.0.query_pairs().into_owned().collect();
            let mut query = shown.query_pairs_mut();
            query.clear();
            for (key, value) in &pairs {
                query.append_pair(key, if hides(key) { "***" } else { value });
            }
            drop(query);
        }
        shown.fmt(f)
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
