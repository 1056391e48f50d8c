//! The packages that the service of the tests has.

use std::sync::Arc;

use fhir::package::{Contents, ContentsError, Entry, Library, Manifest, PackageKey, Registry};
use fhir::{Guides, Resource};

/// Each package with its resources.
const PACKAGES: [(&str, &[&str]); 3] = [
    (
        "test.packaged@1.0.0",
        &[
            r#"{"resourceType":"CodeSystem","url":"http://packaged","version":"1","name":"Packaged","status":"active",
        "content":"complete","concept":[{"code":"a","display":"Aaa","concept":[{"code":"b","display":"Bbb"}]}]}"#,
            r#"{"resourceType":"ValueSet","url":"http://packaged/vs","version":"1","status":"active","compose":{"include":[
        {"system":"http://packaged","filter":[{"property":"concept","op":"descendent-of","value":"a"}]}]}}"#,
        ],
    ),
    (
        "test.scoped@1.0.0",
        &[
            r#"{"resourceType":"CodeSystem","url":"http://scoped","version":"1.0.0","status":"active","content":"complete","concept":[{"code":"old"}]}"#,
            r#"{"resourceType":"ValueSet","url":"http://scoped/inner","version":"1.0.0","status":"active","compose":{"include":[{"system":"http://scoped"}]}}"#,
            r#"{"resourceType":"ValueSet","url":"http://scoped/vs","version":"1.0.0","status":"active","compose":{"include":[{"valueSet":["http://scoped/inner"]}]}}"#,
        ],
    ),
    (
        "test.scoped@2.0.0",
        &[
            r#"{"resourceType":"CodeSystem","url":"http://scoped","version":"2.0.0","status":"active","content":"complete","concept":[{"code":"new"}]}"#,
            r#"{"resourceType":"ValueSet","url":"http://scoped/inner","version":"2.0.0","status":"active","compose":{"include":[{"system":"http://scoped"}]}}"#,
            r#"{"resourceType":"ValueSet","url":"http://scoped/vs","version":"2.0.0","status":"active","compose":{"include":[{"valueSet":["http://scoped/inner"]}]}}"#,
        ],
    ),
];

struct Texts;

impl Contents for Texts {
    fn read(&self, package: &PackageKey, entry: &Entry) -> Result<Vec<u8>, ContentsError> {
        let mut all = PACKAGES.iter();
        let (_, texts) =
            all.find(|(key, _)| PackageKey::parse(key).is_some_and(|key| key == *package)).unwrap();
        Ok(texts[entry.place.start as usize].as_bytes().to_vec())
    }
}

/// Packages with code systems and value sets, one of them in two versions.
pub(crate) fn guides() -> Arc<Guides> {
    let packages = PACKAGES.iter().map(|(key, texts)| {
        let manifest = Manifest {
            key: PackageKey::parse(key).unwrap(),
            title: None,
            canonical: None,
            fhir_versions: vec!["4.0.1".to_owned()],
            dependencies: Vec::new(),
        };
        let entries = texts.iter().zip(0..).map(|(text, number)| {
            Entry::of(&Resource::parse_slice(text.as_bytes()).unwrap(), number..number + 1).unwrap()
        });
        (manifest, entries.collect())
    });
    let library = Arc::new(Library::new(Registry::new(packages.collect()), Box::new(Texts)));
    let codes = search::PackagedCodes::new(Arc::clone(&library));
    Arc::new(Guides::new(library, Box::new(codes)))
}
