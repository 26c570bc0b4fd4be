//! A clause of the contract as a case that a backend passes or fails.

use std::fmt;
use std::panic::Location;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::harness::Capability;
use crate::stage::Stage;

/// A clause: its stable id, what it rests on, and the function that judges it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Case {
    /// The stable id, also the name of the test: concern, kind and number, sentence.
    pub id: &'static str,
    /// The rule of the contract that it judges.
    pub rule: &'static str,
    /// What the backend must be able to do for it.
    pub needs: &'static [Capability],
    /// Judges it.
    pub judge: fn(Stage) -> BoxFuture<'static, Check>,
}

impl Case {
    /// The concern, such as `leadership`.
    #[must_use]
    pub fn concern(&self) -> &'static str {
        self.id.split('_').next().unwrap_or_default()
    }

    /// How it judges.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.id.split('_').nth(1).and_then(|number| number.chars().next()) {
            Some('i') => Kind::Invariant,
            Some('m') => Kind::Model,
            Some('r') => Kind::Race,
            _ => Kind::Example,
        }
    }

    /// What must be so, as a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        self.id.splitn(3, '_').nth(2).unwrap_or_default().replace('_', " ")
    }
}

/// How a case judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// By literal answers: the readable specification. Letter `e`.
    Example,
    /// By what must hold of any answers. Letter `i`.
    Invariant,
    /// By comparing random operations with the rules of core. Letter `m`.
    Model,
    /// By concurrent operations on several handles. Letter `r`.
    Race,
}

/// What a judge says: nothing, or why the backend fails.
pub type Check<T = ()> = Result<T, Failure>;

/// Why a backend fails a clause: what was expected, what it did, and where in the suite that is written.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    what: String,
    at: Option<&'static Location<'static>>,
}

impl Failure {
    /// A failure in these words.
    #[must_use]
    #[track_caller]
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            at: Some(Location::caller()),
        }
    }

    /// A failure that has no place in the suite, such as a harness that panicked.
    pub(crate) fn elsewhere(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            at: None,
        }
    }

    /// The same with words in front of it.
    #[must_use]
    pub(crate) fn after(mut self, words: impl fmt::Display) -> Self {
        self.what = format!("{words}{}", self.what);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match self.at {
            Some(at) => write!(f, "\n  judged at {}:{}", at.file(), at.line()),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Failure {}

impl From<convoke_core::Error> for Failure {
    #[track_caller]
    fn from(error: convoke_core::Error) -> Self {
        Self::new(format!("an operation that must succeed failed: {error:?}"))
    }
}

/// Makes the table of a concern's cases, and the macro that turns each into a test, from one list.
macro_rules! clauses {
    ($suite:ident: $($rule:literal $needs:tt { $($id:ident in $module:ident,)+ })+) => {
        $crate::case::clauses! { @with ($) $suite: $($rule $needs { $($id in $module,)+ })+ }
    };
    (@with ($d:tt) $suite:ident: $($rule:literal $needs:tt { $($id:ident in $module:ident,)+ })+) => {
        /// The cases of this concern.
        pub(crate) const CASES: &[$crate::case::Case] = &[$($(
            $crate::case::Case {
                id: stringify!($id),
                rule: $rule,
                needs: $crate::case::clauses!(@needs $needs),
                judge: |stage| Box::pin($module::$id(stage)),
            },
        )+)+];

        #[doc(hidden)]
        #[macro_export]
        macro_rules! $suite {
            ($d harness:expr) => {$($(
                #[test]
                fn $id() -> Result<(), $d crate::Failure> {
                    $d crate::judge(stringify!($id), $d harness)
                }
            )+)+};
        }
    };
    (@needs [$($need:ident)*]) => { &[$($crate::Capability::$need),*] };
}
pub(crate) use clauses;
