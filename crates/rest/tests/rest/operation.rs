//! Operations: what their addresses take, and what each answers.

use serde_json::{Value, json};

use crate::door::{Answer, PUBLIC, STORE, World};

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

const FHIR: (&str, &str) = ("content-type", "application/fhir+json");

#[test]
fn an_operation_that_is_not_here_is_refused_and_those_that_are_are_named() {
    let world = world();
    for (line, status) in [
        ("GET Composition/1/$frobnicate", 404),
        ("POST Composition/1/$member-match", 400),
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
    let named = |of: &Value| {
        let all = of.as_array().unwrap().iter();
        all.map(|one| (one["name"].as_str().unwrap().to_owned(), one["definition"].clone()))
            .collect::<Vec<_>>()
    };
    let (names, urls): (Vec<_>, Vec<_>) = named(&of("Composition")).into_iter().unzip();
    for name in ["bulk-delete", "document", "erase", "meta", "meta-add", "meta-delete", "reindex"] {
        assert!(names.iter().any(|found| found == name), "{name} is not among {names:?}");
    }
    assert!(urls.contains(&json!("http://hl7.org/fhir/OperationDefinition/Composition-document")));
    assert!(urls.iter().all(|url| url.as_str().is_some_and(|url| url.contains(':'))));
    let system = named(&statement["rest"][0]["operation"]);
    assert!(system.iter().any(|(name, _)| name == "export"), "{system:?}");
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

/// Two patients with charts, and what those refer to.
fn charts() -> World {
    let world = world();
    let about = |patient: &str| json!({"reference": format!("Patient/{patient}")});
    let mut resources = vec![
        json!({"resourceType": "Location", "id": "1"}),
        json!({"resourceType": "Medication", "id": "1"}),
        json!({"resourceType": "Binary", "id": "scan", "contentType": "text/plain", "data": "YQ=="}),
        json!({"resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "AMB"},
            "subject": about("1"), "period": {"start": "2020-05-01", "end": "2020-06-01"},
            "diagnosis": [{"condition": {"reference": "Condition/c"}}],
            "location": [{"location": {"reference": "Location/1"}}]}),
        json!({"resourceType": "Condition", "id": "c", "subject": about("1"), "recordedDate": "2019-01-01"}),
        json!({"resourceType": "MedicationRequest", "id": "m", "status": "active", "intent": "order",
            "subject": about("1"), "medicationReference": {"reference": "Medication/1"}, "authoredOn": "2021-01-01"}),
        json!({"resourceType": "DocumentReference", "id": "d", "status": "current", "subject": about("1"),
            "content": [{"attachment": {"url": "Binary/scan"}}],
            "context": {"related": [{"reference": "Observation/other"}, {"reference": "Patient/2"}]}}),
        json!({"resourceType": "Observation", "id": "other", "status": "final", "code": {"text": "a"},
            "subject": about("2"), "effectiveDateTime": "2020"}),
        json!({"resourceType": "Observation", "id": "in", "status": "final", "code": {"text": "a"},
            "subject": about("1"), "encounter": {"reference": "Encounter/e"}, "effectiveDateTime": "2020-05-02"}),
    ];
    for resource in resources.drain(..) {
        let path =
            format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        let made = world.put(&path, &resource);
        assert_eq!(made.status, 201, "{path} {}", made.json());
    }
    world
}

/// Type and id of every entry, in order.
fn keys(answer: &crate::door::Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.json());
    let (types, ids) = (answer.entries("/resource/resourceType"), answer.entries("/resource/id"));
    types.iter().zip(ids).map(|(of, id)| format!("{of}/{id}")).collect()
}

#[test]
fn everything_of_a_patient_is_the_compartment_and_what_supports_it() {
    let world = charts();
    let answer = world.get("Patient/1/$everything");
    let expected = [
        "Binary/scan",
        "Composition/1",
        "Condition/c",
        "DocumentReference/d",
        "Encounter/e",
        "Location/1",
        "Medication/1",
        "MedicationRequest/m",
        "Observation/1",
        "Observation/in",
        "Organization/1",
        "Patient/1",
        "Practitioner/1",
    ];
    assert_eq!(keys(&answer), expected);
    let json = answer.json();
    assert_eq!((&json["type"], &json["total"]), (&json!("searchset"), &json!(expected.len())));
    assert_eq!(keys(&world.ask("POST Patient/1/$everything", &[], "")), expected);
}

#[test]
fn everything_is_limited_by_type_time_and_date_of_care() {
    let world = charts();
    let of = |query: &str| keys(&world.get(&format!("Patient/1/$everything?{query}")));
    assert_eq!(of("_type=Observation,Patient"), ["Observation/1", "Observation/in", "Patient/1"]);
    assert_eq!(of("_type=Medication"), Vec::<String>::new());
    assert_eq!(of("_type=MedicationRequest,Medication"), ["Medication/1", "MedicationRequest/m"]);
    let dated = of("start=2020-05-01&end=2020-05-31");
    assert!(
        dated.contains(&"Encounter/e".to_owned()) && dated.contains(&"Observation/in".to_owned()),
        "{dated:?}"
    );
    assert!(dated.contains(&"Patient/1".to_owned()), "{dated:?}");
    for absent in ["Condition/c", "MedicationRequest/m", "Medication/1", "Observation/1"] {
        assert!(!dated.contains(&absent.to_owned()), "{absent}");
    }
    world.clock.advance_ms(60_000);
    let later = json!({"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/1"}});
    assert_eq!(world.put("Condition/c", &later).status, 200);
    for name in ["_since", "since"] {
        assert_eq!(of(&format!("{name}=2026-11-23T00:00:30Z")), ["Condition/c"], "{name}");
    }
}

