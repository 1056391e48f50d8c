//! Writes a package as a folder keeps it: its manifest, an index of its definitions, and these, each compressed.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use fhir::Resource;
use fhir::package::{Entry, Manifest, index_line};
use fhir::profile::{Pool, StructureDefinition};

/// The first line of an index.
pub(super) const INDEX_HEAD: &str = "tarn package index 1";

/// The names of the files of a package.
pub(super) const MANIFEST: &str = "package.json";
pub(super) const INDEX: &str = "index";
pub(super) const CONTENTS: &str = "contents";

/// How hard definitions are compressed: some ten to one, at a hundred megabytes a second.
const COMPRESSION: i32 = 6;

/// A package on its way into a folder.
pub(super) struct Writer {
    folder: PathBuf,
    contents: BufWriter<File>,
    at: u64,
    entries: Vec<Entry>,
    manifest: Option<Manifest>,
    faults: Vec<String>,
    pool: Pool,
}

/// What was written.
pub(crate) struct Written {
    /// What the package says of itself.
    pub(crate) manifest: Manifest,
    /// How many definitions it has.
    pub(crate) definitions: usize,
    /// What could not be read in it, a sentence each.
    pub(crate) faults: Vec<String>,
}

impl Writer {
    /// Begins in `folder`, which is empty.
    pub(super) fn new(folder: &Path) -> Result<Writer> {
        let contents = File::create(folder.join(CONTENTS)).context("write the contents")?;
        Ok(Writer {
            folder: folder.to_owned(),
            contents: BufWriter::with_capacity(1 << 20, contents),
            at: 0,
            entries: Vec::new(),
            manifest: None,
            faults: Vec::new(),
            pool: Pool::new(),
        })
    }

    /// Takes a file of the package. What is no definition is left out.
    pub(super) fn take(&mut self, name: &str, bytes: Vec<u8>) -> Result<()> {
        if name == "package.json" {
            let manifest = Manifest::read(&bytes)?;
            ensure!(
                manifest.is_r4(),
                "{} is for FHIR {}, and this is R4 (4.0.1)",
                manifest.key,
                manifest.fhir_versions.join(", ")
            );
            fs::write(self.folder.join(MANIFEST), &bytes).context("write package.json")?;
            self.manifest = Some(manifest);
            return Ok(());
        }
        let resource = match Resource::parse(bytes) {
            Ok(resource) => resource,
            Err(error) => {
                // Other JSON lies in packages too, and is none of a server's business.
                if name.contains('-') && name.starts_with(|first: char| first.is_ascii_uppercase()) {
                    self.faults.push(format!("{name}: {error}"));
                }
                return Ok(());
            }
        };
        let Some(mut entry) = Entry::of(&resource, 0..0) else { return Ok(()) };
        if resource.of().name() == "StructureDefinition"
            && let Err(error) = StructureDefinition::read(&resource, &mut self.pool)
        {
            self.faults.push(format!("{name}: {error}"));
        }
        let packed = zstd::bulk::compress(resource.document().bytes(), COMPRESSION)?;
        self.contents.write_all(&packed).context("write the contents")?;
        entry.place = self.at..self.at + packed.len() as u64;
        self.at = entry.place.end;
        self.entries.push(entry);
        Ok(())
    }

    /// Ends: everything is on disk.
    pub(super) fn finish(self) -> Result<Written> {
        let manifest = self.manifest.context("there is no package/package.json in it")?;
        let mut index = format!("{INDEX_HEAD}\n");
        for entry in &self.entries {
            index.push_str(&index_line(entry));
            index.push('\n');
        }
        fs::write(self.folder.join(INDEX), index).context("write the index")?;
        let contents = self.contents.into_inner().context("write the contents")?;
        contents.sync_all()?;
        for name in [MANIFEST, INDEX] {
            File::open(self.folder.join(name))?.sync_all()?;
        }
        File::open(&self.folder)?.sync_all()?;
        Ok(Written { manifest, definitions: self.entries.len(), faults: self.faults })
    }
}
