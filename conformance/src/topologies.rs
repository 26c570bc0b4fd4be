//! The clauses of topologies.

mod model;
mod races;

crate::case::clauses! {
    topologies_suite:

    "the rules of core, whatever comes in whatever order" [ManualClock] {
        topologies_m01_random_runs_answer_as_the_rules_say in model,
    }
    "one operation is one atomic step, also beside others" [ManualClock Shared] {
        topologies_r01_concurrent_operations_are_atomic in races,
    }
}
