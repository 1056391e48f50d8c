//! Nothing of a patient can be read in the folder, what was altered is noticed, and what is destroyed is gone.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod world;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use embedded::kv::{KvError, StepGuard};
use embedded::{Bodies, EmbeddedCatalog, EmbeddedStore, StoreLimits, check};
use fhir::{Id, ResourceKey, ResourceType, Span, Time};
use search::{Entries, ParamId, Target, Value, Visible};
use store::suite::wait;
use store::{
    Catalog, CommitError, DataKey, DatastoreId, JobId, ManualClock, Note, Operation, Put, RootKey, Run,
    RunId, SeededRandom, Store, StoreError, Transaction, Write,
};
use world::Dice;

const MARKERS: [&str; 5] = ["Markerfamily", "marker-id-4711", "markercode", "1999-04-17", "http://marker"];

fn marked(number: u32) -> Put {
    let of = ResourceType::parse("Patient").unwrap();
    let id = Id::parse(&format!("marker-id-4711-{number}")).unwrap();
    let body = format!(
        r#"{{"resourceType":"Patient","id":"{}","meta":{{}},"name":[{{"family":"Markerfamily"}}],"birthDate":"1999-04-17","x":"markercode"}}"#,
        id.as_str()
    );
    let mut entries = Entries::new();
    entries.push(ParamId(20), Value::String("Markerfamily"));
    entries.push(ParamId(21), Value::Token { system: Some("http://marker"), code: Some("markercode") });
    entries.push(
        ParamId(22),
        Value::Date(Span { from: Time(924_300_000_000_000), to: Time(924_400_000_000_000) }),
    );
    let target = Target::Local { of, id: id.as_str(), version: None };
    entries.push(ParamId(23), Value::Reference(target));
    Put { key: ResourceKey { of, id }, body: Bytes::from(body), entries, operation: Operation::Update }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder)
        .unwrap()
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { files(&path) } else { vec![path] }
        })
        .collect()
}

fn assert_unreadable(folder: &Path) {
    for file in files(folder) {
        let name = file.to_string_lossy().to_lowercase();
        let bytes = std::fs::read(&file).unwrap().to_ascii_lowercase();
        for marker in MARKERS.map(str::to_ascii_lowercase) {
            assert!(!name.contains(&marker));
            assert!(!bytes.windows(marker.len()).any(|w| w == marker.as_bytes()), "{marker} in {name}");
        }
        for time in [924_300_000_000_000i64, 924_400_000_000_000] {
            for pattern in [time.to_be_bytes(), time.to_le_bytes(), ((time as u64) ^ (1 << 63)).to_be_bytes()]
            {
                assert!(!bytes.windows(8).any(|w| w == pattern), "a date in {name}");
            }
        }
    }
}

#[test]
fn no_byte_of_the_folder_tells_anything_of_a_patient() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(Time(1)));
    let open = || {
        let (random, root) = (Arc::new(SeededRandom::new(2)), RootKey::new([7; 32]));
        EmbeddedCatalog::open(folder.path(), &root, clock.clone(), random, StoreLimits::default()).unwrap()
    };
    let id = DatastoreId::parse(&"c".repeat(32)).unwrap();
    {
        let catalog = open();
        wait(catalog.create(&id)).unwrap();
        let store = wait(catalog.open(&id)).unwrap();
        let job = JobId::parse(&"d".repeat(32)).unwrap();
        let run = Run { id: RunId { job, number: 1 }, puts: (0..500).map(marked).collect() };
        wait(store.ingest(run)).unwrap();
        for number in 400..600 {
            let put = marked(number);
            let note = Note {
                name: format!("test/{number}"),
                content: put.body.clone(),
                expires: Some(Time(i64::MAX)),
            };
            let transaction =
                Transaction { preconditions: vec![], writes: vec![Write::Put(put), Write::Note(note)] };
            wait(store.commit(transaction)).unwrap();
        }
        assert_unreadable(folder.path());
        wait(catalog.embedded(&id).unwrap().settle()).unwrap();
        assert_unreadable(folder.path());
    }
    assert_unreadable(folder.path());
    let catalog = open();
    let store = wait(catalog.open(&id)).unwrap();
    let everyone = Visible::everything("test");
    assert!(wait(store.read(&[marked(3).key], &everyone)).unwrap()[0].is_some());
    wait(catalog.destroy(&id)).unwrap();
    assert!(!folder.path().join("stores").join(id.as_str()).exists());
    assert!(files(&folder.path().join("removed")).is_empty());
    assert_eq!(wait(catalog.open(&id)).err(), Some(StoreError::Absent));
}

