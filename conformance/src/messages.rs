//! The clauses of messages.

mod hints;
mod invariants;
mod model;
mod races;
mod receiving;
mod sending;
mod settling;

pub(crate) use hints::{SLACK, await_and_take};

crate::case::clauses! {
    messages_suite:

    "a queue per worker, first in, first out; a worker must be known and a term must lead" [ManualClock] {
        messages_e01_a_queue_is_first_in_first_out_and_ids_grow in sending,
        messages_e02_sending_to_an_unknown_worker_is_not_found_whatever_the_term in sending,
        messages_e03_a_stale_term_sends_nothing in sending,
        messages_e04_messages_wait_for_a_worker_of_any_status in sending,
        messages_e05_what_is_sent_in_the_instant_of_the_registration_is_received in sending,
    }
    "payloads are JSON and come back equal; names and commands compare byte by byte" [ManualClock] {
        messages_e06_payloads_come_back_to_the_letter in sending,
        messages_e07_a_payload_of_a_mebibyte_comes_back_whole in sending,
        messages_e08_commands_come_back_to_the_byte in sending,
    }
    "peek lists a queue a page at a time without touching it" [ManualClock] {
        messages_e09_a_look_shows_a_queue_as_it_is_and_touches_nothing in sending,
        messages_e10_an_expired_message_is_not_shown_unless_somebody_holds_it in sending,
        messages_e11_a_queue_is_looked_at_a_page_at_a_time in sending,
        messages_e12_a_cursor_of_another_list_is_refused in sending,
    }
    "what is received is invisible until its visibility ends; a crash between receive and ack redelivers" [ManualClock] {
        messages_e20_a_delivery_says_all_there_is_to_know in receiving,
        messages_e21_a_claim_hides_a_message_to_its_last_microsecond in receiving,
        messages_e22_what_nobody_acknowledged_comes_again_in_its_old_place in receiving,
        messages_e27_one_call_gives_as_many_as_it_may_and_not_more in receiving,
        messages_e28_taking_settles_in_the_same_step in receiving,
        messages_e30_a_successor_gets_what_its_predecessor_held_when_its_claim_ends in receiving,
    }
    "never an expired message; never another worker's; nobody's queue is harmed by somebody else's call" [ManualClock] {
        messages_e23_an_expired_message_is_never_delivered in receiving,
        messages_e24_what_expires_in_somebodys_hands_is_settled_and_not_given_again in receiving,
        messages_e25_an_empty_receive_harms_nobodys_queue in receiving,
        messages_e26_everybody_gets_their_own_and_nothing_else in receiving,
        messages_e29_a_refused_receiver_claims_nothing in receiving,
    }
    "a queue is the same through every handle" [ManualClock Shared] {
        messages_e31_a_handle_receives_what_another_one_sent in receiving,
    }
    "queues are the store's, across restarts" [ManualClock Durable] {
        messages_e32_queues_and_claims_outlive_the_last_handle in receiving,
    }
    "ack, nack and extend by receipt, Fenced when it is stale" [ManualClock] {
        messages_e40_an_acknowledged_message_is_gone in settling,
        messages_e41_what_is_given_back_comes_again_after_its_delay_and_not_before in settling,
        messages_e42_what_is_given_back_without_delay_comes_again_at_once_in_its_place in settling,
        messages_e43_an_extended_claim_lasts_from_now in settling,
        messages_e44_a_receipt_is_stale_when_its_visibility_ends_though_nobody_else_received in settling,
        messages_e45_an_older_receipt_cannot_settle_a_newer_delivery in settling,
        messages_e46_a_receipt_is_stale_when_its_worker_registers_again in settling,
        messages_e47_a_made_up_receipt_is_stale in settling,
        messages_e48_messages_of_one_claim_are_settled_one_by_one in settling,
        messages_e49_a_worker_of_any_status_may_settle_what_it_holds in settling,
    }
    "wake-ups are hints: losing every one costs the poll bound at most, never data" [] {
        messages_e60_waiting_ends_in_time_though_nothing_comes in hints,
        messages_e61_a_waiting_receiver_gets_what_is_sent_meanwhile in hints,
        messages_e62_a_lost_hint_costs_the_poll_bound_at_most in hints,
        messages_e63_a_wait_given_up_harms_nobody in hints,
        messages_e64_a_claim_that_ends_by_itself_is_noticed_by_who_waits in hints,
    }
    "the rules of core, whatever comes in whatever order" [ManualClock] {
        messages_m01_random_runs_answer_as_the_rules_say in model,
    }
    "what must hold of any answers" [ManualClock] {
        messages_i01_no_message_twice_while_invisible_none_expired_none_of_others in invariants,
    }
    "one operation is one atomic step, also beside others" [ManualClock Shared] {
        messages_r01_concurrent_operations_are_atomic in races,
        messages_r02_two_receivers_handle_each_message_once in races,
        messages_r03_each_message_is_taken_once in races,
        messages_r04_receivers_that_crash_lose_nothing_and_settle_nothing_twice in races,
    }
}
