//! References into hierarchies: to a resource or to what stands above or below it, as far as the caller may see.

use fhir::ResourceType;
use search::{
    Direction, Filter, Hierarchy, ParamId, ParameterSet, ReferenceTest, Search, Target, Test, Value, Visible,
};

use super::world::{FOCUS, SUBJECT, all, delete, has, ids, key, local, of, token, write};
use super::{Make, World, wait};
use crate::{StoreError, Write};

/// How a location refers to the one that it is a part of.
const PART_OF: ParamId = FOCUS;

fn location() -> ResourceType {
    of("Location")
}

fn part(id: &str, whole: &str) -> Write {
    write(&format!("Location/{id}"), &[(PART_OF, local("Location", whole))])
}

fn at(id: &str, place: &str) -> Write {
    write(&format!("Observation/{id}"), &[(SUBJECT, local("Location", place))])
}

/// A house has two floors, one of which has a ward with a bed; something was observed at each, and elsewhere.
fn world(make: Make) -> World {
    let world = World::new(make);
    world.commit([
        write("Location/house", &[]),
        part("first", "house"),
        part("second", "house"),
        part("ward", "first"),
        part("bed", "ward"),
        write("Location/elsewhere", &[]),
    ]);
    world.commit(["house", "first", "second", "ward", "bed", "elsewhere"].map(|place| at(place, place)));
    world
}

fn hierarchy(root: &str, direction: Direction) -> Hierarchy {
    let root = ReferenceTest::Key(key(&format!("Location/{root}")));
    Hierarchy { of: location(), parent: PART_OF, root, direction, filter: Filter::Everything }
}

fn within(param: ParamId, root: &str, direction: Direction) -> Filter {
    Filter::RefersWithin { param, hierarchy: Box::new(hierarchy(root, direction)) }
}

fn below(root: &str) -> Filter {
    within(SUBJECT, root, Direction::Below)
}

fn above(root: &str) -> Filter {
    within(SUBJECT, root, Direction::Above)
}

/// Down to the last part and up to the whole; a part of nothing current is a part still.
pub fn a_hierarchy_is_followed_to_its_ends(make: Make) {
    let world = world(make);
    assert_eq!(world.sorted(below("house")), "bed first house second ward");
    assert_eq!(world.sorted(below("first")), "bed first ward");
    assert_eq!(world.sorted(below("bed")), "bed");
    assert_eq!(world.sorted(below("nowhere")), "");
    assert_eq!(world.sorted(above("bed")), "bed first house ward");
    assert_eq!(world.sorted(above("house")), "house");
    assert_eq!(world.find(location(), within(PART_OF, "first", Direction::Below)), "ward bed");
    assert_eq!(world.find(location(), within(PART_OF, "ward", Direction::Above)), "first second ward bed");
    world.commit([part("ward", "second"), delete("Location/house")]);
    assert_eq!(world.sorted(below("house")), "bed first house second ward");
    assert_eq!(world.sorted(below("first")), "first");
    assert_eq!(world.sorted(above("bed")), "bed house second ward");
    world.commit([delete("Location/ward")]);
    assert_eq!(world.sorted(below("house")), "first house second");
    assert_eq!(world.sorted(above("bed")), "bed ward");
}

/// Each is above and below the others then.
pub fn a_hierarchy_that_goes_round_ends(make: Make) {
    let world = world(make);
    world.commit([part("house", "bed"), part("elsewhere", "elsewhere")]);
    for direction in [Direction::Below, Direction::Above] {
        assert_eq!(world.sorted(within(SUBJECT, "elsewhere", direction)), "elsewhere");
    }
    assert_eq!(world.sorted(below("ward")), "bed first house second ward");
    assert_eq!(world.sorted(above("ward")), "bed first house ward");
}

