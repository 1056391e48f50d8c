//! Extraction over the standard's examples, compared with a second, simpler reading of the same expressions.
//!
//! The second reading knows plain paths and casts only, goes through `serde_json`, tells data types apart by
//! the members they have, and counts facts; so it shares neither code nor tables with extraction.

use super::{entries_of, param};
use fhir::{ParameterKind, Resource, definitions};
use search::{Entries, Value};
use serde_json::Value as Json;

const EXAMPLES: &[u8] = include_bytes!("../../../fhir/tests/data/examples.ndjson.zst");

pub(super) fn examples() -> Vec<String> {
    let text = String::from_utf8(zstd::decode_all(EXAMPLES).unwrap()).unwrap();
    // A few examples are not even resources by the rules of ids; the fhir crate lists them.
    text.lines().filter(|line| Resource::parse_slice(line.as_bytes()).is_ok()).map(str::to_owned).collect()
}

/// Where the second reading is wrong: a `scheduledString` looks like a date and is none.
const MISREAD: [&str; 3] =
    ["CarePlan/f001 activity-date", "CarePlan/f002 activity-date", "CarePlan/f003 activity-date"];

/// The steps of one alternative and the type it casts to; `None` if it is more than a path and a cast.
fn plain(alternative: &str) -> Option<(Vec<&str>, Option<&str>)> {
    let inner = alternative.trim().trim_start_matches('(').trim_end_matches(')');
    let (path, cast) = match inner.split_once(" as ") {
        Some((path, cast)) => (path, Some(cast)),
        None => match inner.split_once(".as(") {
            Some((path, cast)) => (path, Some(cast)),
            None => (inner, None),
        },
    };
    let is_plain = path.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
    is_plain.then(|| (path.split('.').collect(), cast))
}

/// What a path leads to, arrays flattened.
fn follow<'j>(json: &'j Json, steps: &[&str], cast: Option<&str>, found: &mut Vec<&'j Json>) {
    if let Json::Array(items) = json {
        return items.iter().for_each(|item| follow(item, steps, cast, found));
    }
    let [step, rest @ ..] = steps else {
        if !json.is_null() {
            found.push(json);
        }
        return;
    };
    let Some(members) = json.as_object() else { return };
    for (name, value) in members {
        let Some(ending) = name.strip_prefix(step) else { continue };
        let is_chosen = !members.contains_key(*step)
            && ending.starts_with(|c: char| c.is_ascii_uppercase())
            && is_type(ending);
        let is_wanted = match cast {
            Some(cast) if rest.is_empty() => is_chosen && ending.eq_ignore_ascii_case(cast),
            _ => ending.is_empty() || is_chosen,
        };
        if is_wanted {
            follow(value, rest, cast, found);
        }
    }
}

fn is_type(name: &str) -> bool {
    let mut lower = name.to_owned();
    lower[..1].make_ascii_lowercase();
    definitions().type_named(name).is_some() || definitions().type_named(&lower).is_some()
}

/// How many facts an element is, going by its members.
fn facts(kind: ParameterKind, json: &Json) -> usize {
    let has = |name: &str| json.get(name).is_some();
    let is_code = |coding: &&Json| coding.get("system").is_some() || coding.get("code").is_some();
    match kind {
        ParameterKind::Token if json.is_string() || json.is_boolean() => 1,
        ParameterKind::Token if has("coding") => {
            json["coding"].as_array().unwrap().iter().filter(is_code).count()
        }
        ParameterKind::Token => {
            // A system alone makes an Identifier or a Coding, but not a ContactPoint, whose systems are words.
            let is_url = |system: &Json| system.as_str().is_some_and(|system| system.contains(':'));
            usize::from(has("value") || has("code") || json.get("system").is_some_and(is_url))
        }
        // A choice may also be words.
        ParameterKind::Date if json.is_string() => {
            usize::from(json.as_str().unwrap().starts_with(|c: char| c.is_ascii_digit()))
        }
        ParameterKind::Date => usize::from(
            ["start", "end", "event"].into_iter().any(has) || json["repeat"].get("boundsPeriod").is_some(),
        ),
        ParameterKind::Number => usize::from(json.is_number() || has("low") || has("high")),
        ParameterKind::Quantity => usize::from(
            ["value", "low", "high"].into_iter().any(has) || json["origin"].get("value").is_some(),
        ),
        ParameterKind::Reference if json.is_string() => 1 + usize::from(json.as_str().unwrap().contains('|')),
        ParameterKind::Reference => usize::from(has("reference")) + usize::from(has("identifier")),
        ParameterKind::Uri => 1 + usize::from(json.as_str().unwrap().contains('|')),
        _ => 0,
    }
}

/// How many facts extraction found that the second reading counts too.
fn counted(entries: &Entries, code: &str) -> usize {
    let is_counted =
        |value: &Value<'_>| !matches!(value, Value::TokenText(_) | Value::TypedIdentifier { .. });
    entries.of(param(code)).filter(is_counted).count()
}

#[test]
fn the_standards_examples_give_as_many_entries_as_a_simpler_reading() {
    let (mut compared, mut facts_found, mut failures) = (0, 0, Vec::new());
    for line in examples() {
        let resource = Resource::parse_slice(line.as_bytes()).unwrap();
        let json: Json = serde_json::from_str(&line).unwrap();
        let entries = entries_of(&line).unwrap();
        for definition in definitions().search_parameters_of(resource.of()) {
            let skipped = ["_id", "_lastUpdated"].contains(&&*definition.code);
            let is_counted = !matches!(
                definition.kind,
                ParameterKind::String | ParameterKind::Composite | ParameterKind::Special
            );
            if skipped || !is_counted || definition.expression.is_empty() {
                continue;
            }
            let of = resource.of().name();
            let mine = definition.expression.split('|').filter(|it| {
                let head = it.trim().trim_start_matches('(').split('.').next().unwrap_or_default();
                [of, "Resource", "DomainResource"].contains(&head)
            });
            let Some(paths) = mine.map(plain).collect::<Option<Vec<_>>>() else { continue };
            let mut found = Vec::new();
            paths.iter().for_each(|(steps, cast)| follow(&json, &steps[1..], *cast, &mut found));
            let expected: usize = found.iter().map(|json| facts(definition.kind, json)).sum();
            let actual = counted(&entries, &definition.code);
            compared += 1;
            facts_found += actual;
            let what = format!("{of}/{} {}", json["id"].as_str().unwrap_or_default(), definition.code);
            if actual != expected && !MISREAD.contains(&what.as_str()) {
                failures.push(format!("{what}: {actual} instead of {expected}"));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {compared}: {failures:#?}", failures.len());
    assert!(compared > 10_000 && facts_found > 5_000, "{compared} compared, {facts_found} found");
}
