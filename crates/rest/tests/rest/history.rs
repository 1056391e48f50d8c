//! The history of a type and of the whole data store.

use serde_json::json;

use crate::door::{Answer, World};

fn patient(id: &str) -> serde_json::Value {
    json!({"resourceType": "Patient", "id": id, "active": true})
}

/// At seconds 0 to 5: Patient/1, Patient/2, Basic/1, Patient/1 again, the end of Patient/2, Patient/2 again.
fn world() -> World {
    let world = World::open();
    let basic = json!({"resourceType": "Basic", "id": "1", "code": {"text": "x"}});
    let second = |step: &dyn Fn() -> Answer| {
        let status = step().status;
        assert!(status < 300, "{status}");
        world.clock.advance_ms(1000);
    };
    second(&|| world.put("Patient/1", &patient("1")));
    second(&|| world.put("Patient/2", &patient("2")));
    second(&|| world.put("Basic/1", &basic));
    second(&|| world.put("Patient/1", &patient("1")));
    second(&|| world.ask("DELETE Patient/2", &[], ""));
    second(&|| world.put("Patient/2", &patient("2")));
    world
}

fn locations(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.entries("/response/location").iter().map(|text| text.replace("/_history/", " ")).collect()
}

const PATIENTS: [&str; 5] = ["Patient/2 3", "Patient/2 2", "Patient/1 2", "Patient/2 1", "Patient/1 1"];

#[test]
fn a_type_and_the_system_have_histories_newest_first() {
    let world = world();
    let patients = world.get("Patient/_history");
    assert_eq!(locations(&patients), PATIENTS);
    assert_eq!(patients.entries("/request/method"), ["PUT", "DELETE", "PUT", "PUT", "PUT"]);
    assert_eq!(patients.entries("/response/status"), ["201", "204", "200", "201", "201"]);
    assert_eq!(patients.entries("/resource/id"), ["2", "", "1", "2", "1"]);
    assert_eq!(patients.entries("/request/url")[1], "Patient/2");
    assert_eq!(patients.json()["type"], "history");
    let all = ["Patient/2 3", "Patient/2 2", "Patient/1 2", "Basic/1 1", "Patient/2 1", "Patient/1 1"];
    assert_eq!(locations(&world.get("_history")), all);
    assert_eq!(locations(&world.get("Observation/_history")), Vec::<String>::new());
    assert_eq!(world.get("Patient/2/_history/2").status, 410, "a deleted version is gone");
}

#[test]
fn what_brings_a_resource_back_creates_it_and_history_says_so() {
    let world = World::open();
    for (method, status) in [("PUT", 201), ("PUT", 200), ("DELETE", 204), ("PUT", 201), ("PUT", 200)] {
        let answer = match method {
            "PUT" => world.put("Patient/1", &patient("1")),
            _ => world.ask("DELETE Patient/1", &[], ""),
        };
        assert_eq!(answer.status, status, "{method}");
    }
    for path in ["Patient/1/_history", "Patient/_history", "_history"] {
        let history = world.get(path);
        assert_eq!(history.entries("/response/status"), ["200", "201", "204", "200", "201"], "{path}");
        assert_eq!(history.entries("/request/method"), ["PUT", "PUT", "DELETE", "PUT", "PUT"], "{path}");
        assert_eq!(history.entries("/request/url"), ["Patient/1"; 5], "{path}");
    }
    for (version, status) in [(1, 200), (2, 200), (3, 410), (4, 200), (5, 200), (6, 404)] {
        assert_eq!(world.get(&format!("Patient/1/_history/{version}")).status, status, "{version}");
    }
}

