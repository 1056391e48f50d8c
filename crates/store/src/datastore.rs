//! The record of a data store.

use std::collections::BTreeMap;
use std::fmt;

use fhir::Time;
use serde::{Deserialize, Serialize};

/// The id of a data store: 32 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct DatastoreId(String);

impl DatastoreId {
    /// The id written as `text`; `None` unless it is 32 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        is_hex_id(text).then(|| DatastoreId(text.to_owned()))
    }

    /// A fresh id.
    pub fn generate(random: &dyn crate::Random) -> Self {
        DatastoreId(hex_id(random))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DatastoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(crate) fn is_hex_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

pub(crate) fn hex_id(random: &dyn crate::Random) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One data store, as CreateFHIRDatastore made it and Describe shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Datastore {
    /// Its id.
    pub id: DatastoreId,
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// Where it is in its life.
    pub status: DatastoreStatus,
    /// When it was asked for.
    #[serde(with = "micros")]
    pub created: Time,
    /// Whose key encrypts it.
    pub encryption: CmkType,
    /// The customer's key, for [`CmkType::CustomerManaged`].
    pub kms_key_id: Option<String>,
    /// Whether it starts with synthetic patients (`SYNTHEA`).
    pub preload: bool,
    /// Who vouches for callers; `None`: AWS_AUTH by default, and Describe shows no block.
    pub identity_provider: Option<IdentityProvider>,
    /// Default profiles (`us-core-3.1.1`), in the order given; `None` if not configured.
    pub default_profiles: Option<Vec<String>>,
    /// `AnalyticsConfiguration.Status` as asked, if given.
    pub analytics: Option<String>,
    /// `NlpConfiguration.Status` as asked, if given.
    pub nlp: Option<String>,
    /// Backups as asked, if given.
    pub backup: Option<Backup>,
    /// Why creation failed.
    pub error_cause: Option<ErrorCause>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// Where a data store is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DatastoreStatus {
    /// Being made.
    Creating,
    /// Ready.
    Active,
    /// Being removed.
    Deleting,
    /// Removed; the record stays.
    Deleted,
    /// Could not be made.
    CreateFailed,
}

impl DatastoreStatus {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            DatastoreStatus::Creating => "CREATING",
            DatastoreStatus::Active => "ACTIVE",
            DatastoreStatus::Deleting => "DELETING",
            DatastoreStatus::Deleted => "DELETED",
            DatastoreStatus::CreateFailed => "CREATE_FAILED",
        }
    }
}

/// Whose key encrypts a data store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CmkType {
    /// `AWS_OWNED_KMS_KEY`: a data key wrapped by this installation's root key.
    AwsOwned,
    /// `CUSTOMER_MANAGED_KMS_KEY`.
    CustomerManaged,
}

/// Who vouches for callers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityProvider {
    /// The strategy.
    pub strategy: Strategy,
    /// Whether fine-grained authorization is on, if said.
    pub fine_grained: Option<bool>,
    /// The SMART discovery document.
    pub metadata: Option<String>,
    /// The Lambda that decodes tokens.
    pub lambda_arn: Option<String>,
}

/// How callers are recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Strategy {
    /// By SigV4.
    AwsAuth,
    /// By SMART tokens with version 1 scopes.
    SmartOnFhirV1,
    /// By SMART tokens.
    SmartOnFhir,
}

/// Backups as asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// On or off, if given.
    pub status: Option<BackupStatus>,
    /// `CONTINUOUS`, if given.
    pub backup_type: Option<String>,
    /// Days to keep, if given.
    pub retention_days: Option<u32>,
    /// Whether backups carry tags, if given.
    pub tags_enabled: Option<bool>,
}

/// Whether backups are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BackupStatus {
    /// On.
    Enabled,
    /// Off.
    Disabled,
}

/// Why creation failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorCause {
    /// A sentence.
    pub message: String,
    /// Whether trying again may help.
    pub category: ErrorCategory,
}

/// Whether trying again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCategory {
    /// It may.
    RetryableError,
    /// It will not.
    NonRetryableError,
}

/// Times as microseconds since 1970 in records.
pub(crate) mod micros {
    use fhir::Time;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(time.0)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        i64::deserialize(deserializer).map(Time)
    }

    /// The same for times that may be absent.
    pub(crate) mod option {
        use super::{Deserialize, Deserializer, Serializer, Time};

        pub(crate) fn serialize<S: Serializer>(
            time: &Option<Time>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match time {
                Some(time) => serializer.serialize_some(&time.0),
                None => serializer.serialize_none(),
            }
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Time>, D::Error> {
            Ok(Option::<i64>::deserialize(deserializer)?.map(Time))
        }
    }
}
