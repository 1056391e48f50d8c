//! Reading members of a resource.

use fhir::Json;

/// The string member of this name.
pub(crate) fn string(json: Json<'_>, name: &str) -> Option<String> {
    json.get(name)?.as_str().map(std::borrow::Cow::into_owned)
}

/// The items of the list of this name.
pub(crate) fn list<'a>(json: Json<'a>, name: &str) -> impl Iterator<Item = Json<'a>> + use<'a> {
    json.get(name).into_iter().flat_map(Json::items)
}
