//! Data stores through their states, over the model.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use jobs::{Lifecycle, Preload, PreloadError};
use store::{
    Answer, Catalog, Change, Clock, CmkType, Datastore, DatastoreId, DatastoreStatus, Job, JobId, JobKind,
    JobOutput, JobStatus, Lease, ManualClock, ModelCatalog, SeededRandom, Store, StoreError,
};

/// Adds a tag while it preloads, as a caller might.
struct Tagging(Arc<ModelCatalog>);

impl Preload for Tagging {
    fn preload<'a>(&'a self, id: &'a DatastoreId, _: Arc<dyn Store>) -> Answer<'a, (), PreloadError> {
        Box::pin(async move {
            let mut at = self.0.datastore(id).await.unwrap().unwrap();
            at.record.tags.insert("added".to_owned(), "meanwhile".to_owned());
            let change = Change::Datastore { record: Box::new(at.record), expected: Some(at.revision) };
            self.0.write(vec![change]).await.unwrap();
            Ok(())
        })
    }
}

struct World {
    catalog: Arc<ModelCatalog>,
    clock: Arc<ManualClock>,
    lifecycle: Lifecycle,
    random: SeededRandom,
}

fn world() -> World {
    let clock = Arc::new(ManualClock::default());
    let catalog = Arc::new(ModelCatalog::new(clock.clone()));
    let preload = Arc::new(Tagging(catalog.clone()));
    let lifecycle = Lifecycle::new(catalog.clone(), clock.clone(), preload);
    World { catalog, clock, lifecycle, random: SeededRandom::new(1) }
}

impl World {
    async fn datastore(&self, status: DatastoreStatus) -> DatastoreId {
        let record = Datastore {
            id: DatastoreId::generate(&self.random),
            name: None,
            status,
            created: self.clock.now(),
            encryption: CmkType::AwsOwned,
            kms_key_id: None,
            preload: true,
            identity_provider: None,
            default_profiles: None,
            analytics: None,
            nlp: None,
            backup: None,
            error_cause: None,
            tags: BTreeMap::new(),
        };
        let id = record.id.clone();
        let change = Change::Datastore { record: Box::new(record), expected: None };
        self.catalog.write(vec![change]).await.unwrap();
        id
    }

    async fn job(&self, datastore: &DatastoreId, status: JobStatus, lease: Option<Lease>) -> JobId {
        let (id, output) = (JobId::generate(&self.random), String::new());
        let record = Job {
            status,
            output: JobOutput { prefix: output.clone(), folder: output.clone(), kms_key_id: output },
            lease,
            ..Job::submitted(id.clone(), datastore.clone(), JobKind::Import, self.clock.now())
        };
        let change = Change::Job { record: Box::new(record), expected: None };
        self.catalog.write(vec![change]).await.unwrap();
        id
    }

    async fn status(&self, id: &DatastoreId) -> DatastoreStatus {
        self.catalog.datastore(id).await.unwrap().unwrap().record.status
    }

    async fn job_status(&self, datastore: &DatastoreId, id: &JobId) -> (JobStatus, Option<String>) {
        let job = self.catalog.job(datastore, JobKind::Import, id).await.unwrap().unwrap().record;
        (job.status, job.message)
    }
}

#[tokio::test]
async fn a_change_made_while_a_store_is_filled_is_kept() {
    let world = world();
    let id = world.datastore(DatastoreStatus::Creating).await;
    world.lifecycle.settle().await;
    let record = world.catalog.datastore(&id).await.unwrap().unwrap().record;
    assert_eq!((record.status, record.tags.len()), (DatastoreStatus::Active, 1));
    assert!(world.catalog.open(&id).await.is_ok());
}

#[tokio::test]
async fn a_settled_store_is_left_alone() {
    let world = world();
    for status in [DatastoreStatus::Active, DatastoreStatus::Deleted, DatastoreStatus::CreateFailed] {
        let id = world.datastore(status).await;
        world.lifecycle.settle().await;
        assert_eq!(world.status(&id).await, status);
        assert!(matches!(world.catalog.open(&id).await, Err(StoreError::Absent)));
    }
}

#[tokio::test]
async fn a_store_is_removed_only_when_nobody_works_on_its_jobs() {
    let world = world();
    let id = world.datastore(DatastoreStatus::Deleting).await;
    world.clock.advance_ms(1000);
    let mut until = world.clock.now();
    until.0 += 1;
    let lease = Lease { owner: "worker".to_owned(), until };
    let waiting = world.job(&id, JobStatus::Queued, None).await;
    let running = world.job(&id, JobStatus::InProgress, Some(lease)).await;
    let done = world.job(&id, JobStatus::Completed, None).await;
    world.lifecycle.settle().await;
    assert_eq!(world.status(&id).await, DatastoreStatus::Deleting);
    world.clock.advance_ms(1);
    world.lifecycle.settle().await;
    assert_eq!(world.status(&id).await, DatastoreStatus::Deleted);
    let deleted = (JobStatus::Failed, Some("The data store was deleted".to_owned()));
    assert_eq!(world.job_status(&id, &waiting).await, deleted);
    assert_eq!(world.job_status(&id, &running).await, deleted);
    assert_eq!(world.job_status(&id, &done).await, (JobStatus::Completed, None));
}
