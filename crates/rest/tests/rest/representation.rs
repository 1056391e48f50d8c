//! How answers are shown: parts of resources, layout, and what of it links carry on.

use serde_json::{Value, json};

use crate::door::{Answer, World};

fn world() -> World {
    let world = World::open();
    for id in ["1", "2", "3"] {
        let patient = json!({
            "resourceType": "Patient", "id": id, "active": true, "name": [{"family": "A"}],
            "contact": [{"name": {"family": "B"}}],
            "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">a</div>"},
        });
        assert_eq!(world.put(&format!("Patient/{id}"), &patient).status, 201);
    }
    world
}

/// The names of the members of a resource that are not on every one.
fn names(resource: &Value) -> Vec<String> {
    let all = resource.as_object().unwrap().keys();
    all.filter(|name| !["resourceType", "id", "meta"].contains(&name.as_str())).cloned().collect()
}

fn is_marked(resource: &Value) -> bool {
    resource["meta"]["tag"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag["code"] == "SUBSETTED"))
}

#[test]
fn every_way_to_read_shows_the_part_that_is_asked_for() {
    let world = world();
    let resource_of = |answer: &Answer| {
        let json = answer.json();
        if json["resourceType"] == "Bundle" { json["entry"][0]["resource"].clone() } else { json }
    };
    for path in ["Patient/1", "Patient/1/_history/1", "Patient/1/_history", "Patient"] {
        for (query, expected) in [
            ("_summary=true", vec!["active", "name"]),
            ("_summary=text", vec!["text"]),
            ("_summary=data", vec!["active", "contact", "name"]),
            ("_elements=active,Patient.contact.name,Observation.status", vec!["active", "contact"]),
            ("_elements=active&_elements=text", vec!["active", "text"]),
        ] {
            let answer = world.get(&format!("{path}?{query}"));
            let resource = resource_of(&answer);
            assert_eq!(names(&resource), expected, "{path}?{query}");
            assert!(is_marked(&resource), "{path}?{query}");
            assert_eq!(resource["meta"]["versionId"], "1", "{path}?{query}");
        }
        let whole = resource_of(&world.get(&format!("{path}?_summary=false")));
        assert_eq!(names(&whole).len(), 4, "{path}");
        assert!(!is_marked(&whole));
    }
    let form = world.ask("POST Patient/_search", &[], "_id=1&_summary=text");
    assert_eq!(names(&resource_of(&form)), ["text"]);
}

#[test]
fn capabilities_have_a_summary_too() {
    let found = World::open().get("metadata?_summary=true").json();
    assert_eq!((&found["status"], is_marked(&found)), (&json!("active"), true));
}

#[test]
fn pages_are_shown_as_the_first_one_was() {
    let world = world();
    let first = world.get("Patient?_count=1&_elements=active&_pretty=true");
    let link = first.link("self").unwrap();
    assert!(link.ends_with("Patient?_count=1&_elements=active&_pretty=true"), "{link}");
    let mut next = first.link("next");
    let mut seen = 1;
    while let Some(url) = next {
        let page = world.get(&url);
        assert_eq!(names(&page.json()["entry"][0]["resource"]), ["active"], "{url}");
        assert!(page.body.starts_with(b"{\n  \"resourceType\""), "{url}");
        seen += 1;
        next = page.link("next");
    }
    assert_eq!(seen, 3);
}

#[test]
fn pretty_lays_out_resources_and_refusals() {
    let world = world();
    assert!(world.get("Patient/1?_pretty=true").body.starts_with(b"{\n  \"resourceType\": \"Patient\",\n"));
    assert!(
        world.get("Patient/0?_pretty=true").body.starts_with(b"{\n  \"resourceType\": \"OperationOutcome\"")
    );
    assert!(world.get("Patient/1?_pretty=false").body.starts_with(b"{\"resourceType\":\"Patient\""));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let world = world();
    for query in [
        "_summary=some",
        "_summary=",
        "_summary=true&_summary=text",
        "_summary=true&_elements=name",
        "_summary=text&_include=Patient:organization",
        "_summary=text&_revinclude:iterate=Observation:subject",
        "_summary=count&_elements=name",
        "_elements=",
        "_elements=name,,active",
        "_pretty=yes",
    ] {
        let (status, code) = world.get(&format!("Patient?{query}")).refusal();
        assert!(status == 400 && ["value", "invalid"].contains(&code.as_str()), "{query}: {status} {code}");
    }
    for path in ["Patient/1", "Patient/1/_history/1", "Patient/1/_history"] {
        let answer = world.get(&format!("{path}?_summary=count"));
        assert_eq!(answer.refusal(), (400, "invalid".into()), "{path}");
    }
    for format in ["ttl", "text/turtle", "html"] {
        let answer = world.get(&format!("Patient/1?_format={format}"));
        assert_eq!(answer.refusal(), (406, "not-supported".into()), "{format}");
    }
}

#[test]
fn a_browser_gets_json() {
    let accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let answer = world().ask("GET Patient/1", &[("accept", accept)], "");
    assert_eq!(answer.header("content-type"), "application/fhir+json;charset=utf-8");
}
