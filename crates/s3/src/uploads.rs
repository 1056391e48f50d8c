//! Multipart uploads: each a folder of its own in its bucket's folder, with a sealed file for every part, until
//! the parts become one object.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jobs::objects::{OBJECT_BYTES_MAX, check_key};

use crate::{
    checksum::{self, Digests},
    content::{Named, Received},
    description::{Checksum, ChecksumKind, Description, PartDescription, UploadDescription},
    error::FolderError,
    folder::{Condition, Folder, sync_folder, to_json},
    seal::SEGMENT_BYTES,
};

/// Parts that an upload may have.
pub const PARTS_MAX: u32 = 10_000;
/// The smallest part but the last, in bytes (5 MiB).
pub const PART_BYTES_MIN: u64 = 5 << 20;
/// The largest part, and the largest object that is put in one request, in bytes (5 GiB).
pub const PART_BYTES_MAX: u64 = 5 << 30;
/// Uploads of one bucket under way at once.
pub const UPLOADS_MAX: usize = 10_000;

/// The file in an upload's folder that says what it will become.
const UPLOAD_FILE: &str = "upload";
/// Segments of a part that are copied at a time.
const SEGMENTS_COPIED: u64 = 16;

/// An upload under way.
pub(crate) struct Upload {
    path: PathBuf,
    pub id: String,
    pub description: UploadDescription,
}

/// A part as the client that completes an upload names it.
pub(crate) struct Wanted {
    pub number: u32,
    pub etag: String,
    /// The checksum that the client believes it has, in base64.
    pub checksum: Option<String>,
}

/// What a client says of the object that an upload shall become.
#[derive(Default)]
pub(crate) struct Expected {
    /// The checksum of the whole, in base64.
    pub checksum: Option<String>,
    pub size: Option<u64>,
}

impl Folder {
    /// Starts an upload and returns its id.
    pub(crate) fn create_upload(&self, description: &UploadDescription) -> Result<String, FolderError> {
        check_key(&description.key).map_err(|_| FolderError::InvalidKey)?;
        let bucket = self.bucket(&description.bucket)?;
        if fs::read_dir(self.uploads(&bucket))?.count() >= UPLOADS_MAX {
            return Err(FolderError::TooManyUploads);
        }
        let id = self.random_name();
        let path = self.uploads(&bucket).join(&id);
        fs::create_dir(&path)?;
        self.temporary()?.finish(&to_json(description))?.move_to(&path.join(UPLOAD_FILE))?;
        sync_folder(&path)?;
        sync_folder(&self.uploads(&bucket))?;
        Ok(id)
    }

