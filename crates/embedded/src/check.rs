//! Checking a data store: every seal, every index row against the entries it came from, the entries against the
//! bodies, every identity and every live ordinal against the versions.

mod bodies;

use std::collections::{BTreeMap, HashMap};

use fhir::{Id, ResourceKey, ResourceType};
use roaring::RoaringBitmap;
use search::ParamId;

use crate::StorageError;
use crate::contents::{Contents, Reading};
use crate::encode::{encode_entries, rows, updated_row};
use crate::index::{RowStream, Segment};
use crate::keyspace::{BODY, IDENTITY, INDEX, LOG, META, SPACES};
use crate::store::EmbeddedStore;
use crate::view::TypeView;

/// Problems that a report names at the most; the others are only counted.
const PROBLEMS_MAX: usize = 100;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Tables of the engine that were compared with their checksums.
    pub tables: u64,
    /// Sealed records that were opened.
    pub records: u64,
    /// Versions that were read.
    pub versions: u64,
    /// Current resources.
    pub current: u64,
    /// Bodies of current resources whose entries were compared with a fresh extraction.
    pub bodies: u64,
    /// Rows of the index that were compared.
    pub rows: u64,
    /// What is wrong, in words, without patient data; empty if nothing is.
    pub problems: Vec<String>,
    /// How many problems there are in all.
    pub problem_count: u64,
}

impl Report {
    fn problem(&mut self, what: String) {
        self.problem_count += 1;
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(what);
        }
    }
}

/// Whether entries are held against the bodies they came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bodies {
    /// What is indexed of a current resource must be what extraction finds in its body, under whatever base URL
    /// it was written.
    Compare,
    /// Entries are taken as they are. For stores of entries that were never extracted.
    Trust,
}

/// Checks everything in a data store against everything else.
///
/// # Errors
/// Only when the engine fails; what is damaged is in the report.
pub fn check(store: &EmbeddedStore, bodies: Bodies) -> Result<Report, StorageError> {
    let reading = store.contents().reading();
    let mut report = Report::default();
    check_tables(store.contents(), &mut report);
    check_seals(store.contents(), &mut report);
    for (number, types) in &reading.view.types {
        let Some(of) = ResourceType::from_number(*number) else {
            report.problem(format!("there is no type of number {number}"));
            continue;
        };
        check_type(&reading, of, types, &mut report);
        if bodies == Bodies::Compare {
            check_bodies(&reading, of, types, &mut report);
        }
    }
    Ok(report)
}

/// Every byte of every table: also those of filters and of what was overwritten, which no seal covers.
fn check_tables(contents: &Contents, report: &mut Report) {
    match contents.kv.check_tables() {
        Ok((count, faults)) => {
            report.tables = count;
            faults.into_iter().for_each(|fault| report.problem(fault));
        }
        Err(error) => report.problem(error.to_string()),
    }
}

fn check_seals(contents: &Contents, report: &mut Report) {
    for space in [IDENTITY, BODY, LOG, INDEX, META] {
        let name = SPACES[space.0].name;
        for pair in contents.kv.scan(space, &[], &[0xff; 64]) {
            match pair {
                Err(error) => {
                    report.problem(format!("{name}: {error}"));
                    break;
                }
                Ok((key, sealed)) => {
                    report.records += 1;
                    if contents.sealer.open(space.0 as u8, &key, &sealed).is_err() {
                        report.problem(format!("{name}: a record does not open"));
                    }
                }
            }
        }
    }
}

fn check_type(reading: &Reading<'_>, of: ResourceType, types: &TypeView, report: &mut Report) {
    let mut newest: HashMap<Id, u32> = HashMap::new();
    for ordinal in (0..types.next).filter(|ordinal| types.is_known(*ordinal)) {
        report.versions += 1;
        match reading.block(of, ordinal) {
            Err(error) => report.problem(error.to_string()),
            Ok(block) => {
                let version = block.version(ordinal);
                let before = newest.insert(version.id.clone(), ordinal);
                if version.is_erased {
                    report.problem(format!("{} version at ordinal {ordinal} is hollow", of.name()));
                } else if before != known_before(reading, of, types, version.prior) {
                    report.problem(format!("{} version at ordinal {ordinal} links wrongly", of.name()));
                }
            }
        }
    }
    let mut expected = RoaringBitmap::new();
    for (id, ordinal) in newest {
        match reading.newest(&ResourceKey { of, id }) {
            Ok(Some(standing)) if standing.ordinal == ordinal => {
                if !standing.is_deletion {
                    expected.insert(ordinal);
                }
            }
            Ok(_) => report.problem(format!("{} identity of ordinal {ordinal} is wrong", of.name())),
            Err(error) => report.problem(error.to_string()),
        }
    }
    let current = types.current();
    report.current += current.len();
    for ordinal in &current ^ &expected {
        report.problem(format!("{} ordinal {ordinal} is live and should not be, or the reverse", of.name()));
    }
    check_erased(reading, of, types, report);
    check_index(reading, of, types, report);
}

