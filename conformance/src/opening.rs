//! The clauses of opening, of the clock, and of the installation.

mod clock;
mod installation;
mod later;

crate::case::clauses! {
    opening_suite:

    "opening is safe: many may open an empty store at once; set-up runs once" [Shared] {
        opening_e01_many_handles_open_an_empty_store_at_once in installation,
    }
    "check only looks, migrate acts, once" [] {
        opening_e02_a_store_that_is_open_is_current_and_migrating_again_applies_nothing in installation,
    }
    "a store says what it is and promises" [] {
        opening_e03_the_properties_say_what_the_store_is in installation,
    }
    "clear deletes everything but the counters and the promise" [ManualClock] {
        opening_e04_clearing_deletes_everything_but_the_counters in installation,
        opening_e05_clearing_keeps_the_promise_of_the_last_lease in installation,
    }
    "reset removes the installation; opening sets it up anew" [] {
        opening_e06_a_store_that_was_reset_opens_anew_and_empty in installation,
        opening_e09_a_reset_removes_locks_settings_and_topologies_too in later,
    }
    "installations never see each other" [] {
        opening_e07_installations_never_see_each_other in installation,
        opening_e15_installations_share_no_locks_settings_or_topologies in later,
    }
    "what was written is there after the last handle was closed" [ManualClock Durable] {
        opening_e08_everything_is_there_when_it_is_opened_again in installation,
    }
    "every operation of a handle obeys the handle's clock" [ManualClock] {
        opening_e10_a_manual_clock_is_told_as_it_stands in clock,
        opening_e11_every_operation_obeys_the_manual_clock in clock,
    }
    "every operation of a handle obeys the handle's clock, whatever others go by" [ManualClock Shared] {
        opening_e12_each_handle_obeys_its_own_clock in clock,
    }
    "by default the time is the store's, and it passes" [] {
        opening_e13_the_clock_of_the_store_passes_and_times_its_leases in clock,
        opening_e14_locks_and_settings_go_by_the_clock_of_the_store in later,
        opening_e16_topologies_go_by_the_clock_of_the_store in later,
    }
}
