//! What the less usual criteria ask of one value: sets of codes, comparisons of texts, distances.

use std::sync::Arc;

use search::{
    Codes, Filter, Near, ParamId, Prefix, ReferenceTest, Search, StringTest, SystemTest, Target, Test,
    TextQuery, TextWithin, TokenSet, UriTest, Value,
};

use super::world::{ADDRESS, CODE, NAME, SUBJECT, all, has, key, number, token, write};
use super::{Make, World, wait};
use crate::{StoreError, Write};

/// A position: latitude and longitude.
const PLACE: ParamId = ParamId(110);

fn coded(id: &str, system: Option<&'static str>, code: &'static str) -> Write {
    write(&format!("Observation/{id}"), &[(CODE, token(system, code))])
}

fn set<'c>(systems: impl IntoIterator<Item = (&'c str, Codes)>) -> Test {
    let mut set = TokenSet::new();
    systems.into_iter().for_each(|(system, codes)| set.add(system, codes));
    Test::Codes(Arc::new(set))
}

fn only<'c>(codes: impl IntoIterator<Item = &'c str>) -> Codes {
    Codes::Only(codes.into_iter().map(Into::into).collect())
}

/// A code is in a set with its system; a set may hold all of a system, or all but some.
pub fn codes_match_by_membership(make: Make) {
    let world = World::new(make);
    world.commit([
        coded("a", Some("s"), "1"),
        coded("b", Some("s"), "2"),
        coded("c", Some("t"), "1"),
        coded("d", None, "1"),
        write("Observation/e", &[(CODE, token(Some("u"), "9")), (CODE, token(Some("s"), "2"))]),
    ]);
    let find = |test| world.sorted(has(CODE, test));
    let but_1 = || Codes::AllBut(["1".into()].into());
    assert_eq!(find(set([("s", only(["1", "7"]))])), "a");
    assert_eq!(find(set([("s", only(["1"])), ("t", Codes::all())])), "a c");
    assert_eq!(find(set([("s", but_1())])), "b e");
    assert_eq!(find(set([("s", Codes::all())])), "a b e");
    assert_eq!(find(set([])), "");
}

/// More codes than anybody would look up one by one.
pub fn a_large_set_of_codes_is_asked_whole(make: Make) {
    let world = World::new(make);
    world.commit([coded("a", Some("s"), "4999"), coded("b", Some("s"), "5000"), coded("c", Some("t"), "1")]);
    world.settle();
    let codes: Vec<String> = (0..5000).map(|code| code.to_string()).collect();
    assert_eq!(world.sorted(has(CODE, set([("s", only(codes.iter().map(String::as_str)))]))), "a");
}

/// With parameters, of a type, and nothing that only begins alike.
pub fn media_types_lie_below_their_type(make: Make) {
    let world = World::new(make);
    world.commit([
        coded("a", Some("m"), "text/xml"),
        coded("b", Some("m"), "text/xml;charset=UTF-8"),
        coded("c", Some("m"), "text/xml-external"),
        coded("d", None, "text/plain"),
        coded("e", Some("m"), "texture/plain"),
    ]);
    let find = |system, below: &str| world.sorted(has(CODE, Test::MediaType { system, below: below.into() }));
    let only = || SystemTest::Is("m".into());
    for at_rest in [false, true] {
        if at_rest {
            world.settle();
        }
        assert_eq!(find(SystemTest::Any, "text/xml"), "a b");
        assert_eq!(find(SystemTest::Any, "text"), "a b c d");
        assert_eq!(find(only(), "text"), "a b c");
        assert_eq!(find(SystemTest::Absent, "text"), "d");
        assert_eq!(find(only(), "text/plain"), "");
    }
}

/// Equal, at the end, and in the order of the alphabet.
pub fn strings_compare_without_case_and_accents(make: Make) {
    let world = World::new(make);
    let called = |id: &str, name| write(&format!("Observation/{id}"), &[(NAME, Value::String(name))]);
    world.commit([called("a", "Müller"), called("b", "muller jun."), called("c", "Ade"), called("d", "Zoë")]);
    let find = |test| world.sorted(has(NAME, Test::String(test)));
    assert_eq!(find(StringTest::Equals("muller".into())), "a");
    assert_eq!(find(StringTest::EndsWith("ller".into())), "a");
    assert_eq!(find(StringTest::Compares(Prefix::Greater, "muller".into())), "b d");
    assert_eq!(find(StringTest::Compares(Prefix::LessOrEqual, "muller".into())), "a c");
}

/// By the start, a part or the end, letter by letter.
pub fn uris_match_by_their_text(make: Make) {
    let world = World::new(make);
    let at = |id: &str, uri| write(&format!("Observation/{id}"), &[(ADDRESS, Value::Uri(uri))]);
    world.commit([at("a", "http://x/y"), at("b", "http://x/yz"), at("c", "urn:x/y")]);
    let find = |test| world.sorted(has(ADDRESS, Test::Uri(test)));
    assert_eq!(find(UriTest::StartsWith("http://x/y".into())), "a b");
    assert_eq!(find(UriTest::Contains("x/y".into())), "a b c");
    assert_eq!(find(UriTest::EndsWith("x/y".into())), "a c");
    assert_eq!(find(UriTest::EndsWith("X/y".into())), "");
}

