//! Search parameters that a data store is given, and indexing again what was there before.

use bytes::Bytes;
use fhir::ResourceType;
use search::{Entries, Extractor, Filter, ParamId, ParameterSet, Search, SystemTest, Test};

use super::world::{all, body, delete, id, ids, job, key, named, of, patient};
use super::{Make, World, wait};
use crate::{CommitError, History, Operation, Put, Reindex, Reindexed, Scope, StoreError, Write};

const BASE: &str = "http://here/r4";

/// A SearchParameter over a code of its base, as a write.
pub(super) fn parameter(name: &str, code: &str, base: &str, expression: &str) -> Put {
    let key = key(&format!("SearchParameter/{name}"));
    let body = format!(
        r#"{{"resourceType":"SearchParameter","id":"{name}","meta":{{}},"url":"http://x/{name}","name":"N",
        "status":"active","description":"d","code":"{code}","base":["{base}"],"type":"token",
        "expression":"{expression}"}}"#
    );
    Put { key, body: Bytes::from(body), entries: Entries::new(), operation: Operation::Update }
}

fn tongue() -> Put {
    parameter("tongue", "tongue", "Patient", "Patient.language")
}

fn parameters(world: &World) -> ParameterSet {
    wait(world.store().parameters()).expect("the parameters are told")
}

/// The put as a door would make it now: with the entries of its body.
fn fresh(world: &World, mut put: Put) -> Put {
    let extractor = Extractor::new(BASE, &parameters(world));
    put.entries = crate::reindex::extract_again(&extractor, &put.key, &put.body).expect("it is indexed");
    put
}

fn speaks(world: &World, id: &str, language: &str) -> Put {
    let key = key(&format!("Patient/{id}"));
    let (body, entries) = (body(&key, language), Entries::new());
    fresh(world, Put { key, body, entries, operation: Operation::Update })
}

fn store_put(world: &World, put: Put) {
    world.commit([Write::Put(fresh(world, put))]);
}

/// Indexes a type again, from its first resource to its last.
pub(super) fn reindex_all(store: &dyn crate::Store, of: ResourceType) -> Result<Reindexed, StoreError> {
    let mut sum = Reindexed::default();
    loop {
        let step = Reindex { of, only: None, base: BASE.to_owned(), after: sum.next.take() };
        let Reindexed { done, failed, total, next } = wait(store.reindex(&step))?;
        sum = Reindexed { done: sum.done + done, failed: sum.failed + failed, total, next };
        if sum.next.is_none() {
            return Ok(sum);
        }
    }
}

fn finish(world: &World) -> Reindexed {
    let since = parameters(world).extraction();
    let sum = reindex_all(&*world.store(), patient()).expect("it is indexed again");
    world.commit([Write::Indexed { since, types: vec![patient()] }]);
    sum
}

/// The ids of the patients that speak a language, by the number of the first parameter there is.
fn speaking(world: &World, language: &str) -> String {
    let param = parameters(world).own().first().map_or(ParamId(ParamId::FIRST_CUSTOM), |own| own.param);
    let test = Test::Token { system: SystemTest::Any, code: Some(language.into()) };
    ids(&world.search(&Search::new(&all(), patient(), Filter::Has(param, test))).matches)
}

/// Older resources are found by it once they are indexed again; newer ones are indexed at once.
pub fn a_parameter_that_came_later_finds_what_was_there(make: Make) {
    let mut world = World::new(make);
    for (id, language) in [("1", "de"), ("2", "en"), ("3", "de")] {
        store_put(&world, speaks(&world, id, language));
    }
    world.settle();
    store_put(&world, tongue());
    assert!(!parameters(&world).own()[0].is_ready);
    store_put(&world, speaks(&world, "4", "de"));
    let sum = finish(&world);
    assert!((3..=4).contains(&sum.done) && sum.total == 4, "{sum:?}");
    for _ in 0..2 {
        assert!(
            parameters(&world).own()[0].is_ready && parameters(&world).named(patient(), "tongue").is_some()
        );
        assert_eq!((speaking(&world, "de"), speaking(&world, "en")), ("1 3 4".to_owned(), "2".to_owned()));
        world.settle();
        world.reopen();
    }
    store_put(&world, speaks(&world, "1", "en"));
    assert_eq!((speaking(&world, "de"), speaking(&world, "en")), ("3 4".to_owned(), "2 1".to_owned()));
}

