//! Settings: an ordered map of keys to JSON values, written in atomic batches.

use std::collections::HashSet;
use std::fmt;

use async_trait::async_trait;
use convoke_macros::operations;
use serde::{Deserialize, Serialize};

use crate::error::{self, Error, Result};
use crate::names::SettingKey;
use crate::page::{Page, Paged};
use crate::payload::Payload;
use crate::time::Timestamp;

/// An ordered map of keys to values.
///
/// Each batch of writes has a **revision** greater than all before it, also across deletions, and each key remembers the
/// revision that wrote it: a key that has the expected revision was not touched since it was read.
///
/// [`SettingsExt`] has the everyday calls (put, delete, compare and set) made from these.
#[operations]
#[async_trait]
pub trait Settings: Send + Sync {
    /// One setting.
    #[read]
    async fn get_setting(&self, key: &SettingKey) -> Result<Option<Setting>>;

    /// A page of the settings in a range, ordered by key, byte by byte.
    #[read]
    async fn list_settings(&self, range: &SettingRange, page: &Page) -> Result<Paged<Setting>>;

    /// Writes a batch: all of it, or nothing when a key is not as expected.
    ///
    /// # Example
    /// ```
    /// # use convoke_core::*;
    /// # async fn example(store: &dyn Coordination) -> Result<()> {
    /// let key = SettingKey::new("limits/rows")?;
    /// let first = SettingWrite::put(key.clone(), Payload::of(&100)?).expecting(Expected::Absent);
    /// let SettingsWritten::Written(revision) = store.write_settings(&SettingWrites::new([first])?).await? else {
    ///     return Ok(()); // Somebody was first.
    /// };
    /// let next = SettingWrite::put(key, Payload::of(&200)?).expecting(Expected::Revision(revision));
    /// store.write_settings(&SettingWrites::new([next])?).await?;
    /// # Ok(()) }
    /// ```
    async fn write_settings(&self, writes: &SettingWrites) -> Result<SettingsWritten>;
}

/// The everyday calls on settings, each one step of [`Settings::write_settings`].
#[async_trait]
pub trait SettingsExt: Settings {
    /// Sets a value, whatever is there.
    ///
    /// # Errors
    /// Those of [`Settings::write_settings`].
    async fn put_setting(&self, key: &SettingKey, value: &Payload) -> Result<Revision> {
        let write = SettingWrite::put(key.clone(), value.clone());
        match self.write_settings(&SettingWrites::one(write)).await? {
            SettingsWritten::Written(revision) => Ok(revision),
            SettingsWritten::Mismatch { key, .. } => Err(error::unexpected_mismatch(&key)),
        }
    }

    /// Sets a value if the key is as expected; answers the new revision, or that of the key as it is.
    ///
    /// # Errors
    /// Those of [`Settings::write_settings`].
    async fn compare_and_set_setting(
        &self,
        key: &SettingKey,
        expected: Expected,
        value: &Payload,
    ) -> Result<Result<Revision, Option<Revision>>> {
        let write = SettingWrite::put(key.clone(), value.clone()).expecting(expected);
        Ok(match self.write_settings(&SettingWrites::one(write)).await? {
            SettingsWritten::Written(revision) => Ok(revision),
            SettingsWritten::Mismatch { actual, .. } => Err(actual),
        })
    }

    /// Removes a key; answers whether it was there.
    ///
    /// # Errors
    /// Those of [`Settings::write_settings`].
    async fn delete_setting(&self, key: &SettingKey) -> Result<bool> {
        let write = SettingWrite::delete(key.clone()).expecting(Expected::Present);
        let written = self.write_settings(&SettingWrites::one(write)).await?;
        Ok(matches!(written, SettingsWritten::Written(_)))
    }
}

impl<S: Settings + ?Sized> SettingsExt for S {}

/// Counts the batches of a store: each has a revision greater than all before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(u64);

impl Revision {
    /// The revision of this number. For backends, and for whoever kept one as text.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A setting as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Setting {
    /// The key.
    pub key: SettingKey,
    /// The value.
    pub value: Payload,
    /// The revision that wrote it.
    pub revision: Revision,
    /// When it was written.
    pub written: Timestamp,
}

