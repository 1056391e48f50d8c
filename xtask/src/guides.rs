//! Turns FHIR packages into the guides that come along: their definitions without what only people read, in
//! `crates/guides/data`.

use anyhow::{Context, Result, bail};
use flate2::read::GzDecoder;
use serde_json::{Map, Value};
use std::io::Read;
use std::path::Path;

const FOLDER: &str = "crates/guides/data";

/// The types whose resources are taken.
const TYPES: [&str; 4] = ["CodeSystem", "ConceptMap", "StructureDefinition", "ValueSet"];

/// Members of any definition that only people read.
const ROOT_LEFT_OUT: [&str; 8] =
    ["contact", "jurisdiction", "keyword", "mapping", "publisher", "purpose", "text", "useContext"];

/// Members of an element that nothing is judged by.
const ELEMENT_LEFT_OUT: [&str; 13] = [
    "alias",
    "code",
    "comment",
    "definition",
    "example",
    "isModifierReason",
    "isSummary",
    "label",
    "mapping",
    "meaningWhenMissing",
    "mustSupport",
    "requirements",
    "short",
];

/// Writes the guides whose archives `arguments` name.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    if arguments.is_empty() {
        bail!("usage: cargo xtask guides PATH_TO_TGZ…");
    }
    arguments.iter().try_for_each(|tgz| {
        write(&root.join(FOLDER), Path::new(tgz)).with_context(|| format!("the guide {tgz}"))
    })
}

fn write(folder: &Path, tgz: &Path) -> Result<()> {
    let mut archive = tar::Archive::new(GzDecoder::new(std::fs::File::open(tgz)?));
    let (mut manifest, mut definitions) = (None, Vec::new());
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        let Some(name) = path.strip_prefix("package/").filter(|name| name.ends_with(".json")) else {
            continue;
        };
        if name.contains('/') || name.starts_with('.') {
            continue;
        }
        let mut text = String::new();
        entry.read_to_string(&mut text)?;
        let value: Value = serde_json::from_str(&text)?;
        if name == "package.json" {
            manifest = Some(value);
        } else if TYPES.iter().any(|of| value["resourceType"] == *of) && value["url"].is_string() {
            definitions.push((name.to_owned(), value));
        }
    }
    let manifest = manifest.context("there is no package.json")?;
    definitions.sort_by(|one, other| one.0.cmp(&other.0));
    let (mut index, mut contents) = (format!("{manifest}\n"), Vec::new());
    for (_, mut definition) in definitions {
        reduce(&mut definition);
        let start = contents.len();
        contents.extend_from_slice(definition.to_string().as_bytes());
        let text = |name: &str| definition[name].as_str().unwrap_or_default().to_owned();
        let (of, url, version) = (text("resourceType"), text("url"), text("version"));
        index.push_str(&format!("{start}\t{}\t{of}\t{url}\t{version}\n", contents.len()));
        contents.push(b'\n');
    }
    let text = |name: &str| manifest[name].as_str().context("package.json has a name and a version");
    let key = format!("{}@{}", text("name")?, text("version")?);
    std::fs::write(folder.join(format!("{key}.index")), index)?;
    std::fs::write(folder.join(format!("{key}.zst")), zstd::bulk::compress(&contents, 19)?)?;
    Ok(())
}

fn reduce(definition: &mut Value) {
    let Some(root) = definition.as_object_mut() else { return };
    leave_out(root, &ROOT_LEFT_OUT);
    for part in ["snapshot", "differential"] {
        let elements =
            root.get_mut(part).and_then(|part| part.get_mut("element")).and_then(Value::as_array_mut);
        elements.into_iter().flatten().filter_map(Value::as_object_mut).for_each(|element| {
            leave_out(element, &ELEMENT_LEFT_OUT);
            let constraints = element.get_mut("constraint").and_then(Value::as_array_mut);
            let constraints = constraints.into_iter().flatten().filter_map(Value::as_object_mut);
            constraints.for_each(|constraint| leave_out(constraint, &["requirements", "source", "xpath"]));
        });
    }
}

fn leave_out(object: &mut Map<String, Value>, names: &[&str]) {
    object.retain(|name, _| !names.contains(&name.trim_start_matches('_')));
}
