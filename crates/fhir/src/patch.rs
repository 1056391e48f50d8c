//! Changes to a document, as documents of their own.

mod error;
mod fhirpath;
mod json;
mod place;
mod slots;
mod tree;
mod value;

pub use error::PatchError;
pub use fhirpath::FhirPathPatch;
pub use json::JsonPatch;

/// The most operations of one patch.
pub const PATCH_OPERATIONS_MAX: usize = 1000;
/// The most work of one patch, in values that are copied, moved aside or compared: it bounds the time a patch
/// takes and the size that copies of copies can reach.
pub const PATCH_WORK_MAX: usize = 2_000_000;
