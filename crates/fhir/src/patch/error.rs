//! Why a patch is not applied.

use std::fmt;

use crate::PathError;

/// Why a patch was not applied. Names operations by their number and no values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatchError {
    /// It is no JSON Patch; where the fault is in an operation, its number from 0.
    Malformed(Option<usize>, &'static str),
    /// The operation of this number cannot be applied to this document.
    Unfit(usize, &'static str),
    /// The path of the operation of this number is no FHIRPath expression.
    Expression(usize, PathError),
    /// The path of the operation of this number has no value in this document.
    Evaluation(usize, PathError),
    /// The limit of this name was reached.
    Limit(&'static str),
}

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PatchError::Malformed(None, what) => write!(f, "The patch is malformed: {what}."),
            PatchError::Malformed(Some(at), what) => {
                write!(f, "Operation {at} of the patch is malformed: {what}.")
            }
            PatchError::Unfit(at, what) => {
                write!(f, "Operation {at} of the patch cannot be applied: {what}.")
            }
            PatchError::Expression(at, error) | PatchError::Evaluation(at, error) => {
                write!(f, "The path of operation {at} of the patch has no meaning: {error}.")
            }
            PatchError::Limit(name) => write!(f, "The patch reached the limit {name}."),
        }
    }
}

impl std::error::Error for PatchError {}
