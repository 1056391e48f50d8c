//! Reads the definitions out of a FHIR npm package.

use anyhow::Context;
use flate2::read::GzDecoder;
use serde_json::Value;
use std::{collections::BTreeMap, fs::File, io::Read, path::Path};

/// The conformance resources of a package, by file name within their type.
pub(crate) struct Package {
    by_type: BTreeMap<String, BTreeMap<String, Value>>,
}

const WANTED: [&str; 5] =
    ["StructureDefinition", "ValueSet", "CodeSystem", "SearchParameter", "CompartmentDefinition"];

impl Package {
    /// Reads the `.tgz` that `npm pack` makes.
    pub(crate) fn read(tgz: &Path) -> anyhow::Result<Self> {
        let file = File::open(tgz).with_context(|| tgz.display().to_string())?;
        let mut archive = tar::Archive::new(GzDecoder::new(file));
        let mut by_type: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
        for entry in archive.entries()? {
            let mut entry = entry?;
            let path = entry.path()?.into_owned();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            let Some((kind, _)) = name.split_once('-').filter(|(kind, _)| WANTED.contains(kind)) else {
                continue;
            };
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            let value = serde_json::from_slice(&bytes).with_context(|| name.clone())?;
            by_type.entry(kind.to_owned()).or_default().insert(name, value);
        }
        Ok(Package { by_type })
    }

    /// Every definition of one resource type, in the order of file names.
    pub(crate) fn all(&self, of: &str) -> impl Iterator<Item = &Value> {
        self.by_type.get(of).into_iter().flat_map(BTreeMap::values)
    }

    /// The definitions of one resource type by their canonical URL.
    pub(crate) fn by_url(&self, of: &str) -> BTreeMap<&str, &Value> {
        self.all(of).map(|value| (text(value, "url"), value)).collect()
    }
}

/// The string member `name`, or nothing at all.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// The items of the array member `name`; none if it is absent.
pub(crate) fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

/// The strings of the array member `name`.
pub(crate) fn texts<'a>(value: &'a Value, name: &str) -> Vec<&'a str> {
    items(value, name).iter().filter_map(Value::as_str).collect()
}
