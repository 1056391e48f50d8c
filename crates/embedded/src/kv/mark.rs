//! Batches are numbered, and a small file keeps the number of the last one that is known to be on the disk. With it, a
//! batch that a crash tore before anybody was told of it differs from one that was lost afterwards.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The engine's name for the space that holds the mark, and its only key. No other space has a key of these bytes.
pub(super) const SPACE: &str = "mark";
/// See [`SPACE`].
pub(super) const KEY: &[u8] = b"tarn mark";
/// The file beside the journals.
const FILE: &str = "synced";
const FILE_BYTES: usize = 16;

/// What every batch carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// Its number: one more than that of the batch before.
    pub(super) number: u64,
    /// The newest batch that was known to be synced when this one was written.
    pub(super) synced: u64,
}

impl Mark {
    /// The length of a mark, in bytes.
    pub(super) const BYTES: usize = 16;

    /// The mark in these bytes.
    pub(super) fn of(bytes: &[u8; Mark::BYTES]) -> Mark {
        let number = |at: usize| {
            u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes are eight bytes"))
        };
        Mark { number: number(0), synced: number(8) }
    }

    /// Its bytes.
    pub(super) fn bytes(self) -> [u8; Mark::BYTES] {
        let mut bytes = [0; Mark::BYTES];
        bytes[..8].copy_from_slice(&self.number.to_le_bytes());
        bytes[8..].copy_from_slice(&self.synced.to_le_bytes());
        bytes
    }
}

/// The file that tells up to which batch all are on the disk. It is written after each sync and never synced itself:
/// what it says is true whenever it came to the disk.
#[derive(Debug)]
pub(super) struct SyncedFile(File);

impl SyncedFile {
    /// Opens the file in `folder`, made if absent, with what it says: `None` if it was never written, or not whole.
    pub(super) fn open(folder: &Path) -> std::io::Result<(SyncedFile, Option<u64>)> {
        let path = folder.join(FILE);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut bytes = [0; FILE_BYTES];
        let said = match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => number_of(&bytes),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => None,
            Err(error) => return Err(error),
        };
        Ok((SyncedFile(file), said))
    }

    /// Says that all batches up to this one are on the disk.
    pub(super) fn say(&self, number: u64) -> std::io::Result<()> {
        self.0.write_all_at(&bytes_of(number), 0)
    }

    /// Forgets what it said.
    pub(super) fn forget(folder: &Path) -> std::io::Result<()> {
        match std::fs::remove_file(folder.join(FILE)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Whether the file in `folder` is there and says nothing.
pub(super) fn is_damaged(folder: &Path) -> bool {
    std::fs::read(folder.join(FILE)).is_ok_and(|bytes| {
        !bytes.is_empty()
            && <[u8; FILE_BYTES]>::try_from(bytes).ok().and_then(|bytes| number_of(&bytes)).is_none()
    })
}

fn bytes_of(number: u64) -> [u8; FILE_BYTES] {
    let mut bytes = [0; FILE_BYTES];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes[8..].copy_from_slice(&blake3::hash(&number.to_le_bytes()).as_bytes()[..8]);
    bytes
}

fn number_of(bytes: &[u8; FILE_BYTES]) -> Option<u64> {
    let number = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes are eight bytes"));
    (bytes_of(number) == *bytes).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_tells_what_was_said_last_and_nothing_when_it_is_not_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (file, said) = SyncedFile::open(folder.path()).unwrap();
        assert_eq!(said, None);
        file.say(7).unwrap();
        file.say(300).unwrap();
        assert_eq!(SyncedFile::open(folder.path()).unwrap().1, Some(300));
        let path = folder.path().join(FILE);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[1] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(SyncedFile::open(folder.path()).unwrap().1, None);
        SyncedFile::forget(folder.path()).unwrap();
        assert_eq!(SyncedFile::open(folder.path()).unwrap().1, None);
    }

    #[test]
    fn a_mark_is_what_its_bytes_say() {
        let mark = Mark { number: u64::MAX - 1, synced: 5 };
        assert_eq!(Mark::of(&mark.bytes()), mark);
    }
}
