//! Contained resources through the door: found where they stand, and shown with their containers or alone.

use serde_json::{Value, json};

use crate::batch::{bundle, entry, statuses};
use crate::door::{Answer, PUBLIC, STORE, World};

fn request(id: &str, code: &str, agents: &Value) -> Value {
    json!({"resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order",
        "subject": {"reference": "Patient/1"}, "medicationReference": {"reference": "#m"},
        "supportingInformation": [{"reference": format!("#{}", agents["id"].as_str().unwrap())}],
        "contained": [{"resourceType": "Medication", "id": "m", "code": {"coding": [{"code": code}]},
            "manufacturer": {"reference": "Organization/1"}}, agents]})
}

/// Two requests that contain a medication and something else, and a medication of its own.
fn world() -> World {
    let world = World::open();
    let second = json!({"resourceType": "Medication", "id": "n", "status": "active",
        "code": {"coding": [{"code": "abc"}]}});
    for resource in [
        json!({"resourceType": "Patient", "id": "1"}),
        json!({"resourceType": "Organization", "id": "1", "name": "Maker"}),
        json!({"resourceType": "Medication", "id": "3", "code": {"coding": [{"code": "abc"}]}}),
        request("a", "abc", &second),
        request("b", "xyz", &json!({"resourceType": "Practitioner", "id": "p"})),
    ] {
        let path =
            format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        assert_eq!(world.put(&path, &resource).status, 201, "{path}");
        world.clock.advance_ms(1000);
    }
    world
}

fn found(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.json());
    let base = format!("{PUBLIC}/datastore/{STORE}/r4/");
    let urls = answer.entries("/fullUrl");
    urls.iter().map(|url| url.strip_prefix(&base).unwrap()).collect::<Vec<_>>().join(" ")
}

#[test]
fn chains_go_on_inside_contained_resources() {
    let world = world();
    let find = |query: &str| found(&world.get(query));
    assert_eq!(find("MedicationRequest?medication.code=abc"), "MedicationRequest/a");
    assert_eq!(
        find("MedicationRequest?medication.code=abc,xyz&_sort=-_id"),
        "MedicationRequest/b MedicationRequest/a"
    );
    assert_eq!(find("MedicationRequest?medication.manufacturer.name=maker&_id=b"), "MedicationRequest/b");
    assert_eq!(find("Patient?_has:MedicationRequest:patient:medication.code=xyz"), "Patient/1");
    assert_eq!(find("Patient?_has:MedicationRequest:patient:medication.code=none"), "");
    let criteria = "MedicationRequest?medication.code=xyz";
    let patch = world.ask(
        &format!("PATCH {criteria}"),
        &[("content-type", "application/json-patch+json")],
        r#"[{"op":"replace","path":"/status","value":"completed"}]"#,
    );
    assert_eq!(patch.status, 200, "{}", patch.json());
    assert_eq!(find("MedicationRequest?medication.code=xyz&status=completed"), "MedicationRequest/b");
}

#[test]
fn containers_are_found_by_what_they_contain() {
    let world = world();
    let find = |query: &str| found(&world.get(query));
    assert_eq!(find("Medication?code=abc"), "Medication/3");
    assert_eq!(find("Medication?code=abc&_contained=false"), "Medication/3");
    assert_eq!(find("Medication?code=abc&_contained=true"), "MedicationRequest/a");
    assert_eq!(find("Medication?code=abc&_contained=both"), "Medication/3 MedicationRequest/a");
    assert_eq!(find("Medication?_contained=true"), "MedicationRequest/a MedicationRequest/b");
    assert_eq!(find("Practitioner?_contained=true"), "MedicationRequest/b");
    assert_eq!(
        find("Medication?manufacturer:Organization.name=make&_contained=true&_sort=-_id"),
        "MedicationRequest/b MedicationRequest/a"
    );
    assert_eq!(find("Medication?manufacturer:Organization.name=x&_contained=true"), "");
    assert_eq!(
        find("?_type=Medication,Practitioner&_id=m,p&_contained=true&_sort=_lastUpdated"),
        "MedicationRequest/a MedicationRequest/b"
    );
    assert_eq!(find("Patient/1/MedicationRequest?_contained=true"), "");
    assert_eq!(
        found(&world.ask(
            "POST Medication/_search",
            &[("content-type", "application/x-www-form-urlencoded")],
            "_contained=true&code=xyz"
        )),
        "MedicationRequest/b"
    );
    let whole = world.get("Medication?code=xyz&_contained=true");
    assert_eq!(whole.json()["entry"][0]["resource"], world.get("MedicationRequest/b").json());
    assert_eq!(whole.json()["total"], 1);
    let with_patient = world.get("Medication?code=xyz&_contained=true&_include=MedicationRequest:subject");
    assert_eq!(found(&with_patient), "MedicationRequest/b Patient/1");
    assert_eq!(with_patient.entries("/search/mode"), ["match", "include"]);
}

