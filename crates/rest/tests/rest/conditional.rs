//! Conditional create, update, patch, delete and read.

use serde_json::{Value, json};

use crate::door::{Answer, World};

const JSON: (&str, &str) = ("content-type", "application/fhir+json");
const PATCH: (&str, &str) = ("content-type", "application/json-patch+json");

fn patient(number: &str) -> Value {
    json!({"resourceType": "Patient", "identifier": [{"system": "http://mrn", "value": number}]})
}

fn with_id(number: &str, id: &str) -> Value {
    let mut patient = patient(number);
    patient["id"] = json!(id);
    patient
}

fn create(world: &World, criteria: &str) -> Answer {
    world.ask("POST Patient", &[JSON, ("if-none-exist", criteria)], &patient("1").to_string())
}

fn update(world: &World, number: &str, body: &Value) -> Answer {
    world.put(&format!("Patient?identifier=http://mrn%7C{number}"), body)
}

fn delete(world: &World, query: &str) -> Answer {
    world.ask(&format!("DELETE Patient?{query}"), &[], "")
}

fn count(world: &World) -> u64 {
    world.get("Patient?_total=accurate").json()["total"].as_u64().unwrap()
}

#[test]
fn a_conditional_create_makes_one_resource_and_then_finds_it() {
    let world = World::open();
    let first = create(&world, "identifier=http://mrn|1");
    assert_eq!((first.status, first.header("etag")), (201, "W/\"1\""));
    for criteria in ["identifier=http://mrn|1", "?identifier=http%3A//mrn%7C1", "Patient?identifier=|1,1"] {
        let again = create(&world, criteria);
        assert_eq!((again.status, again.header("etag")), (200, "W/\"1\""), "{criteria}");
        assert_eq!(again.header("location"), first.header("location"));
        assert_eq!(again.header("last-modified"), first.header("last-modified"));
        assert_eq!(again.json(), first.json());
    }
    assert_eq!(count(&world), 1);
    world.post("Patient", &patient("1"));
    let several = create(&world, "identifier=http://mrn|1");
    assert_eq!(several.refusal(), (412, "multiple-matches".into()));
    assert_eq!(count(&world), 2);
}

#[test]
fn a_condition_that_is_none_is_refused() {
    let world = World::open();
    for criteria in ["", "?", "_sort=name", "identifier=1&_count=2", "identifier=1&_total=accurate", "foo=1"]
    {
        assert_eq!(create(&world, criteria).status, 400, "{criteria:?}");
    }
    let twice = [JSON, ("if-none-exist", "identifier=1"), ("if-none-exist", "identifier=2")];
    assert_eq!(world.ask("POST Patient", &twice, &patient("1").to_string()).status, 400);
    for line in ["PUT Patient/1", "PUT Patient?identifier=1", "DELETE Patient/1"] {
        let answer = world.ask(line, &[JSON, ("if-none-exist", "identifier=1")], "{}");
        assert_eq!(answer.refusal(), (400, "invalid".into()), "{line}");
    }
    for line in ["PUT Patient", "PATCH Patient", "DELETE Patient", "DELETE Patient?_format=json"] {
        assert_eq!(world.ask(line, &[JSON], "{}").refusal(), (400, "invalid".into()), "{line}");
    }
    for line in ["PUT Patient?_sort=name", "DELETE Patient?foo=1", "DELETE Patient?foo=1&_count=2"] {
        let lenient = [JSON, ("prefer", "handling=lenient")];
        let answer = world.ask(line, &lenient, &patient("1").to_string());
        assert_eq!(answer.status, 400, "{line}");
    }
}

