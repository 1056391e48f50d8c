//! Agreement with HL7's Java validator on its own cases, one row for each; and with damage, no panic.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::{Arc, LazyLock};

use fhir::package::{Contents, ContentsError, Entry, Library, Manifest, PackageKey, Registry};
use fhir::{
    Bindings, Guides, Id, Level, Resource, ResourceKey, Rules, Severity, Time, Verdict, body, emit, judge,
    review_profile, validate,
};
use proptest::prelude::*;
use serde_json::Value;

const CASES: &[u8] = include_bytes!("../data/validator-cases.ndjson.zst");
const ROWS: &str = include_str!("../data/validator-cases.txt");
const DOCUMENT: &str = include_str!("../../../../docs/validation.md");

/// How the words of errors begin that take a terminology server.
const OF_TERMINOLOGY: [&str; 5] = [
    "Wrong Display Name",
    "Unknown code",
    "The System URI could not be determined",
    "The code provided",
    "CodeSystem ",
];

struct Cases {
    /// The text of each file, in JSON.
    files: BTreeMap<String, Option<String>>,
    cases: Vec<Value>,
}

static READ: LazyLock<Cases> = LazyLock::new(|| {
    let text = String::from_utf8(zstd::decode_all(CASES).unwrap()).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let (files, cases) = lines.partition(|line: &Value| line.get("case").is_none());
    let files: Vec<Value> = files;
    let json = |file: &Value| (word(&file["file"]), in_json(&file["file"], &word(&file["text"])));
    Cases { files: files.iter().map(json).collect(), cases }
});

fn word(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn words(values: &Value) -> Vec<String> {
    values.as_array().into_iter().flatten().map(word).collect()
}

fn in_json(name: &Value, text: &str) -> Option<String> {
    if word(name).ends_with(".json") {
        return Some(text.to_owned());
    }
    fhir::xml::read(text.as_bytes()).ok().map(|json| String::from_utf8(json).unwrap())
}

fn resource(file: &str) -> Option<Resource> {
    Resource::parse_slice(READ.files[file].as_ref()?.as_bytes()).ok()
}

/// Files as a package: an entry's place is the number of its file.
struct Files(Vec<String>);

impl Contents for Files {
    fn read(&self, _: &PackageKey, entry: &Entry) -> Result<Vec<u8>, ContentsError> {
        let file = &READ.files[&self.0[entry.place.start as usize]];
        file.as_ref().map(|text| text.as_bytes().to_vec()).ok_or(ContentsError("no such file".to_owned()))
    }
}

fn guides(files: Vec<String>) -> Guides {
    let manifest = br#"{"name":"test.cases","version":"1.0.0","fhirVersions":["4.0.1"]}"#;
    let entries = files.iter().zip(0..);
    let entries = entries.filter_map(|(file, number)| Entry::of(&resource(file)?, number..number + 1));
    let registry = Registry::new(vec![(Manifest::read(manifest).unwrap(), entries.collect())]);
    Guides::new(Arc::new(Library::new(registry, Box::new(Files(files)))), Box::new(NoVocabulary))
}

struct NoVocabulary;

impl Bindings for NoVocabulary {
    fn member_of(&self, _: Option<&str>, _: &str, _: &str, _: Option<u32>) -> Option<bool> {
        None
    }
}

/// Where we find errors in a file, judged as a write is and by the profile asked for.
fn found(file: &str, guides: &Guides, asked: Option<&str>) -> BTreeSet<String> {
    let Some(read) = resource(file) else { return BTreeSet::from([String::new()]) };
    let profile = asked.and_then(|url| guides.profile(url, None).ok());
    let mut issues =
        profile.map_or_else(Vec::new, |set| review_profile(&read, &set, guides, &NoVocabulary, Time(0)));
    let rules = Rules { level: Level::Strict, guides, defaults: &[], now: Time(0) };
    if let Verdict::Invalid(outcome) = judge(read, &rules) {
        issues.extend(outcome.0);
    }
    let errors = issues.into_iter().filter(|issue| issue.severity == Severity::Error);
    errors.map(|mut issue| issue.expression.swap_remove(0)).collect()
}

/// Where HL7's validator finds errors, `[x]` and comments in its paths taken away.
fn expected(part: &Value) -> BTreeSet<String> {
    let errors = part["errors"].as_array().into_iter().flatten();
    let counted =
        errors.filter(|error| !OF_TERMINOLOGY.iter().any(|start| word(&error["text"]).starts_with(start)));
    let at = |error: &Value| {
        let at = word(&error["at"]);
        let mut parts = at.split("/*");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |path, part| path + part.split_once("*/").map_or("", |(_, rest)| rest))
    };
    counted.map(at).collect()
}

