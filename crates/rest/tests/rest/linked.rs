//! Chains, `_has`, `_list` and what comes with matches, from the request to the Bundle.

use rest::limits::INCLUDED_MAX;
use serde_json::{Value, json};

use crate::door::{Answer, World};

fn put(world: &World, resource: &Value) {
    let [of, id] = ["resourceType", "id"].map(|name| resource[name].as_str().unwrap());
    let answer = world.put(&format!("{of}/{id}"), resource);
    assert!(answer.status < 300, "{}", answer.json());
}

fn observation(id: &str, subject: &str, code: &str) -> Value {
    json!({"resourceType": "Observation", "id": id, "status": "final", "code": {"coding": [{"code": code}]},
        "subject": {"reference": subject}})
}

fn world() -> World {
    let world = World::open();
    put(&world, &json!({"resourceType": "Organization", "id": "h", "name": "General"}));
    for (id, family) in [("a", "Alba"), ("b", "Boro")] {
        put(
            &world,
            &json!({"resourceType": "Patient", "id": id, "name": [{"family": family}],
                "managingOrganization": {"reference": "Organization/h"}}),
        );
        put(&world, &observation(&format!("o{id}"), &format!("Patient/{id}"), "c1"));
    }
    put(&world, &observation("ox", "Patient/a/_history/1", "c2"));
    put(
        &world,
        &json!({"resourceType": "List", "id": "l", "status": "current", "mode": "working",
            "entry": [{"item": {"reference": "Patient/b"}}]}),
    );
    put(
        &world,
        &json!({"resourceType": "Questionnaire", "id": "q", "status": "active", "url": "http://q", "version": "2"}),
    );
    put(
        &world,
        &json!({"resourceType": "QuestionnaireResponse", "id": "r", "status": "completed",
            "questionnaire": "http://q|2"}),
    );
    world
}

fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.entries("/resource/id")
}

#[test]
fn chains_and_has_and_list_find_by_other_resources() {
    let world = world();
    put(
        &world,
        &json!({"resourceType": "List", "id": "changes", "status": "current", "mode": "changes",
            "entry": [{"deleted": true, "item": {"reference": "Patient/a"}},
                {"deleted": false, "item": {"reference": "Patient/b"}}]}),
    );
    for (query, expected) in [
        ("Observation?patient.family=alba", vec!["oa", "ox"]),
        ("Observation?subject:Patient.family=alba&code=c1", vec!["oa"]),
        ("Observation?subject.organization.name=general", vec!["oa", "ob", "ox"]),
        ("Observation?subject.organization.name:exact=general", vec![]),
        ("Patient?_has:Observation:patient:code=c2", vec!["a"]),
        ("Patient?_has:Observation:patient:code=c1&family=boro", vec!["b"]),
        ("Organization?_has:Patient:organization:_has:Observation:subject:code=c2", vec!["h"]),
        ("Patient?_list=l", vec!["b"]),
        ("Patient?_list=none", vec![]),
        ("Patient?_list=changes", vec!["b"]),
        ("Patient?_list=changes,l", vec!["b"]),
        ("List?item=Patient/a", vec!["changes"]),
        ("Observation?patient._list=l", vec!["ob"]),
        ("?_type=Patient,Observation&_list=l", vec!["b"]),
    ] {
        assert_eq!(ids(&world.get(query)), expected, "{query}");
    }
}

#[test]
fn what_is_included_stands_behind_the_matches_with_its_mode() {
    let world = world();
    for (query, expected, modes) in [
        ("Observation?code=c1&_include=Observation:patient", vec!["oa", "ob", "a", "b"], "mmii"),
        ("Observation?code=c2&_include=Observation:subject", vec!["ox", "a"], "mi"),
        ("Observation?code=c1&_include=Observation:patient&_count=1", vec!["oa", "a"], "mi"),
        ("Observation?code=c2&_include:iterate=*", vec!["ox", "a", "h"], "mii"),
        ("Patient?_revinclude=Observation:patient&family=alba", vec!["a", "oa", "ox"], "mii"),
        ("Organization?_revinclude:iterate=*", vec!["h", "a", "b", "l", "oa", "ob", "ox"], "miiiiii"),
        ("QuestionnaireResponse?_include=*", vec!["r", "q"], "mi"),
        ("Questionnaire?_revinclude=QuestionnaireResponse:questionnaire", vec!["q", "r"], "mi"),
        ("Patient/a/*?_include=*", vec!["oa", "ox", "a", "h"], "mmmi"),
    ] {
        let answer = world.get(query);
        let mut found = ids(&answer);
        let mut wanted = expected.clone();
        let shown: String = answer.entries("/search/mode").iter().map(|mode| &mode[..1]).collect();
        assert_eq!(shown, modes, "{query}");
        if modes.ends_with("iiiii") {
            found.sort();
            wanted.sort();
        }
        assert_eq!(found, wanted, "{query}");
    }
}

#[test]
fn a_total_counts_matches_and_not_what_comes_with_them() {
    let world = world();
    let answer = world.get("Observation?_include=*&_total=accurate");
    assert_eq!(answer.json()["total"], 3);
    let counted = world.get("Observation?_include=*&_count=0").json();
    assert_eq!((&counted["total"], counted.get("entry")), (&json!(3), None));
}

#[test]
fn what_the_limit_cut_is_told_in_an_entry_of_its_own() {
    let world = World::open();
    put(&world, &json!({"resourceType": "Patient", "id": "a", "active": true}));
    for at in 0..=INCLUDED_MAX {
        put(&world, &observation(&format!("o{at}"), "Patient/a", "c"));
        let whole = at + 1 == INCLUDED_MAX;
        if !whole && at < INCLUDED_MAX {
            continue;
        }
        let answer = world.get("Patient?_revinclude=Observation:patient");
        let modes = answer.entries("/search/mode");
        assert_eq!(modes.iter().filter(|mode| *mode == "include").count(), INCLUDED_MAX);
        assert_eq!(modes.iter().any(|mode| mode == "outcome"), !whole);
        if !whole {
            let last = answer.json()["entry"].as_array().unwrap().last().cloned().unwrap();
            assert_eq!(last["resource"]["resourceType"], "OperationOutcome");
            assert_eq!(last["resource"]["issue"][0]["severity"], "warning");
        }
    }
}
