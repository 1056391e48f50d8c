//! Transactions: all entries or none, links replaced, identities kept apart.

use rest::limits::WAITING_TRANSACTIONS_MAX;
use serde_json::{Value, json};

use crate::batch::{bundle, entry, statuses};
use crate::door::{Answer, World, wait};

fn patient(identifier: &str) -> Value {
    json!({"resourceType": "Patient", "identifier": [{"system": "http://ids", "value": identifier}]})
}

fn observation(subject: &str) -> Value {
    json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "subject": {"reference": subject}})
}

fn named(full_url: &str, mut entry: Value) -> Value {
    entry["fullUrl"] = full_url.into();
    entry
}

fn asking(mut entry: Value, name: &str, value: &str) -> Value {
    entry["request"][name] = value.into();
    entry
}

fn post(world: &World, entries: &[Value]) -> Answer {
    world.post("", &bundle("transaction", entries))
}

fn location(answer: &Answer, number: usize) -> String {
    let json = answer.json();
    let location = json["entry"][number]["response"]["location"].as_str().unwrap_or_default();
    location.split("/_history").next().unwrap().to_owned()
}

/// Where a refusal's issues point.
fn expressions(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    let issues = json["issue"].as_array().cloned().unwrap_or_default();
    let all = issues.iter().flat_map(|issue| issue["expression"].as_array().cloned().unwrap_or_default());
    all.map(|expression| expression.as_str().unwrap().to_owned()).collect()
}

#[test]
fn links_between_entries_lead_to_the_ids_that_are_given() {
    let world = World::open();
    let mut seen = observation("urn:uuid:p");
    seen["text"] = json!({"status": "generated",
        "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"urn:uuid:p\">p</a></div>"});
    seen["extension"] = json!([{"url": "http://e", "valueUri": "urn:uuid:p#part"}]);
    seen["hasMember"] =
        json!([{"reference": "urn:uuid:o/_history/9"}, {"reference": "http://a.example/fhir/Observation/9"}]);
    seen["focus"] = json!([{"reference": "#c"}]);
    seen["contained"] = json!([{"resourceType": "Patient", "id": "c", "link":
        [{"other": {"reference": "urn:uuid:p"}, "type": "seealso"}]}]);
    let answer = post(
        &world,
        &[
            named("urn:uuid:o", entry("POST Observation", seen)),
            named("urn:uuid:p", entry("POST Patient", patient("1"))),
        ],
    );
    assert_eq!((answer.status, statuses(&answer).as_str()), (200, "201 201"), "{}", answer.json());
    assert_eq!(answer.json()["type"], "transaction-response");
    let (observation, patient) = (location(&answer, 0), location(&answer, 1));
    let stored = world.get(&observation).json();
    assert_eq!(stored["subject"]["reference"], patient);
    assert_eq!(stored["extension"][0]["valueUri"], format!("{patient}#part"));
    assert!(stored["text"]["div"].as_str().unwrap().contains(&format!("href=\"{patient}\"")));
    assert_eq!(stored["hasMember"][0]["reference"], format!("{observation}/_history/1"));
    assert_eq!(stored["hasMember"][1]["reference"], "http://a.example/fhir/Observation/9");
    assert_eq!(stored["contained"][0]["link"][0]["other"]["reference"], patient);
    assert_eq!(world.get(&format!("Observation?subject={patient}")).entries("/fullUrl").len(), 1);
}

