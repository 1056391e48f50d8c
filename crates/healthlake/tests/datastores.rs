//! Data stores through the control plane: members in and out, states, client tokens, lists.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
use store::{Catalog, DatastoreId, StoreError};
use support::{NOW_SECONDS, NoPatients, arn, export, import, world, world_over};

#[tokio::test]
async fn a_data_store_goes_from_creating_to_deleted_and_stays_describable() {
    let world = world();
    let made = world.call("CreateFHIRDatastore", json!({ "DatastoreTypeVersion": "R4" })).await;
    let id = made["DatastoreId"].as_str().unwrap().to_owned();
    let key = DatastoreId::parse(&id).unwrap();
    let endpoint = format!("http://127.0.0.1:8080/datastore/{id}/r4/");
    assert_eq!(
        made,
        json!({ "DatastoreId": id, "DatastoreArn": arn(&id), "DatastoreStatus": "CREATING", "DatastoreEndpoint": endpoint })
    );
    assert_eq!(world.status(&id).await, "CREATING");
    world.lifecycle.settle().await;
    assert_eq!(world.status(&id).await, "ACTIVE");
    assert!(world.catalog.open(&key).await.is_ok());

    let deleted = world.call("DeleteFHIRDatastore", json!({ "DatastoreId": id })).await;
    assert_eq!(
        deleted,
        json!({ "DatastoreId": id, "DatastoreArn": arn(&id), "DatastoreStatus": "DELETING", "DatastoreEndpoint": endpoint })
    );
    assert_eq!(world.status(&id).await, "DELETING");
    world.lifecycle.settle().await;
    assert_eq!(world.status(&id).await, "DELETED");
    assert!(matches!(world.catalog.open(&key).await, Err(StoreError::Absent)));
}

#[tokio::test]
async fn a_bare_data_store_is_described_with_the_defaults() {
    let world = world();
    let id = world.create(json!({})).await;
    assert_eq!(
        world.describe(&id).await,
        json!({
        "DatastoreId": id, "DatastoreArn": arn(&id), "DatastoreStatus": "CREATING", "DatastoreTypeVersion": "R4",
        "DatastoreEndpoint": format!("http://127.0.0.1:8080/datastore/{id}/r4/"), "CreatedAt": NOW_SECONDS as f64,
        "SseConfiguration": { "KmsEncryptionConfig": { "CmkType": "AWS_OWNED_KMS_KEY" } } })
    );
}

#[tokio::test]
async fn every_member_that_goes_in_comes_out() {
    let world = world();
    let metadata = json!({ "authorization_endpoint": "https://a.example/authorize", "token_endpoint": "https://a.example/token",
        "grant_types_supported": ["client_credential", "foo"], "capabilities": ["launch-ehr"],
        "code_challenge_methods_supported": ["S256"] });
    let members = json!({
        "DatastoreName": "Ärzte 1", "PreloadDataConfig": { "PreloadDataType": "SYNTHEA" },
        "SseConfiguration": { "KmsEncryptionConfig": { "CmkType": "AWS_OWNED_KMS_KEY" } },
        "IdentityProviderConfiguration": { "AuthorizationStrategy": "SMART_ON_FHIR", "FineGrainedAuthorizationEnabled": true,
            "Metadata": metadata.to_string(), "IdpLambdaArn": "arn:aws:lambda:us-east-1:123456789012:function:introspect:1" },
        "AnalyticsConfiguration": { "Status": "DISABLED" }, "NlpConfiguration": { "Status": "DISABLED" },
        "ProfileConfiguration": { "DefaultProfiles": ["us-core-3.1.1", "carin-bb-2.0.0"] } });
    let backup = json!({ "Status": "DISABLED", "BackupType": "CONTINUOUS", "RetentionPeriodInDays": 30, "BackupTagsEnabled": false });
    let tags = json!([{ "Key": "b", "Value": "2" }, { "Key": "a", "Value": "" }]);
    let id = world
        .create(support::with(members.clone(), json!({ "BackupConfiguration": backup, "Tags": tags })))
        .await;
    let found = world.describe(&id).await;
    for (name, value) in members.as_object().unwrap() {
        assert_eq!(&found[name], value, "{name}");
    }
    assert_eq!(found["BackupStatusInfo"], json!({ "Configuration": backup }));
    let listed = world.call("ListTagsForResource", json!({ "ResourceARN": arn(&id) })).await;
    assert_eq!(listed, json!({ "Tags": [{ "Key": "a", "Value": "" }, { "Key": "b", "Value": "2" }] }));
}

#[tokio::test]
async fn a_customer_key_is_stored_and_described_but_its_data_is_refused() {
    let world = world();
    let encryption =
        json!({ "KmsEncryptionConfig": { "CmkType": "CUSTOMER_MANAGED_KMS_KEY", "KmsKeyId": support::KEY } });
    let id = world.create(json!({ "SseConfiguration": encryption })).await;
    world.lifecycle.settle().await;
    let found = world.describe(&id).await;
    assert_eq!((&found["SseConfiguration"], &found["DatastoreStatus"]), (&encryption, &json!("ACTIVE")));
    for (action, input) in [("StartFHIRImportJob", import(&id)), ("StartFHIRExportJob", export(&id))] {
        assert!(world.refusal(action, input).await.contains("customer managed KMS key"), "{action}");
    }
    assert!(world.catalog.open(&DatastoreId::parse(&id).unwrap()).await.is_err());
}

