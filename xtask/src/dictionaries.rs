//! Trains the dictionaries that bodies are compressed with: of each type that the population generator writes, and one
//! for all others, of the specification's examples. Both are free of anybody's data.
//!
//! What was once written with a dictionary needs it for ever: run this only for a new generation of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};
use flate2::read::GzDecoder;
use population::Population;

/// Where they are kept.
const FOLDER: &str = "crates/embedded/dictionaries";

/// The generation that is written.
const GENERATION: u32 = 1;

/// Bytes of a type's dictionary, and of the one for all other types.
const TYPE_BYTES: usize = 16 * 1024;
const ANY_BYTES: usize = 64 * 1024;

/// Bytes of samples of a type that are looked at.
const SAMPLE_BYTES: usize = 3 * 1024 * 1024;

/// Fewer resources than this make no dictionary.
const SAMPLES_MIN: usize = 200;

/// Patients that are looked at, far from those of other seeds.
const PATIENTS: u64 = 2_000;
const SEED: u64 = 20_261_123;

/// 2026-01-01.
const AS_OF_S: i64 = 1_767_225_600;

/// `cargo xtask dictionaries PATH_TO_TGZ`: the package `hl7.fhir.r4.examples`.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let [package] = arguments else { bail!("name the package hl7.fhir.r4.examples") };
    let folder = root.join(FOLDER);
    std::fs::create_dir_all(&folder)?;
    for (of, samples) in generated() {
        if samples.len() >= SAMPLES_MIN {
            write(&folder, &of, &samples, TYPE_BYTES)?;
        }
    }
    write(&folder, "any", &examples(Path::new(package))?, ANY_BYTES)
}

fn write(folder: &Path, name: &str, samples: &[Vec<u8>], bytes_max: usize) -> Result<()> {
    let dictionary = zstd::dict::from_samples(samples, bytes_max).with_context(|| format!("train {name}"))?;
    let path = folder.join(format!("{name}-{GENERATION}.zdict"));
    std::fs::write(&path, &dictionary)?;
    println!("{:>6} bytes of {:>6} resources: {}", dictionary.len(), samples.len(), path.display());
    Ok(())
}

/// Resources by type, spread over many patients.
fn generated() -> BTreeMap<String, Vec<Vec<u8>>> {
    let population = Population::new(SEED, AS_OF_S);
    let mut all: BTreeMap<String, (usize, Vec<Vec<u8>>)> = BTreeMap::new();
    let mut keep = |of: &str, json: &[u8]| {
        let (bytes, samples) = all.entry(of.to_owned()).or_default();
        if *bytes < SAMPLE_BYTES {
            *bytes += json.len();
            samples.push(json.to_vec());
        }
    };
    population.community().resources().for_each(|(of, json)| keep(of, json));
    for number in 0..PATIENTS {
        // Of each patient a few of each type, so that no patient's repeat themselves too often.
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        for (of, json) in population.patient(number).resources() {
            let seen = seen.entry(of.to_owned()).or_default();
            *seen += 1;
            if seen.is_power_of_two() {
                keep(of, json);
            }
        }
    }
    all.into_iter().map(|(of, (_, samples))| (of, samples)).collect()
}

/// The examples of a package, without the space between their tokens.
fn examples(package: &Path) -> Result<Vec<Vec<u8>>> {
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(package)?));
    let mut samples = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.display().to_string();
        let is_resource =
            name.ends_with(".json") && !name.contains("package.json") && !name.contains(".index");
        if !is_resource {
            continue;
        }
        let mut text = Vec::new();
        entry.read_to_end(&mut text)?;
        let compact = compact(&text);
        samples.extend(compact.chunks(TYPE_BYTES).map(<[u8]>::to_vec));
    }
    Ok(samples)
}

fn compact(json: &[u8]) -> Vec<u8> {
    let (mut out, mut in_text, mut escaped) = (Vec::with_capacity(json.len()), false, false);
    for byte in json {
        if in_text {
            in_text = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            in_text = *byte == b'"';
        }
        out.push(*byte);
    }
    out
}
