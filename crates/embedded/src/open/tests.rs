//! Opening what releases before left.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use bytes::Bytes;
use fhir::{Resource, Time};
use search::{Entries, Extractor, Filter, ParamId, Search, Sort, SortKey, Visible};
use store::suite::wait;
use store::{
    DataKey, History, ManualClock, Operation, Put, Reindex, SeededRandom, Store, Transaction, Write,
};

use super::*;
use crate::EmbeddedStore;
use crate::encode::encode_entries;
use crate::keyspace::META;
use crate::pack::Packer;
use crate::records::Identity;
use crate::version::{Birth, BlockWriter, Version};

fn opened(folder: &Path) -> EmbeddedStore {
    opened_at(folder, Arc::new(ManualClock::at(Time(1))))
}

fn opened_at(folder: &Path, clock: Arc<ManualClock>) -> EmbeddedStore {
    let key = DataKey::generate(&SeededRandom::new(1));
    EmbeddedStore::open(folder, &key, clock, StoreLimits::default()).unwrap()
}

fn put(store: &EmbeddedStore, json: String) -> Write {
    let resource = Resource::parse(json.into_bytes()).unwrap();
    let key = resource.key().unwrap();
    let mut entries = Entries::new();
    let extractor = Extractor::new("", &wait(store.parameters()).unwrap());
    extractor.extract(&resource, &key, &mut entries).unwrap();
    let body = Bytes::from(fhir::body(&resource, &key.id));
    Write::Put(Put { key, body, entries, operation: Operation::Update })
}

fn commit(store: &EmbeddedStore, write: Write) {
    wait(store.commit(Transaction { preconditions: vec![], writes: vec![write] })).unwrap();
}

fn parameter(store: &EmbeddedStore, code: &str, expression: &str, rest: &str) {
    let json = format!(
        r#"{{"resourceType":"SearchParameter","id":"{code}","url":"http://x/{code}","name":"T","status":"active",
        "description":"d","code":"{code}","base":["Patient"],"expression":"{expression}",{rest}}}"#
    );
    commit(store, put(store, json));
}

/// Puts a store back to what the format before was: heads, identities and entries do not say when a resource came
/// to be, and nothing says which parameters there are.
fn put_back(folder: &Path) {
    let key = DataKey::generate(&SeededRandom::new(1));
    let (contents, view, _) = open(folder, key.bytes(), &StoreLimits::default(), None).unwrap();
    let reading = contents.reading_of(Arc::new(view.clone()));
    let mut batch = Batch::default();
    for (number, types) in &view.types {
        let of = ResourceType::from_number(*number).unwrap();
        for ordinal in (0..types.next).filter(|ordinal| types.is_known(*ordinal)) {
            let block = reading.block(of, ordinal).unwrap();
            assert_eq!((block.first, block.end()), (ordinal, ordinal + 1), "a block for every commit");
            let written = block.written(ordinal);
            let mut entries = Entries::new();
            let kept = reading.entries(&block, of, ordinal).unwrap();
            let kept = kept.iter().filter(|(param, _)| *param != ParamId::CREATED);
            kept.for_each(|(param, value)| entries.push(param, value));
            let key = fhir::ResourceKey { of, id: written.version.id.clone() };
            let identity = Identity::key(&contents.sealer, &key);
            let standing = reading.newest(&key).unwrap().unwrap();
            let old = Identity { created: None, ..standing.identity() };
            batch.put(crate::keyspace::IDENTITY, identity.clone(), old.seal(&contents.sealer, &identity));
            let version = Version { birth: Birth::Unsaid, ..written.version };
            let mut block = BlockWriter::default();
            block.put(&version, written.body.as_deref(), &encode_entries(&entries));
            let pairs = block.finish(*number, ordinal, &contents.sealer, &mut Packer::default());
            pairs.into_iter().for_each(|(key, sealed)| batch.put(crate::keyspace::BODY, key, sealed));
        }
    }
    for pair in contents.kv.scan(INDEX, &[], &[0xff; 12]) {
        let key = pair.unwrap().0.to_vec();
        if key[6..8] == ParamId::CREATED.0.to_be_bytes() {
            batch.remove(INDEX, key);
        }
    }
    batch.remove(META, b"parameters".to_vec());
    contents.meta().put(&mut batch, b"format", &1_u64.to_le_bytes());
    contents.kv.write(batch).unwrap();
    contents.kv.sync().unwrap();
}

