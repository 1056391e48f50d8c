//! All the writes or none, under what the caller relied on.

use fhir::Time;
use search::Filter;

use super::world::{CODE, about, delete, has, is, key, named, patient, put, token, write};
use super::{Make, World};
use crate::limits::TRANSACTION_WRITES_MAX;
use crate::{CommitError, Operation, Precondition, StoreError, Write};

fn conflict(world: &World, precondition: Precondition) -> bool {
    match world.try_commit(vec![precondition], vec![write("Basic/probe", &[])]) {
        Ok(_) => false,
        Err(CommitError::Conflict(0)) => true,
        Err(other) => panic!("{other}"),
    }
}

/// Each resource counts its own versions, deletions among them.
pub fn versions_count_up_from_one(make: Make) {
    let world = World::new(make);
    assert_eq!(world.commit([named("1", "a"), named("2", "b")]).versions, [1, 1]);
    assert_eq!(world.commit([named("1", "c")]).versions, [2]);
    assert_eq!(world.commit([delete("Patient/1"), named("2", "d")]).versions, [3, 2]);
}

/// Every write of a transaction is stamped alike, with the time answered.
pub fn a_transaction_has_one_time(make: Make) {
    let world = World::new(make);
    let committed = world.commit([named("1", "a"), about("2", "1", "1", "x")]);
    for text in ["Patient/1", "Observation/2"] {
        assert_eq!(world.read(&key(text)).map(|row| row.updated), Some(committed.updated), "{text}");
    }
    assert_eq!(committed.updated, Time::parse("2020-01-01T00:00:01Z").expect("an instant"));
}

/// A clock that goes back does not take the times with it, not even over a restart.
pub fn times_never_go_back(make: Make) {
    let mut world = World::new(make);
    let first = world.commit([named("1", "a")]).updated;
    world.clock.advance_ms(-60_000);
    assert!(world.commit([named("1", "b")]).updated >= first);
    world.reopen();
    assert!(world.commit([named("2", "c")]).updated >= first);
}

/// Deleting what is absent or deleted already answers the version that stands, and makes none.
pub fn deleting_nothing_changes_nothing(make: Make) {
    let world = World::new(make);
    assert_eq!(world.commit([delete("Patient/1")]).versions, [0]);
    assert_eq!(world.read(&key("Patient/1")), None);
    world.commit([named("1", "a")]);
    assert_eq!(world.commit([delete("Patient/1")]).versions, [2]);
    let before = world.read(&key("Patient/1"));
    assert_eq!(world.commit([delete("Patient/1")]).versions, [2]);
    assert_eq!(world.read(&key("Patient/1")), before);
}

/// After a deletion the next put is the next version.
pub fn a_put_revives_a_deleted_resource(make: Make) {
    let world = World::new(make);
    world.commit_each([named("1", "a"), delete("Patient/1")]);
    assert_eq!(world.commit([named("1", "b")]).versions, [3]);
    assert_eq!(world.read(&key("Patient/1")).map(|row| row.operation), Some(Operation::Update));
    assert_eq!(world.find(patient(), Filter::Everything), "1");
}

/// A deleted resource is not absent.
pub fn an_absent_precondition_holds_only_before_the_first_version(make: Make) {
    let world = World::new(make);
    let absent = || Precondition::Absent(key("Patient/1"));
    assert!(!conflict(&world, absent()));
    world.commit([named("1", "a")]);
    assert!(conflict(&world, absent()));
    world.commit([delete("Patient/1")]);
    assert!(conflict(&world, absent()));
}

/// A deleted resource is not present either.
pub fn a_present_precondition_needs_a_current_resource(make: Make) {
    let world = World::new(make);
    let present = || Precondition::Present(key("Patient/1"));
    assert!(conflict(&world, present()));
    world.commit([named("1", "a")]);
    assert!(!conflict(&world, present()));
    world.commit([delete("Patient/1")]);
    assert!(conflict(&world, present()));
}

