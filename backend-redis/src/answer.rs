//! Reading what a script answers.

use std::str::FromStr;

use convoke_core::{Error, ErrorKind, Result, Term, Timestamp, WorkerName};
use redis::Value;

/// What a script answered: a word alone, or a list of a word and fields.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) word: String,
    pub(crate) fields: Fields,
}

impl Answer {
    pub(crate) fn read(value: Value) -> Result<Self> {
        let mut fields = match value {
            Value::Array(values) => Fields(values.into_iter()),
            word => Fields(vec![word].into_iter()),
        };
        let word = fields.text()?;
        Ok(Self { word, fields })
    }

    /// The error for a word that the driver does not know: another program's script, or a newer one's.
    pub(crate) fn unexpected(&self) -> Error {
        strange("a script answered with an unknown word").with("word", &self.word)
    }
}

/// The fields of an answer, taken one after the other.
#[derive(Debug)]
pub(crate) struct Fields(std::vec::IntoIter<Value>);

impl Fields {
    fn read(value: Value) -> Result<Self> {
        match value {
            Value::Array(values) => Ok(Self(values.into_iter())),
            _ => Err(strange("a list was expected")),
        }
    }

    /// Whether all of them were taken.
    pub(crate) fn is_done(&self) -> bool {
        self.0.len() == 0
    }

    /// The next one, a list.
    pub(crate) fn list(&mut self) -> Result<Self> {
        Self::read(self.0.next().unwrap_or(Value::Nil))
    }

    /// The next one, text, or nothing.
    pub(crate) fn optional_text(&mut self) -> Result<Option<String>> {
        match self.0.next() {
            None | Some(Value::Nil) => Ok(None),
            Some(Value::BulkString(bytes)) => match String::from_utf8(bytes) {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err(strange("the text is not UTF-8")),
            },
            Some(Value::SimpleString(text)) => Ok(Some(text)),
            Some(Value::Int(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(strange("text or a number was expected")),
        }
    }

    /// The next one, text.
    pub(crate) fn text(&mut self) -> Result<String> {
        self.optional_text()?.ok_or_else(|| strange("an answer ends too early"))
    }

    /// The next one, something written as text.
    pub(crate) fn parsed<T: FromStr>(&mut self) -> Result<T> {
        parse(&self.text()?)
    }

    pub(crate) fn worker(&mut self) -> Result<WorkerName> {
        name(self.text()?)
    }

    pub(crate) fn term(&mut self) -> Result<Term> {
        self.parsed().map(Term::from_number)
    }

    pub(crate) fn time(&mut self) -> Result<Timestamp> {
        self.parsed().map(Timestamp::from_micros)
    }

    /// The next one, the score of a member that is a time, or nothing. Servers may write scores as `1.7e+15`.
    pub(crate) fn score(&mut self) -> Result<Option<Timestamp>> {
        let Some(text) = self.optional_text()? else {
            return Ok(None);
        };
        let score: f64 = parse(&text)?;
        if score.fract() != 0.0 || score.abs() > EXACT {
            return Err(strange("a time has to be a whole number of microseconds").with("score", text));
        }
        Ok(Some(Timestamp::from_micros(score as i64)))
    }
}

/// Up to here a double tells whole numbers apart: 2^53.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Reads something that is kept as text.
pub(crate) fn parse<T: FromStr>(text: &str) -> Result<T> {
    text.parse()
        .map_err(|_| strange("a value does not have the expected form").with("value", shortened(text)))
}

/// Reads the name of a worker.
pub(crate) fn name(text: String) -> Result<WorkerName> {
    named(text)
}

/// Reads a name of any kind.
pub(crate) fn named<N: TryFrom<String, Error = Error>>(text: String) -> Result<N> {
    N::try_from(text).map_err(|source| strange("the store holds a name that is none").caused_by(source))
}

/// [`ErrorKind::Corrupt`]: the store holds what these scripts do not write.
pub(crate) fn strange(what: &'static str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("{what}; something else writes to the keys of this namespace, or a newer program does"),
    )
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(texts: &[&str]) -> Fields {
        let values: Vec<_> = texts
            .iter()
            .map(|text| Value::BulkString(text.as_bytes().to_vec()))
            .collect();
        Fields(values.into_iter())
    }

    #[test]
    fn scores_are_read_to_the_microsecond_in_either_notation() {
        for (text, micros) in [
            ("1795200000000001", 1_795_200_000_000_001),
            ("1.7952e+15", 1_795_200_000_000_000),
            ("0", 0),
        ] {
            let score = fields(&[text]).score().unwrap();
            assert_eq!(score, Some(Timestamp::from_micros(micros)));
        }
        for text in ["nan", "inf", "0.5", "1e300", "x"] {
            assert_eq!(
                fields(&[text]).score().unwrap_err().kind(),
                ErrorKind::Corrupt,
                "{text}"
            );
        }
    }

    #[test]
    fn an_answer_that_ends_early_or_has_no_word_is_corrupt() {
        assert_eq!(fields(&[]).text().unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(
            Answer::read(Value::Boolean(true)).unwrap_err().kind(),
            ErrorKind::Corrupt
        );
    }
}
