//! What typed searches mean, and which are refused.

use fhir::{IssueCode, ParameterKind, ResourceType, Time};
use proptest::prelude::*;

use super::*;
use crate::vocabulary::Vocabulary;
use crate::{Prefix, ReferenceTest, SortKey, SystemTest, Test};

const BASE: &str = "https://tarn.example/datastore/1/r4/";

fn of(name: &str) -> ResourceType {
    ResourceType::parse(name).unwrap()
}

fn ask(name: &str, query: &[(&str, &str)], handling: Handling) -> Result<Compiled, Vec<SearchError>> {
    let parameters = &ParameterSet::r4();
    compile(
        query,
        &Context {
            of: of(name),
            parameters,
            vocabulary: &Vocabulary::standard(query),
            base: BASE,
            now: Time(0),
            handling,
        },
    )
}

fn strict(name: &str, parameter: &str, value: &str) -> Result<Filter, SearchError> {
    let found = ask(name, &[(parameter, value)], Handling::Strict);
    found.map(|found| found.filter_of(of(name))).map_err(|mut e| e.remove(0))
}

fn tests(name: &str, parameter: &str, value: &str) -> Vec<Test> {
    let only = |filter| match filter {
        Filter::Has(_, test) => test,
        other => panic!("{other:?}"),
    };
    match strict(name, parameter, value).unwrap() {
        Filter::Or(all) => all.into_iter().map(only).collect(),
        one => vec![only(one)],
    }
}

#[test]
fn a_number_means_what_its_digits_imply() {
    for (typed, prefix, low, high) in [
        ("100", Prefix::Equal, 99.5, 100.5_f64.next_down()),
        ("eq100.00", Prefix::Equal, 99.995, 100.005_f64.next_down()),
        ("1e2", Prefix::Equal, 95.0, 105.0_f64.next_down()),
        ("ne5", Prefix::NotEqual, 4.5, 5.5_f64.next_down()),
        ("gt5", Prefix::Greater, 5.0, 5.0),
        ("lt-5", Prefix::Less, -5.0, -5.0),
        ("ap100", Prefix::Approximately, 90.0, 110.0),
        ("ap1", Prefix::Approximately, 0.5, 1.5),
    ] {
        let expected = vec![Test::Number(prefix, low, high)];
        assert_eq!(tests("RiskAssessment", "probability", typed), expected, "{typed}");
    }
    for typed in ["abc", "1.", "gt", "xx5", "--5", "1e999", "NaN", "inf"] {
        assert!(strict("RiskAssessment", "probability", typed).is_err(), "{typed}");
    }
}

#[test]
fn a_token_has_four_forms() {
    let token = |system, code: Option<&str>| Test::Token { system, code: code.map(Into::into) };
    for (typed, expected) in [
        ("a", token(SystemTest::Any, Some("a"))),
        ("s|a", token(SystemTest::Is("s".into()), Some("a"))),
        ("|a", token(SystemTest::Absent, Some("a"))),
        ("s|", token(SystemTest::Is("s".into()), None)),
        (r"s\|t|a\,b", token(SystemTest::Is("s|t".into()), Some("a,b"))),
    ] {
        assert_eq!(tests("Observation", "code", typed), [expected], "{typed}");
    }
    for typed in ["|", "a|b|c"] {
        assert_eq!(strict("Observation", "code", typed).unwrap_err().code(), IssueCode::Invalid, "{typed}");
    }
}

#[test]
fn media_types_lie_below_one_another() {
    let below = |system, below: &str| Test::MediaType { system, below: below.into() };
    for (typed, expected) in [
        ("text/xml", below(SystemTest::Any, "text/xml")),
        ("image/*", below(SystemTest::Any, "image")),
        ("urn:ietf:bcp:13|image", below(SystemTest::Is("urn:ietf:bcp:13".into()), "image")),
    ] {
        assert_eq!(tests("DocumentReference", "contenttype:below", typed), [expected], "{typed}");
    }
    assert_eq!(tests("CapabilityStatement", "format:below", "text").len(), 1);
    for (of, name, typed) in [
        ("DocumentReference", "contenttype:below", "*/*"),
        ("DocumentReference", "contenttype:below", "urn:ietf:bcp:13|"),
        ("DocumentReference", "contenttype:above", "text/xml"),
        ("DocumentReference", "language:below", "de"),
    ] {
        assert!(strict(of, name, typed).is_err(), "{of}?{name}={typed}");
    }
}

