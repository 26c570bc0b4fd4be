//! Random runs, judged from their answers alone.

use crate::case::Check;
use crate::invariants::watch;
use crate::stage::Stage;
use crate::steps::Mix;

pub(super) async fn messages_i01_no_message_twice_while_invisible_none_expired_none_of_others(stage: Stage) -> Check {
    watch(stage, Mix::Messages).await
}
