//! Bundles for processing: entries that lie, refer in circles, or ask for what no entry may.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{config, nasty, send, world};

fn url() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "Patient",
        "Patient/1",
        "Patient/2",
        "Patient/new",
        "Patient?name=A",
        "Patient?_id=1",
        "Observation",
        "Observation/1",
        "Patient/1/_history",
        "Patient/1/_history/1",
        "metadata",
        "",
        "/",
        "?_type=Patient",
        "Patient/_search",
        "Patient/$everything",
        "Patient/1/$everything",
        "$export",
        "urn:uuid:a",
        "_history",
        "https://fhir.example/datastore/0123456789abcdef0123456789abcdef/r4/Patient/1",
        "http://other.example/Patient/1",
        "Patient/1?_summary=true&_format=xml",
        "Patient?_count=0&_explain=true",
        "Patient?_count=5",
        "../Patient",
        "Bundle",
        "AuditEvent/1",
        "Parameters",
    ]);
    prop_oneof![6 => known.prop_map(str::to_owned), 1 => nasty()]
}

fn full_url() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        (0..4).prop_map(|n| json!(format!("urn:uuid:00000000-0000-4000-8000-00000000000{n}"))),
        Just(json!("https://fhir.example/datastore/0123456789abcdef0123456789abcdef/r4/Patient/1")),
        nasty().prop_map(Value::from),
    ]
}

fn reference() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..5).prop_map(|n| format!("urn:uuid:00000000-0000-4000-8000-00000000000{n}")),
        prop::sample::select(vec![
            "Patient/1",
            "Patient?name=A",
            "Patient?name=nobody",
            "Patient?nonsense=1",
            "#a",
            "Patient?",
            "Practitioner?identifier=a%7Cb",
            "?",
            "Foo?a=b"
        ])
        .prop_map(str::to_owned),
        nasty(),
    ]
}

fn resource() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Null),
        4 => (prop::sample::select(vec!["1", "2", "new"]), reference()).prop_map(|(id, reference)| json!({
            "resourceType": "Patient", "id": id, "generalPractitioner": [{"reference": reference}],
            "text": {"status": "generated", "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"{}\">b</a></div>", reference.replace(['<', '&', '"'], "_"))},
        })),
        3 => reference().prop_map(|reference| json!({"resourceType": "Observation", "status": "final",
            "code": {"text": "a"}, "subject": {"reference": reference}})),
        1 => Just(json!({"resourceType": "Binary", "contentType": "application/json-patch+json",
            "data": "W3sib3AiOiJhZGQiLCJwYXRoIjoiL2FjdGl2ZSIsInZhbHVlIjp0cnVlfV0="})),
        1 => Just(json!({"resourceType": "Bundle", "type": "transaction", "entry": []})),
        1 => nasty().prop_map(|text| json!({"resourceType": text})),
    ]
}

fn entry() -> impl Strategy<Value = Value> {
    let method =
        prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "get", "FOO", ""]);
    let condition =
        prop_oneof![3 => Just(None), 1 => nasty().prop_map(Some), 1 => Just(Some("W/\"1\"".to_owned()))];
    (full_url(), resource(), method, url(), condition.clone(), condition).prop_map(
        |(full_url, resource, method, url, matches, none_exist)| {
            let mut entry = json!({"request": {"method": method, "url": url}});
            if !full_url.is_null() {
                entry["fullUrl"] = full_url;
            }
            if !resource.is_null() {
                entry["resource"] = resource;
            }
            if let Some(matches) = matches {
                entry["request"]["ifMatch"] = matches.into();
            }
            if let Some(none_exist) = none_exist {
                entry["request"]["ifNoneExist"] = none_exist.into();
            }
            entry
        },
    )
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_bundle_is_processed_or_refused(
        kind in prop::sample::select(vec!["batch", "transaction", "document", "history", "nonsense"]),
        entries in prop::collection::vec(entry(), 0..6),
        is_async in any::<bool>(),
        accept in prop::sample::select(vec!["application/fhir+json", "application/fhir+xml"]),
    ) {
        let world = world();
        let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": entries});
        let mut headers: Vec<(&str, &[u8])> = vec![("accept", accept.as_bytes())];
        if is_async {
            headers.push(("prefer", b"respond-async"));
        }
        let answer = send(&world, "POST", "", &headers, Bytes::from(bundle.to_string())).unwrap();
        if kind == "batch" && answer.status == 200 && accept.ends_with("json") {
            for entry in answer.json()["entry"].as_array().into_iter().flatten() {
                let status = entry["response"]["status"].as_str().unwrap_or_default();
                prop_assert!(!status.starts_with('5') && !status.is_empty(), "{}", entry);
            }
        }
        prop_assert_eq!(world.get("Patient/1").status < 500, true);
    }
}
