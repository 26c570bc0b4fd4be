//! The clauses of operations as data.

mod data;
mod model;
mod races;
mod told;

crate::case::clauses! {
    operations_suite:

    "every operation exists also as data, with one way to run it on any backend" [ManualClock] {
        operations_e01_every_operation_does_as_data_what_it_does_as_a_call in data,
        operations_e02_errors_name_the_operation_and_say_something in data,
    }
    "the rules of core, whatever comes in whatever order" [ManualClock] {
        operations_m01_random_runs_of_everything_answer_as_the_rules_say in model,
    }
    "one operation is one atomic step, also beside others" [ManualClock Shared] {
        operations_r01_concurrent_operations_of_all_concerns_are_atomic in races,
    }
}
