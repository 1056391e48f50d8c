//! Each kind of filter finds what [`Filter::matches`] says.

use fhir::{Id, ResourceKey, Span, Time};
use search::{
    Cancellation, Filter, Prefix, QuantityTest, ReferenceTest, Search, Sort, SortKey, StringTest, SystemTest,
    Target, Test, Total, UriTest, Value, registry,
};

use super::world::{
    ADDRESS, AMOUNT, BIRTH, CODE, FOCUS, NAME, PAIR, SCORE, SUBJECT, about, date, delete, has, id, is, key,
    local, named, not, number, observation, observations, patient, put, quantity, span, token, write,
};
use super::{Make, World, wait};
use crate::{Put, StoreError, Write};

const PREFIXES: [Prefix; 9] = [
    Prefix::Equal,
    Prefix::NotEqual,
    Prefix::Greater,
    Prefix::Less,
    Prefix::GreaterOrEqual,
    Prefix::LessOrEqual,
    Prefix::StartsAfter,
    Prefix::EndsBefore,
    Prefix::Approximately,
];

/// Current resources are found; older versions, deleted resources and other types are not.
pub fn everything_is_what_is_current(make: Make) {
    let world = World::new(make);
    world.commit([named("1", "a"), named("2", "b"), about("3", "1", "1", "x")]);
    world.commit_each([named("1", "c"), delete("Patient/2")]);
    assert_eq!(world.find(patient(), Filter::Everything), "1");
    assert_eq!(world.find(patient(), Filter::Nothing), "");
    assert_eq!(world.find(key("Basic/1").of, Filter::Everything), "");
}

fn coded(id: &str, system: Option<&'static str>, code: Option<&'static str>) -> Write {
    write(&format!("Observation/{id}"), &[(CODE, Value::Token { system, code })])
}

/// `code`, `system|code`, `|code` and `system|` each find their own.
pub fn tokens_match_by_system_and_code(make: Make) {
    let world = World::new(make);
    world.commit([
        coded("a", Some("s"), Some("1")),
        coded("b", Some("t"), Some("1")),
        coded("c", None, Some("1")),
        coded("d", Some("s"), None),
        coded("e", Some("s"), Some("2")),
        write("Observation/f", &[(CODE, token(Some("s"), "3")), (CODE, token(None, "2"))]),
    ]);
    let find = |system, code: Option<&str>| {
        world.sorted(has(CODE, Test::Token { system, code: code.map(Into::into) }))
    };
    let s = || SystemTest::Is("s".into());
    assert_eq!(find(SystemTest::Any, Some("1")), "a b c");
    assert_eq!(find(s(), Some("1")), "a");
    assert_eq!(find(SystemTest::Absent, Some("1")), "c");
    assert_eq!(find(s(), None), "a d e f");
    assert_eq!(find(SystemTest::Any, None), "a b c d e f");
    assert_eq!(find(SystemTest::Absent, None), "c f");
    assert_eq!(find(s(), Some("9")), "");
}

/// `:text` looks at the start of a token's text, without case and accents.
pub fn token_texts_match_by_start(make: Make) {
    let world = World::new(make);
    world.commit([
        write("Observation/a", &[(CODE, Value::TokenText("Blood Pressure"))]),
        write("Observation/b", &[(CODE, Value::TokenText("blóod")), (CODE, token(None, "x"))]),
        write("Observation/c", &[(CODE, token(None, "blood"))]),
    ]);
    assert_eq!(world.sorted(has(CODE, Test::TokenText("blood".into()))), "a b");
    assert_eq!(world.sorted(has(CODE, Test::TokenText("blood p".into()))), "a");
}

/// `:of-type` looks at the type and the value of one identifier.
pub fn identifiers_match_by_type(make: Make) {
    let world = World::new(make);
    let typed = |code: &'static str, value: &'static str| Value::TypedIdentifier {
        system: Some("types"),
        code,
        value,
    };
    world.commit([
        write("Observation/a", &[(CODE, typed("MR", "1")), (CODE, typed("SS", "2"))]),
        write("Observation/b", &[(CODE, typed("MR", "2"))]),
    ]);
    let find = |system, code: &str, value: &str| {
        world.sorted(has(CODE, Test::TypedIdentifier { system, code: code.into(), value: value.into() }))
    };
    assert_eq!(find(SystemTest::Is("types".into()), "MR", "2"), "b");
    assert_eq!(find(SystemTest::Any, "SS", "2"), "a");
    assert_eq!(find(SystemTest::Absent, "SS", "2"), "");
}

