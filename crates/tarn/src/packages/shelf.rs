//! The folder where packages are kept: each whole in a folder of its own, under its name and version.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail, ensure};
use fhir::package::{
    Contents, ContentsError, Entry, Library, Manifest, PackageKey, Registry, read_index_line,
};
use guides::GuideContents;
use indicatif::ProgressBar;

use super::archive;
use super::writer::{CONTENTS, INDEX, INDEX_HEAD, MANIFEST, Writer, Written};

/// The most packages that are kept.
const PACKAGES_MAX: usize = 1_000;

/// The most bytes of an index or a manifest.
const INDEX_BYTES_MAX: u64 = 256 << 20;

/// The most bytes of a definition.
const DEFINITION_BYTES_MAX: usize = fhir::DOCUMENT_BYTES_MAX;

/// Where packages are kept. Changes are made by one process at a time; readers need no lock, since a package comes and
/// goes whole, and what a reader has open stays readable.
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    path: PathBuf,
}

/// A package that is kept.
pub(crate) struct Installed {
    /// What it says of itself.
    pub(crate) manifest: Manifest,
    /// Its definitions.
    pub(crate) entries: Vec<Entry>,
    /// Bytes on disk.
    pub(crate) bytes: u64,
    contents: File,
}

/// What adding a package did.
pub(crate) struct Added {
    /// What was written.
    pub(crate) written: Written,
    /// Whether a package of the same name and version was there before.
    pub(crate) replaced: bool,
}

impl Shelf {
    /// The shelf at `path`, which need not exist.
    pub(crate) fn new(path: PathBuf) -> Shelf {
        Shelf { path }
    }

