//! The clauses of locks.

mod acquiring;
mod holding;
mod invariants;
mod keeping;
mod model;
mod races;

use convoke_core::{Lock, LockAcquisition, LockOwner, Ttl};

use crate::case::{Check, Failure};
use crate::expect::{Handle, lock_name};

/// Acquires, and must get the lock.
async fn acquire(store: &Handle, lock: &str, owner: &str, ttl: Ttl) -> Check<Lock> {
    match store
        .acquire_lock(&lock_name(lock)?, &LockOwner::new(owner)?, ttl)
        .await?
    {
        LockAcquisition::Acquired(lock) => Ok(lock),
        LockAcquisition::HeldBy(other) => Err(Failure::new(format!(
            "{owner} acquires a lock that is free and must get it; it is told of {other:?}"
        ))),
    }
}

crate::case::clauses! {
    locks_suite:

    "acquire answers a fencing token or who holds it; a token is greater than all before it" [ManualClock] {
        locks_e01_a_free_lock_is_acquired_for_its_ttl_under_a_token in acquiring,
        locks_e02_a_held_lock_is_nobody_elses_to_its_last_microsecond in acquiring,
        locks_e03_an_owner_that_asks_again_is_told_that_it_holds_the_lock in acquiring,
        locks_e04_tokens_grow_across_names_and_owners_and_releases in acquiring,
        locks_e05_a_released_lock_is_free_at_once in acquiring,
        locks_e07_a_lock_lasts_for_a_millisecond_or_a_year in acquiring,
        locks_e08_what_ran_out_is_swept_and_nothing_else_is in acquiring,
    }
    "names compare byte by byte" [ManualClock] {
        locks_e06_each_name_is_a_lock_of_its_own_to_the_byte in acquiring,
        locks_e09_owners_come_back_and_compare_to_the_byte in acquiring,
    }
    "a renewal prolongs a lock that is held; after its end it is Lost even if nobody has taken it" [ManualClock] {
        locks_e20_a_renewal_prolongs_and_never_shortens in holding,
        locks_e21_a_lock_that_ran_out_is_lost_though_nobody_else_took_it in holding,
        locks_e22_whoever_lost_is_told_who_has_it_now in holding,
        locks_e23_a_lock_that_differs_in_its_token_or_its_owner_is_lost in holding,
        locks_e24_a_predecessor_of_the_same_name_harms_nobody in holding,
        locks_e25_a_lock_is_released_once in holding,
    }
    "a stale token is Fenced, checked inside the store" [ManualClock] {
        locks_e26_only_the_token_that_holds_the_lock_passes_the_check in holding,
    }
    "lists are paged and have a stated total order" [ManualClock] {
        locks_e30_locks_are_listed_by_the_bytes_of_their_names_a_page_at_a_time in keeping,
        locks_e31_only_what_is_held_is_shown in keeping,
        locks_e32_a_page_goes_on_behind_a_lock_that_was_released in keeping,
        locks_e33_a_cursor_of_another_list_is_refused in keeping,
    }
    "a lock that was granted is a promise: clearing keeps it, and the counter of tokens" [ManualClock] {
        locks_e34_clearing_keeps_what_is_held_and_the_counter_of_tokens in keeping,
    }
    "a lock is the same through every handle" [ManualClock Shared] {
        locks_e35_a_lock_is_the_same_through_every_handle in keeping,
    }
    "locks and tokens are the store's, across restarts" [ManualClock Durable] {
        locks_e36_locks_and_the_counter_of_tokens_outlive_the_last_handle in keeping,
    }
    "the rules of core, whatever comes in whatever order" [ManualClock] {
        locks_m01_random_runs_answer_as_the_rules_say in model,
    }
    "what must hold of any answers" [ManualClock] {
        locks_i01_one_holder_at_a_time_and_tokens_only_grow in invariants,
    }
    "one operation is one atomic step, also beside others" [ManualClock Shared] {
        locks_r01_concurrent_operations_are_atomic in races,
        locks_r02_of_many_who_acquire_at_once_one_gets_the_lock in races,
        locks_r03_who_holds_the_lock_holds_it_alone_and_tokens_grow_from_holder_to_holder in races,
        locks_r04_a_lock_is_released_once_and_not_renewed_after_that in races,
    }
}