    /// The upload of this id, bucket and key.
    pub(crate) fn upload(&self, bucket: &str, key: &str, id: &str) -> Result<Upload, FolderError> {
        let bucket = self.bucket(bucket)?;
        // The id becomes part of a path, so nothing but what we give out may pass.
        if id.len() != 32 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(FolderError::NoSuchUpload);
        }
        let upload = self.upload_at(self.uploads(&bucket).join(id), id)?;
        match upload.description.key == key && upload.description.bucket == bucket.name {
            true => Ok(upload),
            false => Err(FolderError::NoSuchUpload),
        }
    }

    fn upload_at(&self, path: PathBuf, id: &str) -> Result<Upload, FolderError> {
        let (_, description) = self.open_described(&path.join(UPLOAD_FILE)).map_err(or_no_upload)?;
        Ok(Upload { path, id: id.to_owned(), description })
    }

    /// All uploads of a bucket, by key and then by id.
    pub(crate) fn list_uploads(&self, bucket: &str) -> Result<Vec<Upload>, FolderError> {
        let bucket = self.bucket(bucket)?;
        let mut uploads = Vec::new();
        for entry in fs::read_dir(self.uploads(&bucket))? {
            let entry = entry?;
            match self.upload_at(entry.path(), &entry.file_name().to_string_lossy()) {
                Ok(upload) => uploads.push(upload),
                // One that ends while we look, or was cut short while it began.
                Err(FolderError::NoSuchUpload) => {}
                Err(error) => return Err(error),
            }
        }
        uploads.sort_by(|a, b| (&a.description.key, &a.id).cmp(&(&b.description.key, &b.id)));
        Ok(uploads)
    }

    /// Puts a part, in place of an earlier one of its number.
    pub(crate) fn put_part(
        &self,
        upload: &Upload,
        number: u32,
        received: Received,
    ) -> Result<PartDescription, FolderError> {
        let description = PartDescription {
            upload_id: upload.id.clone(),
            number,
            size: received.size,
            etag: hex::encode(received.digested.md5),
            checksum: received.digested.kept.clone(),
            modified_us: self.now_us(),
        };
        let file = received.describe(&to_json(&description))?;
        file.move_to(&upload.part(number)).map_err(|error| or_no_upload(error.into()))?;
        sync_folder(&upload.path)?;
        Ok(description)
    }

    /// The parts of an upload that are there, by number.
    pub(crate) fn parts(&self, upload: &Upload) -> Result<Vec<PartDescription>, FolderError> {
        let mut parts = Vec::new();
        for entry in fs::read_dir(&upload.path).map_err(|error| or_no_upload(error.into()))? {
            let path = entry?.path();
            if path.file_name().is_some_and(|name| name != UPLOAD_FILE) {
                let (_, part): (_, PartDescription) = self.open_described(&path)?;
                parts.push(part);
            }
        }
        parts.sort_by_key(|part| part.number);
        Ok(parts)
    }

    /// Makes the wanted parts one object, and ends the upload.
    pub(crate) fn complete_upload(
        &self,
        upload: &Upload,
        wanted: &[Wanted],
        expected: &Expected,
        condition: &Condition,
    ) -> Result<Description, FolderError> {
        let bucket = self.bucket(&upload.description.bucket)?;
        let parts = self.choose(upload, wanted)?;
        let size: u64 = parts.iter().map(|part| part.size).sum();
        if size > OBJECT_BYTES_MAX {
            return Err(FolderError::TooLarge);
        }
        if expected.size.is_some_and(|expected| expected != size) {
            return Err(FolderError::IncompleteBody);
        }
        let received = self.join(upload, &parts)?;
        let checksum = checksum_of(upload, &parts, &received)?;
        let said = expected.checksum.as_deref();
        if said.is_some_and(|said| said != checksum.value && !is_prefix_of_composite(said, &checksum)) {
            return Err(FolderError::BadDigest(checksum.algorithm.name()));
        }
        let named = Named {
            key: upload.description.key.clone(),
            headers: upload.description.headers.clone(),
            etag: Some(checksum::etag_of_parts(&md5s(&parts)?)),
            checksum: Some(checksum),
            parts: parts.iter().map(|part| part.size).collect(),
        };
        let made = received.commit(self, &bucket, named, condition)?;
        self.abort_upload(upload)?;
        Ok(made)
    }

    /// Ends an upload without an object.
    pub(crate) fn abort_upload(&self, upload: &Upload) -> Result<(), FolderError> {
        // Without its description it is over, whenever the rest of this is cut short.
        fs::remove_file(upload.path.join(UPLOAD_FILE)).map_err(|error| or_no_upload(error.into()))?;
        Ok(fs::remove_dir_all(&upload.path)?)
    }

    /// The parts that are wanted, if they are as wanted.
    fn choose(&self, upload: &Upload, wanted: &[Wanted]) -> Result<Vec<PartDescription>, FolderError> {
        if !wanted.is_sorted_by(|a, b| a.number < b.number) {
            return Err(FolderError::InvalidPartOrder);
        }
        let mut chosen = Vec::with_capacity(wanted.len());
        for (n, wanted_part) in wanted.iter().enumerate() {
            let (_, part): (_, PartDescription) = self
                .open_described(&upload.part(wanted_part.number))
                .map_err(|_| FolderError::InvalidPart)?;
            let is_other_checksum =
                wanted_part.checksum.as_ref().is_some_and(|checksum| *checksum != part.checksum.value);
            if part.etag != wanted_part.etag || is_other_checksum || part.upload_id != upload.id {
                return Err(FolderError::InvalidPart);
            }
            if part.size < PART_BYTES_MIN && n + 1 < wanted.len() {
                return Err(FolderError::PartTooSmall);
            }
            chosen.push(part);
        }
        Ok(chosen)
    }

    /// The contents of parts behind each other.
    fn join(&self, upload: &Upload, parts: &[PartDescription]) -> Result<Received, FolderError> {
        let mut file = self.temporary()?;
        let mut digests = Digests::new(upload.description.algorithm, None);
        for part in parts {
            let (reader, _): (_, PartDescription) = self.open_described(&upload.part(part.number))?;
            self.copy(reader, 0..part.size, &mut file, &mut digests)?;
        }
        Ok(Received::of(file, digests))
    }

    /// Copies content from one sealed file into another.
    pub(crate) fn copy(
        &self,
        mut from: crate::seal::SealedReader,
        range: std::ops::Range<u64>,
        to: &mut crate::seal::SealedWriter,
        digests: &mut Digests,
    ) -> Result<(), FolderError> {
        let mut at = range.start;
        let mut bytes = Vec::with_capacity((SEGMENTS_COPIED * SEGMENT_BYTES) as usize);
        while at < range.end {
            bytes.clear();
            from.read(at..range.end, SEGMENTS_COPIED, &mut bytes)?;
            digests.update(&bytes);
            to.write(&bytes)?;
            at += bytes.len() as u64;
        }
        Ok(())
    }
}

impl Upload {
    fn part(&self, number: u32) -> PathBuf {
        Path::new(&self.path).join(format!("{number:05}"))
    }
}

fn md5s(parts: &[PartDescription]) -> Result<Vec<[u8; 16]>, FolderError> {
    let md5 = |part: &PartDescription| {
        let mut md5 = [0; 16];
        hex::decode_to_slice(&part.etag, &mut md5).map(|()| md5).map_err(|_| FolderError::Damaged)
    };
    parts.iter().map(md5).collect()
}

fn checksum_of(
    upload: &Upload,
    parts: &[PartDescription],
    received: &Received,
) -> Result<Checksum, FolderError> {
    let of_parts: Vec<Checksum> = parts.iter().map(|part| part.checksum.clone()).collect();
    match upload.description.kind {
        ChecksumKind::FullObject => Ok(received.digested.kept.clone()),
        ChecksumKind::Composite => {
            checksum::composite(upload.description.algorithm, &of_parts).ok_or(FolderError::Damaged)
        }
    }
}

/// Clients name a composite checksum with and without the number of its parts.
fn is_prefix_of_composite(said: &str, checksum: &Checksum) -> bool {
    checksum.value.strip_prefix(said).is_some_and(|rest| rest.starts_with('-'))
}

/// A file of an upload that is not there means that the upload is over.
fn or_no_upload(error: FolderError) -> FolderError {
    match error {
        FolderError::Io(error) if error.kind() == io::ErrorKind::NotFound => FolderError::NoSuchUpload,
        other => other,
    }
}
