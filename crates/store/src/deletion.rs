//! What a job that deletes was asked for: the part of its record that `$bulk-delete`, `$purge` and `$erase` need.

use fhir::{Id, ResourceKey, ResourceType, Time};
use serde::{Deserialize, Serialize};

use crate::datastore::micros;

/// What a job deletes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deletion {
    /// Which operation started it: its status is told of under that.
    pub operation: DeleteOperation,
    /// What it deletes; `None` once it has ended, so that the record does not outlive what it names.
    pub target: Option<DeleteTarget>,
    /// Whether it is removed for good, with its history; else it is deleted as by `DELETE`.
    pub is_hard: bool,
    /// Whether resources of type AuditEvent are deleted too.
    pub takes_audit_events: bool,
    /// Only what was last written at or after this time.
    #[serde(with = "micros::option")]
    pub from: Option<Time>,
    /// Only what was last written at or before this time.
    #[serde(with = "micros::option")]
    pub until: Option<Time>,
}

/// The operations that delete in the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeleteOperation {
    /// `$bulk-delete`.
    BulkDelete,
    /// `$purge`.
    Purge,
    /// `$erase`.
    Erase,
}

/// What is deleted, as the record keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeleteTarget {
    /// All resources of a type.
    Type(String),
    /// All of a patient's compartment, the patient too.
    Patient(String),
    /// One resource: type and id.
    Resource(String, String),
    /// One version of a resource: type, id and version.
    Version(String, String, u64),
}

impl DeleteTarget {
    /// The type, if it is one that is known.
    pub fn of(&self) -> Option<ResourceType> {
        match self {
            DeleteTarget::Patient(_) => ResourceType::parse("Patient"),
            DeleteTarget::Type(of) | DeleteTarget::Resource(of, _) | DeleteTarget::Version(of, ..) => {
                ResourceType::parse(of)
            }
        }
    }

    /// The resource that it names; `None` for a whole type.
    pub fn key(&self) -> Option<ResourceKey> {
        let id = match self {
            DeleteTarget::Type(_) => return None,
            DeleteTarget::Patient(id) | DeleteTarget::Resource(_, id) | DeleteTarget::Version(_, id, _) => id,
        };
        Some(ResourceKey { of: self.of()?, id: Id::parse(id)? })
    }
}
