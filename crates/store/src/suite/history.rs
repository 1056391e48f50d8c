//! Every version ever written, newest first.

use fhir::Time;
use search::Position;

use super::world::{about, all, delete, job, key, named, patient, put};
use super::{Make, World, wait};
use crate::{History, Operation, Scope, StoreError};

fn lines(world: &World, of: &History) -> Vec<String> {
    let line = |row: &crate::Stored| format!("{} {}", row.key, row.version);
    world.history(of).versions.iter().map(line).collect()
}

fn of(scope: Scope) -> History {
    History::of(scope, 100)
}

/// Two patients: the first written, updated, deleted; the second written in between.
fn world(make: Make) -> World {
    let world = World::new(make);
    world.commit_each([named("1", "a"), named("2", "b"), named("1", "c"), delete("Patient/1")]);
    world
}

/// With bodies as they were, the deletion without one, and the number of versions.
pub fn a_history_is_newest_first(make: Make) {
    let world = world(make);
    let history = world.history(&History::of_instance(key("Patient/1"), 100));
    let found: Vec<_> =
        history.versions.iter().map(|row| (row.version, row.operation, row.body.is_some())).collect();
    let expected =
        [(3, Operation::Delete, false), (2, Operation::Update, true), (1, Operation::Update, true)];
    assert_eq!(found, expected);
    assert_eq!((history.total, history.next), (Some(3), None));
    assert_eq!(lines(&world, &History::of_instance(key("Patient/9"), 100)), [""; 0]);
}

/// Deletions among them; a version that never was is nothing.
pub fn a_version_is_read_alone(make: Make) {
    let world = world(make);
    for version in 1..=3 {
        let of = History::version(key("Patient/1"), version);
        assert_eq!(lines(&world, &of), [format!("Patient/1 {version}")]);
    }
    for version in [0, 4, u64::MAX] {
        assert_eq!(lines(&world, &History::version(key("Patient/1"), version)), [""; 0]);
    }
}

/// The same versions, of all resources of a type or of all types.
pub fn types_and_the_system_have_histories(make: Make) {
    let world = world(make);
    world.commit([about("1", "2", "2", "x")]);
    let patients = ["Patient/1 3", "Patient/1 2", "Patient/2 1", "Patient/1 1"];
    assert_eq!(lines(&world, &of(Scope::Type(patient()))), patients);
    let all = [&["Observation/1 1"], &patients[..]].concat();
    assert_eq!(lines(&world, &of(Scope::System)), all);
    assert_eq!(world.history(&of(Scope::System)).total, None);
    assert_eq!(lines(&world, &of(Scope::Type(key("Basic/1").of))), [""; 0]);
}

/// Within a transaction or a run, what was written last comes first.
pub fn later_writes_of_a_transaction_are_newer(make: Make) {
    let world = World::new(make);
    world.commit([named("2", "b"), about("3", "2", "2", "x"), named("1", "a")]);
    let puts = ["Patient/4", "Basic/5", "Patient/4", "Patient/1"].map(|text| put(text, "", &[]));
    world.ingest(&job(1), 1, puts.to_vec());
    let run = ["Patient/1 2", "Patient/4 2", "Basic/5 1", "Patient/4 1"];
    let transaction = ["Patient/1 1", "Observation/3 1", "Patient/2 1"];
    assert_eq!(lines(&world, &of(Scope::System)), [&run[..], &transaction[..]].concat());
}

/// From `since` on and up to `until`, both included.
pub fn a_history_is_bounded_by_time(make: Make) {
    let world = world(make);
    let at = |second| Time::parse(&format!("2020-01-01T00:00:0{second}Z"));
    let within = |since, until| lines(&world, &History { since, until, ..of(Scope::Type(patient())) });
    assert_eq!(within(at(3), None), ["Patient/1 3", "Patient/1 2"]);
    assert_eq!(within(None, at(2)), ["Patient/2 1", "Patient/1 1"]);
    assert_eq!(within(at(2), at(3)), ["Patient/1 2", "Patient/2 1"]);
    assert_eq!(within(at(9), None), [""; 0]);
    let one = History { since: at(3), ..History::of_instance(key("Patient/1"), 100) };
    assert_eq!(world.history(&one).total, Some(2));
}

