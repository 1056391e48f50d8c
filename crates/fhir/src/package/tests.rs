//! What canonicals mean when packages stand side by side.

use std::collections::HashMap;

use super::*;
use crate::profile::{BASES_MAX, SnapshotError};
use crate::{Resource, ResourceType};

/// Packages whose contents are texts.
#[derive(Default)]
struct Texts(HashMap<(String, u64), String>);

impl Contents for Texts {
    fn read(&self, package: &PackageKey, entry: &Entry) -> Result<Vec<u8>, ContentsError> {
        let found = self.0.get(&(package.to_string(), entry.place.start));
        found.map(|text| text.clone().into_bytes()).ok_or_else(|| ContentsError("gone".to_owned()))
    }
}

/// A library of packages, each with dependencies and resources.
fn library(packages: &[(&str, &[&str], &[String])]) -> Library {
    let (mut texts, mut all) = (Texts::default(), Vec::new());
    for (key, needs, resources) in packages {
        let manifest = Manifest {
            key: PackageKey::parse(key).unwrap(),
            title: None,
            canonical: None,
            fhir_versions: vec!["4.0.1".to_owned()],
            dependencies: needs
                .iter()
                .map(|need| need.split_once('@').unwrap())
                .map(|(name, version)| PackageKey { name: name.to_owned(), version: version.to_owned() })
                .collect(),
        };
        let mut entries = Vec::new();
        for (text, number) in resources.iter().zip(0..) {
            let resource = Resource::parse_slice(text.as_bytes()).unwrap();
            entries.push(Entry::of(&resource, number..number + 1).unwrap());
            texts.0.insert((manifest.key.to_string(), number), text.clone());
        }
        all.push((manifest, entries));
    }
    Library::new(Registry::new(all), Box::new(texts))
}

fn set(url: &str, version: &str) -> String {
    format!(r#"{{"resourceType":"ValueSet","url":"{url}","version":"{version}","status":"active"}}"#)
}

fn profile(url: &str, version: &str, base: &str, min: u32) -> String {
    format!(
        r#"{{"resourceType":"StructureDefinition","url":"{url}","version":"{version}","kind":"resource","type":"Patient",
        "baseDefinition":"{base}","derivation":"constraint","differential":{{"element":[
        {{"id":"Patient.name","path":"Patient.name","min":{min}}}]}}}}"#
    )
}

/// Which package's resource a canonical means.
fn meant(library: &Library, canonical: &str, from: Option<u32>) -> Option<String> {
    let at = library.registry().resolve(canonical, None, from)?;
    Some(library.registry().package(at.package).key.version.clone())
}

const URL: &str = "http://e.org/vs";

#[test]
fn a_version_or_its_beginning_is_found_and_no_version_means_the_newest() {
    let sets = |version| [set(URL, version)];
    let (one, two, ten) = (sets("1.0.0"), sets("1.2.0"), sets("1.10.0"));
    let library = library(&[("a@1.2.0", &[], &two), ("a@1.10.0", &[], &ten), ("a@1.0.0", &[], &one)]);
    for (canonical, version) in [
        ("http://e.org/vs", Some("1.10.0")),
        ("http://e.org/vs|1.2.0", Some("1.2.0")),
        ("http://e.org/vs|1", Some("1.10.0")),
        ("http://e.org/vs|1.2", Some("1.2.0")),
        ("http://e.org/vs|1.1", None),
        ("http://e.org/vs|2.0.0", None),
        ("http://e.org/none", None),
    ] {
        assert_eq!(meant(&library, canonical, None).as_deref(), version, "{canonical}");
    }
}

#[test]
fn no_version_means_the_default_version_where_it_has_the_resource() {
    let (old, new) = ([set(URL, "3.1.1")], [set(URL, "6.1.0"), set("http://e.org/new", "6.1.0")]);
    let library = library(&[("hl7.fhir.us.core@6.1.0", &[], &new), ("hl7.fhir.us.core@3.1.1", &[], &old)]);
    assert_eq!(meant(&library, URL, None).as_deref(), Some("3.1.1"));
    assert_eq!(meant(&library, "http://e.org/vs|6.1.0", None).as_deref(), Some("6.1.0"));
    assert_eq!(meant(&library, "http://e.org/new", None).as_deref(), Some("6.1.0"));
}

#[test]
fn inside_a_package_it_and_what_it_builds_on_come_first() {
    let (one, two) = ([set(URL, "1.0.0")], [set(URL, "2.0.0")]);
    let own = [set("http://e.org/own", "5.0.0")];
    let library = library(&[
        ("a@1.0.0", &[], &one),
        ("a@2.0.0", &[], &two),
        ("b@1.0.0", &["a@1.0.x"], &own),
        ("c@1.0.0", &["b@1.0.0"], &[]),
    ]);
    let from = |number| meant(&library, URL, Some(number));
    assert_eq!(from(2).as_deref(), Some("1.0.0"));
    assert_eq!(from(3).as_deref(), Some("1.0.0"));
    assert_eq!(from(1).as_deref(), Some("2.0.0"));
    assert_eq!(meant(&library, URL, None).as_deref(), Some("2.0.0"));
}

