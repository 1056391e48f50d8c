//! Resources, and the body form they are stored in.

use fhir::{Id, Resource, ResourceError, ResourceKey, Time, body, emit, meta_at};

fn stored(text: &str, id: &str) -> String {
    let resource = Resource::parse_slice(text.as_bytes()).unwrap();
    String::from_utf8(body(&resource, &Id::parse(id).unwrap())).unwrap()
}

#[test]
fn a_body_starts_with_type_id_and_meta() {
    for (text, expected) in [
        (r#"{"resourceType":"Patient"}"#, r#"{"resourceType":"Patient","id":"1","meta":{}}"#),
        (
            r#"{"active":true,"id":"9","resourceType":"Patient","gender":"male"}"#,
            r#"{"resourceType":"Patient","id":"1","meta":{},"active":true,"gender":"male"}"#,
        ),
        (
            "{ \"resourceType\" : \"Pati\\u0065nt\" ,\n\t\"multipleBirthInteger\" : 1.0e1 , \"x\" : \" { \\\" } \" }\n",
            r#"{"resourceType":"Patient","id":"1","meta":{},"multipleBirthInteger":1.0e1,"x":" { \" } "}"#,
        ),
        (
            r#"{"resourceType":"Patient","meta":{"versionId":"3","tag":[{"code":"a"}],"lastUpdated":"x","source":"s"}}"#,
            r#"{"resourceType":"Patient","id":"1","meta":{"tag":[{"code":"a"}],"source":"s"}}"#,
        ),
        (
            r#"{"resourceType":"Patient","_id":{"id":"a"},"meta":{"versionId":"3"},"_meta":1,"unknown":{"id":"2"}}"#,
            r#"{"resourceType":"Patient","id":"1","meta":{},"_id":{"id":"a"},"_meta":1,"unknown":{"id":"2"}}"#,
        ),
    ] {
        assert_eq!(stored(text, "1"), expected);
        assert_eq!(stored(expected, "1"), expected, "a body is its own body form");
    }
}

#[test]
fn version_and_time_are_put_into_meta_when_a_body_leaves() {
    let key = ResourceKey::parse("Patient/a-b").unwrap();
    for (meta, expected) in [
        ("{}", r#"{"versionId":"30","lastUpdated":"2026-11-23T03:36:38.123Z"}"#),
        (r#"{"source":"s"}"#, r#"{"versionId":"30","lastUpdated":"2026-11-23T03:36:38.123Z","source":"s"}"#),
    ] {
        let stored = format!(r#"{{"resourceType":"Patient","id":"a-b","meta":{meta},"active":true}}"#);
        assert_eq!(stored.as_bytes()[meta_at(&key) - 1], b'{');
        let mut out = Vec::new();
        let time = Time::parse("2026-11-23T03:36:38.123999Z").unwrap();
        emit(&key, stored.as_bytes(), 30, time, &mut out);
        let expected = format!(r#"{{"resourceType":"Patient","id":"a-b","meta":{expected},"active":true}}"#);
        assert_eq!(String::from_utf8(out.clone()).unwrap(), expected);
        let back = body(&Resource::parse(out).unwrap(), &key.id);
        assert_eq!(String::from_utf8(back).unwrap(), stored);
    }
}

#[test]
fn what_is_not_a_resource_is_refused_with_its_reason() {
    for (text, expected) in [
        ("[]", ResourceError::NotAnObject),
        ("{}", ResourceError::NoResourceType),
        (r#"{"resourceType":1}"#, ResourceError::NoResourceType),
        (r#"{"resourceType":"Patience"}"#, ResourceError::UnknownResourceType),
        (r#"{"resourceType":"DomainResource"}"#, ResourceError::UnknownResourceType),
        (r#"{"resourceType":"Patient","id":""}"#, ResourceError::MalformedId),
        (r#"{"resourceType":"Patient","id":"a_b"}"#, ResourceError::MalformedId),
        (r#"{"resourceType":"Patient","id":7}"#, ResourceError::MalformedId),
        (r#"{"resourceType":"Patient","meta":[]}"#, ResourceError::MalformedMeta),
    ] {
        assert_eq!(Resource::parse_slice(text.as_bytes()).unwrap_err(), expected, "{text}");
    }
    assert!(matches!(Resource::parse_slice(b"{"), Err(ResourceError::Json(_))));
}

#[test]
fn a_resource_knows_its_key() {
    let resource = Resource::parse_slice(br#"{"resourceType":"Patient","id":"a"}"#).unwrap();
    assert_eq!(resource.key(), ResourceKey::parse("Patient/a"));
    assert_eq!(Resource::parse_slice(br#"{"resourceType":"Patient"}"#).unwrap().key(), None);
}
