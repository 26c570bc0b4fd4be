//! Random runs, judged from their answers alone.

use crate::case::Check;
use crate::invariants::watch;
use crate::stage::Stage;
use crate::steps::Mix;

pub(super) async fn locks_i01_one_holder_at_a_time_and_tokens_only_grow(stage: Stage) -> Check {
    watch(stage, Mix::Locks).await
}
