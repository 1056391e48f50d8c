//! The layout spike: what index layouts cost on the engine, before and beside the store that was built on
//! the outcome (`docs/decisions/0002-embedded-index-layout.md`). Run with `cargo run --profile quick -p bench -- layout`.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use embedded::StorageError;
use embedded::index::{Directories, Segment, SegmentReader, SegmentWriter, TermTable, merge};
use embedded::keyspace::{BODY, IDENTITY, INDEX, LOG, SPACES};
use embedded::kv::{Batch, EngineLimits, Kv};
use embedded::pack::Packer;
use embedded::seal::Sealer;
use roaring::RoaringBitmap;

use crate::meter::Meter;

const OF: u16 = 7;
const RUN: u32 = 65_536;
const BLOCK_BYTES: usize = 32 * 1024;
const FOLD_AT: usize = 1024;
const MERGE_FAN_IN: usize = 8;
const GROUP: u32 = 32;

/// Runs the spike over `resources` by runs, then a tenth of that as commits and as updates.
pub(crate) fn run(resources: u32) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("tarn-layout-{}", std::process::id()));
    let outcome = measure(&folder, resources);
    std::fs::remove_dir_all(&folder).context("removing the spike's folder")?;
    outcome
}

fn measure(folder: &Path, resources: u32) -> Result<()> {
    println!("one key per value and chunk (the layout first planned)");
    keys_layout(&folder.join("keys"), resources)?;
    println!("terms in blocks per segment (the layout built)");
    let mut spike = Spike::open(&folder.join("terms"))?;
    let meter = Meter::start();
    while spike.next < resources {
        spike.run(RUN.min(resources - spike.next))?;
    }
    meter.report("import", resources);
    spike.sizes()?;
    spike.searches("after import")?;
    let meter = Meter::start();
    for _ in 0..resources / 10 / GROUP {
        spike.commit_group(None)?;
    }
    meter.report("commits", resources / 10);
    println!("  of it folding and merging {:.1} us a resource", spike.fold_us / f64::from(resources / 10));
    spike.searches("after commits")?;
    spike.fold_us = 0.0;
    let meter = Meter::start();
    for group in 0..resources / 10 / GROUP {
        spike.commit_group(Some(group * GROUP * 7 % resources))?;
    }
    meter.report("updates", resources / 10);
    println!("  of it folding and merging {:.1} us a resource", spike.fold_us / f64::from(resources / 10));
    spike.searches("after updates")?;
    spike.sizes()
}

fn open(folder: &Path) -> Result<(Kv, Sealer)> {
    std::fs::create_dir_all(folder)?;
    let kv = Kv::open(folder, &SPACES, EngineLimits::of(32 << 20), None)?;
    Ok((kv, Sealer::new(&[7; 32])))
}

/// The terms of one synthetic observation: about 20 from 11 entries.
fn terms(n: u32, mut visit: impl FnMut(&[u8])) {
    let patient = n / 300;
    let code = n.wrapping_mul(2_654_435_761) >> 25;
    let mut term = |param: u16, text: String| {
        let mut row = param.to_be_bytes().to_vec();
        row.extend_from_slice(text.as_bytes());
        visit(&row);
    };
    let loinc = format!("http://loinc.org|{code:05}-3");
    term(1, loinc.clone());
    term(1, format!("{code:05}-3"));
    term(1, "http://loinc.org|".into());
    term(2, "http://terminology.hl7.org/CodeSystem/observation-category|vital-signs".into());
    term(2, "vital-signs".into());
    term(3, "http://hl7.org/fhir/observation-status|final".into());
    term(3, "final".into());
    term(4, format!("Patient/{patient:032x}"));
    term(5, format!("Patient/{patient:032x}"));
    term(6, format!("Patient/{patient:032x}"));
    term(7, format!("Encounter/{:032x}", n / 10));
    term(8, format!("urn:ietf:rfc:3986|{:032x}", u128::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C)));
    term(9, format!("{:016x}{:016x}", 1_600_000_000 + u64::from(n) * 977 % 300_000_000, 1));
    term(10, format!("{:08}|mm[Hg]", n.wrapping_mul(97) % 200_000));
    term(11, format!("{loinc}\u{0}{:08}", n.wrapping_mul(97) % 200_000));
    for param in 1..12 {
        term(param, String::new());
    }
}

