//! What is wrong with a search as typed, as a value that a door turns into an OperationOutcome.

use std::fmt;

use fhir::IssueCode;

use crate::compile::FilterFault;
use crate::limits::NAME_SHOWN_MAX;
use crate::vocabulary::VocabularyFault;

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
    /// The data store was given this parameter, and the resources that it had before are still being indexed by it.
    Awaited(String),
    /// The parameter's definition does not allow this to be asked of it.
    Restricted(&'static str),
    /// The standard has it, this server does not.
    NotSupported,
    /// The parameter does not have this modifier.
    Modifier {
        /// The modifier as typed, cut like [`SearchError::parameter`].
        modifier: String,
        /// Those that it has; `[type]` stands for any resource type.
        has: Vec<&'static str>,
    },
    /// The name is not of the form named.
    Name(&'static str),
    /// Only a reference parameter leads to other resources.
    NoReference {
        /// The type that has the parameter.
        of: &'static str,
        /// The parameter, cut like [`SearchError::parameter`].
        name: String,
    },
    /// No type that a reference may be to has the parameter asked.
    NoTarget {
        /// The reference parameter, cut like [`SearchError::parameter`].
        reference: String,
        /// The parameter asked of what it refers to, cut likewise.
        name: String,
    },
    /// Such references never lead to the type searched.
    NeverRefers {
        /// The type that refers.
        by: &'static str,
        /// Its reference parameter.
        param: String,
        /// The type searched.
        to: &'static str,
    },
    /// Lists that a server makes itself (`$current-problems`) are not supported.
    FunctionalList,
    /// It has no value.
    Empty,
    /// A value is not of the form named.
    Value(&'static str),
    /// It stands more than once and may not.
    Repeated,
    /// The limit of this name and size was exceeded.
    Limit(&'static str, usize),
    /// It does not go with `_contained`, for this reason.
    WithContained(&'static str),
    /// Nothing can be ordered by it.
    Unordered(String),
    /// Only what a reference parameter leads to has parameters of its own.
    NotReference,
    /// It names vocabulary that cannot be used.
    Vocabulary(VocabularyFault),
    /// A `_filter` is wrong at some place.
    Filter(FilterFault),
}

impl SearchError {
    /// What is wrong with the parameter of this name.
    pub fn new(parameter: &str, reason: Reason) -> Self {
        SearchError { parameter: shown(parameter), reason }
    }

    /// The issue code of an OperationOutcome for it.
    pub fn code(&self) -> IssueCode {
        self.reason.code()
    }
}

impl Reason {
    /// The issue code of an OperationOutcome for it.
    pub fn code(&self) -> IssueCode {
        match self {
            Reason::Unknown { .. }
            | Reason::NotSupported
            | Reason::Modifier { .. }
            | Reason::NoReference { .. }
            | Reason::NoTarget { .. }
            | Reason::NeverRefers { .. }
            | Reason::FunctionalList
            | Reason::NotReference
            | Reason::WithContained(_)
            | Reason::Vocabulary(VocabularyFault::Filter)
            | Reason::Unordered(_) => IssueCode::NotSupported,
            Reason::Vocabulary(VocabularyFault::Limit(..)) => IssueCode::TooCostly,
            Reason::Vocabulary(_) => IssueCode::NotFound,
            Reason::Filter(fault) => fault.code(),
            Reason::Limit(..) => IssueCode::TooCostly,
            Reason::Awaited(_) => IssueCode::Incomplete,
            Reason::Restricted(_) => IssueCode::NotSupported,
            Reason::Empty | Reason::Name(_) | Reason::Value(_) | Reason::Repeated => IssueCode::Invalid,
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
            Reason::Awaited(code) => {
                write!(f, "'{name}': the data store is still being indexed by the search parameter '{code}'")
            }
            Reason::Restricted(what) => {
                write!(f, "the definition of the search parameter of '{name}' does not allow {what}")
            }
            Reason::NotSupported => write!(f, "the search parameter '{name}' is not supported"),
            Reason::Modifier { modifier, has } if has.is_empty() => {
                write!(f, "'{name}': the search parameter has no modifiers, so no ':{modifier}' either")
            }
            Reason::Modifier { modifier, has } => {
                write!(f, "'{name}': the search parameter has no modifier ':{modifier}'; ")?;
                write!(f, "it has :{}", has.join(", :"))
            }
            Reason::Name(form) => write!(f, "'{name}': the name must be of the form '{form}'"),
            Reason::NoReference { of, name: code } => {
                write!(f, "'{name}': '{code}' of {of} is no reference, so it leads to no other resource")
            }
            Reason::NoTarget { reference, name: code } => {
                write!(f, "'{name}': no type that '{reference}' may refer to has a search parameter '{code}'")
            }
            Reason::NeverRefers { by, param, to } => {
                write!(f, "'{name}': '{param}' of {by} never refers to a {to}")
            }
            Reason::FunctionalList => {
                write!(f, "'{name}': lists that begin with '$' are not supported, only ids of List resources")
            }
            Reason::Empty => write!(f, "the search parameter '{name}' has an empty value"),
            Reason::Value(form) => write!(f, "the value of the search parameter '{name}' must be {form}"),
            Reason::Repeated => write!(f, "the search parameter '{name}' may be given only once"),
            Reason::Limit(limit, size) => {
                write!(f, "the search parameter '{name}' exceeds the limit {limit} of {size}")
            }
            Reason::WithContained(why) => write!(f, "'{name}' does not go with _contained: {why}"),
            Reason::NotReference => {
                write!(f, "'{name}': only a reference parameter leads to other parameters")
            }
            Reason::Vocabulary(fault) => write!(f, "'{name}' asks for {fault}"),
            Reason::Filter(fault) => write!(f, "'{name}': {fault}"),
            Reason::Unordered(key) => write!(f, "'{name}': nothing can be ordered by '{key}'"),
        }
    }
}

impl std::error::Error for SearchError {}
