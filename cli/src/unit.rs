//! The config of a unit that `convoke agent` runs.

mod check;
mod qtopology;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use convoke::{Affinity, Weight};
use serde::{Deserialize, Deserializer, de};

pub(crate) use check::{Checked, check};

/// The JSON schema of a [`UnitConfig`].
pub(crate) const SCHEMA: &str = include_str!("../../schemas/unit.schema.json");

pub(crate) use qtopology::unit;

/// What to run, and how.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnitConfig {
    /// The program and its arguments.
    #[serde(deserialize_with = "command")]
    pub(crate) command: Vec<String>,
    /// What is added to the environment of the agent.
    #[serde(default, deserialize_with = "env")]
    pub(crate) env: BTreeMap<String, String>,
    /// Where it runs; where the agent does when not given.
    #[serde(default, deserialize_with = "directory")]
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
    #[serde(default)]
    pub(crate) weight: Weight,
    /// On which workers it runs best.
    #[serde(default)]
    pub(crate) worker_affinity: Affinity,
}

/// Text that can be handed to a process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct Text(String);

impl TryFrom<String> for Text {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.contains('\0') {
            return Err("no process can be given text with a NUL character; expected a string without one");
        }
        Ok(Self(text))
    }
}

/// The name of a variable of the environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct Variable(String);

impl TryFrom<String> for Variable {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        match name.as_str() {
            "" => Err("a variable of the environment has a name; expected one of 1 character or more"),
            "CONVOKE_NAME" | "CONVOKE_TOPOLOGY" => Err("the agent sets this variable; expected another name"),
            name if name.contains(['\0', '=']) => {
                Err("the name of a variable has no NUL character and no `=`; expected one without them")
            }
            _ => Ok(Self(name)),
        }
    }
}

fn command<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let words: Vec<Text> = Deserialize::deserialize(deserializer)?;
    if words.first().is_none_or(|program| program.0.is_empty()) {
        return Err(de::Error::custom(
            "a command begins with its program; expected an array like [\"program\", \"argument\"]",
        ));
    }
    Ok(words.into_iter().map(|word| word.0).collect())
}

fn env<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let variables: BTreeMap<Variable, Text> = Deserialize::deserialize(deserializer)?;
    Ok(variables.into_iter().map(|(name, value)| (name.0, value.0)).collect())
}

fn directory<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let text = Text::deserialize(deserializer)?.0;
    if !text.starts_with('/') {
        return Err(de::Error::custom(
            "agents run in different directories; expected an absolute path like \"/srv/app\"",
        ));
    }
    Ok(Some(text.into()))
}
