//! What a profile says of elements becomes a snapshot, by small profiles of our own.

use std::collections::HashMap;
use std::sync::Arc;

use super::*;
use crate::Resource;

/// Definitions by URL, made with snapshots when they are asked for.
struct Shelf {
    raw: HashMap<String, StructureDefinition>,
    open: Vec<String>,
}

impl DefinitionSource for Shelf {
    fn definition(&mut self, canonical: &str) -> Result<Option<Arc<StructureDefinition>>, SnapshotError> {
        let Some(raw) = self.raw.get(canonical).cloned() else { return Ok(standard_definition(canonical)) };
        if self.open.iter().any(|open| open == canonical) {
            return Err(SnapshotError::Cycle(canonical.to_owned()));
        }
        self.open.push(canonical.to_owned());
        let snapshot = generate(&raw, self, &mut Pool::new());
        self.open.pop();
        Ok(Some(Arc::new(StructureDefinition { snapshot: snapshot?, ..raw })))
    }
}

fn read(text: &str) -> Result<StructureDefinition, ProfileError> {
    let resource = Resource::parse_slice(text.as_bytes()).unwrap();
    StructureDefinition::read(&resource, &mut Pool::new())
}

fn text(url: &str, of: &str, base: &str, elements: &str) -> String {
    let base = if base.contains(':') { base.to_owned() } else { format!("{}{base}", base::STANDARD) };
    format!(
        r#"{{"resourceType":"StructureDefinition","url":"{url}","kind":"resource","abstract":false,"type":"{of}",
        "baseDefinition":"{base}","derivation":"constraint","differential":{{"element":[{elements}]}}}}"#
    )
}

/// The snapshot of the last of the definitions: URL, type, base, elements.
fn made(definitions: &[(&str, &str, &str, &str)]) -> Result<StructureDefinition, SnapshotError> {
    let mut shelf = Shelf { raw: HashMap::new(), open: Vec::new() };
    for (url, of, base, elements) in definitions {
        shelf.raw.insert((*url).to_owned(), read(&text(url, of, base, elements)).unwrap());
    }
    let last = definitions.last().unwrap().0;
    shelf.definition(last).map(|found| (*found.unwrap()).clone())
}

fn ids<'a>(of: &'a StructureDefinition, start: &str) -> Vec<&'a str> {
    of.snapshot.iter().map(|one| &*one.id).filter(|id| id.starts_with(start)).collect()
}

#[test]
fn what_is_said_replaces_and_counts_are_only_tightened() {
    let elements = r#"{"id":"Patient.name","path":"Patient.name","min":1,"max":"5",
          "constraint":[{"key":"n-1","severity":"error","human":"has a family","expression":"family.exists()"}]},
        {"id":"Patient.gender","path":"Patient.gender","min":1,"fixedCode":"female"},
        {"id":"Patient.maritalStatus","path":"Patient.maritalStatus",
          "patternCodeableConcept":{"coding":[ {"code":"M"} ]},
          "binding":{"strength":"required","valueSet":"http://e.org/vs"}}"#;
    let looser = r#"{"id":"Patient.name","path":"Patient.name","min":0,"max":"*"}"#;
    let of = made(&[
        ("http://e.org/a", "Patient", "Patient", elements),
        ("http://e.org/b", "Patient", "http://e.org/a", looser),
    ]);
    let of = of.unwrap();
    let name = of.element("Patient.name").unwrap();
    assert_eq!((name.min, name.max), (Some(1), Some(Max::Count(5))));
    assert_eq!(name.constraints.iter().map(|one| &*one.key).collect::<Vec<_>>(), ["ele-1", "n-1"]);
    assert_eq!(&*of.element("Patient.gender").unwrap().fixed.as_ref().unwrap().of, "code");
    let status = of.element("Patient.maritalStatus").unwrap();
    assert_eq!(&*status.pattern.as_ref().unwrap().json, r#"{"coding":[{"code":"M"}]}"#);
    assert_eq!(status.binding.as_ref().unwrap().strength, BindingStrength::Required);
    assert_eq!(of.snapshot.len(), base_definition("Patient").unwrap().snapshot.len());
}

#[test]
fn elements_below_data_types_appear_where_something_is_said_of_them() {
    let elements = r#"{"id":"Patient.name.family","path":"Patient.name.family","min":1}"#;
    let of = made(&[("http://e.org/a", "Patient", "Patient", elements)]).unwrap();
    let below =
        ["", ".id", ".extension", ".use", ".text", ".family", ".given", ".prefix", ".suffix", ".period"];
    assert_eq!(ids(&of, "Patient.name"), below.map(|below| format!("Patient.name{below}")));
    assert_eq!(of.element("Patient.name.family").unwrap().min, Some(1));
}

