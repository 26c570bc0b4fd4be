//! The clauses of leadership.

mod electing;
mod invariants;
mod leasing;
mod model;
mod races;

crate::case::clauses! {
    leadership_suite:

    "at most one live lease, ever; each new lead has a term greater than all before it" [ManualClock] {
        leadership_e01_the_first_lead_has_a_term_above_zero_and_lasts_for_its_ttl in electing,
        leadership_e02_each_new_lead_has_a_greater_term in electing,
        leadership_e03_a_leader_asking_twice_keeps_its_term in electing,
        leadership_e04_a_live_lease_refuses_other_workers_to_its_last_microsecond in electing,
        leadership_e29_terms_grow_past_the_deletion_of_whoever_led in leasing,
    }
    "among announced live candidates the greatest name wins; a dead or lapsed one blocks nobody" [ManualClock] {
        leadership_e05_the_greatest_name_by_its_bytes_wins in electing,
        leadership_e06_a_candidate_that_lapsed_blocks_nobody in electing,
        leadership_e07_a_candidate_that_stopped_or_was_taken_over_blocks_nobody in electing,
        leadership_e08_a_check_without_a_candidacy_elects_nobody in electing,
        leadership_e09_announcing_again_replaces_the_end_of_the_candidacy in electing,
        leadership_e10_a_campaign_leaves_a_candidacy_for_its_ttl_and_ten_seconds_at_most in electing,
        leadership_e11_an_election_ends_all_candidacies in electing,
        leadership_e12_only_an_alive_worker_can_stand_or_lead in electing,
        leadership_e13_a_leader_that_is_dead_is_not_revived_by_its_ping in electing,
    }
    "a renewal prolongs a live lease; after its end it is Lost even if nobody else has won yet" [ManualClock] {
        leadership_e20_a_renewal_prolongs_and_never_shortens in leasing,
        leadership_e21_a_renewal_at_the_end_is_lost_though_nobody_else_has_won in leasing,
        leadership_e22_whoever_lost_is_told_who_leads in leasing,
        leadership_e23_a_lease_that_differs_in_its_term_or_its_holder_is_lost in leasing,
    }
    "a granted lease is a promise: nobody is elected before it ends, unless its holder resigned" [ManualClock] {
        leadership_e24_resigning_frees_the_seat_at_once in leasing,
        leadership_e25_a_vacated_lease_is_honoured_to_its_end in leasing,
        leadership_e26_a_worker_that_registers_again_waits_for_its_own_promise_too in leasing,
        leadership_e27_after_a_promise_the_greatest_of_those_who_waited_wins in leasing,
    }
    "a stale term is Fenced, checked inside the store" [ManualClock] {
        leadership_e28_only_the_live_term_passes_the_check in leasing,
    }
    "there is one seat per installation, whatever handle is used" [ManualClock Shared] {
        leadership_e30_a_lead_is_the_same_through_every_handle in leasing,
    }
    "terms and leases are the store's, across restarts" [ManualClock Durable] {
        leadership_e31_a_lead_and_its_promise_outlive_the_last_handle in leasing,
    }
    "the rules of core, whatever comes in whatever order" [ManualClock] {
        leadership_m01_random_runs_answer_as_the_rules_say in model,
    }
    "what must hold of any answers" [ManualClock] {
        leadership_i01_one_holder_per_term_and_terms_only_grow in invariants,
    }
    "one operation is one atomic step, also beside others" [ManualClock Shared] {
        leadership_r01_concurrent_operations_are_atomic in races,
        leadership_r02_of_many_who_campaign_at_once_one_is_elected in races,
        leadership_r03_a_lease_is_resigned_once_and_not_renewed_after_that in races,
    }
    "at most one live lease, ever, by the clock of the store" [Shared] {
        leadership_r04_leases_never_overlap_by_the_clock_of_the_store in races,
    }
}
