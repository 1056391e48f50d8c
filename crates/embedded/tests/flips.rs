//! A flipped byte anywhere in any file, a file cut short and a file that is missing: each is told, by the opening, by
//! the read or by the check, or it changes nothing; never is an answer wrong, and never is there a panic.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod world;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use embedded::{Bodies, EmbeddedStore, StorageError, StoreLimits, check, repair_store};
use fhir::Time;
use search::{Search, Total, Visible};
use store::suite::wait;
use store::{
    DataKey, History, JobId, ManualClock, Run, RunId, Scope, SeededRandom, Store, Stored, Transaction, Write,
};
use world::Dice;

const IDS: u64 = 25;
/// Flips in each file of a folder.
const FLIPS: u64 = 4;

fn open(folder: &Path) -> Result<EmbeddedStore, StorageError> {
    let key = DataKey::generate(&SeededRandom::new(1));
    let clock = Arc::new(ManualClock::at(Time(1_000_000)));
    EmbeddedStore::open(folder, &key, clock, StoreLimits::default())
}

fn operate(store: &dyn Store, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let mut dice = Dice(number * 104_729);
        if dice.one_in(4) {
            let puts = if dice.one_in(2) { 300 } else { 20 };
            let id = RunId { job: JobId::parse(&"c".repeat(32)).unwrap(), number };
            let puts = (0..puts).map(|_| world::extracted_put(&mut dice, IDS)).collect();
            wait(store.ingest(Run { id, puts })).unwrap();
        } else {
            let mut transaction = world::transaction_of(&mut dice, IDS, world::extracted_put);
            transaction.preconditions.clear();
            // A transaction of chance may name a resource twice and is refused then.
            let _ = wait(store.commit(transaction));
        }
    }
}

/// Copies a folder without the zeros at the end of its files.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, target) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            let bytes = fs::read(&path).unwrap();
            let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            let is_journal = path.extension().is_some_and(|extension| extension == "jnl");
            fs::write(&target, if is_journal { &bytes[..end] } else { &bytes }).unwrap();
        }
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

type Page = (Vec<Stored>, Option<u64>);

/// What a store is asked, each answer or why there is none.
fn answers(store: &EmbeddedStore) -> Vec<Result<Page, String>> {
    let everything = Visible::everything("test");
    let mut found = Vec::new();
    let history = wait(store.history(&History::of(Scope::System, 10_000), &everything));
    found.push(history.map(|page| (page.versions, None)).map_err(|error| error.to_string()));
    let mut dice = Dice(3);
    for _ in 0..15 {
        let of = world::of(&mut dice);
        let mut search = Search::new(&everything, of, world::filter(&mut dice, IDS, 2));
        (search.total, search.count) = (Total::Accurate, 1000);
        let page = wait(store.search(&search));
        found.push(page.map(|page| (page.matches, page.total)).map_err(|error| error.to_string()));
    }
    for _ in 0..60 {
        let one = wait(store.read(&[world::key(&mut dice, IDS)], &everything));
        let page = one.map(|found| (found.into_iter().flatten().collect(), None));
        found.push(page.map_err(|error| error.to_string()));
    }
    found
}

/// How damage was told.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    /// The opening refused, with these words.
    ByOpening(String),
    /// A read refused; all other answers are right.
    ByRead,
    /// The check named it; all answers are right.
    ByCheck,
    /// Nothing is different.
    Never,
}

/// Opens a damaged folder and asks everything. Fails if any answer is wrong.
fn told(folder: &Path, truth: &[Result<Page, String>], what: &str) -> Told {
    let store = match open(folder) {
        Err(error) => return Told::ByOpening(error.to_string()),
        Ok(store) => store,
    };
    let found = answers(&store);
    let mut refused = 0;
    for (at, (found, truth)) in found.iter().zip(truth).enumerate() {
        match found {
            Ok(page) => assert!(Ok(page) == truth.as_ref(), "{what}: answer {at} is wrong"),
            Err(_) => refused += 1,
        }
    }
    let report = check(&store, Bodies::Compare);
    let is_clean = report.is_ok_and(|report| report.problem_count == 0);
    match (refused, is_clean) {
        (0, true) => Told::Never,
        (0, false) => Told::ByCheck,
        (_, false) => Told::ByRead,
        (_, true) => panic!("{what}: a read is refused, and the check says nothing"),
    }
}

