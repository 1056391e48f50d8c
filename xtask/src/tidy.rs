//! Layout rules that no compiler knows: file length, first lines, names, and documents that tell the truth.

use std::path::Path;

use anyhow::Result;

use crate::sources::{self, Source};

/// The most lines that a hand-written file may have.
const FILE_LINES_MAX: usize = 600;

/// File names that say nothing.
const EMPTY_NAMES: [&str; 7] = ["util", "utils", "common", "helper", "helpers", "manager", "misc"];

/// What breaks the layout rules, a sentence each.
pub(crate) fn faults(root: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for source in sources::files(root, sources::is_hand_written_rust)? {
        check_rust(&source, &mut faults);
    }
    for source in sources::files(root, |path| path.ends_with(".md"))? {
        check_links(root, &source, &mut faults);
    }
    Ok(faults)
}

fn check_rust(source: &Source, faults: &mut Vec<String>) {
    let Source { path, text } = source;
    let lines = text.lines().count();
    if lines > FILE_LINES_MAX {
        faults.push(format!("{path}: {lines} lines, more than {FILE_LINES_MAX}"));
    }
    if !text.starts_with("//!") {
        faults.push(format!("{path}: the first line does not say what the file holds (`//! …`)"));
    }
    let stem = Path::new(path).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if EMPTY_NAMES.contains(&stem) {
        faults.push(format!("{path}: the name says nothing"));
    }
    for (number, line) in text.lines().enumerate() {
        let is_rule = path.starts_with("xtask/");
        if !is_rule && ["TODO", "FIXME", "XXX", "HACK"].iter().any(|mark| line.contains(mark)) {
            faults.push(format!("{path}:{}: a mark of unfinished work", number + 1));
        }
        if !is_rule && line.trim_start().starts_with("#[ignore") {
            faults.push(format!("{path}:{}: an ignored test", number + 1));
        }
    }
}

/// Reports paths that a document names in back quotes and that do not exist.
fn check_links(root: &Path, source: &Source, faults: &mut Vec<String>) {
    let folder = root.join(&source.path).parent().map(Path::to_path_buf).unwrap_or_default();
    for (number, line) in source.text.lines().enumerate() {
        for named in line.split('`').skip(1).step_by(2).filter(|text| is_path(text)) {
            if !root.join(named).exists() && !folder.join(named).exists() {
                faults.push(format!("{}:{}: names `{named}`, which does not exist", source.path, number + 1));
            }
        }
    }
}

/// Whether a quoted text names a file of this repository: it starts with one of its folders.
fn is_path(text: &str) -> bool {
    const FOLDERS: [&str; 8] =
        ["crates/", "docs/", "tests/", "bench/", "endurance/", "xtask/", "testdata/", ".ci/"];
    FOLDERS.iter().any(|folder| text.starts_with(folder))
        && text.len() > 7
        && !text.contains(['*', '{', '}', ' ', '<', '…', '?'])
}