fn body(n: u32) -> String {
    let patient = n / 300;
    let code = n.wrapping_mul(2_654_435_761) >> 25;
    format!(
        r#"{{"resourceType":"Observation","id":"{n:032x}","meta":{{"profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-vital-signs"]}},"status":"final","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"Vital signs"}}]}}],"code":{{"coding":[{{"system":"http://loinc.org","code":"{code:05}-3","display":"Measurement {code}"}}],"text":"Measurement {code}"}},"subject":{{"reference":"Patient/{patient:032x}"}},"encounter":{{"reference":"Encounter/{:032x}"}},"effectiveDateTime":"2020-0{}-1{}T09:00:00.000+01:00","issued":"2020-01-10T09:00:00.000+01:00","identifier":[{{"system":"urn:ietf:rfc:3986","value":"{:032x}"}}],"valueQuantity":{{"value":{}.{},"unit":"mm[Hg]","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}}}"#,
        n / 10,
        n % 9 + 1,
        n % 10,
        u128::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C),
        n % 200,
        n % 10,
    )
}

/// The layout first planned: a key per parameter, blinded value and chunk, one bitmap each.
fn keys_layout(folder: &Path, resources: u32) -> Result<()> {
    let (kv, sealer) = open(folder)?;
    let meter = Meter::start();
    for first in (0..resources).step_by(RUN as usize) {
        let mut rows = std::collections::HashMap::<([u8; 18], u32), RoaringBitmap>::new();
        for n in first..(first + RUN).min(resources) {
            terms(n, |row| {
                let mut key = [0; 18];
                key[..2].copy_from_slice(&row[..2]);
                key[2..].copy_from_slice(&sealer.blind(row));
                rows.entry((key, n >> 16)).or_default().insert(n & 0xffff);
            });
        }
        let mut rows: Vec<_> = rows.into_iter().collect();
        rows.sort_unstable_by_key(|(key, _)| *key);
        kv.ingest(INDEX, |put| {
            for ((key, chunk), bitmap) in &rows {
                let mut value = Vec::new();
                bitmap.serialize_into(&mut value).map_err(|_| StorageError::Limit("memory"))?;
                let key = [&key[..], &chunk.to_be_bytes()].concat();
                let value = sealer.seal(3, &key, &value);
                put(key, value)?;
            }
            Ok::<(), StorageError>(())
        })?;
    }
    meter.report("import, index only", resources);
    println!("  index {} bytes a resource", kv.space_bytes(INDEX) / u64::from(resources));
    latencies("  code, by prefix of its chunks", 200, |round| {
        let mut found = RoaringBitmap::new();
        let key = [&1u16.to_be_bytes()[..], &sealer.blind(&code_row(round))].concat();
        let to = [&key[..], &[0xff; 4]].concat();
        for pair in kv.scan(INDEX, &key, &to) {
            let (key, value) = pair?;
            let plain = sealer.open(3, &key, &value).map_err(|_| StorageError::Limit("seal"))?;
            found |= RoaringBitmap::deserialize_from(&plain[..])?;
        }
        Ok(found.len())
    })
}

fn code_row(round: u32) -> Vec<u8> {
    [&1u16.to_be_bytes()[..], format!("http://loinc.org|{:05}-3", round % 128).as_bytes()].concat()
}

#[expect(clippy::disallowed_methods, reason = "measuring is what bench is for")]
fn latencies(what: &str, rounds: u32, mut search: impl FnMut(u32) -> Result<u64>) -> Result<()> {
    let mut times = Vec::new();
    let mut hits = 0;
    for round in 0..rounds {
        let start = Instant::now();
        hits += search(round)?;
        times.push(start.elapsed().as_micros());
    }
    times.sort_unstable();
    let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{what}: p50 {p50} us, p99 {p99} us, {} hits on average", hits / u64::from(rounds));
    Ok(())
}

/// The layout built: segments of sorted terms, `recent` in memory, folds and merges.
struct Spike {
    kv: Kv,
    sealer: Sealer,
    packer: Packer,
    directories: Directories,
    next: u32,
    next_segment: u32,
    live: RoaringBitmap,
    segments: Vec<Segment>,
    recent: Vec<u32>,
    fold_us: f64,
}

