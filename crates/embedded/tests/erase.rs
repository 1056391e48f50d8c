//! What is erased leaves the disk, whatever the moment of a crash, and nothing else does.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod world;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use embedded::keyspace::{BODY, INDEX, SPACES};
use embedded::kv::{EngineLimits, Kv, KvError, StepGuard};
use embedded::{Bodies, EmbeddedStore, StoreLimits, check};
use fhir::{ResourceKey, Time};
use search::Visible;
use store::suite::wait;
use store::{
    DataKey, History, JobId, ManualClock, Put, Run, RunId, Scope, SeededRandom, Store, Transaction, Write,
};
use world::Dice;

const RESOURCES: u64 = 1500;

fn open(folder: &Path, guard: Option<StepGuard>) -> EmbeddedStore {
    let key = DataKey::generate(&SeededRandom::new(1));
    let clock = Arc::new(ManualClock::at(Time(1)));
    EmbeddedStore::open_guarded(folder, &key, clock, StoreLimits::default(), guard).unwrap()
}

/// Resources from a run and from commits, in several versions; and a third of their keys.
fn fill(folder: &Path, seed: u64) -> Vec<ResourceKey> {
    let store = open(folder, None);
    let mut dice = Dice(seed);
    let mut puts: Vec<Put> = (0..RESOURCES).map(|_| world::put(&mut dice, 700)).collect();
    let job = JobId::parse(&"d".repeat(32)).unwrap();
    let committed = puts.split_off(puts.len() - 200);
    let mut keys: Vec<ResourceKey> = puts.iter().chain(&committed).map(|put| put.key.clone()).collect();
    wait(store.ingest(Run { id: RunId { job, number: 1 }, puts })).unwrap();
    for put in committed {
        commit(&store, vec![Write::Put(put)]).unwrap();
    }
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter().step_by(3).collect()
}

fn commit(store: &EmbeddedStore, writes: Vec<Write>) -> Result<(), store::CommitError> {
    wait(store.commit(Transaction { preconditions: Vec::new(), writes })).map(|_| ())
}

fn erase(store: &EmbeddedStore, keys: &[ResourceKey]) -> Result<(), store::CommitError> {
    commit(store, keys.iter().cloned().map(Write::Erase).collect())
}

fn everyone() -> Visible {
    Visible::everything("test")
}

fn is_there(store: &EmbeddedStore, keys: &[ResourceKey]) -> Vec<bool> {
    wait(store.read(keys, &everyone())).unwrap().iter().map(Option::is_some).collect()
}

fn versions(store: &EmbeddedStore) -> Vec<(ResourceKey, u64)> {
    let any = ResourceKey::parse("Patient/1").unwrap();
    let mut history = History { of: Scope::System, ..History::of_instance(any, 10_000) };
    let mut found = Vec::new();
    loop {
        let page = wait(store.history(&history, &everyone())).unwrap();
        found.extend(page.versions.into_iter().map(|row| (row.key, row.version)));
        match page.next {
            Some(next) => history.after = Some(next),
            None => return found,
        }
    }
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

/// The beginnings of all sealed values of bodies and index: nonces and some bytes, so that each is like no other.
fn sealed(folder: &Path) -> BTreeSet<Vec<u8>> {
    let limits = EngineLimits::of(1 << 20);
    let kv = Kv::open(folder, &SPACES, limits, None).unwrap();
    let spaces = [BODY, INDEX].into_iter();
    spaces
        .flat_map(|space| {
            kv.scan(space, &[], &[0xff; 64]).map(|pair| pair.unwrap().1[..20].to_vec()).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn what_was_overwritten_is_in_no_table_once_it_is_scrubbed() {
    let folder = tempfile::tempdir().unwrap();
    let keys = fill(folder.path(), 1);
    let before = sealed(folder.path());
    let store = open(folder.path(), None);
    erase(&store, &keys).unwrap();
    wait(store.scrub()).unwrap();
    assert_eq!(check(&store, Bodies::Trust).unwrap().problems, Vec::<String>::new());
    drop(store);
    let gone: Vec<Vec<u8>> = before.difference(&sealed(folder.path())).cloned().collect();
    assert!(gone.len() > 100, "only {} records were written anew", gone.len());
    let tables = files(folder.path()).into_iter().filter(|file| file.to_string_lossy().contains("tables"));
    for file in tables {
        let bytes = std::fs::read(&file).unwrap();
        let starts: BTreeSet<&[u8]> = bytes.windows(20).collect();
        assert!(!gone.iter().any(|sealed| starts.contains(sealed.as_slice())), "{}", file.display());
    }
}

#[test]
fn an_erasure_that_a_crash_interrupts_is_done_or_not_and_can_be_ended() {
    for fail_at in 1.. {
        let folder = tempfile::tempdir().unwrap();
        let keys = fill(folder.path(), 2);
        let all = versions(&open(folder.path(), None));
        let left: Vec<_> = all.iter().filter(|(key, _)| !keys.contains(key)).cloned().collect();
        let steps = Arc::new(AtomicUsize::new(0));
        let counted = steps.clone();
        let guard: StepGuard = Arc::new(move |_| {
            let step = counted.fetch_add(1, Ordering::SeqCst) + 1;
            if step >= fail_at { Err(KvError::Io("the test says so".to_owned())) } else { Ok(()) }
        });
        let store = open(folder.path(), Some(guard));
        let erased = erase(&store, &keys);
        let scrubbed = erased.is_ok() && wait(store.scrub()).is_ok();
        drop(store);
        let store = open(folder.path(), None);
        let seen = is_there(&store, &keys);
        assert!(seen.iter().all(|there| *there == seen[0]), "step {fail_at}: all or nothing");
        assert!(erased.is_err() || !seen[0], "step {fail_at}: what was acknowledged is done");
        assert_eq!(check(&store, Bodies::Trust).unwrap().problems, Vec::<String>::new(), "step {fail_at}");
        erase(&store, &keys).unwrap();
        wait(store.scrub()).unwrap();
        assert_eq!(versions(&store), left, "step {fail_at}");
        assert_eq!(check(&store, Bodies::Trust).unwrap().problems, Vec::<String>::new(), "step {fail_at}");
        if scrubbed {
            assert!(fail_at > 4, "there were only {fail_at} steps");
            return;
        }
    }
}

#[test]
fn readers_and_writers_go_on_while_something_is_scrubbed() {
    let folder = tempfile::tempdir().unwrap();
    let keys = fill(folder.path(), 3);
    let store = Arc::new(open(folder.path(), None));
    let others: Vec<_> = versions(&store).into_iter().filter(|(key, _)| !keys.contains(key)).collect();
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            for _ in 0..20 {
                let found = versions(&store);
                assert!(others.iter().all(|other| found.contains(other)));
            }
        });
        let writing = scope.spawn(|| {
            let mut dice = Dice(9);
            for _ in 0..200 {
                commit(&store, vec![Write::Put(world::put(&mut dice, 1_000_000))]).unwrap();
            }
        });
        for keys in keys.chunks(50) {
            erase(&store, keys).unwrap();
            wait(store.scrub()).unwrap();
        }
        reading.join().unwrap();
        writing.join().unwrap();
    });
    assert_eq!(check(&store, Bodies::Trust).unwrap().problems, Vec::<String>::new());
}
