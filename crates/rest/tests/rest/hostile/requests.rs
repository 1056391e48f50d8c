//! Addresses, query strings and headers.

use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use super::{config, nasty, send, world};

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn method() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "FOO",
    ])
}

fn segment() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "Patient",
        "Observation",
        "Group",
        "Composition",
        "Bundle",
        "Binary",
        "SearchParameter",
        "AuditEvent",
        "1",
        "2",
        "_history",
        "_search",
        "metadata",
        "$everything",
        "$document",
        "$export",
        "$purge",
        "$erase",
        "$bulk-delete",
        "$reindex",
        "$meta",
        "$meta-add",
        "$meta-delete",
        "$nonsense",
        "$",
        "Transaction",
        "export",
        "*",
        "Resource",
        "DomainResource",
        "patient",
        ".well-known",
        "smart-configuration",
    ]);
    prop_oneof![
        5 => known.prop_map(str::to_owned),
        1 => nasty().prop_map(|text| encoded(&text)),
        1 => nasty().prop_map(|text| text.chars().filter(char::is_ascii_graphic).collect()),
    ]
}

/// Names of parameters, some of them good on most types.
const NAMES: &[&str] = &[
    "_id",
    "_lastUpdated",
    "_tag",
    "_profile",
    "_security",
    "_source",
    "_text",
    "_content",
    "_list",
    "_has",
    "_type",
    "_filter",
    "_sort",
    "_count",
    "_include",
    "_revinclude",
    "_summary",
    "_total",
    "_elements",
    "_contained",
    "_containedType",
    "_format",
    "_pretty",
    "_explain",
    "_since",
    "_until",
    "_at",
    "page",
    "name",
    "birthdate",
    "gender",
    "code",
    "subject",
    "patient",
    "value-quantity",
    "code-value-quantity",
    "date",
    "near",
    "identifier",
    "url",
    "probability",
    "subject.name",
    "subject:Patient.name",
    "partof",
    "organization",
    "location.partof",
    "patient.link.name",
    "_has:Observation:patient:code",
    "_has:Observation:subject:_has:Provenance:target:_id",
    "X-Amz-Signature",
    "start",
    "end",
    "patient.patient.patient.patient.patient.patient.patient.patient.patient.name",
];

/// What may stand after a name.
const MODIFIERS: &[&str] = &[
    "",
    "",
    "",
    ":missing",
    ":exact",
    ":contains",
    ":not",
    ":text",
    ":identifier",
    ":of-type",
    ":above",
    ":below",
    ":in",
    ":not-in",
    ":iterate",
    ":Patient",
    ":nonsense",
    ":",
    "::",
];

fn name() -> impl Strategy<Value = String> {
    let known = prop::sample::select(NAMES);
    let modifier = prop::sample::select(MODIFIERS);
    prop_oneof![
        6 => (known, modifier).prop_map(|(name, modifier)| format!("{name}{modifier}")),
        1 => nasty(),
    ]
}

fn value() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "1",
        "true",
        "false",
        "count",
        "text",
        "accurate",
        "xml",
        "2020",
        "gt2020-01",
        "Patient/1",
        "a,b",
        "http://loinc.org|8480-6",
        "|a",
        "a|",
        "5.4|http://unitsofmeasure.org|mg",
        "8480-6$lt60",
        "-name,_id",
        "Observation:subject",
        "Patient:*",
        "*",
        "Observation:subject:Patient",
        "name eq a",
        "not (a eq b)",
        "(name co \"a\" or birthdate gt 2000) and gender ne male",
        "name[family eq \"a\"].given eq b",
        "1.0|2.0|11.20|km",
        "-91|181",
        "http://hl7.org/fhir/ValueSet/administrative-gender",
    ]);
    prop_oneof![3 => known.prop_map(str::to_owned), 3 => nasty()]
}

fn query() -> impl Strategy<Value = String> {
    let pair = (name(), value(), any::<bool>()).prop_map(|(name, value, is_raw)| {
        if is_raw {
            format!("{name}={value}").chars().filter(|c| c.is_ascii_graphic() && *c != '#').collect()
        } else {
            format!("{}={}", encoded(&name), encoded(&value))
        }
    });
    prop::collection::vec(pair, 0..5).prop_map(|pairs: Vec<String>| pairs.join("&"))
}

fn path() -> impl Strategy<Value = String> {
    (prop::collection::vec(segment(), 0..5), query()).prop_map(|(segments, query)| {
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{mark}{query}", segments.join("/"))
    })
}

fn header() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let name = prop::sample::select(vec![
        "accept",
        "accept-encoding",
        "content-type",
        "content-encoding",
        "prefer",
        "if-match",
        "if-none-match",
        "if-none-exist",
        "if-modified-since",
        "authorization",
        "x-amz-date",
        "origin",
        "x-tarn-explain",
        "x-amz-fhir-idempotency-key",
        "x-amz-fhir-history-consistency-level",
        "x-amzn-healthlake-fhir-validation-level",
        "access-control-request-method",
    ]);
    let known = prop::sample::select(vec![
        "application/fhir+json",
        "application/fhir+xml",
        "application/json-patch+json",
        "*/*;q=0.1",
        "gzip",
        "respond-async",
        "handling=lenient",
        "return=minimal",
        "W/\"1\"",
        "*",
        "identifier=a",
        "Tue, 14 Nov 2023 22:13:20 GMT",
        "true",
        "minimal",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/e",
    ]);
    let value = prop_oneof![
        3 => known.prop_map(|text| text.as_bytes().to_vec()),
        2 => nasty().prop_map(String::into_bytes),
        1 => any::<Vec<u8>>(),
    ];
    (name, value)
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => Just(Vec::new()),
        2 => Just(b"{\"resourceType\":\"Patient\",\"id\":\"1\"}".to_vec()),
        1 => Just(b"<Patient xmlns=\"http://hl7.org/fhir\"><id value=\"1\"/></Patient>".to_vec()),
        1 => Just(b"[{\"op\":\"add\",\"path\":\"/active\",\"value\":true}]".to_vec()),
        1 => query().prop_map(String::into_bytes),
        1 => any::<Vec<u8>>(),
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_request_is_answered(
        method in method(),
        path in path(),
        headers in prop::collection::vec(header(), 0..4),
        body in body(),
    ) {
        let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        send(&world(), method, &path, &headers, Bytes::from(body));
    }

    #[test]
    fn any_search_is_answered(of in prop::sample::select(vec!["Patient", "Observation", "Location", "ValueSet"]), query in query()) {
        let world = world();
        send(&world, "GET", &format!("{of}?{query}"), &[], Bytes::new());
        send(&world, "GET", &format!("{of}?{query}"), &[("prefer", b"handling=lenient")], Bytes::new());
        send(&world, "POST", &format!("{of}/_search"), &[], query.clone().into());
        send(&world, "DELETE", &format!("{of}?{query}"), &[], Bytes::new());
    }
}
