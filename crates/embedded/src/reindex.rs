//! Indexing resources again from their bodies, segment by segment: what a parameter that came later finds in them,
//! or a changed extraction.
//!
//! The new segments lie beside the old one and are not listed before all of them are written, together in one batch;
//! the entries beside the bodies are written before. A crash leaves entries that nobody asks of, and segments that
//! opening removes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;

use fhir::{ResourceKey, ResourceType};
use roaring::RoaringBitmap;
use search::{Entries, Extractor, Position};
use store::reindex::extract_again;
use store::{Reindex, Reindexed, StoreError};
use tokio::sync::oneshot;

use crate::StorageError;
use crate::contents::{Contents, Reading};
use crate::encode::{encode_entries, rows, updated_row};
use crate::fold::new_segment;
use crate::index::{Segment, SegmentWriter, TermTable};
use crate::keyspace::{BODY, INDEX};
use crate::kv::Batch;
use crate::pack::Packer;
use crate::records::State;
use crate::store::EmbeddedStore;
use crate::version::{Block, Pair};
use crate::view::View;
use crate::writer::{Message, Writer};

/// Ordinals of one new segment at the most: its terms are gathered in memory.
const PIECE_ORDINALS_MAX: u32 = 1 << 16;
/// Bytes of sealed entries that are given to the writer at a time.
const ENTRIES_BYTES: usize = 1 << 20;

/// What the writer answers to somebody who wants to index a segment again.
pub(crate) enum Turn {
    /// Another segment is being written; to be asked again.
    Wait,
    /// Nothing is left to do.
    Done { total: u64 },
    /// This one, as it stands in this view.
    Begun(Begun),
}

/// A segment that is being indexed again. Dropped before its end, it is given up.
pub(crate) struct Begun {
    old: Arc<Segment>,
    /// The next ordinal of the type.
    next: u32,
    view: Arc<View>,
    writer: Sender<Message>,
    is_over: bool,
}

impl Begun {
    /// Has the writer take what came of it, and waits until it has.
    /// `false` if it must be done again.
    fn end(&mut self, renewed: Renewed) -> Result<bool, StoreError> {
        self.is_over = true;
        self.tell(|reply| Message::Renewed(renewed, reply))
    }

    fn tell<T>(
        &self,
        message: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Message,
    ) -> Result<T, StoreError> {
        let (reply, outcome) = oneshot::channel();
        let gone = || StoreError::Failed("the data store is closed".to_owned());
        self.writer.send(message(reply)).map_err(|_| gone())?;
        outcome.blocking_recv().map_err(|_| gone())?
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if !self.is_over {
            let _ = self.writer.send(Message::Renewed(Renewed::default(), oneshot::channel().0));
        }
    }
}

/// The segment that is being indexed again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Renewing {
    segment: u32,
    /// How many erasures there had been when it began.
    erasures: u64,
}

/// New segments in place of one.
#[derive(Default)]
pub(crate) struct Renewed {
    old: Option<Arc<Segment>>,
    new: Vec<Segment>,
    /// Whether they are whole.
    is_whole: bool,
}

impl EmbeddedStore {
    /// One step of `Store::reindex`.
    pub(crate) async fn reindex_step(&self, step: Reindex) -> Result<Reindexed, StoreError> {
        let place = step.after.as_ref().map(Place::read).transpose()?.unwrap_or_default();
        let from = match &step.only {
            None => place.from,
            Some(id) => match self.ordinal_of(&ResourceKey { of: step.of, id: id.clone() })? {
                Some(ordinal) => ordinal,
                None => return Ok(Reindexed::default()),
            },
        };
        loop {
            let (reply, outcome) = oneshot::channel();
            let begun = match self.ask(Message::Reindex { of: step.of, from, reply }, outcome).await?? {
                Turn::Wait => {
                    self.pause().await?;
                    continue;
                }
                Turn::Done { total } => return Ok(Reindexed { total, ..Reindexed::default() }),
                Turn::Begun(begun) => begun,
            };
            let next = Place { from: begun.old.end, until: Some(place.until.unwrap_or(begun.next)) };
            let is_last = step.only.is_some() || Some(next.from) >= next.until;
            let next = (!is_last).then(|| next.position());
            if let Some(done) = self.renew(&step, begun).await? {
                return Ok(Reindexed { next, ..done });
            }
        }
    }