#[test]
fn a_conditional_update_follows_the_table() {
    let world = World::open();
    let created = update(&world, "1", &patient("1"));
    assert_eq!(created.status, 201, "none, no id");
    let id = created.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(update(&world, "2", &with_id("2", "two")).status, 201, "none, unused id");
    assert_eq!(world.get("Patient/two").status, 200);
    let taken = update(&world, "3", &with_id("3", "two"));
    assert_eq!(taken.refusal(), (409, "conflict".into()), "none, id exists");
    let updated = update(&world, "1", &patient("1"));
    assert_eq!((updated.status, updated.header("etag")), (200, "W/\"2\""), "one, no id");
    assert!(updated.header("location").ends_with(&format!("Patient/{id}/_history/2")));
    assert_eq!(update(&world, "1", &with_id("1", &id)).status, 200, "one, equal id");
    let other = update(&world, "1", &with_id("1", "other"));
    assert_eq!(other.refusal(), (409, "conflict".into()), "one, other id");
    world.post("Patient", &patient("1"));
    assert_eq!(update(&world, "1", &patient("1")).refusal(), (412, "multiple-matches".into()), "several");
    assert_eq!(count(&world), 3);
}

#[test]
fn a_conditional_update_revives_a_deleted_id_and_minds_versions() {
    let world = World::open();
    world.put("Patient/1", &with_id("1", "1"));
    world.ask("DELETE Patient/1", &[], "");
    let revived = update(&world, "1", &with_id("1", "1"));
    assert_eq!((revived.status, revived.header("etag")), (201, "W/\"3\""));
    let ask = |condition, version| {
        let headers = [JSON, (condition, version)];
        world.ask("PUT Patient?identifier=1", &headers, &patient("1").to_string())
    };
    assert_eq!(ask("if-match", "W/\"2\"").status, 412);
    assert_eq!(ask("if-none-match", "*").status, 412);
    assert_eq!(ask("if-match", "W/\"3\"").status, 200);
    let none = [JSON, ("if-match", "W/\"1\"")];
    assert_eq!(world.ask("PUT Patient?identifier=9", &none, &patient("9").to_string()).status, 412);
}

#[test]
fn a_conditional_patch_changes_the_one_that_matches() {
    let world = World::open();
    let patch = |query: &str| {
        let body = json!([{"op": "add", "path": "/active", "value": true}]).to_string();
        world.ask(&format!("PATCH Patient?{query}"), &[PATCH], &body)
    };
    assert_eq!(patch("identifier=1").refusal(), (404, "not-found".into()));
    world.put("Patient/1", &with_id("1", "1"));
    let patched = patch("identifier=1");
    assert_eq!((patched.status, patched.header("etag")), (200, "W/\"2\""));
    assert_eq!(patched.json()["active"], true);
    world.put("Patient/2", &with_id("1", "2"));
    assert_eq!(patch("identifier=1").refusal(), (412, "multiple-matches".into()));
}

#[test]
fn a_conditional_delete_ends_one() {
    let world = World::open();
    assert_eq!(delete(&world, "identifier=1").refusal(), (404, "not-found".into()));
    world.put("Patient/1", &with_id("1", "1"));
    world.put("Patient/2", &with_id("1", "2"));
    assert_eq!(delete(&world, "identifier=1").refusal(), (412, "multiple-matches".into()));
    let stale = world.ask("DELETE Patient?_id=1", &[("if-match", "W/\"7\"")], "");
    assert_eq!(stale.status, 412);
    let gone = delete(&world, "identifier=1&_id=2");
    assert_eq!((gone.status, gone.header("etag"), gone.body.len()), (204, "W/\"2\"", 0));
    assert_eq!(world.get("Patient/2").status, 410);
    assert_eq!(delete(&world, "identifier=1").status, 204);
    assert_eq!(count(&world), 0);
}

#[test]
fn a_conditional_delete_by_id_knows_what_was_deleted_and_what_differs() {
    let world = World::open();
    world.put("Patient/1", &with_id("1", "1"));
    assert_eq!(delete(&world, "_id=1&_tag=a").refusal(), (409, "conflict".into()));
    assert_eq!(delete(&world, "_id=1&_lastUpdated=lt2000").refusal(), (409, "conflict".into()));
    assert_eq!(delete(&world, "_id=1&createdAt=lt2000").refusal(), (409, "conflict".into()));
    assert_eq!(delete(&world, "_id=1&createdAt=gt2000&_tag=a").refusal(), (409, "conflict".into()));
    assert_eq!(delete(&world, "_id=1&identifier=2").status, 404, "not a fact beside an id");
    assert_eq!(delete(&world, "_id=never").status, 404);
    assert_eq!(delete(&world, "_id=1&createdAt=gt2000").status, 204);
    assert_eq!(delete(&world, "_id=1").status, 204);
    assert_eq!(delete(&world, "_id=1&_tag=a").status, 204);
}

