//! Batches: every entry is done and answered for itself.

use rest::{Limits, Unsigned};
use serde_json::{Value, json};

use crate::door::{PUBLIC, STORE, World};

/// A Bundle of this type.
pub(crate) fn bundle(kind: &str, entries: &[Value]) -> Value {
    json!({"resourceType": "Bundle", "type": kind, "entry": entries})
}

/// An entry that asks this, with a resource unless it is null.
pub(crate) fn entry(line: &str, resource: Value) -> Value {
    let (method, url) = line.split_once(' ').unwrap();
    let mut entry = json!({"request": {"method": method, "url": url}});
    if !resource.is_null() {
        entry["resource"] = resource;
    }
    entry
}

fn patient(id: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "active": true})
}

/// Each entry's status.
pub(crate) fn statuses(answer: &crate::door::Answer) -> String {
    answer.entries("/response/status").join(" ")
}

#[test]
fn every_entry_gets_its_own_answer() {
    let world = World::open();
    world.put("Patient/gone", &patient("gone"));
    let entries = [
        entry("POST Patient", patient("ignored")),
        entry("PUT Patient/1", patient("1")),
        entry("PUT Patient/1", patient("1")),
        entry("GET Patient/1", Value::Null),
        entry("HEAD Patient/1", Value::Null),
        entry("GET Patient/none", Value::Null),
        entry("DELETE Patient/gone", Value::Null),
        entry("GET Patient/gone", Value::Null),
        entry("GET Patient?_id=1", Value::Null),
        entry("GET /Patient/1/_history", Value::Null),
        entry("GET Patient/1/_history/1", Value::Null),
        entry(&format!("GET {PUBLIC}/datastore/{STORE}/r4/Patient/1"), Value::Null),
        entry("POST Patient/_search?_id=1", Value::Null),
        entry("GET metadata", Value::Null),
    ];
    let answer = world.post("", &bundle("batch", &entries));
    assert_eq!(answer.status, 200, "{}", answer.json());
    assert_eq!(answer.json()["type"], "batch-response");
    assert_eq!(statuses(&answer), "201 201 200 200 200 404 204 410 200 200 200 200 200 200");
    let json = answer.json();
    assert_eq!(json["entry"][2]["response"]["location"], "Patient/1/_history/2");
    assert_eq!(json["entry"][2]["response"]["etag"], "W/\"2\"");
    assert!(json["entry"][2]["response"]["lastModified"].is_string());
    assert!(json["entry"][2].get("resource").is_none(), "a write answers no resource unless asked");
    assert_eq!(json["entry"][3]["resource"]["meta"]["versionId"], "2");
    assert_eq!(json["entry"][3]["fullUrl"], format!("{PUBLIC}/datastore/{STORE}/r4/Patient/1"));
    assert!(json["entry"][4].get("resource").is_none(), "HEAD shows no resource");
    assert_eq!(json["entry"][5]["response"]["outcome"]["issue"][0]["code"], "not-found");
    assert_eq!(json["entry"][8]["resource"]["type"], "searchset");
    let location = json["entry"][0]["response"]["location"].as_str().unwrap();
    assert_eq!(world.get(location).status, 200);
}

#[test]
fn a_bad_entry_touches_no_other() {
    let world = World::open();
    let entries = [
        json!(7),
        json!({"resource": patient("1")}),
        json!({"request": {"method": "FETCH", "url": "Patient/1"}}),
        json!({"request": {"method": "GET"}}),
        entry("PUT Patient/2", patient("1")),
        entry("PUT Patient/3", json!({"resourceType": "Patient", "id": "3", "name": "x"})),
        entry("PUT Patient/4", Value::Null),
        entry("GET http://elsewhere.example/fhir/Patient/1", Value::Null),
        entry("GET Patient?unknown-parameter=1", Value::Null),
        entry("POST /", bundle("batch", &[])),
        entry("PUT Patient/5", patient("5")),
    ];
    let answer = world.post("", &bundle("batch", &entries));
    assert_eq!(statuses(&answer), "400 400 400 400 400 400 400 400 400 400 201");
    let json = answer.json();
    let expression = |number: usize| {
        json["entry"][number]["response"]["outcome"]["issue"]
            .as_array()
            .and_then(|issues| issues.last()?["expression"][0].as_str().map(str::to_owned))
            .unwrap_or_default()
    };
    for (number, expected) in [
        (0, "Bundle.entry[0]"),
        (1, "Bundle.entry[1].request"),
        (2, "Bundle.entry[2].request.method"),
        (3, "Bundle.entry[3].request.url"),
        (4, "Bundle.entry[4].resource.id"),
        (5, "Bundle.entry[5].resource.name"),
        (6, "Bundle.entry[6].resource"),
        (7, "Bundle.entry[7]"),
        (8, "Bundle.entry[8].request.url"),
        (9, "Bundle.entry[9]"),
    ] {
        assert_eq!(expression(number), expected);
    }
    assert_eq!(world.get("Patient/5").status, 200);
}