#[test]
fn full_urls_of_another_server_mean_what_is_relative_to_it() {
    let world = World::open();
    let answer = post(
        &world,
        &[
            named("http://a.example/fhir/Patient/9", entry("POST Patient", patient("1"))),
            named("http://a.example/fhir/Observation/1", entry("POST Observation", observation("Patient/9"))),
            named("http://b.example/fhir/Observation/1", entry("POST Observation", observation("Patient/9"))),
            named(
                "http://b.example/fhir/Patient/8",
                entry("PUT Patient/mine", {
                    let mut mine = patient("2");
                    mine["id"] = "mine".into();
                    mine
                }),
            ),
            named("urn:uuid:x", entry("POST Observation", observation("http://b.example/fhir/Patient/8"))),
        ],
    );
    assert_eq!(answer.status, 200, "{}", answer.json());
    let subject = |number| world.get(&location(&answer, number)).json()["subject"]["reference"].clone();
    assert_eq!(subject(1), location(&answer, 0));
    assert_eq!(subject(2), "Patient/9", "of the server at b nothing is known");
    assert_eq!(subject(4), "Patient/mine");
}

#[test]
fn a_nested_bundle_is_left_alone() {
    const PLACE: &str = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520";
    let world = World::open();
    let nested = json!({"resourceType": "Bundle", "type": "collection", "entry": [
        {"fullUrl": "urn:uuid:0d9a4c2e-ec9a-4326-a141-556f43239520", "resource": observation(PLACE)}]});
    let answer = post(
        &world,
        &[
            named(PLACE, entry("POST Patient", patient("1"))),
            named("urn:uuid:b", entry("POST Bundle", nested.clone())),
        ],
    );
    let stored = world.get(&location(&answer, 1)).json();
    assert_eq!(stored["entry"], nested["entry"]);
}

#[test]
fn conditional_references_are_replaced_by_what_they_find() {
    let world = World::open();
    let found = world.post("Patient", &patient("1")).json()["id"].as_str().unwrap().to_owned();
    world.post("Patient", &patient("2"));
    world.post("Patient", &patient("2"));
    let by = |identifier: &str| {
        let seen = observation(&format!("Patient?identifier=http://ids|{identifier}"));
        named(&format!("urn:uuid:{identifier}"), entry("POST Observation", seen))
    };
    let answer = post(&world, &[by("1"), named("urn:x", by("1"))]);
    assert_eq!(answer.status, 200, "{}", answer.json());
    for number in 0..2 {
        let stored = world.get(&location(&answer, number)).json();
        assert_eq!(stored["subject"]["reference"], format!("Patient/{found}"));
    }
    for (identifier, refusal) in [("2", (412, "multiple-matches")), ("3", (400, "not-found"))] {
        let answer = post(&world, &[named("urn:y", by("1")), by(identifier)]);
        assert_eq!(answer.refusal(), (refusal.0, refusal.1.to_owned()), "{}", answer.json());
        assert_eq!(expressions(&answer), ["Bundle.entry[1].resource"]);
    }
    let answer = post(&world, &[by("1"), entry(&format!("DELETE Patient/{found}"), Value::Null)]);
    assert_eq!((answer.status, expressions(&answer)), (400, vec!["Bundle.entry[0].resource".to_owned()]));
    assert_eq!(world.get("Observation?_total=accurate").json()["total"], 2);
}

#[test]
fn a_conditional_create_that_finds_something_lends_its_full_url_to_it() {
    let world = World::open();
    let found = world.post("Patient", &patient("1")).json()["id"].as_str().unwrap().to_owned();
    let create = |identifier: &str, url: &str| {
        let criteria = format!("identifier=http://ids|{identifier}");
        named(url, asking(entry("POST Patient", patient(identifier)), "ifNoneExist", &criteria))
    };
    let answer = post(
        &world,
        &[
            create("1", "urn:uuid:a"),
            create("2", "urn:uuid:b"),
            named("urn:uuid:c", entry("POST Observation", observation("urn:uuid:a"))),
            named("urn:uuid:d", entry("POST Observation", observation("urn:uuid:b"))),
        ],
    );
    assert_eq!(statuses(&answer), "200 201 201 201", "{}", answer.json());
    let subject = |number| world.get(&location(&answer, number)).json()["subject"]["reference"].clone();
    assert_eq!(subject(2), format!("Patient/{found}"));
    assert_eq!(subject(3), location(&answer, 1));
    let answer = post(&world, &[create("3", "urn:uuid:a"), create("3", "urn:uuid:b")]);
    assert_eq!(answer.refusal(), (400, "duplicate".into()));
    assert_eq!(world.get("Patient?_total=accurate").json()["total"], 2);
}

