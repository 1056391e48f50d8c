//! Between the shapes of S3 and what is kept: times, headers, checksums, conditions.

use std::time::{Duration, SystemTime};

use s3s::{S3Error, S3ErrorCode, S3Result, dto::*};

use crate::{
    description::{Algorithm, Checksum as Kept, Headers},
    folder::Condition,
};

/// User metadata of one object, in bytes of names and values (2 KiB).
pub const USER_METADATA_BYTES_MAX: usize = 2048;

/// What S3 says of everything that is at rest here.
pub(super) fn sealed() -> Option<ServerSideEncryption> {
    Some(ServerSideEncryption::from_static(ServerSideEncryption::AES256))
}

/// A time as S3 shows it.
pub(super) fn time(us: i64) -> Timestamp {
    Timestamp::from(SystemTime::UNIX_EPOCH + Duration::from_micros(us.max(0).unsigned_abs()))
}

/// A time as S3 compares it: in whole seconds.
pub(super) fn whole_seconds(us: i64) -> Timestamp {
    time(us - us.rem_euclid(1_000_000))
}

/// An entity tag.
pub(super) fn etag(value: &str) -> ETag {
    ETag::Strong(value.to_owned())
}

/// A size; none here comes near the end of `i64`.
pub(super) fn size(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// What must hold of the key that is written.
pub(super) fn condition(
    if_match: Option<ETagCondition>,
    if_none_match: Option<ETagCondition>,
) -> S3Result<Condition> {
    match (if_match, if_none_match) {
        (None, None) => Ok(Condition::Always),
        (None, Some(ETagCondition::Any)) => Ok(Condition::Absent),
        (Some(ETagCondition::ETag(etag)), None) => Ok(Condition::Etag(etag.into_value())),
        _ => Err(S3Error::with_message(
            S3ErrorCode::NotImplemented,
            "A write takes If-None-Match: * or If-Match with one entity tag",
        )),
    }
}

/// The conditions of a read (RFC 9110, section 13): 412 and 304 as errors.
pub(super) struct ReadConditions {
    pub if_match: Option<ETagCondition>,
    pub if_none_match: Option<ETagCondition>,
    pub if_modified_since: Option<Timestamp>,
    pub if_unmodified_since: Option<Timestamp>,
}

impl ReadConditions {
    pub(super) fn check(&self, etag: &str, modified_us: i64) -> S3Result<()> {
        let matches = |condition: &ETagCondition| match condition {
            ETagCondition::Any => true,
            ETagCondition::ETag(wanted) => wanted.value() == etag,
        };
        let modified = whole_seconds(modified_us);
        let is_failed = match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) => !matches(condition),
            (None, Some(since)) => modified > *since,
            (None, None) => false,
        };
        let is_unchanged = match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) => matches(condition),
            (None, Some(since)) => modified <= *since,
            (None, None) => false,
        };
        match (is_failed, is_unchanged) {
            (true, _) => Err(S3ErrorCode::PreconditionFailed.into()),
            (_, true) => Err(S3ErrorCode::NotModified.into()),
            _ => Ok(()),
        }
    }
}

/// User metadata, if it is not too large.
pub(super) fn user_metadata(
    metadata: Option<Metadata>,
) -> S3Result<std::collections::BTreeMap<String, String>> {
    let metadata = metadata.unwrap_or_default();
    let bytes: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    match bytes > USER_METADATA_BYTES_MAX {
        true => Err(S3ErrorCode::MetadataTooLarge.into()),
        false => Ok(metadata.into_iter().collect()),
    }
}

/// User metadata as S3 gives it back.
pub(super) fn metadata_out(headers: &Headers) -> Option<Metadata> {
    (!headers.user.is_empty()).then(|| headers.user.clone().into_iter().collect())
}

/// An Expires header as kept.
pub(super) fn expires_in(expires: Option<Timestamp>) -> Option<String> {
    let mut text = Vec::new();
    expires?.format(TimestampFormat::HttpDate, &mut text).ok()?;
    String::from_utf8(text).ok()
}

/// A kept Expires header.
pub(super) fn expires_out(headers: &Headers) -> Option<Timestamp> {
    Timestamp::parse(TimestampFormat::HttpDate, headers.expires.as_deref()?).ok()
}

/// The content encoding without `aws-chunked`, which is of the transfer and not of the object.
pub(super) fn content_encoding(encoding: Option<String>) -> Option<String> {
    let encoding = encoding?;
    let kept: Vec<&str> =
        encoding.split(',').map(str::trim).filter(|e| !e.eq_ignore_ascii_case("aws-chunked")).collect();
    Some(kept.join(",")).filter(|text| !text.is_empty())
}

/// A storage class that is worth showing: the standard one is not.
pub(super) fn storage_class(headers: &Headers) -> Option<String> {
    headers.storage_class.clone().filter(|class| class != StorageClass::STANDARD)
}

/// The shape of a kept checksum: the member of its algorithm, and its type.
pub(super) fn checksum_out(checksum: &Kept) -> Checksum {
    let value = |algorithm| (checksum.algorithm == algorithm).then(|| checksum.value.clone());
    Checksum {
        checksum_crc32: value(Algorithm::Crc32),
        checksum_crc32c: value(Algorithm::Crc32c),
        checksum_crc64nvme: value(Algorithm::Crc64Nvme),
        checksum_sha1: value(Algorithm::Sha1),
        checksum_sha256: value(Algorithm::Sha256),
        checksum_type: Some(ChecksumType::from_static(checksum.kind.name())),
    }
}

/// An algorithm that a client names. Fails for one that S3 does not know.
pub(super) fn algorithm(named: Option<&ChecksumAlgorithm>) -> S3Result<Option<Algorithm>> {
    let Some(named) = named else { return Ok(None) };
    match Algorithm::parse(named.as_str()) {
        Some(algorithm) => Ok(Some(algorithm)),
        None => Err(S3Error::with_message(
            S3ErrorCode::InvalidRequest,
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: \
             [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
        )),
    }
}
