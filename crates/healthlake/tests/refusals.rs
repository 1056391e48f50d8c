//! A table of bad inputs and the exceptions they get. `ID` stands for the id of an ACTIVE data store.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
use support::{KEY, World, arn, export, import, with, world};

const UNKNOWN: &str = "0123456789abcdef0123456789abcdef";

fn create(members: Value) -> (&'static str, Value) {
    ("CreateFHIRDatastore", with(json!({ "DatastoreTypeVersion": "R4" }), members))
}

fn provider(strategy: &str, metadata: Option<Value>) -> (&'static str, Value) {
    let metadata = metadata.map(|metadata| match metadata {
        Value::String(text) => text,
        other => other.to_string(),
    });
    create(
        json!({ "IdentityProviderConfiguration": { "AuthorizationStrategy": strategy, "Metadata": metadata } }),
    )
}

fn metadata(changes: Value) -> Option<Value> {
    let document = json!({ "authorization_endpoint": "https://a.example/authorize", "token_endpoint": "https://a.example/token",
        "grant_types_supported": ["authorization_code"], "capabilities": ["launch-ehr"], "code_challenge_methods_supported": ["S256"] });
    Some(with(document, changes))
}

fn sse(config: Value) -> (&'static str, Value) {
    create(json!({ "SseConfiguration": { "KmsEncryptionConfig": config } }))
}

