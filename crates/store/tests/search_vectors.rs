//! Search vectors that nobody here wrote (tests/data/search-vectors), through the whole path: typed query,
//! filter, extraction, model.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use fhir::{Id, Resource, ResourceKey, ResourceType, Time, body};
use search::{
    Context, Entries, Extractor, Handling, ParameterSet, SearchScope, Total, Visible, Vocabulary, compile,
    compile_within,
};
use serde_json::Value;
use store::suite::wait;
use store::{ManualClock, Model, Operation, Put, Store, Stored, Transaction, Write};

const TAG: &str = "tag-1";
const BASE: &str = "https://tarn.example/r4/";

/// What became of the cases of one file.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    passed: usize,
    /// Differs, for a reason that [`ARGUED`] gives.
    argued: usize,
    failed: Vec<String>,
}

struct Loaded {
    model: Model,
    keys: Vec<ResourceKey>,
}

fn put(json: &Value, number: usize) -> Put {
    let resource = Resource::parse(json.to_string().into_bytes()).unwrap();
    let id = resource.id().cloned().unwrap_or_else(|| Id::parse(&format!("r{number}")).unwrap());
    let key = ResourceKey { of: resource.of(), id };
    let mut entries = Entries::new();
    Extractor::new(BASE, &ParameterSet::r4()).extract(&resource, &key, &mut entries).unwrap();
    let body = Bytes::from(body(&resource, &key.id));
    Put { key, body, entries, operation: Operation::Create }
}

/// An id that stands twice is left to the server, as a create does.
fn without_id(json: &Value) -> Value {
    let mut json = json.clone();
    json.as_object_mut().unwrap().remove("id");
    json
}

fn load(file: &Value) -> Loaded {
    let model = Model::new(Arc::new(ManualClock::at(Time::parse("2026-01-01T00:00:00Z").unwrap())));
    let mut puts: Vec<Put> = Vec::new();
    for (json, number) in file["resources"].as_array().unwrap().iter().zip(0..) {
        let made = put(json, number);
        let is_known = puts.iter().any(|other| other.key == made.key);
        puts.push(if is_known { put(&without_id(json), number) } else { made });
    }
    let keys = puts.iter().map(|put| put.key.clone()).collect();
    let deleted = file["delete"].as_array().into_iter().flatten();
    let deletes = deleted.map(|key| Write::Delete(ResourceKey::parse(key.as_str().unwrap()).unwrap()));
    for write in puts.into_iter().map(Write::Put).chain(deletes) {
        wait(model.commit(Transaction { preconditions: vec![], writes: vec![write] })).unwrap();
    }
    Loaded { model, keys }
}

