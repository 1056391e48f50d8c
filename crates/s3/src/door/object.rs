//! Operations on single objects: put, get, head, delete.

use std::ops::Range as Bytes;

use http_body_util::StreamBody;
use percent_encoding::percent_decode_str;
use s3s::{Body, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, dto::*};

use super::{
    Answer, Door,
    convert::{self, ReadConditions, checksum_out, etag, metadata_out, sealed, size, time},
    receive::Said,
};
use crate::{
    content::{Named, on_disk, outgoing},
    description::{Algorithm, Description, Headers},
    error::FolderError,
    folder::Condition,
    seal::SealedReader,
};

/// Objects that one request may delete.
pub const DELETED_OBJECTS_MAX: usize = 1000;

/// What S3 says of content that nobody gave a type.
const UNTYPED: &str = "binary/octet-stream";

/// The part of an object that a read asks for.
struct Part {
    bytes: Bytes<u64>,
    /// Only where a range or a part was asked for.
    content_range: Option<String>,
}

impl Door {
    pub(super) async fn answer_put_object(&self, req: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        let S3Request { input, headers, trailing_headers, .. } = req;
        let condition = convert::condition(input.if_match, input.if_none_match)?;
        let kept = Headers {
            content_type: input.content_type,
            cache_control: input.cache_control,
            content_disposition: input.content_disposition,
            content_encoding: convert::content_encoding(input.content_encoding),
            content_language: input.content_language,
            expires: convert::expires_in(input.expires),
            storage_class: input.storage_class.map(|class| class.as_str().to_owned()),
            tagging: input.tagging,
            user: convert::user_metadata(input.metadata)?,
        };
        let values = [
            input.checksum_crc32,
            input.checksum_crc32c,
            input.checksum_crc64nvme,
            input.checksum_sha1,
            input.checksum_sha256,
        ];
        let algorithm = input.checksum_algorithm.as_ref();
        let said = Said::new(values, algorithm, input.content_md5, &headers, trailing_headers)?;
        let bucket = self.folder.bucket(&input.bucket)?;
        let algorithm = said.algorithm().unwrap_or(Algorithm::Crc64Nvme);
        let received = self.receive(input.body, said, algorithm).await?;
        let named = Named { key: input.key, headers: kept, ..Named::default() };
        let folder = self.folder.clone();
        let made = on_disk(move || received.commit(&folder, &bucket, named, &condition)).await?;
        let checksum = made.checksum.as_ref().map(checksum_out).unwrap_or_default();
        Ok(S3Response::new(PutObjectOutput {
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            checksum_type: checksum.checksum_type,
            e_tag: Some(etag(&made.etag)),
            server_side_encryption: sealed(),
            ..PutObjectOutput::default()
        }))
    }

