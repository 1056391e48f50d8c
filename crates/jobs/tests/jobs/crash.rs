//! A crash at any effect, before it or after it, changes nothing in the end.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use fhir::ResourceKey;
use jobs::objects::Answer as ObjectAnswer;
use jobs::{
    Content, DataAccess, MemoryObjects, ObjectPage, ObjectSummary, ObjectWriter, Objects, PutOptions,
};
use search::{ParameterSet, Search, Visible};
use store::{
    Answer, Catalog, CatalogError, Change, CommitError, Committed, Datastore, DatastoreId, DeleteTarget,
    Deletion, Found, History, Ingested, Job, JobId, JobKind, Note, Plan, Reindex, Reindexed, Request,
    Revised, Run, Store, StoreError, Stored, Transaction, Versions,
};
use tokio::sync::Notify;

use crate::world::{World, patient};

/// Counts effects and stops everything at one of them.
#[derive(Default)]
struct Fuse {
    effects: AtomicUsize,
    /// Twice the number of the effect, odd for after it; 0 for never.
    at: AtomicUsize,
    blown: Notify,
}

impl Fuse {
    fn arm(&self, at: usize) {
        self.effects.store(0, Ordering::SeqCst);
        self.at.store(at, Ordering::SeqCst);
    }

    async fn effect<T>(&self, work: impl Future<Output = T>) -> T {
        let number = 2 * (self.effects.fetch_add(1, Ordering::SeqCst) + 1);
        self.burn(number).await;
        let done = work.await;
        self.burn(number + 1).await;
        done
    }

    /// A crashed process does nothing more, ever.
    async fn burn(&self, number: usize) {
        let at = self.at.load(Ordering::SeqCst);
        if at != 0 && number >= at {
            self.blown.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

struct Fused<T: ?Sized> {
    fuse: Arc<Fuse>,
    inner: Arc<T>,
}

impl Store for Fused<dyn Store> {
    fn parameters(&self) -> Answer<'_, ParameterSet> {
        self.inner.parameters()
    }

    fn reindex<'a>(&'a self, step: &'a Reindex) -> Answer<'a, Reindexed> {
        self.inner.reindex(step)
    }

    fn read<'a>(&'a self, keys: &'a [ResourceKey], visible: &'a Visible) -> Answer<'a, Vec<Option<Stored>>> {
        self.inner.read(keys, visible)
    }
    fn history<'a>(&'a self, of: &'a History, visible: &'a Visible) -> Answer<'a, Versions> {
        self.inner.history(of, visible)
    }
    fn search<'a>(&'a self, search: &'a Search) -> Answer<'a, Found> {
        self.inner.search(search)
    }
    fn explain<'a>(&'a self, search: &'a Search, parameters: &'a ParameterSet) -> Answer<'a, Plan> {
        self.inner.explain(search, parameters)
    }
    fn commit<'a>(&'a self, transaction: Transaction) -> Answer<'a, Committed, CommitError> {
        Box::pin(self.fuse.effect(self.inner.commit(transaction)))
    }
    fn scrub<'a>(&'a self) -> Answer<'a, ()> {
        Box::pin(self.fuse.effect(self.inner.scrub()))
    }
    fn note<'a>(&'a self, name: &'a str) -> Answer<'a, Option<Note>> {
        self.inner.note(name)
    }
    fn notes<'a>(&'a self, prefix: &'a str, after: Option<&'a str>, count: usize) -> Answer<'a, Vec<Note>> {
        self.inner.notes(prefix, after, count)
    }
    fn ingest<'a>(&'a self, run: Run) -> Answer<'a, Ingested> {
        Box::pin(self.fuse.effect(self.inner.ingest(run)))
    }
}