#[test]
fn slices_and_slices_of_slices_stand_in_order_after_what_they_slice() {
    let first = r#"{"id":"Patient.identifier","path":"Patient.identifier","min":1,
          "slicing":{"discriminator":[{"type":"value","path":"system"}],"rules":"open"}},
        {"id":"Patient.identifier:a","path":"Patient.identifier","sliceName":"a","max":"3"},
        {"id":"Patient.identifier:b","path":"Patient.identifier","sliceName":"b","min":1}"#;
    let second = r#"{"id":"Patient.identifier:a/x","path":"Patient.identifier","sliceName":"a/x","max":"1"},
        {"id":"Patient.identifier:c","path":"Patient.identifier","sliceName":"c"}"#;
    let of = made(&[
        ("http://e.org/a", "Patient", "Patient", first),
        ("http://e.org/b", "Patient", "http://e.org/a", second),
    ]);
    let of = of.unwrap();
    let expected = ["", ":a", ":a/x", ":b", ":c"].map(|slice| format!("Patient.identifier{slice}"));
    assert_eq!(ids(&of, "Patient.identifier"), expected);
    let minima = expected.map(|id| of.element(&id).unwrap().min);
    assert_eq!(minima, [Some(1), Some(0), Some(0), Some(1), Some(0)]);
    assert!(of.element("Patient.identifier:a").unwrap().slicing.is_none());
}

#[test]
fn a_slice_of_a_backbone_element_has_its_own_copy_of_what_lies_below() {
    let elements = r#"{"id":"Observation.component","path":"Observation.component",
          "slicing":{"discriminator":[{"type":"pattern","path":"code"}],"rules":"open"}},
        {"id":"Observation.component:s","path":"Observation.component","sliceName":"s"},
        {"id":"Observation.component:s.valueQuantity","path":"Observation.component.valueQuantity","min":1}"#;
    let of = made(&[("http://e.org/a", "Observation", "Observation", elements)]).unwrap();
    let value = of.element("Observation.component:s.value[x]").unwrap();
    assert_eq!((value.types.len(), value.min, &*value.path), (1, Some(1), "Observation.component.value[x]"));
    assert_eq!(of.element("Observation.component.value[x]").unwrap().types.len(), 11);
    assert!(of.element("Observation.component:s.referenceRange").is_some());
}

#[test]
fn one_type_of_a_choice_is_a_slice_and_a_required_one_leaves_no_other() {
    let optional = r#"{"id":"Observation.valueQuantity","path":"Observation.valueQuantity"},
        {"id":"Observation.valueQuantity.code","path":"Observation.valueQuantity.code","min":1}"#;
    let of = made(&[("http://e.org/a", "Observation", "Observation", optional)]).unwrap();
    let value = of.element("Observation.value[x]").unwrap();
    assert_eq!((value.types.len(), value.slicing.as_ref().unwrap().rules), (11, SlicingRules::Open));
    assert_eq!(of.element("Observation.value[x]:valueQuantity.code").unwrap().min, Some(1));
    let required = r#"{"id":"Observation.valueQuantity","path":"Observation.valueQuantity","min":1}"#;
    let of = made(&[("http://e.org/a", "Observation", "Observation", required)]).unwrap();
    let value = of.element("Observation.value[x]").unwrap();
    assert_eq!((value.types.len(), value.slicing.as_ref().unwrap().rules), (1, SlicingRules::Closed));
    assert_eq!(value.min, Some(1));
}

#[test]
fn extensions_are_sliced_by_url_and_take_the_limits_of_their_definition() {
    let extension = r#"{"id":"Extension","path":"Extension","max":"1"},
        {"id":"Extension.value[x]","path":"Extension.value[x]","type":[{"code":"string"}]}"#;
    let patient = r#"{"id":"Patient.extension:e","path":"Patient.extension","sliceName":"e",
          "type":[{"code":"Extension","profile":["http://e.org/e"]}]},
        {"id":"Patient.extension:e.value[x]","path":"Patient.extension.value[x]","min":1}"#;
    let of = made(&[
        ("http://e.org/e", "Extension", "Extension", extension),
        ("http://e.org/a", "Patient", "Patient", patient),
    ]);
    let of = of.unwrap();
    let slicing = of.element("Patient.extension").unwrap().slicing.clone().unwrap();
    assert_eq!(*slicing, SlicedBy::Url.slicing());
    assert_eq!(of.element("Patient.extension:e").unwrap().max, Some(Max::Count(1)));
    assert_eq!(&*of.element("Patient.extension:e.value[x]").unwrap().types[0].code, "string");
}

