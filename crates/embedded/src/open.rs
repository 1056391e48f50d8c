//! Opening a data store: what is folded is read, what a crash left behind is put right, and the commits
//! since the last fold are found again in the log.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use fhir::ResourceType;
use store::reindex::{is_parameter, parameters_of_all};

use crate::StorageError;
use crate::contents::Contents;
use crate::fold::remove_segment;
use crate::index::{Directories, Segment};
use crate::keyspace::{INDEX, LOG, SPACES};
use crate::kv::{Batch, EngineLimits, Kv, StepGuard};
use crate::records::{LogRecord, State, view_of};
use crate::seal::Sealer;
use crate::view::{Recent, View};

/// Memory that an open data store may hold for reading, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct StoreLimits {
    /// Cache of the engine's blocks, sealed.
    pub cache_bytes: u64,
    /// Cache of opened index blocks.
    pub index_cache_bytes: usize,
}

impl Default for StoreLimits {
    fn default() -> Self {
        StoreLimits { cache_bytes: 16 * 1024 * 1024, index_cache_bytes: 8 * 1024 * 1024 }
    }
}

/// Opens the contents in `folder`. Returns them, their view, and the sequence up to which they are folded.
pub(crate) fn open(
    folder: &Path,
    data_key: &[u8; 32],
    limits: StoreLimits,
    guard: Option<StepGuard>,
) -> Result<(Contents, View, u64), StorageError> {
    let engine = EngineLimits { cache_bytes: limits.cache_bytes, threads: 1 };
    let kv = Kv::open(folder, &SPACES, engine, guard)?;
    let contents = Contents::new(kv, Sealer::new(data_key), Directories::new(limits.index_cache_bytes));
    contents.meta().check_format()?;
    let mut state = contents.meta().state()?;
    if let Some(pending) = contents.meta().pending()? {
        void_pending(&contents, &mut state, &pending)?;
    }
    contents.next_segment().store(state.next_segment.max(1), Ordering::Relaxed);
    let mut view = view_of(&contents.meta(), &state)?;
    remove_unlisted(&contents, &state)?;
    replay(&contents, &mut view)?;
    adopt_parameters(&contents, &mut view)?;
    contents.publish(Arc::new(view.clone()));
    Ok((contents, view, state.sequence))
}

/// Gives up the ordinals of a run that never became visible.
fn void_pending(contents: &Contents, state: &mut State, pending: &State) -> Result<(), StorageError> {
    for run in &pending.types {
        let types = match state.types.iter_mut().position(|types| types.of == run.of) {
            Some(at) => &mut state.types[at],
            None => {
                state.types.push(crate::records::TypeState { of: run.of, ..Default::default() });
                state.types.last_mut().expect("one was pushed")
            }
        };
        types.next = types.next.max(run.next);
        types.void.extend(run.void.iter().filter(|range: &&Range<u32>| !range.is_empty()).cloned());
    }
    let mut batch = Batch::default();
    contents.meta().put_state(&mut batch, state);
    contents.meta().remove_pending(&mut batch);
    contents.kv.write(batch)?;
    Ok(contents.kv.sync()?)
}

/// Removes segments that no state lists: a crash came before they were, or after they were replaced.
fn remove_unlisted(contents: &Contents, state: &State) -> Result<(), StorageError> {
    let listed: HashSet<(u16, u32)> = state
        .types
        .iter()
        .flat_map(|types| &types.segments)
        .map(|segment| (segment.of, segment.number))
        .collect();
    let mut from = vec![0; 12];
    while let Some((key, _)) = contents.kv.first(INDEX, &from, &[0xff; 12])? {
        let segment =
            segment_of(&key).ok_or_else(|| StorageError::Damaged("a key of the index".to_owned()))?;
        if !listed.contains(&(segment.of, segment.number)) {
            remove_segment(contents, &segment)?;
        }
        from = segment.key(u16::MAX, u32::MAX);
        from.push(0);
    }
    Ok(())
}

fn segment_of(key: &[u8]) -> Option<Segment> {
    let of = u16::from_be_bytes(key.get(..2)?.try_into().ok()?);
    let number = u32::from_be_bytes(key.get(2..6)?.try_into().ok()?);
    Some(Segment { of, number, base: 0, end: 0 })
}

/// Has the SearchParameters serve that were stored before the store took notice of any; it does so once. Nothing was
/// extracted by them, so that they wait to be indexed like new ones.
fn adopt_parameters(contents: &Contents, view: &mut View) -> Result<(), StorageError> {
    if contents.meta().has_parameters()? {
        return Ok(());
    }
    let Some(of) = ResourceType::all().find(|of| is_parameter(*of)) else { return Ok(()) };
    let current = view.of(of).map(|types| types.current()).unwrap_or_default();
    if current.is_empty() {
        return Ok(());
    }
    let reading = contents.reading_of(Arc::new(view.clone()));
    let mut stored = Vec::new();
    for ordinal in current {
        let one = reading.stored(of, ordinal)?;
        stored.extend(one.body.map(|body| (one.key.id, body)));
    }
    let (parameters, refused) = parameters_of_all(&stored);
    let parameters = parameters.of_older_release();
    for (id, error) in refused {
        tracing::warn!(%id, %error, "a SearchParameter was stored that cannot be served; write it again");
    }
    let mut batch = Batch::default();
    contents.meta().put_parameters(&mut batch, &parameters);
    contents.kv.write(batch)?;
    contents.kv.sync()?;
    view.parameters = parameters;
    Ok(())
}

