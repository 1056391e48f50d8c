//! Bodies of resources, in JSON and in XML, whole and broken.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde_json::Value;

use super::{config, nasty, send, world};

const JSON: &str = r##"{"resourceType":"Patient","id":"1","meta":{"tag":[{"system":"http://a","code":"b"}]},
"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">a<br/></div>"},
"contained":[{"resourceType":"Organization","id":"o","name":"c"}],"extension":[{"url":"http://e","valueDecimal":1.0}],
"name":[{"family":"A","given":["B",null],"_given":[null,{"id":"g"}]}],"birthDate":"2000-01-01",
"managingOrganization":{"reference":"#o"},"multipleBirthInteger":2}"##;

const XML: &str = r##"<?xml version="1.0" encoding="UTF-8"?><Patient xmlns="http://hl7.org/fhir"><id value="1"/><text>
<status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">a<br/>&amp;</div></text><contained><Organization>
<id value="o"/></Organization></contained><extension url="http://e"><valueDecimal value="1.0"/></extension>
<name id="n"><family value="A"/><given value="B"/><given><extension url="http://f"><valueCode value="x"/></extension>
</given></name><birthDate value="2000-01-01"/><managingOrganization><reference value="#o"/></managingOrganization>
</Patient>"##;

/// What is done to a text.
#[derive(Clone, Debug)]
enum Harm {
    Cut(usize),
    Drop(usize, usize),
    Put(usize, String),
    Byte(usize, u8),
    Double(usize, usize, usize),
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        any::<usize>().prop_map(Harm::Cut),
        (any::<usize>(), 1_usize..30).prop_map(|(at, length)| Harm::Drop(at, length)),
        (any::<usize>(), nasty()).prop_map(|(at, text)| Harm::Put(at, text)),
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Harm::Byte(at, byte)),
        (any::<usize>(), 1_usize..60, 1_usize..200)
            .prop_map(|(at, length, times)| Harm::Double(at, length, times)),
    ]
}

fn harmed(text: &str, harms: &[Harm]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for harm in harms {
        let place = |at: usize, bytes: &[u8]| if bytes.is_empty() { 0 } else { at % bytes.len() };
        match harm {
            Harm::Cut(at) => bytes.truncate(place(*at, &bytes)),
            Harm::Drop(at, length) => {
                let at = place(*at, &bytes);
                bytes.drain(at..bytes.len().min(at + length));
            }
            Harm::Put(at, text) => {
                let at = place(*at, &bytes);
                bytes.splice(at..at, text.bytes());
            }
            Harm::Byte(at, byte) => {
                let at = place(*at, &bytes);
                if let Some(found) = bytes.get_mut(at) {
                    *found = *byte;
                }
            }
            Harm::Double(at, length, times) => {
                let at = place(*at, &bytes);
                let piece = bytes[at..bytes.len().min(at + length)].repeat(*times);
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

/// A JSON value of any shape.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        nasty().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        let names = prop::sample::select(vec![
            "id",
            "meta",
            "text",
            "div",
            "name",
            "given",
            "_given",
            "extension",
            "url",
            "valueString",
            "contained",
            "resourceType",
            "reference",
            "subject",
            "code",
            "coding",
            "entry",
            "resource",
            "identifier",
            "fhir_comments",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((names, inner), 0..6).prop_map(|members| {
                Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
        ]
    })
}

fn packed(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap().into()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_body_is_stored_or_refused(
        is_xml in any::<bool>(),
        level in prop::sample::select(vec!["strict", "structure-only", "minimal"]),
        harms in prop::collection::vec(harm(), 0..4),
    ) {
        let world = world();
        let (text, kind) = if is_xml { (XML, "application/fhir+xml") } else { (JSON, "application/fhir+json") };
        let body = Bytes::from(harmed(text, &harms));
        let headers: [(&str, &[u8]); 2] =
            [("content-type", kind.as_bytes()), ("x-amzn-healthlake-fhir-validation-level", level.as_bytes())];
        let answer = send(&world, "PUT", "Patient/1", &headers, body.clone()).unwrap();
        if answer.status == 200 {
            for query in ["", "?_format=xml&_pretty=true", "?_summary=true", "?_elements=name.given,extension"] {
                let shown = send(&world, "GET", &format!("Patient/1{query}"), &[], Bytes::new()).unwrap();
                prop_assert_eq!(shown.status, 200, "{}", query);
                if query.starts_with("?_format=xml") {
                    let read = fhir::xml::read(&shown.body);
                    prop_assert!(read.is_ok() || level == "minimal", "{:?}", read.err());
                }
            }
            send(&world, "GET", "Patient?name=a&birthdate=2000&_sort=name", &[], Bytes::new());
        }
        send(&world, "POST", "Patient", &headers, body.clone());
        send(&world, "POST", "", &headers, body);
    }

    #[test]
    fn any_json_in_the_place_of_a_resource_is_stored_or_refused(
        members in any_json(),
        level in prop::sample::select(vec!["strict", "minimal"]),
    ) {
        let world = world();
        let mut resource = members;
        if let Some(object) = resource.as_object_mut() {
            object.insert("resourceType".to_owned(), "Patient".into());
            object.insert("id".to_owned(), "1".into());
        }
        let headers: [(&str, &[u8]); 1] = [("x-amzn-healthlake-fhir-validation-level", level.as_bytes())];
        let answer = send(&world, "PUT", "Patient/1", &headers, resource.to_string().into()).unwrap();
        if answer.status == 200 {
            for query in ["", "?_format=xml", "?_summary=true", "?_summary=text", "?_elements=name.given"] {
                let shown = send(&world, "GET", &format!("Patient/1{query}"), &[], Bytes::new()).unwrap();
                prop_assert_eq!(shown.status, 200, "{}", query);
            }
        }
    }

    #[test]
    fn any_packed_body_is_read_or_refused(harms in prop::collection::vec(harm(), 0..3), packing in prop::collection::vec(harm(), 0..3)) {
        let inner = harmed(JSON, &harms);
        let mut body = packed(&inner).to_vec();
        if !packing.is_empty() {
            // The harm is done to the packing: as text it means nothing.
            let as_text: String = body.iter().map(|byte| char::from(*byte)).collect();
            body = harmed(&as_text, &packing);
        }
        send(&world(), "PUT", "Patient/1", &[("content-encoding", b"gzip")], body.into());
    }
}