/// What a key has to be like for a write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// Anything.
    #[default]
    Anything,
    /// Not there.
    Absent,
    /// There, whatever its value.
    Present,
    /// Written last by this revision.
    Revision(Revision),
}

impl Expected {
    /// Whether a key of this revision, none when it is not there, is as expected.
    #[must_use]
    pub fn is_met(self, actual: Option<Revision>) -> bool {
        match self {
            Self::Anything => true,
            Self::Absent => actual.is_none(),
            Self::Present => actual.is_some(),
            Self::Revision(revision) => actual == Some(revision),
        }
    }
}

/// One write of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingWrite {
    /// The key.
    pub key: SettingKey,
    /// What it has to be like.
    pub expected: Expected,
    /// The value from then on; none removes the key.
    pub value: Option<Payload>,
}

impl SettingWrite {
    /// Sets a value, whatever is there.
    #[must_use]
    pub const fn put(key: SettingKey, value: Payload) -> Self {
        Self {
            key,
            expected: Expected::Anything,
            value: Some(value),
        }
    }

    /// Removes a key, if it is there.
    #[must_use]
    pub const fn delete(key: SettingKey) -> Self {
        Self {
            key,
            expected: Expected::Anything,
            value: None,
        }
    }

    /// The same, only when its key is like this. One key that is not as expected refuses the whole batch.
    #[must_use]
    pub fn expecting(self, expected: Expected) -> Self {
        Self { expected, ..self }
    }
}

/// A batch: 1 to 100 writes, each key once, with 1 MiB of values together at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<SettingWrite>", try_from = "Vec<SettingWrite>")]
pub struct SettingWrites(Vec<SettingWrite>);

impl SettingWrites {
    /// The most writes of a batch: 100.
    pub const MAX: usize = 100;

    /// Checks a batch.
    ///
    /// # Errors
    /// InvalidArgument for none, for more than 100, for a key that is there twice, or for values of more than 1 MiB.
    pub fn new(writes: impl IntoIterator<Item = SettingWrite>) -> Result<Self> {
        let writes: Vec<_> = writes.into_iter().collect();
        if writes.is_empty() || writes.len() > Self::MAX {
            return Err(error::invalid("a batch has 1 to 100 writes").with("writes", writes.len()));
        }
        let bytes: usize = writes
            .iter()
            .filter_map(|write| write.value.as_ref())
            .map(|value| value.as_str().len())
            .sum();
        if bytes > crate::payload::MAX_PAYLOAD_BYTES {
            return Err(
                error::invalid("the values of a batch have at most 1,048,576 bytes of JSON together")
                    .with("bytes", bytes),
            );
        }
        let mut seen = HashSet::new();
        match writes.iter().find(|write| !seen.insert(&write.key)) {
            Some(twice) => Err(error::invalid("a batch writes each key once").with("key", &twice.key)),
            None => Ok(Self(writes)),
        }
    }

    /// A batch of one.
    #[must_use]
    pub fn one(write: SettingWrite) -> Self {
        Self(vec![write])
    }

    /// The writes, in the order given.
    #[must_use]
    pub fn as_slice(&self) -> &[SettingWrite] {
        &self.0
    }
}

impl From<SettingWrites> for Vec<SettingWrite> {
    fn from(writes: SettingWrites) -> Self {
        writes.0
    }
}

impl TryFrom<Vec<SettingWrite>> for SettingWrites {
    type Error = Error;

    fn try_from(writes: Vec<SettingWrite>) -> Result<Self> {
        Self::new(writes)
    }
}

/// What [`Settings::write_settings`] answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingsWritten {
    /// All of it, under this revision.
    Written(Revision),
    /// Nothing: the first write of the batch whose key is not as expected, and that key's revision, if it is there.
    Mismatch {
        /// The key.
        key: SettingKey,
        /// Its revision; none when it is not there.
        actual: Option<Revision>,
    },
}