impl Spike {
    fn open(folder: &Path) -> Result<Self> {
        let (kv, sealer) = open(folder)?;
        let (packer, directories) = (Packer::default(), Directories::new(16 << 20));
        let (live, segments, recent) = Default::default();
        Ok(Spike {
            kv,
            sealer,
            packer,
            directories,
            next: 0,
            next_segment: 0,
            live,
            segments,
            recent,
            fold_us: 0.0,
        })
    }

    fn segment(&mut self, base: u32, end: u32) -> Segment {
        self.next_segment += 1;
        Segment { of: OF, number: self.next_segment, base, end }
    }

    fn run(&mut self, count: u32) -> Result<()> {
        let (first, end) = (self.next, self.next + count);
        let mut table = TermTable::default();
        let mut identities = Vec::new();
        let mut blocks = Vec::new();
        let (mut block, mut block_first) = (Vec::new(), first);
        for n in first..end {
            terms(n, |row| table.add(row, n));
            identities.push((identity_key(&self.sealer, n), n));
            block.extend_from_slice(body(n).as_bytes());
            if block.len() >= BLOCK_BYTES || n + 1 == end {
                blocks.push((block_key(block_first), self.packer.pack(&block)));
                (block_first, block) = (n + 1, Vec::new());
            }
        }
        identities.sort_unstable();
        let segment = self.segment(first, end);
        let Spike { kv, sealer, packer, .. } = self;
        kv.ingest(BODY, |put| {
            for (key, block) in blocks {
                let sealed = sealer.seal(1, &key, &block);
                put(key, sealed)?;
            }
            Ok::<(), StorageError>(())
        })?;
        kv.ingest(IDENTITY, |put| {
            for (key, n) in identities {
                let sealed = sealer.seal(0, &key, &[&n.to_le_bytes()[..], &[1]].concat());
                put(key, sealed)?;
            }
            Ok::<(), StorageError>(())
        })?;
        kv.ingest(INDEX, |put| {
            let mut sink = |key, value| put(key, value).map_err(StorageError::from);
            table.write(SegmentWriter::new(segment, sealer, packer, &mut sink))
        })?;
        self.segments.push(segment);
        self.live.insert_range(first..end);
        self.next = end;
        Ok(())
    }

    /// One group commit of new resources, or of new versions of those from `victim` on.
    fn commit_group(&mut self, victim: Option<u32>) -> Result<()> {
        let mut batch = Batch::default();
        for at in 0..GROUP {
            let n = self.next;
            let id = victim.map_or(n, |victim| victim + at);
            let key = identity_key(&self.sealer, id);
            if victim.is_some() {
                std::hint::black_box(self.kv.get(IDENTITY, &key)?);
                self.live.remove(id);
            }
            let value = self.sealer.seal(0, &key, &n.to_le_bytes());
            batch.put(IDENTITY, key, value);
            let key = block_key(n);
            let value = self.sealer.seal(1, &key, &self.packer.pack(body(id).as_bytes()));
            batch.put(BODY, key, value);
            let key = u64::from(n).to_be_bytes().to_vec();
            let value = self.sealer.seal(2, &key, &n.to_le_bytes());
            batch.put(LOG, key, value);
            self.live.insert(n);
            self.recent.push(n);
            self.next += 1;
        }
        self.kv.write(batch)?;
        self.kv.sync()?;
        if self.recent.len() >= FOLD_AT {
            let meter = Meter::start();
            self.fold()?;
            self.fold_us += meter.cpu_us();
        }
        Ok(())
    }

    fn fold(&mut self) -> Result<()> {
        let recent = std::mem::take(&mut self.recent);
        let (first, end) = (recent[0], recent[recent.len() - 1] + 1);
        let segment = self.segment(first, end);
        let mut table = TermTable::default();
        for n in recent.into_iter().filter(|n| self.live.contains(*n)) {
            terms(n, |row| table.add(row, n));
        }
        let mut batch = Batch::default();
        let Spike { kv, sealer, packer, .. } = self;
        let mut sink = |key, value| {
            batch.put(INDEX, key, value);
            Ok(())
        };
        table.write(SegmentWriter::new(segment, sealer, packer, &mut sink))?;
        kv.write(batch)?;
        self.segments.push(segment);
        self.merge()
    }