/// Whether one place is the other or holds it.
fn is_near(one: &str, other: &str) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// What is said of one part of a case: the verdicts, which of the places of errors we find too, and how many others.
fn row(name: &str, part: &str, ours: &BTreeSet<String>, theirs: &BTreeSet<String>) -> (String, &'static str) {
    let verdict = match (ours.is_empty(), theirs.is_empty()) {
        (true, true) => "both accept",
        (false, false) => "both refuse",
        (false, true) => "only tarn refuses",
        (true, false) => "only HL7 refuses",
    };
    let same = theirs.iter().filter(|one| ours.iter().any(|other| is_near(one, other))).count();
    let extra = ours.iter().filter(|one| !theirs.iter().any(|other| is_near(one, other))).count();
    (format!("{name} {part}: {verdict}, {same} of {} places, {extra} others", theirs.len()), verdict)
}

#[test]
fn what_the_reference_validator_says_of_its_cases_is_said_here_but_for_listed_reasons() {
    let (mut rows, mut counts): (Vec<String>, BTreeMap<String, [usize; 4]>) = Default::default();
    for case in &READ.cases {
        let (name, file) = (word(&case["case"]), word(&case["file"]));
        let supporting = words(&case["supporting"]);
        let mut note = |part: &str, ours: &BTreeSet<String>, theirs: &Value| {
            let (row, verdict) = row(&name, part, ours, &expected(theirs));
            let column = ["both refuse", "both accept", "only tarn refuses", "only HL7 refuses"];
            let at = column.iter().position(|one| *one == verdict).unwrap();
            counts.entry(format!("{} {part}", word(&case["module"]))).or_default()[at] += 1;
            rows.push(row);
        };
        note("base", &found(&file, &guides(supporting.clone()), None), case);
        let Some(profile) = case.get("profile").filter(|profile| profile["source"].is_string()) else {
            continue;
        };
        let source = word(&profile["source"]);
        let Some(definition) = resource(&source) else { continue };
        let url = definition.root().get("url").and_then(|url| url.as_str()).unwrap_or_default().into_owned();
        let all = [vec![source], words(&profile["supporting"]), supporting].concat();
        note("profile", &found(&file, &guides(all), Some(&url)), profile);
    }
    let (listed, reasons): (Vec<&str>, Vec<&str>) =
        ROWS.lines().map(|line| line.split_once(" # ").unwrap_or((line, ""))).unzip();
    assert_eq!(rows, listed);
    let unexplained = |(row, reason): &(&&str, &&str)| row.contains(": only ") && reason.is_empty();
    let unexplained: Vec<_> = listed.iter().zip(&reasons).filter(unexplained).collect();
    assert!(unexplained.is_empty(), "{unexplained:?}");
    let table = table(&counts);
    assert!(DOCUMENT.contains(&table), "docs/validation.md should have\n{table}");
}

fn table(counts: &BTreeMap<String, [usize; 4]>) -> String {
    let mut text = "| cases | both refuse | both accept | only tarn refuses | only HL7 refuses |\n\
                    |---|---:|---:|---:|---:|\n"
        .to_owned();
    let mut total = [0; 4];
    for (module, row) in counts {
        let [refuse, accept, ours, theirs] = row;
        writeln!(text, "| {module} | {refuse} | {accept} | {ours} | {theirs} |").unwrap();
        total.iter_mut().zip(row).for_each(|(total, count)| *total += count);
    }
    let [refuse, accept, ours, theirs] = total;
    writeln!(text, "| **together** | {refuse} | {accept} | {ours} | {theirs} |").unwrap();
    text
}

proptest! {
    #[test]
    fn damaged_resources_are_refused_or_validated_but_never_break_anything(
        case in any::<prop::sample::Index>(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..12_usize, "[\\[\\]{}\",:a0_\\\\ ]{0,3}"), 1..4),
        swap in any::<bool>(),
    ) {
        let texts: Vec<&String> = READ.files.values().flatten().filter(|text| text.len() < 20_000).collect();
        let mut text = (*case.get(&texts)).clone();
        for (at, length, put) in cuts {
            let start = text.floor_char_boundary(at.index(text.len()));
            let end = text.floor_char_boundary((start + length).min(text.len()));
            if swap {
                // Leaves most texts JSON: only what stands in quotes is touched.
                let Some(quote) = text[start..].find('"') else { continue };
                text.insert(start + quote + 1, 'x');
            } else {
                text.replace_range(start..end, &put);
            }
        }
        if let Ok(resource) = Resource::parse(text.into_bytes()) {
            let _ = validate(&resource, Level::Strict);
            let id = resource.id().cloned().unwrap_or_else(|| Id::parse("1").unwrap());
            let key = ResourceKey { of: resource.of(), id };
            let stored = body(&resource, &key.id);
            let mut out = Vec::new();
            emit(&key, &stored, 1, Time(0), &mut out);
            let back = Resource::parse(out).unwrap();
            prop_assert_eq!(body(&back, &key.id), stored);
        }
    }
}