#[tokio::test]
async fn a_preload_that_fails_is_a_creation_that_fails_with_its_cause() {
    let first = world();
    let world = world_over(first.catalog.clone(), first.clock.clone(), 3, |_| {}, NoPatients { fails: true });
    let id = world.create(json!({ "PreloadDataConfig": { "PreloadDataType": "SYNTHEA" } })).await;
    world.lifecycle.settle().await;
    let found = world.describe(&id).await;
    let cause = json!({ "ErrorMessage": "No patients today", "ErrorCategory": "NON_RETRYABLE_ERROR" });
    assert_eq!((&found["DatastoreStatus"], &found["ErrorCause"]), (&json!("CREATE_FAILED"), &cause));
    world.call("DeleteFHIRDatastore", json!({ "DatastoreId": id })).await;
    world.lifecycle.settle().await;
    assert_eq!(world.status(&id).await, "DELETED");
}

#[tokio::test]
async fn a_transition_cut_off_by_a_restart_is_finished_after_it() {
    let before = world();
    let (made, gone) = (before.create(json!({})).await, before.active().await);
    before.call("DeleteFHIRDatastore", json!({ "DatastoreId": gone })).await;
    let other = before.create(json!({})).await;
    let after = before.restarted();
    after.lifecycle.settle().await;
    for (id, status) in [(made, "ACTIVE"), (other, "ACTIVE"), (gone, "DELETED")] {
        assert_eq!(after.status(&id).await, status);
    }
}

#[tokio::test]
async fn the_running_lifecycle_needs_no_more_than_the_request() {
    let world = world();
    let running = tokio::spawn(world.lifecycle.clone().run());
    let id = world.create(json!({})).await;
    while world.status(&id).await != "ACTIVE" {
        tokio::task::yield_now().await;
    }
    world.call("DeleteFHIRDatastore", json!({ "DatastoreId": id })).await;
    while world.status(&id).await != "DELETED" {
        tokio::task::yield_now().await;
    }
    running.abort();
}

#[tokio::test]
async fn a_data_store_is_deleted_only_when_it_is_settled() {
    let world = world();
    let id = world.create(json!({})).await;
    let delete = json!({ "DatastoreId": id });
    assert!(world.refusal("DeleteFHIRDatastore", delete.clone()).await.starts_with("ConflictException"));
    world.lifecycle.settle().await;
    world.call("StartFHIRImportJob", import(&id)).await;
    assert!(
        world.refusal("DeleteFHIRDatastore", delete.clone()).await.contains("has a job that has not ended")
    );
    let other = world.active().await;
    world.call("DeleteFHIRDatastore", json!({ "DatastoreId": other })).await;
    let again = json!({ "DatastoreId": other });
    assert!(world.refusal("DeleteFHIRDatastore", again.clone()).await.starts_with("ConflictException"));
    world.lifecycle.settle().await;
    assert!(world.refusal("DeleteFHIRDatastore", again).await.starts_with("ResourceNotFoundException"));
}

#[tokio::test]
async fn the_same_client_token_gives_the_same_answer_even_after_a_restart() {
    let world = world();
    let input = json!({ "DatastoreTypeVersion": "R4", "DatastoreName": "one", "ClientToken": "token-1" });
    let first = world.call("CreateFHIRDatastore", input.clone()).await;
    world.lifecycle.settle().await;
    assert_eq!(world.call("CreateFHIRDatastore", input.clone()).await, first);
    let later = world.restarted();
    assert_eq!(later.call("CreateFHIRDatastore", input.clone()).await, first);
    let other = support::with(input.clone(), json!({ "DatastoreName": "two" }));
    assert!(
        later
            .refusal("CreateFHIRDatastore", other)
            .await
            .starts_with("ValidationException: The ClientToken was used before")
    );
    let fresh = support::with(input, json!({ "ClientToken": "token-2" }));
    assert_ne!(later.call("CreateFHIRDatastore", fresh).await["DatastoreId"], first["DatastoreId"]);
}

#[tokio::test]
async fn a_client_token_used_by_two_requests_at_once_makes_one_data_store() {
    let world = world();
    let input = json!({ "DatastoreTypeVersion": "R4", "ClientToken": "token" });
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let (world, input) = (world.clone(), input.clone());
            tokio::spawn(async move { world.call("CreateFHIRDatastore", input).await })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(ids(&world.call("ListFHIRDatastores", json!({})).await).len(), 1);
}