    /// The packages that are there, with the time each came; in order.
    pub(crate) fn keys(&self) -> Result<Vec<(PackageKey, SystemTime)>> {
        let listing = match fs::read_dir(&self.path) {
            Ok(listing) => listing,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| format!("read {}", self.path.display())),
        };
        let mut keys = Vec::new();
        for entry in listing {
            let entry = entry?;
            let key = entry.file_name().to_str().and_then(PackageKey::parse);
            // What is being removed at this moment is not there.
            if let (Some(key), Ok(metadata)) = (key, entry.metadata()) {
                keys.push((key, metadata.modified()?));
            }
        }
        keys.sort();
        keys.truncate(PACKAGES_MAX);
        Ok(keys)
    }

    /// Opens a package that is there.
    pub(crate) fn open(&self, key: &PackageKey) -> Result<Installed> {
        let folder = self.folder(key);
        let read = |name: &str| {
            let path = folder.join(name);
            let bytes = fs::metadata(&path).with_context(|| format!("read {}", path.display()))?.len();
            ensure!(bytes <= INDEX_BYTES_MAX, "{} is too long", path.display());
            fs::read(&path).with_context(|| format!("read {}", path.display()))
        };
        let manifest = Manifest::read(&read(MANIFEST)?)?;
        ensure!(manifest.key == *key, "{} holds {}", folder.display(), manifest.key);
        let index = String::from_utf8(read(INDEX)?).context("the index is not text")?;
        let mut lines = index.lines();
        ensure!(
            lines.next() == Some(INDEX_HEAD),
            "the index of {key} is of another version of tarn: add it again"
        );
        let entries = lines.map(|line| read_index_line(line).map_err(Into::into)).collect::<Result<_>>()?;
        let contents =
            File::open(folder.join(CONTENTS)).with_context(|| format!("read the contents of {key}"))?;
        let bytes = contents.metadata()?.len() + index.len() as u64;
        Ok(Installed { manifest, entries, bytes, contents })
    }

    /// All packages that can be opened, and the guides that come along, as a library; and what is wrong with the others.
    /// A package replaces the guide of its name and version.
    pub(crate) fn library(&self) -> Result<(Library, Vec<String>)> {
        let (mut packages, mut contents, mut faults) = (guides::packages(), HashMap::new(), Vec::new());
        for (key, _) in self.keys()? {
            match self.open(&key) {
                Ok(installed) => {
                    packages.retain(|(manifest, _)| manifest.key != key);
                    packages.push((installed.manifest, installed.entries));
                    contents.insert(key, installed.contents);
                }
                Err(error) => faults.push(format!("{key}: {error:#}")),
            }
        }
        let keys: Vec<PackageKey> = contents.keys().cloned().collect();
        let contents = GuideContents::new(Box::new(OpenContents(contents)), &keys);
        Ok((Library::new(Registry::new(packages), Box::new(contents)), faults))
    }

    /// Adds the package at `source`, an archive or a folder; one of the same name and version is replaced.
    pub(crate) fn add(&self, source: &Path, bar: &ProgressBar) -> Result<Added> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.path)
            .with_context(|| format!("make {}", self.path.display()))?;
        let _lock = self.lock()?;
        self.sweep()?;
        let draft = self.path.join(".new");
        fs::create_dir(&draft).with_context(|| format!("write to {}", self.path.display()))?;
        let written = self.write(source, &draft, bar);
        if written.is_err() {
            fs::remove_dir_all(&draft).context("clean up")?;
        }
        let written = written?;
        let folder = self.folder(&written.manifest.key);
        let replaced = folder.exists();
        if replaced {
            fs::rename(&folder, self.path.join(".old"))?;
        } else if self.keys()?.len() >= PACKAGES_MAX {
            fs::remove_dir_all(&draft).context("clean up")?;
            bail!("there are {PACKAGES_MAX} packages, and no more are kept");
        }
        fs::rename(&draft, &folder)?;
        File::open(&self.path)?.sync_all()?;
        self.sweep()?;
        Ok(Added { written, replaced })
    }

    fn write(&self, source: &Path, draft: &Path, bar: &ProgressBar) -> Result<Written> {
        let mut writer = Writer::new(draft)?;
        archive::read_files(source, archive::LIMITS, bar, &mut |name, bytes| writer.take(name, bytes))?;
        writer.finish()
    }

    /// Removes a package. Returns whether it was there.
    pub(crate) fn remove(&self, key: &PackageKey) -> Result<bool> {
        let folder = self.folder(key);
        if !folder.exists() {
            return Ok(false);
        }
        let _lock = self.lock()?;
        self.sweep()?;
        fs::rename(&folder, self.path.join(".old")).with_context(|| format!("remove {key}"))?;
        File::open(&self.path)?.sync_all()?;
        self.sweep()?;
        Ok(true)
    }

    /// How many bytes adding `source` will read.
    pub(crate) fn bytes_to_read(source: &Path) -> u64 {
        archive::packed_bytes(source)
    }

    fn folder(&self, key: &PackageKey) -> PathBuf {
        self.path.join(key.to_string())
    }

    /// Waits until no other process changes the shelf.
    fn lock(&self) -> Result<File> {
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(self.path.join(".lock"))
            .with_context(|| format!("write to {}", self.path.display()))?;
        lock.lock().context("lock the packages")?;
        Ok(lock)
    }

    /// Removes what a killed process left behind; the lock is held.
    fn sweep(&self) -> Result<()> {
        for name in [".new", ".old"] {
            match fs::remove_dir_all(self.path.join(name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("clean up {}", self.path.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The contents of packages, open for as long as their library is held.
struct OpenContents(HashMap<PackageKey, File>);

impl Contents for OpenContents {
    fn read(&self, package: &PackageKey, entry: &Entry) -> Result<Vec<u8>, ContentsError> {
        let fault = |what: &str| ContentsError(format!("{} of {package}: {what}", entry.url));
        let file = self.0.get(package).ok_or_else(|| fault("the package is not open"))?;
        let length = usize::try_from(entry.place.end - entry.place.start)
            .ok()
            .filter(|length| *length <= DEFINITION_BYTES_MAX)
            .ok_or_else(|| fault("the index is damaged"))?;
        let mut packed = vec![0; length];
        file.read_exact_at(&mut packed, entry.place.start).map_err(|error| fault(&error.to_string()))?;
        let mut unpacked = Vec::new();
        let decoder =
            zstd::stream::read::Decoder::new(&packed[..]).map_err(|error| fault(&error.to_string()))?;
        std::io::Read::read_to_end(
            &mut std::io::Read::take(decoder, DEFINITION_BYTES_MAX as u64),
            &mut unpacked,
        )
        .map_err(|error| fault(&error.to_string()))?;
        Ok(unpacked)
    }
}
