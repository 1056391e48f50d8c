//! Writes what the table of elements leaves out: constraints, bindings that are not required, narrowed types.

use super::elements::{VALUE_SETS, specializations, value_set};
use super::package::{Package, items, text, texts};
use anyhow::ensure;
use serde_json::Value;
use std::{collections::BTreeMap, fmt::Write};

/// How the table reads.
pub(crate) const FORMAT: &str = "\
What elements.txt leaves out. A line is a type or the path of an element; below it, with a leading space, its rules:
` constraint KEY SEVERITY HUMAN<tab>EXPRESSION`, ` bind STRENGTH VALUESET` (extensible, preferred or example; below
http://hl7.org/fhir/ValueSet/ unless it is a whole URL), ` profile TYPE URL`, ` max-length COUNT`,
` min TYPE JSON` and ` max TYPE JSON` (the least and greatest value).
Rules of an element that a type inherits unchanged stand with the type it inherits from. Left out, because it is
so everywhere: ele-1 of every element that is neither a resource nor of a type of FHIRPath, ext-1 of extensions.";

/// Per type its base and the rules of its elements by name; those of the type itself under the empty name.
type Types<'a> = BTreeMap<&'a str, (String, BTreeMap<&'a str, String>)>;

/// The whole table.
pub(crate) fn table(package: &Package) -> anyhow::Result<String> {
    let mut types = Types::new();
    for definition in specializations(package) {
        add_type(definition, &mut types)?;
    }
    let mut out = String::new();
    for (name, (base, elements)) in &types {
        for (element, rules) in elements {
            let inherited = inherited(base, element, &types);
            if element.is_empty() {
                write_new(&mut out, name, rules, inherited)?;
            } else if rules != inherited {
                write!(out, "{name}.{element}\n{rules}")?;
            }
        }
    }
    Ok(out)
}

/// A type has its base's constraints: only what it adds is written.
fn write_new(out: &mut String, name: &str, rules: &str, inherited: &str) -> anyhow::Result<()> {
    let new: Vec<&str> = rules.lines().filter(|line| !inherited.lines().any(|old| old == *line)).collect();
    if !new.is_empty() {
        write!(out, "{name}\n{}\n", new.join("\n"))?;
    }
    Ok(())
}

fn inherited<'a>(base: &str, element: &str, types: &'a Types<'_>) -> &'a str {
    let Some((above, elements)) = types.get(base) else { return "" };
    elements.get(element).map_or_else(|| inherited(above, element, types), String::as_str)
}

fn add_type<'a>(definition: &'a Value, types: &mut Types<'a>) -> anyhow::Result<()> {
    let base = text(definition, "baseDefinition").rsplit('/').next().unwrap_or_default();
    for element in items(&definition["snapshot"], "element") {
        let path = text(element, "path");
        let rules = rules(element, path.contains('.'))?;
        match path.rsplit_once('.') {
            None => {
                types.insert(path, (base.to_owned(), BTreeMap::from([("", rules)])));
            }
            Some((owner, name)) => {
                if let Some((_, elements)) = types.get_mut(owner) {
                    elements.insert(name, rules);
                }
            }
        }
        let codes: Vec<&str> = items(element, "type").iter().map(|of| text(of, "code")).collect();
        if let ([code @ ("BackboneElement" | "Element")], true) = (&codes[..], path.contains('.')) {
            types.insert(path, ((*code).to_owned(), BTreeMap::new()));
        }
    }
    Ok(())
}

fn rules(element: &Value, is_inner: bool) -> anyhow::Result<String> {
    let mut out = String::new();
    for constraint in items(element, "constraint") {
        let key = text(constraint, "key");
        if is_inner && matches!(key, "ele-1" | "ext-1") {
            continue;
        }
        let human = text(constraint, "human").split_whitespace().collect::<Vec<_>>().join(" ");
        let expression = text(constraint, "expression");
        ensure!(!expression.contains(['\n', '\t']), "{key}: its expression is one line");
        writeln!(out, " constraint {key} {} {human}\t{expression}", text(constraint, "severity"))?;
    }
    let binding = &element["binding"];
    if !matches!(text(binding, "strength"), "" | "required") {
        let value_set = value_set(element).trim_start_matches(VALUE_SETS);
        writeln!(out, "{}", format!(" bind {} {value_set}", text(binding, "strength")).trim_end())?;
    }
    for of in items(element, "type") {
        for profile in texts(of, "profile") {
            writeln!(out, " profile {} {profile}", text(of, "code"))?;
        }
        ensure!(items(of, "aggregation").is_empty(), "base types leave open how references reach");
    }
    if let Some(length) = element["maxLength"].as_u64() {
        writeln!(out, " max-length {length}")?;
    }
    for (name, value) in element.as_object().into_iter().flatten() {
        if let Some(of) = name.strip_prefix("minValue") {
            writeln!(out, " min {} {value}", of.to_lowercase())?;
        }
        if let Some(of) = name.strip_prefix("maxValue") {
            writeln!(out, " max {} {value}", of.to_lowercase())?;
        }
        ensure!(!name.starts_with("fixed") && !name.starts_with("pattern"), "base types fix no values");
    }
    Ok(out)
}
