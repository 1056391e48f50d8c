//! `$meta`, `$meta-add`, `$meta-delete`.

use serde_json::{Value, json};

use crate::door::{Answer, World};

fn with_meta(meta: &Value) -> Value {
    json!({"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": meta}]})
}

fn meta(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()["parameter"][0]["valueMeta"].clone()
}

fn world() -> World {
    let world = World::open();
    for (path, tags) in [("Patient/1", vec!["a"]), ("Patient/2", vec!["a", "b"]), ("Basic/1", vec!["c"])] {
        let (of, id) = path.split_once('/').unwrap();
        let tags: Vec<Value> =
            tags.into_iter().map(|code| json!({"system": "http://t", "code": code})).collect();
        let mut resource = json!({"resourceType": of, "id": id, "meta": {"tag": tags, "profile": [format!("http://hl7.org/fhir/StructureDefinition/{of}")]}});
        if of == "Basic" {
            resource["code"] = json!({"text": "x"});
        }
        assert_eq!(world.put(path, &resource).status, 201);
    }
    world
}

fn codes(meta: &Value) -> Vec<&str> {
    meta["tag"].as_array().into_iter().flatten().map(|tag| tag["code"].as_str().unwrap()).collect()
}

#[test]
fn a_resource_a_version_a_type_and_the_system_have_a_meta() {
    let world = world();
    let one = meta(&world.get("Patient/1/$meta"));
    assert_eq!((&one["versionId"], codes(&one)), (&json!("1"), vec!["a"]));
    world.put("Patient/1", &json!({"resourceType": "Patient", "id": "1", "active": true}));
    assert_eq!(codes(&meta(&world.get("Patient/1/_history/1/$meta"))), ["a"]);
    assert_eq!(meta(&world.get("Patient/1/$meta"))["tag"], Value::Null);
    let of_type = meta(&world.get("Patient/$meta"));
    assert_eq!(
        (codes(&of_type), &of_type["profile"]),
        (vec!["a", "b"], &json!(["http://hl7.org/fhir/StructureDefinition/Patient"]))
    );
    let all = meta(&world.post("$meta", &json!({"resourceType": "Parameters"})));
    assert_eq!(
        (codes(&all), &all["profile"]),
        (
            vec!["a", "b", "c"],
            &json!([
                "http://hl7.org/fhir/StructureDefinition/Basic",
                "http://hl7.org/fhir/StructureDefinition/Patient"
            ])
        )
    );
    assert_eq!(all["security"], Value::Null);
    assert_eq!(world.get("Observation/$meta").json(), json!({"resourceType": "Parameters"}));
    assert_eq!(world.get("Patient/9/$meta").status, 404);
    assert_eq!(world.get("Patient/1/_history/9/$meta").status, 404);
    world.ask("DELETE Patient/2", &[], "");
    assert_eq!(world.get("Patient/2/$meta").status, 410);
    assert_eq!(world.get("Patient/$meta").json(), json!({"resourceType": "Parameters"}));
}

#[test]
fn what_is_added_is_there_once_in_the_next_version() {
    let world = world();
    let more = json!({"tag": [{"system": "http://t", "code": "a", "display": "other"}, {"system": "http://t", "code": "z"}],
        "security": [{"code": "R"}], "profile": ["http://hl7.org/fhir/StructureDefinition/DomainResource", "http://hl7.org/fhir/StructureDefinition/Patient"], "versionId": "77"});
    let answer = world.post("Patient/1/$meta-add", &with_meta(&more));
    let found = meta(&answer);
    assert_eq!((&found["versionId"], codes(&found)), (&json!("2"), vec!["a", "z"]));
    assert_eq!(
        found["profile"],
        json!([
            "http://hl7.org/fhir/StructureDefinition/Patient",
            "http://hl7.org/fhir/StructureDefinition/DomainResource"
        ])
    );
    assert_eq!(found["security"], json!([{"code": "R"}]));
    assert_eq!(answer.header("etag"), "W/\"2\"");
    assert_eq!(world.get("Patient?_tag=http://t%7Cz").entries("/resource/id"), ["1"]);
    assert_eq!(meta(&world.post("Patient/1/$meta-add", &with_meta(&more)))["versionId"], "2", "nothing new");
    assert_eq!(world.get("Patient/1/_history").entries("/request/method"), ["PATCH", "PUT"]);
}

#[test]
fn what_is_deleted_is_gone_in_the_next_version() {
    let world = world();
    let less = json!({"tag": [{"system": "http://t", "code": "b"}, {"code": "a"}], "profile": ["http://hl7.org/fhir/StructureDefinition/Patient"]});
    let found = meta(&world.post("Patient/2/$meta-delete", &with_meta(&less)));
    assert_eq!(
        (&found["versionId"], codes(&found), &found["profile"]),
        (&json!("2"), vec!["a"], &Value::Null)
    );
    assert_eq!(world.get("Patient?_tag=b").entries("/resource/id"), Vec::<String>::new());
    assert_eq!(meta(&world.post("Patient/2/$meta-delete", &with_meta(&less)))["versionId"], "2");
}

#[test]
fn the_operations_on_meta_say_what_they_take() {
    let world = world();
    let tag = with_meta(&json!({"tag": [{"code": "x"}]}));
    for (path, body, status) in [
        ("Patient/1/$meta-add", json!({"resourceType": "Parameters"}), 400),
        ("Patient/1/$meta-add", json!({"resourceType": "Patient"}), 400),
        ("Patient/1/$meta-add", with_meta(&json!("x")), 400),
        ("Patient/1/$meta-add", with_meta(&json!({"tag": [{"nonsense": 1}]})), 422),
        ("Patient/9/$meta-add", tag.clone(), 404),
        ("Patient/9/$meta-delete", tag.clone(), 404),
    ] {
        let answer = world.post(path, &body);
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.json());
    }
    assert_eq!(world.get("Patient/1/$meta-add").status, 405);
    assert_eq!(world.get("Patient/1/$meta?x=1").status, 400);
    world.ask("DELETE Patient/1", &[], "");
    assert_eq!(world.post("Patient/1/$meta-add", &tag).status, 410);
}
