//! Registering, taking over, and being heard of.

use convoke_core::{Role, Worker, WorkerStatus};

use crate::case::Check;
use crate::expect::{name, register, same};
use crate::stage::Stage;

pub(super) async fn workers_e01_a_registered_worker_is_alive_and_normal_and_just_heard_of(stage: Stage) -> Check {
    let store = stage.open().await?;
    let a = register(&*store, "a").await?;
    let expected = Worker {
        name: name("a")?,
        status: WorkerStatus::Alive,
        role: Role::Normal,
        incarnation: a.incarnation,
        last_ping: stage.clock.now(),
    };
    same("a fresh worker", store.get_worker(&a.worker).await?, expected)
}
