//! What comes with the matches.

use search::{Filter, Include, Link, ParamId, Search, Target, Value, Visible, registry};

use super::world::{
    CODE, FOCUS, SUBJECT, about, all, body, delete, ids, is, key, local, named, observation, observations,
    of, patient, put, token, with, write,
};
use super::{Make, World};
use crate::Write;
use crate::limits::{INCLUDE_ROUNDS_MAX, PAGE_BYTES_MAX};

fn world(make: Make) -> World {
    let world = World::new(make);
    world.commit([named("p", "Pia"), named("q", "Quin"), named("r", "Rob")]);
    world.commit([about("1", "p", "q", "x"), about("2", "q", "p", "x"), about("3", "r", "r", "y")]);
    world
}

fn forward(param: ParamId) -> Include {
    Include { link: Link::Forward { from: None, param: Some(param), target: None }, iterate: false }
}

fn back(by: &str, param: ParamId) -> Include {
    Include { link: Link::Reverse { by: of(by), param, target: None }, iterate: false }
}

fn again(include: Include) -> Include {
    Include { iterate: true, ..include }
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
    let back = |param| vec![back("Observation", param)];
    let patients = || Search::new(&all(), patient(), Filter::Everything);
    assert_eq!(included(&world, with(patients(), |search| search.count = 1), back(SUBJECT)), "1");
    assert_eq!(included(&world, with(patients(), |search| search.count = 1), back(FOCUS)), "2");
    assert_eq!(included(&world, patients(), back(SUBJECT)), "1 2 3");
    world.commit([about("1", "r", "r", "x"), delete("Observation/3")]);
    assert_eq!(included(&world, patients(), back(SUBJECT)), "2 1", "in the order written");
}

