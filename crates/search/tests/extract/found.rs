//! The two streams of the crate agree: what extraction indexes is found by the search that spells it out.

use super::{examples, extract_keyed};
use fhir::{Reference, ResourceKey, ResourceType, Time};
use search::{
    Context, Entries, Filter, Graph, Handling, ParamId, ParameterSet, Row, Target, Value, compile, registry,
};

/// No other resources.
struct Alone;

impl Graph for Alone {
    fn row(&self, _: &ResourceKey) -> Option<Row<'_>> {
        None
    }
    fn rows(&self, _: ResourceType) -> Box<dyn Iterator<Item = Row<'_>> + '_> {
        Box::new(std::iter::empty())
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if matches!(c, '\\' | ',' | '|' | '$') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The text that asks for exactly this value; `None` for values that only a modifier or a range finds.
fn asked(value: Value<'_>) -> Option<String> {
    Some(match value {
        Value::Token { system, code } => {
            format!("{}|{}", escaped(system.unwrap_or_default()), escaped(code.unwrap_or_default()))
        }
        Value::String(text) => escaped(text),
        Value::Date(span) if span.from == Time(i64::MIN) => "lt9999".to_owned(),
        Value::Date(span) => format!("ge{}", span.from.to_instant()),
        Value::Number { low, high } if low == high => low.to_string(),
        Value::Quantity(quantity) if quantity.low == quantity.high => {
            let code = quantity.code.or(quantity.unit).unwrap_or_default();
            let system = quantity.code.and(quantity.system).unwrap_or_default();
            match (system, code) {
                ("", "") => quantity.low.to_string(),
                // `|code` would ask for no system at all.
                ("", _) if quantity.system.is_some() => return None,
                _ => format!("{}|{}|{}", quantity.low, escaped(system), escaped(code)),
            }
        }
        Value::Reference(Target::Local { of, id, version }) => {
            let version = version.map(|version| format!("/_history/{version}")).unwrap_or_default();
            format!("{of}/{id}{version}")
        }
        Value::Reference(Target::Url(url)) => match Reference::parse(url) {
            Reference::Contained(_) | Reference::Conditional { .. } => return None,
            // A bare word asks for a resource of that id, not for an address.
            Reference::Malformed(_) => return None,
            _ => escaped(url),
        },
        Value::Uri(uri) => escaped(uri),
        Value::Composite(parts) => parts.iter().map(asked).collect::<Option<Vec<_>>>()?.join("$"),
        _ => return None,
    })
}

/// Whether `value` of `code` finds the resource; the words of the refusal if the search is refused.
fn finds(key: &ResourceKey, entries: &Entries, code: &str, value: &str) -> Result<bool, String> {
    let context = Context {
        of: key.of,
        parameters: &ParameterSet::r4(),
        vocabulary: &search::Vocabulary::new(),
        base: "http://here/r4",
        now: Time(0),
        handling: Handling::Strict,
    };
    let compiled = compile(&[(code, value)], &context).map_err(|errors| format!("{:?}", errors[0].reason))?;
    let filter: Filter = compiled.filter_of(key.of);
    Ok(filter.matches(Row { key, updated: Time(0), entries, within: None }, &Alone))
}

#[test]
fn every_entry_is_found_by_the_search_that_spells_it_out() {
    let near = registry().param("near").unwrap();
    let (mut searches, mut failures) = (0, Vec::new());
    for line in examples::examples() {
        let (key, entries) = extract_keyed(&line).unwrap();
        for (param, value) in entries.iter() {
            if param.0 < ParamId::FIRST_CODE || param == near {
                continue;
            }
            let code = registry().code(param).unwrap();
            let Some(text) = asked(value) else { continue };
            searches += 1;
            let found = finds(&key, &entries, code, &text);
            if found != Ok(true) {
                failures.push(format!("{key}?{code}={text}: {found:?}"));
            }
        }
    }
    failures.dedup();
    assert!(
        failures.is_empty(),
        "{} of {searches}: {:#?}",
        failures.len(),
        &failures[..failures.len().min(40)]
    );
    assert!(searches > 8_000, "{searches}");
}
