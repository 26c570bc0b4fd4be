//! The names of keys and channels, and numbers as they are sorted in keys.

use std::fmt::Write as _;

use convoke_core::{Namespace, WorkerName};

/// A key of an installation; the files of `migrations/` say what each holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Schema,
    Counters,
    Locks,
    LockNames,
    LockEnds,
    Seat,
    Names,
    Records,
    Watched,
    Unwatched,
    Candidates,
    Ranking,
    History,
    Fresh,
    Tails,
    Heads,
    Blocks,
    Bodies,
    Attempts,
    Returned,
    Invisible,
    Returns,
    Expirations,
    Topologies,
    Configs,
    TopologyIds,
    Held,
    InUse,
    Waiting,
    Gone,
    TopologyHistory,
    Settings,
    Values,
    SettingKeys,
    Messages,
    Handling,
    Ready,
    Hidden,
    Due,
    Expiry,
}

impl Key {
    /// All of them, as they are declared: first what `clear` leaves, what never falls and what was promised, then what it
    /// empties, the seat before the others, then what is in use no more.
    pub(crate) const ALL: &[Self] = &[
        Self::Schema,
        Self::Counters,
        Self::Locks,
        Self::LockNames,
        Self::LockEnds,
        Self::Seat,
        Self::Names,
        Self::Records,
        Self::Watched,
        Self::Unwatched,
        Self::Candidates,
        Self::Ranking,
        Self::History,
        Self::Fresh,
        Self::Tails,
        Self::Heads,
        Self::Blocks,
        Self::Bodies,
        Self::Attempts,
        Self::Returned,
        Self::Invisible,
        Self::Returns,
        Self::Expirations,
        Self::Topologies,
        Self::Configs,
        Self::TopologyIds,
        Self::Held,
        Self::InUse,
        Self::Waiting,
        Self::Gone,
        Self::TopologyHistory,
        Self::Settings,
        Self::Values,
        Self::SettingKeys,
        Self::Messages,
        Self::Handling,
        Self::Ready,
        Self::Hidden,
        Self::Due,
        Self::Expiry,
    ];

    /// What `clear` empties; the seat comes first.
    pub(crate) const CLEARED: &[Self] = Self::USED.split_at(5).1;

    /// Those of the present layout.
    pub(crate) const USED: &[Self] = Self::ALL.split_at(Self::ALL.len() - 6).0;

    /// What its name ends with.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::Counters => "counters",
            Self::Seat => "seat",
            Self::Names => "names",
            Self::Records => "records",
            Self::Watched => "watched",
            Self::Unwatched => "unwatched",
            Self::Candidates => "candidates",
            Self::Ranking => "ranking",
            Self::History => "history",
            Self::Fresh => "fresh",
            Self::Tails => "tails",
            Self::Heads => "heads",
            Self::Blocks => "blocks",
            Self::Bodies => "bodies",
            Self::Attempts => "attempts",
            Self::Returned => "returned",
            Self::Invisible => "invisible",
            Self::Returns => "returns",
            Self::Expirations => "expirations",
            Self::Messages => "messages",
            Self::Handling => "handling",
            Self::Ready => "ready",
            Self::Hidden => "hidden",
            Self::Due => "due",
            Self::Expiry => "expiry",
            Self::Locks => "locks",
            Self::LockNames => "lock_names",
            Self::LockEnds => "lock_ends",
            Self::Topologies => "topologies",
            Self::Configs => "configs",
            Self::TopologyIds => "topology_ids",
            Self::Held => "held",
            Self::InUse => "in_use",
            Self::Waiting => "waiting",
            Self::Gone => "gone",
            Self::TopologyHistory => "topology_history",
            Self::Settings => "settings",
            Self::Values => "values",
            Self::SettingKeys => "setting_keys",
        }
    }
}

/// The names of the keys of an installation.
#[derive(Debug)]
pub(crate) struct Keys {
    prefix: String,
    /// By the order of [`Key::ALL`].
    names: Vec<String>,
}

impl Keys {
    pub(crate) fn new(namespace: &Namespace) -> Self {
        let prefix = format!("{{convoke:{}}}", encoded(namespace.as_str()));
        let names = Key::ALL.iter().map(|key| format!("{prefix}:{}", key.word())).collect();
        Self { prefix, names }
    }

    /// What all keys begin with: the hash tag.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(crate) fn name(&self, key: Key) -> &str {
        &self.names[key as usize]
    }

    /// The channel on which a worker is told that it may have a message. The scripts name it so, too.
    pub(crate) fn channel(&self, worker: &WorkerName) -> String {
        format!("{}:{worker}", self.name(Key::Fresh))
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
            let names = || Key::ALL.iter().map(|key| keys.name(*key));
            assert_eq!(names().map(tag).collect::<HashSet<_>>().len(), 1, "{name}");
            assert_eq!(names().collect::<HashSet<_>>().len(), 40);
        }
    }

    #[test]
    fn each_key_has_the_name_that_is_its_own() {
        let keys = Keys::new(&Namespace::new("n").unwrap());
        for key in Key::ALL {
            assert!(keys.name(*key).ends_with(&format!("}}:{}", key.word())));
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
