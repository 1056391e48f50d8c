//! From the bytes of a request to something a store can keep: parsed, checked, brought into stored form.

use bytes::Bytes;
use fhir::{Id, Level, Resource, ResourceKey, ResourceType, Severity};
use search::{Entries, Extractor, ParameterSet};
use store::{Operation, Put};

use crate::links::Base;
use crate::outcome::Refusal;

/// A resource that was parsed and found valid.
pub(crate) struct Accepted {
    resource: Resource,
}

/// The resource in `body` if it is a valid one `of` this type.
pub(crate) fn accept(of: ResourceType, body: &Bytes) -> Result<Accepted, Refusal> {
    let resource = Resource::parse_slice(body).map_err(|error| Refusal::unreadable(&error))?;
    if resource.of() != of {
        let sentence = format!("The address takes resources of type {of}, not {}.", resource.of());
        return Err(Refusal::misfit("Resource.resourceType".to_owned(), sentence));
    }
    accept_resource(resource)
}

/// The resource if it is valid.
pub(crate) fn accept_resource(resource: Resource) -> Result<Accepted, Refusal> {
    let issues = fhir::validate(&resource, Level::Strict);
    if issues.iter().any(|issue| issue.severity <= Severity::Error) {
        return Err(Refusal::validation(issues));
    }
    Ok(Accepted { resource })
}

impl Accepted {
    /// The id that it carries.
    pub(crate) fn id(&self) -> Option<&Id> {
        self.resource.id()
    }

    /// Checks that the resource carries this id.
    pub(crate) fn check_id(&self, key: &ResourceKey) -> Result<(), Refusal> {
        let sentence = match self.resource.id() {
            Some(id) if *id == key.id => return Ok(()),
            Some(_) => "The id of the resource is not that of the address.",
            None => "The resource has no id; on update it must carry that of the address.",
        };
        Err(Refusal::misfit(format!("{}.id", key.of), sentence))
    }

    /// The resource as the store at `base` with these search parameters keeps it under this id.
    pub(crate) fn put(
        &self,
        base: &Base,
        parameters: &ParameterSet,
        id: Id,
        operation: Operation,
    ) -> Result<Put, Refusal> {
        let body = fhir::body(&self.resource, &id).into();
        let key = ResourceKey { of: self.resource.of(), id };
        let mut entries = Entries::new();
        let extractor = Extractor::new(base.as_str(), parameters);
        extractor.extract(&self.resource, &key, &mut entries).map_err(Refusal::not_indexable)?;
        Ok(Put { key, body, entries, operation })
    }
}