#[test]
fn a_compartment_holds_what_its_members_contain() {
    let world = world();
    let other = json!({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "c"},
        "subject": {"reference": "Patient/1"}, "focus": [{"reference": "#x"}],
        "contained": [{"resourceType": "Observation", "id": "x", "status": "final", "code": {"text": "d"}}]});
    world.put("Observation/o", &other);
    let mut elsewhere = other.clone();
    (elsewhere["id"], elsewhere["subject"]["reference"]) = ("e".into(), "Patient/2".into());
    world.put("Observation/e", &elsewhere);
    assert_eq!(found(&world.get("Patient/1/Observation?_contained=true")), "Observation/o");
    assert_eq!(found(&world.get("Patient/2/Observation?_contained=true")), "Observation/e");
}

#[test]
fn contained_resources_are_matches_of_their_own() {
    let world = world();
    let answer = world.get("Medication?_contained=true&_containedType=contained&_total=accurate");
    assert_eq!(found(&answer), "MedicationRequest/a#m MedicationRequest/a#n MedicationRequest/b#m");
    assert_eq!(answer.json()["total"], 3);
    assert_eq!(answer.entries("/search/mode"), ["match"; 3]);
    let first = &answer.json()["entry"][0]["resource"];
    assert_eq!(first, &world.get("MedicationRequest/a").json()["contained"][0]);
    let query = "Medication?code=abc&_contained=both&_containedType=contained";
    assert_eq!(found(&world.get(query)), "Medication/3 MedicationRequest/a#m MedicationRequest/a#n");
    assert_eq!(world.get(query).json()["total"], 3);
    let counted = world.get(&format!("{query}&_summary=count")).json();
    assert_eq!((&counted["total"], &counted["entry"]), (&json!(3), &Value::Null));
    let part =
        world.get("Medication?status=active&_contained=true&_containedType=contained&_elements=status");
    assert_eq!(part.entries("/resource/status"), ["active"]);
    assert!(part.json()["entry"][0]["resource"].get("code").is_none());
    let xml = world.get("Medication?code=xyz&_contained=true&_containedType=contained&_format=xml");
    let xml = std::str::from_utf8(&xml.body).unwrap();
    assert!(xml.contains("/MedicationRequest/b#m\"/><resource><Medication><id value=\"m\"/>"), "{xml}");
}

#[test]
fn a_page_may_end_within_what_one_resource_contains() {
    let world = world();
    for count in 1..6 {
        let query = "Medication?_contained=both&_containedType=contained";
        let mut answer = world.get(&format!("{query}&_count={count}"));
        assert_eq!(answer.json().get("total").is_some(), count >= 4);
        let mut pages = vec![found(&answer)];
        while let Some(next) = answer.link("next") {
            answer = world.get(&next);
            assert!(answer.link("first").is_some() && answer.link("previous").is_none());
            pages.push(found(&answer));
        }
        assert!(pages.iter().all(|page| page.split(' ').count() <= count), "{pages:?}");
        assert_eq!(pages.len(), 4_usize.div_ceil(count));
        assert_eq!(
            pages.join(" "),
            "Medication/3 MedicationRequest/a#m MedicationRequest/a#n MedicationRequest/b#m"
        );
    }
}

#[test]
fn bundles_ask_for_what_is_contained_and_conditions_do_not() {
    let world = world();
    let entries = [
        entry("GET Medication?code=abc&_contained=true", Value::Null),
        entry("PUT Medication?code=abc&_contained=true", json!({"resourceType": "Medication"})),
        entry("DELETE Medication?_containedType=contained&code=abc", Value::Null),
    ];
    let answer = world.post("", &bundle("batch", &entries));
    assert_eq!(statuses(&answer), "200 400 400");
    let inner = &answer.json()["entry"][0]["resource"];
    assert_eq!(inner["entry"][0]["resource"]["id"], "a");
    let condition = [("if-none-exist", "code=new&_contained=true")];
    let refused = world.ask("POST Medication", &condition, r#"{"resourceType":"Medication"}"#);
    assert_eq!(refused.refusal().0, 400);
    assert!(String::from_utf8_lossy(&refused.body).contains("_contained"));
}

#[test]
fn a_search_for_what_is_contained_is_explained() {
    let world = world();
    let plan = world.get("Medication?code=abc&_contained=true&_explain=true").json().to_string();
    for words in ["contains a Medication with", "code is abc", "type of what is contained is Medication"] {
        assert!(plan.contains(words), "{words}: {plan}");
    }
    assert_eq!(plan.matches("search ").count(), 5, "{plan}");
}
