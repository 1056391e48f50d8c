//! The allowed edges between crates, and who may name what (ARCHITECTURE.md, invariants 1-7).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::sources::{self, Source};

/// Which of our crates each crate may depend on.
const EDGES: [(&str, &[&str]); 13] = [
    ("fhir", &[]),
    ("population", &[]),
    ("search", &["fhir"]),
    ("guides", &["search", "fhir"]),
    ("store", &["search", "fhir"]),
    ("embedded", &["store", "search", "fhir"]),
    ("access", &["store", "search", "fhir"]),
    ("jobs", &["store", "search", "fhir", "population"]),
    ("rest", &["jobs", "access", "store", "search", "fhir"]),
    ("healthlake", &["jobs", "access", "store", "search"]),
    ("s3", &["access", "jobs", "store"]),
    ("workload", &["access", "healthlake", "population", "store"]),
    (
        "tarn",
        &[
            "access",
            "embedded",
            "fhir",
            "guides",
            "healthlake",
            "jobs",
            "population",
            "rest",
            "s3",
            "search",
            "store",
            "workload",
        ],
    ),
];

/// Dependencies that a pure crate must not have: I/O, clocks, async.
const IMPURE: [&str; 7] = ["tokio", "futures", "http", "hyper", "reqwest", "fjall", "object_store"];

/// A word, and the only places (path prefixes) that may use it.
const WORDS: [(&str, &[&str]); 6] = [
    ("fjall::", &["crates/embedded/src/kv", "bench/"]),
    ("embedded::", &["crates/tarn/", "crates/embedded/", "bench/"]),
    ("std::env::", &["crates/tarn/", "xtask/", "bench/", "endurance/"]),
    ("TcpListener", &["crates/tarn/", "crates/workload/src/yardstick", "bench/"]),
    ("s3s::", &["crates/s3/"]),
    ("object_store::", &["crates/jobs/src/s3"]),
];

/// The files of `rest` that may speak of `http` types.
const REST_HTTP: [&str; 8] =
    ["lib", "route", "reply", "negotiate", "links", "outbound", "cors", "exported_file"];

/// Where the call sites of `Visible::everything` are listed, to be read in a diff.
const EVERYTHING: &str = "xtask/golden/visible-everything.txt";

/// What breaks a boundary, a sentence each.
pub(crate) fn faults(root: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for (name, allowed) in EDGES {
        check_manifest(root, name, allowed, &mut faults)?;
    }
    let sources =
        sources::files(root, |path| sources::is_hand_written_rust(path) && !sources::is_test(path))?;
    for source in &sources {
        check_words(source, &mut faults);
    }
    let listed = fs::read_to_string(root.join(EVERYTHING)).unwrap_or_default();
    if listed != everything(&sources) {
        faults.push(format!("{EVERYTHING} is out of date: read the change, then `cargo xtask golden`"));
    }
    Ok(faults)
}

/// Writes the golden list of call sites anew.
pub(crate) fn write_golden(root: &Path) -> Result<()> {
    let sources =
        sources::files(root, |path| sources::is_hand_written_rust(path) && !sources::is_test(path))?;
    let path = root.join(EVERYTHING);
    fs::create_dir_all(path.parent().context("the list lies in a folder")?)?;
    Ok(fs::write(path, everything(&sources))?)
}

fn check_manifest(root: &Path, name: &str, allowed: &[&str], faults: &mut Vec<String>) -> Result<()> {
    let manifest = fs::read_to_string(root.join(format!("crates/{name}/Cargo.toml")))?;
    let ours: BTreeSet<&str> = EDGES.iter().map(|(name, _)| *name).collect();
    let dependencies = manifest.split("[dependencies]").nth(1).unwrap_or_default();
    let dependencies = dependencies.split("\n[").next().unwrap_or_default();
    for dependency in dependencies.lines().filter_map(|line| line.split(['.', ' ', '=']).next()) {
        if ours.contains(dependency) && !allowed.contains(&dependency) {
            faults.push(format!("crates/{name} must not depend on {dependency}"));
        }
        if matches!(name, "fhir" | "search" | "population") && IMPURE.contains(&dependency) {
            faults.push(format!("crates/{name} is pure and must not depend on {dependency}"));
        }
    }
    Ok(())
}

fn check_words(source: &Source, faults: &mut Vec<String>) {
    let code = sources::without_tests(&source.text);
    for (number, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
        for (word, places) in WORDS {
            let elsewhere = !places.iter().any(|place| source.path.starts_with(place));
            if elsewhere && !source.path.starts_with("xtask/") && names(line, word) {
                faults.push(format!("{}:{}: must not name `{word}`", source.path, number + 1));
            }
        }
        if let Some(file) = source.path.strip_prefix("crates/rest/src/") {
            let stem = file.trim_end_matches(".rs");
            if names(line, "http::") && !REST_HTTP.iter().any(|allowed| stem.starts_with(allowed)) {
                faults.push(format!("{}:{}: must not name `http::`", source.path, number + 1));
            }
        }
    }
}

/// Whether `line` names `word` as a path of its own, not as the end of a longer one.
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '/')
    })
}

fn everything(sources: &[Source]) -> String {
    let mut list = String::new();
    for source in sources.iter().filter(|source| !source.path.starts_with("xtask/")) {
        for line in sources::without_tests(&source.text).lines() {
            let code = line.trim();
            if code.contains("Visible::everything(") && !code.starts_with("//") {
                list.push_str(&format!("{}: {code}\n", source.path));
            }
        }
    }
    list
}