/// No version, no time, no place in the order, no history.
pub fn indexing_again_changes_nothing_but_entries(make: Make) {
    let world = World::new(make);
    world.commit_each([
        named("1", "x"),
        named("2", "y"),
        named("1", "z"),
        delete("Patient/2"),
        named("3", "x"),
    ]);
    let history = History::of(Scope::System, 100);
    let versions = || wait(world.store().history(&history, &all())).expect("there is a history");
    let everything = || world.search(&Search::new(&all(), patient(), Filter::Everything));
    let before = (versions(), everything());
    assert_eq!(reindex_all(&*world.store(), patient()).map(|sum| (sum.done, sum.failed)), Ok((2, 0)));
    assert_eq!((versions(), everything()), before);
    // What was never in the body is no more found.
    let name = Filter::Missing(super::world::NAME);
    assert_eq!(ids(&world.search(&Search::new(&all(), patient(), name)).matches), "1 3");
}

/// By a transaction and by a run; nothing of either is written.
pub fn entries_of_other_parameters_are_refused(make: Make) {
    let world = World::new(make);
    let old = speaks(&world, "1", "de");
    store_put(&world, tongue());
    let refused = world.try_commit(Vec::new(), vec![named("2", "x"), Write::Put(old.clone())]);
    assert_eq!(refused, Err(CommitError::Failed(StoreError::Outdated)));
    assert_eq!(world.try_ingest(&job(1), 1, vec![old]), Err(StoreError::Outdated));
    assert!(world.read(&key("Patient/1")).is_none() && world.read(&key("Patient/2")).is_none());
    store_put(&world, speaks(&world, "1", "de"));
}

/// A transaction with one is refused whole; a run stores it.
pub fn a_parameter_that_cannot_be_served_is_refused(make: Make) {
    let world = World::new(make);
    let bad = parameter("bad", "bad", "Patient", "Patient.frob");
    let refused = world.try_commit(Vec::new(), vec![named("1", "x"), Write::Put(bad.clone())]);
    assert!(matches!(refused, Err(CommitError::Failed(StoreError::Parameter(_)))), "{refused:?}");
    assert!(world.read(&key("Patient/1")).is_none());
    world.ingest(&job(1), 1, vec![bad, tongue()]);
    assert!(world.read(&key("SearchParameter/bad")).is_some());
    let codes: Vec<String> =
        parameters(&world).own().iter().map(|own| own.definition.code.to_string()).collect();
    assert_eq!(codes, ["tongue"]);
}

/// Its number is free for another once nothing in the index is left of it.
pub fn a_deleted_parameter_leaves_no_rows(make: Make) {
    let mut world = World::new(make);
    store_put(&world, tongue());
    finish(&world);
    store_put(&world, speaks(&world, "1", "de"));
    let first = parameters(&world).own()[0].param;
    world.commit([delete("SearchParameter/tongue")]);
    assert!(parameters(&world).own().is_empty());
    store_put(&world, parameter("other", "other", "Patient", "Patient.gender"));
    assert_ne!(parameters(&world).own()[0].param, first);
    finish(&world);
    world.settle();
    world.reopen();
    store_put(&world, tongue());
    assert_eq!(parameters(&world).own()[1].param, first);
    let some = Filter::Not(Box::new(Filter::Missing(first)));
    assert_eq!(ids(&world.search(&Search::new(&all(), patient(), some)).matches), "");
}

/// One resource alone; another type is not touched, and a position of another store is refused.
pub fn one_resource_is_indexed_again_alone(make: Make) {
    let world = World::new(make);
    world.commit_each([named("1", "x"), named("2", "y")]);
    let only =
        |name: &str| Reindex { of: patient(), only: Some(id(name)), base: BASE.to_owned(), after: None };
    let done = |step: &Reindex| wait(world.store().reindex(step)).map(|done| (done.done > 0, done.next));
    assert_eq!(done(&only("1")), Ok((true, None)));
    assert_eq!(done(&only("9")), Ok((false, None)));
    let foreign = Reindex { after: Some(search::Position(vec![1])), ..only("1") };
    assert_eq!(done(&foreign), Err(StoreError::Position));
    let empty = reindex_all(&*world.store(), of("Observation"));
    assert_eq!(empty, Ok(Reindexed::default()));
}