#[test]
fn everything_has_pages_that_later_writes_do_not_shift() {
    let world = charts();
    let whole = keys(&world.get("Patient/1/$everything"));
    let first = world.get("Patient/1/$everything?_count=4");
    let mut seen = keys(&first);
    assert_eq!(world.ask("DELETE Location/1", &[], "").status, 204);
    world.put(
        "Account/new",
        &json!({"resourceType": "Account", "id": "new", "status": "active",
        "subject": [{"reference": "Patient/1"}]}),
    );
    let mut next = first.link("next");
    while let Some(url) = next {
        let page = world.get(&url);
        assert_eq!(page.json()["total"], whole.len());
        assert!(page.link("previous").is_some());
        seen.extend(keys(&page));
        next = page.link("next");
    }
    let expected: Vec<String> = whole.into_iter().filter(|key| key != "Location/1").collect();
    assert_eq!(seen, expected);
    let url = first.link("next").unwrap();
    let foreign = url.replace("Patient/1", "Patient/2");
    assert_eq!(world.get(&foreign).status, 400);
    world.clock.advance_ms(3_600_001);
    assert_eq!(world.get(&url).status, 400);
    let none = world.get("Patient/1/$everything?_count=0");
    assert!(keys(&none).is_empty() && none.link("next").is_none() && none.json()["total"].as_u64() > Some(9));
}

#[test]
fn everything_of_an_encounter_is_its_compartment_and_what_it_refers_to() {
    let world = charts();
    let answer = world.get("Encounter/e/$everything");
    assert_eq!(keys(&answer), ["Condition/c", "Encounter/e", "Location/1", "Observation/in", "Patient/1"]);
    assert_eq!(world.get("Encounter/e/$everything?start=2020").status, 400);
}

#[test]
fn everything_needs_one_resource_that_is_there() {
    let world = charts();
    assert_eq!(world.get("Patient/none/$everything").status, 404);
    assert_eq!(world.ask("DELETE Patient/2", &[], "").status, 204);
    assert_eq!(world.get("Patient/2/$everything").status, 410);
    let whole = world.get("Patient/$everything");
    assert_eq!(whole.refusal(), (400, "not-supported".to_owned()));
    assert!(whole.diagnostics().contains("Patient/{id}/$everything"), "{}", whole.diagnostics());
    for query in [
        "_count=101",
        "_count=x",
        "_type=Nothing",
        "start=yesterday",
        "_since=2020&since=2020",
        "_type=",
        "name=a",
        "page=x",
        "page=x&_type=Patient",
    ] {
        assert_eq!(world.get(&format!("Patient/1/$everything?{query}")).status, 400, "{query}");
    }
}

