//! JSON that comes back as it was given.

use std::fmt;
use std::sync::Arc;

use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::error::{self, Result};

/// The largest payload, in bytes of JSON text: 1 MiB.
pub const MAX_PAYLOAD_BYTES: usize = 1_048_576;

/// A JSON value kept as its text, so that every store gives back what it was given: integers beyond 2^53,
/// `1.10`, the order of keys, NUL and emoji in strings.
///
/// Two payloads are equal when their texts are. White space around the value is cut off, white space within stays.
///
/// ```
/// use convoke_core::Payload;
/// let payload = Payload::parse(r#" {"n": 18446744073709551615} "#).unwrap();
/// assert_eq!(payload.as_str(), r#"{"n": 18446744073709551615}"#);
/// assert!(Payload::parse(r#"{"twice": 1, "twice": 2}"#).is_err());
/// assert_eq!(Payload::of(&[1, 2]).unwrap().decode::<Vec<u8>>().unwrap(), [1, 2]);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Payload(Arc<str>);

impl Payload {
    /// Checks JSON text and keeps it.
    ///
    /// # Errors
    /// InvalidArgument when it is longer than [`MAX_PAYLOAD_BYTES`], is not JSON, nests deeper than 127 levels,
    /// or an object has a key twice.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim_matches([' ', '\t', '\n', '\r']);
        if text.len() > MAX_PAYLOAD_BYTES {
            return Err(error::invalid(
                "a payload has at most 1,048,576 bytes of JSON; store it elsewhere and send where",
            )
            .with("bytes", text.len()));
        }
        let mut parser = serde_json::Deserializer::from_str(text);
        UniqueKeys
            .deserialize(&mut parser)
            .and_then(|()| parser.end())
            .map_err(|source| {
                error::invalid("a payload is JSON in which no object has a key twice").caused_by(source)
            })?;
        Ok(Self(Arc::from(text)))
    }

    /// The JSON of any serializable value.
    ///
    /// # Errors
    /// InvalidArgument when the value has no JSON form, or as for [`Payload::parse`].
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        let text = serde_json::to_string(value)
            .map_err(|source| error::invalid("the value has no form in JSON").caused_by(source))?;
        Self::parse(&text)
    }

    /// The empty object, `{}`.
    #[must_use]
    pub fn empty() -> Self {
        Self(Arc::from("{}"))
    }

    /// Takes text that a store gives back.
    ///
    /// # Errors
    /// Corrupt when it is not JSON: something else wrote it.
    pub fn from_store(text: &str) -> Result<Self> {
        match serde_json::from_str::<de::IgnoredAny>(text) {
            Ok(_) => Ok(Self(Arc::from(text))),
            Err(source) => Err(crate::Error::new(
                crate::ErrorKind::Corrupt,
                "the store holds a payload that is not JSON",
            )
            .caused_by(source)),
        }
    }

    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads it into a type.
    ///
    /// # Errors
    /// InvalidArgument when it does not have the shape of `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.0)
            .map_err(|source| error::invalid("the payload does not have the expected shape").caused_by(source))
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Payload {
    type Err = crate::Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

/// In JSON a payload is the value itself.
impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &serde_json::value::RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
        Self::parse(raw.get()).map_err(de::Error::custom)
    }
}

/// Walks a JSON value and refuses an object that has a key twice.
#[derive(Clone, Copy)]
struct UniqueKeys;

impl<'de> DeserializeSeed<'de> for UniqueKeys {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for UniqueKeys {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON in which no object has a key twice")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut keys = std::collections::HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            if keys.contains(&key) {
                return Err(de::Error::custom(format_args!("the key {key:?} is there twice")));
            }
            keys.insert(key);
            entries.next_value_seed(self)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_comes_back_to_the_letter() {
        for text in [
            "18446744073709551615",
            "-9223372036854775808",
            "1.10",
            "{}",
            "[[[]]]",
            r#""\u0000😀""#,
            "null",
        ] {
            assert_eq!(Payload::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn text_that_is_not_json_is_refused() {
        for text in [
            "",
            "{",
            "nul",
            "1 2",
            "'a'",
            r#"{"a":1,"a":1}"#,
            r#"[{"a":{"b":1,"b":2}}]"#,
            r#""\ud800""#,
        ] {
            assert!(Payload::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_payload_over_the_limit_is_refused() {
        let fits = format!("\"{}\"", "x".repeat(MAX_PAYLOAD_BYTES - 2));
        assert!(Payload::parse(&fits).is_ok());
        let over = format!("\"{}\"", "x".repeat(MAX_PAYLOAD_BYTES - 1));
        assert!(Payload::parse(&over).is_err());
    }

    #[test]
    fn nesting_without_end_is_refused_not_a_crash() {
        assert!(Payload::parse(&"[".repeat(100_000)).is_err());
    }
}
