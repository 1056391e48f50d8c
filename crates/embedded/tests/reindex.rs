//! Indexing again what was there: whatever happens meanwhile, nothing is lost and nothing is found twice.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use embedded::kv::{KvError, StepGuard};
use embedded::{Bodies, EmbeddedStore, StorageError, StoreLimits, check};
use fhir::{Id, Resource, ResourceKey, ResourceType, Time};
use search::{Entries, Extractor, Filter, Search, SystemTest, Test, Visible};
use store::suite::wait;
use store::{
    CommitError, DataKey, JobId, ManualClock, Operation, Put, Reindex, Run, RunId, SeededRandom, Store,
    StoreError, Transaction, Write,
};

const LANGUAGES: [&str; 3] = ["de", "en", "fr"];

fn open(folder: &Path, guard: Option<StepGuard>) -> Result<EmbeddedStore, StorageError> {
    let key = DataKey::generate(&SeededRandom::new(1));
    let clock = Arc::new(ManualClock::at(Time(1)));
    EmbeddedStore::open_guarded(folder, &key, clock, StoreLimits::default(), guard)
}

fn patient() -> ResourceType {
    ResourceType::parse("Patient").unwrap()
}

/// A put as a door makes it now.
fn put(store: &dyn Store, json: String) -> Put {
    let resource = Resource::parse(json.into_bytes()).unwrap();
    let key = resource.key().unwrap();
    let mut entries = Entries::new();
    let extractor = Extractor::new("", &wait(store.parameters()).unwrap());
    extractor.extract(&resource, &key, &mut entries).unwrap();
    let body = Bytes::from(fhir::body(&resource, &key.id));
    Put { key, body, entries, operation: Operation::Update }
}

fn speaks(store: &dyn Store, id: usize, language: &str) -> Put {
    put(store, format!(r#"{{"resourceType":"Patient","id":"{id}","language":"{language}"}}"#))
}

fn tongue(store: &dyn Store) -> Put {
    let json = r#"{"resourceType":"SearchParameter","id":"tongue","url":"http://x/tongue","name":"T",
        "status":"active","description":"d","code":"tongue","base":["Patient"],"type":"token",
        "expression":"Patient.language"}"#;
    put(store, json.to_owned())
}

fn commit(store: &dyn Store, write: impl Fn() -> Write) -> Result<(), CommitError> {
    loop {
        let transaction = Transaction { preconditions: vec![], writes: vec![write()] };
        match wait(store.commit(transaction)) {
            Err(CommitError::Failed(StoreError::Outdated)) => {}
            outcome => return outcome.map(|_| ()),
        }
    }
}

fn reindex(store: &dyn Store) -> Result<u64, StoreError> {
    let since = wait(store.parameters())?.extraction();
    let (mut after, mut done) = (None, 0);
    loop {
        let step = Reindex { of: patient(), only: None, base: String::new(), after };
        let made = wait(store.reindex(&step))?;
        (done, after) = (done + made.done, made.next);
        if after.is_none() {
            break;
        }
    }
    commit(store, || Write::Indexed { since, types: vec![patient()] })
        .map_err(|error| StoreError::Failed(error.to_string()))?;
    Ok(done)
}

/// The language of every patient, as the own parameter finds them. None is found twice.
fn found(store: &dyn Store) -> BTreeMap<String, &'static str> {
    let param = wait(store.parameters()).unwrap().own()[0].param;
    let mut found = BTreeMap::new();
    for language in LANGUAGES {
        let test = Test::Token { system: SystemTest::Any, code: Some(language.into()) };
        let mut search = Search::new(&Visible::everything("test"), patient(), Filter::Has(param, test));
        search.count = 10_000;
        for row in wait(store.search(&search)).unwrap().matches {
            assert_eq!(found.insert(row.key.id.as_str().to_owned(), language), None);
        }
    }
    found
}

fn expected(count: usize) -> BTreeMap<String, &'static str> {
    (0..count).map(|id| (id.to_string(), LANGUAGES[id % 3])).collect()
}

