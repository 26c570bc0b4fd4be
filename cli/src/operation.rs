//! `convoke operation`: any operation as data.

use anyhow::Result;
use convoke::{Operation, error};

use crate::Opener;
use crate::output;

/// Runs an operation given in JSON and prints its answer in JSON.
pub(crate) async fn run(opener: &Opener, operation: &str) -> Result<()> {
    let operation: Operation = serde_json::from_str(operation).map_err(|source| {
        error::invalid(r#"an operation is written as {"workers":{"get_worker":{"name":"a"}}}"#).caused_by(source)
    })?;
    let answer = operation.run(&*opener.open().await?).await?;
    output::line(&serde_json::to_string(&answer)?)
}
