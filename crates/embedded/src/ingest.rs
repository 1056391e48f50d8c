//! A run of an import: bodies, identities and index written by sorted ingestion, past the journal, and made
//! visible by one record at the end. What a crash leaves behind is never seen and never counted again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use fhir::{ResourceKey, Time};
use roaring::RoaringBitmap;
use search::ParameterSet;
use store::{Ingested, Put, Run, StoreError};

use crate::StorageError;
use crate::contents::{Contents, Standing};
use crate::encode::{encode_entries, rows, updated_row};
use crate::fold::new_segment;
use crate::index::{Segment, SegmentWriter, TermTable};
use crate::keyspace::{BODY, IDENTITY, INDEX};
use crate::kv::Batch;
use crate::pack::Packer;
use crate::records::{Identity, LogRecord, State, TypeState};
use crate::version::{Birth, BlockWriter, Pair, Version};
use crate::view::View;
use crate::writer::Writer;

/// One put with the place it gets.
struct Placed {
    put: Put,
    ordinal: u32,
    number: u64,
    prior: Option<u32>,
    birth: Birth,
}

/// A run with its places.
struct Plan {
    updated: Time,
    /// The puts of each type in order, and so of rising ordinals.
    types: BTreeMap<u16, Vec<Placed>>,
    /// How each resource stands after the run.
    standings: HashMap<ResourceKey, Standing>,
    /// Versions of the run that a later put of the same run replaces.
    superseded: HashSet<(u16, u32)>,
    log: LogRecord,
    versions: Vec<u64>,
}

impl Writer {
    pub(crate) fn ingest_sorted(
        &mut self,
        run: Run,
        parameters: ParameterSet,
    ) -> Result<Ingested, StoreError> {
        self.fold_now()?;
        let id = run.id.clone();
        let plan = self.plan(run)?;
        let outcome = Ingested { updated: plan.updated, versions: plan.versions.clone(), repeated: false };
        self.announce(&plan)?;
        let mut view = View::clone(&self.view);
        let mut batch = Batch::default();
        let written = self.write_plan(&plan).map(|segments| {
            publish(&self.contents, &mut view, &mut batch, &plan, segments);
            self.contents.meta().put_run(&mut batch, &id.job, id.number, &outcome);
            self.stage_parameters(&mut view, &mut batch, parameters);
            let next_segment = self.contents.next_segment().load(Ordering::Relaxed);
            let state = State::of(&view, view.sequence, next_segment);
            self.contents.meta().put_state(&mut batch, &state);
            self.contents.meta().remove_pending(&mut batch);
        });
        if let Err(error) = written {
            self.abandon(&plan);
            return Err(error.into());
        }
        self.write(batch, view)?;
        self.folded_sequence = self.view.sequence;
        self.generation += 1;
        Ok(outcome)
    }

    /// Gives every put its ordinal and version.
    fn plan(&self, run: Run) -> Result<Plan, StorageError> {
        let updated = self.stamp(&self.view);
        let reading = self.contents.reading();
        let log = LogRecord { updated, ..LogRecord::default() };
        let (types, standings, superseded, versions) = Default::default();
        let mut plan = Plan { updated, types, standings, superseded, log, versions };
        for mut put in run.puts {
            let of = put.key.of.number();
            let before = match plan.standings.get(&put.key) {
                Some(standing) => {
                    plan.superseded.insert((of, standing.ordinal));
                    Some(*standing)
                }
                None => reading.newest(&put.key)?,
            };
            let placed = plan.types.entry(of).or_default();
            let first = reading.of(put.key.of).map_or(0, |types| types.next);
            let room = u32::MAX - 1 - first;
            if placed.len() as u64 >= u64::from(room) {
                return Err(StorageError::Limit("VERSIONS_PER_TYPE_MAX"));
            }
            let ordinal = first + placed.len() as u32;
            let number = before.map_or(1, |before| before.number + 1);
            let prior = before.map(|before| before.ordinal);
            let birth = Standing::birth(before);
            let created = birth.time().unwrap_or(updated);
            put.entries.set_created(created);
            plan.standings.insert(put.key.clone(), Standing { ordinal, number, is_deletion: false, created });
            plan.log.push(of, ordinal);
            plan.log.killed.extend(prior.map(|prior| (of, prior)));
            plan.versions.push(number);
            placed.push(Placed { put, ordinal, number, prior, birth });
        }
        Ok(plan)
    }

    /// Writes down which ordinals the run is about to use, so that they are void if it does not end.
    fn announce(&mut self, plan: &Plan) -> Result<(), StoreError> {
        let types = plan.types.iter().map(|(of, placed)| {
            let range = placed.first().map_or(0, |p| p.ordinal)..placed.last().map_or(0, |p| p.ordinal + 1);
            TypeState { of: *of, next: range.end, void: vec![range], ..TypeState::default() }
        });
        let pending = State { types: types.collect(), ..State::default() };
        let mut batch = Batch::default();
        self.contents.meta().put_pending(&mut batch, &pending);
        let kv = &self.contents.kv;
        kv.write(batch).and_then(|()| kv.sync()).map_err(|error| {
            self.stop();
            StorageError::from(error).into()
        })
    }