#[test]
fn a_reference_is_local_when_it_points_here() {
    let key = |name: &str, id: &str| fhir::ResourceKey { of: of(name), id: fhir::Id::parse(id).unwrap() };
    let patient = || ReferenceTest::Key(key("Patient", "1"));
    for (parameter, typed, expected) in [
        ("subject", "Patient/1", patient()),
        ("patient", "1", patient()),
        ("subject", "https://tarn.example/datastore/1/r4/Patient/1", patient()),
        ("subject", "Patient/1/_history/2", ReferenceTest::Version(key("Patient", "1"), "2".into())),
        ("subject", "1", ReferenceTest::Id("1".into())),
        (
            "subject",
            "http://other.example/Patient/1",
            ReferenceTest::Url("http://other.example/Patient/1".into()),
        ),
        ("subject", "urn:uuid:1", ReferenceTest::Url("urn:uuid:1".into())),
        ("subject", "patient/1", ReferenceTest::Url("patient/1".into())),
    ] {
        assert_eq!(tests("Observation", parameter, typed), [Test::Reference(expected)], "{typed}");
    }
    assert!(strict("Observation", "subject", "#p").is_err());
    let patient = Test::Reference(patient());
    assert_eq!(tests("AllergyIntolerance", "patient", "1"), std::slice::from_ref(&patient));
    assert_eq!(tests("Coverage", "patient", "1"), [patient]);
}

#[test]
fn a_ucum_quantity_is_also_asked_in_canonical_units() {
    let quantity = |typed| match tests("Observation", "value-quantity", typed).remove(0) {
        Test::Quantity(test) => test,
        other => panic!("{other:?}"),
    };
    let (low, _, unit) = quantity("gt5|http://unitsofmeasure.org|mg").canonical.unwrap();
    assert_eq!((low, &*unit), (0.005, "g"));
    let by_unit = quantity("5||mg");
    assert_eq!((by_unit.system, by_unit.canonical), (SystemTest::Any, None));
    assert_eq!(quantity("5").code, None);
    assert_eq!(quantity("5|s").system, SystemTest::Is("s".into()));
    for typed in ["5|", "5|a|b|c", "|a|b"] {
        assert!(strict("Observation", "value-quantity", typed).is_err(), "{typed}");
    }
}

#[test]
fn a_composite_asks_one_thing_of_each_component() {
    let test = tests("Observation", "code-value-quantity", "s|c$gt5||mg").remove(0);
    assert!(matches!(&test, Test::Composite(parts) if parts.len() == 2), "{test:?}");
    for typed in ["a", "a$5$6", "$5", "a$x"] {
        assert!(strict("Observation", "code-value-quantity", typed).is_err(), "{typed}");
    }
}

#[test]
fn dates_span_what_they_name() {
    let span = |typed| match tests("Patient", "birthdate", typed).remove(0) {
        Test::Date(prefix, span) => (prefix, span.from.to_instant(), span.to.to_instant()),
        other => panic!("{other:?}"),
    };
    let expected = |prefix, from: &str, to: &str| (prefix, from.to_owned(), to.to_owned());
    assert_eq!(
        span("ge1980-05"),
        expected(Prefix::GreaterOrEqual, "1980-05-01T00:00:00.000Z", "1980-06-01T00:00:00.000Z")
    );
    assert_eq!(
        span("1980-05-11T16:32 02:00"),
        expected(Prefix::Equal, "1980-05-11T14:32:00.000Z", "1980-05-11T14:33:00.000Z")
    );
    assert_eq!(
        span("ap1970-01-11"),
        expected(Prefix::Approximately, "1970-01-10T00:00:00.000Z", "1970-01-13T00:00:00.000Z")
    );
    assert!(strict("Patient", "birthdate", "1980-13").is_err());
}

#[test]
fn repeated_clauses_all_hold_and_comma_values_one() {
    let found = ask("Patient", &[("name", "a,b"), ("name", "c"), ("_id", "1,2")], Handling::Strict).unwrap();
    let Filter::And(all) = found.filter_of(of("Patient")) else { panic!() };
    assert!(matches!(&all[..], [Filter::Or(_), Filter::Has(..), Filter::Ids(ids)] if ids.len() == 2));
}

#[test]
fn modifiers_that_are_here_mean_what_they_say() {
    assert!(matches!(strict("Patient", "name:missing", "true"), Ok(Filter::Missing(_))));
    assert!(matches!(strict("Patient", "name:missing", "false"), Ok(Filter::Not(_))));
    assert_eq!(strict("Patient", "_id:missing", "true"), Ok(Filter::Nothing));
    assert!(matches!(strict("Patient", "gender:not", "male,other"), Ok(Filter::Not(_))));
    assert!(strict("Patient", "name:missing", "yes").is_err());
}