/// Of each resource what no other version had replaced by then, and what was written later.
pub fn a_history_knows_what_stood_at_a_time(make: Make) {
    let world = world(make);
    world.commit([named("2", "z")]);
    let at = |second| Time::parse(&format!("2020-01-01T00:00:0{second}Z"));
    for scope in [Scope::Type(patient()), Scope::System] {
        let stood = |from, until| {
            lines(&world, &History { replaced_after: at(from), until: at(until), ..of(scope.clone()) })
        };
        assert_eq!(stood(0, 9), ["Patient/2 2", "Patient/1 3", "Patient/1 2", "Patient/2 1", "Patient/1 1"]);
        assert_eq!(stood(1, 1), ["Patient/1 1"]);
        assert_eq!(stood(2, 2), ["Patient/2 1", "Patient/1 1"]);
        assert_eq!(stood(2, 3), ["Patient/1 2", "Patient/2 1", "Patient/1 1"]);
        assert_eq!(stood(4, 4), ["Patient/1 3", "Patient/2 1"]);
        assert_eq!(stood(9, 9), ["Patient/2 2", "Patient/1 3"]);
        assert_eq!(stood(9, 3), [""; 0]);
    }
    let one = History { replaced_after: at(3), ..History::of_instance(key("Patient/1"), 100) };
    assert_eq!(lines(&world, &one), ["Patient/1 3", "Patient/1 2"]);
    assert_eq!(world.history(&one).total, Some(2));
    let pages = History { replaced_after: at(4), count: 1, ..of(Scope::System) };
    assert_eq!(walk(&world, pages), ["Patient/2 2", "Patient/1 3", "Patient/2 1"]);
}

/// As if the others were not there, page by page too.
pub fn a_history_may_be_of_some_resources(make: Make) {
    let world = world(make);
    world.commit([about("1", "2", "2", "x"), named("3", "d")]);
    let only = |keys: &[&str]| Some(keys.iter().map(|text| key(text)).collect());
    for count in [1, 2, 100] {
        let some = |scope, keys: &[&str]| walk(&world, History { only: only(keys), count, ..of(scope) });
        let both = ["Patient/1", "Observation/1", "Basic/9"];
        let patients = ["Patient/1 3", "Patient/1 2", "Patient/1 1"];
        assert_eq!(some(Scope::Type(patient()), &both), patients);
        assert_eq!(some(Scope::System, &both), [&["Observation/1 1"], &patients[..]].concat());
        assert_eq!(some(Scope::System, &[]), [""; 0]);
        assert_eq!(some(Scope::Instance(key("Patient/2")), &both), [""; 0]);
    }
}

/// Which make up the whole, and whose positions no other bytes can stand for.
pub fn a_history_has_pages(make: Make) {
    let world = world(make);
    for scope in [Scope::Instance(key("Patient/1")), Scope::Type(patient()), Scope::System] {
        let whole = lines(&world, &of(scope.clone()));
        for count in 1..=5 {
            assert_eq!(walk(&world, History { count, ..of(scope.clone()) }), whole, "{count} of {scope:?}");
        }
    }
    for scope in [Scope::Instance(key("Patient/1")), Scope::Type(patient()), Scope::System] {
        for foreign in [vec![7], vec![0xff; 8], vec![0xff; 12]] {
            let history = History { after: Some(Position(foreign)), ..of(scope.clone()) };
            assert_eq!(wait(world.store().history(&history, &all())), Err(StoreError::Position));
        }
    }
}

fn walk(world: &World, mut history: History) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let page = world.history(&history);
        assert!(page.versions.len() <= history.count && found.len() < 1000);
        found.extend(lines(world, &history));
        match page.next {
            Some(next) => history.after = Some(next),
            None => return found,
        }
    }
}

/// What is written between two pages shows on none of them.
pub fn later_versions_do_not_shift_a_history(make: Make) {
    let world = world(make);
    for scope in [Scope::Instance(key("Patient/1")), Scope::Type(patient()), Scope::System] {
        let first = History { count: 2, ..of(scope) };
        let expected = walk(&world, first.clone()).split_off(2);
        let after = world.history(&first).next;
        world.commit([named("1", "z"), named("3", "z")]);
        world.settle();
        assert_eq!(walk(&world, History { after, ..first }), expected);
    }
}

/// Before and after background work.
pub fn a_history_survives_reopening(make: Make) {
    let mut world = world(make);
    let before = world.history(&of(Scope::System));
    world.reopen();
    assert_eq!(world.history(&of(Scope::System)), before);
    world.settle();
    world.reopen();
    assert_eq!(world.history(&of(Scope::System)), before);
}
