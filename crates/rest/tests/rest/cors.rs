//! Which pages may call from a browser, and what a preflight tells.

use rest::{Limits, Unsigned};

use crate::door::{ORIGIN, STORE, World};

const PREFLIGHT: [(&str, &str); 3] = [
    ("origin", ORIGIN),
    ("access-control-request-method", "PUT"),
    ("access-control-request-headers", "authorization,content-type,x-amz-date"),
];

#[test]
fn a_preflight_needs_no_signature_and_says_the_same_of_every_address() {
    let world = World::with(Unsigned::Refused, Limits::default());
    let mut answers = Vec::new();
    for path in ["Patient/1", "", "nonsense/1/2/3", "/datastore/ffffffffffffffffffffffffffffffff/r4/Patient"]
    {
        let answer = match path.strip_prefix('/') {
            Some(_) => world.ask(&format!("OPTIONS https://fhir.example{path}"), &PREFLIGHT, ""),
            None => world.ask(&format!("OPTIONS {path}"), &PREFLIGHT, ""),
        };
        assert_eq!((answer.status, answer.body.len()), (204, 0), "{path}");
        let mut headers = answer.headers.clone();
        headers.remove("x-amzn-requestid");
        answers.push(headers);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    let answer = world.ask("OPTIONS Patient", &PREFLIGHT, "");
    assert_eq!(answer.header("access-control-allow-origin"), ORIGIN);
    assert_eq!(answer.header("access-control-allow-methods"), "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    for header in ["Authorization", "Content-Type", "X-Amz-Date", "If-Match", "Prefer"] {
        assert!(answer.header("access-control-allow-headers").contains(header), "{header}");
    }
    assert_eq!(answer.header("access-control-max-age"), "600");
    assert_eq!(answer.header("access-control-allow-credentials"), "");
}

#[test]
fn pages_of_other_origins_are_told_nothing() {
    let world = World::with(Unsigned::Refused, Limits::default());
    for origin in ["https://other.example", "null", "https://app.example:8443", "http://app.example"] {
        let answer = world.ask("OPTIONS Patient", &[("origin", origin)], "");
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
        assert_eq!(answer.header("access-control-allow-methods"), "", "{origin}");
    }
}

#[test]
fn a_page_may_read_answers_and_refusals_with_their_headers() {
    let world = World::with(Unsigned::Refused, Limits::default());
    let request = || World::request("GET Patient/1", &[("origin", ORIGIN)], "");
    for answer in [world.send(world.sign(request())), world.send(request())] {
        assert_eq!(answer.header("access-control-allow-origin"), ORIGIN, "{}", answer.status);
        let varied: Vec<_> = answer.headers.get_all("vary").iter().collect();
        assert!(varied.contains(&&"Origin".parse().unwrap()));
        for header in ["ETag", "Location", "Content-Location", "Last-Modified", "X-Amzn-Requestid"] {
            assert!(answer.header("access-control-expose-headers").contains(header), "{header}");
        }
    }
}

#[test]
fn an_open_door_is_not_open_to_pages_of_other_origins() {
    let world = World::open();
    let status = |origin: &str| {
        world.ask("POST Patient", &[("origin", origin)], "{\"resourceType\":\"Patient\"}").status
    };
    assert_eq!(status("https://evil.example"), 403);
    assert_eq!(status("null"), 403);
    assert_eq!(status(ORIGIN), 201);
    assert_eq!(status("http://fhir.example"), 201, "a page that this server serves itself");
    let line = format!("GET https://fhir.example/datastore/{}/r4/Patient", STORE.replace('0', "f"));
    let strange = world.ask(&line, &[("origin", "https://evil.example")], "");
    assert_eq!(strange.status, 403, "whether the data store exists is not told");
    let signed = World::request("GET Patient", &[("origin", "https://evil.example")], "");
    assert_eq!(world.send(world.sign(signed)).status, 200, "a signature speaks for itself");
}

#[test]
fn head_answers_like_get_without_a_body() {
    let world = World::open();
    world.ask("PUT Patient/1", &[], "{\"resourceType\":\"Patient\",\"id\":\"1\"}");
    for path in [
        "metadata",
        "Patient",
        "Patient/1",
        "Patient/1/_history",
        "Patient/1/_history/1",
        "Patient/2",
        "x/y/z/1",
    ] {
        for format in ["", "?_format=xml"] {
            let get = world.get(&format!("{path}{format}"));
            let head = world.ask(&format!("HEAD {path}{format}"), &[], "");
            assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
            assert_eq!(head.header("content-length"), get.body.len().to_string(), "{path}");
            for name in ["content-type", "etag", "last-modified", "cache-control", "vary"] {
                assert_eq!(head.header(name), get.header(name), "{path} {name}");
            }
        }
    }
}
