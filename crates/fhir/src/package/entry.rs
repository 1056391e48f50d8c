//! One conformance resource of a package, as its index has it.

use std::ops::Range;

use crate::{Resource, ResourceType, definitions};

/// The longest line of an index, in bytes.
pub const INDEX_LINE_BYTES_MAX: usize = 8192;

/// A conformance resource of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its type.
    pub of: ResourceType,
    /// Its canonical URL.
    pub url: Box<str>,
    /// Its business version; empty if it has none.
    pub version: Box<str>,
    /// Where it lies in the contents of its package, in whatever unit they count.
    pub place: Range<u64>,
}

/// Why a line is not one of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryError;

impl std::fmt::Display for EntryError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a line of an index is malformed")
    }
}

impl std::error::Error for EntryError {}

impl Entry {
    /// The entry of a resource that has a canonical URL and is of a type that definitions have; nothing for any other.
    #[must_use]
    pub fn of(resource: &Resource, place: Range<u64>) -> Option<Entry> {
        if !is_conformance(resource.of()) {
            return None;
        }
        let text = |name| resource.root().get(name).and_then(crate::Json::as_str);
        let fits = |text: &str| !text.contains(['\t', '\n']) && text.len() < INDEX_LINE_BYTES_MAX / 4;
        let url = text("url").filter(|url| !url.is_empty() && fits(url))?;
        let version = text("version").filter(|version| fits(version)).unwrap_or_default();
        Some(Entry { of: resource.of(), url: (*url).into(), version: (*version).into(), place })
    }
}

/// Whether resources of this type define something under a canonical URL: they have a URL, a version and a status.
#[must_use]
pub fn is_conformance(of: ResourceType) -> bool {
    let of = definitions().resource(of);
    ["url", "version", "status"].iter().all(|name| of.element(name).is_some_and(|one| one.max == Some(1)))
}

/// The entry as a line of an index, without its end.
#[must_use]
pub fn index_line(entry: &Entry) -> String {
    let Entry { of, url, version, place } = entry;
    format!("{}\t{}\t{of}\t{url}\t{version}", place.start, place.end)
}

/// The entry that a line of an index has.
///
/// # Errors
/// If the line is not as [`index_line`] writes it.
pub fn read_index_line(line: &str) -> Result<Entry, EntryError> {
    if line.len() > INDEX_LINE_BYTES_MAX {
        return Err(EntryError);
    }
    let mut fields = line.split('\t');
    let mut field = || fields.next().ok_or(EntryError);
    let start: u64 = field()?.parse().map_err(|_| EntryError)?;
    let end: u64 = field()?.parse().map_err(|_| EntryError)?;
    let of = ResourceType::parse(field()?).ok_or(EntryError)?;
    let (url, version) = (field()?, field()?);
    if fields.next().is_some() || url.is_empty() || start > end {
        return Err(EntryError);
    }
    Ok(Entry { of, url: url.into(), version: version.into(), place: start..end })
}
