//! What the engine alone would not survive: a crash while a database is made, a write behind a failed one, and a
//! journal whose end was lost.

use std::fs;
use std::path::Path;

use super::*;

const SPACES: [SpaceOptions; 1] = [SpaceOptions { name: "all", block_bytes: 4096, memtable_bytes: 1 << 20 }];

fn open_guarded(folder: &Path, guard: Option<StepGuard>) -> Result<Kv, KvError> {
    Kv::open(folder, &SPACES, EngineLimits::of(1 << 20), guard)
}

fn open(folder: &Path) -> Result<Kv, KvError> {
    open_guarded(folder, None)
}

fn put(kv: &Kv, key: u8) -> Result<(), KvError> {
    let mut batch = Batch::default();
    batch.put(Space(0), vec![key], vec![key; 100]);
    kv.write(batch).and_then(|()| kv.sync())
}

fn keys(kv: &Kv) -> Vec<u8> {
    kv.scan(Space(0), &[0], &[255]).map(|pair| pair.unwrap().0[0]).collect()
}

/// A copy as a crash of the process would leave it.
fn image(folder: &Path) -> tempfile::TempDir {
    let image = tempfile::tempdir().unwrap();
    copy(folder, image.path());
    image
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn journal(folder: &Path) -> Vec<u8> {
    let mut bytes = fs::read(folder.join("0.jnl")).unwrap();
    bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
    bytes
}

/// A server that was killed on its first start never started again: the journal was there and the engine wanted to
/// make it.
#[test]
fn a_database_whose_making_was_interrupted_is_made() {
    let files: [(&str, &[u8]); 4] = [("lock", b""), ("0.jnl", b""), ("0.jnl", &[0; 5000]), ("version", b"")];
    for count in 0..=files.len() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("keyspaces")).unwrap();
        for (name, content) in &files[..count] {
            fs::write(folder.path().join(name), content).unwrap();
        }
        let kv = open(folder.path()).unwrap();
        put(&kv, 1).unwrap();
        drop(kv);
        assert_eq!(keys(&open(folder.path()).unwrap()), [1]);
    }
}

#[test]
fn a_database_without_its_version_is_damaged_and_not_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let kv = open(folder.path()).unwrap();
    put(&kv, 1).unwrap();
    kv.flush().unwrap();
    drop(kv);
    fs::remove_file(folder.path().join("version")).unwrap();
    fs::remove_file(folder.path().join("synced")).unwrap();
    fs::write(folder.path().join("0.jnl"), []).unwrap();
    assert!(matches!(open(folder.path()), Err(KvError::Damaged(_))));
}

/// A batch that failed half-way lay in the journal, and the engine gave up there what was acknowledged after it.
#[test]
fn nothing_is_written_behind_a_failed_write_until_the_database_is_opened_again() {
    for failing in ["write", "sync"] {
        let folder = tempfile::tempdir().unwrap();
        let steps = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let counted = steps.clone();
        let guard: StepGuard = Arc::new(move |name| {
            let is_third = name == failing && counted.fetch_add(1, Ordering::SeqCst) == 2;
            if is_third { Err(KvError::Full) } else { Ok(()) }
        });
        let kv = open_guarded(folder.path(), Some(guard)).unwrap();
        put(&kv, 1).unwrap();
        put(&kv, 2).unwrap();
        assert!(matches!(put(&kv, 3), Err(KvError::Full)));
        assert!(matches!(put(&kv, 4), Err(KvError::Stopped)) && kv.is_stopped());
        assert_eq!(keys(&kv)[..2], [1, 2], "reads go on");
        drop(kv);
        let kv = open(folder.path()).unwrap();
        put(&kv, 5).unwrap();
        let keys = keys(&kv);
        assert!(keys.starts_with(&[1, 2]) && keys.ends_with(&[5]) && !keys.contains(&4), "{keys:?}");
    }
}

#[test]
fn a_torn_end_that_nobody_was_told_of_is_given_up_and_one_that_was_synced_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let kv = open(folder.path()).unwrap();
    put(&kv, 1).unwrap();
    put(&kv, 2).unwrap();
    let synced = image(folder.path());
    let mut batch = Batch::default();
    batch.put(Space(0), vec![3], vec![3; 100]);
    kv.write(batch).unwrap();
    kv.database.persist(PersistMode::SyncData).unwrap();
    let unsaid = image(folder.path());
    let whole = journal(unsaid.path());
    let before = journal(synced.path()).len();
    for end in before..=whole.len() {
        let scene = image(unsaid.path());
        fs::write(scene.path().join("0.jnl"), &whole[..end]).unwrap();
        let kv = open(scene.path()).unwrap();
        assert_eq!(keys(&kv).len(), if end == whole.len() { 3 } else { 2 });
        put(&kv, 9).unwrap();
    }
    for end in [0, 1, before / 2, before - 1] {
        let scene = image(synced.path());
        fs::write(scene.path().join("0.jnl"), &whole[..end]).unwrap();
        assert!(matches!(open(scene.path()), Err(KvError::Damaged(_))), "{end}");
        assert!(matches!(open(scene.path()), Err(KvError::Damaged(_))), "it stays so");
        let repaired = repair(scene.path(), &SPACES, EngineLimits::of(1 << 20));
        assert!(repaired.unwrap().unwrap().batches_lost > 0);
        put(&open(scene.path()).unwrap(), 9).unwrap();
    }
}

/// Without the file the marks in later batches tell: whatever lies behind the damage was written after a sync of it.
#[test]
fn damage_in_the_middle_is_told_even_without_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let kv = open(folder.path()).unwrap();
    for key in 1..6 {
        put(&kv, key).unwrap();
    }
    let whole = journal(folder.path());
    for at in (0..whole.len() * 3 / 5).step_by(7) {
        let scene = image(folder.path());
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(scene.path().join("0.jnl"), bytes).unwrap();
        fs::remove_file(scene.path().join("synced")).unwrap();
        assert!(matches!(open(scene.path()), Err(KvError::Damaged(_))), "{at}");
    }
}
