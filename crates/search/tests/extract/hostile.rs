//! Extraction of what no validation has seen: any JSON in any place gives entries or an error, never a panic.

use super::{entries_of, examples};
use serde_json::{Value as Json, json};

/// What is put in the place of a value: every kind of JSON, and texts at the edges of formats.
fn replacements() -> Vec<Json> {
    let nested = |depth: usize| (0..depth).fold(json!("x"), |inner, _| json!([inner]));
    vec![
        json!(null),
        json!(true),
        json!(-1e308),
        json!(""),
        json!("#"),
        json!("|"),
        json!("/_history/"),
        json!("Patient/_history/1"),
        json!("http://"),
        json!("9999-12-31T23:59:60.999999999+14:00"),
        json!("é\u{0}\u{10ffff}"),
        json!([]),
        json!({}),
        json!([[{}], null, {"value": [1]}]),
        json!({"coding": {"code": {}}, "reference": 1, "value": "1", "start": [], "extension": {"url": []}}),
        nested(60),
    ]
}

/// How many values there are in a document, itself included.
fn count(json: &Json) -> usize {
    1 + match json {
        Json::Array(items) => items.iter().map(count).sum(),
        Json::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

/// Replaces the value of number `at`, counted from the whole document.
fn replace(json: &mut Json, at: &mut usize, by: &Json) -> bool {
    if *at == 0 {
        *json = by.clone();
        return true;
    }
    *at -= 1;
    match json {
        Json::Array(items) => items.iter_mut().any(|item| replace(item, at, by)),
        Json::Object(members) => members.values_mut().any(|value| replace(value, at, by)),
        _ => false,
    }
}

#[test]
fn no_value_in_no_place_makes_extraction_panic() {
    const PLACES_PER_EXAMPLE: usize = 8;
    let replacements = replacements();
    let (mut tried, mut step) = (0_usize, 0_usize);
    for line in examples::examples().iter().filter(|line| line.len() < 20_000) {
        let json: Json = serde_json::from_str(line).unwrap();
        let values = count(&json);
        for _ in 0..PLACES_PER_EXAMPLE {
            // Steps that share no factor with most sizes reach all places and replacements in turn.
            step += 7919;
            let by = &replacements[step / 31 % replacements.len()];
            let mut changed = json.clone();
            replace(&mut changed, &mut (1 + step % values), by);
            let text = changed.to_string();
            if fhir::Resource::parse_slice(text.as_bytes()).is_ok() {
                tried += usize::from(entries_of(&text).is_ok());
            }
        }
    }
    assert!(tried > 4_000, "{tried}");
}
