//! Patch (R4 http, section 3.1.0.6): the version that stands, changed, is the next one.

use fhir::{Document, JsonPatch, Level, Resource, ResourceError};
use store::Stored;

use crate::intake::{self, Accepted};
use crate::interaction::Patch;
use crate::outcome::Refusal;

/// Reads changes as sent.
pub(crate) fn parse(patch: &Patch) -> Result<JsonPatch, Refusal> {
    match patch {
        Patch::Json(bytes) => JsonPatch::parse(bytes).map_err(|error| Refusal::patch(&error)),
    }
}

/// The resource that stands with the changes, valid. Changes see it as it is read, with its version and time;
/// of these what they say is overlooked, as on update, and its type and id must stay.
pub(crate) fn apply(patch: &JsonPatch, found: &Stored, level: Level) -> Result<Accepted, Refusal> {
    let body = found.body.as_ref().ok_or_else(|| Refusal::gone(&found.key, found.version))?;
    let mut shown = Vec::new();
    fhir::emit(&found.key, body, found.version, found.updated, &mut shown);
    let shown =
        Document::parse(shown).map_err(|_| Refusal::patched("The stored resource cannot be read."))?;
    let patched = patch.apply(&shown).map_err(|error| Refusal::patch(&error))?;
    let patched = Document::parse(patched).map_err(ResourceError::Json).and_then(Resource::of_document);
    let patched = patched.map_err(|error| Refusal::patched(format!("Patched, {error}.")))?;
    if patched.key().as_ref() != Some(&found.key) {
        return Err(Refusal::patched("A patch must leave the resource's type and id as they are."));
    }
    intake::accept_resource(patched, level).map_err(|refusal| Refusal { status: 422, ..refusal })
}
