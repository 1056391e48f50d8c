//! Work that outlives a request.

pub mod lifecycle;
pub mod objects;
mod objects_memory;

pub use lifecycle::{Lifecycle, Preload, PreloadError};
pub use objects::{
    Content, DataAccess, ObjectPage, ObjectSummary, ObjectWriter, Objects, ObjectsError, PutOptions, S3Uri,
};
pub use objects_memory::MemoryObjects;
