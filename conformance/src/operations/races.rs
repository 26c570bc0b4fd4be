//! Races of everything at once.

use crate::case::Check;
use crate::races::linearizable;
use crate::stage::Stage;
use crate::steps::Mix;

pub(super) async fn operations_r01_concurrent_operations_of_all_concerns_are_atomic(stage: Stage) -> Check {
    linearizable(stage, Mix::All).await
}
