//! Writes the profiles and extensions of the standard: their differentials, without the texts for people.

use super::package::{Package, items, text};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// The members of an element that make rules.
const RULES: [&str; 12] = [
    "id",
    "path",
    "sliceName",
    "min",
    "max",
    "type",
    "contentReference",
    "binding",
    "constraint",
    "slicing",
    "maxLength",
    "isModifier",
];

/// The members of a definition that are kept, besides its URL and its differential.
const MEMBERS: [&str; 9] = [
    "version",
    "name",
    "kind",
    "abstract",
    "context",
    "contextInvariant",
    "type",
    "baseDefinition",
    "derivation",
];

/// A definition to a line, in the order of their URLs; each line begins with the type and the URL.
pub(crate) fn lines(package: &Package) -> anyhow::Result<String> {
    let mut out = String::new();
    for (url, definition) in package.by_url("StructureDefinition") {
        if text(definition, "derivation") != "constraint" {
            continue;
        }
        let mut kept = Map::new();
        for name in MEMBERS {
            if let Some(value) = definition.get(name) {
                kept.insert(name.to_owned(), without_texts(value));
            }
        }
        let elements = elements(definition);
        kept.insert("differential".to_owned(), json!({ "element": elements }));
        let rest = Value::Object(kept).to_string();
        writeln!(out, "{{\"resourceType\":\"StructureDefinition\",\"url\":{},{}", json!(url), &rest[1..])?;
    }
    Ok(out)
}

/// The elements of the differential. Where it speaks of one type of a choice (`valueQuantity`), what the published
/// snapshot says of the choice itself stands before it: whether other types are left cannot be told from the
/// differential.
fn elements(definition: &Value) -> Vec<Value> {
    let snapshot = items(&definition["snapshot"], "element");
    let mut elements: Vec<Value> = Vec::new();
    for changed in items(&definition["differential"], "element") {
        let choice = text(changed, "id").rsplit_once('.').and_then(|(owner, name)| {
            snapshot.iter().find(|known| {
                let stem = text(known, "id").strip_prefix(owner).and_then(|rest| rest.strip_prefix('.'));
                let stem = stem.and_then(|rest| rest.strip_suffix("[x]"));
                stem.is_some_and(|stem| !stem.contains('.') && name != stem && name.starts_with(stem))
            })
        });
        if let Some(choice) = choice.filter(|_| !text(changed, "path").ends_with("[x]"))
            && elements.iter().all(|known| known["id"] != choice["id"])
        {
            let mut said = json!({ "id": choice["id"], "path": choice["path"] });
            for name in ["type", "slicing"] {
                if let Some(value) = choice.get(name) {
                    said[name] = without_texts(value);
                }
            }
            elements.push(said);
        }
        elements.push(element(changed));
    }
    elements
}

fn element(element: &Value) -> Value {
    let members = element.as_object().into_iter().flatten();
    let kept = members.filter(|(name, _)| {
        RULES.contains(&name.as_str())
            || ["fixed", "pattern", "minValue", "maxValue"].iter().any(|value| name.starts_with(value))
    });
    Value::Object(kept.map(|(name, value)| (name.clone(), without_texts(value))).collect())
}

/// The value without extensions, descriptions and what else no rule needs.
fn without_texts(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, _)| {
                !matches!(name.as_str(), "extension" | "description" | "requirements" | "xpath" | "source")
            });
            Value::Object(kept.map(|(name, value)| (name.clone(), without_texts(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_texts).collect()),
        other => other.clone(),
    }
}
