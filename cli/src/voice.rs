//! How a process that runs for long says what happens: on standard error, sentences for people or a line of JSON each.

use std::fmt::Display;
use std::io::Write;

use serde::Serialize;

/// Who says it, and in which form.
#[derive(Clone, Debug)]
pub(crate) struct Voice {
    pub(crate) name: String,
    pub(crate) json: bool,
}

impl Voice {
    /// Says it. A reader who went away is no reason to stop.
    pub(crate) fn say(&self, event: &(impl Display + Serialize)) {
        #[derive(Serialize)]
        struct Line<'a, E> {
            worker: &'a str,
            #[serde(flatten)]
            event: &'a E,
        }
        let worker = &self.name;
        let line = match serde_json::to_string(&Line { worker, event }) {
            Ok(line) if self.json => line,
            _ => format!("convoke: {worker}: {event}"),
        };
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}
