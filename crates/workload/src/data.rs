//! The data of a run: generated patients of any number, or somebody's own NDJSON, in parts that fit into memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use population::Population;

/// Patients whose generated records are about a hundred thousand resources.
pub const PATIENTS_A_100K: u64 = 360;

/// The moment as of which patients are generated, in seconds since 1970: 2026-01-01, so that a seed means the same
/// bytes every day.
pub const GENERATED_AS_OF_S: i64 = 1_767_225_600;

/// Bytes of NDJSON from which a part is complete.
const PART_BYTES: usize = 32 * 1024 * 1024;

/// Where resources come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The population generator.
    Generated {
        /// The seed: the same one makes the same bytes.
        seed: u64,
        /// How many patients.
        patients: u64,
    },
    /// A file, or the `.ndjson` files of a folder.
    Files(PathBuf),
}

/// Resources that can be had again and again, whole or the first tenth of them.
#[derive(Clone, Debug)]
pub struct Data {
    source: Source,
    /// One in how many is taken.
    divisor: u64,
}

/// Some lines of one resource type or file.
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) lines: u64,
    pub(crate) content: Bytes,
}

/// Takes one part after the other.
type Taker<'a> = dyn FnMut(Part) -> Result<()> + 'a;

impl Data {
    /// All that the source has.
    pub fn new(source: Source) -> Data {
        Data { source, divisor: 1 }
    }

    /// About the `divisor`th part of it.
    pub(crate) fn share(&self, divisor: u64) -> Data {
        Data { source: self.source.clone(), divisor: self.divisor * divisor }
    }

    /// Gives all parts to `take`.
    pub(crate) fn parts(&self, take: &mut Taker<'_>) -> Result<()> {
        match &self.source {
            Source::Generated { seed, patients } => {
                let mut open = Open { take, types: BTreeMap::new() };
                let population = Population::new(*seed, GENERATED_AS_OF_S);
                population.community().resources().try_for_each(|(of, json)| open.put(of, json))?;
                for number in 0..patients.div_ceil(self.divisor) {
                    population.patient(number).resources().try_for_each(|(of, json)| open.put(of, json))?;
                }
                open.finish()
            }
            Source::Files(path) => {
                let mut open = Open { take, types: BTreeMap::new() };
                for file in files(path)? {
                    let name = file.file_stem().and_then(|name| name.to_str()).unwrap_or("data").to_owned();
                    each_line(&file, self.divisor, &mut |line| open.put(&name, line))?;
                }
                open.finish()
            }
        }
    }

    /// Transactions that create all resources of a patient each, at most `count` of them and at most `entries_max`
    /// entries in each; of files, of as many lines as follow each other. With how many entries there are in all.
    pub(crate) fn transactions(&self, count: usize, entries_max: usize) -> Result<(Vec<Bytes>, u64)> {
        let mut bundles = Bundles { open: Vec::new(), held: 0, entries: 0, done: Vec::new(), entries_max };
        match &self.source {
            Source::Generated { seed, patients } => {
                let population = Population::new(*seed, GENERATED_AS_OF_S);
                for number in 0..*patients {
                    if bundles.done.len() >= count {
                        break;
                    }
                    population.patient(number).resources().for_each(|(of, json)| bundles.put(of, json));
                    bundles.end();
                }
            }
            Source::Files(path) => {
                for file in files(path)? {
                    each_line(&file, self.divisor, &mut |line| {
                        if bundles.done.len() < count
                            && let Some(of) = member(line, b"\"resourceType\":")
                        {
                            let of = of.to_owned();
                            bundles.put(&of, line);
                        }
                        Ok(())
                    })?;
                }
                bundles.end();
            }
        }
        Ok((bundles.done, bundles.entries))
    }

    /// The first `count` resources with their types, of generated patients or of files.
    pub(crate) fn resources(&self, count: usize) -> Result<Vec<(String, Bytes)>> {
        let mut all = Vec::with_capacity(count);
        let mut take = |of: &str, json: &[u8]| {
            if all.len() < count {
                all.push((of.to_owned(), Bytes::copy_from_slice(json)));
            }
        };
        match &self.source {
            Source::Generated { seed, patients } => {
                let population = Population::new(*seed, GENERATED_AS_OF_S);
                // About 280 resources a patient: no more patients than needed are made.
                for number in 0..(*patients).min(count as u64) {
                    population.patient(number).resources().for_each(|(of, json)| take(of, json));
                    if number as usize * 100 > count {
                        break;
                    }
                }
            }
            Source::Files(path) => {
                for file in files(path)? {
                    each_line(&file, self.divisor, &mut |line| {
                        if let Some(of) = member(line, b"\"resourceType\":") {
                            take(of, line);
                        }
                        Ok(())
                    })?;
                }
            }
        }
        Ok(all)
    }
}

/// Parts being filled, one for each name.
struct Open<'a, 't> {
    take: &'a mut Taker<'t>,
    types: BTreeMap<String, (Vec<u8>, u64, u64)>,
}

