//! Random runs, judged from their answers alone.

use crate::case::Check;
use crate::invariants::watch;
use crate::stage::Stage;
use crate::steps::Mix;

pub(super) async fn topologies_i01_one_worker_has_a_topology_and_what_is_shown_of_it_fits_together(
    stage: Stage,
) -> Check {
    watch(stage, Mix::Topologies).await
}
