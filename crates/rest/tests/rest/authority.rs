//! Who is let in: every interaction, refused to strangers in AWS's own form.

use access::{Credentials, Secret};
use rest::{CODES, Interaction, Limits, Unsigned};
use store::{CmkType, DatastoreStatus, IdentityProvider, Strategy};

use crate::door::{Answer, PUBLIC, STORE, World};

/// Every interaction, by its code in the CapabilityStatement, and a request for it.
const EVERY: &[(&str, &str, &str)] = &[
    ("capabilities", "GET metadata", ""),
    ("read", "GET Patient/1", ""),
    ("vread", "GET Patient/1/_history/1", ""),
    ("history-instance", "GET Patient/1/_history", ""),
    ("history-type", "GET Patient/_history", ""),
    ("history-system", "GET _history", ""),
    ("create", "POST Patient", "{\"resourceType\":\"Patient\",\"active\":true}"),
    ("update", "PUT Patient/1", "{\"resourceType\":\"Patient\",\"id\":\"1\",\"active\":true}"),
    ("update", "PUT Patient?_id=1", "{\"resourceType\":\"Patient\",\"id\":\"1\",\"active\":true}"),
    ("patch", "PATCH Patient/1", "[]"),
    ("patch", "PATCH Patient?_id=1", "[]"),
    ("delete", "DELETE Patient/1", ""),
    ("delete", "DELETE Patient?_id=1", ""),
    ("delete", "DELETE Patient?_id=1&_count=1", ""),
    ("search-type", "GET Patient", ""),
    ("search-type", "POST Patient/_search", ""),
    ("$export", "GET $export", ""),
    ("$export", "POST Patient/$export", ""),
];

/// Requests about what is not there, which the owner would be told.
const OF_NOTHING: &[(&str, &str, &str)] = &[
    ("$export", "GET Group/1/$export", ""),
    ("export", "GET export/0123456789abcdef0123456789abcdef", ""),
    ("export", "DELETE export/0123456789abcdef0123456789abcdef", ""),
];

fn media_type(line: &str) -> &'static str {
    if line.starts_with("PATCH") { "application/json-patch+json" } else { "application/fhir+json" }
}

fn closed() -> World {
    World::with(Unsigned::Refused, Limits::default())
}

