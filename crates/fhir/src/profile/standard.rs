//! The profiles and extensions that the standard itself brings, read from their committed differentials.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::base::STANDARD;
use super::{DefinitionSource, Pool, SnapshotError, StructureDefinition, base_definition, generate};
use crate::Resource;

/// What each line begins with, up to the URL.
const LINE_HEAD: &str = "{\"resourceType\":\"StructureDefinition\",\"url\":\"";

static LINES: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let table = include_str!("../../data/profiles.ndjson");
    let url = |line: &'static str| line.strip_prefix(LINE_HEAD)?.split('"').next();
    table.lines().filter_map(|line| Some((url(line)?, line))).collect()
});

static READ: LazyLock<Mutex<HashMap<&'static str, Arc<StructureDefinition>>>> = LazyLock::new(Mutex::default);

/// The standard's definitions only: its types, profiles and extensions.
#[derive(Clone, Copy, Debug, Default)]
pub struct StandardDefinitions;

impl DefinitionSource for StandardDefinitions {
    fn definition(&mut self, canonical: &str) -> Result<Option<Arc<StructureDefinition>>, SnapshotError> {
        Ok(standard_definition(canonical))
    }
}

/// The definition, with its snapshot, of a type, profile or extension that R4 itself defines, by its canonical; a
/// version, if there is one, must be 4.0.1 or a part of it. It is read once and kept.
#[must_use]
pub fn standard_definition(canonical: &str) -> Option<Arc<StructureDefinition>> {
    let (url, version) = canonical.split_once('|').unwrap_or((canonical, "4.0.1"));
    if !matches!(version, "4.0.1" | "4.0" | "4") {
        return None;
    }
    if let Some((url, line)) = LINES.get_key_value(url) {
        if let Some(found) = READ.lock().unwrap_or_else(PoisonError::into_inner).get(url) {
            return Some(Arc::clone(found));
        }
        let definition = Arc::new(read(line));
        let mut all = READ.lock().unwrap_or_else(PoisonError::into_inner);
        return Some(Arc::clone(all.entry(url).or_insert(definition)));
    }
    url.strip_prefix(STANDARD).and_then(base_definition)
}

/// The URLs of the profiles and extensions that R4 itself defines, in no order.
pub fn standard_urls() -> impl Iterator<Item = &'static str> {
    LINES.keys().copied()
}

fn read(line: &'static str) -> StructureDefinition {
    let resource = Resource::parse_slice(line.as_bytes());
    let resource = resource.expect("the committed lines are resources, as this module's test shows");
    let mut pool = Pool::new();
    let mut definition = StructureDefinition::read(&resource, &mut pool)
        .expect("the committed lines are definitions, as this module's test shows");
    definition.snapshot = generate(&definition, &mut StandardDefinitions, &mut pool)
        .expect("the committed differentials fit their bases, as this module's test shows");
    definition
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_standard_profile_and_extension_has_a_snapshot() {
        assert_eq!(standard_urls().count(), 441);
        for url in standard_urls() {
            let definition = standard_definition(url).unwrap();
            assert!(definition.snapshot.len() >= definition.differential.len(), "{url}");
        }
    }

    #[test]
    fn versions_other_than_the_standards_are_unknown() {
        let url = "http://hl7.org/fhir/StructureDefinition/patient-citizenship";
        assert!(standard_definition(&format!("{url}|4.0.1")).is_some());
        assert!(standard_definition(&format!("{url}|4.0")).is_some());
        assert!(standard_definition(&format!("{url}|5.0.0")).is_none());
        assert!(standard_definition("http://example.org/none").is_none());
    }
}