/// The newest version and no other, be it a deletion.
pub fn a_version_precondition_names_the_current_one(make: Make) {
    let world = World::new(make);
    let version = |number| Precondition::Version(key("Patient/1"), number);
    assert!(conflict(&world, version(1)));
    world.commit_each([named("1", "a"), named("1", "b")]);
    assert!(conflict(&world, version(1)) && !conflict(&world, version(2)) && conflict(&world, version(3)));
    world.commit([delete("Patient/1")]);
    assert!(!conflict(&world, version(3)));
}

/// What matches is looked up when the transaction commits.
pub fn a_match_precondition_sees_the_newest_state(make: Make) {
    let world = World::new(make);
    let of = key("Observation/1").of;
    let nobody = || Precondition::NoMatch(of, is("x"));
    let only = |id: &str| Precondition::OnlyMatch(key(&format!("Observation/{id}")), is("x"));
    assert!(!conflict(&world, nobody()) && conflict(&world, only("1")));
    world.commit([about("1", "1", "1", "x")]);
    assert!(conflict(&world, nobody()) && !conflict(&world, only("1")) && conflict(&world, only("2")));
    world.commit([about("2", "1", "1", "x")]);
    assert!(conflict(&world, only("1")));
    world.commit([about("1", "1", "1", "y")]);
    assert!(!conflict(&world, only("2")) && conflict(&world, nobody()));
    world.commit([delete("Observation/2")]);
    assert!(!conflict(&world, nobody()));
}

/// The index is that of the first precondition that does not hold.
pub fn the_first_broken_precondition_is_named(make: Make) {
    let world = World::new(make);
    world.commit([named("1", "a")]);
    let preconditions = vec![
        Precondition::Present(key("Patient/1")),
        Precondition::Present(key("Patient/2")),
        Precondition::Absent(key("Patient/1")),
    ];
    assert_eq!(world.try_commit(preconditions, vec![named("3", "c")]), Err(CommitError::Conflict(1)));
}

/// Neither the first nor the last write happens.
pub fn a_failed_precondition_writes_nothing(make: Make) {
    let world = World::new(make);
    world.commit([named("1", "a")]);
    let writes = vec![named("2", "b"), delete("Patient/1"), named("3", "c")];
    let outcome = world.try_commit(vec![Precondition::Version(key("Patient/1"), 7)], writes);
    assert_eq!(outcome, Err(CommitError::Conflict(0)));
    assert_eq!(world.find(patient(), Filter::Everything), "1");
    assert_eq!(world.read(&key("Patient/2")), None);
}

/// Nothing would say which of them counts.
pub fn two_writes_of_one_resource_are_refused(make: Make) {
    let world = World::new(make);
    let outcome = world.try_commit(Vec::new(), vec![named("1", "a"), delete("Patient/1")]);
    assert!(matches!(outcome, Err(CommitError::Failed(StoreError::Failed(_)))), "{outcome:?}");
    assert_eq!(world.read(&key("Patient/1")), None);
}

/// As many writes as the limit says, and not one more.
pub fn a_transaction_is_limited(make: Make) {
    let world = World::new(make);
    let writes =
        |count| (0..count).map(|at| Write::Put(put(&format!("Basic/{at}"), "", &[]))).collect::<Vec<Write>>();
    let outcome = world.try_commit(Vec::new(), writes(TRANSACTION_WRITES_MAX + 1));
    let limit = StoreError::Limit("TRANSACTION_WRITES_MAX");
    assert_eq!(outcome, Err(CommitError::Failed(limit)));
    assert_eq!(world.commit(writes(TRANSACTION_WRITES_MAX)).versions.len(), TRANSACTION_WRITES_MAX);
}

/// Each commit that writes has a higher number than all before, over restarts too.
pub fn sequences_rise(make: Make) {
    let mut world = World::new(make);
    let first = world.commit([named("1", "a")]).sequence;
    let second = world.commit([write("Observation/1", &[(CODE, token(None, "x"))])]).sequence;
    world.reopen();
    let third = world.commit([delete("Patient/1")]).sequence;
    assert!(first < second && second < third, "{first} {second} {third}");
    let everything = has(CODE, search::Test::Token { system: search::SystemTest::Any, code: None });
    assert_eq!(world.sorted(everything), "1");
}