/// A string matches by its start, a part of it or exactly.
pub fn strings_match_without_case_and_accents(make: Make) {
    let world = World::new(make);
    let called = |id: &str, name| write(&format!("Observation/{id}"), &[(NAME, Value::String(name))]);
    world.commit([called("a", "Müller"), called("b", "muller-Lüdenscheidt"), called("c", "Smith Muller")]);
    let find = |test| world.sorted(has(NAME, Test::String(test)));
    assert_eq!(find(StringTest::StartsWith("muller".into())), "a b");
    assert_eq!(find(StringTest::Contains("muller".into())), "a b c");
    assert_eq!(find(StringTest::Contains("luden".into())), "b");
    assert_eq!(find(StringTest::Exact("Müller".into())), "a");
    assert_eq!(find(StringTest::Exact("Muller".into())), "");
    assert_eq!(find(StringTest::StartsWith("".into())), "a b c");
}

/// Each prefix compares the span of a date, or of a period that may be open, with the span asked for.
pub fn dates_match_by_every_prefix(make: Make) {
    let world = World::new(make);
    let dates =
        ["1979-12-31", "1980", "1980-05", "1980-05-11", "1980-05-11T16:32:15Z", "1980-06", "1981-01-01"];
    let (first, last) = (Time(i64::MIN), Time(i64::MAX));
    let mut spans: Vec<Span> = dates.into_iter().map(span).collect();
    spans.push(Span { from: first, to: span("1980-05").to });
    spans.push(Span { from: span("1980-05").from, to: last });
    spans.push(Span { from: span("1979").from, to: span("1981").to });
    let row =
        |(at, span): (usize, &Span)| write(&format!("Observation/{at}"), &[(BIRTH, Value::Date(*span))]);
    world.commit(spans.iter().enumerate().map(row));
    for asked in ["1980-05", "1980-05-11", "1980", "1979-12-31", "1900", "2999"] {
        for prefix in PREFIXES {
            let test = Test::Date(prefix, span(asked));
            let matches = |span| test.matches(&Value::Date(span));
            assert_eq!(world.sorted(has(BIRTH, test.clone())), places(&spans, matches), "{prefix:?} {asked}");
        }
    }
}

fn places<T: Copy>(values: &[T], passes: impl Fn(T) -> bool) -> String {
    let found = (0..values.len()).filter(|at| passes(values[*at])).map(|at| at.to_string());
    found.collect::<Vec<_>>().join(" ")
}

/// Each prefix compares a number, or a range of numbers, with the range asked for.
pub fn numbers_match_by_every_prefix(make: Make) {
    let world = World::new(make);
    let infinity = f64::INFINITY;
    let ranges =
        [(-3.0, -3.0), (0.0, 0.0), (4.0, 4.0), (4.0, 6.0), (5.0, 5.0), (5.4, infinity), (-infinity, 5.0)];
    let row = |(at, (low, high)): (usize, &(f64, f64))| {
        write(&format!("Observation/{at}"), &[(SCORE, Value::Number { low: *low, high: *high })])
    };
    world.commit(ranges.iter().enumerate().map(row));
    for (from, to) in [(5.0, 5.0), (4.5, 5.5), (-3.0, 0.0), (100.0, 100.0)] {
        for prefix in PREFIXES {
            let test = Test::Number(prefix, from, to);
            let matches = |(low, high)| test.matches(&Value::Number { low, high });
            assert_eq!(world.sorted(has(SCORE, test.clone())), places(&ranges, matches), "{prefix:?} {from}");
        }
    }
}

