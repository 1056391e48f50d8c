//! Writes an object to a real S3: in one request while it is small, in parts when it is not, a few of them under
//! way at once.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use object_store::{
    Attributes, MultipartUpload, ObjectStore, PutPayload, PutResult, aws::AmazonS3, path::Path,
};
use tokio::task::JoinSet;

use crate::{
    objects::{Answer, OBJECT_BYTES_MAX, ObjectSummary, ObjectWriter, ObjectsError},
    s3::{error, put_options},
};

/// The size of the first parts, in bytes.
const PART_BYTES: usize = 8 << 20;
/// After so many parts the next are twice as large, so that 10,000 of them reach the largest object.
const PARTS_OF_ONE_SIZE: usize = 1000;
/// Parts under way at once; with the one being gathered, what bounds the memory.
const PARTS_UNDER_WAY_MAX: usize = 3;

/// An object on its way to a real S3.
pub(crate) struct S3Writer {
    store: Arc<AmazonS3>,
    path: Path,
    attributes: Attributes,
    gathered: BytesMut,
    size: u64,
    parts: usize,
    upload: Option<Box<dyn MultipartUpload>>,
    under_way: JoinSet<object_store::Result<()>>,
}

impl S3Writer {
    pub(crate) fn new(store: Arc<AmazonS3>, path: Path, attributes: Attributes) -> S3Writer {
        S3Writer {
            store,
            path,
            attributes,
            gathered: BytesMut::new(),
            size: 0,
            parts: 0,
            upload: None,
            under_way: JoinSet::new(),
        }
    }

    fn part_bytes(&self) -> usize {
        PART_BYTES << (self.parts / PARTS_OF_ONE_SIZE)
    }

    async fn send_part(&mut self, part: Bytes) -> Result<(), ObjectsError> {
        while self.under_way.len() >= PARTS_UNDER_WAY_MAX {
            self.await_one().await?;
        }
        if self.upload.is_none() {
            let (_, options) = put_options(self.attributes.clone());
            self.upload = Some(self.store.put_multipart_opts(&self.path, options).await.map_err(error)?);
        }
        if let Some(upload) = &mut self.upload {
            self.under_way.spawn(upload.put_part(PutPayload::from(part)));
            self.parts += 1;
        }
        Ok(())
    }

    async fn await_one(&mut self) -> Result<(), ObjectsError> {
        match self.under_way.join_next().await {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(failed))) => Err(error(failed)),
            Some(Err(stopped)) => Err(ObjectsError::Unavailable(stopped.to_string())),
        }
    }

    async fn complete(&mut self) -> Result<PutResult, ObjectsError> {
        let rest = self.gathered.split().freeze();
        if self.upload.is_none() {
            let (options, _) = put_options(self.attributes.clone());
            return self.store.put_opts(&self.path, PutPayload::from(rest), options).await.map_err(error);
        }
        if !rest.is_empty() {
            self.send_part(rest).await?;
        }
        while !self.under_way.is_empty() {
            self.await_one().await?;
        }
        let upload = self.upload.as_mut().ok_or(ObjectsError::Unavailable("no upload".to_owned()))?;
        upload.complete().await.map_err(error)
    }

    async fn give_up(&mut self) -> Result<(), ObjectsError> {
        self.under_way.shutdown().await;
        match &mut self.upload {
            Some(upload) => upload.abort().await.map_err(error),
            None => Ok(()),
        }
    }
}

impl ObjectWriter for S3Writer {
    fn write<'a>(&'a mut self, bytes: Bytes) -> Answer<'a, ()> {
        Box::pin(async move {
            self.size += bytes.len() as u64;
            if self.size > OBJECT_BYTES_MAX {
                return Err(ObjectsError::TooLarge);
            }
            self.gathered.extend_from_slice(&bytes);
            while self.gathered.len() >= self.part_bytes() {
                let part = self.gathered.split_to(self.part_bytes()).freeze();
                self.send_part(part).await?;
            }
            Ok(())
        })
    }

    fn finish(mut self: Box<Self>) -> Answer<'static, ObjectSummary> {
        Box::pin(async move {
            match self.complete().await {
                Ok(made) => Ok(ObjectSummary {
                    key: self.path.to_string(),
                    size: self.size,
                    etag: made.e_tag.unwrap_or_default().trim_matches('"').to_owned(),
                }),
                Err(failed) => {
                    // The first error is the one worth telling.
                    let _ = self.give_up().await;
                    Err(failed)
                }
            }
        })
    }

    fn abort(mut self: Box<Self>) -> Answer<'static, ()> {
        Box::pin(async move { self.give_up().await })
    }
}
