//! The scripts: which files each is made of.

use std::sync::LazyLock;

use crate::script::{Effect, Script};

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident = $effect:ident $path:literal after [$($shared:literal),*];)*) => {
        $(
            $(#[$doc])*
            pub(crate) static $name: LazyLock<Script> = LazyLock::new(|| {
                Script::new(
                    Effect::$effect,
                    &[
                        $(include_str!(concat!("../lua/shared/", $shared, ".lua")),)*
                        include_str!(concat!("../lua/", $path, ".lua")),
                    ],
                )
            });
        )*

        /// All of them with their files, for what is checked of each.
        #[cfg(test)]
        fn all() -> Vec<(&'static str, &'static str, &'static Script)> {
            vec![$(($path, include_str!(concat!("../lua/", $path, ".lua")), &*$name)),*]
        }
    };
}

scripts! {
    REGISTER_WORKER = Write "workers/register_worker" after ["now", "worker", "history", "seat", "candidacy"];
    PING_WORKER = Write "workers/ping_worker" after ["now", "worker"];
    SET_WORKER_STATUS = Write "workers/set_worker_status" after ["now", "worker", "history", "seat", "candidacy"];
    GET_WORKER = Read "workers/get_worker" after ["now"];
    LIST_WORKERS = Read "workers/list_workers" after ["now"];
    COUNT_WORKERS = Read "workers/count_workers" after ["now", "seat"];
    DELETE_WORKER = Write "workers/delete_worker" after ["now", "worker", "queue"];
    WORKER_HISTORY = Read "workers/worker_history" after [];
    REFRESH_STATUSES = Write "workers/refresh_statuses"
        after ["now", "worker", "history", "seat", "candidacy", "queue"];
    ANNOUNCE_CANDIDACY = Write "leadership/announce_candidacy"
        after ["now", "worker", "history", "seat", "election"];
    CHECK_CANDIDACY = Write "leadership/check_candidacy" after ["now", "worker", "history", "seat", "election"];
    CAMPAIGN = Write "leadership/campaign" after ["now", "worker", "history", "seat", "election"];
    RENEW_LEASE = Write "leadership/renew_lease" after ["now", "seat"];
    RESIGN = Write "leadership/resign" after ["now", "history", "seat"];
    LEADER = Read "leadership/leader" after ["now", "seat"];
    CHECK_TERM = Read "leadership/check_term" after ["now", "seat"];
    SEND_MESSAGE = Write "messages/send_message" after ["now", "seat"];
    RECEIVE_MESSAGES = Write "messages/receive_messages" after ["now", "worker", "queue", "delivery"];
    TAKE_MESSAGES = Write "messages/take_messages" after ["now", "worker", "queue", "delivery"];
    ACK_MESSAGE = Write "messages/ack_message" after ["now", "worker", "queue", "receipt"];
    NACK_MESSAGE = Write "messages/nack_message" after ["now", "worker", "queue", "receipt"];
    EXTEND_CLAIM = Write "messages/extend_claim" after ["now", "worker", "queue", "receipt"];
    PEEK_MESSAGES = Read "messages/peek_messages" after ["now", "queue"];
    CHECK = Read "installation/check" after [];
    CLEAR = Write "installation/clear" after ["seat"];
    RESET = Write "installation/reset" after [];
}

/// A change of the layout, applied once and in order.
pub(crate) struct Migration {
    /// The version that it leads to.
    pub(crate) version: u32,
    /// Its name.
    pub(crate) name: &'static str,
    source: &'static str,
}

/// All of them; only ever appended to.
pub(crate) static MIGRATIONS: [Migration; 1] = [Migration {
    version: 1,
    name: "0001_keys",
    source: include_str!("../migrations/0001_keys.lua"),
}];

impl Migration {
    /// What tells whether the applied one was this one.
    pub(crate) fn checksum(&self) -> String {
        redis::Script::new(self.source).get_hash().to_owned()
    }

    /// The script that applies it.
    pub(crate) fn script(&self) -> Script {
        let guard = include_str!("../lua/installation/migrate.lua");
        Script::new(Effect::Write, &[guard, self.source])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_script_says_its_keys_its_arguments_and_its_answer() {
        for (path, file, _) in all() {
            for part in ["-- KEYS ", "-- ARGV ", "-- Answer "] {
                assert!(file.contains(part), "lua/{path}.lua has no line {part:?}");
            }
        }
    }

    #[test]
    fn no_script_looks_through_the_keyspace_or_makes_names_of_keys() {
        for (path, _, script) in all() {
            for word in ["'SCAN'", "'KEYS'", "convoke:", "'RANDOMKEY'"] {
                assert!(!script.source().contains(word), "lua/{path}.lua has {word}");
            }
        }
    }

    #[test]
    fn an_applied_migration_never_changes() {
        let checksums: Vec<_> = MIGRATIONS
            .iter()
            .map(|it| (it.version, it.name, it.checksum()))
            .collect();
        let expected = [(1, "0001_keys", "33c0f1ad19ced7e956df5c3d2b799c57c95272aa".to_owned())];
        assert_eq!(checksums, expected, "append a migration instead of changing one");
    }
}
