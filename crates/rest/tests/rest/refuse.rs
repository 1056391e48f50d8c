//! What is not there, or not spoken: refused clearly, each in its own words.

use store::DatastoreStatus;

use crate::door::World;

const ABSENT: &[&str] = &[
    "GET Patient/$everything",
    "GET Patient/%24everything",
    "POST Patient/$member-match",
    "GET $export/0123456789abcdef0123456789abcdef",
    "POST $erase",
    "GET .well-known/smart-configuration",
    "GET Parameters/1",
    "POST OperationOutcome",
    "GET OperationOutcome",
];

#[test]
fn what_is_not_there_yet_is_refused_by_its_name() {
    let world = World::open();
    for line in ABSENT {
        let answer = world.ask(line, &[], "{}");
        assert_eq!(answer.refusal(), (400, "not-supported".into()), "{line}");
        assert!(!answer.diagnostics().is_empty());
    }
}

#[test]
fn headers_that_would_do_harm_if_overlooked_are_refused() {
    let world = World::open();
    let later = world.ask("POST Patient", &[("prefer", "respond-async")], "{\"resourceType\":\"Patient\"}");
    assert_eq!(later.refusal(), (400, "not-supported".into()));
    for name in ["x-amzn-healthlake-fhir-validation-level", "x-amz-fhir-history-consistency-level"] {
        let answer = world.ask("POST Patient", &[(name, "lax")], "{\"resourceType\":\"Patient\"}");
        assert_eq!(answer.refusal(), (400, "value".into()), "{name}");
    }
    for (name, value) in [
        ("x-amzn-healthlake-fhir-validation-level", "strict"),
        ("x-amzn-healthlake-fhir-validation-level", "structure-only"),
        ("x-amzn-healthlake-fhir-validation-level", "minimal"),
        ("x-amz-fhir-history-consistency-level", "strong"),
    ] {
        let answer =
            world.ask("POST Patient", &[(name, value)], "{\"resourceType\":\"Patient\",\"active\":true}");
        assert_eq!(answer.status, 201, "{value}");
    }
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let world = World::open();
    for (line, allow) in [
        ("POST metadata", "GET, HEAD"),
        ("POST Patient/1", "GET, HEAD, PUT, PATCH, DELETE"),
        ("GET Patient/_search", "POST"),
        ("DELETE Patient/1/_history", "GET, HEAD"),
        ("DELETE Patient/1/_history/1", "GET, HEAD"),
    ] {
        let answer = world.ask(line, &[], "");
        assert_eq!((answer.status, answer.header("allow")), (405, allow), "{line}");
    }
}

#[test]
fn formats_other_than_json_and_xml_are_refused_either_way() {
    let world = World::open();
    for line in ["GET Patient/1", "GET metadata", "GET Patient"] {
        let turtle = world.ask(line, &[("accept", "text/turtle")], "");
        assert_eq!(turtle.refusal(), (406, "not-supported".into()), "{line}");
    }
    assert_eq!(world.get("metadata?_format=ttl").status, 406);
    assert_eq!(world.ask("GET metadata?_format=json", &[("accept", "text/html")], "").status, 200);
    let turtle = world.ask("POST Patient", &[("content-type", "text/turtle")], "a");
    assert_eq!(turtle.refusal(), (415, "value".into()));
    assert_eq!(turtle.diagnostics(), "Incorrect MIME-type. Update request Content-Type header.");
    let packed = [("content-type", "application/json"), ("content-encoding", "br")];
    assert_eq!(world.ask("PUT Patient/1", &packed, "x").status, 415);
}

#[test]
fn addresses_that_name_nothing_are_404() {
    let world = World::open();
    for path in ["patient", "Patient/1/name", "Patient/1/_history/1/2", "Patient/1/2/3", "Resource/1"] {
        assert_eq!(world.get(path).refusal(), (404, "not-found".into()), "{path}");
    }
}

#[test]
fn a_data_store_answers_only_while_it_is_active() {
    let world = World::open();
    for (digit, status) in [
        ('1', DatastoreStatus::Creating),
        ('2', DatastoreStatus::Deleting),
        ('3', DatastoreStatus::CreateFailed),
    ] {
        let id = digit.to_string().repeat(32);
        world.datastore(&id, |datastore| datastore.status = status);
        let line = format!("GET {}/datastore/{id}/r4/Patient", crate::door::PUBLIC);
        let answer = world.ask(&line, &[], "");
        assert_eq!(answer.refusal(), (409, "transient".into()), "{digit}");
        assert!(answer.diagnostics().contains(status.name()));
    }
}