/// Puts the commits since the last fold back into the view.
fn replay(contents: &Contents, view: &mut View) -> Result<(), StorageError> {
    let from = (view.sequence + 1).to_be_bytes();
    for pair in contents.kv.scan(LOG, &from, &u64::MAX.to_be_bytes()) {
        let (key, sealed) = pair?;
        let (sequence, record) = LogRecord::open(&contents.sealer, &key, &sealed)?;
        if sequence != view.sequence + 1 {
            return Err(StorageError::Damaged(format!(
                "the log, where record {} is missing",
                view.sequence + 1
            )));
        }
        let reading = contents.reading_of(Arc::new(View::default()));
        for (number, first, count) in &record.writes {
            let of = ResourceType::from_number(*number)
                .ok_or_else(|| StorageError::Damaged(format!("record {sequence} of the log")))?;
            for ordinal in *first..first + count {
                let block = reading.block(of, ordinal)?;
                let version = block.version(ordinal);
                let row = Recent {
                    ordinal,
                    key: fhir::ResourceKey { of, id: version.id.clone() },
                    number: version.number,
                    updated: version.updated,
                    operation: version.operation,
                    entries: reading.entries(&block, of, ordinal)?,
                };
                let next = view.change(*number).next;
                view.change(*number).push(Arc::new(row), version.prior);
                let types = view.change(*number);
                types.next = types.next.max(next);
            }
        }
        view.sequence = sequence;
        view.newest = Some(record.updated);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by it")]

    use bytes::Bytes;
    use fhir::{Resource, Time};
    use search::{Entries, Extractor, ParamId};
    use store::suite::wait;
    use store::{DataKey, ManualClock, Operation, Put, SeededRandom, Store, Transaction, Write};

    use super::*;
    use crate::EmbeddedStore;
    use crate::keyspace::META;

    fn opened(folder: &Path) -> EmbeddedStore {
        let key = DataKey::generate(&SeededRandom::new(1));
        EmbeddedStore::open(folder, &key, Arc::new(ManualClock::at(Time(1))), StoreLimits::default()).unwrap()
    }

    fn put(store: &EmbeddedStore, code: &str, expression: &str, rest: &str) {
        let json = format!(
            r#"{{"resourceType":"SearchParameter","id":"{code}","url":"http://x/{code}","name":"T","status":"active",
            "description":"d","code":"{code}","base":["Patient"],"expression":"{expression}",{rest}}}"#
        );
        let resource = Resource::parse(json.into_bytes()).unwrap();
        let key = resource.key().unwrap();
        let mut entries = Entries::new();
        let extractor = Extractor::new("", &wait(store.parameters()).unwrap());
        extractor.extract(&resource, &key, &mut entries).unwrap();
        let body = Bytes::from(fhir::body(&resource, &key.id));
        let writes = vec![Write::Put(Put { key, body, entries, operation: Operation::Update })];
        wait(store.commit(Transaction { preconditions: vec![], writes })).unwrap();
    }

    /// As a release left the store that knew nothing of them.
    fn forget_parameters(folder: &Path) {
        let key = DataKey::generate(&SeededRandom::new(1));
        let (contents, ..) = open(folder, key.bytes(), StoreLimits::default(), None).unwrap();
        let mut batch = Batch::default();
        batch.remove(META, b"parameters".to_vec());
        contents.kv.write(batch).unwrap();
        contents.kv.sync().unwrap();
    }

    #[test]
    fn search_parameters_from_before_there_were_any_are_found_at_the_next_opening() {
        let folder = tempfile::tempdir().unwrap();
        let store = opened(folder.path());
        let part = |of: &str, path: &str| format!(r#"{{"definition":"{of}","expression":"{path}"}}"#);
        let gender = part("http://hl7.org/fhir/SearchParameter/individual-gender", "gender");
        put(&store, "tongue", "Patient.language", r#""type":"token""#);
        let parts =
            format!(r#""type":"composite","component":[{},{gender}]"#, part("http://x/tongue", "language"));
        put(&store, "pair", "Patient", &parts);
        // Written last, it stands behind the composite that is made of it.
        put(&store, "tongue", "Patient.language", r#""type":"token","multipleOr":false"#);
        drop(store);
        forget_parameters(folder.path());
        for _ in 0..2 {
            let parameters = wait(opened(folder.path()).parameters()).unwrap();
            let codes: Vec<_> = parameters.own().iter().map(|own| &*own.definition.code).collect();
            assert_eq!(codes, ["tongue", "pair"]);
            assert!(parameters.own().iter().all(|own| !own.is_ready), "nothing is indexed by them");
        }
    }

    #[test]
    fn what_an_older_release_wrote_is_to_be_indexed_again() {
        let folder = tempfile::tempdir().unwrap();
        let opened = || open(folder.path(), &[1; 32], StoreLimits::default(), None).unwrap();
        {
            let (contents, view, _) = opened();
            assert!(view.parameters.is_settled(ParamId::CONTAINED));
            let mut batch = Batch::default();
            batch.remove(META, b"parameters".to_vec());
            contents.kv.write(batch).unwrap();
            contents.kv.sync().unwrap();
        }
        for _ in 0..2 {
            let (_, view, _) = opened();
            assert!(!view.parameters.is_settled(ParamId::CONTAINED));
            assert_eq!(view.parameters.unsettled().len(), ResourceType::all().count());
        }
        let (contents, view, _) = opened();
        let all: Vec<ResourceType> = ResourceType::all().collect();
        let indexed = view.parameters.indexed(view.parameters.extraction(), &all);
        let mut batch = Batch::default();
        contents.meta().put_parameters(&mut batch, &indexed);
        contents.kv.write(batch).unwrap();
        drop(contents);
        assert!(opened().1.parameters.is_settled(ParamId::CONTAINED));
    }
}