/// One unit finds another of the same dimension; another dimension, or no unit at all, is not found so.
pub fn quantities_match_in_canonical_units(make: Make) {
    let world = World::new(make);
    world.commit([
        write("Observation/a", &[(AMOUNT, quantity(5.0, "mg", 0.001, "g"))]),
        write("Observation/b", &[(AMOUNT, quantity(0.005, "g", 1.0, "g"))]),
        write("Observation/c", &[(AMOUNT, quantity(5.0, "m", 1.0, "m"))]),
        write("Observation/d", &[(AMOUNT, quantity(7.0, "mg", 0.001, "g"))]),
    ]);
    let ask = |prefix, system: SystemTest, code: Option<&str>, is_canonical: bool| {
        let canonical = is_canonical.then(|| (0.0045, 0.0055, "g".into()));
        let code = code.map(Into::into);
        let test = QuantityTest { prefix, low: 4.5, high: 5.5, system, code, canonical };
        world.sorted(has(AMOUNT, Test::Quantity(Box::new(test))))
    };
    let ucum = || SystemTest::Is("http://unitsofmeasure.org".into());
    assert_eq!(ask(Prefix::Equal, ucum(), Some("mg"), true), "a b");
    assert_eq!(ask(Prefix::Equal, ucum(), Some("mg"), false), "a");
    assert_eq!(ask(Prefix::Equal, SystemTest::Any, Some("mg"), false), "a");
    assert_eq!(ask(Prefix::Equal, SystemTest::Any, None, false), "a c");
    assert_eq!(ask(Prefix::Greater, ucum(), Some("mg"), true), "d");
    assert_eq!(ask(Prefix::NotEqual, ucum(), Some("mg"), true), "d");
    assert_eq!(ask(Prefix::LessOrEqual, SystemTest::Any, None, false), "a b c");
}

/// A resource, a version of it, an id of any type, an address.
pub fn references_match_by_target(make: Make) {
    let world = World::new(make);
    let to = |id: &str, target| write(&format!("Observation/{id}"), &[(SUBJECT, Value::Reference(target))]);
    let of = patient();
    let group = key("Group/1").of;
    world.commit([
        to("a", Target::Local { of, id: "1", version: None }),
        to("b", Target::Local { of, id: "1", version: Some("2") }),
        to("c", Target::Local { of: group, id: "1", version: None }),
        to("d", Target::Local { of, id: "2", version: None }),
        to("e", Target::Url("urn:uuid:1")),
        write(
            "Observation/f",
            &[(SUBJECT, Value::ReferenceIdentifier { system: Some("s"), value: Some("1") })],
        ),
    ]);
    let find = |test| world.sorted(has(SUBJECT, Test::Reference(test)));
    assert_eq!(find(ReferenceTest::Key(key("Patient/1"))), "a b");
    assert_eq!(find(ReferenceTest::Version(key("Patient/1"), "2".into())), "b");
    assert_eq!(find(ReferenceTest::Id("1".into())), "a b c");
    assert_eq!(find(ReferenceTest::Url("urn:uuid:1".into())), "e");
    let identifier = |system, value: &str| Test::ReferenceIdentifier { system, value: Some(value.into()) };
    assert_eq!(world.sorted(has(SUBJECT, identifier(SystemTest::Is("s".into()), "1"))), "f");
    assert_eq!(world.sorted(has(SUBJECT, identifier(SystemTest::Absent, "1"))), "");
}

/// Exactly, or above and below by whole segments.
pub fn uris_match_whole_and_by_path(make: Make) {
    let world = World::new(make);
    let at = |id: &str, uri| write(&format!("Observation/{id}"), &[(ADDRESS, Value::Uri(uri))]);
    world.commit([at("a", "http://x/y"), at("b", "http://x/y/z"), at("c", "http://x/yz"), at("d", "urn:y")]);
    let find = |test| world.sorted(has(ADDRESS, Test::Uri(test)));
    assert_eq!(find(UriTest::Is("http://x/y".into())), "a");
    assert_eq!(find(UriTest::Below("http://x/y".into())), "a b");
    assert_eq!(find(UriTest::Above("http://x/y/z".into())), "a b");
    assert_eq!(find(UriTest::Is("http://X/y".into())), "");
}

fn paired(text: &str, pairs: &[(&str, f64)]) -> Write {
    let mut pushed: Put = put(text, "", &[]);
    for (code, score) in pairs {
        pushed.entries.push_composite(PAIR, [token(None, code), number(*score)]);
    }
    Write::Put(pushed)
}

