//! What an export was asked for beyond everything, and what it wrote: the part of a job's record that FHIR's
//! `$export` needs.

use fhir::{Id, ResourceType, Time};
use serde::{Deserialize, Serialize};

use crate::datastore::micros;

/// A FHIR `$export`: what was asked, and what it wrote so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Export {
    /// Whose resources.
    pub level: ExportLevel,
    /// In whose form answers about it are given.
    pub form: ExportForm,
    /// Where its files go.
    pub target: ExportTarget,
    /// The address that was asked, with its query.
    pub request: String,
    /// What is wanted of them.
    pub asked: ExportAsked,
    /// The moment of which it tells: everything up to it is in it, nothing later. `None` before it began.
    #[serde(with = "micros::option")]
    pub transaction_time: Option<Time>,
    /// What it wrote, in the order written.
    pub files: Vec<ExportFile>,
    /// When files that are served from here go; `None` while it runs, and for files elsewhere.
    #[serde(with = "micros::option")]
    pub expires: Option<Time>,
    /// Whether it was deleted by its client, or has expired: it is not told of any more.
    pub is_withdrawn: bool,
}

/// Whose resources an export holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExportLevel {
    /// All.
    System,
    /// Those of patients: their compartments.
    Patients,
    /// Those of the patients of a Group.
    Group(String),
}

/// In whose form an export is spoken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExportForm {
    /// HealthLake's.
    HealthLake,
    /// That of the FHIR Bulk Data Access guide.
    Standard,
}

/// Where an export's files go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExportTarget {
    /// To the objects that the caller named.
    Objects,
    /// Here, from where they are served.
    Here,
}

/// What is wanted of the resources that an export could hold. What is empty asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExportAsked {
    /// Of these types (`_type`), by name.
    pub types: Vec<String>,
    /// Changed after this time (`_since`).
    #[serde(with = "micros::option")]
    pub since: Option<Time>,
    /// Last changed before this time (`_until`).
    #[serde(with = "micros::option")]
    pub until: Option<Time>,
    /// Found by one of these searches of their type (`_typeFilter`): `Type?name=value&…`, percent-encoded.
    pub type_filters: Vec<String>,
    /// With each of these tags (`_tag`).
    pub tags: Vec<String>,
    /// With each of these security labels (`_security`).
    pub security: Vec<String>,
    /// With these elements only (`_elements`).
    pub elements: Vec<String>,
    /// Of these patients (`patient`), by id.
    pub patients: Vec<String>,
}

/// A file that an export wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportFile {
    /// Its name below the job's folder.
    pub name: String,
    /// The type of the resources that it speaks of, by name.
    pub of: String,
    /// Lines.
    pub count: u64,
    /// Whether it tells which resources were deleted.
    pub is_deleted: bool,
}

impl ExportAsked {
    /// The types asked for; names that are none are left out.
    pub fn resource_types(&self) -> impl Iterator<Item = ResourceType> {
        self.types.iter().filter_map(|name| ResourceType::parse(name))
    }

    /// The ids of the patients asked for.
    pub fn patient_ids(&self) -> Vec<Id> {
        self.patients.iter().filter_map(|id| Id::parse(id)).collect()
    }
}
