//! From the bytes of a request to something a store can keep: parsed, checked, brought into stored form.

use bytes::Bytes;
use fhir::{Id, Level, Outcome, Resource, ResourceKey, ResourceType, Rules, Verdict};
use search::{Entries, Extractor, ParameterSet};
use store::{Operation, Put};

use crate::Context;
use crate::links::Base;
use crate::outcome::Refusal;

/// A resource that was parsed and may be stored.
pub(crate) struct Accepted {
    resource: Resource,
    /// What is wrong with it all the same.
    pub(crate) issues: Option<Outcome>,
}

/// The resource in `body` if it is one `of` this type that may be stored.
pub(crate) fn accept(
    context: &Context<'_>,
    of: ResourceType,
    body: &Bytes,
    level: Level,
) -> Result<Accepted, Refusal> {
    let resource = Resource::parse_slice(body).map_err(|error| Refusal::unreadable(&error))?;
    if resource.of() != of {
        let sentence = format!("The address takes resources of type {of}, not {}.", resource.of());
        return Err(Refusal::misfit("Resource.resourceType".to_owned(), sentence));
    }
    accept_resource(context, resource, level)
}

/// The resource if it may be stored.
pub(crate) fn accept_resource(
    context: &Context<'_>,
    resource: Resource,
    level: Level,
) -> Result<Accepted, Refusal> {
    let guides = context.packages.current();
    let rules = Rules { level, guides: &guides, defaults: context.default_profiles(), now: context.now };
    match fhir::judge(resource, &rules) {
        Verdict::Valid(resource) => Ok(Accepted { resource, issues: None }),
        Verdict::Noted(resource, outcome) => Ok(Accepted { resource, issues: Some(outcome) }),
        Verdict::Invalid(outcome) => Err(Refusal::validation(outcome.0)),
    }
}

/// A resource that was made here of what is stored: it is as whole as that, and nobody is to be told of its faults.
pub(crate) fn made(body: &Bytes) -> Result<Accepted, Refusal> {
    let resource = Resource::parse_slice(body).map_err(|error| Refusal::unreadable(&error))?;
    Ok(Accepted { resource, issues: None })
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
