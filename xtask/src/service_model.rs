//! Turns the AWS service model of HealthLake into the committed Rust shapes that the control plane speaks.

mod emit;
mod model;

use anyhow::{Context, Result, bail};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Where the vendored model lies, relative to the workspace root.
const MODEL: &str = "crates/healthlake/model/service-2.json";
/// Where the generated files go, relative to the workspace root.
const GENERATED: &str = "crates/healthlake/src/generated";

/// The actions that tarn answers; every other operation of the model is named as absent.
const ACTIONS: [&str; 13] = [
    "CreateFHIRDatastore",
    "DeleteFHIRDatastore",
    "DescribeFHIRDatastore",
    "DescribeFHIRExportJob",
    "DescribeFHIRImportJob",
    "ListFHIRDatastores",
    "ListFHIRExportJobs",
    "ListFHIRImportJobs",
    "ListTagsForResource",
    "StartFHIRExportJob",
    "StartFHIRImportJob",
    "TagResource",
    "UntagResource",
];

/// Writes the generated files under `root`, or with `--check` in `arguments` compares them.
/// Fails when the model cannot be read or holds something the generator does not know, or on a difference.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let check = match arguments {
        [] => false,
        [only] if only == "--check" => true,
        _ => bail!("usage: cargo xtask service-model [--check]"),
    };
    let text = std::fs::read_to_string(root.join(MODEL)).with_context(|| format!("reading {MODEL}"))?;
    let model = model::Model::parse(&text, &ACTIONS)?;
    let mut stale = Vec::new();
    for (name, source) in emit::files(&model)? {
        let path = root.join(GENERATED).join(name);
        let formatted = format(&source, root).with_context(|| format!("formatting {name}"))?;
        let present = std::fs::read_to_string(&path).unwrap_or_default();
        if present == formatted {
            continue;
        }
        if check {
            stale.push(name);
        } else {
            std::fs::write(&path, formatted).with_context(|| format!("writing {}", path.display()))?;
        }
    }
    if !stale.is_empty() {
        bail!("{GENERATED} differs from the model: {}; run `cargo xtask service-model`", stale.join(", "));
    }
    Ok(())
}

fn format(source: &str, root: &Path) -> Result<String> {
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting rustfmt")?;
    let mut stdin = rustfmt.stdin.take().context("rustfmt's input")?;
    let source = source.to_owned();
    let feed = std::thread::spawn(move || stdin.write_all(source.as_bytes()));
    let output = rustfmt.wait_with_output()?;
    feed.join().map_err(|_| anyhow::anyhow!("feeding rustfmt"))??;
    if !output.status.success() {
        bail!("rustfmt refused the generated source");
    }
    Ok(String::from_utf8(output.stdout)?)
}
