//! Random runs, judged from their answers alone.

use crate::case::Check;
use crate::invariants::watch;
use crate::stage::Stage;
use crate::steps::Mix;

pub(super) async fn settings_i01_revisions_only_grow_and_a_key_reads_as_it_was_written_last(stage: Stage) -> Check {
    watch(stage, Mix::Settings).await
}
