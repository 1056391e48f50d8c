//! Operations: what their addresses take, and what each answers.

use serde_json::{Value, json};

use crate::door::{PUBLIC, STORE, World};

/// A Composition about Patient/1.
pub(crate) fn composition() -> Value {
    json!({
        "resourceType": "Composition", "id": "1", "status": "final",
        "type": {"text": "note"}, "subject": {"reference": "Patient/1"}, "date": "2020",
        "author": [{"reference": "Practitioner/1"}], "title": "A note",
        "section": [{"title": "Seen", "entry": [
            {"reference": format!("{PUBLIC}/datastore/{STORE}/r4/Observation/1")},
            {"reference": "Observation/none"}, {"reference": "https://elsewhere.example/Patient/9"},
            {"reference": "Patient/2/_history/1"}]}]
    })
}

fn world() -> World {
    let world = World::open();
    for (path, resource) in [
        (
            "Patient/1",
            json!({"resourceType": "Patient", "id": "1", "managingOrganization": {"reference": "Organization/1"}}),
        ),
        ("Patient/2", json!({"resourceType": "Patient", "id": "2"})),
        ("Organization/1", json!({"resourceType": "Organization", "id": "1", "name": "Clinic"})),
        ("Practitioner/1", json!({"resourceType": "Practitioner", "id": "1"})),
        (
            "Observation/1",
            json!({"resourceType": "Observation", "id": "1", "status": "final", "code": {"text": "a"}, "subject": {"reference": "Patient/1"}}),
        ),
        ("Composition/1", composition()),
    ] {
        assert_eq!(world.put(path, &resource).status, 201, "{path}");
    }
    world
}

#[test]
fn an_operation_that_is_not_here_is_refused_and_those_that_are_are_named() {
    let world = world();
    for (line, status) in [
        ("GET Composition/1/$frobnicate", 404),
        ("POST Composition/1/$validate", 400),
        ("GET Patient/1/$document", 400),
        ("GET $document", 400),
        ("GET Composition/1/_history/1/$document", 400),
    ] {
        assert_eq!(world.ask(line, &[], "").refusal(), (status, "not-supported".to_owned()), "{line}");
    }
    assert!(world.get("Composition/1/$frobnicate").diagnostics().contains("$document"));
    assert_eq!(world.ask("DELETE Composition/1/$document", &[], "").status, 405);
    assert_eq!(world.ask("PUT Composition/1/$document", &[], "").header("allow"), "GET, HEAD, POST");
    assert_eq!(world.get("Nothing/1/$document").status, 404);
    assert_eq!(world.get("Composition/1/a/b/$document").status, 404);
}

#[test]
fn every_operation_of_the_capability_statement_has_a_definition() {
    let statement = World::open().get("metadata").json();
    let types = statement["rest"][0]["resource"].as_array().unwrap();
    let of = |name: &str| types.iter().find(|of| of["type"] == name).unwrap()["operation"].clone();
    assert_eq!(of("Composition")[0]["name"], "document");
    let url = of("Composition")[0]["definition"].as_str().unwrap().to_owned();
    assert!(url.starts_with("http://hl7.org/fhir/OperationDefinition/"), "{url}");
}

#[test]
fn a_document_holds_what_its_composition_refers_to_and_what_that_refers_to() {
    let world = world();
    let answer = world.get("Composition/1/$document");
    assert_eq!(answer.status, 200, "{}", answer.json());
    let bundle = answer.json();
    assert_eq!((&bundle["type"], &bundle["resourceType"]), (&json!("document"), &json!("Bundle")));
    assert_eq!(bundle["identifier"]["system"], "urn:ietf:rfc:3986");
    assert!(bundle["identifier"]["value"].as_str().unwrap().starts_with("urn:uuid:"));
    assert_eq!(bundle["timestamp"], "2026-11-23T00:00:00.000Z");
    let mut types = answer.entries("/resource/resourceType");
    assert_eq!(types.remove(0), "Composition");
    types.sort();
    assert_eq!(types, ["Observation", "Organization", "Patient", "Practitioner"]);
    assert_eq!(world.get("Bundle").json()["total"], 0);
}

#[test]
fn a_document_is_kept_when_asked_to_be() {
    let world = world();
    let body =
        json!({"resourceType": "Parameters", "parameter": [{"name": "persist", "valueBoolean": true}]});
    for (line, body) in [
        ("POST Composition/1/$document", body.to_string()),
        ("GET Composition/1/$document?persist=true", String::new()),
    ] {
        let answer = world.ask(line, &[("content-type", "application/fhir+json")], &body);
        assert_eq!(answer.status, 200, "{}", answer.json());
        let id = answer.json()["id"].as_str().unwrap().to_owned();
        assert_eq!(world.get(&format!("Bundle/{id}")).json(), answer.json());
    }
}

#[test]
fn a_document_needs_a_composition_and_parameters_of_its_own() {
    let world = world();
    assert_eq!(world.get("Composition/none/$document").status, 404);
    for query in ["persist=perhaps", "persist=true&persist=true", "graph=1"] {
        assert_eq!(world.get(&format!("Composition/1/$document?{query}")).status, 400, "{query}");
    }
    for body in ["{", "{\"resourceType\":\"Patient\"}"] {
        assert_eq!(world.ask("POST Composition/1/$document", &[], body).status, 400, "{body}");
    }
    assert_eq!(world.ask("DELETE Composition/1", &[], "").status, 204);
    assert_eq!(world.get("Composition/1/$document").status, 410);
}
