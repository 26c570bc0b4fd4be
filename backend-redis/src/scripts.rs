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
    SET_WORKER_STATUS = Write "workers/set_worker_status"
        after ["now", "worker", "history", "seat", "candidacy", "gone"];
    GET_WORKER = Read "workers/get_worker" after ["now"];
    LIST_WORKERS = Read "workers/list_workers" after ["now"];
    COUNT_WORKERS = Read "workers/count_workers" after ["now", "seat"];
    DELETE_WORKER = Write "workers/delete_worker" after ["now", "worker", "queue", "gone"];
    WORKER_HISTORY = Read "workers/worker_history" after [];
    TRIM_WORKER_HISTORY = Write "workers/trim_worker_history" after ["now", "trim"];
    REFRESH_STATUSES = Write "workers/refresh_statuses"
        after [
            "now", "worker", "history", "seat", "candidacy", "queue", "topology", "change", "gone", "withdrawal"
        ];
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
    REGISTER_TOPOLOGY = Write "topologies/register_topology" after ["now", "topology", "change"];
    ASSIGN_TOPOLOGIES = Write "topologies/assign_topologies"
        after ["now", "worker", "seat", "queue", "topology", "change", "telling"];
    REPORT_TOPOLOGY = Write "topologies/report_topology" after ["now", "worker", "topology", "change", "gone"];
    SET_TOPOLOGY_PID = Write "topologies/set_topology_pid" after ["now", "worker", "topology", "change"];
    ENABLE_TOPOLOGY = Write "topologies/enable_topology" after ["now", "topology", "change"];
    DISABLE_TOPOLOGY = Write "topologies/disable_topology" after ["now", "topology", "change"];
    STOP_TOPOLOGY = Write "topologies/stop_topology" after ["now", "queue", "topology", "change", "telling"];
    KILL_TOPOLOGY = Write "topologies/kill_topology" after ["now", "queue", "topology", "change", "telling"];
    SET_TOPOLOGY_ERROR = Write "topologies/set_topology_error"
        after ["now", "queue", "topology", "change", "telling"];
    CLEAR_TOPOLOGY_ERROR = Write "topologies/clear_topology_error"
        after ["now", "worker", "queue", "topology", "change", "telling"];
    DELETE_TOPOLOGY = Write "topologies/delete_topology" after ["now", "topology"];
    GET_TOPOLOGY = Read "topologies/get_topology" after [];
    LIST_TOPOLOGIES = Read "topologies/list_topologies" after [];
    LIST_ASSIGNED_TOPOLOGIES = Read "topologies/list_assigned_topologies" after [];
    TOPOLOGY_HISTORY = Read "topologies/topology_history" after [];
    TRIM_TOPOLOGY_HISTORY = Write "topologies/trim_topology_history" after ["now", "trim"];
    ACQUIRE_LOCK = Write "locks/acquire_lock" after ["now", "lock"];
    RENEW_LOCK = Write "locks/renew_lock" after ["now", "lock"];
    RELEASE_LOCK = Write "locks/release_lock" after ["now", "lock"];
    CHECK_LOCK = Read "locks/check_lock" after ["now", "lock"];
    GET_LOCK = Read "locks/get_lock" after ["now", "lock"];
    LIST_LOCKS = Read "locks/list_locks" after ["now", "lock"];
    GET_SETTING = Read "settings/get_setting" after [];
    LIST_SETTINGS = Read "settings/list_settings" after ["now"];
    WRITE_SETTINGS = Write "settings/write_settings" after ["now", "setting"];
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
pub(crate) static MIGRATIONS: [Migration; 2] = [
    Migration {
        version: 1,
        name: "0001_keys",
        source: include_str!("../migrations/0001_keys.lua"),
    },
    Migration {
        version: 2,
        name: "0002_topologies_locks_settings",
        source: include_str!("../migrations/0002_topologies_locks_settings.lua"),
    },
];

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
        let expected = [
            (1, "0001_keys", "33c0f1ad19ced7e956df5c3d2b799c57c95272aa"),
            (
                2,
                "0002_topologies_locks_settings",
                "fcecafe21e142f07c1a2a4332c95ec8a19644ef7",
            ),
        ]
        .map(|(version, name, checksum)| (version, name, checksum.to_owned()));
        assert_eq!(checksums, expected, "append a migration instead of changing one");
    }
}
