//! Validation at the door: what is wrong is named by its path, and nothing of the content is repeated.

use serde_json::json;

use crate::door::World;

const PLANTED: &str = "Zebrafinch";

#[test]
fn an_invalid_resource_is_refused_with_the_paths_of_what_is_wrong() {
    let world = World::open();
    for (body, path) in [
        (json!({"resourceType": "Patient", "nick": PLANTED}), "Patient"),
        (json!({"resourceType": "Patient", "gender": PLANTED}), "Patient.gender"),
        (json!({"resourceType": "Patient", "birthDate": PLANTED}), "Patient.birthDate"),
        (json!({"resourceType": "Patient", "name": {"family": PLANTED}}), "Patient.name"),
        (json!({"resourceType": "Patient", "name": [{}, {"given": PLANTED}]}), "Patient.name[1].given"),
        (json!({"resourceType": "Observation", "status": "final"}), "Observation"),
    ] {
        let of = body["resourceType"].as_str().unwrap().to_owned();
        for answer in [
            world.post(&of, &body),
            world.put(&format!("{of}/1"), &{
                let mut with_id = body.clone();
                with_id["id"] = json!("1");
                with_id
            }),
        ] {
            assert_eq!(answer.refusal(), (400, "processing".into()), "{body}");
            assert_eq!(answer.diagnostics(), "FHIR resource in payload failed FHIR validation rules.");
            let json = answer.json();
            let issues = json["issue"].as_array().unwrap();
            let mut paths = issues.iter().filter_map(|issue| issue["expression"][0].as_str());
            assert!(paths.any(|found| found.starts_with(path)), "{path}: {json}");
            assert!(!json.to_string().contains(PLANTED), "{json}");
        }
    }
    assert_eq!(world.get("Patient").json()["total"], 0);
}

#[test]
fn no_refusal_repeats_a_value() {
    let world = World::open();
    for line in [
        format!("GET Patient?birthdate={PLANTED}"),
        format!("GET Patient?_count={PLANTED}"),
        format!("GET Patient?page={PLANTED}"),
        format!("GET Patient/1/_history?_since={PLANTED}"),
        format!("GET Patient/1?{PLANTED}=1"),
        format!("GET {PLANTED}/1"),
        format!("GET Patient/{PLANTED}_"),
    ] {
        let answer = world.ask(&line, &[], "");
        assert!(answer.status >= 400, "{line}");
        assert!(!answer.json().to_string().contains(PLANTED), "{line}");
    }
}