impl Catalog for Fused<dyn Catalog> {
    fn datastore<'a>(&'a self, id: &'a DatastoreId) -> Answer<'a, Option<Revised<Datastore>>> {
        self.inner.datastore(id)
    }
    fn datastores(&self) -> Answer<'_, Vec<Revised<Datastore>>> {
        self.inner.datastores()
    }
    fn job<'a>(
        &'a self,
        of: &'a DatastoreId,
        kind: JobKind,
        id: &'a JobId,
    ) -> Answer<'a, Option<Revised<Job>>> {
        self.inner.job(of, kind, id)
    }
    fn jobs<'a>(&'a self, of: &'a DatastoreId, kind: JobKind) -> Answer<'a, Vec<Revised<Job>>> {
        self.inner.jobs(of, kind)
    }
    fn request<'a>(&'a self, action: &'a str, token: &'a str) -> Answer<'a, Option<Request>> {
        self.inner.request(action, token)
    }
    fn write(&self, changes: Vec<Change>) -> Answer<'_, (), CatalogError> {
        Box::pin(self.fuse.effect(self.inner.write(changes)))
    }
    fn open<'a>(&'a self, id: &'a DatastoreId) -> Answer<'a, Arc<dyn Store>> {
        Box::pin(async move {
            let inner = self.inner.open(id).await?;
            Ok(Arc::new(Fused { fuse: Arc::clone(&self.fuse), inner }) as Arc<dyn Store>)
        })
    }
    fn create<'a>(&'a self, id: &'a DatastoreId) -> Answer<'a, (), StoreError> {
        self.inner.create(id)
    }
    fn destroy<'a>(&'a self, id: &'a DatastoreId) -> Answer<'a, (), StoreError> {
        self.inner.destroy(id)
    }
}

impl DataAccess for Fused<MemoryObjects> {
    fn assume(&self, _role_arn: &str) -> Arc<dyn Objects> {
        Arc::new(Fused { fuse: Arc::clone(&self.fuse), inner: Arc::clone(&self.inner) })
    }
}

impl Objects for Fused<MemoryObjects> {
    fn bucket_exists<'a>(&'a self, bucket: &'a str) -> ObjectAnswer<'a, bool> {
        self.inner.bucket_exists(bucket)
    }
    fn list<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> ObjectAnswer<'a, ObjectPage> {
        self.inner.list(bucket, prefix, after)
    }
    fn head<'a>(&'a self, bucket: &'a str, key: &'a str) -> ObjectAnswer<'a, ObjectSummary> {
        self.inner.head(bucket, key)
    }
    fn get<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        range: Option<Range<u64>>,
    ) -> ObjectAnswer<'a, Content> {
        self.inner.get(bucket, key, range)
    }
    fn put<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        options: PutOptions,
    ) -> ObjectAnswer<'a, Box<dyn ObjectWriter>> {
        Box::pin(async move {
            let inner = self.inner.put(bucket, key, options).await?;
            Ok(Box::new(FusedWriter { fuse: Arc::clone(&self.fuse), inner }) as Box<dyn ObjectWriter>)
        })
    }
    fn delete<'a>(&'a self, bucket: &'a str, key: &'a str) -> ObjectAnswer<'a, ()> {
        Box::pin(self.fuse.effect(self.inner.delete(bucket, key)))
    }
}

struct FusedWriter {
    fuse: Arc<Fuse>,
    inner: Box<dyn ObjectWriter>,
}

impl ObjectWriter for FusedWriter {
    fn write<'a>(&'a mut self, bytes: Bytes) -> ObjectAnswer<'a, ()> {
        self.inner.write(bytes)
    }
    fn finish(self: Box<Self>) -> ObjectAnswer<'static, ObjectSummary> {
        Box::pin(async move { self.fuse.effect(self.inner.finish()).await })
    }
    fn abort(self: Box<Self>) -> ObjectAnswer<'static, ()> {
        self.inner.abort()
    }
}

