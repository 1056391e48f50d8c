//! Where an import reads from: one object, or the NDJSON files under a prefix.
//!
//! Under a prefix only keys that end in `.ndjson` (in any case) are read; the output folders of imports are passed
//! over, so that an output location inside the input location does no harm. One object named exactly is read
//! whatever its name is.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::import::{Halt, fault};
use crate::ndjson::Place;
use crate::objects::{ObjectSummary, Objects, ObjectsError, S3Uri};
use crate::retry::patiently;

/// Files that one import may read.
pub const FILES_MAX: u64 = 1_000_000;
/// The largest file, in bytes (50 GB).
pub const FILE_BYTES_MAX: u64 = 50_000_000_000;
/// All files together, in bytes (5,000 GB).
pub const INPUT_BYTES_MAX: u64 = 5_000_000_000_000;

/// What the folders of import jobs have in their names.
const OUTPUT_FOLDER: &str = "-FHIR_IMPORT-";

/// A file that is half read: which, as it was when opened, and where to go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct OpenFile {
    pub(crate) key: String,
    pub(crate) size: u64,
    pub(crate) etag: String,
    pub(crate) offset: u64,
    pub(crate) lines: u64,
}

impl OpenFile {
    pub(crate) fn at(file: &ObjectSummary, place: Place) -> OpenFile {
        let (key, etag) = (file.key.clone(), file.etag.clone());
        OpenFile { key, size: file.size, etag, offset: place.offset, lines: place.lines }
    }

    pub(crate) fn place(&self) -> Place {
        Place { offset: self.offset, lines: self.lines }
    }

    pub(crate) fn summary(&self) -> ObjectSummary {
        ObjectSummary { key: self.key.clone(), size: self.size, etag: self.etag.clone() }
    }
}

/// How much there is to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// The input of one job.
pub(crate) struct Input {
    pub(crate) objects: Arc<dyn Objects>,
    location: S3Uri,
    /// The object, when the location names one.
    single: Option<ObjectSummary>,
}

impl Input {
    pub(crate) async fn resolve(objects: Arc<dyn Objects>, location: S3Uri) -> Result<Input, Halt> {
        let (bucket, key) = (location.bucket(), location.key());
        let found = match key.is_empty() || key.ends_with('/') {
            true => Err(ObjectsError::NoSuchKey),
            false => patiently(|| objects.head(bucket, key)).await,
        };
        let single = match found {
            Ok(summary) => Some(summary),
            // A role that may list but not read gets this for a key that is only a prefix.
            Err(ObjectsError::NoSuchKey | ObjectsError::AccessDenied) => None,
            Err(error) => return Err(fault("input", &error)),
        };
        Ok(Input { objects, location, single })
    }

    /// The bucket of all files.
    pub(crate) fn bucket(&self) -> &str {
        self.location.bucket()
    }

    /// Counts the files and refuses an input that is empty or larger than allowed.
    pub(crate) async fn survey(&self) -> Result<Survey, Halt> {
        let mut total = Survey::default();
        let mut after = None;
        loop {
            let (files, next) = self.page(after.as_deref()).await?;
            for file in files {
                total.files += 1;
                total.bytes += file.size;
                check(file.size <= FILE_BYTES_MAX, "An input file is larger than the 50 GB allowed")?;
                check(total.files <= FILES_MAX, "The input has more than the 1,000,000 files allowed")?;
                check(total.bytes <= INPUT_BYTES_MAX, "The input is larger than the 5,000 GB allowed")?;
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
        check(total.files > 0, "No NDJSON files were found at the input location")?;
        Ok(total)
    }

    /// Files in the order of their keys, from the one after `after`; and where the next page starts.
    pub(crate) async fn page(
        &self,
        after: Option<&str>,
    ) -> Result<(Vec<ObjectSummary>, Option<String>), Halt> {
        if let Some(single) = &self.single {
            return Ok((if after.is_none() { vec![single.clone()] } else { Vec::new() }, None));
        }
        let (bucket, prefix) = (self.location.bucket(), self.location.key());
        let page = patiently(|| self.objects.list(bucket, prefix, after)).await;
        let page = page.map_err(|error| fault("input", &error))?;
        Ok((page.objects.into_iter().filter(|file| is_input(&file.key)).collect(), page.next))
    }

    /// What the output files of a key are called: the key below the folder that the location names.
    pub(crate) fn name<'k>(&self, key: &'k str) -> &'k str {
        let folder = self.location.key().rfind('/').map_or(0, |slash| slash + 1);
        key.get(folder..).filter(|name| !name.is_empty()).unwrap_or(key)
    }
}

fn check(holds: bool, message: &str) -> Result<(), Halt> {
    if holds { Ok(()) } else { Err(Halt::Fault(message.to_owned())) }
}

fn is_input(key: &str) -> bool {
    let is_ndjson = key.len() >= 7 && key.as_bytes()[key.len() - 7..].eq_ignore_ascii_case(b".ndjson");
    is_ndjson && !key.split('/').rev().skip(1).any(is_output_folder)
}

/// Whether a folder is named as an import job names its own: 32 digits, the word, 32 digits.
fn is_output_folder(name: &str) -> bool {
    let is_id = |id: &str| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    name.split_once(OUTPUT_FOLDER).is_some_and(|(datastore, job)| is_id(datastore) && is_id(job))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ndjson_files_outside_of_output_folders_are_input() {
        let id = "0123456789abcdef0123456789abcdef";
        let output = format!("in/{id}-FHIR_IMPORT-{id}/SUCCESS/a.ndjson");
        let export = format!("in/{id}-FHIR_EXPORT-{id}/Patient/Patient-1-0.ndjson");
        let cases = [
            ("a.ndjson", true),
            ("in/a.NDJSON", true),
            (".ndjson", true),
            ("ndjson", false),
            ("in/a.json", false),
            ("in/a.ndjson.gz", false),
            ("in/", false),
            ("x-FHIR_IMPORT-y/a.ndjson", true),
            (&output, false),
            (&export, true),
            ("ü.ndjson", true),
        ];
        for (key, expected) in cases {
            assert_eq!(is_input(key), expected, "{key}");
        }
    }

    #[tokio::test]
    async fn output_files_are_named_after_the_file_below_the_folder() {
        let objects: Arc<dyn Objects> = Arc::new(crate::MemoryObjects::new(&["abc"]));
        for (location, key, name) in [
            ("s3://abc/in/", "in/a/b.ndjson", "a/b.ndjson"),
            ("s3://abc/in", "in/b.ndjson", "in/b.ndjson"),
            ("s3://abc/in/da", "in/data-1.ndjson", "data-1.ndjson"),
            ("s3://abc", "b.ndjson", "b.ndjson"),
            ("s3://abc/in/one.ndjson", "in/one.ndjson", "one.ndjson"),
        ] {
            let input = Input::resolve(Arc::clone(&objects), S3Uri::parse(location).unwrap()).await.unwrap();
            assert_eq!(input.name(key), name, "{location}");
        }
    }
}
