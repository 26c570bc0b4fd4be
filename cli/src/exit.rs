//! The exit codes, which stay as they are from version to version, and how an error is shown.

use std::fmt;
use std::process::ExitCode;

use convoke::ErrorKind;
use serde_json::json;

/// The end of `convoke --help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done
  1  any other error
  2  the command line, or an argument, is wrong
  3  what was named does not exist
  4  the state that is needed is not met, or it exists already
  5  fenced: the incarnation, term, lease or receipt is stale
  6  the store is unavailable; nothing happened, try again
  7  the reply was lost: it may have happened or not; look before trying again
  8  the schema or the content of the store does not fit this program
  9  the store turns this user away: the password, the database or the rights must be changed; waiting does not help
  10  what --wait waited for did not come in time; what was asked for is not taken back
`convoke lead` passes on the exit code of its command.

Environment:
  CONVOKE_STORE  the URL of the store, instead of --store
  CONVOKE_LOG    what to log to standard error, such as debug";

/// What was waited for did not come in time.
#[derive(Debug)]
pub(crate) struct NotInTime(pub(crate) String);

impl fmt::Display for NotInTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotInTime {}

/// The exit code of an error, by its kind.
pub(crate) fn code(error: &anyhow::Error) -> ExitCode {
    if error.is::<NotInTime>() {
        return ExitCode::from(10);
    }
    let Some(error) = of_store(error) else {
        return ExitCode::FAILURE;
    };
    ExitCode::from(match error.kind() {
        ErrorKind::InvalidArgument => 2,
        ErrorKind::NotFound => 3,
        ErrorKind::Conflict | ErrorKind::AlreadyExists => 4,
        ErrorKind::Fenced => 5,
        ErrorKind::Unavailable => 6,
        ErrorKind::OutcomeUnknown => 7,
        ErrorKind::Corrupt | ErrorKind::Unsupported => 8,
        ErrorKind::Denied => 9,
        _ => 1,
    })
}

/// Prints an error to standard error.
pub(crate) fn show(error: &anyhow::Error, as_json: bool) {
    if !as_json {
        eprintln!("convoke: {error:#}");
        return;
    }
    let otherwise = if error.is::<NotInTime>() {
        "not_in_time"
    } else {
        "error"
    };
    let kind = of_store(error).map_or(otherwise, |error| error.kind().as_str());
    let context: serde_json::Map<_, _> = of_store(error)
        .into_iter()
        .flat_map(convoke::Error::context)
        .map(|(key, value)| (key.to_owned(), value.into()))
        .collect();
    let operation = of_store(error).and_then(convoke::Error::operation);
    let message = format!("{error:#}");
    let line = json!({ "error": { "kind": kind, "operation": operation, "message": message, "context": context } });
    eprintln!("{line}");
}

fn of_store(error: &anyhow::Error) -> Option<&convoke::Error> {
    error.chain().find_map(|cause| cause.downcast_ref())
}