/// The components of one element are not mixed with those of another.
pub fn composites_pair_their_components(make: Make) {
    let world = World::new(make);
    world.commit([
        paired("Observation/a", &[("systolic", 150.0), ("diastolic", 80.0)]),
        paired("Observation/b", &[("systolic", 120.0), ("diastolic", 150.0)]),
    ]);
    let find = |code: &str, from, to| {
        let code = Test::Token { system: SystemTest::Any, code: Some(code.into()) };
        let score = Test::Number(Prefix::Equal, from, to);
        world.sorted(has(PAIR, Test::Composite(vec![code, score])))
    };
    assert_eq!(find("systolic", 140.0, 300.0), "a");
    assert_eq!(find("diastolic", 140.0, 300.0), "b");
    assert_eq!(find("diastolic", 0.0, 300.0), "a b");
}

/// Whatever the kind of the values.
pub fn missing_is_the_absence_of_values(make: Make) {
    let world = World::new(make);
    world.commit([
        write("Observation/a", &[(CODE, token(None, "x"))]),
        write("Observation/b", &[(NAME, Value::String("x")), (BIRTH, date("1980"))]),
        paired("Observation/c", &[("x", 1.0)]),
        write("Observation/d", &[]),
    ]);
    for (param, with) in [(CODE, "a"), (NAME, "b"), (BIRTH, "b"), (PAIR, "c"), (SCORE, "")] {
        let without: Vec<&str> = ["a", "b", "c", "d"].into_iter().filter(|id| *id != with).collect();
        assert_eq!(world.sorted(Filter::Missing(param)), without.join(" "));
        assert_eq!(world.sorted(not(Filter::Missing(param))), with);
    }
}

/// `_id` and `_lastUpdated` are asked of the store.
pub fn ids_and_times_are_facts(make: Make) {
    let world = World::new(make);
    world.commit_each(["a", "b", "c"].map(|id| about(id, "1", "1", "x")));
    assert_eq!(world.sorted(Filter::Ids(vec![id("c"), id("a"), id("z")])), "a c");
    assert_eq!(world.sorted(not(Filter::Ids(vec![id("a")]))), "b c");
    let updated = |prefix, text| world.sorted(Filter::Updated(prefix, span(text)));
    assert_eq!(updated(Prefix::Equal, "2020-01-01T00:00:02Z"), "b");
    assert_eq!(updated(Prefix::Greater, "2020-01-01T00:00:02Z"), "c");
    assert_eq!(updated(Prefix::LessOrEqual, "2020-01-01T00:00:02Z"), "a b");
    assert_eq!(updated(Prefix::Equal, "2020"), "a b c");
    assert_eq!(updated(Prefix::Less, "2020"), "");
}

/// And, or, not, nested, and their empty forms.
pub fn filters_combine(make: Make) {
    let world = World::new(make);
    world.commit([about("a", "1", "1", "x"), about("b", "2", "1", "x"), about("c", "2", "1", "y")]);
    let about_2 = || has(SUBJECT, Test::Reference(ReferenceTest::Key(key("Patient/2"))));
    assert_eq!(world.sorted(Filter::And(vec![is("x"), about_2()])), "b");
    assert_eq!(world.sorted(Filter::Or(vec![is("y"), is("x")])), "a b c");
    assert_eq!(world.sorted(Filter::And(vec![about_2(), not(is("x"))])), "c");
    assert_eq!(world.sorted(not(Filter::Or(vec![is("y"), not(about_2())]))), "b");
    assert_eq!(world.sorted(Filter::And(vec![])), "a b c");
    assert_eq!(world.sorted(Filter::Or(vec![])), "");
    assert_eq!(world.sorted(not(Filter::Nothing)), "a b c");
}

fn starts(name: &str) -> Filter {
    has(NAME, Test::String(StringTest::StartsWith(name.into())))
}