/// The id of the job that an answer names.
fn job(answer: &crate::door::Answer) -> String {
    assert_eq!(answer.status, 202, "{}", answer.json());
    let json = answer.json();
    assert_eq!(json["jobStatus"], "SUBMITTED");
    json["jobId"].as_str().unwrap().to_owned()
}

#[test]
fn deletions_are_jobs_that_tell_how_they_stand() {
    let world = charts();
    for (line, first) in [
        ("POST Observation/$bulk-delete?isHardDelete=true&start=2020&end=2021", "$bulk-delete"),
        ("POST Observation/$bulk-delete?_since=2020", "$bulk-delete"),
        ("POST AuditEvent/$bulk-delete", "$bulk-delete"),
        ("POST Patient/1/$purge?deleteAuditEvent=true&_since=2020", "$purge"),
        ("POST Observation/1/$erase", "$erase"),
    ] {
        let started = world.ask(line, &[], "");
        let id = job(&started);
        assert_eq!(started.header("content-type"), "application/json");
        assert!(started.header("content-location").ends_with(&format!("{first}/{id}")), "{line}");
        let status = world.get(&format!("{first}/{id}"));
        assert_eq!(status.status, 200);
        let expected = json!({
            "datastoreId": STORE, "jobId": id, "status": "SUBMITTED", "submittedTime": "2026-11-23T00:00:00.000Z",
        });
        assert_eq!(status.json(), expected, "{line}");
        assert_eq!(world.ask(&format!("DELETE {first}/{id}"), &[], "").status, 405);
        let dashed = format!("{}-{}", &id[..8], &id[8..]);
        assert_eq!(world.get(&format!("{first}/{dashed}")).status, 200);
        for other in ["$bulk-delete", "$purge", "$erase"].into_iter().filter(|other| *other != first) {
            assert_eq!(world.get(&format!("{other}/{id}")).status, 404);
        }
    }
}

#[test]
fn a_deletion_that_cannot_be_meant_is_refused() {
    let world = charts();
    for (line, status) in [
        ("GET Observation/$bulk-delete", 405),
        ("POST Observation/$bulk-delete?_since=2020&start=2020", 400),
        ("POST Observation/$bulk-delete?start=2021&end=2020", 400),
        ("POST Observation/$bulk-delete?isHardDelete=maybe", 400),
        ("POST Observation/$bulk-delete?code=a", 400),
        ("POST AuditEvent/$bulk-delete?deleteAuditEvent=false", 400),
        ("POST AuditEvent/1/$erase", 400),
        ("POST Observation/1/$purge", 400),
        ("POST Patient/none/$purge", 404),
        ("POST Observation/none/$erase", 404),
        ("POST Observation/1/_history/9/$erase", 404),
        ("POST Observation/1/_history/1/$erase", 409),
        ("GET $purge/0123456789abcdef0123456789abcdef", 404),
        ("GET $purge/x", 404),
        ("GET $purge/x/y", 404),
    ] {
        assert_eq!(world.ask(line, &[], "").status, status, "{line}");
    }
    world.put("Observation/1", &world.get("Observation/1").json());
    job(&world.ask("POST Observation/1/_history/1/$erase", &[], ""));
    world.ask("DELETE Patient/2", &[], "");
    job(&world.ask("POST Patient/2/$purge", &[], ""));
}

/// Severity, code and place of each issue that `$validate` answers.
fn verdict(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.json());
    let issues = answer.json()["issue"].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let shown = |issue: &Value| {
        format!("{} {} {}", text(&issue["severity"]), text(&issue["code"]), text(&issue["expression"][0]))
    };
    issues.iter().map(|issue| shown(issue).trim_end().to_owned()).collect()
}

