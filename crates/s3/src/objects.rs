//! The folder as [`jobs::Objects`]: for jobs in the same process, without a hop over HTTP.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use jobs::{
    Content, DataAccess, ObjectPage, ObjectSummary, ObjectWriter, Objects, ObjectsError, PutOptions,
    objects::{Answer, OBJECT_BYTES_MAX, PAGE_OBJECTS_MAX, check_key},
};

use crate::{
    checksum::Digests,
    content::{Incoming, Named, on_disk, outgoing},
    description::{Algorithm, Description, Headers},
    folder::{Bucket, Condition, Folder},
    index::{After, Query},
};

/// The objects of a folder.
#[derive(Clone)]
pub struct FolderObjects(Arc<Folder>);

impl FolderObjects {
    /// The objects of this folder.
    pub fn new(folder: Arc<Folder>) -> FolderObjects {
        FolderObjects(folder)
    }
}

/// In one's own folder, every role opens everything: whoever may start a job owns the objects.
impl DataAccess for FolderObjects {
    fn assume(&self, _role_arn: &str) -> Arc<dyn Objects> {
        Arc::new(self.clone())
    }
}

fn summary(found: Description) -> ObjectSummary {
    ObjectSummary { key: found.key, size: found.size, etag: found.etag }
}

impl Objects for FolderObjects {
    fn bucket_exists<'a>(&'a self, bucket: &'a str) -> Answer<'a, bool> {
        Box::pin(async move { Ok(self.0.has_bucket(bucket)) })
    }

    fn list<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> Answer<'a, ObjectPage> {
        let after = after.map_or(After::Start, |key| After::Key(key.to_owned()));
        let query = Query { prefix: prefix.to_owned(), delimiter: None, after, count_max: PAGE_OBJECTS_MAX };
        let (folder, bucket) = (self.0.clone(), bucket.to_owned());
        Box::pin(async move {
            let page = on_disk(move || folder.page(&bucket, &query)).await?;
            let next = match page.next {
                Some(After::Key(key)) => Some(key),
                _ => None,
            };
            let summary = |(key, listed): (String, crate::index::Listed)| ObjectSummary {
                key,
                size: listed.size,
                etag: listed.etag.into(),
            };
            Ok(ObjectPage { objects: page.objects.into_iter().map(summary).collect(), next })
        })
    }

    fn head<'a>(&'a self, bucket: &'a str, key: &'a str) -> Answer<'a, ObjectSummary> {
        let (folder, bucket, key) = (self.0.clone(), bucket.to_owned(), key.to_owned());
        Box::pin(async move {
            let (_, found) = on_disk(move || folder.object(&bucket, &key)).await?;
            Ok(summary(found))
        })
    }

    fn get<'a>(&'a self, bucket: &'a str, key: &'a str, range: Option<Range<u64>>) -> Answer<'a, Content> {
        let (folder, bucket, key) = (self.0.clone(), bucket.to_owned(), key.to_owned());
        Box::pin(async move {
            let (reader, found) = on_disk(move || folder.object(&bucket, &key)).await?;
            let range = match range {
                None => 0..found.size,
                Some(range) if range.start < found.size.min(range.end) => {
                    range.start..range.end.min(found.size)
                }
                Some(_) => return Err(ObjectsError::InvalidRange),
            };
            Ok(outgoing(reader, range).map_err(ObjectsError::from).boxed())
        })
    }

    fn put<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        options: PutOptions,
    ) -> Answer<'a, Box<dyn ObjectWriter>> {
        let (folder, key) = (self.0.clone(), key.to_owned());
        Box::pin(async move {
            check_key(&key)?;
            let bucket = folder.bucket(bucket)?;
            let digests = Digests::without_md5(Algorithm::Crc64Nvme);
            let content = Incoming::start(folder, digests, OBJECT_BYTES_MAX).await?;
            let content_type = Some(options.content_type).filter(|text| !text.is_empty());
            let headers = Headers { content_type, ..Headers::default() };
            Ok(Box::new(FolderWriter { bucket, key, headers, content }) as Box<dyn ObjectWriter>)
        })
    }

    fn delete<'a>(&'a self, bucket: &'a str, key: &'a str) -> Answer<'a, ()> {
        let (folder, bucket, key) = (self.0.clone(), bucket.to_owned(), key.to_owned());
        Box::pin(async move { Ok(on_disk(move || folder.delete(&bucket, &key, &Condition::Always)).await?) })
    }
}

struct FolderWriter {
    bucket: Arc<Bucket>,
    key: String,
    headers: Headers,
    content: Incoming,
}

impl ObjectWriter for FolderWriter {
    fn write<'a>(&'a mut self, bytes: Bytes) -> Answer<'a, ()> {
        Box::pin(async move { Ok(self.content.write(bytes).await?) })
    }

    fn finish(self: Box<Self>) -> Answer<'static, ObjectSummary> {
        Box::pin(async move {
            let FolderWriter { bucket, key, headers, content } = *self;
            let (folder, received) = content.end().await?;
            // As S3 has it for objects that come in parts, and for those encrypted with a KMS key: a tag that is no MD5.
            let etag = Some(format!("{}-1", folder.random_name()));
            let parts = vec![received.size];
            let named = Named { key, headers, etag, parts, ..Named::default() };
            let made = on_disk(move || received.commit(&folder, &bucket, named, &Condition::Always)).await?;
            Ok(summary(made))
        })
    }

    fn abort(self: Box<Self>) -> Answer<'static, ()> {
        Box::pin(async { Ok(()) })
    }
}