/// A chain asks the resources referred to; one that is deleted or never was passes nothing.
pub fn chains_follow_references(make: Make) {
    let world = World::new(make);
    world.commit([named("1", "Ann"), named("2", "Bob"), named("3", "Ann")]);
    let rows = [("a", "1"), ("b", "2"), ("c", "3"), ("d", "9")];
    world.commit(rows.map(|(id, subject)| about(id, subject, "2", "x")));
    world.commit([delete("Patient/3")]);
    let chain = |param, filter| Filter::Refers { param, of: patient(), filter: Box::new(filter) };
    assert_eq!(world.sorted(chain(SUBJECT, starts("ann"))), "a");
    assert_eq!(world.sorted(chain(SUBJECT, Filter::Everything)), "a b");
    assert_eq!(world.sorted(not(chain(SUBJECT, starts("ann")))), "b c d");
    assert_eq!(world.sorted(chain(FOCUS, starts("bob"))), "a b c d");
    let other = Filter::Refers { param: SUBJECT, of: observation(), filter: Box::new(Filter::Everything) };
    assert_eq!(world.sorted(other), "");
}

/// `_has`, alone and inside a chain.
pub fn reverse_chains_follow_them_back(make: Make) {
    let world = World::new(make);
    world.commit([named("1", "Ann"), named("2", "Bob"), named("3", "Cid")]);
    world.commit([about("a", "1", "2", "x"), about("b", "2", "2", "y"), about("c", "3", "3", "x")]);
    world.commit([delete("Observation/c")]);
    let back = |param, filter| Filter::ReferredBy { by: observation(), param, filter: Box::new(filter) };
    assert_eq!(world.find(patient(), back(SUBJECT, is("x"))), "1");
    assert_eq!(world.find(patient(), back(SUBJECT, Filter::Everything)), "1 2");
    assert_eq!(world.find(patient(), back(FOCUS, is("x"))), "2");
    assert_eq!(world.find(patient(), not(back(SUBJECT, Filter::Everything))), "3");
    let both = Filter::Refers { param: SUBJECT, of: patient(), filter: Box::new(back(FOCUS, is("x"))) };
    assert_eq!(world.sorted(both), "b");
}

/// A canonical leads to what has its `url`, whatever the version, in both directions.
pub fn chains_follow_canonicals(make: Make) {
    let world = World::new(make);
    let url = registry().param("url").expect("R4 has it");
    let questionnaire = |id: &str, code: &'static str, address: &'static str| {
        write(&format!("Questionnaire/{id}"), &[(url, Value::Uri(address)), (CODE, token(None, code))])
    };
    let response =
        |id: &str, address: Value<'static>| write(&format!("Observation/{id}"), &[(FOCUS, address)]);
    world.commit([questionnaire("q", "x", "http://q"), questionnaire("p", "y", "http://p")]);
    world.commit([
        response("a", Value::Reference(Target::Url("http://q"))),
        write(
            "Observation/b",
            &["http://p|1", "http://p"].map(|url| (FOCUS, Value::Reference(Target::Url(url)))),
        ),
        response("c", local("Questionnaire", "q")),
        response("d", Value::Reference(Target::Url("http://none"))),
    ]);
    let of = key("Questionnaire/q").of;
    let chain = |filter| Filter::Refers { param: FOCUS, of, filter: Box::new(filter) };
    assert_eq!(world.sorted(chain(is("x"))), "a c");
    assert_eq!(world.sorted(chain(Filter::Everything)), "a b c");
    assert_eq!(world.sorted(not(chain(is("x")))), "b d");
    let back = |ids: &[&str]| {
        let filter = Box::new(Filter::Ids(ids.iter().map(|text| id(text)).collect()));
        Filter::ReferredBy { by: observation(), param: FOCUS, filter }
    };
    assert_eq!(world.find(of, back(&["a"])), "q");
    assert_eq!(world.find(of, back(&["b", "c"])), "q p");
    assert_eq!(world.find(of, back(&["d"])), "");
}

