//! Patch (R4 http, section 3.1.0.6): the version that stands, changed, is the next one.

use fhir::{Document, FhirPathPatch, JsonPatch, Resource, ResourceError};
use store::Stored;

use crate::Context;
use crate::intake::{self, Accepted};
use crate::interaction::Patch;
use crate::outcome::Refusal;

/// Changes that are well formed.
pub(crate) enum Changes {
    /// By JSON Patch.
    Json(JsonPatch),
    /// By FHIRPath Patch.
    FhirPath(FhirPathPatch),
}

/// Reads changes as sent.
pub(crate) fn parse(patch: &Patch) -> Result<Changes, Refusal> {
    match patch {
        Patch::Json(bytes) => {
            JsonPatch::parse(bytes).map(Changes::Json).map_err(|error| Refusal::patch(&error))
        }
        Patch::FhirPath(bytes) => {
            let parameters = Document::parse_slice(bytes).map_err(ResourceError::Json);
            let parameters = parameters.map_err(|error| Refusal::unreadable(&error))?;
            FhirPathPatch::parse(parameters).map(Changes::FhirPath).map_err(|error| Refusal::patch(&error))
        }
    }
}

/// The resource that stands with the changes, valid. Changes see it as it is read, with its version and time;
/// of these what they say is overlooked, as on update, and its type and id must stay.
pub(crate) fn apply(context: &Context<'_>, changes: &Changes, found: &Stored) -> Result<Accepted, Refusal> {
    let body = found.body.as_ref().ok_or_else(|| Refusal::gone(&found.key, found.version))?;
    let mut shown = Vec::new();
    fhir::emit(&found.key, body, found.version, found.updated, &mut shown);
    let shown =
        Document::parse(shown).map_err(|_| Refusal::patched("The stored resource cannot be read."))?;
    let patched = match changes {
        Changes::Json(patch) => patch.apply(&shown),
        Changes::FhirPath(patch) => patch.apply(&shown, context.now),
    };
    let patched = patched.map_err(|error| Refusal::patch(&error))?;
    let patched = Document::parse(patched).map_err(ResourceError::Json).and_then(Resource::of_document);
    let patched = patched.map_err(|error| Refusal::patched(format!("Patched, {error}.")))?;
    if patched.key().as_ref() != Some(&found.key) {
        return Err(Refusal::patched("A patch must leave the resource's type and id as they are."));
    }
    let level = context.preferences.level;
    intake::accept_resource(context, patched, level).map_err(|refusal| Refusal { status: 422, ..refusal })
}