#[test]
fn profiles_of_two_versions_stand_side_by_side_and_each_builds_on_its_own() {
    let patient = "http://hl7.org/fhir/StructureDefinition/Patient";
    let version = |version, min| {
        [
            profile("http://e.org/base", version, patient, min),
            profile("http://e.org/p", version, "http://e.org/base", 0),
        ]
    };
    let (one, two) = (version("1.0.0", 1), version("2.0.0", 2));
    let library = library(&[("a@1.0.0", &[], &one), ("a@2.0.0", &[], &two)]);
    for (canonical, min) in [("http://e.org/p|1.0.0", 1), ("http://e.org/p|2.0.0", 2), ("http://e.org/p", 2)]
    {
        let found = library.definition(canonical, None).unwrap().unwrap();
        assert_eq!(found.definition.element("Patient.name").unwrap().min, Some(min), "{canonical}");
    }
    let kept = library.definition("http://e.org/p|1.0", None).unwrap().unwrap();
    let again = library.definition("http://e.org/p|1.0.0", None).unwrap().unwrap();
    assert!(std::sync::Arc::ptr_eq(&kept.definition, &again.definition));
}

#[test]
fn what_the_standard_defines_is_there_without_packages() {
    let library = Library::empty();
    let patient =
        library.definition("http://hl7.org/fhir/StructureDefinition/Patient", None).unwrap().unwrap();
    assert_eq!(patient.package(), None);
    assert!(library.definition("http://e.org/none", None).unwrap().is_none());
}

#[test]
fn a_profile_that_builds_on_itself_is_an_error_that_says_so() {
    let round = [
        profile("http://e.org/a", "1", "http://e.org/b", 0),
        profile("http://e.org/b", "1", "http://e.org/a", 0),
    ];
    let library = library(&[("a@1", &[], &round)]);
    let error = library.definition("http://e.org/a", None).unwrap_err();
    assert!(matches!(error, LibraryError::Snapshot(SnapshotError::Cycle(_))), "{error}");
}

#[test]
fn definitions_build_on_each_other_so_far_and_no_further() {
    let of = |count: usize| {
        let url = |number: usize| match number {
            0 => "http://hl7.org/fhir/StructureDefinition/Patient".to_owned(),
            number => format!("http://e.org/p{number}"),
        };
        let chain: Vec<String> =
            (1..=count).map(|number| profile(&url(number), "1", &url(number - 1), 1)).collect();
        library(&[("a@1", &[], &chain)]).definition(&url(count), None).map(|found| found.is_some())
    };
    assert_eq!(of(BASES_MAX), Ok(true));
    let error = of(BASES_MAX + 1).unwrap_err();
    assert_eq!(error, LibraryError::Snapshot(SnapshotError::TooFar("http://e.org/p1".to_owned())));
}

#[test]
fn resources_are_had_by_canonical_and_type() {
    let both = [set(URL, "1"), set("http://e.org/other", "1").replace("ValueSet", "CodeSystem")];
    let library = library(&[("a@1", &[], &both)]);
    let system = ResourceType::parse("CodeSystem");
    assert!(library.resource(URL, system, None).unwrap().is_none());
    assert!(library.resource("http://e.org/other|1", system, None).unwrap().is_some());
}

#[test]
fn only_what_defines_something_is_indexed() {
    let entry = |text: &str| Entry::of(&Resource::parse_slice(text.as_bytes()).unwrap(), 3..9);
    assert!(entry(r#"{"resourceType":"Patient","id":"a"}"#).is_none());
    assert!(entry(r#"{"resourceType":"ValueSet","id":"a"}"#).is_none());
    let found = entry(r#"{"resourceType":"ConceptMap","url":"http://e.org/m","version":"1"}"#).unwrap();
    assert_eq!(read_index_line(&index_line(&found)), Ok(found));
    for line in ["", "1\t2\tPatent\tu\t", "2\t1\tPatient\tu\t", "1\t2\tPatient\t\t", "1\t2\tPatient\tu\tv\tw"]
    {
        assert_eq!(read_index_line(line), Err(EntryError), "{line}");
    }
}

#[test]
fn a_manifest_names_its_package_and_what_it_builds_on() {
    let read = |text: &str| Manifest::read(text.as_bytes());
    let manifest =
        read(r#"{"name":"a.b","version":"1.0.0","fhirVersions":["4.0.1"],"dependencies":{"c":"2.x"}}"#);
    let manifest = manifest.unwrap();
    assert!(manifest.is_r4() && manifest.dependencies[0].to_string() == "c@2.x");
    assert!(!read(r#"{"name":"a","version":"1","fhirVersions":["5.0.0"]}"#).unwrap().is_r4());
    for (text, error) in [
        ("x", ManifestError::NotJson),
        ("{}", ManifestError::Name),
        (r#"{"name":"../a","version":"1"}"#, ManifestError::Name),
        (r#"{"name":"a","version":"../1"}"#, ManifestError::Version),
        (r#"{"name":"a"}"#, ManifestError::Version),
    ] {
        assert_eq!(read(text), Err(error), "{text}");
    }
    let long = |bytes: usize| PackageKey::new(&"a".repeat(bytes), "1");
    assert!(long(NAME_BYTES_MAX).is_some() && long(NAME_BYTES_MAX + 1).is_none());
    let long = |bytes: usize| PackageKey::new("a", &"1".repeat(bytes));
    assert!(long(VERSION_BYTES_MAX).is_some() && long(VERSION_BYTES_MAX + 1).is_none());
}
