//! FHIR packages (<https://hl7.org/fhir/R4/packages.html>): what is in them, which version a canonical means, and
//! their definitions, read when they are asked for. The bytes come from elsewhere: see [`Contents`].

mod entry;
mod kept;
mod library;
mod manifest;
mod registry;
mod version;

pub use entry::{Entry, EntryError, INDEX_LINE_BYTES_MAX, index_line, is_conformance, read_index_line};
pub(crate) use kept::Kept;
pub use library::{
    Contents, ContentsError, KEPT_BYTES_MAX, KEPT_ELEMENTS_MAX, Library, LibraryError, NoContents, Profile,
};
pub use manifest::{
    DEPENDENCIES_MAX, Manifest, ManifestError, NAME_BYTES_MAX, PackageKey, VERSION_BYTES_MAX,
};
pub use registry::{DEFAULT_VERSIONS, EntryAt, Registry};
pub use version::{compare_versions, covers};

#[cfg(test)]
mod tests;