/// A type that is named leaves the others out.
pub fn an_include_may_want_one_type(make: Make) {
    let world = world(make);
    let to =
        [(CODE, token(None, "z")), (SUBJECT, local("Patient", "p")), (SUBJECT, local("Observation", "1"))];
    world.commit([write("Observation/9", &to)]);
    let only = |name: &str| {
        let link = Link::Forward { from: None, param: Some(SUBJECT), target: Some(of(name)) };
        included(&world, observations(is("z")), vec![Include { link, iterate: false }])
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

/// Of what the limits allow, by type and as written; what is left out is told.
pub fn includes_are_limited(make: Make) {
    let world = world(make);
    for (include_max, expected, is_cut) in
        [(0, "", true), (1, "p", true), (2, "p q", true), (3, "p q r", false), (4, "p q r", false)]
    {
        let mut search = observations(Filter::Everything);
        (search.include_max, search.include) = (include_max, vec![forward(SUBJECT)]);
        let found = world.search(&search);
        assert_eq!((&*ids(&found.included), found.included_is_cut), (expected, is_cut), "{include_max}");
        search.include = vec![back("Basic", SUBJECT)];
        assert!(!world.search(&search).included_is_cut);
    }
}

/// So many bytes come with a page of matches and no more.
pub fn what_is_included_is_limited_in_bytes(make: Make) {
    let world = World::new(make);
    let empty = body(&key("Patient/a"), "").len();
    let large =
        |id: &str| Write::Put(put(&format!("Patient/{id}"), &"x".repeat(PAGE_BYTES_MAX / 2 - empty), &[]));
    let to = ["a", "b", "c"].map(|id| (SUBJECT, local("Patient", id)));
    world.commit([large("a"), large("b"), named("c", "c"), write("Observation/1", &to)]);
    for (expected, is_cut) in [("a b", true), ("a b", false)] {
        let search = with(observations(Filter::Everything), |search| search.include = vec![forward(SUBJECT)]);
        let found = world.search(&search);
        assert_eq!((&*ids(&found.included), found.included_is_cut), (expected, is_cut));
        world.commit([delete("Patient/c")]);
    }
}

/// Observations that follow one another by their focus: 0 to 1, 1 to 2, and so on.
fn chain_of(world: &World, length: usize) {
    let link = |at: usize| {
        let next = (at + 1).to_string();
        write(&format!("Observation/{at}"), &[(FOCUS, local("Observation", &next))])
    };
    world.commit((0..length).map(link));
}

fn first() -> Search {
    observations(Filter::Ids(vec![key("Observation/0").id]))
}

/// Round by round, in both directions, also in circles; without being told to only once.
pub fn includes_may_iterate(make: Make) {
    let world = World::new(make);
    chain_of(&world, 5);
    world.commit([
        named("p", "Pia"),
        about("9", "p", "p", "x"),
        write("Basic/b", &[(SUBJECT, local("Patient", "p"))]),
    ]);
    world.commit([write(
        "Observation/3",
        &[(FOCUS, local("Observation", "0")), (SUBJECT, local("Patient", "p"))],
    )]);
    for _ in 0..2 {
        let focus = || forward(FOCUS);
        assert_eq!(included(&world, first(), vec![focus()]), "1");
        assert_eq!(included(&world, first(), vec![again(focus())]), "1 2 3");
        assert_eq!(included(&world, first(), vec![again(focus()), forward(SUBJECT)]), "1 2 3");
        assert_eq!(included(&world, first(), vec![again(focus()), again(forward(SUBJECT))]), "1 2 3 p");
        assert_eq!(included(&world, first(), vec![again(back("Observation", FOCUS))]), "3 2 1");
        let mixed = || vec![again(focus()), again(forward(SUBJECT)), again(back("Basic", SUBJECT))];
        assert_eq!(included(&world, first(), mixed()), "1 2 3 p b");
        let limited = with(first(), |search| search.include_max = 2);
        assert_eq!(included(&world, limited, mixed()), "1 2");
        world.settle();
    }
}

/// So many rounds and no more; what is left out is told.
pub fn iteration_ends_after_some_rounds(make: Make) {
    let world = World::new(make);
    for (length, is_cut) in [(INCLUDE_ROUNDS_MAX + 1, false), (INCLUDE_ROUNDS_MAX + 2, true)] {
        chain_of(&world, length);
        let found = world.search(&with(first(), |search| search.include = vec![again(forward(FOCUS))]));
        assert_eq!((found.included.len(), found.included_is_cut), (INCLUDE_ROUNDS_MAX, is_cut));
    }
}

/// Any reference parameter, but not the compartment; or only from one type; or only to one.
pub fn includes_may_follow_every_reference(make: Make) {
    let world = world(make);
    world.commit([write("Basic/b", &[(ParamId::COMPARTMENT, local("Patient", "r"))])]);
    let any = |from: Option<&str>, target: Option<&str>| {
        let link = Link::Forward { from: from.map(of), param: None, target: target.map(of) };
        vec![Include { link, iterate: false }]
    };
    let one = || observations(Filter::Ids(vec![key("Observation/1").id]));
    assert_eq!(included(&world, one(), any(None, None)), "p q");
    assert_eq!(included(&world, one(), any(Some("Observation"), Some("Patient"))), "p q");
    assert_eq!(included(&world, one(), any(Some("Basic"), None)), "");
    assert_eq!(included(&world, one(), any(None, Some("Group"))), "");
    assert_eq!(included(&world, Search::new(&all(), of("Basic"), Filter::Everything), any(None, None)), "");
    let patients = || Search::new(&all(), patient(), Filter::Everything);
    let to = |target: &str| {
        let link = Link::Reverse { by: observation(), param: SUBJECT, target: Some(of(target)) };
        vec![Include { link, iterate: false }]
    };
    assert_eq!(included(&world, patients(), to("Patient")), "1 2 3");
    assert_eq!(included(&world, patients(), to("Group")), "");
}

/// A reference to a version leads to the resource as it is now.
pub fn a_reference_to_a_version_includes_the_current_one(make: Make) {
    let world = world(make);
    let to = |version| Value::Reference(Target::Local { of: patient(), id: "p", version: Some(version) });
    world
        .commit([named("p", "Pia"), write("Observation/9", &[(SUBJECT, to("1")), (CODE, token(None, "z"))])]);
    let found = world.search(&with(observations(is("z")), |search| search.include = vec![forward(SUBJECT)]));
    assert_eq!((&*ids(&found.included), found.included[0].version), ("p", 2));
}

/// A canonical leads to what has its `url`, and its version if it names one; and back.
pub fn canonicals_lead_to_what_they_name(make: Make) {
    let world = World::new(make);
    let [url, version] = ["url", "version"].map(|code| registry().param(code).expect("R4 has it"));
    let questionnaire = |id: &str, number: &'static str| {
        let entries = [(url, Value::Uri("http://q")), (version, token(None, number))];
        write(&format!("Questionnaire/{id}"), &entries)
    };
    let response = |id: &str, urls: &[&'static str]| {
        let entries: Vec<_> = urls.iter().map(|url| (FOCUS, Value::Reference(Target::Url(url)))).collect();
        write(&format!("Observation/{id}"), &entries)
    };
    world.commit([questionnaire("q1", "1"), questionnaire("q2", "2")]);
    world.commit([write("Patient/p", &[(url, Value::Uri("http://q"))])]);
    world.commit([response("a", &["http://q"]), response("b", &["http://q|2", "http://q"])]);
    let one = |id: &str| observations(Filter::Ids(vec![key(&format!("Observation/{id}")).id]));
    for _ in 0..2 {
        assert_eq!(included(&world, one("a"), vec![forward(FOCUS)]), "q1 q2");
        assert_eq!(included(&world, one("b"), vec![forward(FOCUS)]), "q2");
        let all = Search::new(&all(), of("Questionnaire"), Filter::Everything);
        assert_eq!(included(&world, all, vec![back("Observation", FOCUS)]), "a b");
        world.settle();
    }
}

/// Several types of matches, and what is found back from some of them.
pub fn matches_of_several_types_include_their_own(make: Make) {
    let world = world(make);
    world.commit([write("Basic/b", &[(SUBJECT, local("Patient", "r"))])]);
    let types = vec![(of("Basic"), Filter::Everything), (observation(), is("x"))];
    let search = Search::across(&all(), types);
    assert_eq!(included(&world, search.clone(), vec![forward(SUBJECT)]), "p q r");
    let link = Link::Forward { from: Some(of("Basic")), param: Some(SUBJECT), target: None };
    assert_eq!(included(&world, search, vec![Include { link, iterate: false }]), "r");
}

/// What is hidden leads nowhere.
pub fn iteration_does_not_pass_through_what_is_hidden(make: Make) {
    let world = World::new(make);
    chain_of(&world, 4);
    let some = Filter::Ids(["0", "1", "3"].map(|id| key(&format!("Observation/{id}")).id).to_vec());
    let visible = Visible::nothing().allow(observation(), some);
    let search = Search::new(&visible, observation(), Filter::Ids(vec![key("Observation/0").id]));
    assert_eq!(included(&world, search, vec![again(forward(FOCUS))]), "1");
}
