//! The engine's own list of its files, verified before the engine trusts it. Every space is a folder
//! `keyspaces/{number}` with a file `current` (number of a manifest (8, little-endian) · its checksum (16) · 0), that
//! manifest `v{number}`, and tables in `tables/`, whose checksums the manifest lists. The engine writes all these
//! checksums, but compares none of them, and takes a space without `current` for one that was never made.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use super::{KvError, io_failure};

/// The engine's mark that a database is made: `version`, the last of its files to be written.
const VERSION_BYTES: u64 = 4;
const CURRENT_BYTES: usize = 25;
const TABLE_BYTES: usize = 33;
/// Read at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// Verifies what leads to the tables of the database in `folder`. If it was in use before, it must have `spaces`
/// spaces, and the engine's own.
pub(super) fn verify(folder: &Path, spaces: usize, was_used: bool) -> Result<(), KvError> {
    let mut whole = 0;
    for space in spaces_of(folder)? {
        let manifest = manifest_of(&space)?;
        whole += usize::from(manifest.is_some());
    }
    let is_made = folder.join("version").exists();
    if (whole > 0 && !is_made) || (was_used && (!is_made || whole <= spaces)) {
        return Err(KvError::Damaged("the list of tables: a space is missing".to_owned()));
    }
    if was_used {
        // The engine's own lock, whose content is nothing: without it a whole database would not open.
        let lock = File::options().create(true).append(true).open(folder.join("lock"));
        lock.map_err(|error| io_failure("lock", &error))?;
    }
    Ok(())
}

/// Removes what a crash left of the making of a database in which nothing was written yet; the engine does not open it.
pub(super) fn remove_unfinished(folder: &Path) -> Result<(), KvError> {
    let is_made = fs::metadata(folder.join("version")).is_ok_and(|version| version.len() >= VERSION_BYTES);
    let has_space = spaces_of(folder)?.iter().any(|space| space.join("current").exists());
    if is_made || has_space {
        return Ok(());
    }
    let removed = |outcome: std::io::Result<()>| match outcome {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io_failure("journal", &error)),
        _ => Ok(()),
    };
    removed(fs::remove_file(folder.join("version")))?;
    removed(fs::remove_file(folder.join("0.jnl")))?;
    removed(fs::remove_dir_all(folder.join("keyspaces")))
}

/// Reads every table of the database in `folder` and compares it with its checksum. Returns how many there are, with
/// a sentence for each that is damaged.
pub(super) fn check_tables(folder: &Path) -> Result<(u64, Vec<String>), KvError> {
    let (mut count, mut faults) = (0, Vec::new());
    if super::mark::is_damaged(folder) {
        faults.push("the file synced is not what was written".to_owned());
    }
    for space in spaces_of(folder)? {
        for (table, checksum) in tables_of(&space)? {
            count += 1;
            let path = space.join("tables").join(table.to_string());
            // A merge may have replaced it since the list was read.
            let is_listed = |space: &Path| Ok::<_, KvError>(tables_of(space)?.contains(&(table, checksum)));
            let is_same = checksum_of(&path).is_ok_and(|found| found == checksum);
            if !is_same && is_listed(&space)? {
                let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
                faults.push(format!("the table {name} is not what was written"));
            }
        }
    }
    Ok((count, faults))
}

fn spaces_of(folder: &Path) -> Result<Vec<PathBuf>, KvError> {
    let entries = match fs::read_dir(folder.join("keyspaces")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_failure("the list of tables", &error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| io_failure("the list of tables", &error))?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The manifest of a space, compared with its checksum; `None` if it has none, as when a crash came while it was made.
fn manifest_of(space: &Path) -> Result<Option<PathBuf>, KvError> {
    let damaged = || KvError::Damaged(format!("the list of tables in {}", name_of(space)));
    let current = match fs::read(space.join("current")) {
        Ok(current) => current,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_failure("the list of tables", &error)),
    };
    let current = <[u8; CURRENT_BYTES]>::try_from(current).map_err(|_| damaged())?;
    let number = u64::from_le_bytes(current[..8].try_into().expect("eight bytes are eight bytes"));
    let checksum = u128::from_le_bytes(current[8..24].try_into().expect("16 bytes are 16 bytes"));
    let path = space.join(format!("v{number}"));
    match checksum_of(&path) {
        Ok(found) if found == checksum && current[24] == 0 => Ok(Some(path)),
        _ => Err(damaged()),
    }
}

/// The numbers and checksums of the tables of a space.
fn tables_of(space: &Path) -> Result<Vec<(u64, u128)>, KvError> {
    let Some(path) = manifest_of(space)? else { return Ok(Vec::new()) };
    let damaged = || KvError::Damaged(format!("the list of tables in {}", name_of(space)));
    let reader = sfa::Reader::new(&path).map_err(|_| damaged())?;
    let section = reader.toc().section(b"tables").ok_or_else(damaged)?;
    let mut text = Vec::new();
    let mut section = section.buf_reader(&path).map_err(|_| damaged())?;
    section.read_to_end(&mut text).map_err(|error| io_failure("the list of tables", &error))?;
    listed(&text).ok_or_else(damaged)
}

/// The list in a manifest: levels (1), of each its runs (1), of each its tables (4), of each number (8) · 0 ·
/// checksum (16) · sequence (8).
fn listed(mut text: &[u8]) -> Option<Vec<(u64, u128)>> {
    let mut tables = Vec::new();
    let (levels, rest) = text.split_first()?;
    text = rest;
    for _ in 0..*levels {
        let (runs, rest) = text.split_first()?;
        text = rest;
        for _ in 0..*runs {
            let (count, rest) = text.split_first_chunk::<4>()?;
            text = rest;
            for _ in 0..u32::from_le_bytes(*count) {
                let (table, rest) = text.split_first_chunk::<TABLE_BYTES>()?;
                let number = u64::from_le_bytes(table[..8].try_into().ok()?);
                tables.push((number, u128::from_le_bytes(table[9..25].try_into().ok()?)));
                text = rest;
            }
        }
    }
    text.is_empty().then_some(tables)
}

fn checksum_of(path: &Path) -> std::io::Result<u128> {
    let (mut file, mut hash) = (File::open(path)?, Xxh3::new());
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.digest128()),
            count => hash.update(&buffer[..count]),
        }
    }
}

fn name_of(space: &Path) -> String {
    let number = space.file_name().unwrap_or_default().to_string_lossy();
    format!("keyspaces/{number}")
}
