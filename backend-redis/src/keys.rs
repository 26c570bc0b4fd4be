//! The names of keys and channels, and numbers as they are sorted in keys.

use std::fmt::Write as _;

use convoke_core::{Namespace, WorkerName};

/// The keys of an installation; `migrations/0001_keys.lua` says what each holds.
#[derive(Debug)]
pub(crate) struct Keys {
    prefix: String,
    pub(crate) schema: String,
    pub(crate) counters: String,
    pub(crate) names: String,
    pub(crate) records: String,
    pub(crate) watched: String,
    pub(crate) unwatched: String,
    pub(crate) candidates: String,
    pub(crate) ranking: String,
    pub(crate) seat: String,
    pub(crate) history: String,
    pub(crate) messages: String,
    pub(crate) handling: String,
    pub(crate) ready: String,
    pub(crate) hidden: String,
    pub(crate) due: String,
    pub(crate) expiry: String,
}

impl Keys {
    pub(crate) fn new(namespace: &Namespace) -> Self {
        let prefix = format!("{{convoke:{}}}", encoded(namespace.as_str()));
        let key = |name: &str| format!("{prefix}:{name}");
        Self {
            schema: key("schema"),
            counters: key("counters"),
            names: key("names"),
            records: key("records"),
            watched: key("watched"),
            unwatched: key("unwatched"),
            candidates: key("candidates"),
            ranking: key("ranking"),
            seat: key("seat"),
            history: key("history"),
            messages: key("messages"),
            handling: key("handling"),
            ready: key("ready"),
            hidden: key("hidden"),
            due: key("due"),
            expiry: key("expiry"),
            prefix,
        }
    }

    /// What all keys begin with: the hash tag.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The channel on which a worker is told that it may have a message. The scripts name it so, too.
    pub(crate) fn channel(&self, worker: &WorkerName) -> String {
        format!("{}:{worker}", self.messages)
    }

    /// What `clear` empties; the seat comes first.
    pub(crate) fn cleared(&self) -> [&str; 14] {
        [
            &self.seat,
            &self.names,
            &self.records,
            &self.watched,
            &self.unwatched,
            &self.candidates,
            &self.ranking,
            &self.history,
            &self.messages,
            &self.handling,
            &self.ready,
            &self.hidden,
            &self.due,
            &self.expiry,
        ]
    }

    /// All of them; the schema and the counters come first.
    pub(crate) fn all(&self) -> Vec<&str> {
        [&*self.schema, &*self.counters]
            .into_iter()
            .chain(self.cleared())
            .collect()
    }
}

/// A number with 16 digits, so that the order of bytes is the order of numbers; one with more stands behind them all.
pub(crate) fn ordered(number: u64) -> String {
    format!("{:016}", number.min(9_999_999_999_999_999))
}

/// The namespace without braces, which would end the hash tag early; different ones stay different.
fn encoded(namespace: &str) -> String {
    let mut text = String::with_capacity(namespace.len());
    for character in namespace.chars() {
        match character {
            '{' | '}' | '%' => {
                // Writing to a string cannot fail.
                let _ = write!(text, "%{:02X}", u32::from(character));
            }
            _ => text.push(character),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn tag(key: &str) -> &str {
        let (_, rest) = key.split_once('{').unwrap();
        rest.split_once('}').unwrap().0
    }

    #[test]
    fn all_keys_of_a_namespace_have_one_hash_tag_whatever_its_name() {
        for name in ["default", "a{b}c", "}{", "%7B", "ä : b"] {
            let keys = Keys::new(&Namespace::new(name).unwrap());
            let tags: HashSet<_> = keys.all().into_iter().map(tag).collect();
            assert_eq!(tags.len(), 1, "{name}");
            assert_eq!(keys.all().into_iter().collect::<HashSet<_>>().len(), 16);
        }
    }

    #[test]
    fn different_namespaces_have_different_keys() {
        let prefixes: HashSet<_> = ["a", "a}", "a{", "a%7D", "a%", "A"]
            .map(|name| Keys::new(&Namespace::new(name).unwrap()).prefix)
            .into();
        assert_eq!(prefixes.len(), 6);
    }
}