fn message(answer: &Answer) -> (u16, String) {
    assert_eq!(answer.header("content-type"), "application/json");
    (answer.status, answer.json()["message"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn no_interaction_is_missing_from_the_list_of_refusals() {
    let uncovered: Vec<_> =
        CODES.into_iter().filter(|code| !EVERY.iter().any(|(covered, ..)| covered == code)).collect();
    assert_eq!(uncovered, Vec::<&str>::new());
    assert_eq!(Interaction::Capabilities.code(), None);
}

#[test]
fn every_interaction_is_refused_to_a_stranger() {
    let world = closed();
    let stranger = Credentials { access_key_id: "AKIANOBODYNOBODYNOBO".into(), ..world.credentials.clone() };
    let thief = Credentials { secret: Secret::new("guessed"), ..world.credentials.clone() };
    for (_, line, body) in EVERY.iter().chain(OF_NOTHING) {
        let request = || World::request(line, &[("content-type", media_type(line))], *body);
        let unsigned = message(&world.send(request()));
        assert_eq!(unsigned, (403, "Missing Authentication Token".into()), "{line}");
        for credentials in [&stranger, &thief] {
            let answer = world.send(world.sign_with(request(), credentials));
            assert_eq!(message(&answer).0, 403, "{line}");
        }
    }
}

#[test]
fn every_interaction_is_done_for_the_owner() {
    let world = closed();
    let send = |line: &str, body: &'static str| {
        world.send(world.sign(World::request(line, &[("content-type", media_type(line))], body)))
    };
    send("PUT Patient/1", "{\"resourceType\":\"Patient\",\"id\":\"1\",\"active\":true}");
    for (_, line, body) in EVERY {
        let answer = send(line, body);
        assert!(answer.status < 300, "{line}: {} {}", answer.status, answer.json());
    }
}

#[test]
fn a_stranger_learns_nothing_of_which_data_stores_there_are() {
    let world = closed();
    world.datastore(&"1".repeat(32), |datastore| datastore.status = DatastoreStatus::Creating);
    world.datastore(&"2".repeat(32), |datastore| datastore.encryption = CmkType::CustomerManaged);
    let seen = |id: &str| {
        let answer = world.ask(&format!("GET {PUBLIC}/datastore/{id}/r4/Patient"), &[], "");
        (answer.status, answer.body)
    };
    let expected = seen(STORE);
    assert_eq!(expected.0, 403);
    for id in ["1".repeat(32), "2".repeat(32), "f".repeat(32), "x".into()] {
        assert_eq!(seen(&id), expected, "{id}");
    }
    let elsewhere = world.ask(&format!("GET {PUBLIC}/datastore/{STORE}/r3/Patient"), &[], "");
    assert_eq!((elsewhere.status, elsewhere.body), expected);
}

#[test]
fn the_owner_is_told_that_a_data_store_does_not_exist() {
    let world = closed();
    world.datastore(&"4".repeat(32), |datastore| datastore.status = DatastoreStatus::Deleted);
    for id in ["f".repeat(32), "4".repeat(32), "x".into()] {
        let request = World::request(&format!("GET {PUBLIC}/datastore/{id}/r4/Patient"), &[], "");
        let answer = world.send(world.sign(request));
        assert_eq!(message(&answer), (404, "No data store with this id exists.".into()), "{id}");
        assert_eq!(answer.header("x-amzn-errortype"), "ResourceNotFoundException");
    }
}

#[test]
fn data_stores_that_promise_more_are_refused_rather_than_let_through() {
    let world = World::open();
    let smart =
        |strategy| Some(IdentityProvider { strategy, fine_grained: None, metadata: None, lambda_arn: None });
    world.datastore(&"1".repeat(32), |d| d.encryption = CmkType::CustomerManaged);
    world.datastore(&"2".repeat(32), |d| d.identity_provider = smart(Strategy::SmartOnFhir));
    world.datastore(&"3".repeat(32), |d| d.identity_provider = smart(Strategy::SmartOnFhirV1));
    world.datastore(&"4".repeat(32), |d| d.identity_provider = smart(Strategy::AwsAuth));
    let ask = |digit: &str| {
        World::request(&format!("GET {PUBLIC}/datastore/{}/r4/Patient", digit.repeat(32)), &[], "")
    };
    for digit in ["1", "2", "3"] {
        let signed = world.send(world.sign(ask(digit)));
        assert_eq!(signed.refusal(), (400, "not-supported".into()), "{digit}");
        assert_eq!(world.send(ask(digit)).status, 403, "unsigned never reaches it: {digit}");
    }
    assert_eq!(world.send(world.sign(ask("4"))).status, 200);
    assert_eq!(world.send(ask("4")).status, 200);
}

#[test]
fn an_open_door_still_refuses_a_wrong_signature() {
    let world = World::open();
    let thief = Credentials { secret: Secret::new("guessed"), ..world.credentials.clone() };
    let request = World::request("GET metadata", &[], "");
    assert_eq!(world.send(world.sign_with(request, &thief)).status, 403);
    let bearer = closed().ask("GET metadata", &[("authorization", "Bearer abc")], "");
    assert_eq!(message(&bearer).0, 403);
}

#[test]
fn a_signature_covers_the_body() {
    let world = closed();
    let body = "{\"resourceType\":\"Patient\",\"active\":true}";
    let mut request = world.sign(World::request("POST Patient", &[], body));
    *request.body_mut() = body.replace("true", "false").into();
    assert_eq!(world.send(request).status, 403);
}
