//! Patch by JSON Patch and by FHIRPath Patch.

use serde_json::json;

use crate::door::{Answer, World};

const PATCH: (&str, &str) = ("content-type", "application/json-patch+json");

fn patch(world: &World, body: &str) -> Answer {
    world.ask("PATCH Patient/1", &[PATCH], body)
}

fn world() -> World {
    let world = World::open();
    let sent = r#"{"resourceType":"Patient","id":"1","extension":[{"url":"http://e","valueDecimal":1.50}],"name":[{"family":"A"}],"active":true}"#;
    assert_eq!(world.ask("PUT Patient/1", &[("content-type", "application/json")], sent).status, 201);
    world
}

#[test]
fn a_patch_makes_the_next_version_and_history_tells_how() {
    let world = world();
    let body = r#"[{"op":"test","path":"/active","value":true},{"op":"replace","path":"/name/0/family","value":"B"},
        {"op":"add","path":"/name/0/given","value":["x"]},{"op":"copy","from":"/name/0","path":"/name/-"},
        {"op":"remove","path":"/active"},{"op":"move","from":"/name/1/given/0","path":"/name/1/text"},
        {"op":"remove","path":"/name/1/given"}]"#;
    let answer = patch(&world, body);
    assert_eq!((answer.status, answer.header("etag")), (200, "W/\"2\""), "{}", answer.json());
    assert!(
        answer.header("location").ends_with("/Patient/1/_history/2")
            && !answer.header("last-modified").is_empty()
    );
    assert_eq!(answer.json()["name"], json!([{"family": "B", "given": ["x"]}, {"family": "B", "text": "x"}]));
    let text = String::from_utf8(world.get("Patient/1").body.to_vec()).unwrap();
    assert!(text.contains("\"valueDecimal\":1.50}],\"name\""), "numbers and order stay: {text}");
    let history = world.get("Patient/1/_history");
    assert_eq!(history.entries("/request/method"), ["PATCH", "PUT"]);
    assert_eq!(world.get("Patient?name=B").entries("/resource/id"), ["1"]);
    assert_eq!(world.get("Patient?name=A").entries("/resource/id"), Vec::<String>::new());
}

#[test]
fn all_operations_happen_or_none() {
    let world = world();
    let answer =
        patch(&world, r#"[{"op":"remove","path":"/active"},{"op":"test","path":"/gender","value":"male"}]"#);
    assert_eq!(answer.refusal(), (422, "processing".into()));
    assert!(answer.diagnostics().contains("Operation 1"), "{}", answer.diagnostics());
    assert_eq!(world.get("Patient/1").json()["active"], true);
}

#[test]
fn a_malformed_patch_is_400_and_one_that_does_not_fit_422() {
    let world = world();
    for body in [
        "",
        "{",
        "{}",
        "[1]",
        r#"[{"op":"add"}]"#,
        r#"[{"op":"add","path":"/a"}]"#,
        r#"[{"op":"swap","path":""}]"#,
        r#"[{"op":"move","path":"/a"}]"#,
        r#"[{"op":"remove","path":"a"}]"#,
        r#"[{"op":"remove","path":"/a~2"}]"#,
        r#"[{"op":"remove","op":"remove","path":"/active"}]"#,
        r#"[{"op":"remove","path":1}]"#,
    ] {
        assert_eq!(patch(&world, body).refusal(), (400, "invalid".into()), "{body}");
    }
    for body in [
        r#"[{"op":"remove","path":"/gender"}]"#,
        r#"[{"op":"add","path":"/name/5","value":{}}]"#,
        r#"[{"op":"replace","path":"","value":7}]"#,
        r#"[{"op":"remove","path":""}]"#,
        r#"[{"op":"add","path":"/gender","value":"martian"}]"#,
        r#"[{"op":"add","path":"/nonsense","value":1}]"#,
        r#"[{"op":"remove","path":"/name/0/family"}]"#,
        r#"[{"op":"replace","path":"/id","value":"2"}]"#,
        r#"[{"op":"remove","path":"/id"}]"#,
        r#"[{"op":"replace","path":"/resourceType","value":"Person"}]"#,
        r#"[{"op":"add","path":"/meta","value":"x"}]"#,
    ] {
        let answer = patch(&world, body);
        assert_eq!(answer.status, 422, "{body}: {}", answer.json());
    }
    assert_eq!(world.get("Patient/1").header("etag"), "W/\"1\"");
}

#[test]
fn version_and_time_are_seen_and_not_set() {
    let world = world();
    let body = r#"[{"op":"test","path":"/meta/versionId","value":"1"},{"op":"replace","path":"/meta/versionId","value":"9"},
        {"op":"replace","path":"/meta/lastUpdated","value":"1999-01-01T00:00:00Z"},
        {"op":"add","path":"/meta/tag","value":[{"code":"t"}]}]"#;
    let answer = patch(&world, body);
    assert_eq!((answer.status, answer.header("etag")), (200, "W/\"2\""), "{}", answer.json());
    let meta = &answer.json()["meta"];
    assert_eq!((&meta["versionId"], &meta["tag"][0]["code"]), (&json!("2"), &json!("t")));
    assert!(meta["lastUpdated"].as_str().unwrap().starts_with("2026-"));
}

