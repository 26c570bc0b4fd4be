//! Random runs, judged from their answers alone.

use crate::case::Check;
use crate::invariants::watch;
use crate::stage::Stage;
use crate::steps::Mix;

pub(super) async fn leadership_i01_one_holder_per_term_and_terms_only_grow(stage: Stage) -> Check {
    watch(stage, Mix::Leadership).await
}
