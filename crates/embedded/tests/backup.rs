//! A backup is the data store as it was at one moment, whatever is written while it is taken.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use embedded::{EmbeddedCatalog, PIECE_BYTES_MAX, Piece, PieceEntry, RestoreError, StoreLimits};
use fhir::{ResourceKey, Time};
use search::{Search, Visible};
use store::suite::wait;
use store::{
    Catalog, CmkType, Datastore, DatastoreId, DatastoreStatus, Found, History, JobId, ManualClock, Note,
    RootKey, Run, RunId, Scope, SeededRandom, Store, Stored, Transaction, Write,
};
use world::Dice;

const IDS: u64 = 400;

fn catalog(folder: &Path, root: u8) -> EmbeddedCatalog {
    let (clock, random) = (Arc::new(ManualClock::at(Time(1))), Arc::new(SeededRandom::new(u64::from(root))));
    EmbeddedCatalog::open(folder, &RootKey::new([root; 32]), clock, random, StoreLimits::default()).unwrap()
}

fn id(digit: &str) -> DatastoreId {
    DatastoreId::parse(&digit.repeat(32)).unwrap()
}

fn record(id: DatastoreId) -> Datastore {
    Datastore {
        id,
        name: Some("kept".to_owned()),
        status: DatastoreStatus::Active,
        created: Time(7),
        encryption: CmkType::AwsOwned,
        kms_key_id: None,
        preload: false,
        identity_provider: None,
        default_profiles: Some(vec!["us-core-6.1.0".to_owned()]),
        analytics: None,
        nlp: None,
        backup: None,
        error_cause: None,
        tags: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
    }
}

fn write(store: &dyn Store, dice: &mut Dice, commits: u64) {
    for _ in 0..commits {
        let mut writes: Vec<Write> =
            (0..=dice.below(3)).map(|_| world::extracted_put(dice, IDS)).map(Write::Put).collect();
        if dice.one_in(6) {
            writes = vec![Write::Delete(world::key(dice, IDS))];
        }
        let mut seen = BTreeSet::new();
        writes.retain(|write| match write {
            Write::Put(put) => seen.insert(put.key.clone()),
            _ => true,
        });
        wait(store.commit(Transaction { preconditions: vec![], writes })).unwrap();
    }
}

fn ingest(store: &dyn Store, dice: &mut Dice, number: u64, count: usize) {
    let puts = (0..count).map(|_| world::extracted_put(dice, IDS)).collect();
    let job = JobId::parse(&"d".repeat(32)).unwrap();
    wait(store.ingest(Run { id: RunId { job, number }, puts })).unwrap();
}

/// Everything that readers can see.
#[derive(Debug, PartialEq)]
struct Seen {
    versions: Vec<Stored>,
    found: Vec<Found>,
    notes: Vec<Note>,
}

fn seen(store: &dyn Store) -> Seen {
    let everyone = Visible::everything("test");
    let mut history = History::of(Scope::System, 1000);
    let mut versions = Vec::new();
    loop {
        let page = wait(store.history(&history, &everyone)).unwrap();
        versions.extend(page.versions);
        match page.next {
            Some(next) => history.after = Some(next),
            None => break,
        }
    }
    let mut dice = Dice(99);
    let searches: Vec<Search> = (0..60).map(|_| world::search(&mut dice, IDS)).collect();
    // Positions are the store's own, and may tell the same place in other words.
    let found = searches.iter().filter_map(|search| wait(store.search(search)).ok()).map(|found| Found {
        next: None,
        previous: None,
        ..found
    });
    Seen { versions, found: found.collect(), notes: wait(store.notes("", None, 100)).unwrap() }
}