#[test]
fn another_key_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(Time(1)));
    let open = |seed| {
        let key = DataKey::generate(&SeededRandom::new(seed));
        EmbeddedStore::open(folder.path(), &key, clock.clone(), StoreLimits::default())
    };
    drop(open(1).unwrap());
    assert!(open(2).is_err());
    assert!(open(1).is_ok());
}

#[test]
fn an_altered_file_is_noticed_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(Time(1)));
    let key = DataKey::generate(&SeededRandom::new(1));
    let open = || EmbeddedStore::open(folder.path(), &key, clock.clone(), StoreLimits::default());
    let store = open().unwrap();
    let mut dice = Dice(1);
    let job = JobId::parse(&"d".repeat(32)).unwrap();
    let puts: Vec<Put> = (0..2000).map(|_| world::put(&mut dice, 100_000)).collect();
    let keys: Vec<_> = puts.iter().map(|put| put.key.clone()).collect();
    wait(store.ingest(Run { id: RunId { job, number: 1 }, puts })).unwrap();
    drop(store);
    let largest = files(folder.path())
        .into_iter()
        .filter(|file| file.to_string_lossy().contains("tables"))
        .max_by_key(|file| std::fs::metadata(file).unwrap().len())
        .unwrap();
    let mut bytes = std::fs::read(&largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&largest, bytes).unwrap();
    let Ok(store) = open() else { return };
    let everyone = Visible::everything("test");
    let read = |key: &ResourceKey| wait(store.read(std::slice::from_ref(key), &everyone));
    let (good, bad): (Vec<_>, Vec<_>) = keys.iter().map(read).partition(Result::is_ok);
    assert!(good.len() > 1000, "{} of {}", good.len(), keys.len());
    assert!(bad.iter().all(|error| matches!(error, Err(StoreError::Damaged(_)))), "{bad:?}");
    assert!(!check(&store, Bodies::Trust).unwrap().problems.is_empty());
}

#[test]
fn a_full_disk_stops_writing_and_not_reading() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(Time(1)));
    let key = DataKey::generate(&SeededRandom::new(1));
    let is_full = Arc::new(AtomicBool::new(false));
    let seen = is_full.clone();
    let guard: StepGuard =
        Arc::new(move |_| if seen.load(Ordering::SeqCst) { Err(KvError::Full) } else { Ok(()) });
    let open = || {
        let limits = StoreLimits::default();
        EmbeddedStore::open_guarded(folder.path(), &key, clock.clone(), limits, Some(guard.clone())).unwrap()
    };
    let store = open();
    let write = |store: &EmbeddedStore, number| {
        let writes = vec![Write::Put(marked(number))];
        wait(store.commit(Transaction { preconditions: vec![], writes }))
    };
    write(&store, 1).unwrap();
    is_full.store(true, Ordering::SeqCst);
    assert_eq!(write(&store, 2), Err(CommitError::Failed(StoreError::Full)));
    assert!(store.is_stopped());
    let everyone = Visible::everything("test");
    let keys = [marked(1).key, marked(2).key];
    let found = wait(store.read(&keys, &everyone)).unwrap();
    assert!(found[0].is_some() && found[1].is_none());
    drop(store);
    is_full.store(false, Ordering::SeqCst);
    let store = open();
    write(&store, 2).unwrap();
    assert_eq!(check(&store, Bodies::Trust).unwrap().problems, Vec::<String>::new());
}
