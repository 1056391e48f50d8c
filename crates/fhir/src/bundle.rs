//! The entries of a Bundle that a client posts (R4 bundle, section 2.36.4): what each asks, still in its document.

use std::borrow::Cow;

use crate::document::{Json, Kind};
use crate::{Issue, IssueCode};

/// One entry of a batch or a transaction.
#[derive(Clone, Debug, Default)]
pub struct BundleEntry<'a> {
    /// By which other entries refer to its resource.
    pub full_url: Option<Cow<'a, str>>,
    /// Its resource, an object.
    pub resource: Option<Json<'a>>,
    /// What it asks.
    pub request: Option<EntryRequest<'a>>,
}

/// What an entry asks: the parts of an HTTP request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryRequest<'a> {
    /// `GET`, `POST` and so on, as written.
    pub method: Cow<'a, str>,
    /// The address, relative to the base or not.
    pub url: Cow<'a, str>,
    /// The header `If-None-Match`.
    pub if_none_match: Option<Cow<'a, str>>,
    /// The header `If-Modified-Since`, as a FHIR instant.
    pub if_modified_since: Option<Cow<'a, str>>,
    /// The header `If-Match`.
    pub if_match: Option<Cow<'a, str>>,
    /// The header `If-None-Exist`.
    pub if_none_exist: Option<Cow<'a, str>>,
}

/// The entries of a Bundle in their order, each as far as it can be read.
///
/// # Errors
/// The Bundle itself is malformed: `entry` is not an array.
pub fn bundle_entries<'a>(
    bundle: Json<'a>,
) -> Result<impl ExactSizeIterator<Item = Result<BundleEntry<'a>, Issue>>, Issue> {
    let entries = bundle.get("entry");
    if entries.is_some_and(|entries| entries.kind() != Kind::Array) {
        return Err(structure("Bundle.entry must be a JSON array").at("Bundle.entry"));
    }
    let entries: Vec<Json<'a>> = entries.into_iter().flat_map(Json::items).collect();
    Ok(entries.into_iter().enumerate().map(|(number, entry)| read(number, entry)))
}

fn read(number: usize, entry: Json<'_>) -> Result<BundleEntry<'_>, Issue> {
    let path = format!("Bundle.entry[{number}]");
    let mut read = BundleEntry::default();
    if entry.kind() != Kind::Object {
        return Err(structure("An entry must be a JSON object").at(path));
    }
    for (name, value) in entry.members() {
        match &*name.as_str() {
            "fullUrl" => read.full_url = Some(text(value, &path, "fullUrl")?),
            "resource" => read.resource = Some(object(value, &path, "resource")?),
            "request" => read.request = Some(request(object(value, &path, "request")?, &path)?),
            "id" | "extension" | "modifierExtension" | "link" | "search" | "response" | "_fullUrl" => {}
            _ => return Err(structure("An entry has a property that R4 does not know").at(path)),
        }
    }
    Ok(read)
}

fn request<'a>(request: Json<'a>, entry: &str) -> Result<EntryRequest<'a>, Issue> {
    let path = format!("{entry}.request");
    let mut read = EntryRequest::default();
    for (name, value) in request.members() {
        let name = name.as_str();
        match &*name {
            "method" => read.method = text(value, &path, &name)?,
            "url" => read.url = text(value, &path, &name)?,
            "ifNoneMatch" => read.if_none_match = Some(text(value, &path, &name)?),
            "ifModifiedSince" => read.if_modified_since = Some(text(value, &path, &name)?),
            "ifMatch" => read.if_match = Some(text(value, &path, &name)?),
            "ifNoneExist" => read.if_none_exist = Some(text(value, &path, &name)?),
            "id" | "extension" | "modifierExtension" => {}
            _ if name.starts_with('_') => {}
            _ => return Err(structure("A request has a property that R4 does not know").at(path)),
        }
    }
    for (name, value) in [("method", &read.method), ("url", &read.url)] {
        let required = || Issue::error(IssueCode::Required, format!("A request must have a {name}"));
        // An empty address is the base itself, which no entry can ask for: it is as good as none.
        if value.is_empty() {
            return Err(required().at(format!("{path}.{name}")));
        }
    }
    Ok(read)
}

fn text<'a>(value: Json<'a>, path: &str, name: &str) -> Result<Cow<'a, str>, Issue> {
    let wrong = || structure(format!("{name} must be a JSON string")).at(format!("{path}.{name}"));
    value.as_str().ok_or_else(wrong)
}

fn object<'a>(value: Json<'a>, path: &str, name: &str) -> Result<Json<'a>, Issue> {
    let wrong = || structure(format!("{name} must be a JSON object")).at(format!("{path}.{name}"));
    if value.kind() == Kind::Object { Ok(value) } else { Err(wrong()) }
}

fn structure(words: impl Into<String>) -> Issue {
    Issue::error(IssueCode::Structure, words)
}