/// Over the date line and the equator too.
pub fn positions_match_by_distance(make: Make) {
    let world = World::new(make);
    let at = |id: &str, latitude, longitude| {
        let mut put = super::world::put(&format!("Location/{id}"), "", &[]);
        put.entries.push_composite(PLACE, [number(latitude), number(longitude)]);
        Write::Put(put)
    };
    world.commit([
        at("boston", 42.36, -71.06),
        at("hartford", 41.77, -72.67),
        at("east", -0.0, 179.9),
        at("west", 0.5, -179.9),
    ]);
    let location = key("Location/1").of;
    let find = |latitude, longitude, km: f64| {
        let near = Near { latitude, longitude, distance_m: km * 1000.0 };
        let mut found: Vec<String> = world
            .find(location, has(PLACE, Test::Near(near)))
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        found.sort();
        found.join(" ")
    };
    assert_eq!(find(42.36, -71.06, 0.0), "boston");
    assert_eq!(find(42.36, -71.06, 145.0), "boston");
    assert_eq!(find(42.36, -71.06, 152.0), "boston hartford");
    assert_eq!(find(0.0, 180.0, 20.0), "east");
    assert_eq!(find(0.0, 180.0, 60.0), "east west");
}

/// `ne` asks for some value of the kind that does not pass; what has none does not pass.
pub fn other_values_are_those_of_the_same_kind(make: Make) {
    let world = World::new(make);
    let patient = Value::Reference(Target::Local { of: key("Patient/1").of, id: "1", version: None });
    let other = |test| Test::Other(Box::new(test));
    world.commit([
        write("Observation/a", &[(CODE, token(None, "x")), (CODE, Value::TokenText("y"))]),
        write("Observation/b", &[(CODE, token(None, "x")), (CODE, token(Some("s"), "y"))]),
        write("Observation/c", &[(SUBJECT, patient)]),
        write("Observation/d", &[(SUBJECT, Value::Reference(Target::Url("urn:uuid:1")))]),
    ]);
    let x = || Test::Token { system: SystemTest::Any, code: Some("x".into()) };
    assert_eq!(world.sorted(has(CODE, other(x()))), "b");
    assert_eq!(world.sorted(has(CODE, other(other(x())))), "a b");
    let to_patient = || Test::Reference(ReferenceTest::Key(key("Patient/1")));
    assert_eq!(world.sorted(has(SUBJECT, other(to_patient()))), "d");
    assert_eq!(world.sorted(has(SUBJECT, other(Test::Any))), "");
}

fn noted(id: &str, code: &'static str, words: &str) -> Write {
    let mut put = super::world::put(&format!("Observation/{id}"), "", &[(CODE, token(None, code))]);
    put.body = bytes::Bytes::from(format!(
        "{{\"resourceType\":\"Observation\",\"id\":\"{id}\",\"meta\":{{}},\"text\":{{\"div\":\"<div>{words}</div>\"}}}}"
    ));
    Write::Put(put)
}

fn words(within: TextWithin, typed: &str) -> Filter {
    Filter::Text(TextQuery::parse(within, typed).expect("words"))
}

/// Words are looked for in the current body, in the narrative or anywhere.
pub fn words_are_looked_for_in_bodies(make: Make) {
    let world = World::new(make);
    world.commit([noted("a", "x", "red wine"), noted("b", "x", "red"), noted("c", "y", "red wine")]);
    world.settle();
    world.commit([noted("c", "y", "white wine"), noted("d", "x", "Wine, red")]);
    let narrative = |typed: &str| words(TextWithin::Narrative, typed);
    assert_eq!(world.sorted(narrative("wine red")), "a d");
    assert_eq!(world.sorted(narrative("\"red wine\" OR white")), "a c");
    assert_eq!(world.sorted(Filter::And(vec![has(CODE, Test::Any), narrative("wine")])), "a c d");
    assert_eq!(world.sorted(Filter::Not(Box::new(narrative("wine")))), "b");
    assert_eq!(world.sorted(words(TextWithin::Narrative, "observation")), "");
    assert_eq!(world.sorted(words(TextWithin::Content, "observation wine")), "a c d");
}

/// What the other conditions leave may be as many as the limit, and no more.
pub fn bodies_looked_into_are_limited(make: Make) {
    let world = World::new(make);
    world.commit([noted("a", "x", "red"), noted("b", "x", "red"), noted("c", "y", "red")]);
    for settled in [false, true] {
        if settled {
            world.settle();
        }
        let x = has(CODE, Test::Token { system: SystemTest::Any, code: Some("x".into()) });
        let filter = Filter::And(vec![x, words(TextWithin::Narrative, "red")]);
        let mut search = Search::new(&all(), key("Observation/1").of, filter);
        search.bodies_max = 2;
        assert_eq!(wait(world.store().search(&search)).map(|found| found.matches.len()), Ok(2));
        search.bodies_max = 1;
        let refused = wait(world.store().search(&search)).map(|found| found.matches.len());
        assert_eq!(refused, Err(StoreError::Limit("TEXT_BODIES_MAX")));
    }
}
