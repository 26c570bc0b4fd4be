//! Random runs, compared with the reference.

use crate::case::Check;
use crate::model::compare;
use crate::stage::Stage;
use crate::steps::Mix;

pub(super) async fn settings_m01_random_runs_answer_as_the_rules_say(stage: Stage) -> Check {
    compare(stage, Mix::Settings).await
}
