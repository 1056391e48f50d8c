//! What can be wrong with an expression, or with evaluating it.

use std::borrow::Cow;
use std::fmt;

/// Why an expression cannot be read or has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathError {
    /// It does not follow the grammar.
    Syntax {
        /// The character where it was noticed, counted from 1.
        at: usize,
        /// What should stand there.
        expected: Cow<'static, str>,
    },
    /// It names something that is not there: an element, a function, a type or a variable.
    Unknown {
        /// What sort of thing: `element`, `function`, `type`, `variable`.
        what: &'static str,
        /// Its name.
        name: String,
        /// Where it was looked for, if that is known: a type.
        on: Option<String>,
    },
    /// A function or an operator was given what it cannot take.
    Operand {
        /// The function or operator.
        of: &'static str,
        /// What it needs.
        needs: &'static str,
    },
    /// What it asks for needs something that is not at hand here.
    Unsupported(&'static str),
    /// A limit was exceeded.
    Limit {
        /// The limit's name.
        name: &'static str,
        /// Its size.
        size: u64,
    },
}

impl PathError {
    pub(super) fn syntax(at: usize, expected: impl Into<Cow<'static, str>>) -> Self {
        PathError::Syntax { at, expected: expected.into() }
    }

    pub(super) fn operand(of: &'static str, needs: &'static str) -> Self {
        PathError::Operand { of, needs }
    }

    pub(crate) fn unknown(what: &'static str, name: &str, on: Option<&str>) -> Self {
        PathError::Unknown { what, name: shown(name), on: on.map(str::to_owned) }
    }

    pub(crate) fn limit(name: &'static str, size: u64) -> Self {
        PathError::Limit { name, size }
    }
}

/// As much of a name as an error repeats.
fn shown(name: &str) -> String {
    const SHOWN_CHARACTERS_MAX: usize = 64;
    name.chars().take(SHOWN_CHARACTERS_MAX).collect()
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathError::Syntax { at, expected } => write!(f, "at character {at} {expected} is expected"),
            PathError::Unknown { what, name, on: Some(on) } => write!(f, "{on} has no {what} '{name}'"),
            PathError::Unknown { what, name, on: None } => write!(f, "there is no {what} '{name}'"),
            PathError::Operand { of, needs } => write!(f, "'{of}' needs {needs}"),
            PathError::Unsupported(what) => write!(f, "{what} is not supported here"),
            PathError::Limit { name, size } => write!(f, "it exceeds the limit {name} of {size}"),
        }
    }
}

impl std::error::Error for PathError {}
