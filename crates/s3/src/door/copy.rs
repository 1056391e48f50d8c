//! Copies of objects and into parts, made inside the folder.

use s3s::{S3Error, S3ErrorCode, S3Response, S3Result, dto::*};

use super::{
    Answer, Door,
    convert::{self, ReadConditions, checksum_out, etag, sealed, time},
};
use crate::{
    checksum::Digests,
    content::{Named, Received, on_disk},
    description::{Algorithm, Headers},
    error::FolderError,
    folder::Condition,
    uploads::{PART_BYTES_MAX, PARTS_MAX},
};

impl Door {
    pub(super) async fn answer_copy_object(&self, input: CopyObjectInput) -> Answer<CopyObjectOutput> {
        let (bucket, key, version) = source(&input.copy_source)?;
        let replaces = input.metadata_directive.as_ref().map(MetadataDirective::as_str)
            == Some(MetadataDirective::REPLACE);
        if bucket == input.bucket && key == input.key && !replaces && input.storage_class.is_none() {
            let same = "This copy request is illegal because it is trying to copy an object to itself without \
                        changing the object's metadata, storage class, website redirect location or encryption \
                        attributes.";
            return Err(S3Error::with_message(S3ErrorCode::InvalidRequest, same));
        }
        let conditions = ReadConditions {
            if_match: input.copy_source_if_match.clone(),
            if_none_match: input.copy_source_if_none_match.clone(),
            if_modified_since: input.copy_source_if_modified_since.clone(),
            if_unmodified_since: input.copy_source_if_unmodified_since.clone(),
        };
        let (reader, found) = self.open(bucket, key, version).await?;
        conditions.check(&found.etag, found.modified_us).map_err(as_precondition)?;
        if found.size > PART_BYTES_MAX {
            return Err(FolderError::TooLarge.into());
        }
        let kept = found.checksum.as_ref().map(|checksum| checksum.algorithm);
        let algorithm = convert::algorithm(input.checksum_algorithm.as_ref())?.or(kept);
        let destination = self.folder.bucket(&input.bucket)?;
        let named = Named {
            key: input.key.clone(),
            headers: headers(input, found.headers, replaces)?,
            ..Named::default()
        };
        let folder = self.folder.clone();
        let made = on_disk(move || {
            let mut file = folder.temporary()?;
            let mut digests = Digests::new(algorithm.unwrap_or(Algorithm::Crc64Nvme), None);
            folder.copy(reader, 0..found.size, &mut file, &mut digests)?;
            Received::of(file, digests).commit(&folder, &destination, named, &Condition::Always)
        });
        let made = made.await?;
        let checksum = made.checksum.as_ref().map(checksum_out).unwrap_or_default();
        let result = CopyObjectResult {
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            checksum_type: checksum.checksum_type,
            e_tag: Some(etag(&made.etag)),
            last_modified: Some(time(made.modified_us)),
        };
        Ok(S3Response::new(CopyObjectOutput {
            copy_object_result: Some(result),
            server_side_encryption: sealed(),
            ..CopyObjectOutput::default()
        }))
    }

    pub(super) async fn answer_upload_part_copy(
        &self,
        input: UploadPartCopyInput,
    ) -> Answer<UploadPartCopyOutput> {
        let (bucket, key, version) = source(&input.copy_source)?;
        let conditions = ReadConditions {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
            if_modified_since: input.copy_source_if_modified_since,
            if_unmodified_since: input.copy_source_if_unmodified_since,
        };
        let number = part_number(input.part_number)?;
        let (reader, found) = self.open(bucket, key, version).await?;
        conditions.check(&found.etag, found.modified_us).map_err(as_precondition)?;
        let range = match input.copy_source_range {
            None => 0..found.size,
            Some(text) => Range::parse(&text)
                .map_err(|_| S3ErrorCode::InvalidArgument)?
                .check(found.size)
                .map_err(|_| FolderError::InvalidRange)?,
        };
        if range.end - range.start > PART_BYTES_MAX {
            return Err(FolderError::TooLarge.into());
        }
        let folder = self.folder.clone();
        let part = on_disk(move || {
            let upload = folder.upload(&input.bucket, &input.key, &input.upload_id)?;
            let mut file = folder.temporary()?;
            let mut digests = Digests::new(upload.description.algorithm, None);
            folder.copy(reader, range, &mut file, &mut digests)?;
            folder.put_part(&upload, number, Received::of(file, digests))
        });
        let part = part.await?;
        let checksum = checksum_out(&part.checksum);
        let result = CopyPartResult {
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            e_tag: Some(etag(&part.etag)),
            last_modified: Some(time(part.modified_us)),
        };
        Ok(S3Response::new(UploadPartCopyOutput {
            copy_part_result: Some(result),
            server_side_encryption: sealed(),
            ..UploadPartCopyOutput::default()
        }))
    }
}

/// A part number within the limit.
pub(super) fn part_number(number: i32) -> S3Result<u32> {
    let found = u32::try_from(number).ok().filter(|number| (1..=PARTS_MAX).contains(number));
    found.ok_or_else(|| {
        let text = "Part number must be an integer between 1 and 10000, inclusive";
        S3Error::with_message(S3ErrorCode::InvalidArgument, text)
    })
}

/// The bucket, key and version that a copy is made from.
fn source(source: &CopySource) -> S3Result<(String, String, Option<String>)> {
    match source {
        CopySource::Bucket { bucket, key, version_id } => {
            Ok((bucket.to_string(), key.to_string(), version_id.as_ref().map(ToString::to_string)))
        }
        _ => Err(S3Error::with_message(S3ErrorCode::NotImplemented, "Access points are not supported")),
    }
}

/// A copy answers 412 also where a read would answer 304.
fn as_precondition(error: S3Error) -> S3Error {
    match error.code() {
        S3ErrorCode::NotModified => S3ErrorCode::PreconditionFailed.into(),
        _ => error,
    }
}

/// The headers of a copy: those of the source, or those of the request.
fn headers(input: CopyObjectInput, source: Headers, replaces: bool) -> S3Result<Headers> {
    let storage_class = input.storage_class.map(|class| class.as_str().to_owned());
    let retags =
        input.tagging_directive.as_ref().map(TaggingDirective::as_str) == Some(TaggingDirective::REPLACE);
    let tagging = if retags { input.tagging } else { source.tagging.clone() };
    if !replaces {
        return Ok(Headers { storage_class, tagging, ..source });
    }
    Ok(Headers {
        content_type: input.content_type,
        cache_control: input.cache_control,
        content_disposition: input.content_disposition,
        content_encoding: convert::content_encoding(input.content_encoding),
        content_language: input.content_language,
        expires: convert::expires_in(input.expires),
        storage_class,
        tagging,
        user: convert::user_metadata(input.metadata)?,
    })
}
