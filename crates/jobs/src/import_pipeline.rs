//! The stages of an import that may run ahead: reading and cutting into lines, and deciding about each line on
//! several threads. What comes out are whole runs, in order, at most [`RUNS_AHEAD`] of them at a time.

use std::sync::Arc;

use bytes::Bytes;
use fhir::{Guides, Time};
use futures::{StreamExt, TryStreamExt};
use search::ParameterSet;
use store::ValidationLevel;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::import::{Checkpoint, Halt};
use crate::import_line::{self, Judge, Verdict};
use crate::import_source::{Input, OpenFile};
use crate::limits::{LINE_BYTES_MAX, RUNS_OF_TEXT_AHEAD, Sizes};
use crate::ndjson::{Line, Place, Splitter};
use crate::objects::{ObjectSummary, ObjectsError};
use crate::retry::Patience;

/// Runs that exist at the same time: one being stored, one being prepared.
pub(crate) const RUNS_AHEAD: usize = 2;
/// Text that one thread decides about at a time, in bytes.
const BLOCK_BYTES: usize = 512 << 10;
/// The same in lines.
const BLOCK_LINES: usize = 512;

/// Lines of one file within one run, decided.
pub(crate) struct Piece {
    /// What output files of this file are called.
    pub(crate) name: Arc<str>,
    /// Whether an earlier run had lines of the file.
    pub(crate) continues: bool,
    /// Line number and verdict, blank lines left out.
    pub(crate) lines: Vec<(u64, Verdict)>,
    /// How the file ended, if it did.
    pub(crate) end: Option<FileEnd>,
}

/// How a file ended.
#[derive(Debug, Clone)]
pub(crate) enum FileEnd {
    /// At its end.
    Read,
    /// Before it.
    Unreadable(ObjectsError),
}

/// A run, ready to be stored.
pub(crate) struct PreparedRun {
    pub(crate) number: u64,
    pub(crate) pieces: Vec<Piece>,
    /// Where the next run begins.
    pub(crate) end: Checkpoint,
    /// Gives back the run's place when it is dropped.
    _place: OwnedSemaphorePermit,
}

/// What passes between the stages.
enum Item {
    Open {
        name: Arc<str>,
        continues: bool,
    },
    /// Lines, and the room that they take.
    Lines(Vec<Line>, OwnedSemaphorePermit),
    Decided(Vec<(u64, Verdict)>),
    Close(FileEnd),
    Cut(Checkpoint),
    Halt(Halt),
}

/// The running stages. Dropped, they stop.
pub(crate) struct Pipeline {
    runs: mpsc::Receiver<Result<PreparedRun, Halt>>,
    _stages: JoinSet<()>,
}

impl Pipeline {
    /// Starts reading at `from`.
    pub(crate) fn start(input: Input, from: Checkpoint, rules: Rules, threads: usize) -> Pipeline {
        let mut stages = JoinSet::new();
        let (items, read) = mpsc::channel(threads.max(2));
        let (prepared, runs) = mpsc::channel(1);
        let number = from.run;
        stages.spawn(async move {
            let units = (from.sizes.run_bytes * RUNS_OF_TEXT_AHEAD / UNIT_BYTES).max(1);
            let (room, room_units) = (Arc::new(Semaphore::new(units)), units as u32);
            let run = Measure::default();
            let mut reader = Reader { input, items, checkpoint: from, run, room, room_units };
            // An error to send is the end of the receiver: nobody wants more.
            let _ = reader.read_all().await;
        });
        stages.spawn(async move { assemble(read, prepared, number, rules, threads).await });
        Pipeline { runs, _stages: stages }
    }

    /// The next run; `None` after the last.
    pub(crate) async fn next(&mut self) -> Option<Result<PreparedRun, Halt>> {
        self.runs.recv().await
    }
}

/// Room for text is given out in units of this many bytes.
const UNIT_BYTES: usize = 4096;

/// What lines are decided by.
#[derive(Clone)]
pub(crate) struct Rules {
    pub(crate) level: ValidationLevel,
    /// The FHIR base URL of the data store.
    pub(crate) base: Arc<str>,
    /// Its search parameters.
    pub(crate) parameters: ParameterSet,
    /// The profiles that there are.
    pub(crate) guides: Arc<Guides>,
    /// The versions of guides that canonicals without a version mean in it.
    pub(crate) default_profiles: Arc<[String]>,
    /// What invariants of profiles mean by now.
    pub(crate) now: Time,
    /// The longest line, in bytes.
    pub(crate) line_bytes: usize,
}

impl Rules {
    /// Those of base R4, for a new data store at `base`.
    pub(crate) fn of_base(base: Arc<str>) -> Rules {
        Rules {
            level: ValidationLevel::StructureOnly,
            base,
            parameters: ParameterSet::r4(),
            guides: Arc::new(Guides::standard()),
            default_profiles: Arc::default(),
            now: Time(0),
            line_bytes: LINE_BYTES_MAX,
        }
    }
}

