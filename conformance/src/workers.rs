//! The clauses of workers.

mod history;
mod invariants;
mod lists;
mod model;
mod races;
mod refreshing;
mod registering;
mod status;
mod trimming;

pub(crate) use registering::nasty_names;

crate::case::clauses! {
    workers_suite:

    "a registration takes the name, alive and normal, under an incarnation that only grows" [ManualClock] {
        workers_e01_a_registered_worker_is_alive_and_normal_and_just_heard_of in registering,
        workers_e02_incarnations_only_grow in registering,
        workers_e06_taking_over_a_name_makes_it_alive_and_normal_whatever_it_was in registering,
        workers_e07_taking_over_a_name_keeps_its_messages in registering,
    }
    "an older incarnation is Fenced, an unknown name is NotFound" [ManualClock] {
        workers_e03_whatever_an_older_registration_does_is_fenced in registering,
        workers_e04_an_invented_incarnation_is_fenced in registering,
        workers_e05_an_unknown_worker_is_not_found in registering,
    }
    "names compare byte by byte" [ManualClock] {
        workers_e08_each_name_is_a_worker_of_its_own_to_the_byte in registering,
    }
    "a worker is heard of by each call that carries its latest registration and is not refused" [ManualClock] {
        workers_e10_a_ping_never_changes_the_status in status,
        workers_e11_all_that_counts_as_being_heard_of_does in status,
        workers_e12_what_others_do_and_settling_and_resigning_do_not_count in status,
        workers_e13_a_lost_renewal_does_not_count_as_being_heard_of in status,
    }
    "any status but alive ends the candidacy and vacates the lead; the same one again changes nothing" [ManualClock] {
        workers_e20_every_status_can_follow_every_other in status,
        workers_e21_any_status_but_alive_ends_a_candidacy_for_good in status,
        workers_e22_any_status_but_alive_vacates_the_lead_at_once in status,
        workers_e23_alive_set_on_an_alive_leader_or_candidate_changes_nothing in status,
        workers_e26_what_happens_to_one_worker_leaves_the_others_alone in status,
    }
    "only an unloaded worker can be deleted; its messages go with it and its history stays" [ManualClock] {
        workers_e24_only_an_unloaded_worker_can_be_deleted in status,
        workers_e25_deleting_forgets_the_messages_and_keeps_the_history in status,
    }
    "a change leaves one row of history per worker in the same step; prolonging and running out leave none" [ManualClock] {
        workers_e30_history_is_newest_first_also_within_one_instant in history,
        workers_e31_an_election_leaves_one_row_for_each_one_that_it_changes in history,
        workers_e32_a_campaign_that_wins_at_once_leaves_one_row in history,
        workers_e33_prolonging_leaves_no_row in history,
        workers_e34_what_just_runs_out_leaves_its_row_when_refreshed in history,
        workers_e35_standing_anew_after_a_lapse_leaves_a_row in history,
        workers_e36_resigning_and_stopping_leave_one_row_each in history,
        workers_e37_what_is_refused_leaves_no_row in history,
        workers_e38_a_name_never_seen_has_an_empty_history in history,
    }
    "refreshing marks the silent dead, vacates a lead that is over, and lapses candidacies; idempotent" [ManualClock] {
        workers_e40_silence_kills_at_the_timeout_and_not_before in refreshing,
        workers_e41_only_alive_and_closing_workers_die_of_silence in refreshing,
        workers_e42_the_timeout_is_the_callers in refreshing,
        workers_e43_the_lead_of_a_dead_worker_is_vacated_and_its_promise_honoured in refreshing,
        workers_e44_a_lead_that_ran_out_is_vacated_though_its_worker_lives in refreshing,
        workers_e45_candidacies_lapse_at_their_end_and_not_before in refreshing,
        workers_e46_whoever_dies_is_not_also_told_to_have_lapsed in refreshing,
        workers_e47_refreshing_twice_changes_nothing_more in refreshing,
        workers_e48_at_most_a_thousand_are_buried_at_once_the_longest_silent_first in refreshing,
    }
    "lists are paged and have a stated total order" [ManualClock] {
        workers_e50_workers_are_listed_by_the_bytes_of_their_names_a_page_at_a_time in lists,
        workers_e51_an_empty_list_has_no_next_page in lists,
        workers_e52_a_page_goes_on_behind_a_worker_that_was_deleted in lists,
        workers_e53_history_is_read_a_page_at_a_time_also_while_it_grows in lists,
        workers_e54_a_cursor_of_another_list_is_refused in lists,
        workers_e55_workers_are_counted_by_their_role_as_of_now in lists,
    }
    "histories are bounded by a settable age and count" [ManualClock] {
        workers_e60_rows_are_dropped_at_their_age_and_not_before in trimming,
        workers_e61_rows_are_dropped_that_have_too_many_newer_ones in trimming,
        workers_e62_a_row_that_is_too_old_or_too_much_is_dropped in trimming,
        workers_e63_what_is_kept_for_ever_or_for_thirty_days_or_not_at_all in trimming,
        workers_e64_histories_are_trimmed_a_page_of_names_at_a_time in trimming,
        workers_e65_pages_of_a_history_go_on_though_it_is_trimmed in trimming,
        workers_e66_one_trimming_drops_a_thousand_rows_of_a_name_at_most in trimming,
        workers_e67_trimming_refuses_a_cursor_of_another_list in trimming,
        workers_e68_trimming_leaves_all_else_alone in trimming,
    }
    "the rules of core, whatever comes in whatever order" [ManualClock] {
        workers_m01_random_runs_answer_as_the_rules_say in model,
    }
    "what must hold of any answers" [ManualClock] {
        workers_i01_incarnations_only_grow_and_nobody_is_listed_twice in invariants,
    }
    "one operation is one atomic step, also beside others" [ManualClock Shared] {
        workers_r01_concurrent_operations_are_atomic in races,
        workers_r02_many_who_register_the_same_names_make_no_doubles in races,
        workers_r03_refreshing_by_all_at_once_reports_each_change_once in races,
    }
}
