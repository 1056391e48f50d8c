//! A check holds what is indexed against the bodies.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod world;

use std::sync::Arc;

use bytes::Bytes;
use embedded::{Bodies, EmbeddedStore, Report, StoreLimits, check};
use fhir::Time;
use search::{Entries, ParamId, Target, Value, registry};
use serde_json::{Value as Json, json};
use store::suite::wait;
use store::{DataKey, JobId, ManualClock, Put, Run, RunId, SeededRandom, Store, Transaction, Write};
use world::{Dice, extracted};

const ONE: &str = "http://one.example/r4";
const TWO: &str = "https://two.example:8443/datastore/abc/r4/";

/// The report about a store of these puts, the same before and after they are folded.
fn report_of(puts: Vec<Put>) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(Time(1)));
    let key = DataKey::generate(&SeededRandom::new(1));
    let store = EmbeddedStore::open(folder.path(), &key, clock, StoreLimits::default()).unwrap();
    for put in puts {
        let writes = vec![Write::Put(put)];
        wait(store.commit(Transaction { preconditions: vec![], writes })).unwrap();
    }
    let report = check(&store, Bodies::Compare).unwrap();
    wait(store.settle()).unwrap();
    let folded = check(&store, Bodies::Compare).unwrap();
    assert_eq!(folded.problems, report.problems);
    folded
}

/// Every way to point at something: relative, at both bases, at others, with versions, in a composite.
fn document() -> Json {
    json!({
        "resourceType": "DocumentReference",
        "status": "current",
        "subject": { "reference": format!("{ONE}/Patient/1") },
        "author": [
            { "reference": "Practitioner/2" },
            { "reference": "http://elsewhere.example/Practitioner/3/_history/4" },
            { "reference": format!("{TWO}Practitioner/3/_history/4") },
            { "reference": format!("{ONE}/Practitioner/3/_history/5") },
            { "reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520" },
        ],
        "relatesTo": [
            { "code": "replaces", "target": { "reference": format!("{ONE}/DocumentReference/5") } },
            { "code": "appends", "target": { "reference": format!("{TWO}DocumentReference/6/_history/1") } },
        ],
    })
}

fn observation(code: &str, subject: &str) -> Json {
    json!({
        "resourceType": "Observation",
        "status": "final",
        "code": { "coding": [{ "system": "http://loinc.org", "code": code }] },
        "subject": { "reference": subject },
    })
}

#[test]
fn what_was_written_under_other_bases_is_clean() {
    let bases = ["", ONE, TWO, "http://none.example"];
    let puts =
        bases.iter().enumerate().map(|(number, base)| extracted(base, &number.to_string(), &document()));
    let puts: Vec<Put> = puts.collect();
    let of = |put: &Put| format!("{:?}", put.entries.iter().collect::<Vec<_>>());
    assert!(of(&puts[0]) != of(&puts[1]) && of(&puts[1]) != of(&puts[2]), "the base makes a difference");
    let report = report_of(puts);
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!(report.bodies, 4);
}

#[test]
fn imports_and_updates_by_chance_are_clean() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(Time(1)));
    let key = DataKey::generate(&SeededRandom::new(1));
    let store = EmbeddedStore::open(folder.path(), &key, clock, StoreLimits::default()).unwrap();
    let mut dice = Dice(5);
    for number in 1..=3 {
        let id = RunId { job: JobId::parse(&"d".repeat(32)).unwrap(), number };
        let puts = (0..500).map(|_| world::extracted_put(&mut dice, 200)).collect();
        wait(store.ingest(Run { id, puts })).unwrap();
    }
    let report = check(&store, Bodies::Compare).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert!(report.bodies > 400 && report.bodies == report.current, "{report:?}");
}

#[test]
fn entries_that_are_not_those_of_the_body_are_a_problem() {
    let right = || extracted(ONE, "a", &observation("1234-5", &format!("{ONE}/Patient/1")));
    let with_entries_of = |json: &Json| Put { entries: extracted(ONE, "a", json).entries, ..right() };
    let lacks_one = || {
        let mut entries = Entries::new();
        let right = right();
        right.entries.iter().skip(1).for_each(|(param, value)| entries.push(param, value));
        Put { entries, ..right }
    };
    let has_one_more = || {
        let mut put = right();
        put.entries.push(ParamId(424), Value::Reference(Target::Url("http://one.example/r4/Patient/9")));
        put
    };
    let other = "Observation ordinal 0 has other entries than its body";
    let foreign = "Observation ordinal 0 has the body of another resource";
    let unreadable = "Observation ordinal 0 has a body that is no resource";
    for (what, put, expected) in [
        ("another code", with_entries_of(&observation("5432-1", "Patient/1")), other),
        ("another subject", with_entries_of(&observation("1234-5", "Patient/2")), other),
        ("another server", with_entries_of(&observation("1234-5", "http://x.example/r4/Patient/1")), other),
        ("one too few", lacks_one(), other),
        ("one too many", has_one_more(), other),
        ("nothing indexed", Put { entries: Entries::new(), ..right() }, other),
        (
            "another id",
            Put { body: extracted(ONE, "b", &observation("1234-5", "Patient/1")).body, ..right() },
            foreign,
        ),
        ("no body", Put { body: Bytes::from_static(b"{\"resourceType\":"), ..right() }, unreadable),
    ] {
        let report = report_of(vec![put]);
        assert_eq!((report.problems, report.problem_count), (vec![expected.to_owned()], 1), "{what}");
    }
    assert_eq!(report_of(vec![right()]).problem_count, 0);
}

#[test]
fn only_current_versions_are_compared() {
    let wrong = Put { entries: Entries::new(), ..extracted(ONE, "a", &observation("1234-5", "Patient/1")) };
    let right = extracted(TWO, "a", &observation("1234-5", "Patient/1"));
    let report = report_of(vec![wrong, right]);
    assert_eq!((report.problem_count, report.versions, report.bodies), (0, 2, 1));
}

#[test]
fn the_world_searches_for_what_it_extracts() {
    let codes = ["_source", "_tag", "code-value-quantity", "date", "family", "identifier", "subject"];
    assert_eq!(codes.map(|code| registry().param(code).unwrap().0), [23, 24, 96, 142, 195, 217, 424]);
}
