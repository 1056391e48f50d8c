//! How precisely dates, numbers and quantities are compared: the tables of `cases/precision/*.txt`.
//!
//! A line that starts with `==` names a value searched and the prefixes; each line below it what a resource holds,
//! and for each prefix `y` if it matches or `.` if not. Blank lines and lines that start with `#` are for the reader.

use std::path::Path;

use super::check;

/// The search parameter that finds what stands in a row, and what the resource holds.
fn held(row: &str) -> (&'static str, String) {
    let (kind, value) = row.split_once(' ').unwrap_or_else(|| panic!("no value: {row}"));
    match kind {
        "date" => ("Patient?birthdate", format!(r#"{{"birthDate":"{value}"}}"#)),
        "dateTime" => ("Observation?date", format!(r#"{{"effectiveDateTime":"{value}"}}"#)),
        "instant" => ("Observation?date", format!(r#"{{"effectiveInstant":"{value}"}}"#)),
        "period" => ("Encounter?date", format!(r#"{{"period":{}}}"#, period(value))),
        "bounds" => (
            "Observation?date",
            format!(r#"{{"effectiveTiming":{{"repeat":{{"boundsPeriod":{}}}}}}}"#, period(value)),
        ),
        "events" => {
            let events: Vec<String> = value.split(',').map(|event| format!("\"{event}\"")).collect();
            ("Observation?date", format!(r#"{{"effectiveTiming":{{"event":[{}]}}}}"#, events.join(",")))
        }
        "decimal" => {
            ("RiskAssessment?probability", format!(r#"{{"prediction":[{{"probabilityDecimal":{value}}}]}}"#))
        }
        "range" => (
            "RiskAssessment?probability",
            format!(r#"{{"prediction":[{{"probabilityRange":{}}}]}}"#, range(value)),
        ),
        "integer" => ("MolecularSequence?variant-start", format!(r#"{{"variant":[{{"start":{value}}}]}}"#)),
        "quantity" => ("Observation?value-quantity", format!(r#"{{"valueQuantity":{}}}"#, quantity(value))),
        other => panic!("what is {other}?"),
    }
}

/// `start..end`, either of which may be left out.
fn period(text: &str) -> String {
    ends(text, ["start", "end"], |end| format!("\"{end}\""))
}

/// `low..high`, likewise.
fn range(text: &str) -> String {
    ends(text, ["low", "high"], |end| format!(r#"{{"value":{end}}}"#))
}

fn ends(text: &str, names: [&str; 2], written: impl Fn(&str) -> String) -> String {
    let (from, to) = text.split_once("..").unwrap_or_else(|| panic!("no two ends: {text}"));
    let ends = names.into_iter().zip([from, to]).filter(|(_, end)| !end.is_empty());
    let members: Vec<String> = ends.map(|(name, end)| format!("\"{name}\":{}", written(end))).collect();
    format!("{{{}}}", members.join(","))
}

/// A comparator, a number and a unit, of which the first and the last may be left out.
fn quantity(text: &str) -> String {
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let value = number.trim_start_matches(['<', '>', '=']);
    let comparator = &number[..number.len() - value.len()];
    let mut members = vec![format!("\"value\":{value}")];
    if !comparator.is_empty() {
        members.push(format!("\"comparator\":\"{comparator}\""));
    }
    if let Some(unit) = unit.strip_prefix('\'') {
        members.push(format!("\"unit\":\"{}\"", unit.trim_end_matches('\'')));
    } else if !unit.is_empty() {
        let other = unit.split_once(':').map(|(system, code)| (format!("urn:{system}"), code));
        let (system, code) = other.unwrap_or((search::UCUM.to_owned(), unit));
        members.push(format!(r#""system":"{system}","code":"{code}""#));
    }
    format!("{{{}}}", members.join(","))
}

/// What does not hold of one table file, and how many cells it has.
fn wrong(text: &str) -> (Vec<String>, usize) {
    let (mut searched, mut prefixes) = ("", Vec::new());
    let (mut wrong, mut cells) = (Vec::new(), 0);
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(head) = line.strip_prefix("== ") {
            let mut words = head.split_whitespace();
            searched = words.next().unwrap_or_default();
            prefixes = words.collect();
            continue;
        }
        let (row, verdicts) = line.split_once("  ").unwrap_or((line, ""));
        let verdicts: Vec<&str> = verdicts.split_whitespace().collect();
        assert_eq!(verdicts.len(), prefixes.len(), "a verdict for each prefix: {line}");
        let (parameter, members) = held(row);
        for (prefix, verdict) in prefixes.iter().zip(verdicts) {
            cells += 1;
            let expected = match verdict {
                "y" => true,
                "." => false,
                other => panic!("neither y nor .: {other}"),
            };
            if check(&format!("{parameter}={prefix}{searched}"), &members) != expected {
                wrong.push(format!("{prefix}{searched} of {row} is {verdict}"));
            }
        }
    }
    (wrong, cells)
}

#[test]
fn values_are_as_precise_as_the_standard_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/precision");
    let (mut all, mut cells) = (Vec::new(), 0);
    for file in std::fs::read_dir(folder).unwrap() {
        let (wrong, of_file) = wrong(&std::fs::read_to_string(file.unwrap().path()).unwrap());
        all.extend(wrong);
        cells += of_file;
    }
    assert!(all.is_empty(), "these do not hold:\n{}", all.join("\n"));
    assert!(cells > 8000, "{cells} comparisons of all prefixes");
}
