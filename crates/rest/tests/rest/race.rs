//! Many clients at once on one resource.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::door::World;

const CLIENTS: usize = 16;

#[test]
fn of_many_writes_that_rely_on_one_version_one_succeeds() {
    let world = World::open();
    let body = json!({"resourceType": "Patient", "id": "1"});
    world.put("Patient/1", &body);
    let (won, lost) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let headers = [("if-match", "W/\"1\"")];
                let status = world.ask("PUT Patient/1", &headers, &body.to_string()).status;
                let counter = if status == 200 { &won } else { &lost };
                assert!(matches!(status, 200 | 412), "{status}");
                counter.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    assert_eq!((won.into_inner(), lost.into_inner()), (1, CLIENTS - 1));
    assert_eq!(world.get("Patient/1").header("etag"), "W/\"2\"");
}

#[test]
fn of_many_first_writes_one_creates_and_the_others_update() {
    let world = World::open();
    let created = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let status = world.put("Patient/1", &json!({"resourceType": "Patient", "id": "1"})).status;
                assert!(matches!(status, 200 | 201), "{status}");
                created.fetch_add(usize::from(status == 201), Ordering::SeqCst);
            });
        }
    });
    assert_eq!(created.into_inner(), 1);
    assert_eq!(world.get("Patient/1").header("etag"), format!("W/\"{CLIENTS}\""));
}

/// Clients that race on one criterion.
const RACERS: usize = 64;

/// In memory and on disk.
fn worlds() -> [(World, Option<tempfile::TempDir>); 2] {
    let folder = tempfile::tempdir().unwrap();
    [(World::open(), None), (World::on_disk(folder.path()), Some(folder))]
}

/// What many answered at once, by status.
fn race(ask: impl Fn(usize) -> u16 + Sync) -> BTreeMap<u16, usize> {
    let statuses = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for racer in 0..RACERS {
            let (ask, statuses) = (&ask, &statuses);
            scope.spawn(move || {
                let status = ask(racer);
                *statuses.lock().unwrap().entry(status).or_default() += 1;
            });
        }
    });
    statuses.into_inner().unwrap()
}

fn patient(racer: usize) -> String {
    json!({"resourceType": "Patient", "identifier": [{"system": "http://mrn", "value": "1"}],
        "multipleBirthInteger": racer})
    .to_string()
}

fn count(world: &World) -> serde_json::Value {
    world.get("Patient?_total=accurate&identifier=http://mrn%7C1").json()["total"].clone()
}

const JSON: (&str, &str) = ("content-type", "application/fhir+json");

#[test]
fn of_64_conditional_creates_on_one_criterion_one_creates() {
    for (world, _folder) in worlds() {
        let statuses = race(|racer| {
            let headers = [JSON, ("if-none-exist", "identifier=http://mrn|1")];
            world.ask("POST Patient", &headers, &patient(racer)).status
        });
        assert_eq!(statuses, BTreeMap::from([(201, 1), (200, RACERS - 1)]));
        assert_eq!(count(&world), 1);
    }
}

#[test]
fn of_64_conditional_updates_on_one_criterion_one_creates_and_the_others_update() {
    for (world, _folder) in worlds() {
        let update =
            |racer| world.ask("PUT Patient?identifier=http://mrn%7C1", &[JSON], &patient(racer)).status;
        assert_eq!(race(update), BTreeMap::from([(201, 1), (200, RACERS - 1)]));
        assert_eq!(count(&world), 1);
        let history = world.get("Patient/_history?_count=100");
        assert_eq!(history.entries("/resource/id").len(), RACERS);
    }
}

#[test]
fn of_64_conditional_deletes_on_one_criterion_one_deletes() {
    for (world, _folder) in worlds() {
        world.ask("POST Patient", &[JSON], &patient(0));
        let statuses = race(|_| world.ask("DELETE Patient?identifier=http://mrn%7C1", &[], "").status);
        assert_eq!(statuses[&204], 1, "{statuses:?}");
        assert!(statuses.keys().all(|status| [204, 404, 412].contains(status)), "{statuses:?}");
    }
}

#[test]
fn of_64_patches_at_once_each_makes_a_version() {
    for (world, _folder) in worlds() {
        world.put("Patient/1", &json!({"resourceType": "Patient", "id": "1"}));
        let statuses = race(|_| {
            let patch = json!([{"op": "add", "path": "/active", "value": true}]).to_string();
            world.ask("PATCH Patient/1", &[("content-type", "application/json-patch+json")], &patch).status
        });
        assert_eq!(statuses, BTreeMap::from([(200, RACERS)]));
        assert_eq!(world.get("Patient/1").header("etag"), format!("W/\"{}\"", RACERS + 1));
    }
}

#[test]
fn transactions_that_race_on_one_criterion_share_what_one_of_them_made() {
    for (world, _folder) in worlds() {
        let statuses = race(|racer| {
            let posted = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
                {"fullUrl": "urn:uuid:p",
                 "resource": {"resourceType": "Practitioner", "identifier": [{"system": "urn:npi", "value": "1"}]},
                 "request": {"method": "POST", "url": "Practitioner", "ifNoneExist": "identifier=urn:npi|1"}},
                {"resource": {"resourceType": "Basic", "code": {"text": racer.to_string()},
                              "author": {"reference": "urn:uuid:p"}},
                 "request": {"method": "POST", "url": "Basic"}}]});
            world.post("", &posted).status
        });
        // A transaction that lost every time says so: nothing of it is stored.
        let done = statuses.get(&200).copied().unwrap_or_default();
        assert!(done > 0 && statuses.keys().all(|status| matches!(status, 200 | 409)), "{statuses:?}");
        let made = world.get("Practitioner?_total=accurate").json();
        assert_eq!(made["total"], 1);
        let author = format!("Practitioner/{}", made["entry"][0]["resource"]["id"].as_str().unwrap());
        let found = world.get(&format!("Basic?author={author}&_total=accurate&_count=1")).json();
        assert_eq!(found["total"], done);
        assert_eq!(world.get("Basic?_total=accurate&_count=1").json()["total"], done);
    }
}
