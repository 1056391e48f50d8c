//! Faults of a job as a whole, and of single files.

use jobs::{MemoryObjects, Objects, PutOptions};
use store::{JobKind, JobStatus};

use crate::world::{World, patient};

#[tokio::test]
async fn a_job_whose_parameters_are_at_fault_fails_with_a_message() {
    let cases: [(&str, &str, &str); 8] = [
        ("s3://missing/in/", "s3://output/out", "bucket of the input location does not exist"),
        ("s3://input/none/", "s3://output/out", "No NDJSON files"),
        ("s3://input/none.ndjson", "s3://output/out", "No NDJSON files"),
        ("s3://input/other/", "s3://output/out", "No NDJSON files"),
        ("s3://in_put/x", "s3://output/out", "input location is not valid"),
        ("http://input/x", "s3://output/out", "input location is not valid"),
        ("s3://input/in/", "s3://missing/out", "bucket of the output location does not exist"),
        ("s3://input/in/", "file:///out", "output location is not valid"),
    ];
    for (input, output, message) in cases {
        let world = World::new().await;
        world.objects.insert("input", "in/a.ndjson", patient("a"));
        world.objects.insert("input", "other/a.json", patient("a"));
        let mut job = world.job(JobKind::Import, 2);
        job.input = Some(input.to_owned());
        job.output.folder = format!("{output}/folder/");
        world.submit(job).await.unwrap();
        world.runner().settle().await.unwrap();
        let job = world.record(JobKind::Import, 2).await;
        assert_eq!(job.status, JobStatus::Failed, "{input} {output}");
        assert!(job.message.as_ref().unwrap().contains(message), "{input} {output}: {:?}", job.message);
        assert!(job.ended.is_some() && job.lease.is_none());
        assert!(world.contents().await.is_empty(), "nothing was stored");
        assert!(world.objects.keys("output").is_empty(), "{input}: nothing is left behind");
    }
}

