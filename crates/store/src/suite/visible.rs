//! Nothing shows what a caller may not see.

use fhir::ResourceKey;
use search::{Filter, Include, Link, ParamId, ReferenceTest, Search, StringTest, Test, Total, Visible};

use super::world::{
    FOCUS, NAME, SUBJECT, about, all, delete, has, ids, is, key, named, not, observation, patient,
};
use super::{Make, World, wait};
use crate::{History, Scope};

/// Ann is Patient/a, Bob is Patient/b; each has a pulse that is about the other too, and Ann a weight.
fn world(make: Make) -> World {
    let world = World::new(make);
    world.commit([named("a", "ann"), named("b", "bob")]);
    world.commit([
        about("1", "a", "b", "pulse"),
        about("2", "b", "a", "pulse"),
        about("3", "a", "a", "weight"),
    ]);
    world
}

/// What Ann's compartment holds of patients and observations.
fn only_ann() -> Visible {
    let mine = has(ParamId::COMPARTMENT, Test::Reference(ReferenceTest::Key(key("Patient/a"))));
    Visible::nothing().allow(patient(), mine.clone()).allow(observation(), mine)
}

fn as_ann(world: &World, filter: Filter) -> String {
    ids(&world.search(&Search::new(&only_ann(), observation(), filter)).matches)
}

/// Both are nothing.
pub fn a_scoped_read_does_not_tell_hidden_from_absent(make: Make) {
    let world = world(make);
    let keys = ["Observation/1", "Observation/2", "Observation/9", "Patient/b"].map(key);
    let rows = wait(world.store().read(&keys, &only_ann())).expect("the read succeeds");
    assert_eq!(rows.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, false, false]);
    assert_eq!(world.read_as(&keys[0], &Visible::nothing()), None);
}

/// A deletion shows to whom the version before it showed.
pub fn a_deletion_is_seen_by_whom_the_resource_was(make: Make) {
    let mut world = world(make);
    world.commit([delete("Observation/1"), delete("Observation/2")]);
    for _ in 0..2 {
        let seen = |text| world.read_as(&key(text), &only_ann()).map(|row| row.version);
        assert_eq!((seen("Observation/1"), seen("Observation/2")), (Some(2), None));
        world.settle();
        world.reopen();
    }
}

/// A type that nothing was said about shows nothing.
pub fn a_search_finds_only_the_visible(make: Make) {
    let world = world(make);
    assert_eq!(as_ann(&world, Filter::Everything), "1 3");
    assert_eq!(as_ann(&world, is("pulse")), "1");
    world.commit([super::world::write("Basic/1", &[])]);
    let basic = Search::new(&only_ann(), key("Basic/1").of, Filter::Everything);
    assert_eq!(ids(&world.search(&basic).matches), "");
}

/// The visible first, then the limit and the count.
pub fn totals_and_pages_count_only_the_visible(make: Make) {
    let world = world(make);
    let mut search = Search::new(&only_ann(), observation(), Filter::Everything);
    (search.total, search.count) = (Total::Accurate, 1);
    assert_eq!(world.search(&search).total, Some(2));
    assert_eq!(world.pages(&search), ["1", "3"]);
    // Somebody else's position is no right to see more.
    let mut others = Search::new(&all(), observation(), Filter::Everything);
    others.count = 1;
    search.after = world.search(&others).next;
    assert_eq!(world.pages(&search), ["3"]);
}

/// Ann's pulse is about Bob, who does not come with it.
pub fn an_include_stays_inside_what_is_visible(make: Make) {
    let world = world(make);
    let mut search = Search::new(&only_ann(), observation(), is("pulse"));
    let forward = |param| Link::Forward { from: None, param: Some(param), target: None };
    search.include = [SUBJECT, FOCUS].map(|param| Include { link: forward(param), iterate: false }).to_vec();
    let found = world.search(&search);
    assert_eq!((ids(&found.matches), ids(&found.included)), ("1".into(), "a".into()));
}

/// Of the observations about Ann, the hidden one is not counted.
pub fn a_hidden_resource_does_not_use_up_the_include_limit(make: Make) {
    let world = world(make);
    let mut search = Search::new(&only_ann(), patient(), Filter::Everything);
    search.include = vec![Include {
        link: Link::Reverse { by: observation(), param: FOCUS, target: None },
        iterate: false,
    }];
    search.include_max = 1;
    assert_eq!(ids(&world.search(&search).included), "3");
}

/// Ann cannot learn Bob's name by asking for observations about somebody of that name.
pub fn a_chain_cannot_probe_what_is_hidden(make: Make) {
    let world = world(make);
    let bob = || {
        let filter = Box::new(has(NAME, Test::String(StringTest::StartsWith("bo".into()))));
        Filter::Refers { param: FOCUS, of: patient(), filter }
    };
    assert_eq!(world.sorted(bob()), "1");
    assert_eq!(as_ann(&world, bob()), "");
    assert_eq!(as_ann(&world, not(bob())), "1 3");
    let back = || Filter::ReferredBy { by: observation(), param: FOCUS, filter: Box::new(is("pulse")) };
    assert_eq!(world.find(patient(), back()), "a b");
    let search = Search::new(&only_ann(), patient(), back());
    assert_eq!(ids(&world.search(&search).matches), "");
}

/// What is not Ann's does not show by not being something.
pub fn not_is_confined_to_the_visible(make: Make) {
    let world = world(make);
    assert_eq!(as_ann(&world, not(is("pulse"))), "3");
    assert_eq!(as_ann(&world, Filter::Missing(NAME)), "1 3");
}

/// Each version by its own facts: what was Ann's once shows, what became Bob's does not.
pub fn a_history_shows_only_visible_versions(make: Make) {
    let mut world = world(make);
    world.commit([about("3", "b", "b", "weight")]);
    world.commit([delete("Observation/3"), delete("Observation/1")]);
    for _ in 0..2 {
        let of = History::of_instance(key("Observation/3"), 10);
        assert_eq!(shown(&world, &of), ["Observation/3 1"]);
        let of = History { of: Scope::Type(observation()), ..of };
        assert_eq!(shown(&world, &of), ["Observation/1 2", "Observation/3 1", "Observation/1 1"]);
        let of = History { of: Scope::System, count: 2, ..of };
        assert_eq!(shown(&world, &of), ["Observation/1 2", "Observation/3 1"]);
        world.settle();
        world.reopen();
    }
}

fn shown(world: &World, of: &History) -> Vec<String> {
    let versions = wait(world.store().history(of, &only_ann())).expect("the history is answered");
    let is_instance = matches!(of.of, Scope::Instance(_));
    assert_eq!(versions.total, is_instance.then_some(versions.versions.len() as u64));
    let line = |key: &ResourceKey, version| format!("{key} {version}");
    versions.versions.iter().map(|row| line(&row.key, row.version)).collect()
}
