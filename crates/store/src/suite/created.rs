//! When resources came to be: a fact that the store adds to what is indexed of them (`createdAt`).

use fhir::Time;
use search::{Filter, ParamId, Prefix, Search, Sort, SortKey, Test};

use super::parameter::reindex_all;
use super::world::{
    about, all, created, date, delete, has, ids, job, key, named, not, observation, patient, put, span, with,
    write,
};
use super::{Make, World};
use crate::{History, Put, Write};

fn second(second: i64) -> Time {
    let start = Time::parse("2020-01-01T00:00:00Z").expect("an instant");
    Time(start.0 + second * 1_000_000)
}

/// Of every version in a history, newest first: when the resource came to be, in seconds, and whether by this version.
fn told(world: &World, text: &str) -> Vec<(i64, bool)> {
    let versions = world.history(&History::of_instance(key(text), 100)).versions;
    let told = |row: &crate::Stored| ((row.created.0 - second(0).0) / 1_000_000, row.is_creation);
    versions.iter().map(told).collect()
}

/// Whatever is written after it; and it is found by that.
pub fn an_update_keeps_when_a_resource_came_to_be(make: Make) {
    let mut world = World::new(make);
    world.commit_each(["a", "b", "a", "a"].map(|id| about(id, "1", "1", "x")));
    for _ in 0..2 {
        assert_eq!(told(&world, "Observation/a"), [(1, false), (1, false), (1, true)]);
        assert_eq!(world.read(&key("Observation/a")).map(|row| row.created), Some(second(1)));
        assert_eq!(world.sorted(created(Prefix::Equal, "2020-01-01T00:00:01Z")), "a");
        assert_eq!(world.sorted(created(Prefix::Equal, "2020-01-01T00:00:04Z")), "");
        world.reopen();
    }
    // From what is folded and from what is not.
    world.commit([about("a", "1", "1", "y")]);
    assert_eq!(world.sorted(created(Prefix::Less, "2020-01-01T00:00:02Z")), "a");
    world.commit([about("a", "1", "1", "y")]);
    world.commit([about("a", "1", "1", "z")]);
    assert_eq!(world.sorted(created(Prefix::Less, "2020-01-01T00:00:02Z")), "a");
}

/// By the version that brought it back, which is a creation; the deletion tells of what it ended.
pub fn a_revived_resource_came_to_be_anew(make: Make) {
    let mut world = World::new(make);
    let again = || about("a", "1", "1", "x");
    world.commit_each([again(), again(), delete("Observation/a"), again(), again()]);
    for _ in 0..2 {
        let versions = [(4, false), (4, true), (1, false), (1, false), (1, true)];
        assert_eq!(told(&world, "Observation/a"), versions);
        assert_eq!(world.sorted(created(Prefix::Equal, "2020-01-01T00:00:04Z")), "a");
        assert_eq!(world.sorted(created(Prefix::Less, "2020-01-01T00:00:04Z")), "");
        world.settle();
        world.reopen();
    }
    // What is removed for good takes nothing of that with it, unless it is all.
    world.commit([Write::EraseVersion(key("Observation/a"), 4)]);
    assert_eq!(told(&world, "Observation/a"), [(4, false), (1, false), (1, false), (1, true)]);
    world.commit([again()]);
    assert_eq!(told(&world, "Observation/a")[0], (4, false));
    world.commit([Write::Erase(key("Observation/a"))]);
    world.commit([again()]);
    assert_eq!(told(&world, "Observation/a"), [(9, true)]);
}

