//! Read, vread, history, and the CapabilityStatement.

use serde_json::json;

use crate::door::{PUBLIC, STORE, World};

fn patient(family: &str) -> serde_json::Value {
    json!({"resourceType": "Patient", "id": "1", "name": [{"family": family}]})
}

fn three_versions() -> World {
    let world = World::open();
    for family in ["Abe", "Bea", "Cox"] {
        assert!(world.put("Patient/1", &patient(family)).status < 300);
        world.clock.advance_ms(1000);
    }
    world
}

#[test]
fn a_read_answers_the_resource_with_its_version_and_time() {
    let world = three_versions();
    let answer = world.get("Patient/1");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/fhir+json;charset=utf-8");
    assert_eq!(answer.header("etag"), "W/\"3\"");
    assert_eq!(answer.header("last-modified"), "Mon, 23 Nov 2026 00:00:02 GMT");
    assert_eq!(answer.header("x-amzn-requestid").len(), 36);
    let expected = json!({"resourceType": "Patient", "id": "1",
        "meta": {"versionId": "3", "lastUpdated": "2026-11-23T00:00:02.000Z"}, "name": [{"family": "Cox"}]});
    assert_eq!(answer.json(), expected);
}

#[test]
fn doubled_slashes_and_encoded_segments_are_tolerated() {
    let world = three_versions();
    for path in ["/Patient/1", "/Patient//1/", "Patient/%31"] {
        assert_eq!(world.get(path).status, 200, "{path}");
    }
}

#[test]
fn head_answers_the_headers_of_get_without_its_body() {
    let world = three_versions();
    let (get, head) = (world.get("Patient/1"), world.ask("HEAD Patient/1", &[], ""));
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), get.body.len().to_string());
    assert_eq!(head.header("etag"), get.header("etag"));
}

#[test]
fn a_client_that_has_the_version_gets_no_body() {
    let world = three_versions();
    let read = |name, value| world.ask("GET Patient/1", &[(name, value)], "");
    for (name, value) in [
        ("if-none-match", "W/\"3\""),
        ("if-none-match", "W/\"9\", W/\"3\""),
        ("if-modified-since", "Mon, 23 Nov 2026 00:00:02 GMT"),
    ] {
        let answer = read(name, value);
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{value}");
        assert_eq!(answer.header("etag"), "W/\"3\"");
    }
    for (name, value) in [
        ("if-none-match", "W/\"2\""),
        ("if-modified-since", "Mon, 23 Nov 2026 00:00:01 GMT"),
        ("if-modified-since", "yesterday"),
    ] {
        assert_eq!(read(name, value).status, 200, "{value}");
    }
}

#[test]
fn unknown_is_404_and_deleted_is_410() {
    let world = three_versions();
    assert_eq!(world.get("Patient/2").refusal(), (404, "not-found".into()));
    assert_eq!(world.get("Patient/not_an_id").refusal(), (404, "not-found".into()));
    assert_eq!(world.get("Patience/1").refusal(), (404, "not-found".into()));
    assert_eq!(world.ask("DELETE Patient/1", &[], "").status, 204);
    let gone = world.get("Patient/1");
    assert_eq!(gone.refusal(), (410, "deleted".into()));
    assert_eq!(gone.header("etag"), "W/\"4\"");
}

#[test]
fn a_version_is_read_even_after_deletion() {
    let world = three_versions();
    world.ask("DELETE Patient/1", &[], "");
    let second = world.get("Patient/1/_history/2");
    assert_eq!((second.status, second.header("etag")), (200, "W/\"2\""));
    assert_eq!(second.json()["name"][0]["family"], "Bea");
    assert_eq!(world.get("Patient/1/_history/4").status, 410);
    for version in ["5", "0", "01", "x", "99999999999999999999"] {
        assert_eq!(world.get(&format!("Patient/1/_history/{version}")).status, 404, "{version}");
    }
}

