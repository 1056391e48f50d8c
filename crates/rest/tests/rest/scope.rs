//! Searches of all types and in compartments, and the pages of any search, there and back.

use serde_json::json;

use crate::door::{Answer, PUBLIC, STORE, World};

fn base() -> String {
    format!("{PUBLIC}/datastore/{STORE}/r4/")
}

fn put(world: &World, resource: &serde_json::Value) {
    let [of, id] = ["resourceType", "id"].map(|name| resource[name].as_str().unwrap());
    assert_eq!(world.put(&format!("{of}/{id}"), resource).status, 201);
}

/// Two patients with an observation and a condition each.
fn world() -> World {
    let world = World::open();
    for id in ["a", "b"] {
        put(&world, &json!({"resourceType": "Patient", "id": id, "name": [{"family": format!("F-{id}")}]}));
        put(
            &world,
            &json!({"resourceType": "Observation", "id": format!("o{id}"), "status": "final",
                "code": {"coding": [{"code": "c1"}]}, "subject": {"reference": format!("Patient/{id}")}}),
        );
        put(
            &world,
            &json!({"resourceType": "Condition", "id": format!("c{id}"),
                "code": {"coding": [{"code": "c2"}]}, "subject": {"reference": format!("Patient/{id}")}}),
        );
    }
    world
}

fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.entries("/resource/id")
}

#[test]
fn a_search_of_the_whole_store_finds_all_types() {
    let world = world();
    for query in ["GET ", "GET ?_total=accurate", "POST _search"] {
        let answer = world.ask(query, &[], "");
        assert_eq!(ids(&answer), ["ca", "cb", "oa", "ob", "a", "b"], "{query}");
        assert_eq!(answer.json()["total"], 6);
    }
    for (query, expected) in [
        ("?_id=oa,a", vec!["oa", "a"]),
        ("?_type=Patient", vec!["a", "b"]),
        ("?_type=Patient,Observation&_sort=-_type", vec!["a", "b", "oa", "ob"]),
        ("?_type=Observation,Condition&code=c1", vec!["oa", "ob"]),
        ("?_type=Observation,Condition&patient=Patient/b", vec!["cb", "ob"]),
        ("?_type=Observation&_type=Condition", vec![]),
    ] {
        assert_eq!(ids(&world.get(query)), expected, "{query}");
    }
    assert_eq!(ids(&world.ask("POST _search", &[], "_type=Condition&_count=1")), ["ca"]);
}

#[test]
fn what_not_all_types_have_cannot_be_asked_of_all() {
    let world = world();
    for (query, code) in [
        ("?name=x", "not-supported"),
        ("?_type=Patient,Observation&code=c1", "not-supported"),
        ("?_type=Nothing", "invalid"),
        ("?_type:not=Patient", "not-supported"),
        ("Patient?_type=Patient", "not-supported"),
        ("?_type=Patient,Observation&_sort=birthdate", "not-supported"),
    ] {
        assert_eq!(world.get(query).refusal(), (400, code.into()), "{query}");
    }
    let lenient = world.ask("GET ?_type=Patient&name=F&foo=1", &[("prefer", "handling=lenient")], "");
    assert_eq!(lenient.link("self"), Some(format!("{}?_type=Patient&name=F", base())));
}

#[test]
fn a_compartment_holds_what_is_about_its_resource() {
    let world = world();
    for (query, expected) in [
        ("Patient/a/Observation", vec!["oa"]),
        ("Patient/a/Observation?code=c1", vec!["oa"]),
        ("Patient/a/Observation?code=c2", vec![]),
        ("Patient/a/*", vec!["ca", "oa", "a"]),
        ("Patient/a/*?_type=Condition,Observation", vec!["ca", "oa"]),
        ("Patient/a/*?_type=Medication", vec![]),
        ("Patient/none/*", vec![]),
        ("Patient/b/Patient", vec!["b"]),
        ("Practitioner/a/Observation", vec![]),
    ] {
        assert_eq!(ids(&world.get(query)), expected, "{query}");
    }
    for path in ["Patient/a/Observation/_search", "Patient/a/_search", "Patient/a/*/_search"] {
        let found = ids(&world.ask(&format!("POST {path}"), &[], "_id=oa,ob"));
        assert_eq!(found, ["oa"], "{path}");
    }
    let answer = world.get("Patient/a/Observation?code=c1");
    assert_eq!(answer.link("self"), Some(format!("{}Patient/a/Observation?code=c1", base())));
    for (query, status) in [
        ("Observation/oa/Patient", 404),
        ("Patient/a/Medication", 404),
        ("Patient/a/Nothing", 404),
        ("Patient/a/Observation?name=x", 400),
        ("Patient/a_b/Observation", 404),
    ] {
        assert_eq!(world.get(query).status, status, "{query}");
    }
    assert_eq!(world.ask("PUT Patient/a/Observation", &[], "{}").status, 405);
}

#[test]
fn pages_lead_on_and_back_and_to_the_first() {
    let world = world();
    for path in ["?_count=2", "?_count=2&_sort=-_id", "Patient/a/*?_count=1&_sort=_id"] {
        let mut pages = vec![world.get(path)];
        while let Some(next) = pages.last().unwrap().link("next") {
            pages.push(world.get(&next));
        }
        assert_eq!(pages.len(), 3, "{path}");
        assert_eq!(pages[0].link("previous"), None);
        let mut back = world.get(&pages[2].link("previous").unwrap());
        assert_eq!(ids(&back), ids(&pages[1]), "{path}");
        assert_eq!(ids(&world.get(&back.link("next").unwrap())), ids(&pages[2]), "{path}");
        back = world.get(&back.link("previous").unwrap());
        assert_eq!((ids(&back), back.link("previous")), (ids(&pages[0]), None), "{path}");
        for page in &pages {
            assert_eq!(ids(&world.get(&page.link("first").unwrap())), ids(&pages[0]), "{path}");
        }
    }
    let only = world.get("Patient");
    assert_eq!((only.link("first"), only.link("next")), (None, None));
    let posted = world.ask("POST Patient/_search", &[], "family=F&_count=1");
    let second = world.get(&posted.link("next").unwrap());
    assert_eq!(ids(&world.get(&second.link("previous").unwrap())), ids(&posted));
    assert!(!second.link("first").unwrap().contains("family"), "a search may name a patient");
    let elsewhere = second.link("previous").unwrap().replacen("Patient", "Patient/a/Patient", 1);
    assert_eq!(world.get(&elsewhere).diagnostics(), "Invalid pagination token.");
}

#[test]
fn only_the_total_is_told_if_nothing_else_is_asked() {
    let world = world();
    for query in ["?_count=0", "?_summary=count", "?_count=0&_total=none", "?_summary=count&_count=5"] {
        let answer = world.get(query);
        let json = answer.json();
        assert_eq!((&json["total"], json.get("entry")), (&json!(6), None), "{query}");
        assert_eq!(answer.link("next"), None);
    }
}
