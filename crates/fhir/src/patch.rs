//! Changes to a document, as documents of their own.

mod json;
mod tree;

pub use json::{JsonPatch, PATCH_OPERATIONS_MAX, PATCH_WORK_MAX, PatchError};