#[test]
fn conditions_of_entries_are_those_of_headers() {
    let world = World::open();
    world.put("Patient/1", &patient("1"));
    let with = |line: &str, name: &str, value: &str| {
        let resource = if line.starts_with("PUT") { patient("1") } else { Value::Null };
        let mut entry = entry(line, resource);
        entry["request"][name] = value.into();
        entry
    };
    let entries = [
        with("GET Patient/1", "ifNoneMatch", "W/\"1\""),
        with("GET Patient/1", "ifModifiedSince", "2030-01-01T00:00:00Z"),
        with("GET Patient/1", "ifModifiedSince", "2000-01-01T00:00:00+02:00"),
        with("GET Patient/1", "ifModifiedSince", "yesterday"),
        with("PUT Patient/1", "ifMatch", "W/\"7\""),
        with("PUT Patient/1", "ifMatch", "W/\"1\""),
        with("PUT Patient/1", "ifNoneMatch", "*"),
        with("DELETE Patient/1", "ifMatch", "W/\"2\""),
    ];
    let answer = world.post("", &bundle("batch", &entries));
    assert_eq!(statuses(&answer), "304 304 200 400 412 200 412 204");
}

#[test]
fn writes_answer_what_the_client_prefers() {
    let world = World::open();
    let posted = bundle("batch", &[entry("POST Patient", patient("1"))]).to_string();
    let json = world.ask("POST ", &[("prefer", "return=representation")], &posted).json();
    assert_eq!(json["entry"][0]["resource"]["resourceType"], "Patient");
    let json = world.ask("POST ", &[("prefer", "return=OperationOutcome")], &posted).json();
    assert_eq!(json["entry"][0]["response"]["outcome"]["resourceType"], "OperationOutcome");
    let json = world.ask("POST ", &[("prefer", "return=minimal")], &posted).json();
    assert!(json["entry"][0].get("resource").is_none());
}

#[test]
fn what_is_no_batch_is_refused() {
    let world = World::open();
    for (body, code) in [
        ("", "invalid"),
        ("[]", "invalid"),
        ("{}", "invalid"),
        (r#"{"resourceType":"Patient"}"#, "invalid"),
        (r#"{"resourceType":"Bundle"}"#, "invalid"),
        (r#"{"resourceType":"Bundle","type":"message"}"#, "invalid"),
        (r#"{"resourceType":"Bundle","type":"batch","entry":{}}"#, "structure"),
    ] {
        assert_eq!(world.ask("POST ", &[], body).refusal(), (400, code.into()), "{body}");
    }
    let empty = world.ask("POST ", &[], r#"{"resourceType":"Bundle","type":"batch"}"#);
    assert_eq!((empty.status, empty.json()["entry"].is_null()), (200, true));
    assert_eq!(world.ask("POST ", &[("content-type", "text/plain")], "{}").status, 415);
    let key = ("x-amz-fhir-idempotency-key", "0b2c3d4e-0000-4000-8000-000000000000");
    assert_eq!(world.ask("POST ", &[key], "{}").refusal(), (400, "not-supported".into()));
}

#[test]
fn a_bundle_has_so_many_entries_and_bytes() {
    let limits = Limits { bundle_entries: 3, bundle_bytes: 1000, body_bytes: 500, ..Limits::default() };
    let world = World::with(Unsigned::Taken, limits);
    for kind in ["batch", "transaction"] {
        let of = |count| bundle(kind, &vec![entry("GET Patient?_id=1", Value::Null); count]);
        assert_eq!(world.post("", &of(4)).refusal(), (422, "too-costly".into()));
        assert_eq!(world.post("", &of(3)).status, 200);
    }
    let frame = bundle("batch", &[]).to_string();
    let sized = |bytes: usize| format!("{frame}{}", " ".repeat(bytes - frame.len()));
    assert_eq!(world.ask("POST ", &[], &sized(1000)).status, 200);
    assert_eq!(world.ask("POST ", &[], &sized(1001)).refusal(), (413, "too-long".into()));
    assert_eq!(world.ask("POST Basic", &[], &sized(501)).refusal(), (413, "too-long".into()));
    assert_eq!(Limits::default().bundle_entries, 500);
    assert_eq!(Limits::default().bundle_bytes, 5 * 1024 * 1024);
}

#[test]
fn a_bundle_reads_and_writes_so_much() {
    let limits = Limits { bundle_content_bytes: 3000, ..Limits::default() };
    let world = World::with(Unsigned::Taken, limits);
    let mut large = patient("1");
    large["name"] = json!([{"text": "x".repeat(1000)}]);
    assert_eq!(world.put("Patient/1", &large).status, 201);
    let reads = |count| vec![entry("GET Patient/1", Value::Null); count];
    assert_eq!(statuses(&world.post("", &bundle("batch", &reads(2)))), "200 200");
    assert_eq!(statuses(&world.post("", &bundle("batch", &reads(4)))), "200 200 400 400");
    assert_eq!(statuses(&world.post("", &bundle("transaction", &reads(2)))), "200 200");
    assert_eq!(world.post("", &bundle("transaction", &reads(3))).refusal(), (400, "too-costly".into()));
    let write = |id: &str| {
        let mut one = large.clone();
        one["id"] = id.into();
        entry(&format!("PUT Patient/{id}"), one)
    };
    let writes: Vec<Value> = ["a", "b", "c"].map(write).into();
    assert_eq!(world.post("", &bundle("transaction", &writes)).refusal(), (400, "too-costly".into()));
    assert_eq!(world.get("Patient/a").status, 404);
    assert_eq!(statuses(&world.post("", &bundle("batch", &writes))), "201 201 201");
}