/// The newest version at or before `prior` that was not removed for good.
fn known_before(
    reading: &Reading<'_>,
    of: ResourceType,
    types: &TypeView,
    mut prior: Option<u32>,
) -> Option<u32> {
    while let Some(ordinal) = prior.filter(|ordinal| !types.is_known(*ordinal)) {
        prior = reading.block(of, ordinal).ok()?.version(ordinal).prior;
    }
    prior
}

/// Of what was removed for good, no block may hold more than numbers, once it is scrubbed.
fn check_erased(reading: &Reading<'_>, of: ResourceType, types: &TypeView, report: &mut Report) {
    for ordinal in &*types.erased - &*types.erasing {
        match reading.block(of, ordinal) {
            Ok(block) if block.version(ordinal).is_erased => {}
            Ok(_) => report.problem(format!("{} ordinal {ordinal} was erased and is still there", of.name())),
            Err(error) => report.problem(error.to_string()),
        }
    }
}

fn check_bodies(reading: &Reading<'_>, of: ResourceType, types: &TypeView, report: &mut Report) {
    for ordinal in types.current() {
        report.bodies += 1;
        match bodies::fault_of(reading, of, ordinal) {
            Ok(None) => {}
            Ok(Some(fault)) => report.problem(format!("{} ordinal {ordinal} {fault}", of.name())),
            Err(error) => report.problem(error.to_string()),
        }
    }
}

fn check_index(reading: &Reading<'_>, of: ResourceType, types: &TypeView, report: &mut Report) {
    let live = &*types.live - &*types.dead;
    let mut covered = RoaringBitmap::new();
    for segment in types.segments.iter() {
        let mut inside = live.clone();
        inside.remove_range(..segment.base);
        inside.remove_range(segment.end..);
        covered |= &inside;
        if let Err(error) = check_segment(reading, of, segment, &inside, report) {
            report.problem(format!("index of {}: {error}", of.name()));
        }
    }
    for ordinal in live - covered {
        report.problem(format!("{} ordinal {ordinal} is in no segment of the index", of.name()));
    }
}

/// Compares the rows of a segment with those that the entries of its live ordinals make.
fn check_segment(
    reading: &Reading<'_>,
    of: ResourceType,
    segment: &Segment,
    live: &RoaringBitmap,
    report: &mut Report,
) -> Result<(), StorageError> {
    let mut expected: BTreeMap<Vec<u8>, RoaringBitmap> = BTreeMap::new();
    for ordinal in live {
        let block = reading.block(of, ordinal)?;
        let entries = reading.entries(&block, of, ordinal)?;
        let mut add = |row: &[u8]| {
            expected.entry(row.to_vec()).or_default().insert(ordinal);
        };
        add(&updated_row(block.version(ordinal).updated));
        rows(&encode_entries(&entries), |row| {
            if is_settled(reading, row) {
                add(row);
            }
        })?;
    }
    let mut stream = RowStream::new(&reading.contents.kv, &reading.contents.sealer, *segment);
    while stream.advance()? {
        report.rows += 1;
        let row = [&stream.param.to_be_bytes()[..], &stream.term].concat();
        if !is_settled(reading, &row) {
            continue;
        }
        let found: RoaringBitmap = stream.ordinals.iter().copied().filter(|o| live.contains(*o)).collect();
        if expected.remove(&row).unwrap_or_default() != found {
            report.problem(format!("index of {}: a row of parameter {} is wrong", of.name(), stream.param));
        }
    }
    for row in expected.keys() {
        let param = u16::from_be_bytes([row[0], row[1]]);
        report.problem(format!("index of {}: a row of parameter {param} is missing", of.name()));
    }
    Ok(())
}

/// Whether rows of this row's parameter are what the entries say: not of one that is still being indexed, nor of
/// one that was dropped.
fn is_settled(reading: &Reading<'_>, row: &[u8]) -> bool {
    reading.view.parameters.is_settled(ParamId(u16::from_be_bytes([row[0], row[1]])))
}
