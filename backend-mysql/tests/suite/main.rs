//! The suite on MariaDB and MySQL, and what only this backend has to keep.

#![allow(clippy::unwrap_used, reason = "what goes wrong in a test fails it")]

mod adoption;
mod bad_days;
mod databases;
mod leftovers;
mod migrations;
mod node;
mod node_topologies;
mod plans;
mod proxy;
mod sends;
mod time_zones;
#[cfg(feature = "tls-rustls")]
mod tls;
mod versions;
mod waits;

use std::future::Future;
use std::time::{Duration, Instant};

/// Polls until the condition holds; fails after 30 s.
async fn eventually<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let begun = Instant::now();
    while !condition().await {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "{what}: still not so after 30 s"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Tests that run on each kind of server: `concern: sentence, sentence;`.
macro_rules! tests_of {
    ($kind:expr; $($concern:ident: $($sentence:ident),+ $(,)?;)+) => {
        $(mod $concern {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $sentence() {
                crate::$concern::$sentence($kind).await;
            })+
        })+
    };
}

macro_rules! on_a_server {
    ($kind:expr) => {
        convoke_conformance::suite!(crate::databases::Databases::of($kind));

        tests_of! { $kind;
            node:
                both_kinds_see_the_same_workers_and_messages,
                a_node_leader_excludes_ours_and_ours_a_node_leader,
                a_node_lead_lasts_ten_seconds_from_its_last_ping,
                a_node_leader_that_is_declared_dead_leads_no_more_and_its_promise_is_kept,
                lstatus_leader_by_a_plain_update_takes_a_free_seat_and_no_other,
                two_readers_of_one_queue_never_get_the_same_message,
                reading_ones_own_messages_harms_nobody_elses,
                the_other_procedures_do_what_they_did,
                elections_by_both_kinds_at_once_never_make_two_leaders;
            node_topologies:
                a_topology_that_one_kind_registers_is_one_of_the_other,
                each_kind_gives_topologies_to_workers_of_the_other,
                a_worker_of_theirs_is_told_by_us_what_to_stop,
                what_a_worker_of_theirs_is_told_in_a_row_comes_in_one_message,
                a_leader_of_theirs_that_stood_still_takes_nothing_from_who_has_it,
                its_setters_are_seen_as_what_they_mean,
                a_report_of_theirs_without_the_topology_changes_nothing,
                what_its_dead_workers_have_is_taken_away,
                what_a_worker_has_that_it_deletes_is_taken_away,
                clean_ups_by_both_kinds_take_each_topology_away_once;
            leftovers:
                locks_that_ran_out_do_not_stay_for_ever,
                a_refused_batch_takes_no_revision;
            adoption:
                a_database_of_version_17_is_adopted_with_its_rows,
                an_adopted_schema_is_the_one_that_we_make;
            versions:
                each_version_is_adopted_with_its_rows,
                an_upgrade_of_theirs_that_was_cut_short_is_adopted,
                a_version_that_there_never_was_is_refused_and_left_as_it_is;
            migrations:
                many_who_open_an_empty_database_at_once_make_one_schema,
                a_set_up_that_was_cut_short_goes_on_where_it_was,
                an_adoption_that_was_cut_short_goes_on_where_it_was,
                a_newer_schema_is_refused,
                a_changed_migration_is_corrupt,
                a_missing_procedure_is_named_and_made_again,
                a_reset_leaves_nothing_and_a_new_set_up_works;
            time_zones:
                time_zones_of_server_and_clients_play_no_part;
            bad_days:
                a_server_that_is_down_is_unavailable_and_works_again_when_it_is_back,
                a_server_that_hangs_ends_the_call_in_time,
                a_reply_that_is_lost_leaves_a_write_unknown_and_a_read_repeated,
                a_wrong_password_an_unknown_database_and_missing_rights_say_what_to_do,
                a_lock_that_somebody_holds_for_long_is_unavailable_and_nothing_happened,
                a_renewal_that_waited_for_a_lock_beyond_its_lease_is_lost,
                a_call_that_is_killed_keeps_no_lock,
                a_dropped_call_keeps_no_lock,
                a_server_that_keeps_few_prepared_statements_is_asked_anew_each_time;
            sends:
                those_who_send_at_once_share_calls_and_each_gets_its_own_answer,
                contents_that_are_sent_at_once_arrive_byte_for_byte,
                a_lock_on_one_worker_holds_up_nobody_who_sends_to_another,
                a_lost_reply_leaves_all_who_shared_the_call_unknown_and_the_next_ones_work,
                a_caller_that_is_dropped_disturbs_nobody_who_sends_at_once;
            waits:
                what_becomes_free_meanwhile_is_assigned_and_what_is_taken_is_not,
                a_report_counts_for_who_has_the_topology_when_its_turn_comes;
            plans:
                what_an_operation_reads_does_not_grow_with_what_it_does_not_touch;
        }
        #[cfg(feature = "tls-rustls")]
        tests_of! { $kind;
            tls:
                a_server_is_trusted_by_the_authority_of_the_url_and_by_no_other,
                a_certificate_is_good_for_its_own_host_only;
        }
    };
}

/// MariaDB 10.11 or later.
mod mariadb {
    on_a_server!(convoke_test_servers::Kind::MariaDb);
}

/// Oracle MySQL 9.
mod mysql {
    on_a_server!(convoke_test_servers::Kind::MySql);
}
