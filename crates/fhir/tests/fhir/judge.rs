//! Judging by profiles: profiles of our own, and the examples that guides bring.

use fhir::package::{Contents, ContentsError, Entry, Library, Manifest, PackageKey, Registry};
use std::sync::Arc;

use fhir::{Bindings, Guides, ProfileSetError, Resource, Time, review_profile};

const PROFILES: &str = include_str!("../data/judge-profiles.ndjson");

/// A package in memory: an entry's place is the number of its line.
struct Lines;

impl Contents for Lines {
    fn read(&self, _: &PackageKey, entry: &Entry) -> Result<Vec<u8>, ContentsError> {
        let line = PROFILES.lines().nth(entry.place.start as usize);
        line.map(|line| line.as_bytes().to_vec()).ok_or(ContentsError("no such line".to_owned()))
    }
}

fn library() -> Library {
    let manifest = br#"{"name":"test.profiles","version":"1.0.0","fhirVersions":["4.0.1"]}"#;
    let entries = PROFILES.lines().zip(0..).map(|(line, number)| {
        Entry::of(&Resource::parse_slice(line.as_bytes()).unwrap(), number..number + 1).unwrap()
    });
    let registry = Registry::new(vec![(Manifest::read(manifest).unwrap(), entries.collect())]);
    Library::new(registry, Box::new(Lines))
}

pub(crate) fn guides() -> Guides {
    Guides::new(Arc::new(library()), Box::new(OneValueSet))
}

/// The value set of the tests has the code `good` of any system; of others nobody knows.
struct OneValueSet;

impl Bindings for OneValueSet {
    fn member_of(&self, _: Option<&str>, code: &str, value_set: &str, _: Option<u32>) -> Option<bool> {
        value_set.starts_with("http://example.org/").then_some(code == "good")
    }

    fn subsumes(&self, system: &str, code: &str, other: &str, _: Option<u32>) -> Option<bool> {
        (system == "http://example.org/m").then_some(code == "top" || code == other)
    }
}

fn issues(profile: &str, text: &str) -> Vec<String> {
    let resource = Resource::parse_slice(text.as_bytes()).unwrap();
    let canonical = format!("http://example.org/StructureDefinition/{profile}");
    let set = guides().profile(&canonical, None).unwrap();
    let found = review_profile(&resource, &set, &guides(), &OneValueSet, Time(0));
    found
        .iter()
        .map(|issue| {
            let words = issue.diagnostics.split(" (from").next().unwrap().to_owned();
            format!("{} {} {}: {words}", issue.severity.as_str(), issue.code.as_str(), issue.expression[0])
        })
        .collect()
}

const ONE: &str = r#"{"system":"http://example.org/one","value":"1"}"#;

