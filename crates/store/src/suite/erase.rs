//! Removal for good.

use fhir::ResourceKey;
use search::{Filter, Sort, SortKey, Total, Visible};

use super::world::{CODE, NAME, about, all, delete, has, ids, is, key, named, observations, patient, with};
use super::{Make, World, wait};
use crate::{CommitError, History, Precondition, Scope, StoreError, Write};

fn erase(text: &str) -> Write {
    Write::Erase(key(text))
}

fn versions(world: &World, text: &str) -> Vec<u64> {
    let history = History::of_instance(key(text), 100);
    world.history(&history).versions.iter().map(|stored| stored.version).collect()
}

fn scrub(world: &World) {
    wait(world.store().scrub()).expect("scrubbing succeeds");
    world.settle();
}

/// A patient with two versions, one of them found by no search any more, and what refers to it.
fn small(make: Make) -> World {
    let world = World::new(make);
    world.commit_each([named("1", "Ann"), named("2", "Bob"), named("1", "Anna"), about("a", "1", "2", "x")]);
    world
}

/// Neither reads nor histories nor searches show anything of it.
pub fn what_is_erased_is_gone(make: Make) {
    let mut world = small(make);
    let committed = world.commit([erase("Patient/1")]);
    assert_eq!(committed.versions, [2]);
    for round in 0..3 {
        assert_eq!(world.read(&key("Patient/1")), None, "round {round}");
        assert!(versions(&world, "Patient/1").is_empty());
        for scope in [Scope::Type(patient()), Scope::System] {
            let history = History { of: scope, ..History::of_instance(key("Patient/1"), 100) };
            assert!(!ids(&world.history(&history).versions).contains('1'));
        }
        assert_eq!(world.find(patient(), Filter::Everything), "2");
        assert_eq!(world.find(patient(), Filter::Missing(CODE)), "2");
        let name = |text: &str| has(NAME, search::Test::String(search::StringTest::StartsWith(text.into())));
        assert_eq!(world.find(patient(), name("an")), "");
        assert_eq!(world.sorted(is("x")), "a");
        match round {
            0 => scrub(&world),
            _ => world.reopen(),
        }
    }
}

/// As if it never was: the next put makes version 1, and a precondition of absence holds.
pub fn an_erased_id_is_free_again(make: Make) {
    let world = small(make);
    world.commit([erase("Patient/1")]);
    let absent = vec![Precondition::Absent(key("Patient/1"))];
    let again = world.try_commit(absent, vec![named("1", "New")]).expect("it is absent");
    assert_eq!(again.versions, [1]);
    scrub(&world);
    assert_eq!(versions(&world, "Patient/1"), [1]);
    assert_eq!(world.find(patient(), Filter::Everything), "2 1");
    assert_eq!(world.commit([named("1", "Newer")]).versions, [2]);
}

/// A deleted resource can be erased like any other.
pub fn a_deleted_resource_is_erased_with_its_history(make: Make) {
    let world = small(make);
    world.commit([delete("Patient/1")]);
    assert_eq!(world.commit([erase("Patient/1")]).versions, [3]);
    assert!(versions(&world, "Patient/1").is_empty());
    assert_eq!(world.read(&key("Patient/1")), None);
}

/// Nothing happens, and nothing is counted.
pub fn erasing_nothing_changes_nothing(make: Make) {
    let world = small(make);
    let writes = [erase("Patient/none"), Write::EraseVersion(key("Patient/1"), 9)];
    assert_eq!(world.commit(writes).versions, [0, 0]);
    assert_eq!(versions(&world, "Patient/1"), [2, 1]);
}

/// The others keep their numbers.
pub fn an_erased_version_leaves_the_others(make: Make) {
    let mut world = small(make);
    world.commit([named("1", "Annabel")]);
    assert_eq!(world.commit([Write::EraseVersion(key("Patient/1"), 2)]).versions, [1]);
    for round in 0..3 {
        assert_eq!(versions(&world, "Patient/1"), [3, 1], "round {round}");
        let gone = History::version(key("Patient/1"), 2);
        assert!(world.history(&gone).versions.is_empty());
        let total = world.history(&History::of_instance(key("Patient/1"), 1)).total;
        assert_eq!(total, Some(2));
        match round {
            0 => scrub(&world),
            _ => world.reopen(),
        }
    }
    assert_eq!(world.commit([named("1", "Last")]).versions, [4]);
}

