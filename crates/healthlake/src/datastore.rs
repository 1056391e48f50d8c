//! Data stores: create, describe, list, delete.

use crate::datastore_properties::{properties, wire_status};
use crate::error::Fault;
use crate::generated::enumerations::{self as wire, DatastoreStatus as WireStatus};
use crate::generated::structures::*;
use crate::idempotency::ClientToken;
use crate::limits::CHANGE_ATTEMPTS_MAX;
use crate::page_token::page;
use crate::service::Service;
use crate::shape::Timestamp;
use crate::{identity_provider, tag};
use store::{
    Backup, BackupStatus, CatalogError, Change, CmkType, Datastore, DatastoreId, DatastoreStatus, JobKind,
    Revised,
};

/// CreateFHIRDatastore: the record is durable, in CREATING, before the answer; the contents follow.
pub(crate) async fn create(
    service: &Service,
    request: CreateFHIRDatastoreRequest,
) -> Result<CreateFHIRDatastoreResponse, Fault> {
    let token = ClientToken::of(&request, request.client_token.as_ref());
    if let Some(made) = made_before(service, token.as_ref()).await? {
        return Ok(created(service, &made));
    }
    let record = new_record(service, request)?;
    check_quota(service).await?;
    let id = record.id.clone();
    let mut changes = vec![Change::Datastore { record: Box::new(record), expected: None }];
    changes.extend(token.iter().map(|token| Change::Request(token.record(service, id.as_str()))));
    match service.catalog().write(changes).await {
        Ok(()) => {}
        // The token was used by another request in the meantime.
        Err(CatalogError::Conflict(_)) => {
            let made = made_before(service, token.as_ref()).await?.ok_or_else(Fault::internal)?;
            return Ok(created(service, &made));
        }
        Err(CatalogError::Failed(error)) => return Err(service.failed(&error)),
    }
    service.lifecycle().wake();
    Ok(created(service, &id))
}

/// DescribeFHIRDatastore: whatever its status; a deleted one stays describable.
pub(crate) async fn describe(
    service: &Service,
    request: DescribeFHIRDatastoreRequest,
) -> Result<DescribeFHIRDatastoreResponse, Fault> {
    let at = find(service, &request.datastore_id).await?;
    Ok(DescribeFHIRDatastoreResponse { datastore_properties: properties(service.place(), &at.record) })
}

/// ListFHIRDatastores: newest first, all filters at once.
pub(crate) async fn list(
    service: &Service,
    request: ListFHIRDatastoresRequest,
) -> Result<ListFHIRDatastoresResponse, Fault> {
    let all = service.catalog().datastores().await.map_err(|error| service.failed(&error))?;
    let mut records: Vec<_> = all.into_iter().map(|at| at.record).collect();
    if let Some(filter) = &request.filter {
        records.retain(|record| passes(filter, record));
    }
    let place = |record: &Datastore| (record.created.0, record.id.to_string());
    let (records, next_token) = page(service.page_key(), &request, records, place)?;
    let list = records.iter().map(|record| properties(service.place(), record)).collect();
    Ok(ListFHIRDatastoresResponse { datastore_properties_list: list, next_token })
}

/// DeleteFHIRDatastore: DELETING at once, DELETED when nothing of the contents is left.
pub(crate) async fn delete(
    service: &Service,
    request: DeleteFHIRDatastoreRequest,
) -> Result<DeleteFHIRDatastoreResponse, Fault> {
    for _ in 0..CHANGE_ATTEMPTS_MAX {
        let Revised { revision, mut record } = find(service, &request.datastore_id).await?;
        check_deletable(service, &record).await?;
        record.status = DatastoreStatus::Deleting;
        let id = record.id.clone();
        let change = Change::Datastore { record: Box::new(record), expected: Some(revision) };
        match service.catalog().write(vec![change]).await {
            Ok(()) => {
                service.lifecycle().wake();
                return Ok(deleting(service, &id));
            }
            Err(CatalogError::Conflict(_)) => {}
            Err(CatalogError::Failed(error)) => return Err(service.failed(&error)),
        }
    }
    Err(Fault::conflict("The data store is being changed by other requests; try again"))
}

/// The record of the data store called `id`. Fails with ResourceNotFoundException.
pub(crate) async fn find(service: &Service, id: &str) -> Result<Revised<Datastore>, Fault> {
    let found = match DatastoreId::parse(id) {
        Some(id) => service.catalog().datastore(&id).await.map_err(|error| service.failed(&error))?,
        None => None,
    };
    found.ok_or_else(|| Fault::not_found(format!("The data store {id} does not exist")))
}

async fn made_before(service: &Service, token: Option<&ClientToken>) -> Result<Option<DatastoreId>, Fault> {
    match token {
        Some(token) => Ok(token.made(service).await?.as_deref().and_then(DatastoreId::parse)),
        None => Ok(None),
    }
}

fn created(service: &Service, id: &DatastoreId) -> CreateFHIRDatastoreResponse {
    CreateFHIRDatastoreResponse {
        datastore_arn: service.place().datastore_arn(id),
        datastore_endpoint: service.place().datastore_endpoint(id),
        datastore_id: id.to_string(),
        datastore_status: WireStatus::Creating,
    }
}

fn deleting(service: &Service, id: &DatastoreId) -> DeleteFHIRDatastoreResponse {
    DeleteFHIRDatastoreResponse {
        datastore_arn: service.place().datastore_arn(id),
        datastore_endpoint: service.place().datastore_endpoint(id),
        datastore_id: id.to_string(),
        datastore_status: WireStatus::Deleting,
    }
}

