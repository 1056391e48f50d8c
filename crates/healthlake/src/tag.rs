//! Tags of data stores: set, removed, listed.

use crate::datastore;
use crate::error::Fault;
use crate::generated::structures::*;
use crate::limits::{CHANGE_ATTEMPTS_MAX, RESOURCE_TAGS_MAX};
use crate::service::Service;
use std::collections::BTreeMap;
use store::{CatalogError, Change, Datastore, Revised};

/// What keys of AWS's own start with, in any case; callers cannot set or remove such tags.
const RESERVED_PREFIX: &str = "aws:";

/// TagResource: a key that is there already gets the new value.
pub(crate) async fn tag(
    service: &Service,
    request: TagResourceRequest,
) -> Result<TagResourceResponse, Fault> {
    let tags = checked(request.tags)?;
    change(service, &request.resource_arn, |present| {
        present.extend(tags.clone());
        check_count(present)
    })
    .await?;
    Ok(TagResourceResponse {})
}

/// UntagResource: a key that is not there is passed over.
pub(crate) async fn untag(
    service: &Service,
    request: UntagResourceRequest,
) -> Result<UntagResourceResponse, Fault> {
    for key in &request.tag_keys {
        check_reserved(key)?;
    }
    change(service, &request.resource_arn, |present| {
        present.retain(|key, _| !request.tag_keys.contains(key));
        Ok(())
    })
    .await?;
    Ok(UntagResourceResponse {})
}

/// ListTagsForResource: in the order of the keys.
pub(crate) async fn list(
    service: &Service,
    request: ListTagsForResourceRequest,
) -> Result<ListTagsForResourceResponse, Fault> {
    let at = find(service, &request.resource_arn).await?;
    let tags = at.record.tags.into_iter().map(|(key, value)| Tag { key, value }).collect();
    Ok(ListTagsForResourceResponse { tags: Some(tags) })
}

/// The tags of one request by key. Fails with ValidationException for a reserved key or one given twice.
pub(crate) fn checked(tags: Vec<Tag>) -> Result<BTreeMap<String, String>, Fault> {
    let mut by_key = BTreeMap::new();
    for Tag { key, value } in tags {
        check_reserved(&key)?;
        if by_key.contains_key(&key) {
            return Err(Fault::validation(format!("The tag key '{key}' is given more than once")));
        }
        by_key.insert(key, value);
    }
    Ok(by_key)
}

/// Refuses more tags than one resource may have.
pub(crate) fn check_count(tags: &BTreeMap<String, String>) -> Result<(), Fault> {
    if tags.len() <= RESOURCE_TAGS_MAX {
        return Ok(());
    }
    Err(Fault::validation(format!("A resource can have at most {RESOURCE_TAGS_MAX} tags")))
}

fn check_reserved(key: &str) -> Result<(), Fault> {
    let start = key.get(..RESERVED_PREFIX.len());
    if start.is_some_and(|start| start.eq_ignore_ascii_case(RESERVED_PREFIX)) {
        return Err(Fault::validation(format!("Tag keys that start with {RESERVED_PREFIX} are reserved")));
    }
    Ok(())
}

async fn find(service: &Service, arn: &str) -> Result<Revised<Datastore>, Fault> {
    match service.place().datastore_of(arn) {
        Some(id) => datastore::find(service, id.as_str()).await,
        None => Err(Fault::not_found(format!("The resource {arn} does not exist"))),
    }
}

async fn change(
    service: &Service,
    arn: &str,
    apply: impl Fn(&mut BTreeMap<String, String>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    for _ in 0..CHANGE_ATTEMPTS_MAX {
        let Revised { revision, mut record } = find(service, arn).await?;
        apply(&mut record.tags)?;
        let change = Change::Datastore { record: Box::new(record), expected: Some(revision) };
        match service.catalog().write(vec![change]).await {
            Ok(()) => return Ok(()),
            Err(CatalogError::Conflict(_)) => {}
            Err(CatalogError::Failed(error)) => return Err(service.failed(&error)),
        }
    }
    tracing::error!("a data store's tags could not be changed for other changes");
    Err(Fault::internal())
}