/// What lies behind a hidden location is not found by way of it, and neither is the location.
pub fn what_is_hidden_breaks_a_hierarchy(make: Make) {
    let world = world(make);
    let shown = ["house", "second", "ward", "bed"].map(super::world::id).to_vec();
    let visible =
        Visible::nothing().allow(of("Observation"), Filter::Everything).allow(location(), Filter::Ids(shown));
    let find = |of, filter| ids(&world.search(&Search::new(&visible, of, filter)).matches);
    for _ in 0..2 {
        assert_eq!(find(of("Observation"), below("house")), "house second");
        assert_eq!(find(of("Observation"), below("first")), "first ward bed");
        assert_eq!(find(of("Observation"), above("bed")), "first ward bed");
        assert_eq!(find(location(), within(PART_OF, "house", Direction::Below)), "second");
        world.settle();
    }
}

/// Within chains, and back.
pub fn a_hierarchy_combines_with_chains(make: Make) {
    let world = world(make);
    let inner = || Box::new(within(PART_OF, "first", Direction::Below));
    let chain = Filter::Refers { param: SUBJECT, of: location(), filter: inner() };
    assert_eq!(world.sorted(chain), "bed ward");
    let by = of("Observation");
    let back = Filter::ReferredBy { by, param: SUBJECT, filter: Box::new(below("ward")) };
    assert_eq!(world.find(location(), back), "ward bed");
    let both = Filter::And(vec![below("house"), Filter::Not(Box::new(below("first")))]);
    assert_eq!(world.sorted(both), "house second");
    let either = Filter::Or(vec![below("ward"), below("elsewhere")]);
    assert_eq!(world.sorted(either), "bed elsewhere ward");
}

/// What is named counts, and all above or below; of the whole filter.
pub fn a_hierarchy_is_limited(make: Make) {
    let world = world(make);
    for (filter, size) in [
        (below("first"), 3),
        (above("bed"), 4),
        (below("nowhere"), 1),
        (Filter::Or(vec![below("first"), above("ward")]), 6),
    ] {
        let mut search = Search::new(&all(), of("Observation"), filter);
        let parameters = ParameterSet::r4();
        for _ in 0..2 {
            search.hierarchy_max = size;
            assert!(wait(world.store().search(&search)).is_ok(), "{size}");
            search.hierarchy_max = size - 1;
            let refused = StoreError::Limit("HIERARCHY_RESOURCES_MAX");
            assert_eq!(wait(world.store().search(&search)).err(), Some(refused.clone()));
            assert_eq!(wait(world.store().explain(&search, &parameters)).err(), Some(refused));
            world.settle();
        }
    }
}

/// By names, and with what it finds.
pub fn a_hierarchy_is_explained(make: Make) {
    let world = world(make);
    let search = Search::new(&all(), of("Observation"), below("first"));
    let parameters = ParameterSet::r4();
    let plan = wait(world.store().explain(&search, &parameters)).expect("the plan succeeds");
    let code = |param| parameters.code(param).unwrap_or_default().to_owned();
    let (subject, parent) = (code(SUBJECT), code(PART_OF));
    let step = plan.0.iter().find(|step| step.depth == 1).expect("a condition");
    assert_eq!(
        step.what,
        format!("{subject} refers to Location/first or to a Location below it by {parent}")
    );
    assert_eq!(step.hits, Some(3));
}

/// By whole parts of the version.
pub fn canonicals_match_by_the_start_of_their_version(make: Make) {
    let world = World::new(make);
    let named = |id: &str, url| {
        let entries = [(SUBJECT, Value::Reference(Target::Url(url))), (FOCUS, token(None, "x"))];
        write(&format!("Observation/{id}"), &entries)
    };
    world.commit([
        named("a", "http://q|1"),
        named("b", "http://q|1.0.3"),
        named("c", "http://q|1.01"),
        named("d", "http://q"),
        named("e", "http://qq|1.0"),
    ]);
    let find =
        |start: &str| world.sorted(has(SUBJECT, Test::Reference(ReferenceTest::UrlVersions(start.into()))));
    assert_eq!(find("http://q|1"), "a b c");
    assert_eq!(find("http://q|1.0"), "b");
    assert_eq!(find("http://q|1.0.3"), "b");
    assert_eq!(find("http://q|2"), "");
}