fn decode(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => {
                bytes.push(b'%');
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn parameters(query: &str) -> Vec<(String, String)> {
    let pair = |text: &str| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        (decode(name), decode(value))
    };
    query.split('&').filter(|text| !text.is_empty()).map(pair).collect()
}

/// The keys listed under a name of a case.
fn listed(list: &Value, loaded: &Loaded) -> Option<BTreeSet<String>> {
    let one = |hit: &Value| match hit.as_u64() {
        Some(index) => loaded.keys[index as usize].to_string(),
        None => hit.as_str().unwrap().to_owned(),
    };
    Some(list.as_array()?.iter().map(one).collect())
}

/// What a case expects: whole, or on each page.
fn expected(case: &Value, loaded: &Loaded) -> Option<Vec<BTreeSet<String>>> {
    if let Some(pages) = case["expect_pages"].as_array() {
        return pages.iter().map(|page| listed(page, loaded)).collect();
    }
    let whole = if case["agree"] == false { &case["r4_text"] } else { &case["expect"] };
    Some(vec![listed(whole, loaded)?])
}

fn scope(case: &Value) -> Option<SearchScope> {
    match case["type"].as_str().unwrap() {
        "" => Some(SearchScope::System),
        name => ResourceType::parse(name).map(SearchScope::Type),
    }
}

fn keys(rows: &[Stored]) -> BTreeSet<String> {
    rows.iter().map(|row| row.key.to_string()).collect()
}

fn run(name: &str, case: &Value, loaded: &Loaded, tally: &mut Tally) {
    let query = case["query"].as_str().unwrap();
    let is_argued = ARGUED.iter().any(|(of, other, _)| *of == name && query.replace(TAG, "T") == *other);
    match (judge(case, loaded), is_argued) {
        (Ok(()), false) => tally.passed += 1,
        (Ok(()), true) => tally.failed.push(format!("{query}: passes, although it is argued")),
        (Err(_), true) => tally.argued += 1,
        (Err(difference), false) => tally.failed.push(format!("{query}: {difference}")),
    }
}

/// Whether a case is answered as it expects; how it is not.
fn judge(case: &Value, loaded: &Loaded) -> Result<(), String> {
    let total_expected = case["total"].as_u64().or(case["count"].as_u64());
    let expected = expected(case, loaded);
    let scope = scope(case).ok_or("no such type")?;
    let context = Context {
        of: scope.types()[0],
        parameters: &ParameterSet::r4(),
        vocabulary: &Vocabulary::new(),
        base: BASE,
        now: Time::parse("2026-01-01T00:00:00Z").unwrap(),
        handling: Handling::Strict,
    };
    let compiled = compile_within(&parameters(case["query"].as_str().unwrap()), &scope, &context);
    if case["status"] == 400 {
        return compiled.err().map(|_| ()).ok_or("it is understood".to_owned());
    }
    let compiled = compiled.map_err(|errors| format!("{errors:?}"))?;
    let mut search = compiled.search(&Visible::everything("vectors"), 1000, 1000);
    if total_expected.is_some() {
        search.total = Total::Accurate;
    }
    let (mut pages, mut matches, mut total) = (Vec::new(), BTreeSet::new(), None);
    loop {
        let found = wait(loaded.model.search(&search)).unwrap();
        matches.extend(keys(&found.matches));
        pages.push(&keys(&found.matches) | &keys(&found.included));
        total = total.or(found.total);
        search.after = found.next;
        if search.after.is_none() {
            break;
        }
    }
    let is_right = expected.as_ref().is_none_or(|expected| pages == *expected)
        && listed(&case["match"], loaded).is_none_or(|expected| matches == expected)
        && total_expected.is_none_or(|expected| total == Some(expected));
    if is_right { Ok(()) } else { Err(format!("found {pages:?} {total:?}, expected {expected:?}")) }
}

fn tally(name: &str) -> Tally {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(format!("tests/data/search-vectors/ms-search-{name}.json"));
    let text = std::fs::read_to_string(path).unwrap().replace("__TAG__", TAG);
    let file: Value = serde_json::from_str(&text).unwrap();
    let loaded = load(&file);
    let mut tally = Tally::default();
    for case in file["cases"].as_array().unwrap() {
        run(name, case, &loaded, &mut tally);
    }
    tally
}

/// Cases that are answered otherwise: file, query, and why.
const ARGUED: &[(&str, &str, &str)] = &[
    (
        "composite",
        "identifier=T&relationship=DocumentReference/example-appends,DocumentReference/example-replaces$replaces",
        "a composite value has a value for each component; the first here has only one",
    ),
    (
        "date",
        "birthdate=1973-02-28T01:01:09.999999999999999999",
        "R4's format of a dateTime lets a fraction have any number of digits; the case wants a refusal",
    ),
    (
        "include",
        "_revinclude:iterate=MedicationRequest:*&_revinclude=Patient:general-practitioner&_tag=T",
        "a wildcard is iterated like any other parameter; the case wants it overlooked",
    ),
    (
        "include",
        "_revinclude:iterate=MedicationDispense:*&_revinclude=MedicationRequest:*&_tag=T",
        "likewise",
    ),
    (
        "include",
        "_revinclude:iterate=Organization:partof&_id=T-lab-b-organization&_tag=T",
        "the same resources; the case marks what is included as a match too",
    ),
    (
        "reference",
        "organization=Organization/ijk&_tag=T",
        "the resource's reference is `ijk`, which is no form of a reference in R4",
    ),
    ("token", "_tag=T&_type:not=Patient", "R4 gives `_type` no modifiers"),
    (
        "uri",
        "url:above=http%3A%2F%2Fexample.org%2Frdf%2354135-9-9-10&_tag=T",
        "above goes by the segments of a path; the case wants it by letters",
    ),
];

/// How many cases there are. Every one passes or is argued.
const CASES: usize = 337;

const FILES: [&str; 10] =
    ["chain", "composite", "date", "include", "number", "quantity", "reference", "string", "token", "uri"];

#[test]
fn the_vectors_find_what_they_expect_or_are_argued_one_by_one() {
    let tallies = FILES.map(tally);
    let failed: Vec<&String> = tallies.iter().flat_map(|tally| &tally.failed).collect();
    assert!(failed.is_empty(), "{} fail: {failed:#?}", failed.len());
    let argued: usize = tallies.iter().map(|tally| tally.argued).sum();
    let passed: usize = tallies.iter().map(|tally| tally.passed).sum();
    assert_eq!((passed + argued, argued), (CASES, ARGUED.len()));
}

#[test]
fn what_is_no_date_is_refused() {
    let of = ResourceType::parse("Patient").unwrap();
    let context = Context {
        of,
        parameters: &ParameterSet::r4(),
        vocabulary: &Vocabulary::new(),
        base: BASE,
        now: Time(0),
        handling: Handling::Strict,
    };
    for value in ["***", "!"] {
        assert!(compile(&[("birthdate", value)], &context).is_err());
    }
}
