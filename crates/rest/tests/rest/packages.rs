//! The packages that the service of the tests has.

use std::sync::Arc;

use fhir::Resource;
use fhir::package::{Contents, ContentsError, Entry, Library, Manifest, PackageKey, Registry};

const RESOURCES: [&str; 2] = [
    r#"{"resourceType":"CodeSystem","url":"http://packaged","version":"1","name":"Packaged","status":"active",
        "content":"complete","concept":[{"code":"a","display":"Aaa","concept":[{"code":"b","display":"Bbb"}]}]}"#,
    r#"{"resourceType":"ValueSet","url":"http://packaged/vs","version":"1","status":"active","compose":{"include":[
        {"system":"http://packaged","filter":[{"property":"concept","op":"descendent-of","value":"a"}]}]}}"#,
];

struct Texts;

impl Contents for Texts {
    fn read(&self, _: &PackageKey, entry: &Entry) -> Result<Vec<u8>, ContentsError> {
        Ok(RESOURCES[entry.place.start as usize].as_bytes().to_vec())
    }
}

/// One package with a code system and a value set.
pub(crate) fn library() -> Arc<Library> {
    let manifest = Manifest {
        key: PackageKey::parse("test.packaged@1.0.0").unwrap(),
        title: None,
        canonical: None,
        fhir_versions: vec!["4.0.1".to_owned()],
        dependencies: Vec::new(),
    };
    let entries = RESOURCES.iter().zip(0..).map(|(text, number)| {
        Entry::of(&Resource::parse_slice(text.as_bytes()).unwrap(), number..number + 1).unwrap()
    });
    Arc::new(Library::new(Registry::new(vec![(manifest, entries.collect())]), Box::new(Texts)))
}