#[test]
fn a_delete_of_many_goes_on_where_next_says() {
    let world = World::open();
    for id in 0..7 {
        world.put(&format!("Patient/{id}"), &with_id(if id == 3 { "2" } else { "1" }, &id.to_string()));
    }
    let mut answer = delete(&world, "identifier=1&_count=4");
    assert_eq!((answer.status, answer.json()["type"].clone()), (200, json!("batch-response")));
    assert_eq!(answer.entries("/response/status"), ["204"; 4]);
    assert_eq!(answer.entries("/response/location")[0], "Patient/0");
    let next = answer.link("next").unwrap();
    assert_eq!(world.get(&next).status, 400, "the token of a deletion does not search");
    let search = world.get("Patient?_count=1").link("next").unwrap();
    assert_eq!(world.ask(&format!("DELETE {search}"), &[], "").status, 400, "nor that of a search delete");
    answer = world.ask(&format!("DELETE {next}"), &[], "");
    assert_eq!(answer.entries("/response/location"), ["Patient/5", "Patient/6"]);
    assert_eq!(answer.link("next"), None);
    assert_eq!(count(&world), 1);
    let nothing = delete(&world, "identifier=1&_count=100");
    assert_eq!((nothing.status, nothing.json()["entry"].clone()), (200, Value::Null));
}

#[test]
fn a_delete_of_many_has_its_limits() {
    let world = World::open();
    for bad in ["0", "101", "-1", "x", ""] {
        assert_eq!(
            delete(&world, &format!("identifier=1&_count={bad}")).refusal(),
            (400, "value".into()),
            "{bad}"
        );
    }
    assert_eq!(delete(&world, "_count=3").refusal(), (400, "invalid".into()), "all there is");
    let both = world.ask("DELETE Patient?identifier=1&_count=2", &[("if-match", "W/\"1\"")], "");
    assert_eq!(both.refusal(), (400, "invalid".into()));
}

#[test]
fn a_conditional_read_says_that_nothing_is_new() {
    let world = World::open();
    let read = |path: &str, name, value| world.ask(&format!("GET {path}"), &[(name, value)], "");
    assert_eq!(read("Patient/1", "if-none-match", "*").status, 404);
    world.put("Patient/1", &with_id("1", "1"));
    let since = world.get("Patient/1").header("last-modified").to_owned();
    for (name, value) in
        [("if-none-match", "*"), ("if-none-match", "W/\"1\""), ("if-modified-since", since.as_str())]
    {
        let answer = read("Patient/1", name, value);
        assert_eq!((answer.status, answer.body.len(), answer.header("etag")), (304, 0, "W/\"1\""), "{value}");
    }
    assert_eq!(read("Patient/1", "if-none-match", "W/\"2\"").status, 200);
    world.ask("DELETE Patient/1", &[], "");
    assert_eq!(read("Patient/1", "if-none-match", "*").status, 410);
}

#[test]
fn an_audit_event_is_not_changed_by_criteria_either() {
    let world = World::open();
    for line in [
        "PUT AuditEvent?_id=1",
        "PATCH AuditEvent/1",
        "PATCH AuditEvent?_id=1",
        "DELETE AuditEvent?_id=1",
        "DELETE AuditEvent?_id=1&_count=1",
    ] {
        let media_type = if line.starts_with("PATCH") { PATCH } else { JSON };
        assert_eq!(world.ask(line, &[media_type], "[]").refusal(), (405, "business-rule".into()), "{line}");
    }
}
