//! Named limits of other rooms, met through the door, at the limit and one beyond.

use bytes::Bytes;
use fhir::xml::XML_DEPTH_MAX;
use fhir::{DEPTH_MAX, ELEMENTS_MAX, ID_BYTES_MAX, NAME_BYTES_MAX, PATCH_OPERATIONS_MAX, STRING_BYTES_MAX};
use rest::limits::PAGE_MATCHES_MAX;
use search::limits::SORT_KEYS_MAX;
use serde_json::{Value, json};

use super::{send, world};

/// Each limit with a request of a size, which passes up to the limit.
fn check(limit: usize, is_taken: impl Fn(usize) -> bool, name: &str) {
    assert!(is_taken(limit), "{name}: {limit} is within the limit");
    assert!(!is_taken(limit + 1), "{name}: {} is beyond the limit", limit + 1);
}

fn stores(body: String, kind: &str) -> bool {
    let headers: [(&str, &[u8]); 1] = [("content-type", kind.as_bytes())];
    send(&world(), "POST", "Patient", &headers, body.into()).unwrap().status == 201
}

fn finds(query: String) -> bool {
    send(&world(), "GET", &query, &[], Bytes::new()).unwrap().status == 200
}

#[test]
fn json_is_nested_so_deeply() {
    // Above the extensions stand the resource; each is an array and an object.
    let nested = |depth: usize| {
        let (objects, is_odd) = (depth / 2, depth % 2 == 1);
        let inner = if is_odd { ",\"valueCode\":\"a\"" } else { ",\"valuePeriod\":{\"start\":\"2020\"}" };
        let count = if is_odd { objects } else { objects - 1 };
        format!(
            "{{\"resourceType\":\"Patient\"{}{inner}{}}}",
            ",\"extension\":[{\"url\":\"a:a\"".repeat(count),
            "}]".repeat(count)
        )
    };
    check(DEPTH_MAX, |depth| stores(nested(depth), "application/json"), "DEPTH_MAX");
}

#[test]
fn xml_is_nested_so_deeply() {
    // The resource, the extensions and a value; JSON's own limit comes first for extensions, so it is read alone.
    let nested = |depth: usize| {
        let (open, close) = ("<extension url=\"a\">".repeat(depth - 2), "</extension>".repeat(depth - 2));
        format!("<Patient xmlns=\"http://hl7.org/fhir\">{open}<valueCode value=\"a\"/>{close}</Patient>")
    };
    check(XML_DEPTH_MAX, |depth| fhir::xml::read(nested(depth).as_bytes()).is_ok(), "XML_DEPTH_MAX");
    assert!(!stores(nested(XML_DEPTH_MAX + 1), "application/fhir+xml"));
}

#[test]
fn names_ids_and_strings_are_so_long() {
    let named = |bytes: usize| {
        let body = format!("{{\"resourceType\":\"Patient\",\"{}\":1}}", "a".repeat(bytes));
        let answer = send(&world(), "POST", "Patient", &[], body.into()).unwrap();
        // An unknown member is a fault of the resource; a name too long is none of JSON's.
        answer.refusal().1 == "processing"
    };
    check(NAME_BYTES_MAX, named, "NAME_BYTES_MAX");
    let with_id = |bytes: usize| {
        let id = "a".repeat(bytes);
        let body = format!("{{\"resourceType\":\"Patient\",\"id\":\"{id}\"}}");
        send(&world(), "PUT", &format!("Patient/{id}"), &[], body.into()).unwrap().status == 201
    };
    check(ID_BYTES_MAX, with_id, "ID_BYTES_MAX");
    let with_text = |bytes: usize| {
        let text = "a".repeat(bytes);
        stores(
            format!("{{\"resourceType\":\"Patient\",\"contact\":[{{\"name\":{{\"text\":\"{text}\"}}}}]}}"),
            "application/json",
        )
    };
    check(STRING_BYTES_MAX, with_text, "STRING_BYTES_MAX");
}

#[test]
fn searches_ask_for_so_much() {
    check(PAGE_MATCHES_MAX, |count| finds(format!("Patient?_count={count}")), "PAGE_MATCHES_MAX");
    check(
        SORT_KEYS_MAX,
        |count| finds(format!("Patient?_sort={}", vec!["_id"; count].join(","))),
        "SORT_KEYS_MAX",
    );
    check(
        ELEMENTS_MAX,
        |count| finds(format!("Patient?_elements={}", vec!["name"; count].join(","))),
        "ELEMENTS_MAX",
    );
    let chained = |depth: usize| finds(format!("Patient?{}name=a", "link:Patient.".repeat(depth)));
    check(store::limits::CHAIN_DEPTH_MAX, chained, "CHAIN_DEPTH_MAX");
}

#[test]
fn patches_have_so_many_operations() {
    let patched = |count: usize| {
        let operation = json!({"op": "test", "path": "/id", "value": "1"});
        let body = Value::from(vec![operation; count]).to_string();
        let headers: [(&str, &[u8]); 1] = [("content-type", b"application/json-patch+json")];
        send(&world(), "PATCH", "Patient/1", &headers, body.into()).unwrap().status == 200
    };
    check(PATCH_OPERATIONS_MAX, patched, "PATCH_OPERATIONS_MAX");
}