/// All pieces, with `between` done after the first.
fn pieces(catalog: &EmbeddedCatalog, from: &DatastoreId, between: impl FnOnce()) -> Backup {
    let mut begun = catalog.begin_backup(from).unwrap();
    let mut pieces = Vec::new();
    let mut between = Some(between);
    while let Some(piece) = begun.reader.next_piece().unwrap() {
        pieces.push(piece);
        if let Some(between) = between.take() {
            between();
        }
    }
    let entries: Vec<PieceEntry> = pieces.iter().map(|piece| piece.entry.clone()).collect();
    let sealed = begun.reader.seal(&record(from.clone()), &entries);
    Backup { wrapped_key: begun.wrapped_key, sealed, pieces }
}

struct Backup {
    wrapped_key: Vec<u8>,
    sealed: Vec<u8>,
    pieces: Vec<Piece>,
}

fn restore(catalog: &EmbeddedCatalog, backup: &Backup, to: &DatastoreId) -> Result<(), RestoreError> {
    let outcome = (|| {
        let mut begun = catalog.begin_restore(to, &id("a"), &backup.wrapped_key, &backup.sealed)?;
        for piece in &backup.pieces {
            begun.put(&piece.entry.name, &piece.bytes)?;
        }
        let (restored, report) = begun.finish(catalog.clock())?;
        assert_eq!(report.problems, Vec::<String>::new());
        let record = Datastore { id: to.clone(), ..restored.datastore.clone() };
        catalog.adopt(&restored, record).unwrap();
        Ok(())
    })();
    if outcome.is_err() {
        catalog.give_up(to).unwrap();
    }
    outcome
}

#[test]
fn what_is_restored_is_what_there_was_when_the_backup_began() {
    for seed in 1..=4 {
        let folder = tempfile::tempdir().unwrap();
        let catalog = catalog(folder.path(), 1);
        wait(catalog.create(&id("a"))).unwrap();
        let store = wait(catalog.open(&id("a"))).unwrap();
        let mut dice = Dice(seed);
        write(&*store, &mut dice, 150);
        ingest(&*store, &mut dice, 1, 600);
        let note = Note { name: "x/1".to_owned(), content: "kept".into(), expires: None };
        wait(store.commit(Transaction { preconditions: vec![], writes: vec![Write::Note(note)] })).unwrap();
        write(&*store, &mut dice, 50);
        let erased: Vec<ResourceKey> =
            (0..5).map(|_| world::key(&mut dice, IDS)).collect::<BTreeSet<_>>().into_iter().collect();
        let erasures = erased.into_iter().map(Write::Erase).collect();
        wait(store.commit(Transaction { preconditions: vec![], writes: erasures })).unwrap();
        if seed % 2 == 0 {
            wait(store.scrub()).unwrap();
        }
        let before = seen(&*store);
        let backup = pieces(&catalog, &id("a"), || {
            write(&*store, &mut dice, 100);
            ingest(&*store, &mut dice, 2, 400);
        });
        assert!(backup.pieces.len() >= 5, "each space is a piece at least");
        assert_ne!(seen(&*store), before);
        restore(&catalog, &backup, &id("b")).unwrap();
        let restored = wait(catalog.open(&id("b"))).unwrap();
        assert_eq!(seen(&*restored), before, "seed {seed}");
        let record = wait(catalog.datastore(&id("b"))).unwrap().unwrap().record;
        assert_eq!((record.name.as_deref(), record.tags.len()), (Some("kept"), 1));
        write(&*restored, &mut dice, 20);
        drop((store, restored, catalog));
        let catalog = self::catalog(folder.path(), 1);
        assert!(wait(catalog.open(&id("b"))).is_ok(), "it is there after a restart");
    }
}

