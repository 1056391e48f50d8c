//! Operations on multipart uploads.

use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, dto::*};

use super::{
    Answer, Door,
    convert::{self, checksum_out, etag, sealed, size, time},
    copy::part_number,
    list::Names,
    receive::Said,
};
use crate::{
    content::on_disk,
    description::{Algorithm, ChecksumKind, Headers, PartDescription, UploadDescription},
    uploads::{Expected, Upload, Wanted},
};

/// Parts or uploads that one page lists.
pub const PAGE_PARTS_MAX: usize = 1000;

impl Door {
    pub(super) async fn answer_create_upload(
        &self,
        input: CreateMultipartUploadInput,
    ) -> Answer<CreateMultipartUploadOutput> {
        let named = convert::algorithm(input.checksum_algorithm.as_ref())?;
        let algorithm = named.unwrap_or(Algorithm::Crc64Nvme);
        let kind = match input.checksum_type.as_ref().map(ChecksumType::as_str) {
            Some(ChecksumType::FULL_OBJECT) => ChecksumKind::FullObject,
            Some(ChecksumType::COMPOSITE) => ChecksumKind::Composite,
            _ => algorithm.kind_by_default(),
        };
        let description = UploadDescription {
            bucket: input.bucket.clone(),
            key: input.key.clone(),
            headers: Headers {
                content_type: input.content_type,
                cache_control: input.cache_control,
                content_disposition: input.content_disposition,
                content_encoding: convert::content_encoding(input.content_encoding),
                content_language: input.content_language,
                expires: convert::expires_in(input.expires),
                storage_class: input.storage_class.map(|class| class.as_str().to_owned()),
                tagging: input.tagging,
                user: convert::user_metadata(input.metadata)?,
            },
            algorithm,
            kind,
            initiated_us: self.folder.now_us(),
        };
        let folder = self.folder.clone();
        let upload_id = on_disk(move || folder.create_upload(&description)).await?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(upload_id),
            checksum_algorithm: named.map(|algorithm| ChecksumAlgorithm::from_static(algorithm.name())),
            checksum_type: named.map(|_| ChecksumType::from_static(kind.name())),
            server_side_encryption: sealed(),
            ..CreateMultipartUploadOutput::default()
        }))
    }

    pub(super) async fn answer_upload_part(
        &self,
        req: S3Request<UploadPartInput>,
    ) -> Answer<UploadPartOutput> {
        let S3Request { input, headers, trailing_headers, .. } = req;
        let number = part_number(input.part_number)?;
        let values = [
            input.checksum_crc32,
            input.checksum_crc32c,
            input.checksum_crc64nvme,
            input.checksum_sha1,
            input.checksum_sha256,
        ];
        let algorithm = input.checksum_algorithm.as_ref();
        let said = Said::new(values, algorithm, input.content_md5, &headers, trailing_headers)?;
        let upload = self.upload(input.bucket, input.key, input.upload_id).await?;
        let received = self.receive(input.body, said, upload.description.algorithm).await?;
        let folder = self.folder.clone();
        let part = on_disk(move || folder.put_part(&upload, number, received)).await?;
        let checksum = checksum_out(&part.checksum);
        Ok(S3Response::new(UploadPartOutput {
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            e_tag: Some(etag(&part.etag)),
            server_side_encryption: sealed(),
            ..UploadPartOutput::default()
        }))
    }

    pub(super) async fn answer_complete_upload(
        &self,
        input: CompleteMultipartUploadInput,
    ) -> Answer<CompleteMultipartUploadOutput> {
        let condition = convert::condition(input.if_match, input.if_none_match)?;
        let parts = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        if parts.is_empty() {
            return Err(S3ErrorCode::MalformedXML.into());
        }
        let wanted = parts.into_iter().map(wanted).collect::<S3Result<Vec<_>>>()?;
        let checksum = input
            .checksum_crc32
            .or(input.checksum_crc32c)
            .or(input.checksum_crc64nvme)
            .or(input.checksum_sha1)
            .or(input.checksum_sha256);
        let size = input.mpu_object_size.and_then(|size| u64::try_from(size).ok());
        let expected = Expected { checksum, size };
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        let upload = self.upload(input.bucket, input.key, input.upload_id).await?;
        let folder = self.folder.clone();
        let made = on_disk(move || folder.complete_upload(&upload, &wanted, &expected, &condition)).await?;
        let checksum = made.checksum.as_ref().map(checksum_out).unwrap_or_default();
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            location: Some(format!("/{bucket}/{key}")),
            bucket: Some(bucket),
            key: Some(key),
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            checksum_type: checksum.checksum_type,
            e_tag: Some(etag(&made.etag)),
            server_side_encryption: sealed(),
            ..CompleteMultipartUploadOutput::default()
        }))
    }

    pub(super) async fn answer_abort_upload(
        &self,
        input: AbortMultipartUploadInput,
    ) -> Answer<AbortMultipartUploadOutput> {
        let upload = self.upload(input.bucket, input.key, input.upload_id).await?;
        let folder = self.folder.clone();
        on_disk(move || folder.abort_upload(&upload)).await?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    pub(super) async fn answer_list_parts(&self, input: ListPartsInput) -> Answer<ListPartsOutput> {
        let upload = self.upload(input.bucket.clone(), input.key.clone(), input.upload_id.clone()).await?;
        let description = upload.description.clone();
        let folder = self.folder.clone();
        let mut parts = on_disk(move || folder.parts(&upload)).await?;
        let after = input.part_number_marker.unwrap_or(0);
        parts.retain(|part| i64::from(part.number) > i64::from(after));
        let count_max = page_size(input.max_parts);
        let is_truncated = parts.len() > count_max;
        parts.truncate(count_max);
        let last = parts.last().and_then(|part| i32::try_from(part.number).ok());
        Ok(S3Response::new(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            checksum_algorithm: Some(ChecksumAlgorithm::from_static(description.algorithm.name())),
            checksum_type: Some(ChecksumType::from_static(description.kind.name())),
            is_truncated: Some(is_truncated),
            max_parts: i32::try_from(count_max).ok(),
            next_part_number_marker: last.filter(|_| is_truncated),
            part_number_marker: Some(after),
            parts: (!parts.is_empty()).then(|| parts.iter().map(part_out).collect()),
            storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
            ..ListPartsOutput::default()
        }))
    }

    pub(super) async fn answer_list_uploads(
        &self,
        input: ListMultipartUploadsInput,
    ) -> Answer<ListMultipartUploadsOutput> {
        let names = Names::of(input.encoding_type.as_ref())?;
        let (folder, bucket) = (self.folder.clone(), input.bucket.clone());
        let mut uploads = on_disk(move || folder.list_uploads(&bucket)).await?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let after = (input.key_marker.clone().unwrap_or_default(), input.upload_id_marker.clone());
        uploads.retain(|upload| upload.description.key.starts_with(&prefix) && is_after(upload, &after));
        let count_max = page_size(input.max_uploads);
        let is_truncated = uploads.len() > count_max;
        uploads.truncate(count_max);
        let last = uploads.last().filter(|_| is_truncated);
        Ok(S3Response::new(ListMultipartUploadsOutput {
            next_key_marker: last.map(|upload| names.write(&upload.description.key)),
            next_upload_id_marker: last.map(|upload| upload.id.clone()),
            bucket: Some(input.bucket),
            encoding_type: input.encoding_type,
            is_truncated: Some(is_truncated),
            key_marker: input.key_marker.map(|key| names.write(&key)),
            max_uploads: i32::try_from(count_max).ok(),
            prefix: input.prefix.map(|prefix| names.write(&prefix)),
            upload_id_marker: input.upload_id_marker,
            uploads: (!uploads.is_empty()).then(|| uploads.iter().map(|u| upload_out(u, names)).collect()),
            ..ListMultipartUploadsOutput::default()
        }))
    }

    async fn upload(&self, bucket: String, key: String, id: String) -> S3Result<Upload> {
        let folder = self.folder.clone();
        Ok(on_disk(move || folder.upload(&bucket, &key, &id)).await?)
    }
}

