//! `tarn package`: FHIR packages, by whose profiles and value sets resources are judged.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use fhir::package::{DEFAULT_VERSIONS, Entry, Manifest, PackageKey, covers};
use serde_json::{Value, json};

use super::progress;
use crate::folder::packages_of;
use crate::packages::{Shelf, find};

/// The package whose definitions tarn brings itself.
const CORE: &str = "hl7.fhir.r4.core";

/// How many of a package's faults are told.
const FAULTS_TOLD_MAX: usize = 10;

/// What to do with packages. A server that runs on the data folder sees the change within a second.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Add packages: a .tgz of the FHIR NPM format, an unpacked one, or a folder of .tgz files.
    Add {
        /// Where they are.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
    /// List the packages that are there.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Remove a package in one version (NAME@VERSION) or in all (NAME).
    Remove {
        /// Which.
        #[arg(value_name = "NAME[@VERSION]")]
        package: String,
        #[command(flatten)]
        place: Place,
    },
}

/// Which data folder, and how to answer.
#[derive(Args, Debug)]
pub(crate) struct Place {
    /// The data folder.
    #[arg(long, env = "TARN_DATA", default_value = "tarn-data")]
    data: PathBuf,
    /// Write JSON for programs instead of lines for people.
    #[arg(long)]
    json: bool,
}

impl Place {
    fn shelf(&self) -> Shelf {
        Shelf::new(packages_of(&self.data))
    }
}

impl Command {
    /// Does it.
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self {
            Command::Add { paths, place } => add(&paths, &place),
            Command::List { place } => list(&place),
            Command::Remove { package, place } => remove(&package, &place),
        }
    }
}