/// Nobody listens any more.
struct Unwanted;

#[derive(Default)]
struct Measure {
    lines: usize,
    bytes: usize,
    files: usize,
}

impl Measure {
    fn is_full(&self, sizes: &Sizes) -> bool {
        self.lines >= sizes.run_lines || self.bytes >= sizes.run_bytes || self.files >= sizes.run_files
    }
}

struct Reader {
    input: Input,
    items: mpsc::Sender<Item>,
    checkpoint: Checkpoint,
    run: Measure,
    /// Memory for text, in units of [`UNIT_BYTES`].
    room: Arc<Semaphore>,
    /// All of it.
    room_units: u32,
}

impl Reader {
    async fn send(&self, item: Item) -> Result<(), Unwanted> {
        self.items.send(item).await.map_err(|_| Unwanted)
    }

    async fn read_all(&mut self) -> Result<(), Unwanted> {
        if let Some(open) = self.checkpoint.open.take() {
            self.read_file(open.summary(), open.place()).await?;
        }
        let mut after = self.checkpoint.after.clone();
        loop {
            let (files, next) = match self.input.page(after.as_deref()).await {
                Ok(page) => page,
                Err(halt) => return self.send(Item::Halt(halt)).await,
            };
            for file in files {
                self.read_file(file, Place::default()).await?;
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
        self.checkpoint.is_read = true;
        self.cut().await
    }

    /// Ends the run here.
    async fn cut(&mut self) -> Result<(), Unwanted> {
        self.checkpoint.run += 1;
        self.run = Measure::default();
        self.send(Item::Cut(self.checkpoint.clone())).await
    }

    async fn read_file(&mut self, file: ObjectSummary, from: Place) -> Result<(), Unwanted> {
        let name: Arc<str> = self.input.name(&file.key).into();
        self.send(Item::Open { name: Arc::clone(&name), continues: from.lines > 0 }).await?;
        let end = match self.read_lines(&file, from, &name).await? {
            Ok(()) => FileEnd::Read,
            Err(ObjectsError::Unavailable(detail)) => {
                let halt = Halt::Fault(format!("The input file {name} cannot be read: {detail}"));
                return self.send(Item::Halt(halt)).await.and(Err(Unwanted));
            }
            Err(error) => FileEnd::Unreadable(error),
        };
        self.checkpoint.after = Some(file.key);
        self.checkpoint.open = None;
        self.run.files += 1;
        self.send(Item::Close(end)).await?;
        if self.run.is_full(&self.checkpoint.sizes) { self.cut().await } else { Ok(()) }
    }

    /// Sends the lines of a file, going on where the object store broke off.
    async fn read_lines(
        &mut self,
        file: &ObjectSummary,
        from: Place,
        name: &Arc<str>,
    ) -> Result<Result<(), ObjectsError>, Unwanted> {
        let mut at = from;
        let mut patience = Patience::new();
        loop {
            let before = at;
            match self.read_stream(file, &mut at, name).await? {
                Err(ObjectsError::Unavailable(detail)) => {
                    if at != before {
                        patience = Patience::new();
                    }
                    if !patience.wait().await {
                        return Ok(Err(ObjectsError::Unavailable(detail)));
                    }
                }
                ended => return Ok(ended),
            }
        }
    }

    async fn read_stream(
        &mut self,
        file: &ObjectSummary,
        at: &mut Place,
        name: &Arc<str>,
    ) -> Result<Result<(), ObjectsError>, Unwanted> {
        let (bucket, objects) = (self.input.bucket().to_owned(), Arc::clone(&self.input.objects));
        if at.offset >= file.size {
            return Ok(Ok(()));
        }
        if at.offset > 0 {
            match objects.head(&bucket, &file.key).await {
                Ok(now) if now.etag == file.etag => {}
                Ok(_) => return Ok(Err(ObjectsError::Damaged)),
                Err(error) => return Ok(Err(error)),
            }
        }
        let range = (at.offset > 0).then_some(at.offset..file.size);
        let mut content = match objects.get(&bucket, &file.key, range).await {
            Ok(content) => content,
            Err(error) => return Ok(Err(error)),
        };
        let mut splitter = Splitter::with_limit(*at, self.checkpoint.sizes.line_bytes);
        let mut block = Block::default();
        let mut left = file.size - at.offset;
        loop {
            let mut chunk = match content.try_next().await {
                Ok(Some(chunk)) => chunk,
                // What was cut off without a word must not become a line.
                Ok(None) if left > 0 => {
                    self.flush(&mut block).await?;
                    return Ok(Err(ObjectsError::Unavailable("it ended early".to_owned())));
                }
                Ok(None) => break,
                Err(error) => {
                    self.flush(&mut block).await?;
                    return Ok(Err(error));
                }
            };
            left = left.saturating_sub(chunk.len() as u64);
            while let Some(line) = splitter.next_line(&mut chunk) {
                self.take(line, file, at, name, &mut block).await?;
            }
        }
        if let Some(line) = splitter.last_line() {
            self.take(line, file, at, name, &mut block).await?;
        }
        self.flush(&mut block).await?;
        Ok(Ok(()))
    }

    async fn take(
        &mut self,
        line: Line,
        file: &ObjectSummary,
        at: &mut Place,
        name: &Arc<str>,
        block: &mut Block,
    ) -> Result<(), Unwanted> {
        *at = line.next;
        self.run.lines += 1;
        self.run.bytes += line.weight();
        block.push(line);
        if self.run.is_full(&self.checkpoint.sizes) {
            self.flush(block).await?;
            self.checkpoint.open = Some(OpenFile::at(file, *at));
            self.cut().await?;
            self.send(Item::Open { name: Arc::clone(name), continues: true }).await
        } else if block.is_full() {
            self.flush(block).await
        } else {
            Ok(())
        }
    }

    async fn flush(&mut self, block: &mut Block) -> Result<(), Unwanted> {
        let Block { lines, bytes } = std::mem::take(block);
        if lines.is_empty() {
            return Ok(());
        }
        let units = u32::try_from(bytes / UNIT_BYTES + 1).unwrap_or(u32::MAX).min(self.room_units);
        let room = Arc::clone(&self.room).acquire_many_owned(units).await.map_err(|_| Unwanted)?;
        self.send(Item::Lines(lines, room)).await
    }
}

#[derive(Default)]
struct Block {
    lines: Vec<Line>,
    bytes: usize,
}

impl Block {
    fn push(&mut self, line: Line) {
        self.bytes += line.weight();
        if !line.is_blank() {
            self.lines.push(line);
        }
    }

    fn is_full(&self) -> bool {
        self.lines.len() >= BLOCK_LINES || self.bytes >= BLOCK_BYTES
    }
}

/// Decides about lines, block by block on `threads` threads, and puts runs together.
async fn assemble(
    read: mpsc::Receiver<Item>,
    prepared: mpsc::Sender<Result<PreparedRun, Halt>>,
    mut number: u64,
    rules: Rules,
    threads: usize,
) {
    let items = futures::stream::unfold(read, async |mut read| read.recv().await.map(|item| (item, read)));
    let mut items = std::pin::pin!(items.map(|item| decide(item, rules.clone())).buffered(threads));
    let places = Arc::new(Semaphore::new(RUNS_AHEAD));
    let mut pieces: Vec<Piece> = Vec::new();
    let Ok(mut place) = Arc::clone(&places).acquire_owned().await else { return };
    while let Some(item) = items.next().await {
        match item {
            Item::Open { name, continues } => {
                pieces.push(Piece { name, continues, lines: Vec::new(), end: None });
            }
            Item::Decided(decided) => {
                if let Some(piece) = pieces.last_mut() {
                    piece.lines.extend(decided);
                }
            }
            Item::Close(end) => {
                if let Some(piece) = pieces.last_mut() {
                    piece.end = Some(end);
                }
            }
            Item::Cut(end) => {
                let is_last = end.is_read;
                let run = PreparedRun { number, pieces: std::mem::take(&mut pieces), end, _place: place };
                number += 1;
                if prepared.send(Ok(run)).await.is_err() || is_last {
                    return;
                }
                let Ok(next) = Arc::clone(&places).acquire_owned().await else { return };
                place = next;
            }
            Item::Halt(halt) => {
                // Whether it is still wanted does not matter: it is the last word.
                let _ = prepared.send(Err(halt)).await;
                return;
            }
            Item::Lines(..) => {}
        }
    }
}

/// Lines become verdicts on a thread for work that does not wait; everything else passes.
async fn decide(item: Item, rules: Rules) -> Item {
    let Item::Lines(lines, room) = item else { return item };
    let numbers: Vec<u64> = lines.iter().map(|line| line.number).collect();
    let decided = tokio::task::spawn_blocking(move || {
        let mut judge = Judge::new(&rules);
        let mut verdict = |text: Option<Bytes>| match text {
            Some(text) => judge.decide(&text),
            None => import_line::too_long(rules.line_bytes),
        };
        let decided = lines.into_iter().map(|line| (line.number, verdict(line.text))).collect();
        drop(room);
        decided
    });
    Item::Decided(
        decided.await.unwrap_or_else(|_| numbers.into_iter().map(|n| (n, Verdict::Broken)).collect()),
    )
}