    fn ordinal_of(&self, key: &ResourceKey) -> Result<Option<u32>, StoreError> {
        let standing = self.contents().reading().newest(key)?;
        Ok(standing.filter(|standing| !standing.is_deletion).map(|standing| standing.ordinal))
    }

    /// Runs to its end even if nobody waits for it any more. `None` if it must be done again.
    async fn renew(&self, step: &Reindex, mut begun: Begun) -> Result<Option<Reindexed>, StoreError> {
        let (of, base) = (step.of, step.base.clone());
        self.answer(move |reading| {
            let reading = reading.contents.reading_of(begun.view.clone());
            let extractor = Extractor::new(&base, &reading.view.parameters);
            let old = begun.old.clone();
            let mut renewal = Renewal::new(&reading, of, &old, extractor);
            let segment = old.number;
            let written = renewal.run(|pairs| begun.tell(|reply| Message::Entries { segment, pairs, reply }));
            let Renewal { new, done, .. } = renewal;
            let is_installed = begun.end(Renewed { old: Some(old), new, is_whole: written.is_ok() })?;
            written?;
            Ok(is_installed.then_some(done))
        })
        .await
    }
}

/// Where a step ended: the ordinal after its last, and the first ordinal that was not there when the first step began.
#[derive(Default)]
struct Place {
    from: u32,
    until: Option<u32>,
}

impl Place {
    fn position(&self) -> Position {
        let until = self.until.unwrap_or(u32::MAX);
        Position([self.from.to_be_bytes(), until.to_be_bytes()].concat())
    }

    fn read(position: &Position) -> Result<Place, StoreError> {
        let (from, rest) = position.0.split_first_chunk::<4>().ok_or(StoreError::Position)?;
        let until = <[u8; 4]>::try_from(rest).map_err(|_| StoreError::Position)?;
        Ok(Place { from: u32::from_be_bytes(*from), until: Some(u32::from_be_bytes(until)) })
    }
}

/// One segment on its way to new ones.
struct Renewal<'r> {
    reading: &'r Reading<'r>,
    of: ResourceType,
    old: &'r Segment,
    extractor: Extractor,
    packer: Packer,
    new: Vec<Segment>,
    done: Reindexed,
}

impl<'r> Renewal<'r> {
    fn new(reading: &'r Reading<'r>, of: ResourceType, old: &'r Segment, extractor: Extractor) -> Self {
        let total = reading.of(of).map_or(0, |types| types.current().len());
        let done = Reindexed { total, ..Reindexed::default() };
        Renewal { reading, of, old, extractor, packer: Packer::default(), new: Vec::new(), done }
    }