#[test]
fn validate_tells_faults_and_warnings_and_stores_nothing() {
    let world = World::open();
    let narrative =
        json!({"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">A</div>"});
    let fine = json!({"resourceType": "Patient", "id": "1", "text": narrative});
    let ask = |line: &str, body: &Value| world.ask(line, &[FHIR], &body.to_string());
    let successful = ["information informational"];
    assert_eq!(verdict(&ask("POST Patient/$validate", &fine)), successful);
    assert_eq!(
        verdict(&ask("POST Patient/$validate", &json!({"resourceType": "Patient"}))),
        ["warning invariant Patient"]
    );
    let bad =
        json!({"resourceType": "Patient", "text": narrative, "gender": "x", "contact": [{"gender": "male"}]});
    let faults = ["error invariant Patient.contact[0]", "error code-invalid Patient.gender"];
    assert_eq!(verdict(&ask("POST Patient/$validate", &bad)), faults);
    let wrapped = |resource: &Value, others: &[Value]| {
        let mut parameters = vec![json!({"name": "resource", "resource": resource})];
        parameters.extend_from_slice(others);
        json!({"resourceType": "Parameters", "parameter": parameters})
    };
    assert_eq!(verdict(&ask("POST Patient/$validate", &wrapped(&bad, &[]))), faults);
    assert_eq!(verdict(&ask("POST Observation/$validate", &fine)), ["error invalid Resource.resourceType"]);
    assert_eq!(world.get("Patient/1").status, 404);
    assert_eq!(world.put("Patient/1", &fine).status, 201);
    assert_eq!(verdict(&world.get("Patient/1/$validate")), successful);
    assert_eq!(verdict(&ask("POST Patient/1/$validate?mode=update", &fine)), successful);
    assert_eq!(verdict(&ask("POST Patient/1/$validate?mode=update", &bad))[0], "error value Patient.id");
    assert_eq!(verdict(&world.get("Patient/1/$validate?mode=delete")), successful);
    let base =
        json!({"name": "profile", "valueUri": "http://hl7.org/fhir/StructureDefinition/Patient|4.0.1"});
    assert_eq!(verdict(&ask("POST Patient/$validate", &wrapped(&fine, &[base]))), successful);
    let married = |code: &str| {
        let system = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus";
        let concept = json!({"coding": [{"system": system, "code": code}]});
        json!({"resourceType": "Patient", "text": narrative, "maritalStatus": concept})
    };
    assert_eq!(verdict(&ask("POST Patient/$validate", &married("M"))), successful);
    let should = ["warning code-invalid Patient.maritalStatus"];
    assert_eq!(verdict(&ask("POST Patient/$validate", &married("happily"))), should);
    let other = "POST Patient/$validate?profile=http://hl7.org/fhir/StructureDefinition/Observation";
    assert_eq!(verdict(&ask(other, &fine)), ["error structure Patient"]);
    let vital = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "text": narrative,
        "meta": {"profile": ["http://hl7.org/fhir/StructureDefinition/vitalsigns", "http://example.org/none"]}});
    assert_eq!(
        verdict(&ask("POST Observation/$validate", &vital)),
        [
            "error invariant Observation",
            "error required Observation",
            "error required Observation",
            "error required Observation",
            "error required Observation",
            "error not-found Observation.meta.profile[1]"
        ]
    );
    let mode = json!({"name": "mode", "valueCode": "create"});
    assert_eq!(verdict(&ask("POST Patient/$validate", &wrapped(&fine, &[mode]))), successful);
}

#[test]
fn validate_refuses_what_it_cannot_be_asked() {
    let world = World::open();
    for (line, body, status) in [
        ("POST Patient/$validate", "{", 400),
        ("POST Patient/$validate", "", 400),
        ("GET Patient/$validate", "", 400),
        ("POST Patient/$validate?mode=nonsense", r#"{"resourceType":"Patient"}"#, 400),
        ("POST Patient/$validate?mode=update", r#"{"resourceType":"Patient"}"#, 400),
        ("POST Patient/$validate?mode=profile", r#"{"resourceType":"Patient"}"#, 400),
        ("POST Patient/$validate?nonsense=1", r#"{"resourceType":"Patient"}"#, 400),
        ("POST Patient/$validate?profile=http://example.org/none", r#"{"resourceType":"Patient"}"#, 404),
        ("GET Patient/none/$validate", "", 404),
        ("GET Patient/none/$validate?mode=delete", "", 404),
        ("POST Nonsense/$validate", "{}", 404),
        ("POST $validate", "{}", 400),
    ] {
        assert_eq!(world.ask(line, &[FHIR], body).status, status, "{line} {body}");
    }
    let answer = world.ask(
        "POST Patient/$validate?profile=http://example.org/none",
        &[FHIR],
        r#"{"resourceType":"Patient"}"#,
    );
    assert!(answer.diagnostics().contains("http://example.org/none"));
}
