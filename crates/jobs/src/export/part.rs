//! Writes lines into parts: objects of one type each, ended when they are large enough.
//!
//! The names of parts follow from the type and a number, so that a part which a crash broke off is written again
//! under the same name.

use bytes::Bytes;
use fhir::ResourceType;
use store::{ExportFile, Job};

use crate::export_files::ExportFiles;
use crate::held::Held;
use crate::import::{Halt, fault};
use crate::objects::{ObjectWriter, Objects, ObjectsError, PutOptions, S3Uri};
use crate::retry::patiently;

/// Where parts go and how they are called.
pub(crate) struct Place {
    folder: S3Uri,
    kms_key_id: Option<String>,
    /// The number in the names of HealthLake's parts; `None` for parts that are served from here.
    number: Option<i64>,
}

impl Place {
    /// The place of a job's parts.
    pub(crate) fn of(job: &Job, is_here: bool) -> Result<Place, ObjectsError> {
        if is_here {
            let folder = ExportFiles::folder(&job.datastore, &job.id);
            return Ok(Place { folder, kms_key_id: None, number: None });
        }
        Ok(Place {
            folder: S3Uri::parse(&job.output.folder)?,
            kms_key_id: Some(job.output.kms_key_id.clone()).filter(|key| !key.is_empty()),
            number: Some(i64::from_str_radix(&job.id.as_str()[..15], 16).unwrap_or_default()),
        })
    }

    pub(crate) fn bucket(&self) -> &str {
        self.folder.bucket()
    }

    /// The name of a part below the folder.
    pub(crate) fn name(&self, of: ResourceType, part: u64, is_deleted: bool) -> String {
        match (self.number, is_deleted) {
            (Some(number), _) => format!("{of}/{of}-{number}-{part}-0.ndjson"),
            (None, true) => format!("{of}-deleted-{part}.ndjson"),
            (None, false) => format!("{of}-{part}.ndjson"),
        }
    }

    pub(crate) fn uri(&self, name: &str) -> S3Uri {
        self.folder.join(name)
    }
}

/// The part being written.
pub(crate) struct Parts<'p> {
    objects: &'p dyn Objects,
    place: &'p Place,
    of: ResourceType,
    is_deleted: bool,
    open: Option<Box<dyn ObjectWriter>>,
    /// The number of the part being written, or of the next.
    pub(crate) next: u64,
    rows: u64,
    /// Bytes in the part being written.
    pub(crate) bytes: u64,
}

impl<'p> Parts<'p> {
    /// Parts of one type, from this number.
    pub(crate) fn new(objects: &'p dyn Objects, place: &'p Place, of: ResourceType, next: u64) -> Parts<'p> {
        Parts { objects, place, of, is_deleted: false, open: None, next, rows: 0, bytes: 0 }
    }

    /// The same, of what was deleted.
    pub(crate) fn deleted(self) -> Parts<'p> {
        Parts { is_deleted: true, ..self }
    }

    /// Adds so many lines.
    pub(crate) async fn write(&mut self, rows: u64, lines: Bytes) -> Result<(), Halt> {
        if rows == 0 {
            return Ok(());
        }
        let mut writer = match self.open.take() {
            Some(writer) => writer,
            None => self.start().await?,
        };
        self.rows += rows;
        self.bytes += lines.len() as u64;
        let written = writer.write(lines).await;
        self.open = Some(writer);
        written.map_err(|error| fault("output", &error))
    }

    async fn start(&mut self) -> Result<Box<dyn ObjectWriter>, Halt> {
        let uri = self.place.uri(&self.place.name(self.of, self.next, self.is_deleted));
        let kms_key_id = self.place.kms_key_id.clone();
        let options = PutOptions { content_type: "application/x-ndjson".to_owned(), kms_key_id };
        let opened = patiently(|| self.objects.put(uri.bucket(), uri.key(), options.clone())).await;
        opened.map_err(|error| fault("output", &error))
    }

    /// Ends the part being written, if there is one, and notes it in the job's record.
    pub(crate) async fn finish(&mut self, held: &mut Held) -> Result<(), Halt> {
        let Some(writer) = self.open.take() else { return Ok(()) };
        writer.finish().await.map_err(|error| fault("output", &error))?;
        let (rows, part) = (std::mem::take(&mut self.rows), self.next);
        (self.next, self.bytes) = (part + 1, 0);
        if !self.is_deleted {
            held.job.progress.resources_scanned += rows;
        }
        if let Some(export) = &mut held.job.export {
            export.files.push(ExportFile {
                name: self.place.name(self.of, part, self.is_deleted),
                of: self.of.name().to_owned(),
                count: rows,
                is_deleted: self.is_deleted,
            });
        }
        Ok(())
    }

    /// Frees what the endpoint keeps of a part that will not be finished.
    pub(crate) async fn give_up(&mut self) {
        if let Some(writer) = self.open.take()
            && let Err(error) = writer.abort().await
        {
            tracing::warn!(%error, "a part of an export was not aborted");
        }
    }
}
