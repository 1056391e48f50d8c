//! Writes the types of the standard and their elements.

use super::package::{Package, items, text};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::{collections::BTreeMap, fmt::Write};

/// How the table reads.
pub(crate) const FORMAT: &str = "\
A type is a line `KIND NAME BASE`, where KIND is resource, complex, backbone, primitive or abstract
and BASE is - for none; a primitive has two more fields: its JSON kind, and the regular expression
that its text matches in full (to the end of the line; empty if there is none).
Below it stand the elements it adds to its base or changes, one to a line, each with a leading space:
` NAME MIN..MAX TYPE... [in VALUESET] [Σ] [?!]`, where NAME ends in [x] for a choice of types, TYPE may list
its targets (Reference(Patient|Group)), VALUESET is what a required binding binds to (below
http://hl7.org/fhir/ValueSet/ unless it is a whole URL), Σ marks a summary element, ?! a modifier.
A TYPE with a dot in it is a backbone, also where the standard refers to another element's content.";

/// Where value sets of the standard live; left out in the tables.
pub(crate) const VALUE_SETS: &str = "http://hl7.org/fhir/ValueSet/";

#[derive(Default)]
struct Type {
    head: String,
    base: String,
    lines: Vec<(String, String)>,
}

/// The whole table.
pub(crate) fn table(package: &Package) -> anyhow::Result<String> {
    let mut types = BTreeMap::new();
    for definition in specializations(package) {
        add_type(definition, &mut types)?;
    }
    let mut out = String::new();
    for (name, this) in &types {
        let inherited = inherited(&this.base, &types);
        writeln!(out, "{}", this.head)?;
        for (element, line) in &this.lines {
            if inherited.get(element.as_str()) != Some(&line.as_str()) {
                writeln!(out, " {element} {line}")?;
            }
        }
        ensure!(this.base == "-" || types.contains_key(&this.base), "{name}: no such base {}", this.base);
    }
    Ok(out)
}

/// The types themselves: no profiles, no logical models.
pub(crate) fn specializations(package: &Package) -> impl Iterator<Item = &Value> {
    package.all("StructureDefinition").filter(|definition| {
        text(definition, "derivation") != "constraint" && text(definition, "kind") != "logical"
    })
}

fn inherited<'a>(base: &str, types: &'a BTreeMap<String, Type>) -> BTreeMap<&'a str, &'a str> {
    let Some(base) = types.get(base) else { return BTreeMap::new() };
    let mut lines = inherited(&base.base, types);
    lines.extend(base.lines.iter().map(|(name, line)| (name.as_str(), line.as_str())));
    lines
}

fn add_type(definition: &Value, types: &mut BTreeMap<String, Type>) -> anyhow::Result<()> {
    let name = text(definition, "type");
    let elements = items(&definition["snapshot"], "element");
    let base = last_segment(text(definition, "baseDefinition"));
    let kind = match (text(definition, "kind"), definition["abstract"].as_bool()) {
        ("primitive-type", _) => "primitive",
        (_, Some(true)) => "abstract",
        ("complex-type", _) => "complex",
        (_, _) => "resource",
    };
    let mut head = format!("{kind} {name} {base}");
    if kind == "primitive" {
        write!(head, " {} {}", json_kind(name), regex(elements))?;
    }
    types.insert(name.to_owned(), Type { head, base: base.to_owned(), lines: Vec::new() });
    for element in elements.iter().skip(1) {
        let (owner, member) = text(element, "path").rsplit_once('.').context("an element has an owner")?;
        if kind == "primitive" && !matches!(member, "id" | "extension") || text(element, "max") == "0" {
            continue;
        }
        let line = element_line(element, types)?;
        types
            .get_mut(owner)
            .with_context(|| format!("{owner} comes before {member}"))?
            .lines
            .push((member.to_owned(), line));
    }
    Ok(())
}

/// All but the name; declares the backbone that the element opens.
fn element_line(element: &Value, types: &mut BTreeMap<String, Type>) -> anyhow::Result<String> {
    let path = text(element, "path");
    let mut line = format!("{}..{}", element["min"].as_u64().context("a minimum")?, text(element, "max"));
    if let Some(reference) = element["contentReference"].as_str() {
        write!(line, " {}", reference.trim_start_matches('#'))?;
    }
    for of in items(element, "type") {
        match text(of, "code") {
            base @ ("BackboneElement" | "Element") => {
                let head = format!("backbone {path} {base}");
                types.insert(path.to_owned(), Type { head, base: base.to_owned(), lines: Vec::new() });
                write!(line, " {path}")?;
            }
            _ => write!(line, " {}", type_text(element, of))?,
        }
    }
    if text(&element["binding"], "strength") == "required" {
        write!(line, " in {}", value_set(element).trim_start_matches(VALUE_SETS))?;
    }
    if element["isSummary"].as_bool() == Some(true) {
        line.push_str(" Σ");
    }
    if element["isModifier"].as_bool() == Some(true) {
        line.push_str(" ?!");
    }
    Ok(line)
}

fn type_text(element: &Value, of: &Value) -> String {
    let code = text(of, "code");
    let base_path = text(&element["base"], "path");
    if code.starts_with("http://hl7.org/fhirpath/") {
        // The snapshots name FHIRPath's types here; these are the types that the standard's pages show.
        return match base_path {
            "Resource.id" => "id",
            "Extension.url" => "uri",
            _ => "string",
        }
        .to_owned();
    }
    let targets: Vec<&str> =
        items(of, "targetProfile").iter().filter_map(Value::as_str).map(last_segment).collect();
    if targets.is_empty() { code.to_owned() } else { format!("{code}({})", targets.join("|")) }
}

/// The URL, without version, of the value set that an element is bound to.
pub(crate) fn value_set(element: &Value) -> &str {
    text(&element["binding"], "valueSet").split('|').next().unwrap_or_default()
}

fn last_segment(url: &str) -> &str {
    url.rsplit('/').next().filter(|segment| !segment.is_empty()).unwrap_or("-")
}

fn json_kind(primitive: &str) -> &'static str {
    match primitive {
        "boolean" => "boolean",
        "decimal" | "integer" | "positiveInt" | "unsignedInt" => "number",
        _ => "string",
    }
}

fn regex(elements: &[Value]) -> &str {
    let value = elements.iter().find(|element| text(element, "path").ends_with(".value"));
    let extensions = value.map_or(&[][..], |value| items(&value["type"][0], "extension"));
    extensions
        .iter()
        .find(|extension| text(extension, "url").ends_with("/regex"))
        .map_or("", |extension| text(extension, "valueString"))
}
