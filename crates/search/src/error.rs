//! What is wrong with a search as typed, as a value that a door turns into an OperationOutcome.

use std::fmt;

use fhir::IssueCode;

use crate::limits::NAME_SHOWN_MAX;

/// Why one parameter of a search is refused, or was ignored. It repeats the parameter's name, and never
/// its value, which may be about a patient.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SearchError {
    /// The name as typed, cut to [`NAME_SHOWN_MAX`] characters, control characters replaced.
    pub parameter: String,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a parameter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The resource type has no such parameter; these come closest.
    Unknown {
        /// The type searched.
        of: &'static str,
        /// The name as typed, cut like [`SearchError::parameter`]; of `_sort`, that of the key.
        name: String,
        /// Known parameters, the closest first.
        nearest: Vec<String>,
    },
    /// The standard has it, this server does not.
    NotSupported,
    /// The parameter does not have this modifier.
    Modifier {
        /// The modifier as typed, cut like [`SearchError::parameter`].
        modifier: String,
        /// Those that it has; `[type]` stands for any resource type.
        has: Vec<&'static str>,
    },
    /// Chained parameters are not supported.
    Chain,
    /// It has no value.
    Empty,
    /// A value is not of the form named.
    Value(&'static str),
    /// It stands more than once and may not.
    Repeated,
    /// The limit of this name and size was exceeded.
    Limit(&'static str, usize),
    /// Nothing can be ordered by it.
    Unordered(String),
}

impl SearchError {
    /// What is wrong with the parameter of this name.
    pub fn new(parameter: &str, reason: Reason) -> Self {
        SearchError { parameter: shown(parameter), reason }
    }

    /// The issue code of an OperationOutcome for it.
    pub fn code(&self) -> IssueCode {
        match self.reason {
            Reason::Unknown { .. }
            | Reason::NotSupported
            | Reason::Modifier { .. }
            | Reason::Chain
            | Reason::Unordered(_) => IssueCode::NotSupported,
            Reason::Limit(..) => IssueCode::TooCostly,
            Reason::Empty | Reason::Value(_) | Reason::Repeated => IssueCode::Invalid,
        }
    }
}

/// The start of a text that somebody typed, as errors repeat it: without control characters, which no string
/// of an OperationOutcome may have.
pub(crate) fn shown(text: &str) -> String {
    let visible = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().take(NAME_SHOWN_MAX).map(visible).collect()
}

impl fmt::Display for SearchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.parameter;
        match &self.reason {
            Reason::Unknown { of, name, nearest } => {
                write!(f, "{of} has no search parameter '{name}'; the nearest known: {}", nearest.join(", "))
            }
            Reason::NotSupported => write!(f, "the search parameter '{name}' is not supported"),
            Reason::Modifier { modifier, has } if has.is_empty() => {
                write!(f, "'{name}': the search parameter has no modifiers, so no ':{modifier}' either")
            }
            Reason::Modifier { modifier, has } => {
                write!(f, "'{name}': the search parameter has no modifier ':{modifier}'; ")?;
                write!(f, "it has :{}", has.join(", :"))
            }
            Reason::Chain => write!(f, "chained search parameters are not supported: '{name}'"),
            Reason::Empty => write!(f, "the search parameter '{name}' has an empty value"),
            Reason::Value(form) => write!(f, "the value of the search parameter '{name}' must be {form}"),
            Reason::Repeated => write!(f, "the search parameter '{name}' may be given only once"),
            Reason::Limit(limit, size) => {
                write!(f, "the search parameter '{name}' exceeds the limit {limit} of {size}")
            }
            Reason::Unordered(key) => write!(f, "'{name}': nothing can be ordered by '{key}'"),
        }
    }
}

impl std::error::Error for SearchError {}
