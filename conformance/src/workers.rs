//! The clauses of workers.

mod registering;

crate::case::clauses! {
    workers_suite:

    "Workers::register_worker takes the name, alive and normal, with a new incarnation" [ManualClock] {
        workers_e01_a_registered_worker_is_alive_and_normal_and_just_heard_of in registering,
    }
}