#[test]
fn a_patch_needs_the_version_it_names_and_a_resource() {
    let world = world();
    let conditional = |version| world.ask("PATCH Patient/1", &[PATCH, ("if-match", version)], "[]");
    assert_eq!(conditional("W/\"2\"").refusal(), (412, "conflict".into()));
    assert_eq!(conditional("W/\"1\"").status, 200);
    assert_eq!(world.ask("PATCH Patient/2", &[PATCH], "[]").refusal(), (404, "not-found".into()));
    world.ask("DELETE Patient/1", &[], "");
    assert_eq!(patch(&world, "[]").refusal(), (410, "deleted".into()));
    assert_eq!(world.ask("PATCH Patient/2", &[PATCH], "{").status, 400, "the patch is read first");
}

#[test]
fn a_patch_says_its_form() {
    let world = world();
    for media_type in ["application/json", "text/plain", "application/xml-patch+xml", ""] {
        let answer = world.ask("PATCH Patient/1", &[("content-type", media_type)], "[]");
        assert_eq!(answer.refusal(), (415, "value".into()), "{media_type}");
        assert_eq!(answer.diagnostics(), "Incorrect MIME-type. Update request Content-Type header.");
    }
    let utf8 = [("content-type", "application/json-patch+json; charset=utf-8")];
    assert_eq!(world.ask("PATCH Patient/1", &utf8, "[]").status, 200);
}

const FHIR: (&str, &str) = ("content-type", "application/fhir+json");

/// A FHIRPath Patch of one operation.
fn fhirpath_patch(kind: &str, path: &str, value: Option<serde_json::Value>) -> serde_json::Value {
    let mut parts =
        vec![json!({"name": "type", "valueCode": kind}), json!({"name": "path", "valueString": path})];
    parts.extend(value);
    json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]})
}

#[test]
fn a_fhirpath_patch_makes_the_next_version() {
    let world = world();
    let family = json!({"name": "value", "valueString": "B"});
    let body = fhirpath_patch("replace", "Patient.name.first().family", Some(family.clone())).to_string();
    let answer = world.ask("PATCH Patient/1", &[FHIR], &body);
    assert_eq!((answer.status, answer.header("etag")), (200, "W/\"2\""), "{}", answer.json());
    assert_eq!(answer.json()["name"], json!([{"family": "B"}]));
    assert_eq!(world.get("Patient/1/_history").entries("/request/method"), ["PATCH", "PUT"]);
    let xml = r#"<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/>
        <part><name value="type"/><valueCode value="delete"/></part>
        <part><name value="path"/><valueString value="Patient.active"/></part></parameter></Parameters>"#;
    let answer = world.ask("PATCH Patient?family=B", &[("content-type", "application/fhir+xml")], xml);
    assert_eq!(answer.status, 200, "{}", answer.json());
    assert_eq!(answer.json().get("active"), None);
    let stale = world.ask("PATCH Patient/1", &[FHIR, ("if-match", "W/\"1\"")], &body);
    assert_eq!(stale.status, 412);
}

#[test]
fn a_fhirpath_patch_stands_in_a_bundle_as_parameters() {
    let world = world();
    let patch =
        fhirpath_patch("replace", "Patient.active", Some(json!({"name": "value", "valueBoolean": false})));
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"resource": patch, "request": {"method": "PATCH", "url": "Patient/1"}}]});
    let answer = world.ask("POST ", &[FHIR], &bundle.to_string());
    assert_eq!(answer.status, 200, "{}", answer.json());
    assert_eq!(world.get("Patient/1").json()["active"], false);
}

#[test]
fn a_fhirpath_patch_is_refused_with_the_reason_and_changes_nothing() {
    let world = world();
    let text = |value: &str| Some(json!({"name": "value", "valueString": value}));
    for (body, status, code, diagnostics) in [
        ("{}".to_owned(), 400, "invalid", "it is not a Parameters resource"),
        ("[".to_owned(), 400, "invalid", "JSON"),
        (
            fhirpath_patch("replace", "Patient.name.", text("x")).to_string(),
            400,
            "invalid",
            "a name is expected",
        ),
        (fhirpath_patch("replace", "Patient.name.frist()", text("x")).to_string(), 400, "invalid", "'frist'"),
        (
            fhirpath_patch("replace", "Patient.gender", text("x")).to_string(),
            422,
            "processing",
            "nothing at the path",
        ),
        (fhirpath_patch("delete", "Patient", None).to_string(), 422, "processing", "the whole resource"),
        (fhirpath_patch("replace", "Patient.id", text("2")).to_string(), 422, "processing", "type and id"),
        (
            fhirpath_patch("delete", "Patient.name.where((1 | 2).repeat($this + 1).exists())", None)
                .to_string(),
            422,
            "too-costly",
            "PATH_WORK_MAX",
        ),
    ] {
        let answer = world.ask("PATCH Patient/1", &[FHIR], &body);
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{body}: {}", answer.json());
        assert!(answer.diagnostics().contains(diagnostics), "{body}: {}", answer.diagnostics());
    }
    assert_eq!(world.get("Patient/1").header("etag"), "W/\"1\"");
}