#[test]
fn content_that_is_referred_to_is_copied_where_something_is_said_of_it() {
    let elements = r#"{"id":"Questionnaire.item.item.text","path":"Questionnaire.item.item.text","min":1}"#;
    let of = made(&[("http://e.org/a", "Questionnaire", "Questionnaire", elements)]).unwrap();
    let item = of.element("Questionnaire.item.item").unwrap();
    assert_eq!((&*item.types[0].code, &item.content_reference), ("BackboneElement", &None));
    let inner = of.element("Questionnaire.item.item.item").unwrap();
    assert_eq!(inner.content_reference.as_deref(), Some("Questionnaire.item"));
}

#[test]
fn faults_name_the_element_or_the_definition() {
    let one = |base, elements| made(&[("http://e.org/a", "Patient", base, elements)]).unwrap_err();
    let unknown = r#"{"id":"Patient.hat","path":"Patient.hat"}"#;
    assert_eq!(one("Patient", unknown), SnapshotError::NoSuchElement("Patient.hat".to_owned()));
    assert_eq!(one("http://e.org/none", unknown), SnapshotError::Unknown("http://e.org/none".to_owned()));
    assert_eq!(one("http://e.org/a", unknown), SnapshotError::Cycle("http://e.org/a".to_owned()));
    let path = format!("Patient{}", ".extension".repeat(SNAPSHOT_DEPTH_MAX));
    let deep = format!(r#"{{"id":"{path}","path":"{path}"}}"#);
    assert_eq!(one("Patient", &deep), SnapshotError::TooDeep(path));
}

#[test]
fn a_snapshot_has_at_most_so_many_elements() {
    let base = base_definition("Observation").unwrap();
    let of_slice = base.snapshot.iter().filter(|one| one.id.starts_with("Observation.component")).count();
    let count = (SNAPSHOT_ELEMENTS_MAX - base.snapshot.len()) / of_slice;
    let of = |count: usize| {
        let slice = |number| {
            format!(
                r#"{{"id":"Observation.component:s{number}","path":"Observation.component","sliceName":"s{number}"}}"#
            )
        };
        let elements = (0..count).map(slice).collect::<Vec<_>>().join(",");
        made(&[("http://e.org/a", "Observation", "Observation", &elements)])
    };
    assert_eq!(of(count).unwrap().snapshot.len(), base.snapshot.len() + count * of_slice);
    assert_eq!(of(count + 1).unwrap_err(), SnapshotError::TooMany);
}

#[test]
fn malformed_elements_are_refused_by_name() {
    let fault = |elements: &str| read(&text("http://e.org/a", "Patient", "Patient", elements)).unwrap_err();
    let at = |id: &str, reason| ProfileError { element: Some(id.to_owned()), reason };
    assert_eq!(fault("{}"), at("0", ProfileReason::Member("path")));
    assert_eq!(
        fault(r#"{"path":"Patient.name","max":"many"}"#),
        at("Patient.name", ProfileReason::Member("max"))
    );
    let binding = r#"{"path":"Patient.name","binding":{"strength":"strong"}}"#;
    assert_eq!(fault(binding), at("Patient.name", ProfileReason::Code("binding.strength")));
    assert_eq!(
        fault(r#"{"path":"Patient"},{"path":"Person.name"}"#),
        at("Person.name", ProfileReason::Place)
    );
    let other = Resource::parse_slice(br#"{"resourceType":"Patient"}"#).unwrap();
    let error = StructureDefinition::read(&other, &mut Pool::new()).unwrap_err();
    assert_eq!(error.reason, ProfileReason::NotAStructureDefinition);
}

#[test]
fn a_differential_has_at_most_so_many_elements() {
    let of = |count: usize| {
        read(&text(
            "http://e.org/a",
            "Patient",
            "Patient",
            &[r#"{"path":"Patient"}"#].repeat(count).join(","),
        ))
    };
    assert!(of(DIFFERENTIAL_ELEMENTS_MAX).is_ok());
    let elements_max = DIFFERENTIAL_ELEMENTS_MAX;
    assert_eq!(
        of(DIFFERENTIAL_ELEMENTS_MAX + 1).unwrap_err().reason,
        ProfileReason::TooMany { elements_max }
    );
}

#[test]
fn ids_that_are_missing_are_made_of_paths_and_slice_names() {
    let elements =
        r#"{"path":"Patient.identifier","sliceName":"a"},{"path":"Patient.identifier.system","min":1}"#;
    let of = read(&text("http://e.org/a", "Patient", "Patient", elements)).unwrap();
    assert_eq!(&*of.differential[1].id, "Patient.identifier:a.system");
}
