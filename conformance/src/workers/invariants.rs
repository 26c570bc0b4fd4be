//! Random runs, judged from their answers alone.

use crate::case::Check;
use crate::invariants::watch;
use crate::stage::Stage;
use crate::steps::Mix;

pub(super) async fn workers_i01_incarnations_only_grow_and_nobody_is_listed_twice(stage: Stage) -> Check {
    watch(stage, Mix::Workers).await
}
