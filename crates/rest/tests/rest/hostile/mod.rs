//! Input that means harm or nothing at all: every answer is a refusal that says why, or an answer, in bounded time.
//!
//! `corpus/` holds what was worth keeping: one request to a line, replayed in `corpus.rs`. What the properties
//! find is kept beside them by proptest, and belongs into the repository too.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;

use crate::door::{Answer, World};

mod bodies;
mod bundles;
mod corpus;
mod limits;
mod patches;
mod requests;
mod tokens;

/// How many cases a property tries; `PROPTEST_CASES` asks for more.
const CASES: u32 = 192;

fn config() -> ProptestConfig {
    let mut config = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    config
}

/// A data store with a few resources that refer to each other.
fn world() -> World {
    let world = World::open();
    let narrative = "<div xmlns=\"http://www.w3.org/1999/xhtml\">a</div>";
    for resource in [
        json!({"resourceType": "Patient", "id": "1", "name": [{"family": "A", "given": ["B"]}],
            "birthDate": "2000-01-01", "text": {"status": "generated", "div": narrative}}),
        json!({"resourceType": "Patient", "id": "2", "link": [{"type": "seealso",
            "other": {"reference": "Patient/1"}}]}),
        json!({"resourceType": "Observation", "id": "1", "status": "final", "code": {"coding": [
            {"system": "http://loinc.org", "code": "8480-6"}]}, "subject": {"reference": "Patient/1"},
            "valueQuantity": {"value": 1.50, "unit": "mm[Hg]", "system": "http://unitsofmeasure.org",
            "code": "mm[Hg]"}, "effectiveDateTime": "2020-02-29T12:00:00+01:00"}),
        json!({"resourceType": "Composition", "id": "1", "status": "final", "type": {"text": "a"},
            "date": "2020", "author": [{"reference": "Patient/1"}], "title": "a",
            "subject": {"reference": "Patient/2"}}),
    ] {
        let path =
            format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        assert_eq!(world.put(&path, &resource).status, 201, "{path}");
    }
    world
}

/// Sends what may be no request at all; nothing comes back of what HTTP itself refuses.
fn send(world: &World, method: &str, path: &str, headers: &[(&str, &[u8])], body: Bytes) -> Option<Answer> {
    let uri = format!("/datastore/{}/r4/{path}", crate::door::STORE);
    let mut request = http::Request::builder().method(method).uri(uri).header("host", "fhir.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body).ok()?;
    let answer = world.send(request);
    check(&answer, &format!("{method} {path}"));
    Some(answer)
}

/// Checks that an answer is one: never a fault of the server, and every refusal says why in a form that its
/// content type names.
fn check(answer: &Answer, what: &str) {
    assert!(answer.status < 500, "{what}: {} {:?}", answer.status, answer.body);
    if answer.status < 400 || answer.body.is_empty() {
        return;
    }
    match answer.header("content-type") {
        "application/fhir+xml;charset=utf-8" => {
            assert!(answer.body.starts_with(b"<?xml") && fhir::xml::read(&answer.body).is_ok(), "{what}");
        }
        "application/json" => assert!(answer.json()["message"].is_string(), "{what}"),
        _ if answer.header("content-encoding") == "gzip" => {}
        _ => {
            let json = answer.json();
            assert_eq!(json["resourceType"], "OperationOutcome", "{what}");
            let issues = json["issue"].as_array().unwrap();
            assert!(!issues.is_empty(), "{what}");
            for issue in issues {
                assert!(issue["severity"].is_string() && issue["code"].is_string(), "{what}: {issue}");
                assert!(
                    issue["diagnostics"].as_str().is_some_and(|text| !text.is_empty()),
                    "{what}: {issue}"
                );
            }
        }
    }
}

/// What breaks parsers.
const FAVOURITES: &[&str] = &[
    "",
    "%",
    "%2",
    "%00",
    "%ff",
    "%2F..%2F",
    "..",
    "\u{0}",
    "\u{feff}",
    "\u{202e}",
    "💥",
    "e\u{301}",
    "\\",
    "\\\\",
    "\"",
    "'",
    "|",
    "||",
    "$",
    "$$",
    ",",
    ",,,",
    ":",
    "::",
    ":missing",
    ";",
    "&",
    "=",
    "?",
    "#",
    "/",
    "//",
    "*",
    "-",
    "-0",
    "0",
    "1e400",
    "1e-400",
    "-1e309",
    "9223372036854775808",
    "18446744073709551616",
    "0.1",
    "00",
    "+1",
    "NaN",
    "Infinity",
    "true",
    "null",
    "0000",
    "9999-12-31T23:59:60Z",
    "2020-02-30",
    "2020-01-01T25:00:00Z",
    "-0001-01-01",
    "2020-01-01T00:00:00+99:99",
    "ge",
    "ap",
    "eb9999",
    "sa0001",
    "le1e400",
    "Patient/",
    "Patient/1/_history/",
    "Patient/1/_history/99999999999999999999",
    "urn:uuid:",
    "http://",
    "javascript:1",
    "<a/>",
    "<!DOCTYPE a>",
    "&lt;",
    "{}",
    "[]",
    "{{",
    "W/\"1\"",
    "W/\"",
    "*/*;q=",
    "\r\n",
    "\t",
    "a b",
];

/// Text with a taste for what breaks parsers.
fn nasty() -> BoxedStrategy<String> {
    let favourites = prop::sample::select(FAVOURITES);
    prop_oneof![
        4 => favourites.prop_map(str::to_owned),
        2 => "\\PC{0,12}",
        1 => any::<Vec<char>>().prop_map(|chars| chars.into_iter().take(40).collect()),
        1 => (nasty_leaf(), 1_usize..2000).prop_map(|(text, times)| text.repeat(times)),
    ]
    .boxed()
}

fn nasty_leaf() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "a", "(", "[", "{", "é", ",", "|", "\\", "Patient.", "subject:", "_has:", "%41", "9",
    ])
    .prop_map(str::to_owned)
}