#[tokio::test]
async fn an_export_to_a_bucket_that_is_not_there_fails_with_a_message() {
    let world = World::new().await;
    let mut job = world.job(JobKind::Export, 2);
    job.output.folder = "s3://missing/folder/".to_owned();
    world.submit(job).await.unwrap();
    world.runner().settle().await.unwrap();
    let job = world.record(JobKind::Export, 2).await;
    assert_eq!(job.status, JobStatus::Failed);
    assert!(job.message.unwrap().contains("bucket of the output location"));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_does_not_stop_the_others() {
    let world = World::new().await;
    for name in ["a", "b", "c"] {
        world.objects.insert("input", &format!("in/{name}.ndjson"), patient(name));
    }
    world.objects.make_unreadable("input", "in/b.ndjson");
    let job = world.import(2, "s3://input/in/", None).await;
    assert_eq!(job.status, JobStatus::CompletedWithErrors);
    assert_eq!(
        (job.progress.files_imported, job.progress.files_failed, job.progress.resources_imported),
        (2, 1, 2)
    );
    assert!(world.output(&job)["FAILURE/b.ndjson"].contains("Access Denied"));
}

#[tokio::test]
async fn an_import_of_which_no_file_can_be_read_fails() {
    let world = World::new().await;
    world.objects.insert("input", "in/a.ndjson", patient("a"));
    world.objects.make_unreadable("input", "in/a.ndjson");
    let job = world.import(2, "s3://input/in/a.ndjson", None).await;
    assert_eq!(
        (job.status, job.message.unwrap()),
        (JobStatus::Failed, "None of the input files could be read".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn an_object_store_that_stays_away_fails_the_job_and_one_that_comes_back_does_not() {
    let world = World::new().await;
    world.objects.insert("input", "in/a.ndjson", patient("a"));
    world.objects.set_outage(true);
    let back = |objects: MemoryObjects| async move {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        objects.set_outage(false);
    };
    let (job, ()) = tokio::join!(world.import(2, "s3://input/in/", None), back(world.objects.clone()));
    assert_eq!(job.status, JobStatus::Completed);
    world.objects.set_outage(true);
    let job = world.import(3, "s3://input/in/", None).await;
    assert_eq!(job.status, JobStatus::Failed);
    assert!(job.message.unwrap().ends_with("location is not available: an outage was asked for"));
}

#[tokio::test]
async fn only_ndjson_files_are_read_below_a_prefix_and_any_file_that_is_named() {
    let world = World::new().await;
    world.objects.insert("input", "in/a.ndjson", patient("a"));
    world.objects.insert("input", "in/deeper/b.NDJSON", patient("b"));
    world.objects.insert("input", "in/c.json", patient("c"));
    world.objects.put("input", "in/", PutOptions::default()).await.unwrap().finish().await.unwrap();
    let job = world.import(2, "s3://input/in/", None).await;
    assert_eq!((job.status, job.progress.files_scanned), (JobStatus::Completed, 2));
    let job = world.import(3, "s3://input/in/c.json", None).await;
    assert_eq!((job.status, job.progress.files_scanned), (JobStatus::Completed, 1));
    assert!(world.output(&job).contains_key("SUCCESS/c.json"));
    assert_eq!(world.contents().await.len(), 3);
}

#[tokio::test]
async fn an_output_inside_of_the_input_is_not_read_as_input() {
    let world = World::new().await;
    world.objects.insert("output", "a.ndjson", patient("a"));
    for number in [2, 3] {
        let job = world.import(number, "s3://output", None).await;
        assert_eq!((job.status, job.progress.files_scanned), (JobStatus::Completed, 1), "{:?}", job.message);
    }
}

#[tokio::test]
async fn a_line_of_200_megabytes_fails_alone() {
    let world = World::new().await;
    let long = vec![b'x'; 200 << 20];
    let content = [patient("a").as_bytes(), b"\n", &long, b"\n", patient("b").as_bytes()].concat();
    drop(long);
    world.objects.insert("input", "in/a.ndjson", content);
    let job = world.import(2, "s3://input/in/a.ndjson", None).await;
    assert_eq!(job.status, JobStatus::CompletedWithErrors);
    assert_eq!((job.progress.resources_imported, job.progress.resources_with_customer_error), (2, 1));
    let failure = &world.output(&job)["FAILURE/a.ndjson"];
    assert!(failure.starts_with(r#"{"lineId":2,"#) && failure.contains("171966464 bytes"), "{failure}");
}

/// A world whose import of one file is paused after its first run of three lines.
async fn paused() -> World {
    let mut world = World::new().await;
    world.sizes.run_lines = 3;
    let lines: Vec<_> = (0..8).map(|n| patient(&format!("p{n}"))).collect();
    world.objects.insert("input", "in/a.ndjson", lines.join("\n"));
    world.submit(world.job(JobKind::Import, 2)).await.unwrap();
    let runner = world.runner();
    runner.stop();
    runner.settle().await.unwrap();
    let job = world.record(JobKind::Import, 2).await;
    assert_eq!((job.status, job.lease, job.progress.resources_imported), (JobStatus::InProgress, None, 3));
    world
}

#[tokio::test]
async fn a_job_pauses_at_a_checkpoint_and_goes_on_at_the_next_start() {
    let world = paused().await;
    world.runner().settle().await.unwrap();
    let job = world.record(JobKind::Import, 2).await;
    assert_eq!((job.status, job.progress.resources_imported), (JobStatus::Completed, 8));
    assert_eq!(world.output(&job)["SUCCESS/a.ndjson"].lines().count(), 8);
    assert!(world.contents().await.values().all(|(version, _)| *version == 1));
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_imported_counts_as_unreadable_from_there() {
    let world = paused().await;
    world.objects.insert("input", "in/a.ndjson", [patient("other"), patient("another")].join("\n").repeat(9));
    world.runner().settle().await.unwrap();
    let job = world.record(JobKind::Import, 2).await;
    assert_eq!((job.status, job.progress.files_failed), (JobStatus::CompletedWithErrors, 1));
    assert!(world.output(&job)["FAILURE/a.ndjson"].contains("changed while it was imported"));
    assert_eq!(world.contents().await.len(), 3);
}

/// A checkpoint that could not be read was taken for none: the job began again, and made its versions twice.
#[tokio::test]
async fn a_job_whose_checkpoint_cannot_be_read_ends_and_writes_nothing() {
    let world = World::new().await;
    world.objects.insert("input", "in/a.ndjson", patient("a"));
    for kind in [JobKind::Import, JobKind::Export] {
        let mut job = world.job(kind, 2);
        job.checkpoint = Some(serde_json::json!("of another version"));
        world.submit(job).await.unwrap();
        world.runner().settle().await.unwrap();
        let job = world.record(kind, 2).await;
        assert_eq!(job.status, JobStatus::Failed);
        assert!(
            job.message.as_ref().is_some_and(|message| message.contains("checkpoint")),
            "{:?}",
            job.message
        );
    }
    assert!(world.contents().await.is_empty());
}
