//! What must happen only once, and what is stored although it is not valid.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::door::{Answer, World};

const JSON: (&str, &str) = ("content-type", "application/fhir+json");
const KEY: &str = "0b2c3d4e-0000-4000-8000-00000000000a";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn create(world: &World, key: &str) -> Answer {
    let body = json!({"resourceType": "Patient", "active": true}).to_string();
    world.ask("POST Patient", &[JSON, ("x-amz-fhir-idempotency-key", key)], &body)
}

fn count(world: &World) -> u64 {
    world.get("Patient?_total=accurate").json()["total"].as_u64().unwrap()
}

#[test]
fn a_create_happens_once_for_a_key_and_the_repetition_names_the_original() {
    let world = World::open();
    let first = create(&world, KEY);
    assert_eq!(first.status, 201);
    for key in [KEY, &KEY.to_uppercase()] {
        let again = create(&world, key);
        assert_eq!(again.refusal(), (409, "duplicate".into()));
        let location = again.header("location");
        assert_eq!(format!("{location}/_history/1"), first.header("location"));
        assert_eq!(world.get(location).status, 200);
    }
    assert_eq!(create(&world, "0b2c3d4e-0000-4000-8000-00000000000b").status, 201);
    assert_eq!(count(&world), 2);
}

#[test]
fn a_key_is_remembered_for_a_day() {
    let world = World::open();
    create(&world, KEY);
    world.clock.advance_ms(DAY_MS - 1);
    assert_eq!(create(&world, KEY).status, 409);
    world.clock.advance_ms(1);
    assert_eq!(create(&world, KEY).status, 201);
    assert_eq!(create(&world, KEY).status, 409);
}

#[test]
fn a_key_is_a_uuid_and_goes_with_a_create() {
    let world = World::open();
    for bad in [
        "",
        "1",
        "0b2c3d4e00004000800000000000000a",
        "0b2c3d4e-0000-4000-8000-00000000000g",
        &format!("{KEY}0"),
    ] {
        assert_eq!(create(&world, bad).refusal(), (400, "value".into()), "{bad}");
    }
    let twice = [JSON, ("x-amz-fhir-idempotency-key", KEY), ("x-amz-fhir-idempotency-key", KEY)];
    assert_eq!(world.ask("POST Patient", &twice, "{\"resourceType\":\"Patient\"}").status, 400);
    for line in ["PUT Patient/1", "PUT Patient?_id=1", "PATCH Patient/1", "DELETE Patient/1"] {
        let answer = world.ask(line, &[("x-amz-fhir-idempotency-key", KEY)], "[]");
        assert_eq!(answer.refusal(), (400, "invalid".into()), "{line}");
    }
}

#[test]
fn a_failed_create_does_not_use_up_its_key() {
    let world = World::open();
    let bad = world.ask(
        "POST Patient",
        &[JSON, ("x-amz-fhir-idempotency-key", KEY)],
        "{\"resourceType\":\"Patient\",\"x\":1}",
    );
    assert_eq!(bad.status, 400);
    assert_eq!(create(&world, KEY).status, 201);
}

#[test]
fn of_many_creates_with_one_key_one_happens() {
    let world = World::open();
    let created = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                let answer = create(&world, KEY);
                assert!(matches!(answer.status, 201 | 409), "{}", answer.status);
                created.fetch_add(usize::from(answer.status == 201), Ordering::SeqCst);
            });
        }
    });
    assert_eq!((created.into_inner(), count(&world)), (1, 1));
}

#[test]
fn at_the_minimal_level_what_is_not_valid_is_stored_and_says_so() {
    let world = World::open();
    let level = |level| [JSON, ("x-amzn-healthlake-fhir-validation-level", level)];
    let body = json!({"resourceType": "Patient", "id": "1", "gender": "martian", "name": [{"family": "A"}]});
    for strict in ["strict", "structure-only"] {
        assert_eq!(world.ask("PUT Patient/1", &level(strict), &body.to_string()).status, 400);
    }
    let stored = world.ask("PUT Patient/1", &level("minimal"), &body.to_string());
    assert_eq!((stored.status, stored.header("x-amzn-healthlake-validation-issues")), (201, "true"));
    let note = &world.get("Patient/1").json()["extension"][0];
    assert_eq!(note["url"], "http://healthlake.amazonaws.com/fhir/StructureDefinition/validation-issue");
    let outcome: Value = serde_json::from_str(note["valueString"].as_str().unwrap()).unwrap();
    assert_eq!(outcome["issue"][0]["expression"], json!(["Patient.gender"]));
    assert_eq!(world.get("Patient?family=A").entries("/resource/id"), ["1"]);
    assert_eq!(world.get("Patient/1").header("x-amzn-healthlake-validation-issues"), "");
    let valid = json!({"resourceType": "Patient", "id": "1", "name": [{"family": "A"}]});
    let stored = world.ask("PUT Patient/1", &level("minimal"), &valid.to_string());
    assert_eq!((stored.status, stored.header("x-amzn-healthlake-validation-issues")), (200, ""));
    let unstorable = json!({"resourceType": "Patient", "id": "1", "gender": "x", "extension": "x"});
    assert_eq!(world.ask("PUT Patient/1", &level("minimal"), &unstorable.to_string()).status, 400);
}