type Case = ((&'static str, Value), &'static str);

/// Each case is a ValidationException whose message has the sentence.
async fn check(world: &World, cases: impl IntoIterator<Item = Case>) {
    for ((action, input), sentence) in cases {
        let refused = world.refusal(action, input).await;
        let is_right = refused.starts_with("ValidationException: ") && refused.contains(sentence);
        assert!(is_right, "{sentence} is not in: {refused}");
    }
}

#[tokio::test]
async fn a_bad_data_store_is_refused() {
    let cases = [
        (("CreateFHIRDatastore", json!({})), "Value null at 'datastoreTypeVersion'"),
        (
            ("CreateFHIRDatastore", json!({ "DatastoreTypeVersion": "R5" })),
            "Member must satisfy enum value set: [R4]",
        ),
        (create(json!({ "DatastoreName": "" })), "Value '' at 'datastoreName'"),
        (create(json!({ "DatastoreName": "x".repeat(257) })), "length less than or equal to 256"),
        (create(json!({ "DatastoreName": "semi;colon" })), "at 'datastoreName' failed"),
        (create(json!({ "ClientToken": "under_score" })), "at 'clientToken' failed"),
        (create(json!({ "ClientToken": "x".repeat(65) })), "length less than or equal to 64"),
        (create(json!({ "PreloadDataConfig": { "PreloadDataType": "MINE" } })), "enum value set: [SYNTHEA]"),
        (create(json!({ "PreloadDataConfig": {} })), "Value null at 'preloadDataConfig.preloadDataType'"),
        (create(json!({ "AnalyticsConfiguration": { "Status": "ENABLING" } })), "cannot be ENABLING"),
        (create(json!({ "AnalyticsConfiguration": { "Status": "ENABLED" } })), "ENABLED is not supported"),
        (create(json!({ "NlpConfiguration": { "Status": "ENABLED" } })), "ENABLED is not supported"),
        (create(json!({ "BackupConfiguration": { "Status": "ENABLED" } })), "ENABLED is not supported"),
        (create(json!({ "NlpConfiguration": { "Status": "ON" } })), "at 'nlpConfiguration.status' failed"),
        (
            create(json!({ "BackupConfiguration": { "RetentionPeriodInDays": 31 } })),
            "value less than or equal to 30",
        ),
        (
            ("DescribeFHIRDatastore", json!({ "DatastoreId": "x".repeat(33) })),
            "length less than or equal to 32",
        ),
        (("DescribeFHIRDatastore", json!({ "DatastoreId": "" })), "length greater than or equal to 1"),
        (("DeleteFHIRDatastore", json!({})), "Value null at 'datastoreId'"),
        (("ListFHIRDatastores", json!({ "MaxResults": 0 })), "value greater than or equal to 1"),
        (
            ("ListFHIRDatastores", json!({ "Filter": { "DatastoreStatus": "GONE" } })),
            "at 'filter.datastoreStatus' failed",
        ),
        (
            ("ListFHIRDatastores", json!({ "NextToken": "x".repeat(8193) })),
            "length less than or equal to 8192",
        ),
    ];
    check(&world(), cases).await;
}

#[tokio::test]
async fn a_bad_encryption_is_refused() {
    let cases = [
        (create(json!({ "SseConfiguration": {} })), "Value null at 'sseConfiguration.kmsEncryptionConfig'"),
        (sse(json!({})), "Value null at 'sseConfiguration.kmsEncryptionConfig.cmkType'"),
        (sse(json!({ "CmkType": "MINE" })), "enum value set: [CUSTOMER_MANAGED_KMS_KEY, AWS_OWNED_KMS_KEY]"),
        (sse(json!({ "CmkType": "CUSTOMER_MANAGED_KMS_KEY" })), "needs a KmsKeyId"),
        (
            sse(json!({ "CmkType": "CUSTOMER_MANAGED_KMS_KEY", "KmsKeyId": "a key" })),
            "at 'sseConfiguration.kmsEncryptionConfig.kmsKeyId' failed",
        ),
        (sse(json!({ "CmkType": "AWS_OWNED_KMS_KEY", "KmsKeyId": KEY })), "KmsKeyId is given, but"),
    ];
    check(&world(), cases).await;
}

#[tokio::test]
async fn a_bad_identity_provider_is_refused() {
    let cases = [
        (provider("BASIC", None), "at 'identityProviderConfiguration.authorizationStrategy' failed"),
        (provider("SMART_ON_FHIR", None), "Metadata is required"),
        (provider("SMART_ON_FHIR_V1", Some(json!("{"))), "Metadata is not a JSON object"),
        (provider("SMART_ON_FHIR", Some(json!([]))), "Metadata is not a JSON object"),
        (
            provider("SMART_ON_FHIR", metadata(json!({ "authorization_endpoint": null }))),
            "web address authorization_endpoint",
        ),
        (
            provider("SMART_ON_FHIR", metadata(json!({ "token_endpoint": "nowhere" }))),
            "web address token_endpoint",
        ),
        (
            provider("SMART_ON_FHIR", metadata(json!({ "grant_types_supported": [] }))),
            "list grant_types_supported",
        ),
        (provider("SMART_ON_FHIR", metadata(json!({ "capabilities": [1] }))), "list capabilities"),
        (
            provider("SMART_ON_FHIR", metadata(json!({ "code_challenge_methods_supported": ["plain"] }))),
            "must contain S256",
        ),
        (provider("SMART_ON_FHIR", metadata(json!({ "x": "y".repeat(65536) }))), "longer than 65536 bytes"),
    ];
    check(&world(), cases).await;
}

#[tokio::test]
async fn bad_tags_of_a_new_data_store_are_refused() {
    let tags = |tags: Value| create(json!({ "Tags": tags }));
    let many: Vec<_> = (0..51).map(|n| json!({ "Key": n.to_string(), "Value": "" })).collect();
    let cases = [
        (tags(json!([{ "Key": "aws:mine", "Value": "" }])), "start with aws: are reserved"),
        (tags(json!([{ "Key": "AWS:mine", "Value": "" }])), "start with aws: are reserved"),
        (tags(json!([{ "Key": "a", "Value": "1" }, { "Key": "a", "Value": "2" }])), "given more than once"),
        (tags(json!([{ "Key": "a".repeat(129), "Value": "" }])), "at 'tags.1.member.key' failed"),
        (tags(json!([{ "Key": "a", "Value": "b".repeat(257) }])), "length less than or equal to 256"),
        (tags(json!(many)), "at most 50 tags"),
    ];
    check(&world(), cases).await;
}

#[tokio::test]
async fn what_is_just_within_the_limits_is_taken() {
    let world = world();
    let tags: Vec<_> =
        (0..50).map(|n| json!({ "Key": format!("{n:0>128}"), "Value": "v".repeat(256) })).collect();
    let members = json!({ "DatastoreName": "x".repeat(256), "ClientToken": "x".repeat(64), "Tags": tags });
    world.create(members).await;
    for strategy in ["SMART_ON_FHIR", "SMART_ON_FHIR_V1"] {
        let (_, input) =
            provider(strategy, metadata(json!({ "grant_types_supported": ["client_credential", "foo"] })));
        world.create(input).await;
    }
    let (_, input) = provider("AWS_AUTH", None);
    world.create(input).await;
    world.call("ListFHIRDatastores", json!({ "MaxResults": 500 })).await;
}

#[tokio::test]
async fn a_bad_import_job_is_refused() {
    let world = world();
    let id = world.active().await;
    let import = |changes: Value| ("StartFHIRImportJob", with(import(&id), changes));
    let s3 = |uri: &str, key: Value| json!({ "S3Configuration": { "S3Uri": uri, "KmsKeyId": key } });
    let cases = [
        (import(json!({ "DatastoreId": null })), "Value null at 'datastoreId'"),
        (import(json!({ "InputDataConfig": null })), "Value null at 'inputDataConfig'"),
        (import(json!({ "InputDataConfig": {} })), "exactly one of: [S3Uri]"),
        (
            import(json!({ "InputDataConfig": { "S3Uri": "https://bucket/x" } })),
            "at 'inputDataConfig.s3Uri' failed",
        ),
        (
            import(json!({ "InputDataConfig": { "S3Uri": "s3://UPPER/x" } })),
            "at 'inputDataConfig.s3Uri' failed",
        ),
        (
            import(json!({ "InputDataConfig": { "S3Uri": format!("s3://bucket/{}", "x".repeat(1013)) } })),
            "length less than or equal to 1024",
        ),
        (
            import(json!({ "JobOutputDataConfig": s3("s3://bucket", Value::Null) })),
            "at 'jobOutputDataConfig.s3Configuration.kmsKeyId' failed",
        ),
        (
            import(json!({ "JobOutputDataConfig": s3("bucket", json!(KEY)) })),
            "at 'jobOutputDataConfig.s3Configuration.s3Uri' failed",
        ),
        (import(json!({ "DataAccessRoleArn": "arn:aws:iam::1234:role/r" })), "at 'dataAccessRoleArn' failed"),
        (import(json!({ "DataAccessRoleArn": "short" })), "length greater than or equal to 20"),
        (
            import(json!({ "DataAccessRoleArn": "arn:aws:iam::123456789012:user/u" })),
            "at 'dataAccessRoleArn' failed",
        ),
        (import(json!({ "JobName": "x".repeat(65) })), "length less than or equal to 64"),
        (import(json!({ "ValidationLevel": "lax" })), "enum value set: [strict, structure-only, minimal]"),
        (
            import(json!({ "ProfileId": "p", "InputFormat": "CCDA" })),
            "ProfileId (data transformation) is not supported",
        ),
        (
            import(json!({ "DriftDetectionEnabled": true })),
            "DriftDetectionEnabled (data transformation) is not supported",
        ),
    ];
    check(&world, cases).await;
    world
        .call(
            "StartFHIRImportJob",
            with(support::import(&id), json!({ "DriftDetectionEnabled": false, "ProvenanceEnabled": true })),
        )
        .await;
}

#[tokio::test]
async fn a_bad_request_about_jobs_or_tags_is_refused() {
    let world = world();
    let id = world.active().await;
    let export = |changes: Value| ("StartFHIRExportJob", with(export(&id), changes));
    let s3 = |uri: &str, key: Value| json!({ "S3Configuration": { "S3Uri": uri, "KmsKeyId": key } });
    let cases = [
        (export(json!({ "OutputDataConfig": {} })), "exactly one of: [S3Configuration]"),
        (
            export(json!({ "OutputDataConfig": s3("s3://bucket", json!("a key")) })),
            "at 'outputDataConfig.s3Configuration.kmsKeyId' failed",
        ),
        (export(json!({ "DataAccessRoleArn": null })), "Value null at 'dataAccessRoleArn'"),
        (("DescribeFHIRImportJob", json!({ "DatastoreId": id })), "Value null at 'jobId'"),
        (
            ("DescribeFHIRExportJob", json!({ "DatastoreId": id, "JobId": "x".repeat(33) })),
            "length less than or equal to 32",
        ),
        (
            ("ListFHIRImportJobs", json!({ "DatastoreId": id, "MaxResults": 501 })),
            "value less than or equal to 500",
        ),
        (("ListFHIRExportJobs", json!({ "DatastoreId": id, "JobStatus": "LATE" })), "at 'jobStatus' failed"),
        (
            ("TagResource", json!({ "ResourceARN": "arn:aws:s3:::bucket", "Tags": [] })),
            "at 'resourceARN' failed",
        ),
        (("TagResource", json!({ "ResourceARN": arn(&id) })), "Value null at 'tags'"),
        (
            ("TagResource", json!({ "ResourceARN": arn(&id), "Tags": [{ "Key": "k;", "Value": "" }] })),
            "at 'tags.1.member.key' failed",
        ),
        (
            ("UntagResource", json!({ "ResourceARN": arn(&id), "TagKeys": [""] })),
            "at 'tagKeys.1.member' failed",
        ),
        (
            ("UntagResource", json!({ "ResourceARN": arn(&id), "TagKeys": ["aws:x"] })),
            "start with aws: are reserved",
        ),
        (("ListTagsForResource", json!({})), "Value null at 'resourceARN'"),
    ];
    check(&world, cases).await;
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let world = world();
    let id = world.active().await;
    let profile = format!("arn:aws:healthlake:us-east-1:123456789012:dataTransformationProfile/{UNKNOWN}");
    let abroad = arn(&id).replace("us-east-1", "eu-west-1");
    let elsewhere = arn(&id).replace("123456789012", "210987654321");
    let mut cases = vec![
        ("DescribeFHIRDatastore", json!({ "DatastoreId": UNKNOWN })),
        ("DescribeFHIRDatastore", json!({ "DatastoreId": "not-hex" })),
        ("DescribeFHIRDatastore", json!({ "DatastoreId": id.to_uppercase() + "" })),
        ("DeleteFHIRDatastore", json!({ "DatastoreId": UNKNOWN })),
        ("ListFHIRImportJobs", json!({ "DatastoreId": UNKNOWN })),
        ("ListFHIRExportJobs", json!({ "DatastoreId": UNKNOWN })),
    ];
    for action in ["DescribeFHIRImportJob", "DescribeFHIRExportJob"] {
        cases.push((action, json!({ "DatastoreId": id, "JobId": UNKNOWN })));
        cases.push((action, json!({ "DatastoreId": UNKNOWN, "JobId": UNKNOWN })));
    }
    for arn in [arn(UNKNOWN), profile, abroad, elsewhere] {
        cases.push(("ListTagsForResource", json!({ "ResourceARN": arn })));
        cases.push(("TagResource", json!({ "ResourceARN": arn, "Tags": [] })));
        cases.push(("UntagResource", json!({ "ResourceARN": arn, "TagKeys": [] })));
    }
    for (action, input) in cases {
        let refused = world.refusal(action, input.clone()).await;
        assert!(refused.starts_with("ResourceNotFoundException: "), "{action} {input}: {refused}");
    }
}