#[test]
fn what_is_not_here_yet_is_refused_by_name() {
    for (name, parameter, word) in [
        ("Patient", "gender:exact", ":exact"),
        ("Patient", "name:not", ":not"),
        ("Observation", "subject:Encounter", ":Encounter"),
        ("Patient", "_summary", "_summary"),
    ] {
        let error = strict(name, parameter, "x").unwrap_err();
        assert_eq!(error.code(), IssueCode::NotSupported, "{parameter}");
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn an_unknown_parameter_is_refused_with_the_nearest_known() {
    let error = strict("Patient", "brithdate", "1980").unwrap_err();
    let Reason::Unknown { nearest, .. } = &error.reason else { panic!("{error:?}") };
    assert_eq!(nearest[0], "birthdate");
    assert!(error.to_string().contains("brithdate") && error.to_string().contains("birthdate"));
    assert!(strict("Patient", "near", "1|2").is_err_and(|e| matches!(e.reason, Reason::Unknown { .. })));
}

#[test]
fn an_error_repeats_no_control_characters() {
    for name in ["a\0b", "name:\u{7}", "_sort\u{1}"] {
        let text = strict("Patient", name, "1").unwrap_err().to_string();
        assert!(text.contains('\u{fffd}') && !text.contains(char::is_control), "{text:?}");
    }
    let text = strict("Patient", "_sort", "a\0b").unwrap_err().to_string();
    assert!(text.contains("'a\u{fffd}b'") && !text.contains(char::is_control), "{text:?}");
}

#[test]
fn lenient_ignores_the_unknown_and_says_so() {
    let query = [("foo", "1"), ("_summary", "true"), ("name", "a")];
    assert_eq!(ask("Patient", &query, Handling::Strict).unwrap_err().len(), 2);
    let found = ask("Patient", &query, Handling::Lenient).unwrap();
    let ignored: Vec<&str> = found.ignored.iter().map(|error| error.parameter.as_str()).collect();
    assert_eq!(ignored, ["foo", "_summary"]);
    assert!(ask("Patient", &[("name:text", "a")], Handling::Lenient).is_err());
    assert!(ask("Patient", &[("birthdate", "x")], Handling::Lenient).is_err());
}

#[test]
fn an_error_repeats_no_value() {
    for (name, parameter) in [("Patient", "birthdate"), ("Patient", "foo"), ("Observation", "value-quantity")]
    {
        let error = strict(name, parameter, "secret-marker").unwrap_err();
        assert!(!error.to_string().contains("secret-marker"), "{error}");
    }
}

#[test]
fn the_page_is_understood() {
    let query = [("_sort", "-birthdate,_id"), ("_count", "7"), ("_total", "estimate"), ("_format", "json")];
    let found = ask("Patient", &query, Handling::Strict).unwrap();
    assert_eq!((found.count, found.total, found.sort.len()), (Some(7), Some(Total::Accurate), 2));
    assert!(found.sort[0].descending && found.sort[1].by == SortKey::Id);
    assert_eq!(found.filter_of(of("Patient")), Filter::Everything);
    for (parameter, value) in [
        ("_count", "-1"),
        ("_count", "1,2"),
        ("_count", "9999999999"),
        ("_total", "some"),
        ("_sort", "foo"),
        ("_sort", "birthdate,"),
        ("_sort:asc", "name"),
    ] {
        assert!(strict("Patient", parameter, value).is_err(), "{parameter}={value}");
    }
    assert!(ask("Patient", &[("_count", "1"), ("_count", "2")], Handling::Strict).is_err());
}

#[test]
fn every_parameter_of_every_type_understands_a_value_of_its_kind() {
    let r4 = ParameterSet::r4();
    for of in ResourceType::all() {
        for definition in fhir::definitions().search_parameters_of(of) {
            if r4.not_indexed(of).iter().any(|other| other.definition == definition)
                || NOT_SUPPORTED.contains(&&*definition.code)
            {
                continue;
            }
            let value = match definition.kind {
                ParameterKind::Composite => continue,
                ParameterKind::Number | ParameterKind::Quantity => "1",
                ParameterKind::Special => "1|2",
                _ => "2000",
            };
            let found = strict(of.name(), &definition.code, value);
            assert!(found.is_ok(), "{of} {} {found:?}", definition.code);
        }
    }
}

#[test]
fn clauses_are_limited() {
    let query = |count| vec![("name", "a"); count];
    assert!(ask("Patient", &query(CLAUSES_MAX), Handling::Strict).is_ok());
    assert!(ask("Patient", &query(CLAUSES_MAX + 1), Handling::Strict).is_err());
}

proptest! {
    #[test]
    fn nothing_typed_makes_it_panic(
        name in "(birthdate|name|gender|_id|_lastUpdated|_sort|link|[a-z_]{0,6})[:.a-z]{0,9}",
        value in "(eq|ap|gt)?[-0-9.eE|$,\\\\a-zT:Z+ é]{0,24}|\\PC{0,12}",
    ) {
        let _ = ask("Patient", &[(&name, &value)], Handling::Lenient);
        let _ = ask("Observation", &[("value-quantity", &value), ("subject", &value)], Handling::Strict);
        let _ = ask("Observation", &[("code-value-quantity", &value), ("date", &value)], Handling::Strict);
    }
}