/// What is current does not change by an erasure of one version, nor does a deletion revive anything.
pub fn the_newest_version_is_not_erased_alone(make: Make) {
    let world = small(make);
    assert_eq!(world.commit([Write::EraseVersion(key("Patient/1"), 2)]).versions, [0]);
    world.commit([delete("Patient/2")]);
    assert_eq!(world.commit([Write::EraseVersion(key("Patient/2"), 2)]).versions, [0]);
    assert_eq!(world.commit([Write::EraseVersion(key("Patient/2"), 1)]).versions, [1]);
    assert_eq!(versions(&world, "Patient/2"), [2]);
    assert!(world.read(&key("Patient/2")).is_some_and(|stored| stored.body.is_none()));
}

/// It was visible by the version before it; without one, only those see it who see the whole type.
pub fn a_deletion_that_is_left_alone_is_hidden(make: Make) {
    let world = small(make);
    let name = has(NAME, search::Test::String(search::StringTest::StartsWith("bob".into())));
    let some = Visible::nothing().allow(patient(), name);
    world.commit([delete("Patient/2")]);
    assert!(world.read_as(&key("Patient/2"), &some).is_some());
    world.commit([Write::EraseVersion(key("Patient/2"), 1)]);
    assert!(world.read_as(&key("Patient/2"), &some).is_none());
    assert!(world.read_as(&key("Patient/2"), &all()).is_some());
}

/// Writes of one transaction are done together, erasures too, and a failed one erases nothing.
pub fn erasures_are_part_of_a_transaction(make: Make) {
    let world = small(make);
    let absent = vec![Precondition::Absent(key("Patient/2"))];
    let failed = world.try_commit(absent, vec![erase("Patient/1")]);
    assert_eq!(failed, Err(CommitError::Conflict(0)));
    assert_eq!(versions(&world, "Patient/1"), [2, 1]);
    let writes = [erase("Patient/1"), named("3", "Carl"), erase("Observation/a"), delete("Patient/2")];
    assert_eq!(world.commit(writes).versions, [2, 1, 1, 2]);
    assert_eq!(world.find(patient(), Filter::Everything), "3");
    assert_eq!(world.find(super::world::observation(), Filter::Everything), "");
}

/// Pages in the order written go on; an order whose values are gone cannot, and says so.
pub fn pages_go_on_after_an_erased_resource_or_say_that_they_cannot(make: Make) {
    let world = World::new(make);
    for id in ["a", "b", "c", "d"] {
        world.commit([about(id, "1", "1", "x")]);
    }
    let plain = with(observations(Filter::Everything), |search| search.count = 2);
    let sorted =
        with(plain.clone(), |search| search.sort = vec![Sort { by: SortKey::Id, descending: false }]);
    let [plain, sorted] = [plain, sorted].map(|search| {
        let next = world.search(&search).next;
        with(search, |search| {
            search.after = next;
            search.total = Total::None;
        })
    });
    world.commit([erase("Observation/b")]);
    assert_eq!(ids(&world.search(&plain).matches), "c d");
    assert_eq!(wait(world.store().search(&sorted)), Err(StoreError::Position));
    scrub(&world);
    assert_eq!(ids(&world.search(&plain).matches), "c d");
}

/// Many at once, among others that stay, in one run and in single commits.
pub fn the_neighbours_of_what_is_erased_stay(make: Make) {
    let mut world = World::new(make);
    let puts: Vec<_> =
        (0..300).map(|number| super::world::put(&format!("Patient/{number}"), "", &[])).collect();
    world.ingest(&super::world::job(1), 1, puts);
    let erased = (0..300).filter(|number| number % 3 == 0);
    world.commit(erased.map(|number| erase(&format!("Patient/{number}"))));
    scrub(&world);
    world.reopen();
    let left: Vec<String> =
        (0..300).filter(|number| number % 3 != 0).map(|number| number.to_string()).collect();
    let search =
        with(search::Search::new(&all(), patient(), Filter::Everything), |search| search.count = 1000);
    assert_eq!(ids(&world.search(&search).matches), left.join(" "));
    let keys: Vec<ResourceKey> = left.iter().map(|id| key(&format!("Patient/{id}"))).collect();
    let rows = wait(world.store().read(&keys, &all())).expect("the read succeeds");
    assert!(rows.iter().all(|row| row.as_ref().is_some_and(|row| row.body.is_some())));
}