#[tokio::test]
async fn more_data_stores_than_the_quota_are_refused_until_one_is_deleted() {
    let first = world();
    let set = |settings: &mut healthlake::Settings| settings.datastores_max = 2;
    let world = world_over(first.catalog.clone(), first.clock.clone(), 3, set, NoPatients { fails: false });
    let (one, _) = (world.active().await, world.active().await);
    let refused = world.refusal("CreateFHIRDatastore", json!({ "DatastoreTypeVersion": "R4" })).await;
    assert!(refused.starts_with("ValidationException: The account has 2 data stores"), "{refused}");
    world.call("DeleteFHIRDatastore", json!({ "DatastoreId": one })).await;
    world.lifecycle.settle().await;
    world.active().await;
}

fn ids(list: &Value) -> Vec<String> {
    let list = list["DatastorePropertiesList"].as_array().unwrap();
    list.iter().map(|found| found["DatastoreId"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_list_takes_all_its_filters_at_once_and_is_newest_first() {
    let world = world();
    let mut made = Vec::new();
    for name in ["a", "b", "a"] {
        made.push(world.create(json!({ "DatastoreName": name })).await);
        world.lifecycle.settle().await;
        world.clock.advance_ms(1500);
    }
    made.push(world.create(json!({})).await);
    let at = |n: usize| NOW_SECONDS as f64 + 1.5 * n as f64;
    let cases = [
        (json!({}), vec![3, 2, 1, 0]),
        (json!({ "DatastoreName": "a" }), vec![2, 0]),
        (json!({ "DatastoreName": "A" }), vec![]),
        (json!({ "DatastoreStatus": "CREATING" }), vec![3]),
        (json!({ "DatastoreStatus": "UPDATING" }), vec![]),
        (json!({ "CreatedAfter": at(0) }), vec![3, 2, 1]),
        (json!({ "CreatedBefore": at(2) }), vec![1, 0]),
        (
            json!({ "CreatedAfter": at(0) - 0.001, "CreatedBefore": at(2) + 0.001, "DatastoreName": "a", "DatastoreStatus": "ACTIVE" }),
            vec![2, 0],
        ),
    ];
    for (filter, wanted) in cases {
        let list = world.call("ListFHIRDatastores", json!({ "Filter": filter })).await;
        let wanted: Vec<_> = wanted.into_iter().map(|n: usize| made[n].clone()).collect();
        assert_eq!(ids(&list), wanted, "{filter}");
        assert!(list.get("NextToken").is_none());
    }
}

#[tokio::test]
async fn pages_show_each_record_once_while_others_are_made() {
    let world = world();
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(world.active().await);
    }
    let (mut seen, mut token) = (Vec::new(), None);
    loop {
        let page = world
            .restarted()
            .call("ListFHIRDatastores", json!({ "MaxResults": 2, "NextToken": token }))
            .await;
        seen.extend(ids(&page));
        token = page.get("NextToken").cloned();
        if token.is_none() {
            break;
        }
        world.clock.advance_ms(1);
        world.create(json!({})).await;
    }
    seen.sort();
    made.sort();
    assert_eq!(seen, made);
}

#[tokio::test]
async fn a_page_holds_a_hundred_unless_asked_otherwise() {
    let world = world();
    for _ in 0..101 {
        world.create(json!({})).await;
    }
    let page = world.call("ListFHIRDatastores", json!({})).await;
    assert_eq!(ids(&page).len(), 100);
    let rest = world.call("ListFHIRDatastores", json!({ "NextToken": page["NextToken"] })).await;
    assert_eq!((ids(&rest).len(), rest.get("NextToken")), (1, None));
    let all = world.call("ListFHIRDatastores", json!({ "MaxResults": 101 })).await;
    assert_eq!((ids(&all).len(), all.get("NextToken")), (101, None));
}

#[tokio::test]
async fn a_next_token_is_good_only_as_it_was_given_and_for_its_list() {
    let world = world();
    let store = world.active().await;
    world.active().await;
    let page = world.call("ListFHIRDatastores", json!({ "MaxResults": 1 })).await;
    let token = page["NextToken"].as_str().unwrap().to_owned();
    let flipped = |at: usize| {
        let mut letters: Vec<char> = token.chars().collect();
        letters[at] = if letters[at] == 'A' { 'B' } else { 'A' };
        letters.into_iter().collect::<String>()
    };
    let mut bad: Vec<String> = (0..token.len() - 1).map(flipped).collect();
    bad.extend(["x".into(), "!".into(), token[..10].to_owned(), format!("{token}AAAA")]);
    for token in bad {
        let refused =
            world.refusal("ListFHIRDatastores", json!({ "MaxResults": 1, "NextToken": token })).await;
        assert!(refused.starts_with("ValidationException: The NextToken"), "{refused}");
    }
    let elsewhere = [
        ("ListFHIRDatastores", json!({ "Filter": { "DatastoreName": "a" }, "NextToken": token })),
        ("ListFHIRImportJobs", json!({ "DatastoreId": store, "NextToken": token })),
    ];
    for (action, input) in elsewhere {
        assert!(
            world.refusal(action, input).await.starts_with("ValidationException: The NextToken"),
            "{action}"
        );
    }
    let more = world.call("ListFHIRDatastores", json!({ "MaxResults": 7, "NextToken": token })).await;
    assert_eq!(ids(&more).len(), 1);
}