/// As `_lastUpdated` is: as the moment, to the millisecond, that answers show.
pub fn times_of_creation_match_by_every_prefix(make: Make) {
    let world = World::new(make);
    world.commit_each(["a", "b", "c"].map(|id| about(id, "1", "1", "x")));
    world.commit([about("b", "1", "1", "y")]);
    let at = "2020-01-01T00:00:02.000Z";
    for (prefix, text, found) in [
        (Prefix::Equal, at, "b"),
        (Prefix::Equal, "2020-01-01T00:00:02Z", "b"),
        (Prefix::Equal, "2020", "a b c"),
        (Prefix::NotEqual, at, "a c"),
        (Prefix::Greater, at, "c"),
        (Prefix::GreaterOrEqual, at, "b c"),
        (Prefix::Less, at, "a"),
        (Prefix::LessOrEqual, at, "a b"),
        (Prefix::StartsAfter, at, "c"),
        (Prefix::EndsBefore, at, "a"),
        (Prefix::Approximately, "2020-01-01", "a b c"),
        (Prefix::Less, "2020", ""),
    ] {
        assert_eq!(world.sorted(created(prefix, text)), found, "{prefix:?} {text}");
    }
    assert_eq!(world.sorted(Filter::Missing(ParamId::CREATED)), "");
    assert_eq!(world.sorted(not(created(Prefix::Equal, at))), "a c");
}

/// A small run and a large one, with what they update, and what they bring twice.
pub fn runs_tell_when_resources_came_to_be(make: Make) {
    for count in [3, 600] {
        let mut world = World::new(make);
        world.commit([named("0", "x")]);
        world.commit_each([named("1", "x"), delete("Patient/1")]);
        let patient_of = |at: usize| put(&format!("Patient/{at}"), "", &[]);
        let mut puts: Vec<Put> = (0..count).map(patient_of).collect();
        puts.push(patient_of(2));
        world.ingest(&job(1), 1, puts);
        world.commit([named("0", "y"), named("2", "y")]);
        for _ in 0..2 {
            assert_eq!(told(&world, "Patient/0"), [(1, false), (1, false), (1, true)], "{count}");
            assert_eq!(told(&world, "Patient/1"), [(4, true), (2, false), (2, true)], "{count}");
            assert_eq!(told(&world, "Patient/2"), [(4, false), (4, false), (4, true)], "{count}");
            let total = |filter| {
                let search = with(Search::new(&all(), patient(), filter), |search| {
                    search.total = search::Total::Accurate;
                });
                world.search(&search).total
            };
            assert_eq!(total(created(Prefix::Equal, "2020-01-01T00:00:04Z")), Some(count as u64 - 1));
            assert_eq!(total(created(Prefix::Equal, "2020-01-01T00:00:01Z")), Some(1));
            world.settle();
            world.reopen();
        }
    }
}

/// In both directions, also of what was updated since.
pub fn what_came_to_be_first_may_stand_first(make: Make) {
    let world = World::new(make);
    world.commit_each(["c", "a", "b", "c", "a"].map(|id| about(id, "1", "1", "x")));
    for (descending, order) in [(false, "c a b"), (true, "b a c")] {
        let sort = vec![Sort { by: SortKey::Param(ParamId::CREATED), descending }];
        let search =
            with(Search::new(&all(), observation(), Filter::Everything), |search| search.sort = sort);
        assert_eq!(ids(&world.search(&search).matches), order);
        world.settle();
        assert_eq!(ids(&world.search(&search).matches), order);
    }
}

/// Neither is the caller believed, nor does indexing again lose it.
pub fn only_the_store_says_when_a_resource_came_to_be(make: Make) {
    let mut world = World::new(make);
    world.commit([write("Patient/1", &[(ParamId::CREATED, date("1999"))])]);
    world.commit([named("1", "x")]);
    world.settle();
    let found = |world: &World, text| {
        let test = Test::Date(Prefix::Equal, span(text));
        world.find(patient(), has(ParamId::CREATED, test))
    };
    for _ in 0..2 {
        assert_eq!(
            (found(&world, "1999"), found(&world, "2020-01-01T00:00:01Z")),
            (String::new(), "1".to_owned())
        );
        reindex_all(&*world.store(), patient()).expect("it is indexed again");
        world.reopen();
    }
}
