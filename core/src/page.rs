//! Lists are read a page at a time.

use serde::{Deserialize, Serialize};

use crate::error::{self, Error, Result};
use crate::names::{LockName, SettingKey, TopologyId, WorkerName};

/// How many things at most: 1 to 1,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u32", try_from = "u32")]
pub struct Limit(u32);

impl Limit {
    /// One.
    pub const ONE: Self = Self(1);
    /// The most: 1,000.
    pub const MAX: Self = Self(1_000);

    /// Checks the number.
    ///
    /// # Errors
    /// InvalidArgument unless it is 1 to 1,000.
    pub fn new(limit: u32) -> Result<Self> {
        if (1..=Self::MAX.0).contains(&limit) {
            Ok(Self(limit))
        } else {
            Err(error::invalid("a limit is between 1 and 1,000").with("limit", limit))
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The number, for counting in memory.
    #[must_use]
    pub const fn as_usize(self) -> usize {
        self.0 as usize
    }
}

impl From<Limit> for u32 {
    fn from(limit: Limit) -> Self {
        limit.0
    }
}

impl TryFrom<u32> for Limit {
    type Error = Error;

    fn try_from(limit: u32) -> Result<Self> {
        Self::new(limit)
    }
}

/// Where a page ended. Opaque: take it from [`Paged::next`] and give it back in a [`Page`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cursor(String);

impl Cursor {
    /// The cursor behind a worker of this name. For backends.
    #[must_use]
    pub fn behind_worker(name: &WorkerName) -> Self {
        Self(name.as_str().to_owned())
    }

    /// The cursor behind a topology. For backends.
    #[must_use]
    pub fn behind_topology(id: &TopologyId) -> Self {
        Self(id.as_str().to_owned())
    }

    /// The cursor behind a lock. For backends.
    #[must_use]
    pub fn behind_lock(name: &LockName) -> Self {
        Self(name.as_str().to_owned())
    }

    /// The cursor behind a setting. For backends.
    #[must_use]
    pub fn behind_setting(key: &SettingKey) -> Self {
        Self(key.as_str().to_owned())
    }

    /// The cursor behind this number. For backends.
    #[must_use]
    pub fn behind_number(number: u64) -> Self {
        Self(number.to_string())
    }

    /// The cursor behind this number and this place, for a list that is kept in two orders. For backends.
    #[must_use]
    pub fn behind_place(number: u64, place: u64) -> Self {
        Self(format!("{number}-{place}"))
    }

    /// The name it stands behind. For backends.
    ///
    /// # Errors
    /// InvalidArgument when it belongs to another list.
    pub fn worker(&self) -> Result<WorkerName> {
        WorkerName::new(&self.0).map_err(|_| self.foreign())
    }

    /// The topology it stands behind. For backends.
    ///
    /// # Errors
    /// InvalidArgument when it belongs to another list.
    pub fn topology(&self) -> Result<TopologyId> {
        TopologyId::new(&self.0).map_err(|_| self.foreign())
    }

    /// The lock it stands behind. For backends.
    ///
    /// # Errors
    /// InvalidArgument when it belongs to another list.
    pub fn lock(&self) -> Result<LockName> {
        LockName::new(&self.0).map_err(|_| self.foreign())
    }

    /// The setting it stands behind. For backends.
    ///
    /// # Errors
    /// InvalidArgument when it belongs to another list.
    pub fn setting(&self) -> Result<SettingKey> {
        SettingKey::new(&self.0).map_err(|_| self.foreign())
    }

    /// The number it stands behind. For backends.
    ///
    /// # Errors
    /// InvalidArgument when it belongs to another list.
    pub fn number(&self) -> Result<u64> {
        self.0
            .parse()
            .ok()
            .filter(|number| i64::try_from(*number).is_ok())
            .ok_or_else(|| self.foreign())
    }

    /// The number and the place it stands behind. For backends.
    ///
    /// # Errors
    /// InvalidArgument when it belongs to another list.
    pub fn place(&self) -> Result<(u64, u64)> {
        let parts = self.0.split_once('-').and_then(|(number, place)| {
            let parts = (number.parse().ok()?, place.parse().ok()?);
            Some(parts)
        });
        parts.ok_or_else(|| self.foreign())
    }

    /// The cursor as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn foreign(&self) -> Error {
        error::invalid("this cursor belongs to another list; take it from the `next` of this one")
            .with("cursor", &self.0)
    }
}

impl From<String> for Cursor {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// Which part of a list: at most `limit` items, behind a cursor or from the start.
///
/// ```
/// use convoke_core::Page;
/// let page = Page::first(100).unwrap();
/// assert!(page.after.is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// How many items at most.
    pub limit: Limit,
    /// Behind which one to begin; from the start when none.
    pub after: Option<Cursor>,
}

impl Page {
    /// The first page of at most `limit` items.
    ///
    /// # Errors
    /// InvalidArgument unless `limit` is 1 to 1,000.
    pub fn first(limit: u32) -> Result<Self> {
        Ok(Self {
            limit: Limit::new(limit)?,
            after: None,
        })
    }

    /// The page behind `cursor`, of the same size.
    #[must_use]
    pub fn behind(self, cursor: Cursor) -> Self {
        Self {
            after: Some(cursor),
            ..self
        }
    }
}

impl Default for Page {
    /// The first 100.
    fn default() -> Self {
        Self {
            limit: Limit(100),
            after: None,
        }
    }
}

/// A page of a list, and where the next one begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paged<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// The cursor of the next page; none when the list ends here.
    pub next: Option<Cursor>,
}

impl<T> Paged<T> {
    /// Makes a page of items of which one more than `limit` was read, if there was one. For backends.
    pub fn cut(mut items: Vec<T>, limit: Limit, behind: impl FnOnce(&T) -> Cursor) -> Self {
        let more = items.len() > limit.as_usize();
        items.truncate(limit.as_usize());
        let next = if more { items.last().map(behind) } else { None };
        Self { items, next }
    }
}

impl<T> Paged<T> {
    /// The same page of other items.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Paged<U> {
        Paged {
            items: self.items.into_iter().map(change).collect(),
            next: self.next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_cursor_of_two_numbers_is_read_back_and_that_of_another_list_is_refused() {
        let cursor = Cursor::behind_place(u64::MAX, 0);
        assert_eq!(cursor.place().unwrap(), (u64::MAX, 0));
        assert_eq!(cursor.number().unwrap_err().kind(), ErrorKind::InvalidArgument);
        for foreign in ["", "7", "7-", "-7", "a-b", "1-2-3"] {
            let error = Cursor(foreign.to_owned()).place().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{foreign}");
        }
    }
}
