//! A disk that fails: writes are refused by name from then on, reads go on, nothing acknowledged is lost, and opening
//! again mends it.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod world;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use embedded::kv::{KvError, StepGuard};
use embedded::{Bodies, EmbeddedStore, StoreLimits, check};
use fhir::Time;
use search::Visible;
use store::suite::wait;
use store::{
    CommitError, DataKey, History, ManualClock, Scope, SeededRandom, Store, StoreError, Stored, Transaction,
    Write,
};
use world::Dice;

fn open(folder: &Path, guard: Option<StepGuard>) -> EmbeddedStore {
    let key = DataKey::generate(&SeededRandom::new(1));
    let clock = Arc::new(ManualClock::at(Time(1_000_000)));
    EmbeddedStore::open_guarded(folder, &key, clock, StoreLimits::default(), guard).unwrap()
}

fn history(store: &EmbeddedStore) -> Vec<Stored> {
    let everything = Visible::everything("test");
    wait(store.history(&History::of(Scope::System, 10_000), &everything)).unwrap().versions
}

fn put(store: &EmbeddedStore, number: u64) -> Result<(), CommitError> {
    let mut dice = Dice(number);
    let write = Write::Put(world::extracted_put(&mut dice, 30));
    wait(store.commit(Transaction { writes: vec![write], ..Transaction::default() })).map(drop)
}

#[test]
fn a_disk_that_fails_once_stops_writing_until_the_store_is_opened_again() {
    let errors = [KvError::Full, KvError::Io("an error of the device".to_owned())];
    for (step, error) in
        ["write", "sync"].into_iter().flat_map(|step| errors.each_ref().map(|error| (step, error)))
    {
        let folder = tempfile::tempdir().unwrap();
        let is_failing = Arc::new(AtomicBool::new(false));
        let (asked, is_full) = (is_failing.clone(), matches!(error, KvError::Full));
        let guard: StepGuard = Arc::new(move |name| match name == step && asked.load(Ordering::SeqCst) {
            true if is_full => Err(KvError::Full),
            true => Err(KvError::Io("an error of the device".to_owned())),
            false => Ok(()),
        });
        let store = open(folder.path(), Some(guard));
        for number in 0..20 {
            put(&store, number).unwrap();
        }
        let before = history(&store);
        is_failing.store(true, Ordering::SeqCst);
        let refused = put(&store, 20).unwrap_err();
        let is_named = match (&refused, is_full) {
            (CommitError::Failed(StoreError::Full), true) => true,
            (CommitError::Failed(StoreError::Failed(words)), false) => words.contains("error of the device"),
            _ => false,
        };
        assert!(is_named, "{refused:?}");
        // The disk is well again, but what is on it is not known.
        is_failing.store(false, Ordering::SeqCst);
        let refused = put(&store, 21).unwrap_err().to_string();
        assert!(refused.contains("writing stopped after an earlier failure"), "{refused}");
        assert!(store.is_stopped() && history(&store) == before, "reads go on");
        drop(store);
        let store = open(folder.path(), None);
        let after = history(&store);
        assert!(after.ends_with(&before) && after.len() <= before.len() + 1);
        put(&store, 22).unwrap();
        assert_eq!(check(&store, Bodies::Compare).unwrap().problems, Vec::<String>::new());
    }
}