#[test]
fn conditional_writes_go_where_their_criteria_lead() {
    let world = World::open();
    for identifier in ["1", "2", "3"] {
        world.post("Patient", &patient(identifier));
    }
    let answer = post(
        &world,
        &[
            named("urn:uuid:a", entry("PUT Patient?identifier=http://ids|1", patient("1"))),
            named("urn:uuid:b", entry("PUT Patient?identifier=http://ids|9", patient("9"))),
            entry("DELETE Patient?identifier=http://ids|2", Value::Null),
            entry(
                "PATCH Patient?identifier=http://ids|3",
                json!({"resourceType": "Binary",
                "contentType": "application/json-patch+json",
                // [{"op":"add","path":"/active","value":true}]
                "data": "W3sib3AiOiJhZGQiLCJwYXRoIjoiL2FjdGl2ZSIsInZhbHVlIjp0cnVlfV0="}),
            ),
            named("urn:uuid:c", entry("POST Observation", observation("urn:uuid:a/_history/1"))),
        ],
    );
    assert_eq!(statuses(&answer), "200 201 204 200 201", "{}", answer.json());
    assert_eq!(
        world.get(&location(&answer, 4)).json()["subject"]["reference"],
        format!("{}/_history/2", location(&answer, 0))
    );
    assert_eq!(world.get(&location(&answer, 3)).json()["active"], true);
    assert_eq!(world.get(&location(&answer, 2)).status, 410);
}

#[test]
fn reads_see_what_the_transaction_wrote() {
    let world = World::open();
    let mut mine = patient("1");
    mine["id"] = "mine".into();
    let answer = post(
        &world,
        &[
            entry("GET Patient/mine", Value::Null),
            entry("GET Patient?identifier=1&_elements=id", Value::Null),
            entry("PUT Patient/mine", mine.clone()),
        ],
    );
    assert_eq!(statuses(&answer), "200 200 201", "{}", answer.json());
    assert_eq!(answer.json()["entry"][0]["resource"]["id"], "mine");
    let found = &answer.json()["entry"][1]["resource"]["entry"][0]["resource"];
    assert_eq!((&found["id"], &found["identifier"]), (&json!("mine"), &Value::Null));
    for bad in ["GET Patient/none", "GET Patient?unknown=1", "GET Patient/mine/_history/7x"] {
        let mut other = mine.clone();
        other["id"] = "other".into();
        let answer = post(&world, &[entry("PUT Patient/other", other), entry(bad, Value::Null)]);
        assert!((400..500).contains(&answer.status), "{bad}");
        assert!(expressions(&answer)[0].starts_with("Bundle.entry[1]"), "{bad}");
        assert_eq!(world.get("Patient/other").status, 404, "{bad}");
    }
}

#[test]
fn one_bad_entry_refuses_everything_and_is_named() {
    let world = World::open();
    let mut other = patient("1");
    other["id"] = "other".into();
    for (bad, status, at) in [
        (entry("POST Patient", json!({"resourceType": "Patient", "name": 1})), 400, "resource.name"),
        (entry("POST Patient", json!({"resourceType": "Basic"})), 400, "resource.resourceType"),
        (entry("PUT Patient/1", other.clone()), 400, "resource.id"),
        (asking(entry("PUT Patient/other", other), "ifMatch", "W/\"3\""), 412, ""),
        (entry("FETCH Patient/1", Value::Null), 400, "request.method"),
        (entry("PATCH Patient/1", json!({"resourceType": "Binary"})), 400, "resource.contentType"),
        (entry("DELETE Patient?_count=3&identifier=1", Value::Null), 400, ""),
        (entry("POST Parameters", json!({"resourceType": "Parameters"})), 400, ""),
        (entry("DELETE AuditEvent/1", Value::Null), 405, ""),
        (json!({"resource": patient("1")}), 400, "request"),
        (json!(null), 400, ""),
    ] {
        let answer = post(&world, &[entry("POST Patient", patient("9")), bad]);
        assert_eq!(answer.status, status, "{}", answer.json());
        let expected = format!("Bundle.entry[1].{at}").trim_end_matches('.').to_owned();
        assert!(expressions(&answer).contains(&expected), "{expected:?} {}", answer.json());
        assert_eq!(world.get("Patient?_total=accurate").json()["total"], 0);
    }
}