    pub(super) async fn answer_get_object(&self, input: GetObjectInput) -> Answer<GetObjectOutput> {
        let conditions = ReadConditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        let (reader, found) = self.open(input.bucket, input.key, input.version_id).await?;
        conditions.check(&found.etag, found.modified_us)?;
        let part = part(&found, input.range, input.part_number)?;
        // A checksum is of the whole object: a reader of a range could not check it.
        let wants = input.checksum_mode.is_some() && part.bytes == (0..found.size);
        let checksum = found.checksum.as_ref().filter(|_| wants).map(checksum_out).unwrap_or_default();
        let length = part.bytes.end - part.bytes.start;
        let content_range = part.content_range;
        let stream =
            futures::StreamExt::map(outgoing(reader, part.bytes), |piece| piece.map(http_body::Frame::data));
        let headers = &found.headers;
        Ok(S3Response::new(GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            body: Some(StreamingBlob::from(Body::http_body_unsync(StreamBody::new(stream)))),
            cache_control: headers.cache_control.clone(),
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            checksum_type: checksum.checksum_type,
            content_disposition: headers.content_disposition.clone(),
            content_encoding: headers.content_encoding.clone(),
            content_language: headers.content_language.clone(),
            content_length: Some(size(length)),
            content_range,
            content_type: content_type(headers),
            e_tag: Some(etag(&found.etag)),
            expires: convert::expires_out(headers),
            last_modified: Some(time(found.modified_us)),
            metadata: metadata_out(headers),
            parts_count: parts_count(&found, input.part_number),
            server_side_encryption: sealed(),
            storage_class: convert::storage_class(headers).map(StorageClass::from),
            tag_count: tag_count(headers),
            ..GetObjectOutput::default()
        }))
    }

    pub(super) async fn answer_head_object(&self, input: HeadObjectInput) -> Answer<HeadObjectOutput> {
        let conditions = ReadConditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        let (_, found) = self.open(input.bucket, input.key, input.version_id).await?;
        conditions.check(&found.etag, found.modified_us)?;
        let part = part(&found, input.range, input.part_number)?;
        let wants = input.checksum_mode.is_some();
        let checksum = found.checksum.as_ref().filter(|_| wants).map(checksum_out).unwrap_or_default();
        let headers = &found.headers;
        let output = HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            cache_control: headers.cache_control.clone(),
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            checksum_type: checksum.checksum_type,
            content_disposition: headers.content_disposition.clone(),
            content_encoding: headers.content_encoding.clone(),
            content_language: headers.content_language.clone(),
            content_length: Some(size(part.bytes.end - part.bytes.start)),
            content_range: part.content_range.clone(),
            content_type: content_type(headers),
            e_tag: Some(etag(&found.etag)),
            expires: convert::expires_out(headers),
            last_modified: Some(time(found.modified_us)),
            metadata: metadata_out(headers),
            parts_count: parts_count(&found, input.part_number),
            server_side_encryption: sealed(),
            storage_class: convert::storage_class(headers).map(StorageClass::from),
            ..HeadObjectOutput::default()
        };
        let mut response = S3Response::new(output);
        response.status = part.content_range.is_some().then_some(http::StatusCode::PARTIAL_CONTENT);
        Ok(response)
    }

    pub(super) async fn answer_object_tagging(
        &self,
        input: GetObjectTaggingInput,
    ) -> Answer<GetObjectTaggingOutput> {
        let (_, found) = self.open(input.bucket, input.key, input.version_id).await?;
        let decode =
            |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let tagging = found.headers.tagging.unwrap_or_default();
        let pairs = tagging.split('&').filter(|pair| !pair.is_empty());
        let tags = pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(key, value)| Tag { key: Some(decode(key)), value: Some(decode(value)) });
        Ok(S3Response::new(GetObjectTaggingOutput { tag_set: tags.collect(), version_id: None }))
    }

    pub(super) async fn answer_delete_object(&self, input: DeleteObjectInput) -> Answer<DeleteObjectOutput> {
        check_version(input.version_id)?;
        let condition = convert::condition(input.if_match, None)?;
        self.delete(input.bucket, input.key, condition).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    pub(super) async fn answer_delete_objects(
        &self,
        input: DeleteObjectsInput,
    ) -> Answer<DeleteObjectsOutput> {
        if input.delete.objects.is_empty() || input.delete.objects.len() > DELETED_OBJECTS_MAX {
            return Err(S3ErrorCode::MalformedXML.into());
        }
        self.folder.bucket(&input.bucket)?;
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for object in input.delete.objects {
            let condition = object.e_tag.map_or(Condition::Always, |etag| Condition::Etag(etag.into_value()));
            match self.delete(input.bucket.clone(), object.key.clone(), condition).await {
                Ok(()) => deleted.push(DeletedObject { key: Some(object.key), ..DeletedObject::default() }),
                Err(error) => errors.push(Error {
                    code: Some(error.code().as_str().to_owned()),
                    key: Some(object.key),
                    message: error.message().map(str::to_owned),
                    version_id: None,
                }),
            }
        }
        let is_quiet = input.delete.quiet.unwrap_or_default();
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted: Some(deleted).filter(|_| !is_quiet),
            errors: Some(errors).filter(|errors| !errors.is_empty()),
            ..DeleteObjectsOutput::default()
        }))
    }

    async fn delete(&self, bucket: String, key: String, condition: Condition) -> S3Result<()> {
        let folder = self.folder.clone();
        Ok(on_disk(move || folder.delete(&bucket, &key, &condition)).await?)
    }

    /// Opens an object to be read.
    pub(super) async fn open(
        &self,
        bucket: String,
        key: String,
        version: Option<String>,
    ) -> S3Result<(SealedReader, Description)> {
        check_version(version)?;
        let folder = self.folder.clone();
        Ok(on_disk(move || folder.object(&bucket, &key)).await?)
    }
}

/// There is one version of an object, which S3 calls `null`.
fn check_version(version: Option<String>) -> S3Result<()> {
    match version.as_deref() {
        None | Some("null") => Ok(()),
        Some(_) => Err(S3ErrorCode::NoSuchVersion.into()),
    }
}

fn content_type(headers: &Headers) -> Option<String> {
    Some(headers.content_type.clone().unwrap_or_else(|| UNTYPED.to_owned()))
}

fn tag_count(headers: &Headers) -> Option<i32> {
    let tagging = headers.tagging.as_ref()?;
    i32::try_from(tagging.split('&').filter(|pair| !pair.is_empty()).count()).ok()
}

fn parts_count(found: &Description, part_number: Option<i32>) -> Option<i32> {
    part_number?;
    i32::try_from(found.parts.len()).ok().filter(|count| *count > 0)
}

/// The bytes that a read asks for by range or by part.
fn part(found: &Description, range: Option<Range>, part_number: Option<i32>) -> S3Result<Part> {
    let bytes = match (range, part_number) {
        (None, None) => return Ok(Part { bytes: 0..found.size, content_range: None }),
        (Some(range), None) => range.check(found.size)?,
        (None, Some(number)) => bytes_of_part(found, number)?,
        (Some(_), Some(_)) => {
            let both = "Cannot specify both Range header and partNumber query parameter";
            return Err(S3Error::with_message(S3ErrorCode::InvalidRequest, both));
        }
    };
    // An empty object is its own first part, and no range of bytes can be written for it.
    let content_range =
        (!bytes.is_empty()).then(|| format!("bytes {}-{}/{}", bytes.start, bytes.end - 1, found.size));
    Ok(Part { bytes, content_range })
}

fn bytes_of_part(found: &Description, number: i32) -> Result<Bytes<u64>, FolderError> {
    let whole = [found.size];
    let parts = if found.parts.is_empty() { &whole[..] } else { &found.parts };
    let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    let index = index.filter(|index| *index < parts.len()).ok_or(FolderError::InvalidRange)?;
    let start: u64 = parts[..index].iter().sum();
    Ok(start..start + parts[index])
}
