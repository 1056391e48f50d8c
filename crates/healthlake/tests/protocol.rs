//! The protocol: strangers, targets, sizes, and the form of every answer.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use healthlake::generated::actions::{Action, MODELLED_FAULTS};
use healthlake::generated::structures::{CreateFHIRDatastoreRequest, DescribeFHIRDatastoreRequest};
use healthlake::limits::BODY_BYTES_MAX;
use serde_json::json;
use support::{World, world};

#[tokio::test]
async fn every_action_is_refused_to_strangers() {
    let world = world();
    for name in Action::ALL.iter().map(|action| action.name()).chain(Action::ABSENT) {
        let (response, body) = world.send(world.request(name, "{}")).await;
        assert_eq!(
            (response.status().as_u16(), &body["__type"]),
            (400, &json!("MissingAuthenticationTokenException")),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_request_signed_wrongly_is_refused_by_the_usual_exceptions() {
    let world = world();
    let list = || world.request("ListFHIRDatastores", "{}");
    let tampered = {
        let (parts, _) = world.signed(list()).into_parts();
        http::Request::from_parts(parts, "{ }".into())
    };
    let stranger = {
        let mut other = world.clone();
        other.credentials.access_key_id = "AKIASOMEBODYELSE0000".into();
        other.signed(list())
    };
    let guesser = {
        let mut other = world.clone();
        other.credentials.secret = access::Secret::new("guess");
        other.signed(list())
    };
    let retargeted = {
        let mut request = world.signed(list());
        request.headers_mut().insert("x-amz-target", "HealthLake.DeleteFHIRDatastore".parse().unwrap());
        request
    };
    let old = world.signed(list());
    let cases = [
        (tampered, "InvalidSignatureException"),
        (stranger, "UnrecognizedClientException"),
        (guesser, "InvalidSignatureException"),
        (retargeted, "InvalidSignatureException"),
    ];
    for (request, exception) in cases {
        let (response, body) = world.send(request).await;
        assert_eq!((response.status().as_u16(), &body["__type"]), (400, &json!(exception)));
    }
    world.clock.advance_ms(15 * 60 * 1000 + 1000);
    let (_, body) = world.send(old).await;
    assert_eq!(body["__type"], "InvalidSignatureException");
    assert!(body["Message"].as_str().unwrap().starts_with("Signature expired"));
}

#[tokio::test]
async fn only_a_post_of_a_known_target_is_an_action() {
    let world = world();
    let mut get = world.request("ListFHIRDatastores", "");
    *get.method_mut() = http::Method::GET;
    let mut bare = world.request("ListFHIRDatastores", "{}");
    bare.headers_mut().remove("x-amz-target");
    let mut foreign = world.request("ListFHIRDatastores", "{}");
    foreign.headers_mut().insert("x-amz-target", "DynamoDB_20120810.ListTables".parse().unwrap());
    for request in [get, bare, foreign, world.request("MakeCoffee", "{}"), world.request("", "{}")] {
        let (response, body) = world.send(world.signed(request)).await;
        assert_eq!((response.status().as_u16(), &body["__type"]), (400, &json!("UnknownOperationException")));
    }
}

#[tokio::test]
async fn an_operation_of_the_newer_model_says_that_it_is_not_here_yet() {
    let world = world();
    for name in Action::ABSENT {
        let wanted = format!("ValidationException: {name} is not supported by this version of tarn");
        assert_eq!(world.refusal(name, json!({})).await, wanted);
    }
    assert!(
        Action::ABSENT.contains(&"UpdateFHIRDatastore") && Action::ABSENT.contains(&"RestoreFHIRDatastore")
    );
}

#[tokio::test]
async fn answers_carry_the_request_id_and_the_content_type() {
    let world = world();
    for request in
        [world.signed(world.request("ListFHIRDatastores", "{}")), world.request("ListFHIRDatastores", "{}")]
    {
        let (response, _) = world.send(request).await;
        assert_eq!(response.headers()["x-amzn-requestid"], "0c1d2e3f-0000-4000-8000-000000000001");
        assert_eq!(response.headers()["content-type"], "application/x-amz-json-1.0");
    }
}

#[tokio::test]
async fn a_body_may_be_as_long_as_the_limit_and_no_longer() {
    let world = world();
    let body = |length: usize| format!("{{{}}}", " ".repeat(length - 2));
    let (response, _) =
        world.send(world.signed(world.request("ListFHIRDatastores", body(BODY_BYTES_MAX)))).await;
    assert_eq!(response.status(), 200);
    let (response, refused) = world.send(world.request("ListFHIRDatastores", body(BODY_BYTES_MAX + 1))).await;
    assert_eq!(
        (response.status().as_u16(), &refused["__type"]),
        (413, &json!("RequestEntityTooLargeException"))
    );
}

#[tokio::test]
async fn bodies_that_are_not_the_shape_are_serialization_exceptions() {
    let world = world();
    for body in ["{", "[]", "7", "{\"DatastoreId\":7}", "{\"DatastoreId\":{}}", "\u{feff}{}", "{} {}"] {
        let (response, refused) =
            world.send(world.signed(world.request("DescribeFHIRDatastore", body))).await;
        assert_eq!(
            (response.status().as_u16(), &refused["__type"]),
            (400, &json!("SerializationException")),
            "{body}"
        );
    }
    let deep = "[".repeat(100_000);
    let (response, _) = world.send(world.signed(world.request("DescribeFHIRDatastore", deep))).await;
    assert_eq!(response.status(), 400);
    let (_, empty) = world.send(world.signed(world.request("DescribeFHIRDatastore", ""))).await;
    assert_eq!(empty["__type"], "ValidationException");
}

#[tokio::test]
async fn the_client_reads_what_the_service_writes() {
    let world: World = world();
    let client = world.client();
    let request = CreateFHIRDatastoreRequest { datastore_name: Some("mine".into()), ..Default::default() };
    let made = client.call(&request).await.unwrap();
    world.lifecycle.settle().await;
    let found = client.call(&DescribeFHIRDatastoreRequest { datastore_id: made.datastore_id }).await.unwrap();
    assert_eq!(found.datastore_properties.datastore_name.as_deref(), Some("mine"));
    let missing = client.call(&DescribeFHIRDatastoreRequest { datastore_id: "x".into() }).await.unwrap_err();
    assert_eq!(missing.to_string(), "ResourceNotFoundException: The data store x does not exist");
}

#[test]
fn the_faults_of_the_model_are_the_ones_with_its_statuses() {
    assert_eq!(MODELLED_FAULTS.len(), 7);
    for fault in MODELLED_FAULTS {
        assert_eq!(fault.status(), if fault.name() == "InternalServerException" { 500 } else { 400 });
    }
    for action in Action::ALL {
        assert!(action.faults().iter().all(|fault| MODELLED_FAULTS.contains(fault)));
    }
}
