//! Each limit at its edge and one beyond.

use std::num::NonZeroUsize;

use rest::limits::{BODY_BYTES_MAX, PAGE_VERSIONS_MAX, PARAMETERS_MAX, SEARCH_BYTES_MAX};
use rest::{Limits, Unsigned};
use serde_json::json;

use crate::door::World;

const JSON: (&str, &str) = ("content-type", "application/fhir+json");

/// A future is moved several times before it is first asked, whatever its request asks for.
#[test]
fn the_future_of_a_request_is_small() {
    let world = World::open();
    let bytes = size_of_val(&world.service.handle(World::request("GET Patient/1", &[], "")));
    assert!(bytes <= 8 * 1024, "{bytes} bytes");
}

#[test]
fn a_body_may_have_five_megabytes() {
    let world = World::open();
    let sized = |bytes: usize| {
        let frame = "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"},\"language\":\"en\"}";
        format!("{frame}{}", " ".repeat(bytes - frame.len()))
    };
    assert_eq!(world.ask("POST Basic", &[JSON], &sized(BODY_BYTES_MAX)).status, 201);
    let answer = world.ask("POST Basic", &[JSON], &sized(BODY_BYTES_MAX + 1));
    assert_eq!(answer.refusal(), (413, "too-long".into()));
    assert_eq!(world.service.body_too_large(&http::Method::POST, &http::HeaderMap::new()).status(), 413);
}

#[test]
fn a_request_takes_so_many_parameters() {
    let world = World::open();
    let query = |count: usize| format!("Patient/_search?{}", "_format=json&".repeat(count));
    assert_eq!(world.ask(&format!("POST {}", query(PARAMETERS_MAX)), &[], "").status, 200);
    assert_eq!(world.ask(&format!("POST {}", query(PARAMETERS_MAX + 1)), &[], "").status, 400);
    assert_eq!(world.ask(&format!("POST {}", query(PARAMETERS_MAX)), &[], "_format=json").status, 400);
}

#[test]
fn a_search_has_so_many_bytes() {
    let world = World::open();
    let form = |bytes: usize| "&".repeat(bytes);
    assert_eq!(world.ask("POST Patient/_search", &[], &form(SEARCH_BYTES_MAX)).status, 200);
    assert_eq!(world.ask("POST Patient/_search", &[], &form(SEARCH_BYTES_MAX + 1)).status, 400);
}

#[test]
fn a_page_of_a_history_is_never_longer_than_its_limit() {
    let limits = Limits { page_versions: NonZeroUsize::new(2).unwrap(), ..Limits::default() };
    let world = World::with(Unsigned::Taken, limits);
    for _ in 0..3 {
        world.put("Patient/1", &json!({"resourceType": "Patient", "id": "1"}));
    }
    for query in ["", "?_count=3", "?_count=2", "?_count=100000"] {
        assert_eq!(world.get(&format!("Patient/1/_history{query}")).entries("/fullUrl").len(), 2, "{query}");
    }
    assert_eq!(Limits::default().page_versions.get(), PAGE_VERSIONS_MAX);
}
