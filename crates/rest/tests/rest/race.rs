//! Many clients at once on one resource.

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
