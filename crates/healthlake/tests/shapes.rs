//! Reading requests: every broken constraint is reported, in the service's own sentence form.

use healthlake::generated::enumerations::DatastoreStatus;
use healthlake::generated::structures::*;
use healthlake::shape::{Decode, Encode, Timestamp, decode};
use serde_json::json;
use store::{Random, SeededRandom};

fn refusal<T: Decode>(body: &str) -> String {
    match decode::<T>(body.as_bytes()) {
        Ok(_) => "accepted".to_owned(),
        Err(fault) => fault.to_string(),
    }
}

#[test]
fn a_refusal_is_written_as_the_service_writes_it() {
    let long = "x".repeat(33);
    let cases: Vec<(String, String)> = vec![
        (refusal::<CreateFHIRDatastoreRequest>("{}"), "ValidationException: 1 validation error detected: Value null at \
            'datastoreTypeVersion' failed to satisfy constraint: Member must not be null".into()),
        (refusal::<CreateFHIRDatastoreRequest>(r#"{"DatastoreTypeVersion":"R5"}"#), "ValidationException: 1 validation error \
            detected: Value 'R5' at 'datastoreTypeVersion' failed to satisfy constraint: Member must satisfy enum value set: [R4]".into()),
        (refusal::<DescribeFHIRDatastoreRequest>(&format!(r#"{{"DatastoreId":"{long}"}}"#)), format!("ValidationException: 1 \
            validation error detected: Value '{long}' at 'datastoreId' failed to satisfy constraint: Member must have length less \
            than or equal to 32")),
        (refusal::<ListFHIRDatastoresRequest>(r#"{"MaxResults":501}"#), "ValidationException: 1 validation error detected: Value \
            '501' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 500".into()),
        (refusal::<ListFHIRDatastoresRequest>(r#"{"MaxResults":0}"#), "ValidationException: 1 validation error detected: Value \
            '0' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 1".into()),
        (refusal::<CreateFHIRDatastoreRequest>(r#"{"DatastoreTypeVersion":"R4","ClientToken":"a b","DatastoreName":""}"#),
            "ValidationException: 2 validation errors detected: Value 'a b' at 'clientToken' failed to satisfy constraint: Member \
            must satisfy regular expression pattern: [a-zA-Z0-9-]+; Value '' at 'datastoreName' failed to satisfy constraint: \
            Member must have length greater than or equal to 1".into()),
        (refusal::<UntagResourceRequest>(r#"{"ResourceARN":"arn:aws:healthlake:eu-west-1:123456789012:datastore/fhir/0123456789abcdef0123456789abcdef","TagKeys":["a","b;"]}"#),
            "ValidationException: 1 validation error detected: Value 'b;' at 'tagKeys.2.member' failed to satisfy constraint: \
            Member must satisfy regular expression pattern: ([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)".into()),
        (refusal::<DescribeFHIRDatastoreRequest>(r#"{"DatastoreId":7}"#), "SerializationException: The value at 'datastoreId' is \
            a number where a string is expected".into()),
        (refusal::<DescribeFHIRDatastoreRequest>("[]"), "SerializationException: The request is a list where a structure is \
            expected".into()),
        (refusal::<DescribeFHIRDatastoreRequest>("{"), "SerializationException: The request body is not valid JSON".into()),
    ];
    for (got, wanted) in cases {
        assert_eq!(got, wanted);
    }
}

#[test]
fn nested_members_and_items_are_named_by_their_way_from_the_request() {
    let tags = refusal::<CreateFHIRDatastoreRequest>(
        r#"{"DatastoreTypeVersion":"R4","Tags":[{"Key":"a","Value":"b"},{"Key":""}]}"#,
    );
    assert!(
        tags.contains("Value '' at 'tags.2.member.key' failed")
            && tags.contains("Value null at 'tags.2.member.value' failed")
    );
    let job = refusal::<StartFHIRImportJobRequest>(
        r#"{"DatastoreId":"d","DataAccessRoleArn":"arn:aws:iam::123456789012:role/r","InputDataConfig":{"S3Uri":"http://x"},
            "JobOutputDataConfig":{"S3Configuration":{"S3Uri":"s3://bucket"}}}"#,
    );
    assert!(job.contains("Value 'http://x' at 'inputDataConfig.s3Uri' failed"), "{job}");
    assert!(job.contains("Value null at 'jobOutputDataConfig.s3Configuration.kmsKeyId' failed"), "{job}");
}

#[test]
fn a_union_wants_exactly_one_member() {
    let job = refusal::<StartFHIRExportJobRequest>(
        r#"{"DatastoreId":"d","DataAccessRoleArn":"arn:aws:iam::123456789012:role/r","OutputDataConfig":{"Other":1}}"#,
    );
    assert!(job.contains("Value at 'outputDataConfig' failed to satisfy constraint: Member must have exactly one of: [S3Configuration]"));
}

#[test]
fn every_pattern_of_the_model_compiles_and_tells_good_from_bad() {
    let bucket = |uri: &str| {
        refusal::<StartFHIRImportJobRequest>(&json!({ "DatastoreId": "d", "InputDataConfig": { "S3Uri": uri },
            "DataAccessRoleArn": "arn:aws:iam::123456789012:role/r", "JobOutputDataConfig": { "S3Configuration":
            { "S3Uri": "s3://bucket/out", "KmsKeyId": "arn:aws:kms:us-east-1:123456789012:key/1-2" } } }).to_string())
    };
    assert_eq!(bucket("s3://abc"), "accepted");
    assert_eq!(bucket("s3://abc/d e/f"), "accepted");
    for bad in ["", "s3://ab", "s3://-bc/x", "s3://Abc/x", "x s3://abc"] {
        assert!(bucket(bad).starts_with("ValidationException"), "{bad}");
    }
    let create = |member: &str, value: &str| {
        refusal::<CreateFHIRDatastoreRequest>(
            &json!({ "DatastoreTypeVersion": "R4", member: value }).to_string(),
        )
    };
    assert_eq!(create("DatastoreName", "Ärzte 日本 _.:/=+-%@"), "accepted");
    assert!(create("DatastoreName", "a;b").starts_with("ValidationException"));
    let key = |key: &str| {
        let config = json!({ "CmkType": "CUSTOMER_MANAGED_KMS_KEY", "KmsKeyId": key });
        refusal::<CreateFHIRDatastoreRequest>(
            &json!({ "DatastoreTypeVersion": "R4", "SseConfiguration": { "KmsEncryptionConfig": config } })
                .to_string(),
        )
    };
    for good in ["alias/a-b", "0123-4", "arn:aws:kms:us-east-1:123456789012:alias/x"] {
        assert_eq!(key(good), "accepted", "{good}");
    }
    assert!(key("a b").starts_with("ValidationException"));
    let profiles = json!({ "DatastoreTypeVersion": "R4", "ProfileConfiguration": { "DefaultProfiles": ["any\nthing", "x".repeat(10_001)] } });
    assert!(
        refusal::<CreateFHIRDatastoreRequest>(&profiles.to_string()).contains("1 validation error detected")
    );
    assert!(refusal::<ListFHIRDatastoresRequest>(r#"{"NextToken":"é"}"#).contains("at 'nextToken'"));
    let lambda = |arn: &str| {
        refusal::<CreateFHIRDatastoreRequest>(
            &json!({ "DatastoreTypeVersion": "R4",
        "IdentityProviderConfiguration": { "AuthorizationStrategy": "SMART_ON_FHIR", "IdpLambdaArn": arn } })
            .to_string(),
        )
    };
    assert_eq!(lambda("arn:aws:lambda:us-east-1:123456789012:function:introspect:$LATEST"), "accepted");
    assert!(
        lambda("arn:aws-cn:lambda:us-east-1:123456789012:function:introspect")
            .starts_with("ValidationException")
    );
}

#[test]
fn a_flood_of_violations_is_counted_and_cut() {
    let tags: Vec<_> = (0..150).map(|_| json!({ "Key": "", "Value": ";" })).collect();
    let message = refusal::<CreateFHIRDatastoreRequest>(
        &json!({ "DatastoreTypeVersion": "R4", "Tags": tags }).to_string(),
    );
    assert!(message.contains("300 validation errors detected") && message.matches("Value '").count() == 100);
    let many: Vec<_> = (0..201).map(|_| json!({ "Key": "", "Value": ";" })).collect();
    let message = refusal::<CreateFHIRDatastoreRequest>(
        &json!({ "DatastoreTypeVersion": "R4", "Tags": many }).to_string(),
    );
    assert!(
        message.contains(
            "1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have \
        length less than or equal to 200"
        ),
        "{message}"
    );
}

#[test]
fn unknown_members_are_ignored_and_null_is_absent() {
    let request: DescribeFHIRDatastoreRequest = decode(br#"{"DatastoreId":"d","Other":[1]}"#).unwrap();
    assert_eq!(request.datastore_id, "d");
    let request: ListFHIRDatastoresRequest = decode(br#"{"Filter":null,"MaxResults":100.0}"#).unwrap();
    assert_eq!((request.filter, request.max_results), (None, Some(100)));
}

#[test]
fn times_are_epoch_seconds_with_a_fraction_both_ways() {
    let filter =
        r#"{"Filter":{"CreatedAfter":1606272542,"CreatedBefore":1606272542.161,"DatastoreStatus":"ACTIVE"}}"#;
    let request: ListFHIRDatastoresRequest = decode(filter.as_bytes()).unwrap();
    let wanted = DatastoreFilter {
        created_after: Some(Timestamp(1_606_272_542_000_000)),
        created_before: Some(Timestamp(1_606_272_542_161_000)),
        datastore_name: None,
        datastore_status: Some(DatastoreStatus::Active),
    };
    assert_eq!(request.filter, Some(wanted.clone()));
    assert_eq!(
        wanted.encode().to_string(),
        r#"{"CreatedAfter":1606272542.0,"CreatedBefore":1606272542.161,"DatastoreStatus":"ACTIVE"}"#
    );
}

#[test]
fn a_moment_is_shown_and_filtered_in_whole_milliseconds() {
    assert_eq!(Timestamp::shown(1_606_272_542_161_999), Timestamp(1_606_272_542_161_000));
    assert_eq!(Timestamp::shown(-1), Timestamp(-1000));
    assert_eq!(Timestamp(1_606_272_542_161_999).encode().to_string(), "1606272542.161");
}

/// Request bytes, damaged at random from a seed, are read or refused; nothing else happens.
#[test]
fn a_damaged_request_is_read_or_refused() {
    let valid = [
        r#"{"DatastoreTypeVersion":"R4","DatastoreName":"a","Tags":[{"Key":"k","Value":"v"}],"ClientToken":"t"}"#,
        r#"{"DatastoreId":"d","InputDataConfig":{"S3Uri":"s3://abc"},"MaxResults":5,"SubmittedAfter":1.5e9}"#,
        r#"{"SseConfiguration":{"KmsEncryptionConfig":{"CmkType":"AWS_OWNED_KMS_KEY"}},"Filter":{"CreatedBefore":-1}}"#,
    ];
    let random = SeededRandom::new(7);
    let mut dice = [0; 3];
    for round in 0..30_000 {
        let mut body = valid[round % valid.len()].as_bytes().to_vec();
        for _ in 0..=round % 3 {
            random.fill(&mut dice);
            let at = usize::from(dice[0]) % body.len();
            match dice[1] % 3 {
                0 => body[at] = dice[2],
                1 => drop(body.remove(at)),
                _ => body.insert(at, b"{}[]\",:0-\\n\xff"[usize::from(dice[2]) % 12]),
            }
        }
        let _ = decode::<CreateFHIRDatastoreRequest>(&body);
        let _ = decode::<StartFHIRImportJobRequest>(&body);
        let _ = decode::<ListFHIRDatastoresRequest>(&body);
        let _ = decode::<ListFHIRExportJobsRequest>(&body);
    }
}
