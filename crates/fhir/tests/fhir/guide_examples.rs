//! The examples that published guides bring are accepted by the profiles they claim, but for listed ones. The guides are
//! not in this repository; without them the test passes by.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use fhir::package::{Contents, ContentsError, Entry, Library, Manifest, PackageKey, Registry};
use fhir::{Bindings, Guides, Level, Resource, Rules, Severity, Time, Verdict, judge};

use serde_json::Value;

use crate::profiles::folder;

const EXCEPTIONS: &str = include_str!("../data/guide-examples.txt");

/// A package: its manifest, its name and version, those it needs, its definitions and its examples by file.
struct Package {
    manifest: Vec<u8>,
    name: String,
    needs: Vec<String>,
    definitions: Vec<Vec<u8>>,
    examples: Vec<(String, Vec<u8>)>,
}

fn package(path: &Path) -> Package {
    let file = std::fs::File::open(path).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let (mut manifest, mut definitions, mut examples) = (Vec::new(), Vec::new(), Vec::new());
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let Some(name) = path.to_str().and_then(|path| path.strip_prefix("package/")) else { continue };
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        match name.strip_prefix("example/") {
            _ if name == "package.json" => manifest = bytes,
            Some(name) if name.ends_with(".json") && !name.starts_with('.') => {
                examples.push((name.to_owned(), bytes))
            }
            None if name.ends_with(".json") && !name.contains('/') => definitions.push(bytes),
            _ => {}
        }
    }
    let json: Value = serde_json::from_slice(&manifest).unwrap();
    let key = |name: &str, version: &Value| format!("{name}#{}", version.as_str().unwrap());
    let needs = json["dependencies"].as_object().into_iter().flatten().map(|(name, of)| key(name, of));
    let needs = needs.collect();
    examples.sort();
    let name = key(json["name"].as_str().unwrap(), &json["version"]);
    Package { manifest, name, needs, definitions, examples }
}

fn packages() -> Vec<Package> {
    let Ok(files) = std::fs::read_dir(folder()) else { return Vec::new() };
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.retain(|path| path.extension().is_some_and(|of| of == "tgz"));
    paths.iter().map(|path| package(path)).collect()
}

/// Definitions of packages: an entry's place is its number among all.
struct Definitions(Vec<Vec<u8>>);

impl Contents for Definitions {
    fn read(&self, _: &PackageKey, entry: &Entry) -> Result<Vec<u8>, ContentsError> {
        let found = self.0.get(entry.place.start as usize);
        found.cloned().ok_or_else(|| ContentsError("no such entry".to_owned()))
    }
}

/// The value sets and code systems of packages, by their URLs.
#[derive(Default)]
struct Vocabulary(HashMap<String, Value>);

impl Vocabulary {
    fn of<'a>(definitions: impl Iterator<Item = &'a Vec<u8>>) -> Vocabulary {
        let mut all = HashMap::new();
        for bytes in definitions {
            let Ok(json) = serde_json::from_slice::<Value>(bytes) else { continue };
            let is_vocabulary = matches!(json["resourceType"].as_str(), Some("ValueSet" | "CodeSystem"));
            if let (true, Some(url)) = (is_vocabulary, json["url"].as_str()) {
                all.insert(url.to_owned(), json);
            }
        }
        Vocabulary(all)
    }

    /// Whether what one `include` lists has a code; nothing if that cannot be known.
    fn includes(&self, include: &Value, system: Option<&str>, code: &str) -> Option<bool> {
        if include.get("filter").is_some() || include.get("valueSet").is_some() {
            return None;
        }
        if system.is_some_and(|system| include["system"] != system) {
            return Some(false);
        }
        let lists = |concepts: &Value| list(concepts).any(|concept| concept["code"] == code);
        if include.get("concept").is_some() {
            return Some(lists(&include["concept"]));
        }
        let known = self.0.get(include["system"].as_str()?).filter(|known| known["content"] == "complete")?;
        Some(lists(&known["concept"]))
    }
}

impl Bindings for Vocabulary {
    fn member_of(&self, system: Option<&str>, code: &str, value_set: &str, _: Option<u32>) -> Option<bool> {
        let compose = self.0.get(value_set.split('|').next()?)?.get("compose")?;
        let said: Vec<_> = list(&compose["include"]).map(|one| self.includes(one, system, code)).collect();
        match compose.get("exclude") {
            None if said.contains(&Some(true)) => Some(true),
            None if !said.contains(&None) => Some(false),
            _ => None,
        }
    }
}

fn list(values: &Value) -> impl Iterator<Item = &Value> {
    values.as_array().into_iter().flatten()
}

/// A package with those that it needs, as far as they are here.
fn guides(of: &Package, all: &[Package]) -> Guides {
    let mut scope = vec![of];
    let mut at = 0;
    while at < scope.len() {
        let found = all.iter().filter(|package| scope[at].needs.contains(&package.name));
        let new: Vec<&Package> =
            found.filter(|new| scope.iter().all(|known| known.name != new.name)).collect();
        scope.extend(new);
        at += 1;
    }
    let (mut contents, mut registered) = (Vec::new(), Vec::new());
    for package in scope {
        let mut entries = Vec::new();
        for bytes in &package.definitions {
            let number = contents.len() as u64;
            let entry = Resource::parse_slice(bytes).ok().and_then(|one| Entry::of(&one, number..number + 1));
            entries.extend(entry);
            contents.push(bytes.clone());
        }
        registered.push((Manifest::read(&package.manifest).unwrap(), entries));
    }
    let vocabulary = Vocabulary::of(contents.iter());
    let library = Library::new(Registry::new(registered), Box::new(Definitions(contents)));
    Guides::new(Arc::new(library), Box::new(vocabulary))
}

/// A row for each place of an example where something is wrong.
fn faults(package: &Package, guides: &Guides) -> Vec<String> {
    let rules = Rules { level: Level::Strict, guides, defaults: &[], now: Time(0) };
    let mut rows = Vec::new();
    for (file, bytes) in &package.examples {
        let row = |what: &str| format!("{} {file} {what}", package.name);
        let Ok(resource) = Resource::parse_slice(bytes) else {
            rows.push(row("is no resource"));
            continue;
        };
        if let Verdict::Invalid(outcome) = judge(resource, &rules) {
            let errors = outcome.0.iter().filter(|issue| issue.severity == Severity::Error);
            rows.extend(errors.map(|issue| row(&format!("{} | {}", issue.expression[0], issue.diagnostics))));
        }
    }
    rows
}

#[test]
fn the_examples_of_guides_meet_the_profiles_they_claim_but_for_listed_ones() {
    let all = packages();
    let mut found: Vec<String> =
        all.iter().flat_map(|package| faults(package, &guides(package, &all))).collect();
    found.dedup();
    let lines = EXCEPTIONS.lines().filter(|line| !line.starts_with('#'));
    let listed: Vec<&str> = lines.map(|line| line.split_once(" # ").unwrap().0).collect();
    assert!(all.is_empty() || found == listed, "{found:#?}");
}
