//! Verifies a folder of objects: every seal of every file, every object in its place, every entity tag.

use std::{fs, path::Path};

use crate::{
    checksum::Digests,
    description::{Algorithm, Description, PartDescription, UploadDescription},
    error::FolderError,
    folder::{Bucket, Folder},
    seal::{SEGMENT_BYTES, SealedReader},
};

/// Segments verified at a time.
const SEGMENTS_CHECKED: u64 = 16;

/// What a check of a folder found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectsReport {
    /// Buckets.
    pub buckets: u64,
    /// Objects that are as they should be.
    pub objects: u64,
    /// Their content bytes.
    pub bytes: u64,
    /// What is wrong, a sentence each, with the name of the file on disk, which tells nothing of the object.
    pub problems: Vec<String>,
}

impl Folder {
    /// Reads everything in the folder. Fails only if the disk does.
    pub fn check(&self) -> Result<ObjectsReport, FolderError> {
        let mut report = ObjectsReport::default();
        for bucket in self.buckets() {
            report.buckets += 1;
            self.each_object_file(&bucket, |path| {
                match self.check_object(&bucket, path) {
                    Ok(bytes) => {
                        report.objects += 1;
                        report.bytes += bytes;
                    }
                    Err(problem) => report.problems.push(format!("{}: {problem}", name(path))),
                }
                Ok(())
            })?;
            for upload in fs::read_dir(self.uploads(&bucket))? {
                self.check_upload(&upload?.path(), &mut report)?;
            }
        }
        Ok(report)
    }

    fn check_object(&self, bucket: &Bucket, path: &Path) -> Result<u64, FolderError> {
        let (reader, found): (_, Description) = self.open_described(path)?;
        if path != self.place(bucket, &found.key) || found.size != reader.size() {
            return Err(FolderError::Damaged);
        }
        let algorithm = found.checksum.as_ref().map_or(Algorithm::Crc64Nvme, |checksum| checksum.algorithm);
        let md5 = read(reader, algorithm)?;
        // The tag of an object in parts is not of its bytes, but the seals hold all the same.
        match found.parts.is_empty() && found.etag != md5 {
            true => Err(FolderError::BadDigest("entity tag")),
            false => Ok(found.size),
        }
    }

    fn check_upload(&self, folder: &Path, report: &mut ObjectsReport) -> Result<(), FolderError> {
        for file in fs::read_dir(folder)? {
            let path = file?.path();
            let checked = if path.ends_with("upload") {
                self.open_described::<UploadDescription>(&path).map(|_| ())
            } else {
                let opened = self.open_described::<PartDescription>(&path);
                opened.and_then(|(reader, part)| read(reader, part.checksum.algorithm)).map(|_| ())
            };
            if let Err(problem) = checked {
                report.problems.push(format!("{}/{}: {problem}", name(folder), name(&path)));
            }
        }
        Ok(())
    }
}

/// Opens every segment; the MD5 of the content.
fn read(mut reader: SealedReader, algorithm: Algorithm) -> Result<String, FolderError> {
    let mut digests = Digests::new(algorithm, None);
    let mut bytes = Vec::with_capacity((SEGMENTS_CHECKED * SEGMENT_BYTES) as usize);
    let (mut at, size) = (0, reader.size());
    while at < size {
        bytes.clear();
        reader.read(at..size, SEGMENTS_CHECKED, &mut bytes)?;
        digests.update(&bytes);
        at += bytes.len() as u64;
    }
    Ok(hex::encode(digests.finish().md5))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
