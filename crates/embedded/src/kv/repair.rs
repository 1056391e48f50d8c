//! Making a database writable again whose journal lost something that was on the disk: what can no longer be read is
//! put aside, and what was lost is told.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use super::journal::{Torn, inspect};
use super::mark::SyncedFile;
use super::{EngineLimits, Kv, KvError, SpaceOptions, io_failure};

/// What a repair did to a database, in words that hold no data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// How many batches that were on the disk are lost, at least. A batch is what was synced together: one commit, or
    /// several that came at the same time.
    pub batches_lost: u64,
    /// Batches behind the damage that can still be read, but not be applied, since what came before them is lost.
    pub batches_behind: u64,
    /// Where the damage is: a journal and the byte at which its good part ends; absent if journals are missing.
    pub place: Option<(PathBuf, u64)>,
    /// Where the damaged journals were copied to before anything was changed.
    pub copies: Option<PathBuf>,
}

/// Repairs the database in `folder`. Returns `None` if there is nothing to repair.
///
/// # Errors
/// When it is damaged elsewhere than in its journals, or the disk fails.
pub fn repair(
    folder: &Path,
    spaces: &[SpaceOptions],
    limits: EngineLimits,
) -> Result<Option<Repair>, KvError> {
    match Kv::open(folder, spaces, limits.clone(), None) {
        Err(KvError::Damaged(_)) => {}
        Err(error) => return Err(error),
        Ok(_) => return Ok(None),
    }
    let found = inspect(folder)?;
    let said = SyncedFile::open(folder).map_err(|error| io_failure("journal", &error))?.1;
    let known = found.synced.max(said.unwrap_or(0));
    let mut repair = Repair { batches_lost: 0, batches_behind: 0, place: None, copies: None };
    if let Some(torn) = found.torn {
        repair.copies = Some(put_aside(folder, &torn).map_err(|error| io_failure("journal", &error))?);
        repair.batches_behind = torn.readable;
        repair.place = Some((torn.path, torn.at));
    }
    SyncedFile::forget(folder).map_err(|error| io_failure("journal", &error))?;
    let kv = Kv::open(folder, spaces, limits, None)?;
    repair.batches_lost = known.saturating_sub(kv.written());
    Ok(Some(repair))
}

/// Copies the damaged journal and those after it, then cuts the one and removes the others.
fn put_aside(folder: &Path, torn: &Torn) -> std::io::Result<PathBuf> {
    let copies = (1..)
        .map(|number| folder.join(format!("damaged-{number}")))
        .find(|path| !path.exists())
        .expect("numbers have no end");
    fs::create_dir(&copies)?;
    for path in std::iter::once(&torn.path).chain(&torn.after) {
        let copy = copies.join(path.file_name().expect("a journal has a name"));
        fs::copy(path, &copy)?;
        fs::File::open(&copy)?.sync_all()?;
    }
    fs::File::open(&copies)?.sync_all()?;
    let file = OpenOptions::new().write(true).open(&torn.path)?;
    file.set_len(torn.at)?;
    file.sync_all()?;
    for path in &torn.after {
        fs::remove_file(path)?;
    }
    fs::File::open(folder)?.sync_all()?;
    Ok(copies)
}