#[test]
fn search_parameters_from_before_there_were_any_are_found_at_the_next_opening() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path());
    let part = |of: &str, path: &str| format!(r#"{{"definition":"{of}","expression":"{path}"}}"#);
    let gender = part("http://hl7.org/fhir/SearchParameter/individual-gender", "gender");
    parameter(&store, "tongue", "Patient.language", r#""type":"token""#);
    let parts =
        format!(r#""type":"composite","component":[{},{gender}]"#, part("http://x/tongue", "language"));
    parameter(&store, "pair", "Patient", &parts);
    // Written last, it stands behind the composite that is made of it.
    parameter(&store, "tongue", "Patient.language", r#""type":"token","multipleOr":false"#);
    drop(store);
    put_back(folder.path());
    for _ in 0..2 {
        let parameters = wait(opened(folder.path()).parameters()).unwrap();
        let codes: Vec<_> = parameters.own().iter().map(|own| &*own.definition.code).collect();
        assert_eq!(codes, ["tongue", "pair"]);
        assert!(parameters.own().iter().all(|own| !own.is_ready), "nothing is indexed by them");
    }
}

#[test]
fn a_store_of_the_format_before_learns_when_its_resources_came_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(Time(0)));
    let write = |store: &EmbeddedStore, id: &str| {
        clock.advance_ms(1000);
        let json = format!(r#"{{"resourceType":"Patient","id":"{id}"}}"#);
        commit(store, put(store, json));
    };
    let delete = |store: &EmbeddedStore, id: &str| {
        clock.advance_ms(1000);
        commit(store, Write::Delete(fhir::ResourceKey::parse(&format!("Patient/{id}")).unwrap()));
    };
    let again = |clock: &Arc<ManualClock>| opened_at(folder.path(), clock.clone());
    let store = again(&clock);
    // At seconds 1 to 8; what is folded, and what is not.
    ["a", "b", "b"].iter().for_each(|id| write(&store, id));
    delete(&store, "b");
    wait(store.settle()).unwrap();
    ["b", "b", "c", "a"].iter().for_each(|id| write(&store, id));
    drop(store);
    put_back(folder.path());
    let of = ResourceType::parse("Patient").unwrap();
    let told = |store: &EmbeddedStore| {
        let history = History::of(store::Scope::Type(of), 100);
        let versions = wait(store.history(&history, &Visible::everything("test"))).unwrap().versions;
        let told = |row: &store::Stored| {
            format!(
                "{}{}@{}{}",
                row.key.id.as_str(),
                row.version,
                row.created.0 / 1_000_000,
                if row.is_creation { "!" } else { "" }
            )
        };
        versions.iter().map(told).collect::<Vec<_>>().join(" ")
    };
    let store = again(&clock);
    assert_eq!(told(&store), "a2@1 c1@7! b5@5 b4@5! b3@2 b2@2 b1@2! a1@1!");
    assert!(wait(store.parameters()).unwrap().is_awaited(of, "createdAt"));
    assert!(wait(store.parameters()).unwrap().named(of, "createdAt").is_none());
    write(&store, "c");
    write(&store, "b");
    drop(store);
    let store = again(&clock);
    let since = wait(store.parameters()).unwrap().extraction();
    let mut after = None;
    loop {
        let step = Reindex { of, only: None, base: String::new(), after };
        after = wait(store.reindex(&step)).unwrap().next;
        if after.is_none() {
            break;
        }
    }
    commit(&store, Write::Indexed { since, types: vec![of] });
    assert!(wait(store.parameters()).unwrap().named(of, "createdAt").is_some());
    let sort = vec![Sort { by: SortKey::Param(ParamId::CREATED), descending: false }];
    let mut search = Search::new(&Visible::everything("test"), of, Filter::Everything);
    search.sort = sort;
    let found = wait(store.search(&search)).unwrap().matches;
    let found: Vec<_> = found.iter().map(|row| (row.key.id.as_str(), row.created.0 / 1_000_000)).collect();
    assert_eq!(found, [("a", 1), ("b", 5), ("c", 7)]);
    assert_eq!(crate::check(&store, crate::Bodies::Compare).unwrap().problems, Vec::<String>::new());
}

#[test]
fn what_an_older_release_wrote_is_to_be_indexed_again() {
    let folder = tempfile::tempdir().unwrap();
    let opened = || open(folder.path(), &[1; 32], &StoreLimits::default(), None).unwrap();
    {
        let (contents, view, _) = opened();
        assert!(view.parameters.is_settled(ParamId::CONTAINED));
        let mut batch = Batch::default();
        batch.remove(META, b"parameters".to_vec());
        contents.kv.write(batch).unwrap();
        contents.kv.sync().unwrap();
    }
    for _ in 0..2 {
        let (_, view, _) = opened();
        assert!(!view.parameters.is_settled(ParamId::CONTAINED));
        assert_eq!(view.parameters.unsettled().len(), ResourceType::all().count());
    }
    let (contents, view, _) = opened();
    let all: Vec<ResourceType> = ResourceType::all().collect();
    let indexed = view.parameters.indexed(view.parameters.extraction(), &all);
    let mut batch = Batch::default();
    contents.meta().put_parameters(&mut batch, &indexed);
    contents.kv.write(batch).unwrap();
    drop(contents);
    assert!(opened().1.parameters.is_settled(ParamId::CONTAINED));
}
