//! The contained resources of a resource, extracted like resources of their own (R4 search §3.1.1.5.5).

use super::plan::ROOT;
use super::references::contained_key;
use super::walk::Walk;
use super::{Extractor, push_truths};
use crate::{Contained, Entries};
use fhir::{Document, ResourceKey, ResourceType};

impl Extractor {
    /// The contained resources of some types in the body of a resource, in their order, with what the index would
    /// know about them. One that has no id is left out, since nothing can refer to it; it is in no compartment of
    /// its own. What would take too much of an index is left out of the entries.
    pub fn contained(&self, body: &[u8], is_wanted: impl Fn(ResourceType) -> bool) -> Vec<Contained> {
        let Ok(document) = Document::parse_slice(body) else { return Vec::new() };
        let container = document.root();
        let Some(contained) = container.get("contained") else { return Vec::new() };
        let mut found = Vec::new();
        for (at, json) in contained.items().enumerate() {
            let key = contained_key(json, super::names::names()).filter(|(of, _)| is_wanted(*of));
            let Some((of, id)) = key else { continue };
            let plan = self.parameters.plan(of);
            let mut entries = Entries::new();
            push_truths(plan, json, &mut entries);
            let mut walk = Walk::new(plan, json, &self.base);
            walk.container = container;
            // Nobody could have written such a resource on its own; here it is found by what came before.
            let _ = walk.visit(ROOT, json, &mut entries);
            let _ = super::paths::paths(&walk, of, &mut entries);
            found.push(Contained { at, key: ResourceKey { of, id }, entries, body: json.raw().into() });
        }
        found
    }
}
