//! Patch by JSON Patch.

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
fn a_patch_is_json_patch() {
    let world = world();
    for media_type in ["application/json", "text/plain", "application/xml-patch+xml", ""] {
        let answer = world.ask("PATCH Patient/1", &[("content-type", media_type)], "[]");
        assert_eq!(answer.refusal(), (415, "value".into()), "{media_type}");
        assert_eq!(answer.diagnostics(), "Incorrect MIME-type. Update request Content-Type header.");
    }
    let parameters = world.ask("PATCH Patient/1", &[("content-type", "application/fhir+json")], "{}");
    assert_eq!(parameters.refusal(), (400, "not-supported".into()));
    let utf8 = [("content-type", "application/json-patch+json; charset=utf-8")];
    assert_eq!(world.ask("PATCH Patient/1", &utf8, "[]").status, 200);
}