fn page_size(asked: Option<i32>) -> usize {
    asked.and_then(|asked| usize::try_from(asked).ok()).unwrap_or(PAGE_PARTS_MAX).min(PAGE_PARTS_MAX)
}

/// Whether an upload comes after the markers; without an upload's id, all those of the key come before.
fn is_after(upload: &Upload, (key, id): &(String, Option<String>)) -> bool {
    match (key.is_empty(), id) {
        (true, _) => true,
        (false, None) => upload.description.key > *key,
        (false, Some(id)) => (&upload.description.key, &upload.id) > (key, id),
    }
}

fn wanted(part: CompletedPart) -> S3Result<Wanted> {
    let missing = || S3Error::new(S3ErrorCode::MalformedXML);
    Ok(Wanted {
        number: part_number(part.part_number.ok_or_else(missing)?)?,
        etag: part.e_tag.ok_or_else(missing)?.into_value(),
        checksum: part
            .checksum_crc32
            .or(part.checksum_crc32c)
            .or(part.checksum_crc64nvme)
            .or(part.checksum_sha1)
            .or(part.checksum_sha256),
    })
}

fn part_out(part: &PartDescription) -> Part {
    let checksum = checksum_out(&part.checksum);
    Part {
        checksum_crc32: checksum.checksum_crc32,
        checksum_crc32c: checksum.checksum_crc32c,
        checksum_crc64nvme: checksum.checksum_crc64nvme,
        checksum_sha1: checksum.checksum_sha1,
        checksum_sha256: checksum.checksum_sha256,
        e_tag: Some(etag(&part.etag)),
        last_modified: Some(time(part.modified_us)),
        part_number: i32::try_from(part.number).ok(),
        size: Some(size(part.size)),
    }
}

fn upload_out(upload: &Upload, names: Names) -> MultipartUpload {
    MultipartUpload {
        initiated: Some(time(upload.description.initiated_us)),
        key: Some(names.write(&upload.description.key)),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        upload_id: Some(upload.id.clone()),
        ..MultipartUpload::default()
    }
}
