//! Runs of an import.

use search::Filter;

use super::world::{CODE, delete, is, job, key, named, patient, put, token};
use super::{Make, World};
use crate::{Put, StoreError};

fn puts(texts: &[&str]) -> Vec<Put> {
    texts.iter().map(|text| put(text, "", &[(CODE, token(None, "x"))])).collect()
}

/// From 1 for new resources, the next for known ones, deleted or not; all with one time.
pub fn a_run_writes_versions(make: Make) {
    let world = World::new(make);
    world.commit([named("1", "a"), named("2", "b")]);
    world.commit([delete("Patient/2")]);
    let ingested = world.ingest(&job(1), 1, puts(&["Patient/1", "Patient/2", "Patient/3", "Basic/1"]));
    assert_eq!((ingested.versions, ingested.repeated), (vec![2, 3, 1, 1], false));
    for text in ["Patient/1", "Patient/2", "Patient/3", "Basic/1"] {
        let stored = world.read(&key(text)).expect("it was written");
        assert_eq!((stored.updated, stored.body.is_some()), (ingested.updated, true));
    }
}

/// Each time it makes a version, and the last one is current.
pub fn a_run_may_write_a_resource_twice(make: Make) {
    let world = World::new(make);
    let mut run = puts(&["Patient/1", "Patient/2", "Patient/1"]);
    run[2].body = super::world::body(&run[2].key, "last");
    let last = run[2].body.clone();
    assert_eq!(world.ingest(&job(1), 1, run).versions, [1, 1, 2]);
    let stored = world.read(&key("Patient/1")).expect("it was written");
    assert_eq!((stored.version, stored.body), (2, Some(last)));
    assert_eq!(world.find(patient(), Filter::Everything), "2 1");
}

/// The old values find nothing, the new ones everything.
pub fn a_run_is_searchable_at_once(make: Make) {
    let world = World::new(make);
    world.commit([super::world::about("1", "p", "p", "y")]);
    world.settle();
    world.ingest(&job(1), 1, puts(&["Observation/1", "Observation/2", "Observation/2"]));
    assert_eq!((world.sorted(is("x")), world.sorted(is("y"))), ("1 2".into(), String::new()));
    assert_eq!(world.sorted(Filter::Everything), "1 2");
}

/// A caller that does not know whether its run was done asks again and gets the first outcome.
pub fn a_repeated_run_is_not_done_again(make: Make) {
    let mut world = World::new(make);
    let first = world.ingest(&job(1), 7, puts(&["Patient/1", "Patient/2"]));
    for _ in 0..2 {
        let again = world.ingest(&job(1), 7, puts(&["Patient/1", "Patient/2"]));
        assert_eq!((again.repeated, again.updated, &again.versions), (true, first.updated, &first.versions));
        assert_eq!(world.read(&key("Patient/1")).map(|row| row.version), Some(1));
        world.reopen();
    }
    assert_eq!(world.ingest(&job(1), 8, puts(&["Patient/1"])).versions, [2]);
}

/// A number below the last one is a mistake, and nothing is written.
pub fn a_run_out_of_order_is_refused(make: Make) {
    let world = World::new(make);
    world.ingest(&job(1), 3, puts(&["Patient/1"]));
    let outcome = world.try_ingest(&job(1), 2, puts(&["Patient/2"]));
    assert!(matches!(outcome, Err(StoreError::Failed(_))), "{outcome:?}");
    assert_eq!(world.read(&key("Patient/2")), None);
}

/// The same number of another job is another run.
pub fn jobs_do_not_know_each_other(make: Make) {
    let world = World::new(make);
    assert_eq!(world.ingest(&job(1), 1, puts(&["Patient/1"])).versions, [1]);
    let other = world.ingest(&job(2), 1, puts(&["Patient/1"]));
    assert_eq!((other.versions, other.repeated), (vec![2], false));
    assert!(world.ingest(&job(1), 1, puts(&["Patient/1"])).repeated);
}

/// With what it indexed.
pub fn a_run_survives_reopening(make: Make) {
    let mut world = World::new(make);
    world.ingest(&job(1), 1, puts(&["Observation/1", "Observation/2"]));
    world.commit([delete("Observation/1")]);
    world.reopen();
    assert_eq!(world.sorted(is("x")), "2");
    assert_eq!(world.commit([delete("Observation/2")]).versions, [2]);
}

/// It has an outcome, which is repeated like any.
pub fn an_empty_run_is_a_run(make: Make) {
    let world = World::new(make);
    assert_eq!(world.ingest(&job(1), 1, Vec::new()).versions, [0; 0]);
    assert!(world.ingest(&job(1), 1, Vec::new()).repeated);
}