    /// Gives up a run that could not be written: its ordinals are void from now on.
    fn abandon(&mut self, plan: &Plan) {
        let mut view = View::clone(&self.view);
        for (of, placed) in &plan.types {
            let types = view.change(*of);
            let next = types.next + placed.len() as u32;
            Arc::make_mut(&mut types.void).push(types.next..next);
            types.next = next;
        }
        let mut batch = Batch::default();
        let next_segment = self.contents.next_segment().load(Ordering::Relaxed);
        self.contents.meta().put_state(&mut batch, &State::of(&view, self.folded_sequence, next_segment));
        self.contents.meta().remove_pending(&mut batch);
        if let Err(error) = self.write(batch, view) {
            tracing::error!(%error, "a run could not be given up cleanly");
        }
    }

    fn write_plan(&mut self, plan: &Plan) -> Result<Vec<Segment>, StorageError> {
        let contents = self.contents.clone();
        let Contents { kv, sealer, .. } = &*contents;
        let packer = &mut self.packer;
        let mut tables = Vec::new();
        kv.ingest(BODY, |put| {
            for (of, placed) in &plan.types {
                let mut sink = |(key, sealed): Pair| put(key, sealed).map_err(StorageError::from);
                tables.push((*of, placed, write_bodies(&contents, packer, plan, placed, &mut sink)?));
            }
            Ok::<(), StorageError>(())
        })?;
        let mut identities: Vec<_> =
            plan.standings.iter().map(|(key, standing)| (Identity::key(sealer, key), standing)).collect();
        identities.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        kv.ingest(IDENTITY, |put| {
            for (key, standing) in identities {
                let sealed = standing.identity().seal(sealer, &key);
                put(key, sealed)?;
            }
            Ok::<(), StorageError>(())
        })?;
        let mut segments = Vec::new();
        kv.ingest(INDEX, |put| {
            let mut sink = |key, value| put(key, value).map_err(StorageError::from);
            for (of, placed, table) in tables {
                let (first, last) = (&placed[0], &placed[placed.len() - 1]);
                let segment = new_segment(&contents, of, first.ordinal, last.ordinal + 1);
                table.write(SegmentWriter::new(segment, sealer, packer, &mut sink))?;
                segments.push(segment);
            }
            Ok::<(), StorageError>(())
        })?;
        Ok(segments)
    }
}

/// Writes the blocks of one type, and gathers the terms of the versions that the run leaves current.
fn write_bodies(
    contents: &Contents,
    packer: &mut Packer,
    plan: &Plan,
    placed: &[Placed],
    sink: &mut dyn FnMut(Pair) -> Result<(), StorageError>,
) -> Result<TermTable, StorageError> {
    let mut table = TermTable::default();
    let mut block = BlockWriter::default();
    let mut first = placed[0].ordinal;
    let written = updated_row(plan.updated);
    for (at, Placed { put, ordinal, number, prior, birth }) in placed.iter().enumerate() {
        let of = put.key.of.number();
        let (id, operation) = (put.key.id.clone(), put.operation);
        let (number, updated, prior, birth) = (*number, plan.updated, *prior, *birth);
        let version = Version { id, number, updated, birth, operation, prior, is_erased: false };
        let encoded = encode_entries(&put.entries);
        block.put(&version, Some(&put.body), &encoded);
        if block.is_full() || at + 1 == placed.len() {
            let full = std::mem::take(&mut block);
            full.finish(of, first, &contents.sealer, packer).into_iter().try_for_each(&mut *sink)?;
            first = ordinal + 1;
        }
        if !plan.superseded.contains(&(of, *ordinal)) {
            table.add(&written, *ordinal);
            rows(&encoded, |row| table.add(row, *ordinal))?;
        }
    }
    Ok(table)
}

/// The view after the run, and the records that make it so.
fn publish(contents: &Contents, view: &mut View, batch: &mut Batch, plan: &Plan, segments: Vec<Segment>) {
    view.sequence += 1;
    view.newest = Some(plan.updated);
    plan.log.put(batch, &contents.sealer, view.sequence);
    for segment in segments {
        let types = view.change(segment.of);
        let mut live = RoaringBitmap::clone(&types.live);
        live.insert_range(segment.base..segment.end);
        let killed = plan.log.killed.iter().filter(|(of, _)| *of == segment.of);
        killed.for_each(|(_, ordinal)| {
            live.remove(*ordinal);
        });
        live.optimize();
        contents.meta().put_live(batch, segment.of, &types.live, &live);
        types.live = Arc::new(live);
        types.next = segment.end;
        Arc::make_mut(&mut types.segments).push(Arc::new(segment));
    }
}