/// Fills a store: a run by sorted ingestion, single commits, updates, a folded part and a recent one.
fn fill(store: &EmbeddedStore) -> Result<(), StoreError> {
    let puts = (0..300).map(|id| speaks(store, id, LANGUAGES[(id + 1) % 3])).collect();
    let id = RunId { job: JobId::parse(&"c".repeat(32)).unwrap(), number: 1 };
    wait(store.ingest(Run { id, puts }))?;
    for id in (0..310).step_by(5) {
        commit(store, || Write::Put(speaks(store, id, LANGUAGES[id % 3]))).map_err(failed)?;
    }
    wait(store.settle())?;
    for id in 0..320 {
        commit(store, || Write::Put(speaks(store, id, LANGUAGES[id % 3]))).map_err(failed)?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn failed(error: CommitError) -> StoreError {
    StoreError::Failed(error.to_string())
}

#[test]
fn a_crash_at_any_step_of_indexing_again_is_taken_up() {
    let filled = tempfile::tempdir().unwrap();
    fill(&open(filled.path(), None).unwrap()).unwrap();
    for last_step in 0.. {
        let folder = tempfile::tempdir().unwrap();
        copy(filled.path(), folder.path());
        let steps = Arc::new(AtomicUsize::new(0));
        let counted = steps.clone();
        let guard: StepGuard = Arc::new(move |_| match counted.fetch_add(1, Ordering::SeqCst) {
            step if step < last_step => Ok(()),
            _ => Err(KvError::Io("the test ends here".to_owned())),
        });
        let mut is_over = false;
        if let Ok(store) = open(folder.path(), Some(guard)) {
            is_over = commit(&store, || Write::Put(tongue(&store))).is_ok() && reindex(&store).is_ok();
        }
        let store = open(folder.path(), None).unwrap();
        assert_eq!(
            check(&store, Bodies::Compare).unwrap().problems,
            Vec::<String>::new(),
            "step {last_step}"
        );
        if wait(store.parameters()).unwrap().own().is_empty() {
            commit(&store, || Write::Put(tongue(&store))).unwrap();
        }
        if !is_over {
            assert_eq!(reindex(&store).unwrap(), 320);
        }
        assert!(wait(store.parameters()).unwrap().own()[0].is_ready);
        assert_eq!(found(&store), expected(320), "step {last_step}");
        assert_eq!(
            check(&store, Bodies::Compare).unwrap().problems,
            Vec::<String>::new(),
            "step {last_step}"
        );
        if is_over {
            return;
        }
    }
}

#[test]
fn writes_during_indexing_again_are_neither_lost_nor_doubled() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(folder.path(), None).unwrap());
    fill(&store).unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..2)
        .map(|half| {
            let (store, is_over) = (store.clone(), is_over.clone());
            std::thread::spawn(move || {
                for round in 0.. {
                    if is_over.load(Ordering::SeqCst) && round % 4 == 0 {
                        break;
                    }
                    for id in (half..340).step_by(2 + round % 3 * 2) {
                        let language = LANGUAGES[if round % 4 == 3 { id } else { id + round } % 3];
                        commit(&*store, || Write::Put(speaks(&*store, id, language))).unwrap();
                        if round == 1 && id % 11 == 0 {
                            let key = ResourceKey { of: patient(), id: Id::parse(&id.to_string()).unwrap() };
                            commit(&*store, || Write::Delete(key.clone())).unwrap();
                        }
                    }
                }
                for id in (half..340).step_by(2) {
                    commit(&*store, || Write::Put(speaks(&*store, id, LANGUAGES[id % 3]))).unwrap();
                }
            })
        })
        .collect();
    commit(&*store, || Write::Put(tongue(&*store))).unwrap();
    for _ in 0..5 {
        reindex(&*store).unwrap();
        let report = check(&store, Bodies::Trust).unwrap();
        assert_eq!(report.problems.iter().filter(|problem| problem.contains("missing")).count(), 0);
    }
    is_over.store(true, Ordering::SeqCst);
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    reindex(&*store).unwrap();
    assert_eq!(found(&*store), expected(340));
    assert_eq!(check(&store, Bodies::Compare).unwrap().problems, Vec::<String>::new());
}