fn new_record(service: &Service, request: CreateFHIRDatastoreRequest) -> Result<Datastore, Fault> {
    let (encryption, kms_key_id) = encryption(request.sse_configuration)?;
    if encryption == CmkType::CustomerManaged && request.preload_data_config.is_some() {
        return Err(Fault::validation(
            "PreloadDataConfig with a customer managed KMS key is not supported by this version of tarn",
        ));
    }
    let identity_provider =
        request.identity_provider_configuration.map(identity_provider::checked).transpose()?;
    let tags = tag::checked(request.tags.unwrap_or_default())?;
    tag::check_count(&tags)?;
    Ok(Datastore {
        id: DatastoreId::generate(service.random()),
        name: request.datastore_name,
        status: DatastoreStatus::Creating,
        created: service.clock().now(),
        encryption,
        kms_key_id,
        preload: request.preload_data_config.is_some(),
        identity_provider,
        default_profiles: request
            .profile_configuration
            .map(|asked| asked.default_profiles.unwrap_or_default()),
        analytics: analytics(request.analytics_configuration)?,
        nlp: nlp(request.nlp_configuration)?,
        backup: request.backup_configuration.map(backup).transpose()?,
        error_cause: None,
        tags,
    })
}

fn encryption(asked: Option<SseConfiguration>) -> Result<(CmkType, Option<String>), Fault> {
    let Some(SseConfiguration { kms_encryption_config: asked }) = asked else {
        return Ok((CmkType::AwsOwned, None));
    };
    match (asked.cmk_type, asked.kms_key_id) {
        (wire::CmkType::AwsOwnedKmsKey, None) => Ok((CmkType::AwsOwned, None)),
        (wire::CmkType::CustomerManagedKmsKey, Some(key)) => Ok((CmkType::CustomerManaged, Some(key))),
        (wire::CmkType::AwsOwnedKmsKey, Some(_)) => {
            Err(Fault::validation("KmsKeyId is given, but CmkType is AWS_OWNED_KMS_KEY"))
        }
        (wire::CmkType::CustomerManagedKmsKey, None) => {
            Err(Fault::validation("CmkType CUSTOMER_MANAGED_KMS_KEY needs a KmsKeyId"))
        }
    }
}

/// What is on its way cannot be asked for, and what tarn does not do must not be described as if it did.
fn analytics(asked: Option<AnalyticsConfiguration>) -> Result<Option<String>, Fault> {
    let status = asked.and_then(|asked| asked.status);
    let status = status.map(|status| (status.as_str(), status == wire::AnalyticsStatus::Disabled));
    only_disabled("AnalyticsConfiguration", status, "ENABLED")
}

fn nlp(asked: Option<NlpConfiguration>) -> Result<Option<String>, Fault> {
    let status = asked.and_then(|asked| asked.status);
    let status = status.map(|status| (status.as_str(), status == wire::NlpStatus::Disabled));
    only_disabled("NlpConfiguration", status, "ENABLED")
}

fn only_disabled(member: &str, asked: Option<(&str, bool)>, enabled: &str) -> Result<Option<String>, Fault> {
    match asked {
        None => Ok(None),
        Some((status, true)) => Ok(Some(status.to_owned())),
        Some((status, _)) if status == enabled => Err(Fault::validation(format!(
            "{member}.Status {status} is not supported by this version of tarn"
        ))),
        Some((status, _)) => {
            Err(Fault::validation(format!("{member}.Status cannot be {status} in a request")))
        }
    }
}

fn backup(asked: BackupConfiguration) -> Result<Backup, Fault> {
    if asked.status == Some(wire::BackupStatus::Enabled) {
        return Err(Fault::validation(
            "BackupConfiguration.Status ENABLED is not supported by this version of tarn",
        ));
    }
    Ok(Backup {
        status: asked.status.map(|_| BackupStatus::Disabled),
        backup_type: asked.backup_type.map(|asked| asked.as_str().to_owned()),
        retention_days: asked.retention_period_in_days.and_then(|days| u32::try_from(days).ok()),
        tags_enabled: asked.backup_tags_enabled,
    })
}

async fn check_quota(service: &Service) -> Result<(), Fault> {
    let all = service.catalog().datastores().await.map_err(|error| service.failed(&error))?;
    let present = all.iter().filter(|at| at.record.status != DatastoreStatus::Deleted).count();
    let max = service.datastores_max();
    if present < max {
        return Ok(());
    }
    Err(Fault::validation(format!("The account has {max} data stores, which is its limit; delete one first")))
}

async fn check_deletable(service: &Service, record: &Datastore) -> Result<(), Fault> {
    let id = &record.id;
    match record.status {
        DatastoreStatus::Active | DatastoreStatus::CreateFailed => {}
        DatastoreStatus::Deleted => return Err(Fault::not_found(format!("The data store {id} is deleted"))),
        DatastoreStatus::Creating | DatastoreStatus::Deleting => {
            return Err(Fault::conflict(format!(
                "The data store {id} is in status {}",
                record.status.name()
            )));
        }
    }
    for kind in [JobKind::Import, JobKind::Export] {
        let jobs = service.catalog().jobs(id, kind).await.map_err(|error| service.failed(&error))?;
        if let Some(job) = jobs.iter().find(|job| !job.record.status.is_final()) {
            let sentence = format!("The data store {id} has a job that has not ended: {}", job.record.id);
            return Err(Fault::conflict(sentence));
        }
    }
    Ok(())
}

fn passes(filter: &DatastoreFilter, record: &Datastore) -> bool {
    let made = Timestamp::shown(record.created.0);
    filter.datastore_name.as_ref().is_none_or(|name| record.name.as_ref() == Some(name))
        && filter.datastore_status.is_none_or(|status| wire_status(record.status) == status)
        && filter.created_before.is_none_or(|before| made < before)
        && filter.created_after.is_none_or(|after| made > after)
}
