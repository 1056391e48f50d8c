//! Extraction, by cases as data and over the standard's examples.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod examples;
mod found;
mod hostile;
mod oracle;

use fhir::{Id, Resource, ResourceKey, Time};
use search::{
    Entries, ExtractError, Extractor, ParamId, ParameterSet, QuantityValue, Target, Value, registry,
};

fn entries_of(json: &str) -> Result<Entries, ExtractError> {
    Ok(extract_keyed(json)?.1)
}

fn extract_keyed(json: &str) -> Result<(ResourceKey, Entries), ExtractError> {
    let resource = Resource::parse_slice(json.as_bytes()).unwrap();
    let id = resource.id().cloned().unwrap_or_else(|| Id::parse("none").unwrap());
    let key = ResourceKey { of: resource.of(), id };
    let mut entries = Entries::new();
    Extractor::new("http://here/r4/", &ParameterSet::r4()).extract(&resource, &key, &mut entries)?;
    Ok((key, entries))
}

fn param(code: &str) -> ParamId {
    match code {
        "compartment" => ParamId::COMPARTMENT,
        "listed" => ParamId::LISTED,
        "contained" => ParamId::CONTAINED,
        code => registry().param(code).unwrap(),
    }
}

fn show(value: Value<'_>) -> String {
    let pair = |system: Option<&str>, code: Option<&str>| {
        format!("{}|{}", system.unwrap_or_default(), code.unwrap_or_default())
    };
    match value {
        Value::Token { system, code } => format!("token {}", pair(system, code)),
        Value::TokenText(text) => format!("text {text}"),
        Value::TypedIdentifier { system, code, value } => {
            format!("typed {}|{value}", pair(system, Some(code)))
        }
        Value::String(text) => format!("string {}", text.replace('\n', "\\n")),
        Value::Date(span) => format!("date {} {}", time(span.from), time(span.to)),
        Value::Number { low, high } => format!("number {}", range(low, high)),
        Value::Quantity(quantity) => show_quantity(quantity),
        Value::Reference(Target::Local { of, id, version }) => {
            let version = version.map(|version| format!("/_history/{version}")).unwrap_or_default();
            format!("reference {of}/{id}{version}")
        }
        Value::Reference(Target::Url(url)) => format!("url {url}"),
        Value::ReferenceIdentifier { system, value } => format!("identifier {}", pair(system, value)),
        Value::Uri(uri) => format!("uri {uri}"),
        Value::Composite(parts) => {
            format!("composite {}", parts.iter().map(show).collect::<Vec<_>>().join(" & "))
        }
    }
}

fn show_quantity(quantity: QuantityValue<'_>) -> String {
    let QuantityValue { low, high, system, code, unit, canonical } = quantity;
    let unit = unit.map(|unit| format!(" {unit}")).unwrap_or_default();
    let canonical =
        canonical.map(|it| format!(" = {} {}", range(it.low, it.high), it.unit)).unwrap_or_default();
    let (system, code) = (system.unwrap_or_default(), code.unwrap_or_default());
    format!("quantity {} {system}|{code}{unit}{canonical}", range(low, high))
}

fn range(low: f64, high: f64) -> String {
    if low == high { low.to_string() } else { format!("{low}..{high}") }
}

fn time(time: Time) -> String {
    if matches!(time.0, i64::MIN | i64::MAX) { "open".to_owned() } else { time.to_instant() }
}

#[test]
fn resources_become_the_entries_that_the_cases_say() {
    let cases = include_str!("../cases/extract.txt");
    let mut failures = String::new();
    for case in cases.split("\n== ").skip(1) {
        let mut lines = case.lines().filter(|line| !line.is_empty());
        let (claim, json) = (lines.next().unwrap(), lines.next().unwrap());
        let expected: Vec<&str> = lines.collect();
        let entries = entries_of(json).unwrap();
        let mut found = Vec::new();
        let mut seen = Vec::new();
        for code in expected.iter().map(|line| line.split(' ').next().unwrap()) {
            if seen.contains(&code) {
                continue;
            }
            seen.push(code);
            let values: Vec<String> =
                entries.of(param(code)).map(|it| format!("{code} {}", show(it))).collect();
            found.extend(if values.is_empty() { vec![format!("{code} none")] } else { values });
        }
        if found != expected {
            failures += &format!("{claim}\nexpected {expected:#?}\nfound {found:#?}\n");
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn a_resource_whose_codes_and_values_multiply_beyond_the_limit_is_refused() {
    let observation = |codes: usize| {
        let coding = vec![r#"{"code":"c"}"#; codes].join(",");
        let concept = format!(r#"{{"coding":[{coding}]}}"#);
        format!(
            r#"{{"resourceType":"Observation","id":"1","code":{concept},"valueCodeableConcept":{concept}}}"#
        )
    };
    // Two composite parameters pair the codes of the whole resource: 2 x 70 x 70 is below 10,000.
    assert!(entries_of(&observation(70)).is_ok());
    assert_eq!(entries_of(&observation(71)).err(), Some(ExtractError::TooManyComposites));
}
