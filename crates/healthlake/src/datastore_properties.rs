//! A data store's record as DatastoreProperties.

use crate::arn::Place;
use crate::generated::enumerations as wire;
use crate::generated::structures::*;
use crate::shape::Timestamp;
use store::{
    Backup, BackupStatus, CmkType, Datastore, DatastoreStatus, ErrorCategory, IdentityProvider, Strategy,
};

/// What Describe and List show of `record`.
pub(crate) fn properties(place: &Place, record: &Datastore) -> DatastoreProperties {
    DatastoreProperties {
        analytics_configuration: record
            .analytics
            .as_deref()
            .map(|status| AnalyticsConfiguration { status: wire::AnalyticsStatus::named(status) }),
        backup_status_info: record.backup.as_ref().map(backup),
        created_at: Some(Timestamp::shown(record.created.0)),
        datastore_arn: place.datastore_arn(&record.id),
        datastore_endpoint: place.datastore_endpoint(&record.id),
        datastore_id: record.id.to_string(),
        datastore_name: record.name.clone(),
        datastore_status: wire_status(record.status),
        datastore_type_version: wire::FHIRVersion::R4,
        error_cause: record.error_cause.as_ref().map(|cause| ErrorCause {
            error_category: Some(match cause.category {
                ErrorCategory::RetryableError => wire::ErrorCategory::RetryableError,
                ErrorCategory::NonRetryableError => wire::ErrorCategory::NonRetryableError,
            }),
            error_message: Some(cause.message.clone()),
        }),
        identity_provider_configuration: record.identity_provider.as_ref().map(identity_provider),
        nlp_configuration: record
            .nlp
            .as_deref()
            .map(|status| NlpConfiguration { status: wire::NlpStatus::named(status) }),
        preload_data_config: record
            .preload
            .then_some(PreloadDataConfig { preload_data_type: wire::PreloadDataType::Synthea }),
        profile_configuration: record
            .default_profiles
            .as_ref()
            .map(|profiles| ProfileConfiguration { default_profiles: Some(profiles.clone()) }),
        sse_configuration: Some(encryption(record)),
    }
}

/// The status on the wire.
pub(crate) fn wire_status(status: DatastoreStatus) -> wire::DatastoreStatus {
    match status {
        DatastoreStatus::Creating => wire::DatastoreStatus::Creating,
        DatastoreStatus::Active => wire::DatastoreStatus::Active,
        DatastoreStatus::Deleting => wire::DatastoreStatus::Deleting,
        DatastoreStatus::Deleted => wire::DatastoreStatus::Deleted,
        DatastoreStatus::CreateFailed => wire::DatastoreStatus::CreateFailed,
    }
}

fn encryption(record: &Datastore) -> SseConfiguration {
    let cmk_type = match record.encryption {
        CmkType::AwsOwned => wire::CmkType::AwsOwnedKmsKey,
        CmkType::CustomerManaged => wire::CmkType::CustomerManagedKmsKey,
    };
    let config = KmsEncryptionConfig { cmk_type, kms_key_id: record.kms_key_id.clone() };
    SseConfiguration { kms_encryption_config: config }
}

fn identity_provider(provider: &IdentityProvider) -> IdentityProviderConfiguration {
    IdentityProviderConfiguration {
        authorization_strategy: match provider.strategy {
            Strategy::AwsAuth => wire::AuthorizationStrategy::AwsAuth,
            Strategy::SmartOnFhirV1 => wire::AuthorizationStrategy::SmartOnFhirV1,
            Strategy::SmartOnFhir => wire::AuthorizationStrategy::SmartOnFhir,
        },
        fine_grained_authorization_enabled: provider.fine_grained,
        idp_lambda_arn: provider.lambda_arn.clone(),
        metadata: provider.metadata.clone(),
    }
}

/// The configuration as asked for. No restore points: no backups are made yet.
fn backup(backup: &Backup) -> DatastoreBackupStatus {
    let configuration = BackupConfiguration {
        backup_tags_enabled: backup.tags_enabled,
        backup_type: backup.backup_type.as_deref().and_then(wire::BackupType::named),
        retention_period_in_days: backup.retention_days.and_then(|days| i32::try_from(days).ok()),
        status: backup.status.map(|status| match status {
            BackupStatus::Enabled => wire::BackupStatus::Enabled,
            BackupStatus::Disabled => wire::BackupStatus::Disabled,
        }),
    };
    DatastoreBackupStatus { configuration: Some(configuration), ..DatastoreBackupStatus::default() }
}