#[test]
fn a_second_backup_has_most_pieces_and_one_after_little_was_written_few_new_ones() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = catalog(folder.path(), 1);
    wait(catalog.create(&id("a"))).unwrap();
    let store = wait(catalog.open(&id("a"))).unwrap();
    let mut dice = Dice(5);
    for number in 1..=6 {
        ingest(&*store, &mut dice, number, 3000);
    }
    let names =
        |backup: &Backup| backup.pieces.iter().map(|piece| piece.entry.name.clone()).collect::<BTreeSet<_>>();
    let first = pieces(&catalog, &id("a"), || {});
    assert!(first.pieces.len() > 6, "{}", first.pieces.len());
    assert!(first.pieces.iter().all(|piece| piece.bytes.len() <= PIECE_BYTES_MAX));
    assert_eq!(names(&pieces(&catalog, &id("a"), || {})), names(&first), "nothing was written");
    write(&*store, &mut dice, 3);
    let third = pieces(&catalog, &id("a"), || {});
    let known = names(&first);
    let new: usize = third
        .pieces
        .iter()
        .filter(|piece| !known.contains(&piece.entry.name))
        .map(|piece| piece.bytes.len())
        .sum();
    let all: usize = third.pieces.iter().map(|piece| piece.bytes.len()).sum();
    assert!(new * 2 < all, "{new} of {all} bytes are new");
}

#[test]
fn a_backup_that_is_damaged_or_incomplete_or_foreign_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = catalog(folder.path(), 1);
    wait(catalog.create(&id("a"))).unwrap();
    let store = wait(catalog.open(&id("a"))).unwrap();
    write(&*store, &mut Dice(3), 50);
    let whole = pieces(&catalog, &id("a"), || {});
    let changed = |change: &dyn Fn(&mut Backup)| {
        let mut backup = Backup {
            wrapped_key: whole.wrapped_key.clone(),
            sealed: whole.sealed.clone(),
            pieces: whole.pieces.clone(),
        };
        change(&mut backup);
        restore(&catalog, &backup, &id("b")).unwrap_err()
    };
    let name = whole.pieces[1].entry.name.clone();
    let damaged = changed(&|backup| {
        let middle = backup.pieces[1].bytes.len() / 2;
        backup.pieces[1].bytes[middle] ^= 1;
    });
    assert!(matches!(&damaged, RestoreError::Piece(piece) if *piece == name), "{damaged}");
    assert!(matches!(changed(&|backup| drop(backup.pieces.pop())), RestoreError::Manifest));
    assert!(matches!(changed(&|backup| backup.pieces.swap(0, 1)), RestoreError::Manifest));
    assert!(matches!(changed(&|backup| backup.sealed[20] ^= 1), RestoreError::Manifest));
    assert!(matches!(changed(&|backup| backup.wrapped_key[20] ^= 1), RestoreError::RootKey));
    assert!(wait(catalog.datastore(&id("b"))).unwrap().is_none());
    assert!(wait(catalog.open(&id("b"))).is_err());
    assert_eq!(std::fs::read_dir(folder.path().join("removed")).unwrap().count(), 0);

    let other = tempfile::tempdir().unwrap();
    let stranger = self::catalog(other.path(), 2);
    assert!(matches!(restore(&stranger, &whole, &id("b")), Err(RestoreError::RootKey)));
    let friend = tempfile::tempdir().unwrap();
    restore(&self::catalog(friend.path(), 1), &whole, &id("b")).unwrap();
}

/// Nothing of the moment that is copied may leave the disk, so that scrubbing, which promises that it does, waits.
#[test]
fn what_was_erased_stays_on_the_disk_until_no_backup_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = catalog(folder.path(), 1);
    wait(catalog.create(&id("a"))).unwrap();
    let store = wait(catalog.open(&id("a"))).unwrap();
    write(&*store, &mut Dice(4), 60);
    let begun = catalog.begin_backup(&id("a")).unwrap();
    let key = seen(&*store).versions[0].key.clone();
    wait(store.commit(Transaction { preconditions: vec![], writes: vec![Write::Erase(key)] })).unwrap();
    let scrubbing = std::thread::spawn(move || wait(store.scrub()).unwrap());
    for _ in 0..100 {
        std::thread::yield_now();
    }
    assert!(!scrubbing.is_finished(), "it waits for the backup");
    drop(begun);
    scrubbing.join().unwrap();
}