    /// Merges the last segments while there are enough of one size.
    fn merge(&mut self) -> Result<()> {
        let tier = |segment: &Segment| {
            ((segment.end - segment.base) / FOLD_AT as u32).max(1).ilog(MERGE_FAN_IN as u32)
        };
        while let Some(start) = self.segments.len().checked_sub(MERGE_FAN_IN) {
            let last = self.segments[start..].to_vec();
            if last.iter().any(|segment| tier(segment) != tier(&last[0])) {
                break;
            }
            let merged = self.segment(last[0].base, last[MERGE_FAN_IN - 1].end);
            let Spike { kv, sealer, packer, live, .. } = self;
            kv.ingest(INDEX, |put| {
                let mut sink = |key, value| put(key, value).map_err(StorageError::from);
                merge(kv, sealer, &last, live, SegmentWriter::new(merged, sealer, packer, &mut sink))
            })?;
            self.segments.truncate(start);
            self.segments.push(merged);
            let mut batch = Batch::default();
            for old in last {
                for pair in self.kv.scan(INDEX, &old.key(0, 0), &old.key(u16::MAX, u32::MAX)) {
                    batch.remove(INDEX, pair?.0.to_vec());
                }
            }
            self.kv.write(batch)?;
        }
        Ok(())
    }

    fn find(&self, row: &[u8]) -> Result<RoaringBitmap> {
        let param = u16::from_be_bytes([row[0], row[1]]);
        let mut found = RoaringBitmap::new();
        for segment in &self.segments {
            let reader = SegmentReader::new(&self.kv, &self.sealer, &self.directories, *segment);
            reader.find(param, &row[2..], &mut found)?;
        }
        Ok(found & &self.live)
    }

    fn searches(&self, when: &str) -> Result<()> {
        println!("  {} segments {when}", self.segments.len());
        latencies("  count of one code", 500, |round| Ok(self.find(&code_row(round))?.len()))?;
        let text = |param: u16, text: String| [&param.to_be_bytes()[..], text.as_bytes()].concat();
        latencies("  one patient with one code", 2000, |round| {
            let patient = text(5, format!("Patient/{:032x}", round * 7919 % (self.next / 300)));
            Ok((self.find(&patient)? & self.find(&code_row(round))?).len())
        })?;
        latencies("  one identifier", 2000, |round| {
            let n = u128::from(round * 7919 % self.next);
            let value = format!("urn:ietf:rfc:3986|{:032x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C));
            Ok(self.find(&text(8, value))?.len())
        })?;
        latencies("  one day of 3,472", 200, |round| {
            let from = format!("{:016x}", 1_600_000_000 + u64::from(round) * 86_400);
            let to = format!("{:016x}", 1_600_000_000 + u64::from(round + 1) * 86_400);
            let mut found = RoaringBitmap::new();
            for segment in &self.segments {
                let reader = SegmentReader::new(&self.kv, &self.sealer, &self.directories, *segment);
                reader.range(9, from.as_bytes(), |term, postings| {
                    if term >= to.as_bytes() {
                        return Ok(ControlFlow::Break(()));
                    }
                    postings.add_to(&mut found).map(|()| ControlFlow::Continue(()))
                })?;
            }
            Ok((found & &self.live).len())
        })
    }

    fn sizes(&self) -> Result<()> {
        let each = |space| self.kv.space_bytes(space) / u64::from(self.next);
        let (identity, bodies, index) = (each(IDENTITY), each(BODY), each(INDEX));
        let all = self.kv.disk_bytes()? / u64::from(self.next);
        println!("  bytes a resource: identity {identity}, body {bodies}, index {index}, with journal {all}");
        Ok(())
    }
}

fn identity_key(sealer: &Sealer, n: u32) -> Vec<u8> {
    [&OF.to_be_bytes()[..], &sealer.blind(&n.to_be_bytes())].concat()
}

fn block_key(n: u32) -> Vec<u8> {
    [&OF.to_be_bytes()[..], &u64::from(n).to_be_bytes()].concat()
}
