//! gzip in both directions, and what caches may do.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use rest::limits::GZIP_BYTES_MIN;
use rest::{Limits, Unsigned};

use crate::door::World;

const PATIENT: &str = "{\"resourceType\":\"Patient\",\"id\":\"1\",\"active\":true}";

fn packed(text: &str) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap().into()
}

#[test]
fn a_packed_body_is_unpacked_after_its_signature_was_checked() {
    let world = World::with(Unsigned::Refused, Limits::default());
    let headers = [("content-type", "application/json"), ("content-encoding", "gzip")];
    let request = || World::request("PUT Patient/1", &headers, packed(PATIENT));
    assert_eq!(world.send(world.sign(request())).status, 201);
    assert_eq!(world.send(request()).status, 403);
    let form =
        World::request("POST Patient/_search", &[("content-encoding", "gzip")], packed("_id=1&_format=xml"));
    let found = world.send(world.sign(form));
    assert_eq!((found.status, found.header("content-type")), (200, "application/fhir+xml;charset=utf-8"));
}

#[test]
fn unpacked_bodies_count_against_the_limit_of_bodies() {
    let limits = Limits { body_bytes: 1000, ..Limits::default() };
    let world = World::with(Unsigned::Taken, limits);
    let status = |bytes: usize| {
        let body = packed(&format!("{PATIENT}{}", " ".repeat(bytes - PATIENT.len())));
        world.send(World::request("PUT Patient/1", &[("content-encoding", "gzip")], body)).status
    };
    assert_eq!(status(1000), 201);
    assert_eq!(status(1001), 413);
    assert_eq!(status(10_000_000), 413);
}

#[test]
fn what_is_not_packed_as_said_is_refused() {
    let world = World::open();
    let answer = world.ask("PUT Patient/1", &[("content-encoding", "gzip")], PATIENT);
    assert_eq!(answer.refusal(), (400, "invalid".into()));
    for coding in ["br", "deflate", "gzip, gzip"] {
        let answer = world.ask("PUT Patient/1", &[("content-encoding", coding)], PATIENT);
        assert_eq!(answer.refusal(), (415, "value".into()), "{coding}");
    }
}

#[test]
fn answers_are_packed_from_a_size_on_for_those_who_take_it() {
    let world = World::open();
    let note = |length: usize| {
        format!(
            "{{\"resourceType\":\"Basic\",\"id\":\"1\",\"code\":{{\"text\":\"{}\"}}}}",
            "a".repeat(length)
        )
    };
    assert_eq!(world.ask("PUT Basic/1", &[], &note(1)).status, 201);
    let least = GZIP_BYTES_MIN - (world.get("Basic/1").body.len() - 1);
    for (length, is_packed) in [(least - 1, false), (least, true)] {
        assert_eq!(world.ask("PUT Basic/1", &[], &note(length)).status, 200);
        let plain = world.get("Basic/1");
        assert_eq!(plain.header("content-encoding"), "");
        let answer = world.ask("GET Basic/1", &[("accept-encoding", "br, gzip")], "");
        assert_eq!(answer.header("content-encoding") == "gzip", is_packed, "{length}");
        assert_eq!(answer.header("vary"), "Accept, Accept-Encoding");
        if is_packed {
            let mut text = Vec::new();
            GzDecoder::new(&*answer.body).read_to_end(&mut text).unwrap();
            assert_eq!(text, plain.body);
        }
        assert_eq!(world.ask("GET Basic/1", &[("accept-encoding", "gzip;q=0")], "").body, plain.body);
    }
}

#[test]
fn only_what_has_a_version_may_lie_in_a_cache() {
    let world = World::open();
    world.ask("PUT Patient/1", &[], PATIENT);
    let caching = |line: &str, headers: &[(&str, &str)]| {
        world.ask(line, headers, "").header("cache-control").to_owned()
    };
    assert_eq!(caching("GET Patient/1", &[]), "private, no-cache");
    assert_eq!(caching("HEAD Patient/1", &[]), "private, no-cache");
    assert_eq!(caching("GET Patient/1", &[("if-none-match", "W/\"1\"")]), "private, no-cache");
    assert_eq!(caching("GET Patient", &[]), "no-store");
    assert_eq!(caching("GET Patient/2", &[]), "no-store");
    assert_eq!(caching("DELETE Patient/1", &[]), "no-store");
}
