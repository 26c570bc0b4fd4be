//! Calls that are worth nothing when they are late.

use std::future::Future;
use std::time::Duration;

use convoke_core::{Error, ErrorKind, Result};

/// Makes a call that is given up after a while, so that there is time for another one before a deadline.
///
/// For calls that bear being made twice: the one that was given up may have happened.
///
/// # Errors
/// Those of the call, and OutcomeUnknown when it was given up.
pub(crate) async fn within<T>(length: Duration, call: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(length, call).await {
        Ok(answer) => answer,
        Err(_) => Err(Error::new(
            ErrorKind::OutcomeUnknown,
            "the store did not answer in time; it may have happened or not: look before you repeat it",
        )
        .with("given_up_after_ms", length.as_millis())),
    }
}
