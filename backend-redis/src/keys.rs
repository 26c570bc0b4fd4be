//! The names of keys and channels, and numbers as they are sorted in keys.

use std::fmt::Write as _;

use convoke_core::{Namespace, WorkerName};

/// The keys of an installation; the files of `migrations/` say what each holds.
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
    pub(crate) topologies: String,
    pub(crate) configs: String,
    pub(crate) topology_ids: String,
    pub(crate) held: String,
    pub(crate) in_use: String,
    pub(crate) waiting: String,
    pub(crate) gone: String,
    pub(crate) topology_history: String,
    pub(crate) locks: String,
    pub(crate) lock_names: String,
    pub(crate) lock_ends: String,
    pub(crate) settings: String,
    pub(crate) values: String,
    pub(crate) setting_keys: String,
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
            topologies: key("topologies"),
            configs: key("configs"),
            topology_ids: key("topology_ids"),
            held: key("held"),
            in_use: key("in_use"),
            waiting: key("waiting"),
            gone: key("gone"),
            topology_history: key("topology_history"),
            locks: key("locks"),
            lock_names: key("lock_names"),
            lock_ends: key("lock_ends"),
            settings: key("settings"),
            values: key("values"),
            setting_keys: key("setting_keys"),
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
    pub(crate) fn cleared(&self) -> [&str; 25] {
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
            &self.topologies,
            &self.configs,
            &self.topology_ids,
            &self.held,
            &self.in_use,
            &self.waiting,
            &self.gone,
            &self.topology_history,
            &self.settings,
            &self.values,
            &self.setting_keys,
        ]
    }

    /// What `clear` leaves: what was promised, and what never falls.
    fn kept(&self) -> [&str; 5] {
        [
            &self.schema,
            &self.counters,
            &self.locks,
            &self.lock_names,
            &self.lock_ends,
        ]
    }

    /// All of them; the schema and the counters come first.
    pub(crate) fn all(&self) -> Vec<&str> {
        self.kept().into_iter().chain(self.cleared()).collect()
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
            assert_eq!(keys.all().into_iter().collect::<HashSet<_>>().len(), 30);
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
