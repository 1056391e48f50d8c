//! The standard's own examples: every one is read, stored, given back the same, and is valid or a listed erratum.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use fhir::{
    Guides, Id, Issue, Json, Kind, Level, Resource, ResourceKey, Rules, Time, Wanted, body, emit,
    review_claims, validate,
};

const EXAMPLES: &[u8] = include_bytes!("../data/examples.ndjson.zst");
const ERRATA: &str = include_str!("../data/errata.txt");

pub(crate) fn examples() -> Vec<String> {
    let text = zstd::decode_all(EXAMPLES).unwrap();
    String::from_utf8(text).unwrap().lines().map(str::to_owned).collect()
}

/// What is wrong with a resource at `strict`, where nothing but the standard is known.
pub(crate) fn strict(resource: &Resource) -> Vec<Issue> {
    static STANDARD: LazyLock<Guides> = LazyLock::new(Guides::standard);
    let rules = Rules { level: Level::Strict, guides: &STANDARD, defaults: &[], now: Time(0) };
    let mut issues = validate(resource, Level::Strict);
    issues.extend(review_claims(resource, &rules, STANDARD.bindings(), Wanted::Errors));
    issues
}

/// `KEY CODE ELEMENT COUNT` of what was found, indices left out.
fn findings(line: &str) -> Vec<String> {
    let resource = match Resource::parse_slice(line.as_bytes()) {
        Ok(resource) => resource,
        Err(_) => {
            let json: serde_json::Value = serde_json::from_str(line).unwrap();
            return vec![format!(
                "{}/{} parse id 1",
                json["resourceType"].as_str().unwrap(),
                json["id"].as_str().unwrap()
            )];
        }
    };
    let mut counts = BTreeMap::new();
    for issue in strict(&resource) {
        let steps = issue.expression[0].split('.');
        let path: Vec<&str> = steps.map(|step| step.split('[').next().unwrap()).collect();
        *counts.entry(format!("{} {}", issue.code.as_str(), path.join("."))).or_insert(0) += 1;
    }
    let key = resource.key().map(|key| key.to_string()).unwrap_or_default();
    counts.into_iter().map(|(what, count)| format!("{key} {what} {count}")).collect()
}

#[test]
fn the_standards_examples_are_valid_but_for_listed_errata() {
    let mut found: Vec<String> = examples().iter().flat_map(|line| findings(line)).collect();
    let lines = ERRATA.lines().filter(|line| !line.starts_with('#'));
    let mut listed: Vec<&str> = lines.map(|line| line.split_once(": ").unwrap().0).collect();
    found.sort_unstable();
    listed.sort_unstable();
    assert_eq!(found, listed);
}

#[test]
fn the_standards_examples_come_back_as_they_went_in() {
    let (mut count, time) = (0, Time::parse("2026-11-23T03:36:38.123Z").unwrap());
    for line in examples() {
        let Ok(resource) = Resource::parse_slice(line.as_bytes()) else { continue };
        let id = resource.id().cloned().unwrap_or_else(|| Id::parse("none").unwrap());
        let key = ResourceKey { of: resource.of(), id };
        let mut out = Vec::new();
        emit(&key, &body(&resource, &key.id), 7, time, &mut out);
        let back = Resource::parse(out).unwrap();
        let head: Vec<_> = back.root().members().take(3).map(|(name, _)| name.as_str()).collect();
        assert_eq!(head, ["resourceType", "id", "meta"], "{key}");
        assert_eq!(back.key().as_ref(), Some(&key));
        same_members(resource.root(), back.root(), &["resourceType", "id", "meta"]);
        let meta = back.root().get("meta").unwrap();
        assert!(meta.get("versionId").and_then(Json::as_str).is_some_and(|version| version == "7"), "{key}");
        if let Some(before) = resource.root().get("meta") {
            same_members(before, meta, &["versionId", "lastUpdated"]);
        }
        count += 1;
    }
    assert_eq!(count, 809);
}

/// The same members in the same order, but for those left out; strings and numbers as written.
fn same_members(one: Json<'_>, other: Json<'_>, without: &[&str]) {
    let kept = |of: Json<'_>| {
        let members = of.members().filter(|(name, _)| !without.contains(&&*name.as_str()));
        members.map(|(name, value)| (name.as_str().into_owned(), value.span())).collect::<Vec<_>>()
    };
    let (left, right) = (kept(one), kept(other));
    let names = |of: &[(String, _)]| of.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&left), names(&right));
    for (name, _) in left {
        same(one.get(&name).unwrap(), other.get(&name).unwrap());
    }
}

fn same(one: Json<'_>, other: Json<'_>) {
    assert_eq!(one.kind(), other.kind());
    match one.kind() {
        Kind::Object => same_members(one, other, &[]),
        Kind::Array => {
            assert_eq!(one.len(), other.len());
            one.items().zip(other.items()).for_each(|(one, other)| same(one, other));
        }
        _ => assert_eq!(one.raw(), other.raw()),
    }
}
