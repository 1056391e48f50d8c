//! Import and export jobs and tags through the control plane.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
use store::{Catalog, Change, DatastoreId, JobId, JobKind, JobStatus};
use support::{KEY, NOW_SECONDS, ROLE, World, arn, export, import, with, world};

const KINDS: [(&str, &str, &str); 2] = [
    ("StartFHIRImportJob", "DescribeFHIRImportJob", "ImportJobProperties"),
    ("StartFHIRExportJob", "DescribeFHIRExportJob", "ExportJobProperties"),
];

fn order(action: &str, id: &str) -> Value {
    if action == "StartFHIRImportJob" { import(id) } else { export(id) }
}

async fn set_status(world: &World, datastore: &str, kind: JobKind, job: &str, status: JobStatus) {
    let (datastore, job) = (DatastoreId::parse(datastore).unwrap(), JobId::parse(job).unwrap());
    let mut at = world.catalog.job(&datastore, kind, &job).await.unwrap().unwrap();
    at.record.status = status;
    at.record.progress.resources_imported = 3;
    at.record.progress.bytes_scanned = 3 * 512 * 1024;
    at.record.progress.throughput = 1.5;
    let change = Change::Job { record: Box::new(at.record), expected: Some(at.revision) };
    world.catalog.write(vec![change]).await.unwrap();
}

#[tokio::test]
async fn a_job_is_submitted_and_described_with_its_own_folder() {
    let world = world();
    let id = world.active().await;
    let input = with(import(&id), json!({ "JobName": "nightly", "ValidationLevel": "structure-only" }));
    let started = world.call("StartFHIRImportJob", input).await;
    let job = started["JobId"].as_str().unwrap().to_owned();
    assert_eq!(started, json!({ "JobId": job, "JobStatus": "SUBMITTED", "DatastoreId": id }));
    set_status(&world, &id, JobKind::Import, &job, JobStatus::InProgress).await;
    let found = world.call("DescribeFHIRImportJob", json!({ "DatastoreId": id, "JobId": job })).await;
    let folder = format!("s3://bucket/out/{id}-FHIR_IMPORT-{job}/");
    assert_eq!(
        found,
        json!({ "ImportJobProperties": {
        "JobId": job, "JobName": "nightly", "JobStatus": "IN_PROGRESS", "SubmitTime": NOW_SECONDS as f64, "DatastoreId": id,
        "InputDataConfig": { "S3Uri": "s3://bucket/in" }, "DataAccessRoleArn": ROLE, "ValidationLevel": "structure-only",
        "JobOutputDataConfig": { "S3Configuration": { "S3Uri": folder, "KmsKeyId": KEY } },
        "JobProgressReport": { "TotalNumberOfScannedFiles": 0, "TotalSizeOfScannedFilesInMB": 1.5, "TotalNumberOfImportedFiles": 0,
            "TotalNumberOfResourcesScanned": 0, "TotalNumberOfResourcesImported": 3, "TotalNumberOfResourcesWithCustomerError": 0,
            "TotalNumberOfFilesReadWithCustomerError": 0, "Throughput": 1.5 } } })
    );

    let started = world.call("StartFHIRExportJob", export(&id)).await;
    let job = started["JobId"].as_str().unwrap();
    let found = world.call("DescribeFHIRExportJob", json!({ "DatastoreId": id, "JobId": job })).await;
    let folder = format!("s3://bucket/out/{id}-FHIR_EXPORT-{job}/");
    assert_eq!(
        found,
        json!({ "ExportJobProperties": {
        "JobId": job, "JobStatus": "SUBMITTED", "SubmitTime": NOW_SECONDS as f64, "DatastoreId": id, "DataAccessRoleArn": ROLE,
        "OutputDataConfig": { "S3Configuration": { "S3Uri": folder, "KmsKeyId": KEY } } } })
    );
    // The kinds are apart: an export is no import.
    assert!(
        world
            .refusal("DescribeFHIRImportJob", json!({ "DatastoreId": id, "JobId": job }))
            .await
            .starts_with("ResourceNotFound")
    );
}

#[tokio::test]
async fn a_job_needs_an_active_data_store() {
    let world = world();
    for (action, ..) in KINDS {
        let id = world.create(json!({})).await;
        let creating = world.refusal(action, order(action, &id)).await;
        assert!(
            creating.starts_with("ValidationException") && creating.contains("in status CREATING"),
            "{creating}"
        );
        world.lifecycle.settle().await;
        world.call("DeleteFHIRDatastore", json!({ "DatastoreId": id })).await;
        assert!(world.refusal(action, order(action, &id)).await.contains("in status DELETING"));
        for unknown in ["0123456789abcdef0123456789abcdef", "x"] {
            assert!(
                world.refusal(action, order(action, unknown)).await.starts_with("ResourceNotFoundException")
            );
        }
        world.lifecycle.settle().await;
    }
}

#[tokio::test]
async fn the_same_client_token_starts_one_job() {
    let world = world();
    let id = world.active().await;
    for (action, describe, _) in KINDS {
        let input = with(order(action, &id), json!({ "ClientToken": "one" }));
        let first = world.call(action, input.clone()).await;
        assert_eq!(world.restarted().call(action, input.clone()).await, first);
        let other = with(input, json!({ "JobName": "other" }));
        assert!(world.refusal(action, other).await.starts_with("ValidationException: The ClientToken"));
        world.call(describe, json!({ "DatastoreId": id, "JobId": first["JobId"] })).await;
    }
}