/// Adds what can be added; fails if anything could not.
fn add(paths: &[PathBuf], place: &Place) -> Result<ExitCode> {
    let mut sources = Vec::new();
    for path in paths {
        sources.extend(find(path)?);
    }
    let shelf = place.shelf();
    let bar = progress::bytes(
        place.json,
        sources.iter().map(|source| Shelf::bytes_to_read(source)).sum(),
        "packages",
    );
    let (mut added, mut keys, mut failed) = (Vec::new(), Vec::new(), 0);
    for source in &sources {
        match add_one(&shelf, source, &bar) {
            Ok((key, line, json)) => {
                keys.push(key);
                if !place.json {
                    bar.suspend(|| println!("{line}"));
                }
                added.push(json);
            }
            Err(error) => {
                failed += 1;
                bar.suspend(|| eprintln!("{} is not added: {error:#}", source.display()));
            }
        }
    }
    bar.finish_and_clear();
    if place.json {
        println!("{:#}", json!({ "added": added, "failed": failed }));
    } else {
        for key in &keys {
            let missing = missing(&shelf, key)?;
            if !missing.is_empty() {
                println!("{key} builds on packages that are not here: {}", missing.join(", "));
            }
        }
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn add_one(
    shelf: &Shelf,
    source: &Path,
    bar: &indicatif::ProgressBar,
) -> Result<(PackageKey, String, Value)> {
    let added = shelf.add(source, bar)?;
    let (written, replaced) = (added.written, added.replaced);
    let key = &written.manifest.key;
    let did = if replaced { "replaced" } else { "added" };
    let mut line = format!("{did} {key}: {} definitions", written.definitions);
    for fault in written.faults.iter().take(FAULTS_TOLD_MAX) {
        line.push_str(&format!("\n  cannot be used: {fault}"));
    }
    if written.faults.len() > FAULTS_TOLD_MAX {
        line.push_str(&format!("\n  and {} more", written.faults.len() - FAULTS_TOLD_MAX));
    }
    let json = json!({
        "name": key.name,
        "version": key.version,
        "definitions": written.definitions,
        "replaced": replaced,
        "faults": written.faults,
    });
    Ok((written.manifest.key, line, json))
}

/// What the package of this key builds on and is not there.
fn missing(shelf: &Shelf, of: &PackageKey) -> Result<Vec<String>> {
    let mut keys: Vec<PackageKey> = shelf.keys()?.into_iter().map(|(key, _)| key).collect();
    keys.extend(guides::packages().into_iter().map(|(manifest, _)| manifest.key));
    let is_here = |wanted: &PackageKey| {
        wanted.name == CORE
            || keys.iter().any(|known| known.name == wanted.name && covers(&wanted.version, &known.version))
    };
    let dependencies = shelf.open(of)?.manifest.dependencies;
    Ok(dependencies.iter().filter(|wanted| !is_here(wanted)).map(ToString::to_string).collect())
}

/// A package in the list.
struct Row {
    manifest: Manifest,
    entries: Vec<Entry>,
    /// Bytes on disk; of a guide that comes along none.
    bytes: Option<u64>,
}

/// The packages that are there and, unless one of them replaces it, the guides that come along; in order. What cannot
/// be used is told, and makes the list incomplete.
fn rows(shelf: &Shelf) -> Result<(Vec<Row>, bool)> {
    let (mut rows, mut is_whole) = (Vec::new(), true);
    for (key, _) in shelf.keys()? {
        match shelf.open(&key) {
            Ok(found) => {
                rows.push(Row { manifest: found.manifest, entries: found.entries, bytes: Some(found.bytes) });
            }
            Err(error) => {
                is_whole = false;
                eprintln!("{key} cannot be used: {error:#}");
            }
        }
    }
    for (manifest, entries) in guides::packages() {
        if rows.iter().all(|row| row.manifest.key != manifest.key) {
            rows.push(Row { manifest, entries, bytes: None });
        }
    }
    rows.sort_by(|one, other| one.manifest.key.cmp(&other.manifest.key));
    Ok((rows, is_whole))
}

fn list(place: &Place) -> Result<ExitCode> {
    let (rows, is_whole) = rows(&place.shelf())?;
    if place.json {
        println!("{:#}", Value::Array(rows.iter().map(as_json).collect()));
    } else {
        rows.iter().for_each(|row| println!("{}", as_line(row)));
    }
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn profiles(of: &Row) -> usize {
    of.entries.iter().filter(|entry| entry.of.name() == "StructureDefinition").count()
}

fn is_default(key: &PackageKey) -> bool {
    DEFAULT_VERSIONS.contains(&(&*key.name, &*key.version))
}

fn as_line(of: &Row) -> String {
    let key = &of.manifest.key;
    let default = if is_default(key) { "  default version" } else { "" };
    let bytes = of.bytes.map_or("comes along".to_owned(), |bytes| format!("{:>7} KiB", bytes.div_ceil(1024)));
    format!(
        "{:<48} {:>6} definitions, {:>5} structures  {bytes:>11}{default}",
        key.to_string(),
        of.entries.len(),
        profiles(of),
    )
}

fn as_json(of: &Row) -> Value {
    let manifest = &of.manifest;
    json!({
        "name": manifest.key.name,
        "version": manifest.key.version,
        "title": manifest.title,
        "canonical": manifest.canonical,
        "definitions": of.entries.len(),
        "structures": profiles(of),
        "bytes": of.bytes,
        "comesAlong": of.bytes.is_none(),
        "default": is_default(&manifest.key),
        "dependencies": manifest.dependencies.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn remove(package: &str, place: &Place) -> Result<ExitCode> {
    let shelf = place.shelf();
    let wanted: Vec<PackageKey> = match PackageKey::parse(package) {
        Some(key) => vec![key],
        None => {
            let keys = shelf.keys()?.into_iter().map(|(key, _)| key);
            keys.filter(|key| key.name == package).collect()
        }
    };
    let mut removed = Vec::new();
    for key in wanted {
        if shelf.remove(&key).with_context(|| format!("remove {key}"))? {
            removed.push(key);
        }
    }
    if removed.is_empty() {
        let named = |key: &PackageKey| key.name == package || key.to_string() == package;
        if guides::packages().iter().any(|(manifest, _)| named(&manifest.key)) {
            bail!("{package} comes along with tarn and stays");
        }
        bail!("there is no package {package}; `tarn package list` shows those that are there");
    }
    if place.json {
        let removed: Vec<String> = removed.iter().map(ToString::to_string).collect();
        println!("{:#}", json!({ "removed": removed }));
        return Ok(ExitCode::SUCCESS);
    }
    for key in removed {
        println!("removed {key}");
        for (left, _) in shelf.keys()? {
            if missing(&shelf, &left)?.iter().any(|missing| missing.split('@').next() == Some(&key.name)) {
                println!("{left} builds on {}", key.name);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
