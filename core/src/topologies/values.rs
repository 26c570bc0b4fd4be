//! The checked values of topologies.

use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{self, Error, Result};
use crate::names::{TopologyId, WorkerName};

/// How much a topology loads its worker: a number from 0 to 1,000,000.
///
/// ```
/// use convoke_core::Weight;
/// assert_eq!(Weight::default().get(), 1.0);
/// assert!(Weight::new(f64::NAN).is_err());
/// ```
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(into = "f64", try_from = "f64")]
pub struct Weight(f64);

impl Weight {
    /// The greatest: 1,000,000.
    pub const MAX: Self = Self(1_000_000.0);

    /// Checks the number.
    ///
    /// # Errors
    /// InvalidArgument unless it is from 0 to 1,000,000.
    pub fn new(weight: f64) -> Result<Self> {
        if (0.0..=Self::MAX.0).contains(&weight) {
            // Minus zero is zero: both must be one weight, with one text.
            Ok(Self(weight + 0.0))
        } else {
            Err(error::invalid("a weight is a number from 0 to 1,000,000").with("weight", weight))
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl Default for Weight {
    /// 1.
    fn default() -> Self {
        Self(1.0)
    }
}

impl PartialEq for Weight {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Weight {}

impl Hash for Weight {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Weight> for f64 {
    fn from(weight: Weight) -> Self {
        weight.0
    }
}

impl TryFrom<f64> for Weight {
    type Error = Error;

    fn try_from(weight: f64) -> Result<Self> {
        Self::new(weight)
    }
}

/// The workers on which a topology runs best: at most 100, each once, in the order given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "Vec<WorkerName>", try_from = "Vec<WorkerName>")]
pub struct Affinity(Arc<[WorkerName]>);

impl Affinity {
    /// The most names: 100.
    pub const MAX_NAMES: usize = 100;

    /// Checks the names.
    ///
    /// # Errors
    /// InvalidArgument for more than 100 names, or a name that is there twice.
    pub fn new(workers: impl IntoIterator<Item = WorkerName>) -> Result<Self> {
        let workers: Vec<_> = workers.into_iter().collect();
        if workers.len() > Self::MAX_NAMES {
            return Err(error::invalid("an affinity has at most 100 workers").with("workers", workers.len()));
        }
        let mut seen = HashSet::new();
        match workers.iter().find(|worker| !seen.insert(*worker)) {
            Some(twice) => Err(error::invalid("an affinity names each worker once").with("worker", twice)),
            None => Ok(Self(workers.into())),
        }
    }

    /// The names, in the order given.
    #[must_use]
    pub fn workers(&self) -> &[WorkerName] {
        &self.0
    }
}

impl From<Affinity> for Vec<WorkerName> {
    fn from(affinity: Affinity) -> Self {
        affinity.0.to_vec()
    }
}

impl TryFrom<Vec<WorkerName>> for Affinity {
    type Error = Error;

    fn try_from(workers: Vec<WorkerName>) -> Result<Self> {
        Self::new(workers)
    }
}

/// Why a topology is in error: what is over 1,000 characters is cut off.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub struct ErrorText(Arc<str>);

impl ErrorText {
    /// The most characters: 1,000.
    pub const MAX_CHARS: usize = 1_000;

    /// The text, cut to its first 1,000 characters.
    #[must_use]
    pub fn new(text: impl AsRef<str>) -> Self {
        let text = text.as_ref();
        let end = text
            .char_indices()
            .nth(Self::MAX_CHARS)
            .map_or(text.len(), |(end, _)| end);
        Self(Arc::from(&text[..end]))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ErrorText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<ErrorText> for String {
    fn from(text: ErrorText) -> Self {
        text.0.as_ref().to_owned()
    }
}

impl From<String> for ErrorText {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// Which worker gets which topology.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Placement {
    /// What.
    pub topology: TopologyId,
    /// To whom.
    pub worker: WorkerName,
}

impl Placement {
    /// This one to that one.
    #[must_use]
    pub const fn new(topology: TopologyId, worker: WorkerName) -> Self {
        Self { topology, worker }
    }
}

/// Placements made in one step: 1 to 1,000, each topology once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<Placement>", try_from = "Vec<Placement>")]
pub struct Placements(Vec<Placement>);

impl Placements {
    /// The most of one step: 1,000.
    pub const MAX: usize = 1_000;

    /// Checks the placements.
    ///
    /// # Errors
    /// InvalidArgument for none, for more than 1,000, or for a topology that is there twice.
    pub fn new(placements: impl IntoIterator<Item = Placement>) -> Result<Self> {
        let placements: Vec<_> = placements.into_iter().collect();
        if placements.is_empty() || placements.len() > Self::MAX {
            return Err(error::invalid("one step makes 1 to 1,000 placements").with("placements", placements.len()));
        }
        let mut seen = HashSet::new();
        match placements.iter().find(|placement| !seen.insert(&placement.topology)) {
            Some(twice) => Err(error::invalid("one step places each topology once").with("topology", &twice.topology)),
            None => Ok(Self(placements)),
        }
    }

    /// The placements, in the order given.
    #[must_use]
    pub fn as_slice(&self) -> &[Placement] {
        &self.0
    }
}

impl From<Placements> for Vec<Placement> {
    fn from(placements: Placements) -> Self {
        placements.0
    }
}

impl TryFrom<Vec<Placement>> for Placements {
    type Error = Error;

    fn try_from(placements: Vec<Placement>) -> Result<Self> {
        Self::new(placements)
    }
}
