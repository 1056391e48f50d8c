//! Jobs wait their turn, first come, first served.

use std::sync::Arc;

use jobs::{QUEUED_JOBS_MAX, SubmitError};
use store::{Change, DatastoreStatus, JobKind, JobStatus, Lease};

use crate::world::{World, patient};

#[tokio::test]
async fn one_job_runs_25_wait_and_more_are_refused() {
    let world = World::new().await;
    for number in 0..=QUEUED_JOBS_MAX as u128 {
        world.submit(world.job(JobKind::Import, 100 + number)).await.unwrap();
    }
    let refused = world.submit(world.job(JobKind::Import, 999)).await;
    assert_eq!(refused, Err(SubmitError::Full(JobKind::Import)));
    world.submit(world.job(JobKind::Export, 999)).await.unwrap();
}

#[tokio::test]
async fn jobs_end_in_the_order_submitted() {
    let world = World::new().await;
    world.objects.insert("input", "in/a.ndjson", patient("a"));
    for number in 100..103 {
        world.submit(world.job(JobKind::Import, number)).await.unwrap();
    }
    world.runner().settle().await.unwrap();
    assert_eq!(world.contents().await["Patient/a"].0, 3);
    for number in 100..103 {
        let job = world.record(JobKind::Import, number).await;
        let success = &world.output(&job)["SUCCESS/a.ndjson"];
        assert!(success.contains(&format!(r#""versionId":"{}""#, number - 99)), "{success}");
    }
}

#[tokio::test]
async fn a_runner_works_in_the_background_until_it_is_stopped() {
    let world = World::new().await;
    world.objects.insert("input", "in/a.ndjson", patient("a"));
    let runner = world.runner();
    let running = tokio::spawn(Arc::clone(&runner).run());
    for number in 100..104 {
        world.submit(world.job(JobKind::Import, number)).await.unwrap();
        world.submit(world.job(JobKind::Export, number)).await.unwrap();
    }
    for number in 100..104 {
        for kind in [JobKind::Import, JobKind::Export] {
            while !world.record(kind, number).await.status.is_final() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        }
    }
    runner.stop();
    running.await.unwrap();
}

#[tokio::test]
async fn a_job_under_somebody_elses_lease_is_left_alone_until_it_runs_out() {
    let world = World::new().await;
    world.objects.insert("input", "in/a.ndjson", patient("a"));
    let mut job = world.job(JobKind::Import, 2);
    job.status = JobStatus::InProgress;
    job.lease = Some(Lease { owner: "other".to_owned(), until: fhir::Time(job.submitted.0 + 1_000_000) });
    world.submit(job).await.unwrap();
    world.runner().settle().await.unwrap();
    assert_eq!(world.record(JobKind::Import, 2).await.status, JobStatus::InProgress);
    world.clock.advance_ms(1_001);
    world.runner().settle().await.unwrap();
    assert_eq!(world.record(JobKind::Import, 2).await.status, JobStatus::Completed);
}

/// A clock that is set back neither holds up a job that a crash left under our own lease nor has jobs end before they
/// began.
#[tokio::test]
async fn a_clock_that_goes_back_holds_up_no_job() {
    let world = World::new().await;
    world.objects.insert("input", "in/a.ndjson", patient("a"));
    let mut left = world.job(JobKind::Import, 2);
    left.status = JobStatus::InProgress;
    left.lease = Some(Lease { owner: "test".to_owned(), until: fhir::Time(left.submitted.0 + 600_000_000) });
    world.submit(left).await.unwrap();
    world.submit(world.job(JobKind::Import, 3)).await.unwrap();
    world.clock.advance_ms(-3_600_000);
    world.submit(world.job(JobKind::Import, 4)).await.unwrap();
    world.runner().settle().await.unwrap();
    for number in 2..=4 {
        let job = world.record(JobKind::Import, number).await;
        assert_eq!(job.status, JobStatus::Completed);
        assert!(job.ended.unwrap() >= job.submitted);
        assert_eq!(job.progress.resources_imported, 1);
    }
    assert_eq!(world.contents().await["Patient/a"].0, 3, "in the order submitted");
}

#[tokio::test]
async fn a_job_of_a_data_store_that_is_being_deleted_is_let_go() {
    let world = World::new().await;
    let mut job = world.job(JobKind::Import, 2);
    job.status = JobStatus::InProgress;
    job.lease = Some(Lease { owner: "test".to_owned(), until: fhir::Time(i64::MAX) });
    world.submit(job).await.unwrap();
    let at = world.catalog.datastore(&world.datastore).await.unwrap().unwrap();
    let mut record = Box::new(at.record);
    record.status = DatastoreStatus::Deleting;
    world.catalog.write(vec![Change::Datastore { record, expected: Some(at.revision) }]).await.unwrap();
    world.runner().settle().await.unwrap();
    assert_eq!(world.record(JobKind::Import, 2).await.lease, None);
}

#[tokio::test]
async fn a_job_that_came_in_while_its_data_store_was_deleted_fails_with_a_message() {
    let world = World::new().await;
    let at = world.catalog.datastore(&world.datastore).await.unwrap().unwrap();
    let mut record = Box::new(at.record);
    record.status = DatastoreStatus::Deleted;
    world.catalog.write(vec![Change::Datastore { record, expected: Some(at.revision) }]).await.unwrap();
    for number in [2, 3] {
        world.submit(world.job(JobKind::Import, number)).await.unwrap();
    }
    world.runner().settle().await.unwrap();
    for number in [2, 3] {
        let job = world.record(JobKind::Import, number).await;
        assert_eq!(job.status, JobStatus::Failed);
        assert_eq!(job.message.as_deref(), Some("The data store was deleted"));
        assert!(job.ended.is_some());
    }
}
