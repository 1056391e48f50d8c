//! Extraction over the standard's examples, compared with an independent FHIRPath engine.
//!
//! `tests/js/search_parameters.mjs` evaluates every search parameter's expression over the same examples, and over the
//! resources of `exercised.ndjson` for parameters that no example exercises; `oracle.txt` holds what it found.

use std::collections::{BTreeMap, BTreeSet};

use super::{entries_of, examples::examples, param};
use fhir::{ParameterKind, Resource, ResourceType, SearchParameterDefinition, definitions};
use search::{QuantityValue, Target, Value};

const ORACLE: &str = include_str!("../data/oracle.txt");
const EXERCISED: &str = include_str!("../data/exercised.ndjson");

/// Parameters that differ. FHIRPath's `as uri` takes a canonical too, which is a kind of uri; but R4 has `source` and
/// `target` for the canonicals of a ConceptMap beside `source-uri` and `target-uri`, so these are about uris alone.
const EXCEPTIONS: [&str; 2] = ["ConceptMap source-uri", "ConceptMap target-uri"];

fn range(low: f64, high: f64) -> String {
    format!("{:016x}..{:016x}", low.to_bits(), high.to_bits())
}

fn text(text: Option<&str>) -> &str {
    text.unwrap_or_default()
}

/// A value as the script writes it. The engine does not know which system a binding implies, so that of a plain
/// `code` is left out.
fn written(value: Value<'_>, is_plain: bool) -> String {
    match value {
        Value::Token { code, .. } if is_plain => format!("t:|{}", text(code)),
        Value::Token { system, code } => format!("t:{}|{}", text(system), text(code)),
        Value::TokenText(words) => format!("x:{words}"),
        Value::TypedIdentifier { system, code, value } => format!("y:{}|{code}|{value}", text(system)),
        Value::String(words) => format!("s:{words}"),
        Value::Date(span) => format!("d:{}..{}", span.from.0, span.to.0),
        Value::Number { low, high } => format!("n:{}", range(low, high)),
        Value::Quantity(QuantityValue { low, high, system, code, unit, .. }) => {
            format!("q:{} {}|{}|{}", range(low, high), text(system), text(code), text(unit))
        }
        Value::Reference(Target::Local { of, id, version: Some(version) }) => {
            format!("r:{of}/{id}/_history/{version}")
        }
        Value::Reference(Target::Local { of, id, version: None }) => format!("r:{of}/{id}"),
        Value::Reference(Target::Url(url)) => format!("r:{url}"),
        Value::ReferenceIdentifier { system, value } => format!("i:{}|{}", text(system), text(value)),
        Value::Uri(uri) => format!("u:{uri}"),
        Value::Composite(parts) => {
            let parts: Vec<String> = parts.iter().map(|part| written(part, is_plain)).collect();
            format!("c:{}", parts.join(" $ "))
        }
    }
}

/// Whether all elements that a token parameter finds are codes.
fn finds_codes(definition: &SearchParameterDefinition, of: ResourceType) -> bool {
    let paths = definition.expression.split('|').map(str::trim);
    let mut own = paths.filter_map(|path| path.strip_prefix(of.name())?.strip_prefix('.')).peekable();
    own.peek().is_some()
        && own.all(|path| {
            let mut parent = definitions().resource(of);
            let mut steps = path.split('.').peekable();
            while let Some(step) = steps.next() {
                if steps.peek().is_none() {
                    return parent
                        .element(step)
                        .is_some_and(|last| last.types.iter().all(|one| one.name == "code"));
                }
                let Some(member) = parent.member(step) else { return false };
                parent = member.of;
            }
            false
        })
}

/// FNV-1a, 64 bits.
fn hash(lines: &BTreeSet<String>) -> u64 {
    let bytes = lines.iter().flat_map(|line| line.bytes().chain([b'\n']));
    bytes.fold(0xcbf2_9ce4_8422_2325, |state, byte| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What extraction finds: by type and code, the resources and their values.
fn extracted() -> BTreeMap<String, (BTreeSet<usize>, BTreeSet<String>)> {
    let mut found: BTreeMap<String, (BTreeSet<usize>, BTreeSet<String>)> = BTreeMap::new();
    let lines = examples().into_iter().chain(EXERCISED.lines().map(str::to_owned));
    for (number, line) in lines.enumerate() {
        let resource = Resource::parse_slice(line.as_bytes()).unwrap();
        let (of, id) = (resource.of(), resource.id().map_or("", |id| id.as_str()));
        let entries = entries_of(&line).unwrap();
        for definition in definitions().search_parameters_of(of) {
            if definition.expression.is_empty() || ["_id", "_lastUpdated"].contains(&&*definition.code) {
                continue;
            }
            let parameters = definitions().search_parameters();
            let mut parts = definition
                .components
                .iter()
                .flat_map(|part| parameters.iter().filter(|other| other.url == part.definition));
            let is_code =
                |one: &SearchParameterDefinition| one.kind == ParameterKind::Token && finds_codes(one, of);
            let is_plain = is_code(definition) || parts.any(is_code);
            let (resources, values) = found.entry(format!("{of} {}", definition.code)).or_default();
            for value in entries.of(param(&definition.code)) {
                let value = match (definition.kind, value) {
                    (ParameterKind::Special, Value::Composite(parts)) => {
                        let degrees: Vec<String> = parts
                            .iter()
                            .map(|part| {
                                written(part, false).split("..").last().unwrap_or_default().to_owned()
                            })
                            .collect();
                        format!("p:{}", degrees.join(" "))
                    }
                    (_, value) => written(value, is_plain),
                };
                resources.insert(number);
                values.insert(format!("{id}\t{value}"));
            }
        }
    }
    found
}

#[test]
fn an_independent_engine_finds_the_same_values_for_every_parameter() {
    let mut found = extracted();
    let mut wrong = Vec::new();
    for line in ORACLE.lines().filter(|line| !line.starts_with('#')) {
        let (key, expected) = line.match_indices(' ').nth(1).map(|(at, _)| line.split_at(at)).unwrap();
        let (resources, values) = found.remove(key).unwrap_or_default();
        let actual = format!(" {} {} {:016x}", resources.len(), values.len(), hash(&values));
        if actual != expected && !EXCEPTIONS.contains(&key) {
            let shown: Vec<&String> = values.iter().take(20).collect();
            wrong.push(format!("{key}: oracle{expected}, extraction{actual}\n  {shown:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    let left: Vec<&String> = found.keys().collect();
    assert!(left.is_empty(), "the oracle does not know {left:?}");
}

#[test]
fn every_parameter_is_exercised() {
    let unused: Vec<&str> = ORACLE.lines().filter(|line| line.split(' ').nth(2) == Some("0")).collect();
    assert!(unused.is_empty(), "{}", unused.join("\n"));
    let lines = ORACLE.lines().filter(|line| !line.starts_with('#')).count();
    assert!(lines > 1400, "{lines}");
}
