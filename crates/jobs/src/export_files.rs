//! The files of exports that are served from here, for as long as they are kept.

use std::sync::Arc;

use store::{DatastoreId, JobId};

use crate::objects::{Content, Objects, ObjectsError, S3Uri};

/// The bucket of these files, in objects of their own that no door leads to.
pub const EXPORTS_BUCKET: &str = "exports";

/// How long the files of an export are served, in milliseconds: HealthLake's 48 hours.
pub const EXPORT_KEEP_MS: i64 = 48 * 60 * 60 * 1000;

/// The files of exports that are served from here.
#[derive(Clone)]
pub struct ExportFiles {
    objects: Arc<dyn Objects>,
    keep_ms: i64,
}

impl ExportFiles {
    /// Files in the bucket [`EXPORTS_BUCKET`] of `objects`, kept for `keep_ms` milliseconds after an export's end.
    pub fn new(objects: Arc<dyn Objects>, keep_ms: i64) -> ExportFiles {
        ExportFiles { objects, keep_ms }
    }

    /// A file's size in bytes and its content.
    ///
    /// # Errors
    /// [`ObjectsError::NoSuchKey`] if there is no such file (any more).
    pub async fn open(
        &self,
        datastore: &DatastoreId,
        job: &JobId,
        name: &str,
    ) -> Result<(u64, Content), ObjectsError> {
        let uri = folder(datastore, Some(job)).join(name);
        let size = self.objects.head(uri.bucket(), uri.key()).await?.size;
        Ok((size, self.objects.get(uri.bucket(), uri.key(), None).await?))
    }

    /// Removes the files of one export or, without one, of all of a data store.
    ///
    /// # Errors
    /// When the objects do not answer; what is left then is removed by the next call.
    pub async fn remove(&self, datastore: &DatastoreId, job: Option<&JobId>) -> Result<(), ObjectsError> {
        let folder = folder(datastore, job);
        loop {
            let page = self.objects.list(folder.bucket(), folder.key(), None).await?;
            for object in &page.objects {
                self.objects.delete(folder.bucket(), &object.key).await?;
            }
            if page.next.is_none() {
                return Ok(());
            }
        }
    }

    pub(crate) fn objects(&self) -> &Arc<dyn Objects> {
        &self.objects
    }

    pub(crate) fn keep_ms(&self) -> i64 {
        self.keep_ms
    }

    /// The folder that an export writes to.
    pub(crate) fn folder(datastore: &DatastoreId, job: &JobId) -> S3Uri {
        folder(datastore, Some(job))
    }
}

fn folder(datastore: &DatastoreId, job: Option<&JobId>) -> S3Uri {
    let below = job.map_or_else(String::new, |job| format!("{job}/"));
    S3Uri::parse(&format!("s3://{EXPORTS_BUCKET}/{datastore}/{below}"))
        .expect("a bucket's name and hexadecimal digits make a URI")
}