#[test]
fn every_invalid_resource_is_named_at_once() {
    let world = World::open();
    let bad = entry("POST Patient", json!({"resourceType": "Patient", "active": 1}));
    let answer = post(&world, &[bad.clone(), entry("POST Patient", patient("9")), bad]);
    let found = expressions(&answer);
    for expected in ["Bundle.entry[0].resource.active", "Bundle.entry[2].resource.active"] {
        assert!(found.iter().any(|one| one == expected), "{found:?}");
    }
    assert!(!found.iter().any(|one| one.starts_with("Bundle.entry[1]")));
}

#[test]
fn no_two_entries_mean_the_same_resource() {
    let world = World::open();
    let mut one = patient("1");
    one["id"] = "1".into();
    world.put("Patient/1", &one);
    let conditional = entry("PUT Patient?identifier=http://ids|1", patient("1"));
    for entries in [
        [entry("PUT Patient/1", one.clone()), entry("DELETE Patient/1", Value::Null)],
        [entry("PUT Patient/1", one.clone()), conditional.clone()],
        [
            entry("PUT Patient/new", {
                let mut new = one.clone();
                new["id"] = "new".into();
                new
            }),
            entry("DELETE Patient/new", Value::Null),
        ],
        [entry("DELETE Patient?identifier=http://ids|1", Value::Null), conditional],
        [
            named("urn:uuid:a", entry("POST Patient", patient("2"))),
            named("urn:uuid:a", entry("POST Patient", patient("3"))),
        ],
    ] {
        let answer = post(&world, &entries);
        assert_eq!(answer.refusal(), (400, "duplicate".into()), "{entries:?}");
        let at = expressions(&answer);
        assert!(at[0].starts_with("Bundle.entry[0].") && at[1].starts_with("Bundle.entry[1]."), "{at:?}");
    }
    assert_eq!(world.get("Patient/1").header("etag"), "W/\"1\"");
}

#[test]
fn a_bundle_is_stored_as_a_resource_by_its_own_address() {
    let world = World::open();
    let mut kept = bundle("transaction", &[entry("DELETE Patient/1", Value::Null)]);
    kept["identifier"] = json!({"system": "http://ids", "value": "b"});
    let made = world.post("Bundle", &kept);
    assert_eq!(made.status, 201);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(world.get(&format!("Bundle/{id}")).json()["entry"], kept["entry"]);
    for query in ["type=transaction", "identifier=http://ids|b"] {
        assert_eq!(world.get(&format!("Bundle?{query}")).entries("/resource/id"), [id.as_str()], "{query}");
    }
}

/// The address where an asynchronous transaction is asked about.
fn submitted(world: &World, entries: &[Value]) -> String {
    let posted = bundle("transaction", entries).to_string();
    let answer = world.ask("POST ", &[("prefer", "respond-async")], &posted);
    assert_eq!(answer.status, 202, "{}", answer.json());
    assert_eq!(answer.diagnostics(), "Submitted Asynchronous Bundle Transaction");
    let address = answer.header("content-location").to_owned();
    assert_eq!(answer.json()["issue"][0]["location"][0], address);
    address
}