/// The kinds of folders that are damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// All is in the journal, but what imports brought.
    Journal,
    /// All is in tables, as after a stop.
    Tables,
    /// Tables, and a journal after them.
    Both,
    /// Something was erased, and all was compacted.
    Compacted,
}

/// A folder of this kind in `home`.
fn folder(home: &Path, kind: Kind) -> PathBuf {
    let (live, image) = (home.join("live"), home.join("image"));
    let store = open(&live).unwrap();
    operate(&store, 0..12);
    if kind == Kind::Journal {
        copy(&live, &image);
        return image;
    }
    drop(store);
    if kind == Kind::Tables {
        copy(&live, &image);
        return image;
    }
    let store = open(&live).unwrap();
    wait(store.settle()).unwrap();
    operate(&store, 12..24);
    if kind == Kind::Both {
        copy(&live, &image);
        return image;
    }
    let mut dice = Dice(5);
    let erasure =
        Transaction { writes: vec![Write::Erase(world::key(&mut dice, IDS))], ..Default::default() };
    wait(store.commit(erasure)).unwrap();
    wait(store.scrub()).unwrap();
    drop(store);
    copy(&live, &image);
    image
}

/// What is done to a file.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Flip(usize, u8),
    Empty,
    Missing,
}

fn damage(file: &Path, how: Damage) {
    match how {
        Damage::Flip(at, mask) => {
            let mut bytes = fs::read(file).unwrap();
            bytes[at] ^= mask;
            fs::write(file, bytes).unwrap();
        }
        Damage::Empty => fs::write(file, []).unwrap(),
        Damage::Missing => fs::remove_file(file).unwrap(),
    }
}

fn damages(file: &Path, dice: &mut Dice) -> Vec<Damage> {
    let length = fs::metadata(file).unwrap().len();
    let mut all = vec![Damage::Missing];
    if length > 0 {
        all.push(Damage::Empty);
        let flips = FLIPS.min(4 * length);
        all.extend((0..flips).map(|_| Damage::Flip(dice.below(length) as usize, 1 << dice.below(8))));
    }
    all
}

/// Whether a file of this folder may change without anything being different: the engine's lock is empty, and of its
/// lists of tables only the newest counts. What else may is the journal, where all that it holds is in tables.
fn may_change(folder: &Path, name: &Path, how: Damage) -> bool {
    let text = name.display().to_string();
    if text == "lock" {
        return true;
    }
    if text == "synced" || text.ends_with(".jnl") {
        return !matches!(how, Damage::Flip(..));
    }
    let parts: Vec<&str> = text.split('/').collect();
    let ["keyspaces", space, rest @ ..] = &parts[..] else { return false };
    let current = fs::read(folder.join("keyspaces").join(space).join("current")).unwrap();
    let newest = u64::from_le_bytes(current[..8].try_into().unwrap());
    match rest {
        [manifest] => manifest.strip_prefix('v').is_some_and(|number| number != newest.to_string()),
        // The copy was made while the engine removed what it had merged.
        ["tables", _] => {
            !is_listed(&folder.join("keyspaces").join(space).join(format!("v{newest}")), &folder.join(name))
        }
        _ => false,
    }
}

/// Whether a manifest holds the checksum of a table.
fn is_listed(manifest: &Path, table: &Path) -> bool {
    let checksum = xxhash_rust::xxh3::xxh3_128(&fs::read(table).unwrap()).to_le_bytes();
    fs::read(manifest).unwrap().windows(checksum.len()).any(|window| window == checksum)
}