/// Long lists of alternatives, and chains through many resources, on a page and in the total.
pub fn many_are_found_as_few_are(make: Make) {
    let world = World::new(make);
    let count = 540;
    let name = |at: usize| ["Ann", "Bob", "Cid"][at % 3];
    world.commit((0..count).map(|at| named(&format!("p{at:03}"), name(at))));
    world.commit((0..count).map(|at| {
        let code = if at.is_multiple_of(2) { "x" } else { "y" };
        about(&format!("o{at:03}"), &format!("p{at:03}"), "none", code)
    }));
    let ann = || Filter::Refers { param: SUBJECT, of: patient(), filter: Box::new(starts("ann")) };
    let not_ann = || not(ann());
    let back = || Filter::ReferredBy { by: observation(), param: SUBJECT, filter: Box::new(is("x")) };
    let nested = || Filter::Refers { param: SUBJECT, of: patient(), filter: Box::new(back()) };
    let every = |ids: &[Id]| {
        let one = |id: &Id| {
            has(SUBJECT, Test::Reference(ReferenceTest::Key(ResourceKey { of: patient(), id: id.clone() })))
        };
        Filter::Or(ids.iter().map(one).collect())
    };
    let ids: Vec<Id> = (0..count).step_by(4).map(|at| id(&format!("p{at:03}"))).collect();
    for _ in 0..2 {
        for (of, filter, expected) in [
            (observation(), ann(), 180),
            (observation(), not_ann(), 360),
            (observation(), nested(), 270),
            (observation(), nested().and(is("y")), 0),
            (patient(), back(), 270),
            (patient(), not(back()).and(starts("ann")), 90),
            (observation(), every(&ids), 135),
            (observation(), every(&ids).and(ann()), 45),
        ] {
            let mut search = Search::new(&super::world::all(), of, filter);
            search.count = 200;
            for descending in [None, Some(true)] {
                search.sort =
                    descending.map(|descending| Sort { by: SortKey::Id, descending }).into_iter().collect();
                search.total = Total::None;
                let pages = world.pages(&search).join(" ");
                assert_eq!(pages.split_whitespace().count(), expected, "{:?}", search.types());
                search.total = Total::Accurate;
                assert_eq!(world.pages(&search).join(" "), pages);
                assert_eq!(world.search(&search).total, Some(expected as u64));
            }
        }
        world.settle();
    }
}

/// The values of the version before find nothing any more.
pub fn an_update_replaces_what_is_indexed(make: Make) {
    let world = World::new(make);
    world.commit([about("a", "1", "1", "x"), about("b", "1", "1", "x")]);
    for settled in [false, true] {
        if settled {
            world.settle();
        }
        world.commit([about("a", "1", "1", "y")]);
        assert_eq!((world.sorted(is("x")), world.sorted(is("y"))), ("b".into(), "a".into()));
        assert_eq!(world.sorted(not(is("x"))), "a");
    }
}

/// Neither by its values nor by the lack of them.
pub fn a_deletion_is_not_found(make: Make) {
    let world = World::new(make);
    world.commit([about("a", "1", "1", "x"), about("b", "1", "1", "x")]);
    world.settle();
    world.commit([delete("Observation/a")]);
    for filter in [is("x"), not(is("y")), Filter::Missing(NAME), Filter::Everything] {
        assert_eq!(world.sorted(filter), "b");
    }
    world.settle();
    assert_eq!(world.sorted(Filter::Everything), "b");
}

/// Before and after background work, and over restarts, the same is found.
pub fn a_search_survives_reopening(make: Make) {
    let mut world = World::new(make);
    world.commit([about("a", "1", "1", "x"), about("b", "1", "1", "y")]);
    world.reopen();
    assert_eq!(world.sorted(is("x")), "a");
    world.commit([about("b", "1", "1", "x")]);
    world.settle();
    world.reopen();
    assert_eq!((world.sorted(is("x")), world.sorted(is("y"))), ("a b".into(), String::new()));
}

/// What is not asked for any more may be answered still, but never in part; what is asked for later is as ever.
pub fn a_cancelled_search_is_answered_rightly_or_not_at_all(make: Make) {
    let world = World::new(make);
    world.commit(["a", "b", "c"].map(|id| about(id, "1", "1", "x")));
    let asked = observations(Filter::Everything);
    let wanted = world.search(&asked);
    for _ in 0..2 {
        let mut unwanted = asked.clone();
        unwanted.cancellation = Cancellation::new();
        unwanted.cancellation.cancel();
        match wait(world.store().search(&unwanted)) {
            Ok(found) => assert_eq!(found, wanted),
            Err(error) => assert_eq!(error, StoreError::Cancelled),
        }
        assert_eq!(world.search(&asked), wanted);
        world.settle();
    }
}
