//! What is kept with an object besides its bytes, and with a bucket: the sealed descriptions of their files.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::index::Listed;

/// Of a bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BucketDescription {
    pub name: String,
    /// Microseconds since 1970.
    pub created_us: i64,
}

/// Of an object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Description {
    pub bucket: String,
    pub key: String,
    pub size: u64,
    /// Without quotation marks.
    pub etag: String,
    /// Microseconds since 1970.
    pub modified_us: i64,
    pub headers: Headers,
    pub checksum: Option<Checksum>,
    /// The sizes of the parts that it was uploaded in; empty: in one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<u64>,
}

impl Description {
    /// What a listing tells of it.
    pub(crate) fn listed(&self) -> Listed {
        Listed { size: self.size, etag: self.etag.as_str().into(), modified_us: self.modified_us }
    }
}

/// What a client sends with an object to get back with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Headers {
    pub content_type: Option<String>,
    pub cache_control: Option<String>,
    pub content_disposition: Option<String>,
    pub content_encoding: Option<String>,
    pub content_language: Option<String>,
    /// As an HTTP date.
    pub expires: Option<String>,
    pub storage_class: Option<String>,
    /// As in the header: `a=1&b=2`.
    pub tagging: Option<String>,
    /// `x-amz-meta-…`.
    pub user: BTreeMap<String, String>,
}

/// A checksum of an object or part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checksum {
    pub algorithm: Algorithm,
    /// In base64; of a composite with `-` and the number of parts after it.
    pub value: String,
    pub kind: ChecksumKind,
}

/// The checksum algorithms of S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

/// What a checksum is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ChecksumKind {
    /// All the bytes.
    FullObject,
    /// The checksums of the parts.
    Composite,
}

/// Of a multipart upload that is under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct UploadDescription {
    pub bucket: String,
    pub key: String,
    pub headers: Headers,
    pub algorithm: Algorithm,
    pub kind: ChecksumKind,
    /// Microseconds since 1970.
    pub initiated_us: i64,
}

/// Of one part of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PartDescription {
    pub upload_id: String,
    pub number: u32,
    pub size: u64,
    /// The MD5 in hexadecimal.
    pub etag: String,
    pub checksum: Checksum,
    /// Microseconds since 1970.
    pub modified_us: i64,
}