#[test]
fn an_asynchronous_transaction_is_done_later_and_once() {
    let world = World::open();
    let mut mine = patient("1");
    mine["id"] = "mine".into();
    world.put("Patient/mine", &mine);
    let address = submitted(
        &world,
        &[
            named("urn:uuid:p", entry("POST Patient", patient("2"))),
            entry("POST Observation", observation("urn:uuid:p")),
            entry("PUT Patient/mine", mine),
            entry("GET Patient/mine", Value::Null),
        ],
    );
    let waiting = world.get(&address);
    assert_eq!((waiting.status, waiting.diagnostics().as_str()), (202, "SUBMITTED"));
    assert_eq!(waiting.json()["id"], address.rsplit('/').next().unwrap());
    assert_eq!(world.get("Patient?_total=accurate").json()["total"], 1);
    for _ in 0..2 {
        wait(world.service.settle()).unwrap();
        let answer = world.get(&address);
        assert_eq!((answer.status, statuses(&answer).as_str()), (200, "201 201 200 200"));
        assert_eq!(answer.json()["type"], "transaction-response");
        assert_eq!(answer.json()["entry"][2]["response"]["etag"], "W/\"2\"");
        assert_eq!(answer.json()["entry"][3]["resource"]["meta"]["versionId"], "2");
        assert_eq!(world.get("Patient?_total=accurate").json()["total"], 2);
    }
    world.clock.advance_ms(89 * 24 * 60 * 60 * 1000);
    assert_eq!(world.get(&address).status, 200);
    world.clock.advance_ms(2 * 24 * 60 * 60 * 1000);
    assert_eq!(world.get(&address).status, 404);
    for none in ["Transaction/00000000-0000-0000-0000-000000000000", "Transaction/x", "Transaction/a/b"] {
        assert_eq!(world.get(none).status, 404, "{none}");
    }
}

#[test]
fn an_asynchronous_transaction_that_fails_says_why() {
    let world = World::open();
    let update = asking(
        entry("PUT Patient/1", {
            let mut one = patient("1");
            one["id"] = "1".into();
            one
        }),
        "ifMatch",
        "W/\"7\"",
    );
    let address = submitted(&world, &[entry("POST Patient", patient("2")), update]);
    wait(world.service.settle()).unwrap();
    let answer = world.get(&address);
    assert_eq!(answer.refusal(), (412, "conflict".into()));
    assert_eq!(expressions(&answer), ["Bundle.entry[1]"]);
    assert_eq!(world.get("Patient?_total=accurate").json()["total"], 0);
}

#[test]
fn what_cannot_succeed_later_is_refused_now() {
    let world = World::open();
    let post = |kind: &str, entries: &[Value]| {
        world.ask("POST ", &[("prefer", "respond-async")], &bundle(kind, entries).to_string())
    };
    let bad = entry("POST Patient", json!({"resourceType": "Patient", "active": 1}));
    for (kind, entries, at) in [
        ("batch", vec![entry("POST Patient", patient("1"))], "Bundle.type"),
        ("transaction", vec![entry("POST Patient", patient("1")), bad], "Bundle.entry[1].resource.active"),
        ("transaction", vec![json!(1)], "Bundle.entry[0]"),
    ] {
        let answer = post(kind, &entries);
        assert_eq!(answer.status, 400);
        assert!(expressions(&answer).iter().any(|one| one == at), "{at} {}", answer.json());
    }
}

#[test]
fn so_many_asynchronous_transactions_wait() {
    let world = World::open();
    for _ in 0..WAITING_TRANSACTIONS_MAX {
        submitted(&world, &[]);
    }
    let posted = bundle("transaction", &[]).to_string();
    let more = || world.ask("POST ", &[("prefer", "respond-async")], &posted);
    assert_eq!(more().refusal(), (429, "throttled".into()));
    wait(world.service.settle()).unwrap();
    assert_eq!(more().status, 202);
}
