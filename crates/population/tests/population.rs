//! What must hold of every population: the same bytes for the same seed, references that resolve, all types, and
//! figures that a person would believe.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use fhir::{Document, Json, Kind};
use population::{Chart, Population};

/// 2026-01-01T00:00:00Z.
const AS_OF_S: i64 = 1_767_225_600;
const TYPES: [&str; 21] = [
    "AllergyIntolerance",
    "CarePlan",
    "CareTeam",
    "Claim",
    "Condition",
    "Device",
    "DiagnosticReport",
    "Encounter",
    "ExplanationOfBenefit",
    "ImagingStudy",
    "Immunization",
    "Location",
    "MedicationAdministration",
    "MedicationRequest",
    "Observation",
    "Organization",
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Procedure",
    "Provenance",
];

fn population() -> Population {
    Population::new(7, AS_OF_S)
}

fn parse(json: &[u8]) -> Document {
    Document::parse_slice(json)
        .unwrap_or_else(|error| panic!("{error:?} in {}", String::from_utf8_lossy(json)))
}

fn text(json: Json<'_>, path: &[&str]) -> Option<String> {
    let mut at = json;
    for name in path {
        at = match at.kind() {
            Kind::Array => at.items().next()?.get(name)?,
            _ => at.get(name)?,
        };
    }
    at.as_str().map(|text| text.into_owned())
}

fn references(json: Json<'_>, found: &mut Vec<String>) {
    for (name, value) in json.members() {
        if &*name.as_str() == "reference" {
            found.extend(value.as_str().map(|text| text.into_owned()));
        }
        references(value, found);
    }
    for item in json.items() {
        references(item, found);
    }
}

fn keys(chart: &Chart) -> BTreeSet<String> {
    let key = |(of, json): (&str, &[u8])| format!("{of}/{}", text(parse(json).root(), &["id"]).unwrap());
    let keys: BTreeSet<_> = chart.resources().map(key).collect();
    assert_eq!(keys.len(), chart.len(), "no identity is used twice");
    keys
}

#[test]
fn the_same_seed_gives_the_same_bytes_in_any_order() {
    let (one, other) = (population(), population());
    let forwards: Vec<_> = (0..20).map(|number| one.patient(number)).collect();
    for number in (0..20).rev() {
        assert!(other.patient(number).resources().eq(forwards[number as usize].resources()));
    }
    assert!(one.community().resources().eq(other.community().resources()));
    assert!(!Population::new(8, AS_OF_S).patient(0).resources().eq(forwards[0].resources()));
}

#[test]
fn every_reference_resolves_and_every_identity_is_unique() {
    let population = population();
    let shared = keys(&population.community());
    let mut all = shared.clone();
    for number in 0..150 {
        let chart = population.patient(number);
        let own = keys(&chart);
        for (_, json) in chart.resources() {
            let mut found = Vec::new();
            references(parse(json).root(), &mut found);
            for reference in found {
                let resolves =
                    reference.starts_with('#') || own.contains(&reference) || shared.contains(&reference);
                assert!(resolves, "{reference} in {}", String::from_utf8_lossy(json));
            }
        }
        let before = all.len();
        all.extend(own.iter().cloned());
        assert_eq!(all.len(), before + own.len(), "patients do not share what is theirs");
    }
    for (_, json) in population.community().resources() {
        let mut found = Vec::new();
        references(parse(json).root(), &mut found);
        assert!(found.iter().all(|reference| shared.contains(reference)));
    }
}

#[test]
fn all_types_are_there_in_plausible_numbers() {
    let population = population();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (of, _) in population.community().resources() {
        *counts.entry(of).or_default() += 1;
    }
    let patients = 300;
    let mut total = 0;
    for number in 0..patients {
        let chart = population.patient(number);
        total += chart.len();
        for (of, json) in chart.resources() {
            assert!(json.len() < 100_000 && !json.contains(&b'\n'), "a line holds a resource");
            *counts.entry(of).or_default() += 1;
        }
    }
    eprintln!("{total} resources of {patients} patients: {counts:?}");
    assert!(TYPES.iter().all(|of| counts.contains_key(of)) && counts.len() == TYPES.len(), "{counts:?}");
    assert!(
        (150..=300).contains(&(total / patients as usize)),
        "{} resources a patient",
        total / patients as usize
    );
}

#[test]
fn people_are_as_old_and_as_ill_as_people_are() {
    let population = population();
    let (mut female, mut dead, mut old, mut old_with_hypertension, mut young_with_hypertension) =
        (0, 0, 0, 0, 0);
    for number in 0..600 {
        let chart = population.patient(number);
        let documents: Vec<_> = chart.resources().map(|(of, json)| (of, parse(json))).collect();
        let patient = documents[0].1.root();
        female += usize::from(text(patient, &["gender"]).as_deref() == Some("female"));
        dead += usize::from(patient.get("deceasedDateTime").is_some());
        let birth = text(patient, &["birthDate"]).unwrap();
        let hypertension = documents.iter().any(|(of, document)| {
            *of == "Condition"
                && text(document.root(), &["code", "coding", "code"]).as_deref() == Some("59621000")
        });
        if birth.as_str() < "1966" {
            old += 1;
            old_with_hypertension += usize::from(hypertension);
        } else if birth.as_str() > "1996" {
            young_with_hypertension += usize::from(hypertension);
        }
    }
    assert!((255..=355).contains(&female), "{female} of 600 are women");
    assert!((10..=90).contains(&dead), "{dead} of 600 have died");
    assert!(old_with_hypertension * 100 / old > 25, "{old_with_hypertension} of {old} over 60");
    assert!(young_with_hypertension < 25, "{young_with_hypertension} under 30");
}

#[test]
fn nothing_lies_in_the_future_or_after_a_death() {
    let population = population();
    for number in 0..200 {
        let chart = population.patient(number);
        let mut last = "2026-01-01T00:00:00-05:00".to_owned();
        for (of, json) in chart.resources() {
            let document = parse(json);
            let root = document.root();
            if let Some(death) = text(root, &["deceasedDateTime"]) {
                last = death;
            }
            if of == "Encounter" {
                assert!(text(root, &["period", "end"]).unwrap() <= last, "{}", String::from_utf8_lossy(json));
            }
        }
    }
}

#[test]
fn every_resource_is_valid() {
    let population = population();
    let charts =
        std::iter::once(population.community()).chain((0..200).map(|number| population.patient(number)));
    for chart in charts {
        for (_, json) in chart.resources() {
            let resource = fhir::Resource::parse_slice(json).unwrap();
            let issues = fhir::validate(&resource, fhir::Level::Strict);
            assert!(issues.is_empty(), "{issues:?} in {}", String::from_utf8_lossy(json));
        }
    }
}