fn patient(identifiers: &str, rest: &str) -> String {
    format!(r#"{{"resourceType":"Patient","photo":[{{"title":"a"}}],"identifier":[{identifiers}]{rest}}}"#)
}

fn with(rest: &str) -> String {
    patient(ONE, rest)
}

#[test]
fn a_profile_counts_values_and_slices() {
    let two = |value: &str| format!(r#"{{"system":"http://example.org/two","value":"{value}"}}"#);
    for (text, expected) in [
        (with(""), vec![]),
        (
            r#"{"resourceType":"Patient","photo":[{"title":"a"}]}"#.to_owned(),
            vec![
                "error required Patient: Patient.identifier: minimum required = 1, but only found 0",
                "error required Patient: Patient.identifier:one: minimum required = 1, but only found 0",
            ],
        ),
        (
            patient(&format!("{ONE},{ONE}"), ""),
            vec!["error structure Patient: Patient.identifier:one: max allowed = 1, but found 2"],
        ),
        (
            patient(&format!("{},{ONE}", two("1")), ""),
            vec!["error structure Patient.identifier[1]: The slice one is out of order"],
        ),
        (
            patient(&format!("{ONE},{}", two("1234")), ""),
            vec!["error too-long Patient.identifier[1].value: The value has more than 3 characters"],
        ),
        (
            patient(&format!(r#"{ONE},{{"value":"x"}},{}"#, two("1")), ""),
            vec!["error structure Patient.identifier[2]: A slice stands behind what belongs to none"],
        ),
    ] {
        assert_eq!(issues("patient", &text), expected, "{text}");
    }
}

#[test]
fn a_profile_demands_more_of_values_than_their_type() {
    for (text, expected) in [
        (
            with(r#","birthDate":"2000""#),
            vec!["error structure Patient: Patient.birthDate: max allowed = 0, but found 1"],
        ),
        (
            with(
                r#","maritalStatus":{"text":"x","coding":[{"code":"U"},{"system":"http://example.org/m","code":"S","display":"d"}]}"#,
            ),
            vec![],
        ),
        (
            with(r#","maritalStatus":{"coding":[{"code":"S"}]}"#),
            vec![
                r#"error value Patient.maritalStatus: The value does not contain the pattern {"coding":[{"system":"http://example.org/m","code":"S"}]}"#,
            ],
        ),
        (
            with(r#","active":true"#),
            vec!["error invariant Patient: Constraint failed: tp-1: 'An active patient has a gender'"],
        ),
        (
            with(r#","generalPractitioner":[{"reference":"Practitioner/1"}]"#),
            vec![
                "error structure Patient.generalPractitioner[0]: The reference may not lead to a Practitioner",
            ],
        ),
        (
            with(
                r#","extension":[{"url":"http://example.org/StructureDefinition/eye-colour","valueString":"blue"}]"#,
            ),
            vec![
                "error structure Patient.extension[0].value.ofType(string): The type string is not allowed here: code",
            ],
        ),
        (
            with(
                r#","extension":[{"url":"http://example.org/StructureDefinition/eye-colour","valueCode":"blue"},{"url":"http://example.org/other","valueString":"x"}]"#,
            ),
            vec![],
        ),
        (
            with(
                r#","contact":[{"organization":{"display":"a"}},{"organization":{"display":"b"}},{"name":{"text":"c"}}]"#,
            ),
            vec!["error structure Patient: Patient.contact:company: max allowed = 1, but found 2"],
        ),
    ] {
        assert_eq!(issues("patient", &text), expected, "{text}");
    }
    assert_eq!(
        issues("patient", &with("").replace(r#""photo":[{"title":"a"}],"#, "")),
        ["warning invariant Patient: Constraint failed: tp-2: 'A photo is nice'"]
    );
}

#[test]
fn slices_are_told_apart_by_pattern_and_type() {
    let observation = |rest: &str| {
        format!(
            r#"{{"resourceType":"Observation","status":"final","code":{{"coding":[{{"code":"good"}}]}}{rest}}}"#
        )
    };
    const LAB: &str = r#","category":[{"coding":[{"system":"http://example.org/c","code":"lab"}]}]"#;
    for (text, expected) in [
        (observation(LAB), vec![]),
        (
            observation(&LAB.replace("\"lab\"", "\"other\"")),
            vec![
                "error structure Observation.category[0]: This element does not match any known slice of Observation.category",
                "error required Observation: Observation.category:lab: minimum required = 1, but only found 0",
            ],
        ),
        (
            observation(LAB).replace("good", "bad"),
            vec![
                "error code-invalid Observation.code: None of the codes is in the value set http://example.org/ValueSet/codes",
            ],
        ),
        (observation(&format!(r#"{LAB},"valueString":"a""#)), vec![]),
        (
            observation(&format!(r#"{LAB},"valueBoolean":true"#)),
            vec![
                "error structure Observation.value.ofType(boolean): The type boolean is not allowed here: Quantity, string",
            ],
        ),
        (
            observation(&format!(r#"{LAB},"valueQuantity":{{"value":1}}"#)),
            vec![
                "error required Observation.value.ofType(Quantity): Observation.value[x]:valueQuantity.unit: minimum required = 1, but only found 0",
            ],
        ),
    ] {
        assert_eq!(issues("observation", &text), expected, "{text}");
    }
}

#[test]
fn constraints_ask_for_value_sets_slices_and_other_profiles() {
    let identified = |value: &str, rest: &str| {
        format!(
            r#"{{"resourceType":"Patient","identifier":[{ONE},{{"system":"http://example.org/two","value":"{value}"}}]{rest}}}"#
        )
    };
    let spoken = |code: &str| {
        let coding = |code: &str| format!(r#"{{"system":"http://example.org/m","code":"{code}"}}"#);
        format!(
            r#","multipleBirthBoolean":true,"communication":[{{"language":{{"coding":[{},{}]}}}}]"#,
            coding(code),
            coding("below")
        )
    };
    const LINK: &str = r#","link":[{"other":{"display":"x"},"type":"refer"}]"#;
    for (text, expected) in [
        (identified("1", ""), vec![]),
        (identified("1", r#","maritalStatus":{"coding":[{"system":"http://s","code":"good"}]}"#), vec![]),
        (
            identified("1", r#","maritalStatus":{"coding":[{"system":"http://s","code":"bad"}]}"#),
            vec!["error invariant Patient: Constraint failed: as-1: 'It holds'"],
        ),
        (
            identified(
                "1",
                r#","contact":[{"relationship":[{"coding":[{"system":"http://s","code":"x"}]}]}]"#,
            ),
            vec![
                "warning not-found Patient: Constraint as-2 cannot be decided: not all vocabulary is known here",
            ],
        ),
        (
            identified("1", &format!(r#"{LINK},"photo":[{{"title":"a"}}]"#)),
            vec![
                "warning processing Patient: Constraint as-7 cannot be checked: http://example.org/StructureDefinition/patient has no slice 'three'",
            ],
        ),
        (
            identified("1", &format!(r#"{LINK},"birthDate":"2000""#)),
            vec!["error invariant Patient: Constraint failed: as-3: 'It holds'"],
        ),
        (
            format!(r#"{{"resourceType":"Patient","identifier":[{ONE},{ONE}]}}"#),
            vec!["error invariant Patient: Constraint failed: as-4: 'It holds'"],
        ),
        (identified("x", ""), vec!["error invariant Patient: Constraint failed: as-5: 'It holds'"]),
        (
            identified("1", r#","active":true"#),
            vec![
                "warning processing Patient: Constraint as-6 cannot be checked: there is no profile 'http://example.org/none'",
            ],
        ),
        (identified("1", &spoken("top")), vec![]),
        (
            identified("1", &spoken("low")),
            vec!["error invariant Patient: Constraint failed: as-8: 'It holds'"],
        ),
    ] {
        assert_eq!(issues("asking", &text), expected, "{text}");
    }
    let circular = issues("circular", r#"{"resourceType":"Patient"}"#);
    assert_eq!(circular.len(), 1, "{circular:?}");
    assert!(circular[0].starts_with("error"), "{circular:?}");
}

#[test]
fn a_profile_that_nobody_knows_is_named() {
    let unknown = guides().profile("http://example.org/none", None);
    assert_eq!(unknown.unwrap_err(), ProfileSetError::Unknown("http://example.org/none".to_owned()));
    let other = issues("observation", r#"{"resourceType":"Patient"}"#);
    assert_eq!(other.len(), 1);
    assert!(other[0].contains("is of Observation"), "{other:?}");
}
