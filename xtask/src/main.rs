//! The checks and generators of this repository.

mod boundaries;
mod definitions;
mod dictionaries;
mod guides;
mod service_model;
mod sources;
mod tidy;

use anyhow::{Context, Result, bail};
use std::path::Path;

const USAGE: &str = "usage: cargo xtask check | golden | service-model [--check] | definitions [--check] PATH_TO_TGZ | guides PATH_TO_TGZ… | dictionaries PATH_TO_TGZ";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in the workspace")?;
    let (command, rest) = arguments.split_first().context(USAGE)?;
    match command.as_str() {
        "check" => check(root),
        "definitions" => definitions::run(root, rest),
        "dictionaries" => dictionaries::run(root, rest),
        "guides" => guides::run(root, rest),
        "golden" => boundaries::write_golden(root),
        "service-model" => service_model::run(root, rest),
        _ => bail!(USAGE),
    }
}

/// Everything that `make check` wants beside formatting and lints: layout, boundaries, generated files.
fn check(root: &Path) -> Result<()> {
    let mut faults = tidy::faults(root)?;
    faults.extend(boundaries::faults(root)?);
    for fault in &faults {
        eprintln!("{fault}");
    }
    if !faults.is_empty() {
        bail!("{} faults", faults.len());
    }
    service_model::run(root, &["--check".to_owned()])?;
    println!("layout, boundaries and generated files: no faults");
    Ok(())
}