#[test]
fn histories_page_to_their_ends() {
    let world = world();
    for path in ["Patient/_history", "_history", "Patient/1/_history"] {
        let whole = locations(&world.get(path));
        for count in 1..=4 {
            let mut answer = world.get(&format!("{path}?_count={count}"));
            let mut seen = locations(&answer);
            while let Some(next) = answer.link("next") {
                answer = world.get(&next);
                seen.extend(locations(&answer));
            }
            assert_eq!(seen, whole, "{path} by {count}");
            if let Some(first) = answer.link("first") {
                assert_eq!(locations(&world.get(&first)), whole[..count]);
            }
        }
    }
    let next = world.get("Patient/_history?_count=1").link("next").unwrap();
    for other in [next.replace("Patient/_history", "_history"), next.replace("Patient/_history", "Patient")] {
        assert_eq!(world.get(&other).status, 400, "{other}");
    }
}

#[test]
fn since_and_at_cut_them() {
    let world = world();
    let versions = |path: &str| locations(&world.get(path));
    assert_eq!(versions("Patient/_history?_since=2026-11-23T00:00:04Z"), PATIENTS[..2]);
    assert_eq!(versions("_history?_since=2026-11-23T00:00:03Z"), PATIENTS[..3]);
    assert_eq!(versions("Patient/_history?_at=2026-11-23T00:00:01Z"), ["Patient/2 1", "Patient/1 1"]);
    let between = ["Patient/1 2", "Basic/1 1", "Patient/2 1"];
    assert_eq!(versions("_history?_at=2026-11-23T00:00:03.500Z"), between);
    assert_eq!(
        versions("_history?_at=2026-11-23T00:00:04.500Z"),
        ["Patient/2 2", "Patient/1 2", "Basic/1 1"]
    );
    assert_eq!(versions("Patient/_history?_at=2026-11-23"), PATIENTS);
    assert_eq!(versions("_history?_at=2027"), ["Patient/2 3", "Patient/1 2", "Basic/1 1"]);
    let mut answer = world.get("_history?_at=2027&_count=1");
    let mut seen = locations(&answer);
    while let Some(next) = answer.link("next") {
        answer = world.get(&next);
        seen.extend(locations(&answer));
    }
    assert_eq!(seen, ["Patient/2 3", "Patient/1 2", "Basic/1 1"]);
}

#[test]
fn a_list_picks_whose_versions_are_shown() {
    let world = world();
    let list = json!({"resourceType": "List", "id": "l", "status": "current", "mode": "changes", "entry": [
        {"item": {"reference": "Patient/1"}}, {"item": {"reference": "Basic/1/_history/1"}},
        {"item": {"reference": "https://elsewhere.example/Patient/2"}}, {"item": {"display": "nobody"}},
        {"item": {"reference": "Patient/2"}, "deleted": true}]});
    assert_eq!(world.put("List/l", &list).status, 201);
    for value in ["l", "List/l"] {
        let all = ["Patient/1 2", "Basic/1 1", "Patient/1 1"];
        assert_eq!(locations(&world.get(&format!("_history?_list={value}"))), all);
    }
    let first = world.get("Patient/_history?_list=l&_count=1");
    assert_eq!(locations(&first), ["Patient/1 2"]);
    assert_eq!(locations(&world.get(&first.link("next").unwrap())), ["Patient/1 1"]);
    assert_eq!(world.get("_history?_list=none").refusal(), (404, "not-found".into()));
    world.ask("DELETE List/l", &[], "");
    assert_eq!(world.get("_history?_list=l").refusal(), (410, "deleted".into()));
    assert_eq!(world.get("_history?_list=a%20b").refusal(), (400, "value".into()));
    assert_eq!(world.get("Patient/1/_history?_list=l").refusal(), (400, "invalid".into()));
}

#[test]
fn what_a_history_cannot_do_is_refused() {
    let world = world();
    assert_eq!(world.get("_history?_sort=_lastUpdated").refusal(), (400, "not-supported".into()));
    assert_eq!(world.get("Patient/_history?name=A").refusal(), (400, "invalid".into()));
    assert_eq!(world.ask("POST _history", &[], "").status, 405);
    assert_eq!(world.ask("DELETE Patient/_history", &[], "").status, 405);
    assert_eq!(world.get("Parameters/_history").refusal(), (400, "not-supported".into()));
}