/// A world with a fuse: a large file over several runs, small ones, failures among them.
async fn world(fuse: &Arc<Fuse>) -> World {
    let mut world = World::new().await;
    world.sizes.run_lines = 40;
    world.sizes.run_files = 3;
    world.sizes.part_bytes = 2_000;
    let line = |n: usize| {
        if n % 17 == 3 { format!("{{\"broken\":{n}\n") } else { patient(&format!("p{}", n % 90)) + "\n" }
    };
    world.objects.insert("input", "in/b-large.ndjson", (0..150).map(line).collect::<String>());
    for n in 0..5 {
        world.objects.insert("input", &format!("in/a-small-{n}.ndjson"), patient(&format!("s{n}")));
    }
    world.objects.insert("input", "in/c-empty.ndjson", "");
    world.catalog = Arc::new(Fused { fuse: Arc::clone(fuse), inner: Arc::clone(&world.catalog) });
    world.access = Arc::new(Fused { fuse: Arc::clone(fuse), inner: Arc::new(world.objects.clone()) });
    world
}

/// Everything that shows in the end: contents, output, the job's record.
type End = (BTreeMap<String, (u64, String)>, BTreeMap<String, String>, Job);

/// Runs a job through a crash at `at` and a restart. The second value: whether the crash happened at all.
async fn run(kind: JobKind, deletion: Option<Deletion>, at: usize) -> (End, bool) {
    let fuse = Arc::new(Fuse::default());
    let world = world(&fuse).await;
    if kind != JobKind::Import {
        world.import(9, "s3://input/in/", None).await;
    }
    let deletion = deletion.map(Box::new);
    world.submit(Job { deletion, ..world.job(kind, 2) }).await.unwrap();
    fuse.arm(at);
    let crashed = tokio::select! {
        biased;
        () = fuse.blown.notified() => true,
        settled = async { world.runner().settle().await } => settled.is_err(),
    };
    fuse.arm(0);
    world.runner().settle().await.unwrap();
    let job = world.record(kind, 2).await;
    ((world.contents().await, world.output(&job), job), crashed)
}

#[tokio::test]
async fn an_import_ends_the_same_wherever_it_crashes() {
    every_crash(JobKind::Import, None, 20).await;
}

#[tokio::test]
async fn an_export_ends_the_same_wherever_it_crashes() {
    every_crash(JobKind::Export, None, 6).await;
}

#[tokio::test]
async fn a_deletion_ends_the_same_wherever_it_crashes() {
    let all = crate::delete::deletion(DeleteTarget::Type("Patient".to_owned()), true);
    every_crash(JobKind::Delete, Some(all.clone()), 5).await;
    every_crash(JobKind::Delete, Some(Deletion { is_hard: false, ..all }), 4).await;
    let one = |id: &str| DeleteTarget::Resource("Patient".to_owned(), id.to_owned());
    every_crash(JobKind::Delete, Some(crate::delete::deletion(one("p1"), true)), 5).await;
    let patient = DeleteTarget::Patient("p2".to_owned());
    every_crash(JobKind::Delete, Some(crate::delete::deletion(patient, true)), 5).await;
}

async fn every_crash(kind: JobKind, deletion: Option<Deletion>, effects_min: usize) {
    let (expected, _) = run(kind, deletion.clone(), 0).await;
    assert!(expected.2.status.is_final() && expected.2.message.is_none(), "{:?}", expected.2);
    let mut at = 2;
    loop {
        let (end, crashed) = run(kind, deletion.clone(), at).await;
        if !crashed {
            break;
        }
        assert_eq!(end.2, expected.2, "the record after a crash at {at}");
        assert_eq!(
            end.1.keys().collect::<Vec<_>>(),
            expected.1.keys().collect::<Vec<_>>(),
            "after a crash at {at}"
        );
        assert_eq!(end.1, expected.1, "the output after a crash at {at}");
        assert_eq!(end.0, expected.0, "the contents after a crash at {at}");
        at += 1;
    }
    assert!(at / 2 > effects_min, "only {} effects", at / 2);
}