    /// Writes the new segments, and gives the entries beside the bodies to `keep`.
    fn run(&mut self, keep: impl Fn(Vec<Pair>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let Some(types) = self.reading.of(self.of) else { return Ok(()) };
        let live = &*types.live - &*types.dead;
        let mut base = self.old.base;
        while base < self.old.end {
            let end = self.old.end.min(base.saturating_add(PIECE_ORDINALS_MAX));
            let mut piece = RoaringBitmap::new();
            piece.extend(live.range(base..end));
            self.piece(base..end, piece, &keep)?;
            base = end;
        }
        Ok(())
    }

    fn piece(
        &mut self,
        range: std::ops::Range<u32>,
        live: RoaringBitmap,
        keep: &impl Fn(Vec<Pair>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut table = TermTable::default();
        let (mut pairs, mut bytes) = (Vec::new(), 0);
        let mut left = live.iter().peekable();
        while let Some(first) = left.peek().copied() {
            let block = self.reading.block(self.of, first)?;
            let mut renewed = Vec::new();
            while let Some(ordinal) = left.next_if(|ordinal| block.holds(*ordinal)) {
                let encoded = self.entries(&block, ordinal)?;
                table.add(&updated_row(block.version(ordinal).updated), ordinal);
                rows(&encoded, |row| table.add(row, ordinal))?;
                renewed.push((ordinal, encoded));
            }
            let Contents { kv, sealer, .. } = self.reading.contents;
            let pair = block.with_entries(&renewed, kv, sealer, self.of.number(), &mut self.packer)?;
            bytes += pair.1.len();
            pairs.push(pair);
            if bytes >= ENTRIES_BYTES {
                keep(std::mem::take(&mut pairs))?;
                bytes = 0;
            }
        }
        keep(pairs)?;
        if table.is_empty() {
            return Ok(());
        }
        let contents = self.reading.contents;
        let segment = new_segment(contents, self.of.number(), range.start, range.end);
        contents.kv.ingest(INDEX, |put| {
            let mut sink = |key, value| put(key, value).map_err(StorageError::from);
            table.write(SegmentWriter::new(segment, &contents.sealer, &mut self.packer, &mut sink))
        })?;
        self.new.push(segment);
        Ok(())
    }

    /// The entries of an ordinal by the parameters of now, encoded; those it had if it cannot be indexed by them.
    fn entries(&mut self, block: &Block, ordinal: u32) -> Result<Vec<u8>, StorageError> {
        let written = block.written(ordinal);
        let key = ResourceKey { of: self.of, id: written.version.id };
        let found = extract_again(&self.extractor, &key, written.body.as_deref().unwrap_or_default());
        self.done.done += 1;
        let mut entries: Entries = match found {
            Some(entries) => entries,
            None => {
                self.done.failed += 1;
                self.reading.entries(block, self.of, ordinal)?
            }
        };
        entries.set_created(self.reading.birth(self.of, ordinal)?.0);
        Ok(encode_entries(&entries))
    }
}

impl Writer {
    /// Lets somebody begin to index again the first segment of a type that ends after `from`.
    pub(crate) fn begin_reindex(&mut self, of: ResourceType, from: u32) -> Result<Turn, StoreError> {
        self.check_running()?;
        if self.is_merging || self.renewing.is_some() {
            return Ok(Turn::Wait);
        }
        self.fold_now()?;
        let types = self.view.of(of);
        let total = types.map_or(0, |types| types.current().len());
        let old = types.and_then(|types| types.segments.iter().find(|segment| segment.end > from));
        let next = types.map_or(0, |types| types.next);
        let Some(old) = old.cloned() else { return Ok(Turn::Done { total }) };
        self.renewing = Some(Renewing { segment: old.number, erasures: self.erasures });
        let (view, writer) = (self.view.clone(), self.myself.clone());
        Ok(Turn::Begun(Begun { old, next, view, writer, is_over: false }))
    }

    /// Writes entries beside the bodies that they came from.
    pub(crate) fn put_entries(&mut self, segment: u32, pairs: Vec<Pair>) -> Result<(), StoreError> {
        self.check_running()?;
        self.check_renewing(segment)?;
        let mut batch = Batch::default();
        pairs.into_iter().for_each(|(key, sealed)| batch.put(BODY, key, sealed));
        self.contents.kv.write(batch).map_err(|error| {
            self.stop();
            StorageError::from(error).into()
        })
    }

    /// Lists new segments in place of the old one; `false` if something was erased meanwhile that they may hold.
    pub(crate) fn take_renewed(&mut self, renewed: Renewed) -> Result<bool, StoreError> {
        let began = self.renewing.take();
        self.check_running()?;
        let Renewed { old, new, is_whole } = renewed;
        let new = new.into_iter().map(Arc::new);
        let is_clean = began.is_some_and(|began| began.erasures == self.erasures);
        let Some(old) = old.filter(|_| is_whole && is_clean) else {
            self.graveyard.extend(new);
            return Ok(false);
        };
        let mut batch = Batch::default();
        let mut view = View::clone(&self.view);
        let segments = Arc::make_mut(&mut view.change(old.of).segments);
        let at = segments.iter().position(|segment| segment.number == old.number).ok_or_else(given_up)?;
        segments.splice(at..=at, new);
        let next_segment = self.contents.next_segment().load(Ordering::Relaxed);
        self.contents.meta().put_state(&mut batch, &State::of(&view, self.folded_sequence, next_segment));
        self.install(batch, view)?;
        // The step is answered as done, so that it must not be lost.
        self.contents.kv.sync().map_err(|error| {
            self.stop();
            StoreError::from(StorageError::from(error))
        })?;
        self.graveyard.push(old);
        Ok(true)
    }

    fn check_renewing(&self, segment: u32) -> Result<(), StoreError> {
        let is_it = self.renewing.is_some_and(|renewing| renewing.segment == segment);
        if is_it { Ok(()) } else { Err(given_up()) }
    }
}

fn given_up() -> StoreError {
    StoreError::Failed("indexing a segment again was given up".to_owned())
}
