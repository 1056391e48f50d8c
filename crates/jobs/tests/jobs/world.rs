//! A data store, buckets and a runner, all in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use fhir::{ResourceType, Time};
use jobs::limits::Sizes;
use jobs::{
    DataAccess, EXPORT_KEEP_MS, EXPORTS_BUCKET, ExportFiles, MemoryObjects, Parts, Queue, Runner,
    SubmitError, job_folder,
};
use search::{Filter, Search, Visible};
use store::{
    Catalog, Change, Clock, CmkType, Datastore, DatastoreId, DatastoreStatus, Job, JobId, JobKind, JobOutput,
    ManualClock, ModelCatalog, ValidationLevel,
};

/// Buckets `input` and `output`, and one active data store.
pub(crate) struct World {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) access: Arc<dyn DataAccess>,
    pub(crate) objects: MemoryObjects,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) datastore: DatastoreId,
    pub(crate) sizes: Sizes,
}

pub(crate) fn id(number: u128) -> String {
    format!("{number:032x}")
}

impl World {
    pub(crate) async fn new() -> World {
        let clock = Arc::new(ManualClock::at(Time(1_700_000_000_000_000)));
        let catalog: Arc<dyn Catalog> = Arc::new(ModelCatalog::new(clock.clone()));
        let datastore = DatastoreId::parse(&id(1)).unwrap();
        let record = Datastore {
            id: datastore.clone(),
            name: None,
            status: DatastoreStatus::Active,
            created: clock.now(),
            encryption: CmkType::AwsOwned,
            kms_key_id: None,
            preload: false,
            identity_provider: None,
            default_profiles: None,
            analytics: None,
            nlp: None,
            backup: None,
            error_cause: None,
            tags: BTreeMap::new(),
        };
        catalog.write(vec![Change::Datastore { record: Box::new(record), expected: None }]).await.unwrap();
        catalog.create(&datastore).await.unwrap();
        let objects = MemoryObjects::new(&["input", "output", EXPORTS_BUCKET]);
        let queue = Arc::new(Queue::new(Arc::clone(&catalog)));
        let access = Arc::new(objects.clone());
        World { catalog, access, objects, clock, queue, datastore, sizes: Sizes::default() }
    }

    pub(crate) fn runner(&self) -> Arc<Runner> {
        Arc::new(Runner::new(Parts {
            catalog: Arc::clone(&self.catalog),
            queue: Arc::clone(&self.queue),
            access: Arc::clone(&self.access),
            files: self.files(),
            bases: bases(),
            packages: Arc::new(Arc::new(guides::guides())),
            clock: self.clock.clone(),
            owner: "test".to_owned(),
            workers: 2,
            threads: 2,
            sizes: self.sizes,
        }))
    }

    pub(crate) fn files(&self) -> ExportFiles {
        ExportFiles::new(Arc::new(self.objects.clone()), EXPORT_KEEP_MS)
    }

    pub(crate) fn job(&self, kind: JobKind, number: u128) -> Job {
        let (id, prefix) = (JobId::parse(&id(number)).unwrap(), "s3://output/jobs".to_owned());
        let folder = job_folder(&prefix, &self.datastore, kind, &id);
        Job {
            input: (kind == JobKind::Import).then(|| "s3://input/in/".to_owned()),
            output: JobOutput {
                prefix,
                folder,
                kms_key_id: "arn:aws:kms:us-east-1:123456789012:key/k".to_owned(),
            },
            data_access_role_arn: "arn:aws:iam::123456789012:role/r".to_owned(),
            ..Job::submitted(id, self.datastore.clone(), kind, self.clock.now())
        }
    }

    pub(crate) async fn submit(&self, job: Job) -> Result<(), SubmitError> {
        self.queue.submit(job, None).await
    }

    /// Submits an import of `location`, runs it, and gives its record.
    pub(crate) async fn import(&self, number: u128, location: &str, level: Option<ValidationLevel>) -> Job {
        let mut job = self.job(JobKind::Import, number);
        job.input = Some(location.to_owned());
        job.validation_level = level;
        self.submit(job).await.unwrap();
        self.runner().settle().await.unwrap();
        self.record(JobKind::Import, number).await
    }

    pub(crate) async fn export(&self, number: u128) -> Job {
        self.submit(self.job(JobKind::Export, number)).await.unwrap();
        self.runner().settle().await.unwrap();
        self.record(JobKind::Export, number).await
    }

    pub(crate) async fn record(&self, kind: JobKind, number: u128) -> Job {
        let id = JobId::parse(&id(number)).unwrap();
        self.catalog.job(&self.datastore, kind, &id).await.unwrap().unwrap().record
    }

    /// Everything current, as `type/id` to version and body.
    pub(crate) async fn contents(&self) -> BTreeMap<String, (u64, String)> {
        let store = self.catalog.open(&self.datastore).await.unwrap();
        let mut contents = BTreeMap::new();
        for of in ResourceType::all() {
            let mut search = Search::new(&Visible::everything("test"), of, Filter::Everything);
            loop {
                let found = store.search(&search).await.unwrap();
                contents.extend(found.matches.into_iter().map(|row| {
                    let body = String::from_utf8(row.body.unwrap().to_vec()).unwrap();
                    (row.key.to_string(), (row.version, body))
                }));
                search.after = found.next;
                if search.after.is_none() {
                    break;
                }
            }
        }
        contents
    }

    /// The objects of a job's folder, by their name in it.
    pub(crate) fn output(&self, job: &Job) -> BTreeMap<String, String> {
        let folder = job.output.folder.strip_prefix("s3://output/").unwrap();
        let text =
            |key: &str| String::from_utf8(self.objects.content("output", key).unwrap().to_vec()).unwrap();
        let keys = self.objects.keys("output");
        keys.iter().filter_map(|key| Some((key.strip_prefix(folder)?.to_owned(), text(key)))).collect()
    }
}

pub(crate) fn bases() -> jobs::Bases {
    Arc::new(|id| format!("http://localhost/datastore/{id}/r4"))
}

/// A patient of this id on one line.
pub(crate) fn patient(id: &str) -> String {
    format!(r#"{{"resourceType":"Patient","id":"{id}","active":true}}"#)
}