impl Open<'_, '_> {
    fn put(&mut self, name: &str, line: &[u8]) -> Result<()> {
        if !self.types.contains_key(name) {
            self.types.insert(name.to_owned(), Default::default());
        }
        let (content, lines, _) = self.types.get_mut(name).expect("it was inserted above");
        content.extend_from_slice(line);
        content.push(b'\n');
        *lines += 1;
        if content.len() >= PART_BYTES { self.close(name) } else { Ok(()) }
    }

    fn close(&mut self, name: &str) -> Result<()> {
        let Some((content, lines, number)) = self.types.get_mut(name) else { return Ok(()) };
        let part = Part {
            name: format!("{name}-{number:04}.ndjson"),
            lines: std::mem::take(lines),
            content: std::mem::take(content).into(),
        };
        *number += 1;
        if part.lines > 0 { (self.take)(part) } else { Ok(()) }
    }

    fn finish(mut self) -> Result<()> {
        let names: Vec<String> = self.types.keys().cloned().collect();
        names.iter().try_for_each(|name| self.close(name))
    }
}

/// Transactions being written.
struct Bundles {
    open: Vec<u8>,
    held: usize,
    entries: u64,
    done: Vec<Bytes>,
    entries_max: usize,
}

impl Bundles {
    /// Adds an entry whose fullUrl is that of another server, so that every reference to it is replaced.
    fn put(&mut self, of: &str, json: &[u8]) {
        let id = member(json, b"\"id\":").unwrap_or("unnamed");
        let head = if self.held == 0 {
            r#"{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":""#
        } else {
            r#",{"fullUrl":""#
        };
        self.open.extend_from_slice(head.as_bytes());
        self.open
            .extend_from_slice(format!("http://bench.example/fhir/{of}/{id}\",\"resource\":").as_bytes());
        self.open.extend_from_slice(json);
        let request = format!(",\"request\":{{\"method\":\"POST\",\"url\":\"{of}\"}}}}");
        self.open.extend_from_slice(request.as_bytes());
        self.held += 1;
        self.entries += 1;
        if self.held == self.entries_max {
            self.end();
        }
    }

    fn end(&mut self) {
        if self.held > 0 {
            self.open.extend_from_slice(b"]}");
            self.done.push(std::mem::take(&mut self.open).into());
            self.held = 0;
        }
    }
}

/// The text of the first member that is written so; ids and types have no escapes.
pub(crate) fn member<'j>(json: &'j [u8], name: &[u8]) -> Option<&'j str> {
    let at = json.windows(name.len()).position(|window| window == name)?;
    let rest = json[at + name.len()..].trim_ascii_start().strip_prefix(b"\"")?;
    std::str::from_utf8(rest.split(|byte| *byte == b'"').next()?).ok()
}

/// The `.ndjson` files at a path.
pub(crate) fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).with_context(|| format!("read {}", path.display()))? {
        files.push(entry?.path());
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "ndjson"));
    files.sort();
    ensure!(!files.is_empty(), "{} holds no .ndjson files", path.display());
    Ok(files)
}

/// Every `divisor`th line of a file that holds something.
fn each_line(file: &Path, divisor: u64, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let open = File::open(file).with_context(|| format!("read {}", file.display()))?;
    let mut reader = BufReader::with_capacity(1 << 20, open);
    let (mut line, mut number) = (Vec::new(), 0);
    while reader.read_until(b'\n', &mut line)? > 0 {
        let held = line.trim_ascii();
        if !held.is_empty() {
            if number % divisor == 0 {
                take(held)?;
            }
            number += 1;
        }
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(data: &Data) -> Vec<String> {
        let mut ids = Vec::new();
        let mut take = |part: Part| {
            let lines = part.content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            let before = ids.len();
            ids.extend(lines.map(|line| member(line, b"\"id\":").unwrap().to_owned()));
            assert_eq!((ids.len() - before) as u64, part.lines);
            Ok(())
        };
        data.parts(&mut take).unwrap();
        ids
    }

    #[test]
    fn the_same_seed_gives_the_same_resources_and_a_share_fewer_of_them() {
        let data = Data::new(Source::Generated { seed: 7, patients: 10 });
        let all = ids(&data);
        assert_eq!(all, ids(&data));
        let tenth = ids(&data.share(10));
        assert!(tenth.len() < all.len() && tenth.iter().all(|id| all.contains(id)));
    }

    #[test]
    fn files_are_read_line_by_line_and_every_nth_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let lines: String =
            (0..20).map(|n| format!("{{\"resourceType\":\"Basic\",\"id\":\"b{n}\"}}\n\n")).collect();
        std::fs::write(folder.path().join("Basic.ndjson"), lines).unwrap();
        std::fs::write(folder.path().join("notes.txt"), "no resource").unwrap();
        let data = Data::new(Source::Files(folder.path().to_owned()));
        assert_eq!(ids(&data).len(), 20);
        assert_eq!(ids(&data.share(10)), ["b0", "b10"]);
        let (bundles, entries) = data.transactions(3, 5).unwrap();
        assert_eq!((bundles.len(), entries), (3, 15));
        for bundle in bundles {
            let json: serde_json::Value = serde_json::from_slice(&bundle).unwrap();
            assert_eq!(json["entry"].as_array().unwrap().len(), 5);
        }
    }
}
