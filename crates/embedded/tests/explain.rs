//! What a plan says of the index: the order of conditions, how each is looked up, what it finds.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::sync::Arc;

use embedded::{EmbeddedStore, StoreLimits};
use fhir::{Resource, ResourceType, Time, body};
use search::{Context, Entries, Extractor, Handling, ParameterSet, Visible, Vocabulary, compile};
use serde_json::json;
use store::suite::wait;
use store::{DataKey, ManualClock, Operation, Put, SeededRandom, Store, Transaction, Write};

const BASE: &str = "https://tarn.example/r4/";

fn write(json: &serde_json::Value) -> Write {
    let resource = Resource::parse(json.to_string().into_bytes()).unwrap();
    let key = resource.key().unwrap();
    let mut entries = Entries::new();
    Extractor::new(BASE, &ParameterSet::r4()).extract(&resource, &key, &mut entries).unwrap();
    let body = body(&resource, &key.id).into();
    Write::Put(Put { key, body, entries, operation: Operation::Create })
}

/// Forty observations of four patients.
fn store(folder: &std::path::Path) -> EmbeddedStore {
    let clock = Arc::new(ManualClock::at(Time(1)));
    let key = DataKey::generate(&SeededRandom::new(1));
    let store = EmbeddedStore::open(folder, &key, clock, StoreLimits::default()).unwrap();
    let patients = (0..4).map(|n| {
        write(&json!({"resourceType": "Patient", "id": n.to_string(), "gender": (["male", "female"][n % 2]),
            "birthDate": format!("19{n}0-01-01"), "name": [{"family": format!("F{n}")}]}))
    });
    let observations = (0..40).map(|n| {
        write(&json!({"resourceType": "Observation", "id": n.to_string(), "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": (["8480-6", "8462-4"][n % 2])}]},
            "subject": {"reference": format!("Patient/{}", n % 4)},
            "effectiveDateTime": format!("2020-01-{:02}", n % 28 + 1)}))
    });
    let writes = patients.chain(observations).collect();
    wait(store.commit(Transaction { preconditions: vec![], writes })).unwrap();
    wait(store.settle()).unwrap();
    store
}

fn explained(of: &str, parameters: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let set = ParameterSet::r4();
    let of = ResourceType::parse(of).unwrap();
    let context = Context {
        of,
        parameters: &set,
        vocabulary: &Vocabulary::new(),
        base: BASE,
        now: Time(0),
        handling: Handling::Strict,
    };
    let compiled = compile(parameters, &context).unwrap();
    let search = compiled.search(&Visible::everything("a test"), 10, 100);
    let plan = wait(store.explain(&search, &set)).unwrap();
    plan.0.iter().map(|step| format!("{step}\n")).collect()
}

#[test]
fn a_plan_says_in_which_order_and_how_conditions_are_looked_up() {
    let plan = explained(
        "Observation",
        &[("date", "ge2020-01-15"), ("code:not", "8462-4"), ("subject", "Patient/2"), ("_sort", "-date")],
    );
    let expected = "\
search Observation (40 current, the index in 1 segments, 0 recent versions looked at one by one): 4
  all of these, in this order: 4
    subject refers to Patient/2 (looked up in the index): 10
    date reaches into or past 2020-01-15T00:00:00.000Z to 2020-01-15T23:59:59.999Z (a range of the index): 14
    all but those with (what is left of all): 20
      code is 8462-4 (looked up in the index): 20
order by date descending, missing last
show up to 10 of 4 matches
";
    assert_eq!(plan, expected);
}

#[test]
fn what_there_is_none_of_is_said() {
    let plan = explained("Basic", &[("_id", "1")]);
    assert!(plan.starts_with("search Basic (there is none): 0\n  _id is 1 (by identity): 0\n"), "{plan}");
}
