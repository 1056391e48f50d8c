//! A resource: a document with its type and id; and the body form in which stores keep it.

use crate::document::{Document, Json, Kind, ParseError};
use crate::{Id, ResourceKey, ResourceType, Symbol, Time};

/// A JSON document whose root is an object with a known `resourceType` and, if present, a well-formed `id`.
#[derive(Clone, Debug)]
pub struct Resource {
    document: Document,
    of: ResourceType,
    id: Option<Id>,
}

/// Why a text is not a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceError {
    /// Not a JSON document.
    Json(ParseError),
    /// JSON, but not an object.
    NotAnObject,
    /// No member `resourceType`, or not a string.
    NoResourceType,
    /// `resourceType` is not a concrete R4 resource type.
    UnknownResourceType,
    /// `id` is not a string of the form of a logical id.
    MalformedId,
    /// `meta` is not an object.
    MalformedMeta,
}

impl std::fmt::Display for ResourceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ResourceError::Json(error) => return write!(f, "the document is not valid JSON: {error}"),
            ResourceError::NotAnObject => "the document is not a JSON object",
            ResourceError::NoResourceType => "the resource has no resourceType",
            ResourceError::UnknownResourceType => "the resourceType is not a resource type of FHIR R4",
            ResourceError::MalformedId => "the id is not 1 to 64 of the characters A-Z, a-z, 0-9, - and .",
            ResourceError::MalformedMeta => "meta is not a JSON object",
        })
    }
}

impl std::error::Error for ResourceError {}

impl Resource {
    /// Parses a resource.
    ///
    /// # Errors
    /// What [`ResourceError`] names.
    pub fn parse(bytes: Vec<u8>) -> Result<Resource, ResourceError> {
        Resource::of_document(Document::parse(bytes).map_err(ResourceError::Json)?)
    }

    /// Parses a resource, copying the text.
    ///
    /// # Errors
    /// What [`ResourceError`] names.
    pub fn parse_slice(bytes: &[u8]) -> Result<Resource, ResourceError> {
        Resource::of_document(Document::parse_slice(bytes).map_err(ResourceError::Json)?)
    }

    /// Takes a parsed document as a resource.
    ///
    /// # Errors
    /// What [`ResourceError`] names, but for `Json`.
    pub fn of_document(document: Document) -> Result<Resource, ResourceError> {
        let root = document.root();
        if root.kind() != Kind::Object {
            return Err(ResourceError::NotAnObject);
        }
        let of = root.get("resourceType").and_then(Json::as_str).ok_or(ResourceError::NoResourceType)?;
        let of = ResourceType::parse(&of).ok_or(ResourceError::UnknownResourceType)?;
        let id = match root.get("id").map(|id| id.as_str().and_then(|id| Id::parse(&id))) {
            Some(None) => return Err(ResourceError::MalformedId),
            Some(id) => id,
            None => None,
        };
        if root.get("meta").is_some_and(|meta| meta.kind() != Kind::Object) {
            return Err(ResourceError::MalformedMeta);
        }
        Ok(Resource { document, of, id })
    }

    /// The resource type.
    #[must_use]
    pub fn of(&self) -> ResourceType {
        self.of
    }

    /// The logical id, if there is one.
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        self.id.as_ref()
    }

    /// Type and id, if there is an id.
    #[must_use]
    pub fn key(&self) -> Option<ResourceKey> {
        Some(ResourceKey { of: self.of, id: self.id.clone()? })
    }

    /// The document.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The outermost object of the document.
    #[must_use]
    pub fn root(&self) -> Json<'_> {
        self.document.root()
    }

    /// The document.
    #[must_use]
    pub fn into_document(self) -> Document {
        self.document
    }
}

const TYPE_IS: &[u8] = b"{\"resourceType\":\"";
const ID_IS: &[u8] = b"\",\"id\":\"";
const META_IS: &[u8] = b"\",\"meta\":{";

/// The stored body form of `resource` under `id`: no white space between tokens; `resourceType`, `id` and
/// `meta` first and in that order; no `meta.versionId` and `meta.lastUpdated`; all else in its order and as
/// written. Reads back as a resource, and is its own body form.
#[must_use]
pub fn body(resource: &Resource, id: &Id) -> Vec<u8> {
    let document = resource.document();
    let mut out = Vec::with_capacity(document.bytes().len() + 128);
    out.extend_from_slice(TYPE_IS);
    out.extend_from_slice(resource.of.name().as_bytes());
    out.extend_from_slice(ID_IS);
    out.extend_from_slice(id.as_str().as_bytes());
    out.extend_from_slice(META_IS);
    let root = resource.root();
    if let Some(meta) = root.get("meta") {
        push_members(document, meta, ["versionId", "lastUpdated"], &mut out);
    }
    out.push(b'}');
    let before = out.len();
    out.push(b',');
    push_members(document, root, ["resourceType", "id", "meta"], &mut out);
    if out.len() == before + 1 {
        out.truncate(before);
    }
    out.push(b'}');
    out
}

/// Appends the members but those `without`, separated by commas.
fn push_members<const N: usize>(document: &Document, of: Json<'_>, without: [&str; N], out: &mut Vec<u8>) {
    let without = without.map(Symbol::of);
    let mut first = true;
    for (name, value) in of.members() {
        if name.symbol().is_some() && without.contains(&name.symbol()) {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        let text = &document.bytes()[name.span().start..value.span().end];
        if document.is_minified() { out.extend_from_slice(text) } else { push_minified(text, out) }
    }
}

/// Appends JSON text without the white space between its tokens.
pub(crate) fn push_minified(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(quote) = memchr::memchr(b'"', rest) {
        out.extend(rest[..quote].iter().filter(|byte| !byte.is_ascii_whitespace()));
        let end = string_end(rest, quote);
        out.extend_from_slice(&rest[quote..end]);
        rest = &rest[end..];
    }
    out.extend(rest.iter().filter(|byte| !byte.is_ascii_whitespace()));
}

/// The place after the string whose opening quote is at `quote`.
fn string_end(text: &[u8], quote: usize) -> usize {
    let mut at = quote + 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &text[at..]) {
        if text[at + found] == b'"' {
            return at + found + 1;
        }
        at += found + 2;
    }
    text.len()
}

/// Where the content of `meta` starts in the stored body of `key`, in bytes.
#[must_use]
pub fn meta_at(key: &ResourceKey) -> usize {
    TYPE_IS.len() + key.of.name().len() + ID_IS.len() + key.id.as_str().len() + META_IS.len()
}

/// Appends the stored `body` of `key` with `meta.versionId` and `meta.lastUpdated` put in.
///
/// # Panics
/// If `body` is not a stored body of `key`: that is corruption, which the seals of a store find first.
pub fn emit(key: &ResourceKey, body: &[u8], version: u64, last_updated: Time, out: &mut Vec<u8>) {
    let at = meta_at(key);
    assert!(body.len() > at && body[at - 1] == b'{', "not a stored body of this key");
    out.reserve(body.len() + 80);
    out.extend_from_slice(&body[..at]);
    out.extend_from_slice(b"\"versionId\":\"");
    push_number(version, out);
    out.extend_from_slice(b"\",\"lastUpdated\":\"");
    last_updated.push_instant(out);
    out.push(b'"');
    if body[at] != b'}' {
        out.push(b',');
    }
    out.extend_from_slice(&body[at..]);
}

fn push_number(mut number: u64, out: &mut Vec<u8>) {
    let start = out.len();
    loop {
        out.push(b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out[start..].reverse();
}
