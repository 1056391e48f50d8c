//! Agreement with HL7's validator on resources with one rule broken in each, by its recorded verdicts.

use std::collections::BTreeMap;
use std::fmt::Write;

use fhir::Resource;

use crate::examples::{examples, strict};

const MUTANTS: &[u8] = include_bytes!("../data/mutants.ndjson.zst");
const VERDICTS: &str = include_str!("../data/oracle-verdicts.txt");
const REASONS: &str = include_str!("../data/oracle-reasons.txt");
const DOCUMENT: &str = include_str!("../../../../docs/validation.md");

/// Each resource that the oracle judged, by its name.
fn texts() -> BTreeMap<String, String> {
    let json = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    let word = |value: &serde_json::Value, name: &str| value[name].as_str().unwrap().to_owned();
    let unbroken = examples().into_iter().map(|line| {
        let read = json(&line);
        (format!("unbroken {}/{}", word(&read, "resourceType"), word(&read, "id")), line)
    });
    let mutants = String::from_utf8(zstd::decode_all(MUTANTS).unwrap()).unwrap();
    let mutants = mutants.lines().map(|line| {
        let read = json(line);
        (word(&read, "name"), word(&read, "text"))
    });
    unbroken.chain(mutants).collect()
}

/// What both say: name, kind of breakage, the ids of the oracle's errors, and whether we refuse.
fn verdicts(texts: &BTreeMap<String, String>) -> Vec<(&'static str, &'static str, Vec<&'static str>, bool)> {
    let ignored: Vec<&str> =
        REASONS.lines().filter_map(|line| line.strip_prefix("ignored ")?.split(':').next()).collect();
    let verdict = |line: &'static str| {
        let (name, ids) = line.split_once('\t').unwrap();
        let kind = name.split(' ').next().unwrap();
        let resource = Resource::parse_slice(texts[name].as_bytes());
        let is_valid = resource.is_ok_and(|resource| strict(&resource).is_empty());
        let ids = ids.split_ascii_whitespace().filter(|id| !ignored.contains(id)).collect::<Vec<_>>();
        (name, kind, ids, !is_valid)
    };
    // A resource over which the oracle broke it has not judged.
    VERDICTS.lines().map(verdict).filter(|(_, _, ids, _)| !ids.contains(&"exception")).collect()
}

#[test]
fn what_the_reference_validator_says_of_broken_rules_we_say_but_for_listed_reasons() {
    let texts = texts();
    let listed: Vec<&str> =
        REASONS.lines().filter_map(|line| line.split_once(": ")).map(|(key, _)| key).collect();
    let mut unexplained = String::new();
    let mut counts: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
    for (name, kind, ids, is_refused) in verdicts(&texts) {
        let (column, reasons) = match (is_refused, ids.is_empty()) {
            (true, false) => (0, Vec::new()),
            (false, true) => (1, Vec::new()),
            (true, true) => (2, vec![format!("tarn {kind}")]),
            (false, false) => (3, ids.iter().map(|id| format!("hl7 {id}")).collect()),
        };
        counts.entry(kind).or_default()[column] += 1;
        let missing: Vec<&String> =
            reasons.iter().filter(|reason| !listed.contains(&reason.as_str())).collect();
        if !missing.is_empty() {
            writeln!(unexplained, "{name}: {missing:?}").unwrap();
        }
    }
    assert_eq!(unexplained, "");
    let table = table(&counts);
    assert!(DOCUMENT.contains(&table), "docs/validation.md should have\n{table}");
}

fn table(counts: &BTreeMap<&str, [usize; 4]>) -> String {
    let mut text = "| what was done | both refuse | both accept | only tarn refuses | only HL7 refuses |\n\
                    |---|---:|---:|---:|---:|\n"
        .to_owned();
    let mut total = [0; 4];
    for (kind, row) in counts {
        let [refuse, accept, ours, theirs] = row;
        writeln!(text, "| {} | {refuse} | {accept} | {ours} | {theirs} |", kind.replace('-', " ")).unwrap();
        total.iter_mut().zip(row).for_each(|(total, count)| *total += count);
    }
    let [refuse, accept, ours, theirs] = total;
    writeln!(text, "| **together** | {refuse} | {accept} | {ours} | {theirs} |").unwrap();
    text
}
