//! Agreement with HL7's Java validator on its own cases, as far as structure goes; and with damage, no panic.

use fhir::{Id, Level, Resource, ResourceKey, Time, body, emit, validate};
use proptest::prelude::*;

const CASES: &str = include_str!("../data/validator-cases.ndjson");

struct Case {
    name: String,
    valid: bool,
    text: String,
}

fn cases() -> Vec<Case> {
    let read = |line| serde_json::from_str::<serde_json::Value>(line).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let case = |of: serde_json::Value| Case {
        name: text(&of["name"]),
        valid: of["valid"].as_bool().unwrap(),
        text: text(&of["text"]),
    };
    CASES.lines().map(|line| case(read(line))).collect()
}

#[test]
fn what_the_reference_validator_says_of_structure_we_say_too() {
    for case in cases() {
        let valid = Resource::parse_slice(case.text.as_bytes())
            .is_ok_and(|resource| validate(&resource, Level::Strict).is_empty());
        assert_eq!(valid, case.valid, "{}", case.name);
    }
}

proptest! {
    #[test]
    fn damaged_resources_are_refused_or_validated_but_never_break_anything(
        case in any::<prop::sample::Index>(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..12_usize, "[\\[\\]{}\",:a0_\\\\ ]{0,3}"), 1..4),
        swap in any::<bool>(),
    ) {
        let cases = cases();
        let mut text = case.get(&cases).text.clone();
        for (at, length, put) in cuts {
            let start = text.floor_char_boundary(at.index(text.len()));
            let end = text.floor_char_boundary((start + length).min(text.len()));
            if swap {
                // Leaves most texts JSON: only what stands in quotes is touched.
                let Some(quote) = text[start..].find('"') else { continue };
                text.insert(start + quote + 1, 'x');
            } else {
                text.replace_range(start..end, &put);
            }
        }
        if let Ok(resource) = Resource::parse(text.into_bytes()) {
            let _ = validate(&resource, Level::Strict);
            let id = resource.id().cloned().unwrap_or_else(|| Id::parse("1").unwrap());
            let key = ResourceKey { of: resource.of(), id };
            let stored = body(&resource, &key.id);
            let mut out = Vec::new();
            emit(&key, &stored, 1, Time(0), &mut out);
            let back = Resource::parse(out).unwrap();
            prop_assert_eq!(body(&back, &key.id), stored);
        }
    }
}