#[tokio::test]
async fn one_job_runs_twenty_five_wait_and_one_more_is_refused() {
    let world = world();
    let id = world.active().await;
    for (action, ..) in KINDS {
        for _ in 0..26 {
            world.call(action, order(action, &id)).await;
        }
        let refused = world.refusal(action, order(action, &id)).await;
        assert!(refused.starts_with("ThrottlingException") && refused.contains("has 25 queued"), "{refused}");
    }
    let first = world.call("ListFHIRImportJobs", json!({ "DatastoreId": id, "MaxResults": 1 })).await;
    let job = first["ImportJobPropertiesList"][0]["JobId"].as_str().unwrap().to_owned();
    set_status(&world, &id, JobKind::Import, &job, JobStatus::Completed).await;
    world.call("StartFHIRImportJob", import(&id)).await;
}

#[tokio::test]
async fn job_lists_take_all_their_filters_at_once_and_are_newest_first() {
    let world = world();
    let id = world.active().await;
    for (action, list, kind) in [
        ("StartFHIRImportJob", "ListFHIRImportJobs", JobKind::Import),
        ("StartFHIRExportJob", "ListFHIRExportJobs", JobKind::Export),
    ] {
        let start = world.clock_seconds();
        let mut made = Vec::new();
        for name in ["a", "b", "a"] {
            let started = world.call(action, with(order(action, &id), json!({ "JobName": name }))).await;
            made.push(started["JobId"].as_str().unwrap().to_owned());
            world.clock.advance_ms(1000);
        }
        set_status(&world, &id, kind, &made[0], JobStatus::Completed).await;
        let cases = [
            (json!({}), vec![2, 1, 0]),
            (json!({ "JobName": "a" }), vec![2, 0]),
            (json!({ "JobStatus": "COMPLETED" }), vec![0]),
            (json!({ "SubmittedAfter": start }), vec![2, 1]),
            (json!({ "SubmittedBefore": start + 1.0 }), vec![0]),
            (json!({ "SubmittedAfter": start, "JobName": "a", "JobStatus": "SUBMITTED" }), vec![2]),
        ];
        for (filter, wanted) in cases {
            let mut seen = Vec::new();
            let mut input = with(json!({ "DatastoreId": id, "MaxResults": 1 }), filter.clone());
            loop {
                let page = world.call(list, input.clone()).await;
                let jobs = page.as_object().unwrap().values().find_map(Value::as_array).unwrap().clone();
                seen.extend(jobs.iter().map(|job| job["JobId"].as_str().unwrap().to_owned()));
                match page.get("NextToken") {
                    Some(token) => input["NextToken"] = token.clone(),
                    None => break,
                }
            }
            let wanted: Vec<_> = wanted.into_iter().map(|n: usize| made[n].clone()).collect();
            assert_eq!(seen, wanted, "{list} {filter}");
        }
    }
}

#[tokio::test]
async fn tags_are_set_overwritten_removed_and_limited() {
    let world = world();
    let id = world.active().await;
    let tag = |tags: Value| json!({ "ResourceARN": arn(&id), "Tags": tags });
    let list = json!({ "ResourceARN": arn(&id) });
    assert_eq!(world.call("ListTagsForResource", list.clone()).await, json!({ "Tags": [] }));
    assert_eq!(
        world
            .call("TagResource", tag(json!([{ "Key": "b", "Value": "1" }, { "Key": "a", "Value": "x" }])))
            .await,
        json!({})
    );
    world.call("TagResource", tag(json!([{ "Key": "b", "Value": "2" }]))).await;
    let wanted = json!({ "Tags": [{ "Key": "a", "Value": "x" }, { "Key": "b", "Value": "2" }] });
    assert_eq!(world.call("ListTagsForResource", list.clone()).await, wanted);
    let untag = json!({ "ResourceARN": arn(&id), "TagKeys": ["a", "never"] });
    assert_eq!(world.call("UntagResource", untag).await, json!({}));
    let many: Vec<_> = (0..49).map(|n| json!({ "Key": format!("k{n}"), "Value": "" })).collect();
    world.call("TagResource", tag(json!(many))).await;
    let refused = world.refusal("TagResource", tag(json!([{ "Key": "one more", "Value": "" }]))).await;
    assert_eq!(refused, "ValidationException: A resource can have at most 50 tags");
    world.call("TagResource", tag(json!([{ "Key": "b", "Value": "3" }]))).await;
    assert_eq!(world.call("ListTagsForResource", list).await["Tags"].as_array().unwrap().len(), 50);
}

#[tokio::test]
async fn tagging_races_lose_no_tag() {
    let world = world();
    let id = world.active().await;
    let calls: Vec<_> = (0..8)
        .map(|n| {
            let (world, input) = (
                world.clone(),
                json!({ "ResourceARN": arn(&id), "Tags": [{ "Key": format!("k{n}"), "Value": "" }] }),
            );
            tokio::spawn(async move { world.call("TagResource", input).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(world.record(&id).await.record.tags.len(), 8);
}
