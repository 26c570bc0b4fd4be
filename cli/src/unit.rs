//! The config of a unit that `convoke agent` runs.

mod qtopology;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

pub(crate) use qtopology::unit;

/// What to run, and how.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnitConfig {
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// What is added to the environment of the agent.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    /// Where it runs; where the agent does when not given.
    pub(crate) working_dir: Option<PathBuf>,
    /// What happens when it ends.
    #[serde(default)]
    pub(crate) restart: Restart,
    /// Where it should run.
    #[serde(default)]
    pub(crate) general: General,
}

/// What happens when a unit ends by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Restart {
    /// Success ends it; a failure is started again after a while.
    #[default]
    OnFailure,
    /// It is started again after a while in any case.
    Always,
    /// Success ends it; a failure stays until an operator clears the error.
    Never,
}

/// Where a unit should run.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct General {
    /// How much it loads its worker.
    pub(crate) weight: Option<f64>,
    /// On which workers it runs best.
    #[serde(default)]
    pub(crate) worker_affinity: Vec<String>,
}
