//! What comes with the matches.

use search::{Filter, Include, Search};

use super::world::{
    CODE, FOCUS, SUBJECT, about, all, delete, ids, is, local, named, observation, observations, patient,
    token, with, write,
};
use super::{Make, World};

fn world(make: Make) -> World {
    let world = World::new(make);
    world.commit([named("p", "Pia"), named("q", "Quin"), named("r", "Rob")]);
    world.commit([about("1", "p", "q", "x"), about("2", "q", "p", "x"), about("3", "r", "r", "y")]);
    world
}

fn forward(param: search::ParamId) -> Include {
    Include::Forward { param, target: None }
}

fn included(world: &World, search: Search, include: Vec<Include>) -> String {
    ids(&world.search(&with(search, |search| search.include = include)).included)
}

/// What the matches of the page refer to, if it is there.
pub fn includes_follow_references_forward(make: Make) {
    let world = world(make);
    assert_eq!(included(&world, observations(is("y")), vec![forward(SUBJECT)]), "r");
    assert_eq!(included(&world, observations(is("x")), vec![forward(SUBJECT)]), "p q");
    assert_eq!(included(&world, observations(is("z")), vec![forward(SUBJECT)]), "");
    let one = with(observations(is("x")), |search| search.count = 1);
    assert_eq!(included(&world, one, vec![forward(SUBJECT)]), "p");
    world.commit([delete("Patient/p"), about("4", "nobody", "r", "x")]);
    assert_eq!(included(&world, observations(is("x")), vec![forward(SUBJECT)]), "q");
}

/// What refers to the matches of the page.
pub fn includes_follow_references_back(make: Make) {
    let world = world(make);
    let back = |param| vec![Include::Reverse { by: observation(), param }];
    let patients = || Search::new(&all(), patient(), Filter::Everything);
    assert_eq!(included(&world, with(patients(), |search| search.count = 1), back(SUBJECT)), "1");
    assert_eq!(included(&world, with(patients(), |search| search.count = 1), back(FOCUS)), "2");
    assert_eq!(included(&world, patients(), back(SUBJECT)), "1 2 3");
    world.commit([about("1", "r", "r", "x"), delete("Observation/3")]);
    assert_eq!(included(&world, patients(), back(SUBJECT)), "1 2");
}

/// A type that is named leaves the others out.
pub fn an_include_may_want_one_type(make: Make) {
    let world = world(make);
    let to =
        [(CODE, token(None, "z")), (SUBJECT, local("Patient", "p")), (SUBJECT, local("Observation", "1"))];
    world.commit([write("Observation/9", &to)]);
    let only = |name: &str| {
        let target = Some(super::world::of(name));
        included(&world, observations(is("z")), vec![Include::Forward { param: SUBJECT, target }])
    };
    assert_eq!(
        (only("Patient"), only("Observation"), only("Group")),
        ("p".into(), "1".into(), String::new())
    );
    assert_eq!(included(&world, observations(is("z")), vec![forward(SUBJECT)]).split(' ').count(), 2);
}

/// However many lead to it, and not at all if it is a match of the page.
pub fn what_is_included_stands_once(make: Make) {
    let world = world(make);
    let both = vec![forward(SUBJECT), forward(FOCUS)];
    assert_eq!(included(&world, observations(is("x")), both.clone()), "p q");
    world.commit([write("Observation/4", &[(SUBJECT, local("Observation", "1")), (CODE, token(None, "x"))])]);
    assert_eq!(included(&world, observations(is("x")), both), "p q");
}

/// In the order of their keys, as many as allowed.
pub fn includes_are_limited(make: Make) {
    let world = world(make);
    for (include_max, expected) in [(0, ""), (1, "p"), (2, "p q"), (3, "p q r"), (4, "p q r")] {
        let search = with(observations(Filter::Everything), |search| search.include_max = include_max);
        assert_eq!(included(&world, search, vec![forward(SUBJECT)]), expected);
    }
}
