//! Reads a package out of a `.tgz` or a folder. Nothing is written under the names that an archive brings.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use fhir::package::Manifest;
use flate2::read::MultiGzDecoder;
use indicatif::ProgressBar;

/// The most bytes that a package may unpack to.
const UNPACKED_BYTES_MAX: u64 = 4 << 30;

/// The most files that a package may have.
const FILES_MAX: usize = 500_000;

/// The most bytes of one definition: what one document may have.
const FILE_BYTES_MAX: u64 = fhir::DOCUMENT_BYTES_MAX as u64;

/// The longest record of a long file name in an archive, in bytes.
const NAME_RECORD_BYTES_MAX: u64 = 64 << 10;

/// Takes a file of a package: its name, and its bytes.
pub(super) type Take<'a> = dyn FnMut(&str, Vec<u8>) -> Result<()> + 'a;

/// What an archive may hold.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Bytes in all.
    pub(super) unpacked_bytes: u64,
    /// Files in all.
    pub(super) files: usize,
    /// Bytes of a file that is read.
    pub(super) file_bytes: u64,
}

/// What any archive may hold.
pub(super) const LIMITS: Limits =
    Limits { unpacked_bytes: UNPACKED_BYTES_MAX, files: FILES_MAX, file_bytes: FILE_BYTES_MAX };

/// The packages at `path`: an archive, an unpacked package, or a folder of archives.
pub(crate) fn find(path: &Path) -> Result<Vec<PathBuf>> {
    let metadata = fs::metadata(path).with_context(|| format!("read {}", path.display()))?;
    if !metadata.is_dir() || unpacked(path).is_some() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path).with_context(|| format!("read {}", path.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tgz") {
            found.push(path);
        }
    }
    found.sort();
    ensure!(!found.is_empty(), "{} holds neither a package.json nor .tgz files", path.display());
    Ok(found)
}

/// The folder of an unpacked package in which its files lie.
fn unpacked(path: &Path) -> Option<PathBuf> {
    let folders = [path.join("package"), path.to_owned()];
    folders.into_iter().find(|folder| folder.join("package.json").is_file())
}

/// How many bytes lie at `path`, as far as it is read.
pub(super) fn packed_bytes(path: &Path) -> u64 {
    let Some(folder) = unpacked(path) else { return fs::metadata(path).map_or(0, |of| of.len()) };
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|of| of.len()).sum()
}

/// What `package.json` of the package at `path` says. Reads no further than to it.
pub(super) fn read_manifest(path: &Path) -> Result<Manifest> {
    let mut found = None;
    let done = read_files(path, LIMITS, &ProgressBar::hidden(), &mut |name, bytes| {
        if name == "package.json" {
            found = Some(Manifest::read(&bytes)?);
            bail!("enough was read");
        }
        Ok(())
    });
    match found {
        Some(manifest) => Ok(manifest),
        None => {
            done?;
            bail!("there is no package/package.json in it")
        }
    }
}

/// Gives every definition of the package at `path` and its `package.json`; examples and all other folders are left
/// out. `bar` moves with the bytes read.
pub(super) fn read_files(path: &Path, limits: Limits, bar: &ProgressBar, take: &mut Take<'_>) -> Result<()> {
    if let Some(folder) = unpacked(path).filter(|_| path.is_dir()) {
        return read_folder(&folder, limits, bar, take);
    }
    let file = File::open(path).with_context(|| format!("read {}", path.display()))?;
    read_archive(bar.wrap_read(file), limits, take)
}

fn read_folder(folder: &Path, limits: Limits, bar: &ProgressBar, take: &mut Take<'_>) -> Result<()> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for (entry, number) in fs::read_dir(folder)?.zip(0..) {
        ensure!(number < limits.files, "it has more than {} files", limits.files);
        paths.push(entry?.path());
    }
    paths.sort();
    for path in paths {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !is_wanted(name) || !path.is_file() {
            continue;
        }
        let bytes = fs::metadata(&path)?.len();
        check_size(name, bytes, limits)?;
        take(name, fs::read(&path)?)?;
        bar.inc(bytes);
    }
    Ok(())
}

/// Gives the definitions of a packed package.
pub(super) fn read_archive(packed: impl Read, limits: Limits, take: &mut Take<'_>) -> Result<()> {
    let unpacked = Bounded { inner: MultiGzDecoder::new(packed), left: limits.unpacked_bytes };
    let mut archive = tar::Archive::new(unpacked);
    let mut long_name: Option<Vec<u8>> = None;
    // Raw: the library would read the record of a long name whole, however long it is.
    for (entry, number) in archive.entries()?.raw(true).zip(0..) {
        ensure!(number < limits.files, "it has more than {} files", limits.files);
        let mut entry = entry.context("it is not a whole .tgz")?;
        let kind = entry.header().entry_type();
        if kind.is_gnu_longname() || kind.is_pax_local_extensions() {
            ensure!(entry.size() <= NAME_RECORD_BYTES_MAX, "it has a file name that is too long");
            let mut record = Vec::new();
            entry.read_to_end(&mut record)?;
            let name = if kind.is_gnu_longname() { Some(record) } else { pax_path(&record) };
            long_name = name.or(long_name);
            continue;
        }
        let name = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
        let name = String::from_utf8_lossy(&name).trim_end_matches('\0').to_owned();
        let leads_out = name.starts_with('/') || name.split(['/', '\\']).any(|step| step == "..");
        ensure!(!leads_out, "it has a file whose name leads out of it: {name:?}");
        let place = name.strip_prefix("./").unwrap_or(&name);
        let Some(file) = place.strip_prefix("package/").filter(|file| kind.is_file() && is_wanted(file))
        else {
            continue;
        };
        check_size(file, entry.size(), limits)?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).context("it is not a whole .tgz")?;
        take(file, bytes)?;
    }
    Ok(())
}

/// Whether a file directly in `package/` can be a definition: JSON, and no index that other tools keep.
fn is_wanted(name: &str) -> bool {
    name.ends_with(".json") && !name.starts_with('.') && !name.contains('/')
}

fn check_size(name: &str, bytes: u64, limits: Limits) -> Result<()> {
    ensure!(bytes <= limits.file_bytes, "{name} is longer than {} bytes", limits.file_bytes);
    Ok(())
}

/// The path that a record of the POSIX extended format tells, if it does: `LENGTH path=NAME` and a line feed.
fn pax_path(record: &[u8]) -> Option<Vec<u8>> {
    record.split(|byte| *byte == b'\n').find_map(|line| {
        let space = line.iter().position(|byte| *byte == b' ')?;
        line[space + 1..].strip_prefix(b"path=").map(<[u8]>::to_vec)
    })
}

/// A reader that fails when more comes than was allowed.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::new(io::ErrorKind::FileTooLarge, "it unpacks to more bytes than are taken")
        })?;
        Ok(read)
    }
}