fn damage_is_told(kind: Kind) {
    let home = tempfile::tempdir().unwrap();
    let mut dice = Dice(2024 + kind as u64);
    let (folder, work) = (folder(home.path(), kind), home.path().join("work"));
    let scene = |how: Option<(&Path, Damage)>| {
        let _ = fs::remove_dir_all(&work);
        copy(&folder, &work);
        if let Some((file, how)) = how {
            damage(&work.join(file), how);
        }
    };
    scene(None);
    let store = open(&work).unwrap();
    let truth = answers(&store);
    assert_eq!(check(&store, Bodies::Compare).unwrap().problems, Vec::<String>::new());
    drop(store);
    let mut all = Vec::new();
    files(&folder, &mut all);
    for file in all {
        let name = file.strip_prefix(&folder).unwrap();
        for how in damages(&file, &mut dice) {
            scene(Some((name, how)));
            let what = format!("{kind:?}/{}: {how:?}", name.display());
            let told = told(&work, &truth, &what);
            assert!(told != Told::Never || may_change(&folder, name, how), "{what}: nobody tells");
            if let Told::ByOpening(words) = told {
                assert!(words.contains("damaged"), "{what}: {words}");
            }
        }
    }
}

#[test]
fn damage_to_a_journal_is_told_or_changes_nothing() {
    damage_is_told(Kind::Journal);
}

#[test]
fn damage_to_tables_is_told_or_changes_nothing() {
    damage_is_told(Kind::Tables);
}

#[test]
fn damage_to_tables_and_a_journal_is_told_or_changes_nothing() {
    damage_is_told(Kind::Both);
}

#[test]
fn damage_to_compacted_tables_is_told_or_changes_nothing() {
    damage_is_told(Kind::Compacted);
}

fn history(store: &EmbeddedStore) -> Vec<Stored> {
    let everything = Visible::everything("test");
    wait(store.history(&History::of(Scope::System, 10_000), &everything)).unwrap().versions
}

#[test]
fn a_store_with_a_damaged_journal_is_repaired_to_what_was_before_and_says_what_is_lost() {
    let home = tempfile::tempdir().unwrap();
    let work = home.path().join("work");
    let mut dice = Dice(77);
    for kind in [Kind::Journal, Kind::Both] {
        let _ = fs::remove_dir_all(home.path().join("live"));
        let _ = fs::remove_dir_all(home.path().join("image"));
        let folder = folder(home.path(), kind);
        let truth = history(&open(&folder).unwrap());
        let folder = self::folder(&home.path().join(format!("{kind:?}")), kind);
        let length = fs::metadata(folder.join("0.jnl")).unwrap().len();
        for _ in 0..8 {
            let _ = fs::remove_dir_all(&work);
            copy(&folder, &work);
            damage(&work.join("0.jnl"), Damage::Flip(dice.below(length) as usize, 4));
            let refused = open(&work).err().unwrap().to_string();
            assert!(refused.contains("0.jnl at byte"), "{refused}");
            let key = DataKey::generate(&SeededRandom::new(1));
            let repaired = repair_store(&work, &key, &StoreLimits::default()).unwrap().unwrap();
            assert!(repaired.database.batches_lost > 0);
            assert!(repaired.database.copies.unwrap().join("0.jnl").exists());
            for _ in 0..2 {
                let store = open(&work).unwrap();
                assert_eq!(check(&store, Bodies::Compare).unwrap().problems, Vec::<String>::new());
                let kept = history(&store);
                assert!(
                    kept.len() < truth.len() && truth.ends_with(&kept),
                    "what is kept is what was before"
                );
            }
            let store = open(&work).unwrap();
            operate(&store, 100..115);
            wait(store.settle()).unwrap();
            assert_eq!(check(&store, Bodies::Compare).unwrap().problems, Vec::<String>::new());
            assert!(
                repair_store(&home.path().join("absent"), &key, &StoreLimits::default()).unwrap().is_none()
            );
        }
    }
}
