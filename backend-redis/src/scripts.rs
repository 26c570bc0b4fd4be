//! The scripts: which files each is made of.

use std::sync::LazyLock;

use crate::keys::Key::{self, *};
use crate::script::{Effect, Script, Sharing};

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident = $effect:ident $path:literal $(, shared $sharing:ident)? on $keys:expr, after [$($shared:literal),*];)*) => {
        $(
            $(#[$doc])*
            pub(crate) static $name: LazyLock<Script> = LazyLock::new(|| {
                Script::new(
                    $path,
                    Effect::$effect,
                    $keys,
                    &[$(include_str!(concat!("../lua/shared/", $shared, ".lua"))),*],
                    include_str!(concat!("../lua/", $path, ".lua")),
                )$(.shared(Sharing::$sharing))?
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
    REGISTER_WORKER = Write "workers/register_worker"
        on &[Names, Records, Watched, Unwatched, Candidates, Ranking, Seat, History, Counters, Gone],
        after ["now", "worker", "history", "seat", "candidacy"];
    PING_WORKER = Write "workers/ping_worker", shared Listed
        on &[Records, Watched, Unwatched],
        after ["now", "worker"];
    SET_WORKER_STATUS = Write "workers/set_worker_status"
        on &[Records, Watched, Unwatched, Candidates, Ranking, Seat, History, Counters, InUse, Gone],
        after ["now", "worker", "history", "seat", "candidacy", "gone"];
    GET_WORKER = Read "workers/get_worker"
        on &[Records, Watched, Unwatched, Candidates, Seat],
        after ["now"];
    LIST_WORKERS = Read "workers/list_workers"
        on &[Names, Records, Watched, Unwatched, Candidates, Seat],
        after ["now"];
    COUNT_WORKERS = Read "workers/count_workers"
        on &[Names, Candidates, Seat],
        after ["now", "seat"];
    DELETE_WORKER = Write "workers/delete_worker"
        on &[
            Names, Records, Unwatched, Fresh, Tails, Heads, Blocks, Bodies, Attempts, Returned, Invisible, Returns,
            Expirations, InUse, Gone,
        ],
        after ["now", "worker", "queue", "gone"];
    WORKER_HISTORY = Read "workers/worker_history"
        on &[History],
        after [];
    TRIM_WORKER_HISTORY = Write "workers/trim_worker_history"
        on &[History],
        after ["now", "trim"];
    REFRESH_STATUSES = Write "workers/refresh_statuses"
        on &[
            Records, Watched, Unwatched, Candidates, Ranking, Seat, History, Counters, Fresh, Tails,
            Heads, Blocks, Bodies, Attempts, Returned, Invisible, Returns, Expirations, Topologies, Held, InUse,
            Waiting, TopologyHistory, Gone,
        ],
        after [
            "now", "worker", "history", "seat", "candidacy", "queue", "expiry", "topology", "change", "gone",
            "withdrawal"
        ];
    ANNOUNCE_CANDIDACY = Write "leadership/announce_candidacy"
        on &[Records, Watched, Unwatched, Candidates, Ranking, Seat, History, Counters],
        after ["now", "worker", "history", "seat", "election"];
    CHECK_CANDIDACY = Write "leadership/check_candidacy"
        on &[Records, Watched, Unwatched, Candidates, Ranking, Seat, History, Counters],
        after ["now", "worker", "history", "seat", "election"];
    CAMPAIGN = Write "leadership/campaign"
        on &[Records, Watched, Unwatched, Candidates, Ranking, Seat, History, Counters],
        after ["now", "worker", "history", "seat", "election"];
    RENEW_LEASE = Write "leadership/renew_lease", shared Same
        on &[Seat, Watched],
        after ["now", "seat"];
    RESIGN = Write "leadership/resign"
        on &[Seat, History, Counters],
        after ["now", "history", "seat"];
    LEADER = Read "leadership/leader"
        on &[Seat],
        after ["now", "seat"];
    CHECK_TERM = Read "leadership/check_term"
        on &[Seat],
        after ["now", "seat"];
    SEND_MESSAGE = Write "messages/send_message", shared Listed
        on &[Records, Counters, Fresh, Tails, Blocks, Seat],
        after ["now", "seat", "queue", "telling"];
    RECEIVE_MESSAGES = Write "messages/receive_messages"
        on &[
            Records, Watched, Unwatched, Fresh, Tails, Heads, Blocks, Bodies, Attempts, Returned, Invisible, Returns,
            Expirations,
        ],
        after ["now", "worker", "queue", "delivery"];
    TAKE_MESSAGES = Write "messages/take_messages"
        on &[
            Records, Watched, Unwatched, Fresh, Tails, Heads, Blocks, Bodies, Attempts, Returned, Invisible, Returns,
            Expirations,
        ],
        after ["now", "worker", "queue", "delivery"];
    ACK_MESSAGE = Write "messages/ack_message"
        on &[Records, Bodies, Attempts, Invisible, Returns, Expirations],
        after ["now", "worker", "queue", "receipt"];
    NACK_MESSAGE = Write "messages/nack_message"
        on &[Records, Fresh, Attempts, Returned, Invisible, Returns],
        after ["now", "worker", "queue", "receipt"];
    EXTEND_CLAIM = Write "messages/extend_claim"
        on &[Records, Attempts, Returns],
        after ["now", "worker", "queue", "receipt"];
    PEEK_MESSAGES = Read "messages/peek_messages"
        on &[Fresh, Tails, Heads, Bodies, Attempts, Returned, Invisible],
        after ["now", "queue"];
    REGISTER_TOPOLOGY = Write "topologies/register_topology"
        on &[Topologies, Configs, TopologyIds, TopologyHistory, Counters],
        after ["now", "topology", "change"];
    ASSIGN_TOPOLOGIES = Write "topologies/assign_topologies"
        on &[Topologies, Held, InUse, Waiting, TopologyHistory, Counters, Records, Fresh, Tails, Blocks, Seat],
        after ["now", "worker", "seat", "queue", "topology", "change", "telling"];
    REPORT_TOPOLOGY = Write "topologies/report_topology"
        on &[Topologies, Held, InUse, Waiting, TopologyHistory, Counters, Records, Gone],
        after ["now", "worker", "topology", "change", "gone"];
    SET_TOPOLOGY_PID = Write "topologies/set_topology_pid"
        on &[Topologies, Held, InUse, Waiting, TopologyHistory, Counters, Records],
        after ["now", "worker", "topology", "change"];
    ENABLE_TOPOLOGY = Write "topologies/enable_topology"
        on &[Topologies, Held, InUse, Waiting, TopologyHistory, Counters],
        after ["now", "topology", "change"];
    DISABLE_TOPOLOGY = Write "topologies/disable_topology"
        on &[Topologies, Held, InUse, Waiting, TopologyHistory, Counters],
        after ["now", "topology", "change"];
    STOP_TOPOLOGY = Write "topologies/stop_topology"
        on &[Topologies, Held, InUse, Waiting, TopologyHistory, Counters, Records, Fresh, Tails, Blocks],
        after ["now", "queue", "topology", "change", "telling"];
    KILL_TOPOLOGY = Write "topologies/kill_topology"
        on &[Topologies, Held, InUse, Waiting, TopologyHistory, Counters, Records, Fresh, Tails, Blocks],
        after ["now", "queue", "topology", "change", "telling"];
    SET_TOPOLOGY_ERROR = Write "topologies/set_topology_error"
        on &[Topologies, Held, InUse, Waiting, TopologyHistory, Counters, Records, Fresh, Tails, Blocks],
        after ["now", "queue", "topology", "change", "telling"];
    CLEAR_TOPOLOGY_ERROR = Write "topologies/clear_topology_error"
        on &[Topologies, Held, InUse, Waiting, TopologyHistory, Counters, Records, Fresh, Tails, Blocks],
        after ["now", "worker", "queue", "topology", "change", "telling"];
    DELETE_TOPOLOGY = Write "topologies/delete_topology"
        on &[Topologies, Configs, TopologyIds, Held],
        after ["now", "topology"];
    GET_TOPOLOGY = Read "topologies/get_topology"
        on &[Topologies, Configs],
        after [];
    LIST_TOPOLOGIES = Read "topologies/list_topologies"
        on &[Topologies, TopologyIds],
        after [];
    LIST_ASSIGNED_TOPOLOGIES = Read "topologies/list_assigned_topologies"
        on &[Topologies, Held],
        after [];
    TOPOLOGY_HISTORY = Read "topologies/topology_history"
        on &[TopologyHistory],
        after [];
    TRIM_TOPOLOGY_HISTORY = Write "topologies/trim_topology_history"
        on &[TopologyHistory],
        after ["now", "trim"];
    ACQUIRE_LOCK = Write "locks/acquire_lock"
        on &[Locks, LockNames, LockEnds, Counters],
        after ["now", "lock"];
    RENEW_LOCK = Write "locks/renew_lock"
        on &[Locks, LockEnds],
        after ["now", "lock"];
    RELEASE_LOCK = Write "locks/release_lock"
        on &[Locks, LockNames, LockEnds],
        after ["now", "lock"];
    CHECK_LOCK = Read "locks/check_lock"
        on &[Locks],
        after ["now", "lock"];
    GET_LOCK = Read "locks/get_lock"
        on &[Locks],
        after ["now", "lock"];
    LIST_LOCKS = Read "locks/list_locks"
        on &[Locks, LockNames],
        after ["now", "lock"];
    GET_SETTING = Read "settings/get_setting"
        on &[Settings, Values],
        after [];
    LIST_SETTINGS = Read "settings/list_settings"
        on &[Settings, Values, SettingKeys],
        after ["now"];
    WRITE_SETTINGS = Write "settings/write_settings"
        on &[Settings, Values, SettingKeys, Counters],
        after ["now", "setting"];
    CHECK = Read "installation/check"
        on &[Schema],
        after [];
    CLEAR = Write "installation/clear"
        on Key::CLEARED,
        after ["seat"];
    RESET = Write "installation/reset"
        on Key::ALL,
        after [];
}

/// The script that runs several operations one after the other: each file as a function, and what calls them.
pub(crate) static GROUP: LazyLock<Script> = LazyLock::new(|| {
    let mut parts = vec![
        include_str!("../lua/shared/now.lua"),
        include_str!("../lua/shared/worker.lua"),
        include_str!("../lua/shared/seat.lua"),
        include_str!("../lua/shared/queue.lua"),
        include_str!("../lua/shared/telling.lua"),
        include_str!("../lua/shared/delivery.lua"),
        include_str!("../lua/shared/receipt.lua"),
        include_str!("../lua/shared/topology.lua"),
        include_str!("../lua/shared/change.lua"),
        include_str!("../lua/shared/gone.lua"),
        include_str!("../lua/shared/lock.lua"),
        "local operations = {}\n",
    ];
    let functions = [
        &PING_WORKER,
        &RENEW_LEASE,
        &SEND_MESSAGE,
        &RECEIVE_MESSAGES,
        &TAKE_MESSAGES,
        &ACK_MESSAGE,
        &NACK_MESSAGE,
        &EXTEND_CLAIM,
        &REPORT_TOPOLOGY,
        &ACQUIRE_LOCK,
        &RENEW_LOCK,
        &RELEASE_LOCK,
    ]
    .map(|operation| operation.as_function());
    parts.extend(functions.iter().map(String::as_str));
    let body = include_str!("../lua/shared/group.lua");
    Script::new("group", Effect::Write, Key::USED, &parts, body)
});

/// A change of the layout, applied once and in order.
pub(crate) struct Migration {
    /// The version that it leads to.
    pub(crate) version: u32,
    /// Its name.
    pub(crate) name: &'static str,
    keys: &'static [Key],
    source: &'static str,
}

/// All of them; only ever appended to.
pub(crate) static MIGRATIONS: [Migration; 3] = [
    Migration {
        version: 1,
        name: "0001_keys",
        keys: &[Schema, Counters],
        source: include_str!("../migrations/0001_keys.lua"),
    },
    Migration {
        version: 2,
        name: "0002_topologies_locks_settings",
        keys: &[Schema, Counters],
        source: include_str!("../migrations/0002_topologies_locks_settings.lua"),
    },
    Migration {
        version: 3,
        name: "0003_queues",
        keys: &[
            Schema,
            Messages,
            Handling,
            Ready,
            Hidden,
            Due,
            Expiry,
            Bodies,
            Attempts,
            Returned,
            Invisible,
            Returns,
            Expirations,
        ],
        source: include_str!("../migrations/0003_queues.lua"),
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
        Script::new(self.name, Effect::Write, self.keys, &[guard], self.source)
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
    fn each_script_is_given_the_keys_that_it_names_in_their_order() {
        for (path, file, script) in all() {
            let named = file.split_once("-- KEYS ").unwrap().1.split_once("-- ARGV ").unwrap().0;
            let named: Vec<_> = named
                .split(['\n', ',', ' ', '-'])
                .filter(|word| !word.is_empty())
                .collect();
            // Clearing and resetting have too many to name.
            if !["installation/clear", "installation/reset"].contains(&path) {
                assert_eq!(script.words_of_keys(), named, "lua/{path}.lua");
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
            (3, "0003_queues", "7c160c04025a13181e4dd8722452a441c3e8e618"),
        ]
        .map(|(version, name, checksum)| (version, name, checksum.to_owned()));
        assert_eq!(checksums, expected, "append a migration instead of changing one");
    }
}
