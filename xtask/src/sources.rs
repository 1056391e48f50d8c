//! The repository's own source files, as the checks read them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// A tracked text file.
pub(crate) struct Source {
    /// Its path from the root, with forward slashes.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

/// All files that git knows or would add, whose path passes `wanted`, in order.
pub(crate) fn files(root: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<Source>> {
    let listing = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("git lists the files")?;
    ensure!(listing.status.success(), "git ls-files failed");
    let mut sources = Vec::new();
    for path in String::from_utf8(listing.stdout)?.lines().filter(|path| wanted(path)) {
        let full: PathBuf = root.join(path);
        if full.is_file() {
            let text = fs::read_to_string(&full).with_context(|| format!("read {path}"))?;
            sources.push(Source { path: path.to_owned(), text });
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources.dedup_by(|a, b| a.path == b.path);
    Ok(sources)
}

/// Whether a path is a Rust file written by hand.
pub(crate) fn is_hand_written_rust(path: &str) -> bool {
    path.ends_with(".rs") && !path.contains("/generated/")
}

/// Whether a path is a test: in a `tests` folder, or a file named for tests.
pub(crate) fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.starts_with("tests/") || path.ends_with("tests.rs")
}

/// The text of a Rust file without its trailing test module.
pub(crate) fn without_tests(text: &str) -> &str {
    text.split_once("\n#[cfg(test)]\n").map_or(text, |(code, _)| code)
}