/// Which keys: from one on, and before another.
///
/// ```
/// use convoke_core::{SettingKey, SettingRange};
/// let range = SettingRange::prefix("limits/");
/// assert!(range.contains(&SettingKey::new("limits/rows").unwrap()));
/// assert!(!range.contains(&SettingKey::new("limits").unwrap()));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SettingRange {
    /// The least text of the range; from the start when none.
    pub from: Option<String>,
    /// The least text behind the range; to the end when none.
    pub until: Option<String>,
}

impl SettingRange {
    /// Every key.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// The keys that begin with this text.
    #[must_use]
    pub fn prefix(text: &str) -> Self {
        Self {
            from: (!text.is_empty()).then(|| text.to_owned()),
            until: behind_prefix(text),
        }
    }

    /// The keys from this text on, byte by byte.
    #[must_use]
    pub fn starting_at(self, from: impl Into<String>) -> Self {
        Self {
            from: Some(from.into()),
            ..self
        }
    }

    /// The keys before this text, byte by byte.
    #[must_use]
    pub fn ending_before(self, until: impl Into<String>) -> Self {
        Self {
            until: Some(until.into()),
            ..self
        }
    }

    /// Whether a key is in the range.
    #[must_use]
    pub fn contains(&self, key: &SettingKey) -> bool {
        self.from.as_deref().is_none_or(|from| from <= key.as_str())
            && self.until.as_deref().is_none_or(|until| key.as_str() < until)
    }
}

/// The least text that is greater than all that begin with `prefix`: its last character that has a successor, raised.
/// Text compares by code point as its UTF-8 does byte by byte.
fn behind_prefix(prefix: &str) -> Option<String> {
    let mut before = prefix.chars();
    while let Some(last) = before.next_back() {
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            return Some(before.as_str().chars().chain([next]).collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> SettingKey {
        SettingKey::new(text).unwrap()
    }

    #[test]
    fn a_prefix_holds_what_begins_with_it_and_nothing_else() {
        for (prefix, inside, outside) in [
            ("a", "a", "b"),
            ("a/", "a/\u{10ffff}", "a0"),
            ("\u{d7ff}", "\u{d7ff}x", "\u{e000}"),
            ("a\u{10ffff}", "a\u{10ffff}z", "b"),
            ("\u{10ffff}", "\u{10ffff}z", "z"),
            ("", "anything", ""),
        ] {
            let range = SettingRange::prefix(prefix);
            assert!(range.contains(&key(inside)), "{prefix:?}");
            assert!(outside.is_empty() || !range.contains(&key(outside)), "{prefix:?}");
        }
    }

    #[test]
    fn a_range_begins_with_its_start_and_ends_before_its_end() {
        let range = SettingRange::all().starting_at("b").ending_before("d");
        let inside: Vec<_> = ["a", "b", "c", "d"]
            .into_iter()
            .filter(|text| range.contains(&key(text)))
            .collect();
        assert_eq!(inside, ["b", "c"]);
    }

    #[test]
    fn an_expectation_is_met_by_what_it_names_only() {
        let (one, two) = (Revision::from_number(1), Revision::from_number(2));
        let met = |expected: Expected| [None, Some(one), Some(two)].map(|actual| expected.is_met(actual));
        assert_eq!(met(Expected::Anything), [true, true, true]);
        assert_eq!(met(Expected::Absent), [true, false, false]);
        assert_eq!(met(Expected::Present), [false, true, true]);
        assert_eq!(met(Expected::Revision(two)), [false, false, true]);
    }

    #[test]
    fn a_batch_is_not_empty_not_too_long_and_names_each_key_once() {
        let delete = |text: String| SettingWrite::delete(key(&text));
        assert!(SettingWrites::new([]).is_err());
        assert!(SettingWrites::new([delete("a".into()), delete("a".into())]).is_err());
        assert!(SettingWrites::new((0..100).map(|n| delete(n.to_string()))).is_ok());
        assert!(SettingWrites::new((0..101).map(|n| delete(n.to_string()))).is_err());
    }
}
