//! Races of topologies.

use crate::case::Check;
use crate::races::linearizable;
use crate::stage::Stage;
use crate::steps::Mix;

pub(super) async fn topologies_r01_concurrent_operations_are_atomic(stage: Stage) -> Check {
    linearizable(stage, Mix::Topologies).await
}
