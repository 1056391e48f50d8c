//! Operations on buckets.

use s3s::{S3Error, S3Response, S3Result, dto::*};

use super::{Answer, Door, convert::time};
use crate::{content::on_disk, error::FolderError};

/// The region in which S3 answers a second creation of one's own bucket with success.
const FIRST_REGION: &str = "us-east-1";

impl Door {
    pub(super) async fn answer_create_bucket(&self, input: CreateBucketInput) -> Answer<CreateBucketOutput> {
        let (folder, bucket) = (self.folder.clone(), input.bucket.clone());
        match on_disk(move || folder.create_bucket(&bucket)).await {
            Err(FolderError::BucketExists) if self.region == FIRST_REGION => {}
            other => other?,
        }
        Ok(S3Response::new(CreateBucketOutput { location: Some(format!("/{}", input.bucket)) }))
    }

    pub(super) async fn answer_delete_bucket(&self, input: DeleteBucketInput) -> Answer<DeleteBucketOutput> {
        let folder = self.folder.clone();
        on_disk(move || folder.delete_bucket(&input.bucket)).await?;
        Ok(S3Response::new(DeleteBucketOutput {}))
    }

    pub(super) fn answer_head_bucket(&self, input: &HeadBucketInput) -> Answer<HeadBucketOutput> {
        self.check_bucket(&input.bucket)?;
        let bucket_region = Some(self.region.clone());
        Ok(S3Response::new(HeadBucketOutput { bucket_region, ..HeadBucketOutput::default() }))
    }

    pub(super) fn answer_list_buckets(&self, input: ListBucketsInput) -> Answer<ListBucketsOutput> {
        let prefix = input.prefix.clone().unwrap_or_default();
        let after = input.continuation_token.unwrap_or_default();
        let mut found = self.folder.buckets();
        found.retain(|bucket| bucket.name.starts_with(&prefix) && (after.is_empty() || bucket.name > after));
        let count_max = input.max_buckets.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
        let is_truncated = found.len() > count_max;
        found.truncate(count_max);
        let buckets = found.iter().map(|bucket| Bucket {
            bucket_region: None,
            creation_date: Some(time(bucket.created_us)),
            name: Some(bucket.name.clone()),
        });
        Ok(S3Response::new(ListBucketsOutput {
            buckets: Some(buckets.collect()),
            continuation_token: found.last().filter(|_| is_truncated).map(|bucket| bucket.name.clone()),
            prefix: input.prefix,
            ..ListBucketsOutput::default()
        }))
    }

    pub(super) fn answer_bucket_location(
        &self,
        input: &GetBucketLocationInput,
    ) -> Answer<GetBucketLocationOutput> {
        self.check_bucket(&input.bucket)?;
        // The first region is written as no constraint at all.
        let constraint = Some(self.region.clone()).filter(|region| region != FIRST_REGION);
        let location_constraint = constraint.map(BucketLocationConstraint::from);
        Ok(S3Response::new(GetBucketLocationOutput { location_constraint }))
    }

    /// Everything in the folder is sealed with AES-256, so that is what is said.
    pub(super) fn answer_bucket_encryption(
        &self,
        input: &GetBucketEncryptionInput,
    ) -> Answer<GetBucketEncryptionOutput> {
        self.check_bucket(&input.bucket)?;
        let sse_algorithm = ServerSideEncryption::from_static(ServerSideEncryption::AES256);
        let by_default = ServerSideEncryptionByDefault { kms_master_key_id: None, sse_algorithm };
        let rule = ServerSideEncryptionRule {
            apply_server_side_encryption_by_default: Some(by_default),
            bucket_key_enabled: Some(false),
        };
        let configuration = ServerSideEncryptionConfiguration { rules: vec![rule] };
        Ok(S3Response::new(GetBucketEncryptionOutput {
            server_side_encryption_configuration: Some(configuration),
        }))
    }

    /// Buckets here keep no versions, which S3 says by saying nothing.
    pub(super) fn answer_bucket_versioning(
        &self,
        input: &GetBucketVersioningInput,
    ) -> Answer<GetBucketVersioningOutput> {
        self.check_bucket(&input.bucket)?;
        Ok(S3Response::new(GetBucketVersioningOutput::default()))
    }

    /// Nothing here is ever public, so every kind of public access is blocked.
    pub(super) fn answer_public_access_block(
        &self,
        input: &GetPublicAccessBlockInput,
    ) -> Answer<GetPublicAccessBlockOutput> {
        self.check_bucket(&input.bucket)?;
        let configuration = PublicAccessBlockConfiguration {
            block_public_acls: Some(true),
            block_public_policy: Some(true),
            ignore_public_acls: Some(true),
            restrict_public_buckets: Some(true),
        };
        Ok(S3Response::new(GetPublicAccessBlockOutput {
            public_access_block_configuration: Some(configuration),
        }))
    }

    fn check_bucket(&self, name: &str) -> S3Result<()> {
        match self.folder.has_bucket(name) {
            true => Ok(()),
            false => Err(S3Error::from(FolderError::NoSuchBucket)),
        }
    }
}