#[test]
fn a_history_shows_all_versions_newest_first_with_what_made_them() {
    let world = three_versions();
    world.ask("DELETE Patient/1", &[], "");
    let history = world.get("Patient/1/_history");
    assert_eq!(history.status, 200);
    let json = history.json();
    assert_eq!((&json["type"], &json["total"]), (&json!("history"), &json!(4)));
    assert_eq!(history.entries("/response/etag"), ["W/\"4\"", "W/\"3\"", "W/\"2\"", "W/\"1\""]);
    assert_eq!(history.entries("/request/method"), ["DELETE", "PUT", "PUT", "PUT"]);
    assert_eq!(history.entries("/response/status"), ["204", "200", "200", "201"]);
    assert_eq!(history.entries("/resource/name/0/family"), ["", "Cox", "Bea", "Abe"]);
    let full = format!("{PUBLIC}/datastore/{STORE}/r4/Patient/1");
    assert_eq!(history.entries("/fullUrl"), vec![full; 4]);
    assert_eq!(history.entries("/request/url"), ["Patient/1"; 4]);
    assert_eq!(history.entries("/response/location")[0], "Patient/1/_history/4");
    assert_eq!(
        history.link("self").as_deref(),
        Some(&*format!("{PUBLIC}/datastore/{STORE}/r4/Patient/1/_history"))
    );
    assert_eq!(history.link("next"), None);
}

#[test]
fn a_created_resource_stands_in_its_history_as_posted() {
    let world = World::open();
    let id = world.post("Patient", &patient("Abe")).json()["id"].as_str().unwrap().to_owned();
    let history = world.get(&format!("Patient/{id}/_history"));
    assert_eq!(history.entries("/request/method"), ["POST"]);
    assert_eq!(history.entries("/request/url"), ["Patient"]);
}

#[test]
fn a_history_pages_to_its_end_without_loss_or_repetition() {
    let world = three_versions();
    let mut answer = world.get("Patient/1/_history?_count=1");
    let mut seen = answer.entries("/resource/meta/versionId");
    while let Some(next) = answer.link("next") {
        answer = world.get(&next);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.link("self"), Some(next));
        seen.extend(answer.entries("/resource/meta/versionId"));
    }
    assert_eq!(seen, ["3", "2", "1"]);
}

#[test]
fn a_history_is_cut_by_since_and_at() {
    let world = three_versions();
    let versions =
        |query: &str| world.get(&format!("Patient/1/_history?{query}")).entries("/resource/meta/versionId");
    assert_eq!(versions("_since=2026-11-23T00:00:01Z"), ["3", "2"]);
    assert_eq!(versions("_since=2026-11-23T01:00:01+01:00"), ["3", "2"]);
    assert_eq!(versions("_since=2027"), Vec::<String>::new());
    assert_eq!(versions("_at=2026-11-23T00:00:01.500Z"), ["2"]);
    assert_eq!(versions("_at=2026-11-23T00:00:01Z"), ["2"]);
    assert_eq!(versions("_at=2026-11-23T00:00:01.000Z"), ["2"], "the time that the version shows");
    assert_eq!(versions("_at=2026-11-23T00:00:00.000Z"), ["1"]);
    assert_eq!(versions("_at=2026-11-23T00:00:00.999Z"), ["1"]);
    assert_eq!(versions("_at=2026-11-23"), ["3", "2", "1"]);
    assert_eq!(versions("_at=2025"), Vec::<String>::new());
}

#[test]
fn a_history_says_what_is_wrong_with_its_parameters() {
    let world = three_versions();
    for query in
        ["_count=0", "_count=-1", "_count=x", "_since=x", "_at=2026-13", "foo=1", "_since=2026&_at=2026"]
    {
        assert_eq!(world.get(&format!("Patient/1/_history?{query}")).status, 400, "{query}");
    }
    assert_eq!(world.get("Patient/2/_history").refusal(), (404, "not-found".into()));
    assert_eq!(world.get("Patient/1/_history?_count=1000").status, 200);
    let next = world.get("Patient/1/_history?_count=1").link("next").unwrap();
    for wrong in [
        next.replace("_count=1", "_count=2"),
        next.replace("Patient/1", "Patient/2"),
        next.replace("page=", "page=A"),
        format!("{next}&_since=2020"),
    ] {
        let answer = world.get(&wrong);
        assert_eq!((answer.status, &*answer.diagnostics()), (400, "Invalid pagination token."), "{wrong}");
    }
}

#[test]
fn the_capability_statement_names_its_address_and_every_type_that_is_kept() {
    let world = World::open();
    let answer = world.get("metadata");
    let json = answer.json();
    assert_eq!(answer.status, 200);
    assert_eq!((&json["fhirVersion"], &json["kind"]), (&json!("4.0.1"), &json!("instance")));
    assert_eq!(json["implementation"]["url"], format!("{PUBLIC}/datastore/{STORE}/r4/"));
    let types: Vec<&str> =
        json["rest"][0]["resource"].as_array().unwrap().iter().map(|r| r["type"].as_str().unwrap()).collect();
    assert_eq!(types.len(), fhir::ResourceType::all().len() - 2);
    assert!(types.contains(&"Patient") && !types.contains(&"Parameters"));
}
