//! A search explained: by header or parameter, in words, without a single match.

use serde_json::json;

use crate::door::{Answer, World};

fn world() -> World {
    let world = World::open();
    for (id, family) in [("1", "Ann"), ("2", "Bob")] {
        world.put(
            &format!("Patient/{id}"),
            &json!({"resourceType": "Patient", "id": id, "name": [{"family": family}]}),
        );
    }
    let observation = json!({"resourceType": "Observation", "id": "1", "status": "final", "code": {"text": "a"},
        "subject": {"reference": "Patient/1"}});
    assert_eq!(world.put("Observation/1", &observation).status, 201);
    world
}

fn told(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    assert_eq!((answer.status, &json["type"]), (200, &json!("searchset")), "{json}");
    assert_eq!(answer.entries("/search/mode"), ["outcome"]);
    assert_eq!(json["total"], json!(null));
    let issues = json["entry"][0]["resource"]["issue"].as_array().unwrap().clone();
    assert!(
        issues.iter().all(|issue| issue["severity"] == "information" && issue["code"] == "informational")
    );
    issues.iter().map(|issue| issue["diagnostics"].as_str().unwrap().to_owned()).collect()
}

const PLAN: [&str; 6] = [
    "search Patient (each of 2 current ones is looked at): 1",
    "  any of these: 1",
    "    name starts with \"ann\": 1",
    "    name starts with \"zoe\": 0",
    "order by birthdate descending, missing last",
    "show up to 5 of 1 matches",
];

#[test]
fn a_search_is_explained_by_parameter_and_by_header() {
    let world = world();
    let query = "name=ann,zoe&_sort=-birthdate&_count=5";
    let by_parameter = world.get(&format!("Patient?{query}&_explain=true"));
    assert_eq!(told(&by_parameter), PLAN);
    assert!(by_parameter.link("self").unwrap().ends_with("_explain=true"));
    assert_eq!(by_parameter.link("next"), None);
    let header = [("x-tarn-explain", "true")];
    assert_eq!(told(&world.ask(&format!("GET Patient?{query}"), &header, "")), PLAN);
    assert_eq!(told(&world.ask("POST Patient/_search", &header, query)), PLAN);
    let done = world.ask(&format!("GET Patient?{query}&_explain=false"), &header, "");
    assert_eq!(done.entries("/resource/id"), ["1"]);
    assert_eq!(world.get("Patient?_explain=yes").refusal(), (400, "value".into()));
}

#[test]
fn an_explanation_needs_the_right_to_search_and_a_search_that_is_understood() {
    let world = world();
    assert_eq!(world.get("Patient?nonsense=1&_explain=true").refusal().0, 400);
    let header = [("x-tarn-explain", "true")];
    assert_eq!(world.ask("GET Patient/1", &header, "").json()["resourceType"], "Patient");
}

#[test]
fn an_explanation_may_come_in_xml() {
    let answer = world().get("Patient?_explain=true&_format=xml&_summary=text");
    let text = std::str::from_utf8(&answer.body).unwrap();
    assert!(
        text.contains("<mode value=\"outcome\"/>") && text.contains("<diagnostics value=\"search Patient")
    );
}
