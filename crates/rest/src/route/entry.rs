//! From an entry of a Bundle to an [`Interaction`]: what the entry says in place of a request's head becomes one,
//! and is understood like any (R4 bundle, section 2.36.4.1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fhir::{EntryRequest, Issue, IssueCode, Json, Time};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;

use super::Call;
use crate::Context;
use crate::interaction::{Interaction, Parameters};
use crate::negotiate::{Format, http_date};
use crate::outcome::Refusal;
use crate::representation::Representation;

const IF_NONE_EXIST: HeaderName = HeaderName::from_static("if-none-exist");

/// What an entry asks.
pub(crate) struct Asked {
    /// As a value like any request's.
    pub(crate) interaction: Interaction,
    /// By which method.
    pub(crate) verb: Verb,
    /// How the answer is shown.
    pub(crate) representation: Representation,
    /// The parameters that say so.
    pub(crate) carried: Parameters,
}

/// The methods of entries, in the order in which a transaction does them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    /// `DELETE`.
    Delete,
    /// `POST`.
    Post,
    /// `PUT` and `PATCH`.
    Change,
    /// `GET`.
    Get,
    /// `HEAD`.
    Head,
}

/// What the entry of this number asks; `bundle` is the text in which its resource stands.
pub(crate) fn asked(
    context: &Context<'_>,
    number: usize,
    request: &EntryRequest<'_>,
    resource: Option<Json<'_>>,
    bundle: &Bytes,
) -> Result<Asked, Refusal> {
    let (method, verb) = method(&request.method).ok_or_else(|| {
        let issue = Issue::error(IssueCode::Value, "The method is none of R4's HTTP verbs.");
        Refusal::structure(issue.at(format!("Bundle.entry[{number}].request.method")))
    })?;
    let mut headers = headers(request, context.entry_headers)?;
    let body = match resource {
        Some(resource) if method == Method::PATCH => patch(resource, bundle, &mut headers)?,
        Some(resource) => bundle.slice(resource.span()),
        None => Bytes::new(),
    };
    let (path, query) = request.url.split_once('?').unwrap_or((&*request.url, ""));
    let path = path.strip_prefix(context.base.as_str()).unwrap_or(path);
    let call = Call {
        datastore: String::new(),
        segments: segments(path)?,
        method: &method,
        headers: &headers,
        query,
        body: &body,
    };
    let (representation, carried) = call.representation()?;
    // The answer is part of a Bundle, which has one format.
    let representation = Representation { format: Format::default(), ..representation };
    Ok(Asked { interaction: call.interaction()?, verb, representation, carried })
}

fn method(name: &str) -> Option<(Method, Verb)> {
    Some(match name {
        "GET" => (Method::GET, Verb::Get),
        "HEAD" => (Method::HEAD, Verb::Head),
        "POST" => (Method::POST, Verb::Post),
        "PUT" => (Method::PUT, Verb::Change),
        "PATCH" => (Method::PATCH, Verb::Change),
        "DELETE" => (Method::DELETE, Verb::Delete),
        _ => return None,
    })
}

fn segments(path: &str) -> Result<Vec<String>, Refusal> {
    if path.contains("://") {
        return Err(Refusal::invalid("The address of an entry is not one of this data store."));
    }
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    let segments = segments.map(|segment| percent_decode_str(segment).decode_utf8().map(String::from));
    segments.collect::<Result<_, _>>().map_err(|_| Refusal::invalid("The address of an entry is not UTF-8."))
}

/// What the entry says instead of headers, besides those that the Bundle came with and that mean every entry.
fn headers(request: &EntryRequest<'_>, shared: &HeaderMap) -> Result<HeaderMap, Refusal> {
    let mut headers = shared.clone();
    let since = match request.if_modified_since.as_deref().map(Time::parse) {
        Some(None) => return Err(Refusal::invalid("ifModifiedSince must be an instant.")),
        Some(Some(time)) => Some(http_date(time)),
        None => None,
    };
    let texts = [
        (IF_MATCH, request.if_match.as_deref()),
        (IF_NONE_MATCH, request.if_none_match.as_deref()),
        (IF_NONE_EXIST, request.if_none_exist.as_deref()),
        (IF_MODIFIED_SINCE, since.as_deref()),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            let value = HeaderValue::from_bytes(text.as_bytes());
            headers
                .insert(name, value.map_err(|_| Refusal::invalid("A condition has a control character."))?);
        }
    }
    Ok(headers)
}

/// What a PATCH brings: JSON Patch stands in a Binary, since it is no resource.
fn patch(resource: Json<'_>, bundle: &Bytes, headers: &mut HeaderMap) -> Result<Bytes, Refusal> {
    let text = |name: &str| resource.get(name).and_then(Json::as_str);
    if text("resourceType").as_deref() != Some("Binary") {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/fhir+json"));
        return Ok(bundle.slice(resource.span()));
    }
    let misfit = |name: &str, sentence| Refusal::misfit(format!("Binary.{name}"), sentence);
    let media_type = text("contentType").and_then(|text| HeaderValue::from_str(&text).ok());
    let media_type = media_type.ok_or_else(|| misfit("contentType", "A patch must say what it is."))?;
    headers.insert(CONTENT_TYPE, media_type);
    let data = text("data").map(|data| data.split_ascii_whitespace().collect::<String>());
    let data = data.and_then(|data| STANDARD.decode(data).ok());
    Ok(data.ok_or_else(|| misfit("data", "A patch must be base64."))?.into())
}
