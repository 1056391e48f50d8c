//! Create, update, delete.

use serde_json::json;

use crate::door::{PUBLIC, STORE, World};

fn patient(id: &str) -> serde_json::Value {
    json!({"resourceType": "Patient", "id": id, "active": true})
}

const JSON: (&str, &str) = ("content-type", "application/fhir+json");

#[test]
fn a_create_answers_201_with_the_stored_resource_under_a_new_id() {
    let world = World::open();
    let answer = world.post("Patient", &patient("mine"));
    assert_eq!((answer.status, answer.header("etag")), (201, "W/\"1\""));
    assert_eq!(answer.header("last-modified"), "Mon, 23 Nov 2026 00:00:00 GMT");
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 36);
    assert_eq!(answer.header("location"), format!("{PUBLIC}/datastore/{STORE}/r4/Patient/{id}/_history/1"));
    assert_eq!(world.get(&format!("Patient/{id}")).json(), answer.json());
    assert_eq!(world.get("Patient/mine").status, 404);
}

#[test]
fn numbers_and_order_come_back_as_written() {
    let world = World::open();
    let sent = r#"{"resourceType":"Observation","id":"o","status":"final","valueQuantity":{"unit":"mg","value":1.50e0},"code":{"text":"x\u00e9"}}"#;
    assert_eq!(world.ask("PUT Observation/o", &[JSON], sent).status, 201);
    let back = world.get("Observation/o").body;
    let back = std::str::from_utf8(&back).unwrap();
    assert!(back.ends_with(&sent[sent.find("\"status\"").unwrap()..]), "{back}");
}

#[test]
fn an_update_creates_then_updates_then_revives() {
    let world = World::open();
    let first = world.put("Patient/1", &patient("1"));
    assert_eq!((first.status, first.header("etag")), (201, "W/\"1\""));
    assert!(first.header("location").ends_with("/Patient/1/_history/1"));
    let second = world.put("Patient/1", &patient("1"));
    assert_eq!((second.status, second.header("etag")), (200, "W/\"2\""));
    assert!(second.header("location").ends_with("/Patient/1/_history/2"));
    world.ask("DELETE Patient/1", &[], "");
    let fourth = world.put("Patient/1", &patient("1"));
    assert_eq!((fourth.status, fourth.header("etag")), (201, "W/\"4\""));
}

#[test]
fn an_update_must_carry_the_id_of_its_address() {
    let world = World::open();
    for body in [json!({"resourceType": "Patient"}), patient("2")] {
        let answer = world.put("Patient/1", &body);
        assert_eq!(answer.refusal(), (400, "invalid".into()));
        assert_eq!(answer.json()["issue"][0]["expression"], json!(["Patient.id"]));
    }
    assert_eq!(world.put("Patient/a_b", &patient("1")).refusal(), (400, "value".into()));
    let other = world.put("Observation/1", &patient("1"));
    assert_eq!(other.json()["issue"][0]["expression"], json!(["Resource.resourceType"]));
}

#[test]
fn a_write_is_refused_when_the_version_is_not_the_one_relied_on() {
    let world = World::open();
    world.put("Patient/1", &patient("1"));
    world.put("Patient/1", &patient("1"));
    let put = |name, value| world.ask("PUT Patient/1", &[JSON, (name, value)], &patient("1").to_string());
    let stale = put("if-match", "W/\"1\"");
    assert_eq!((stale.refusal(), stale.header("etag")), ((412, "conflict".into()), "W/\"2\""));
    assert_eq!(put("if-none-match", "*").status, 412);
    assert_eq!(put("if-match", "W/\"2\"").status, 200);
    assert_eq!(put("if-match", "*").status, 200);
    assert_eq!(put("if-match", "W/\"x\"").status, 400);
    let delete = |version| world.ask("DELETE Patient/1", &[("if-match", version)], "");
    assert_eq!(delete("W/\"3\"").status, 412);
    assert_eq!(delete("W/\"4\"").status, 204);
    assert_eq!(put("if-none-match", "*").status, 412, "a deleted id stays taken");
    assert_eq!(put("if-match", "*").status, 412);
}

#[test]
fn what_does_not_exist_matches_no_version() {
    let world = World::open();
    let put = |name, value| world.ask("PUT Patient/1", &[JSON, (name, value)], &patient("1").to_string());
    assert_eq!(put("if-match", "W/\"1\"").status, 412);
    assert_eq!(world.ask("DELETE Patient/1", &[("if-match", "W/\"1\"")], "").status, 412);
    assert_eq!(put("if-none-match", "*").status, 201);
}

#[test]
fn a_delete_succeeds_once_and_again() {
    let world = World::open();
    world.put("Patient/1", &patient("1"));
    let first = world.ask("DELETE Patient/1", &[], "");
    assert_eq!((first.status, first.header("etag"), first.body.len()), (204, "W/\"2\"", 0));
    let again = world.ask("DELETE Patient/1", &[], "");
    assert_eq!((again.status, again.header("etag")), (204, "W/\"2\""));
    assert_eq!(world.ask("DELETE Patient/never", &[], "").status, 204);
}

#[test]
fn a_write_answers_what_the_client_prefers() {
    let world = World::open();
    let put = |preference| {
        let headers = [JSON, ("prefer", preference)];
        world.ask("PUT Patient/1", &headers, &patient("1").to_string())
    };
    let minimal = put("return=minimal");
    assert_eq!((minimal.status, minimal.body.len(), minimal.header("etag")), (201, 0, "W/\"1\""));
    assert_eq!(put("return=OperationOutcome").refusal(), (200, "informational".into()));
    assert_eq!(put("return=representation").json()["id"], "1");
}

#[test]
fn an_audit_event_is_written_once() {
    let world = World::open();
    let event = json!({"resourceType": "AuditEvent", "id": "1", "recorded": "2026-11-23T00:00:00Z",
        "type": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110100"},
        "agent": [{"requestor": true}], "source": {"observer": {"display": "x"}}});
    let made = world.post("AuditEvent", &event);
    assert_eq!(made.status, 201);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(world.get(&format!("AuditEvent/{id}")).status, 200);
    assert_eq!(world.put(&format!("AuditEvent/{id}"), &event).refusal(), (405, "business-rule".into()));
    assert_eq!(world.put("AuditEvent/new", &event).status, 405);
    assert_eq!(world.ask(&format!("DELETE AuditEvent/{id}"), &[], "").status, 405);
}

#[test]
fn a_body_that_is_no_resource_is_refused_with_the_place() {
    let world = World::open();
    for (body, code, expression) in [
        ("", "invalid", None),
        ("{", "invalid", None),
        ("[]", "invalid", None),
        ("{\"id\":\"1\"}", "required", Some("Resource.resourceType")),
        ("{\"resourceType\":\"Patience\"}", "value", Some("Resource.resourceType")),
        ("{\"resourceType\":\"Patient\",\"id\":\"a b\"}", "value", Some("Resource.id")),
        ("{\"resourceType\":\"Patient\",\"active\":true,\"active\":true}", "invalid", None),
    ] {
        let answer = world.ask("POST Patient", &[JSON], body);
        assert_eq!(answer.refusal(), (400, code.into()), "{body}");
        assert_eq!(answer.json()["issue"][0]["expression"][0].as_str(), expression, "{body}");
    }
}
