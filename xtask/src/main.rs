//! The checks and generators of this repository.

mod service_model;

use anyhow::{Context, Result, bail};
use std::path::Path;

const USAGE: &str = "usage: cargo xtask service-model [--check]";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in the workspace")?;
    let (command, rest) = arguments.split_first().context(USAGE)?;
    match command.as_str() {
        "service-model" => service_model::run(root, rest),
        _ => bail!(USAGE),
    }
}
