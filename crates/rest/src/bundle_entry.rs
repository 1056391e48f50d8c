//! The entries of a posted Bundle as interactions (R4 http, section 3.1.0.11): the same values that HTTP requests
//! become.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fhir::{Document, EntryRequest, Id, Issue, IssueCode, Json, Time, bundle_entries};
use futures::future::BoxFuture;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::{HeaderMap, Method};

use crate::interaction::{Interaction, Parameters, Returning};
use crate::negotiate::{Format, http_date};
use crate::outcome::Refusal;
use crate::reply::{Content, Reply};
use crate::representation::Representation;
use crate::route::Call;
use crate::{Context, batch, perform, transaction};

const IF_NONE_EXIST: HeaderName = HeaderName::from_static("if-none-exist");

/// What is done with the entries of a Bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BundleUse {
    /// Each for itself.
    Batch,
    /// All or none.
    Transaction,
}

/// A posted Bundle, parsed.
pub(crate) struct Posted {
    document: Document,
    body: Bytes,
}

/// One entry, understood.
pub(crate) struct Entry<'a> {
    /// Its place in the Bundle, from zero.
    pub(crate) number: usize,
    /// By which other entries refer to its resource.
    pub(crate) full_url: Option<String>,
    /// Its resource.
    pub(crate) resource: Option<Json<'a>>,
    /// What it asks.
    pub(crate) interaction: Interaction,
    /// By which HTTP method.
    pub(crate) method: Method,
    /// How its answer is shown.
    representation: Representation,
    /// The parameters that say so.
    carried: Parameters,
}

/// Does what a posted Bundle asks. Its writes answer nothing but their status, unless the client says more.
pub(crate) fn process<'a>(
    context: &'a Context<'_>,
    body: Bytes,
    returning: Option<Returning>,
) -> BoxFuture<'a, Result<Reply, Refusal>> {
    Box::pin(async move {
        let (posted, used) = Posted::parse(body)?;
        let mut context = context.clone();
        context.preferences.returning = returning.unwrap_or(Returning::Minimal);
        match used {
            BundleUse::Batch => batch::batch(&context, &posted).await,
            BundleUse::Transaction => transaction::transaction(&context, &posted).await,
        }
    })
}

impl Posted {
    /// Parses a Bundle and tells what is to be done with it.
    pub(crate) fn parse(body: Bytes) -> Result<(Posted, BundleUse), Refusal> {
        let document = Document::parse_slice(&body)
            .map_err(|error| Refusal::unreadable(&fhir::ResourceError::Json(error)))?;
        let root = document.root();
        let text = |name: &str| root.get(name).and_then(Json::as_str);
        if text("resourceType").as_deref() != Some("Bundle") {
            let sentence = "The base address takes a Bundle of type batch or transaction.";
            return Err(Refusal::misfit("Resource.resourceType".to_owned(), sentence));
        }
        let used = match text("type").as_deref() {
            Some("batch") => BundleUse::Batch,
            Some("transaction") => BundleUse::Transaction,
            _ => {
                let sentence = "Only Bundles of type batch or transaction are processed.";
                return Err(Refusal::misfit("Bundle.type".to_owned(), sentence));
            }
        };
        Ok((Posted { document, body }, used))
    }

    /// Every entry, or why it is not understood. Fails if there are more than may be.
    pub(crate) fn entries(&self, context: &Context<'_>) -> Result<Vec<Result<Entry<'_>, Refusal>>, Refusal> {
        let entries = bundle_entries(self.document.root()).map_err(Refusal::structure)?;
        if entries.len() > context.limits.bundle_entries {
            return Err(Refusal::too_many_entries(context.limits.bundle_entries));
        }
        let read = |(number, entry)| self.read(context, number, entry);
        Ok(entries.enumerate().map(read).collect())
    }

    fn read<'a>(
        &self,
        context: &Context<'_>,
        number: usize,
        entry: Result<fhir::BundleEntry<'a>, Issue>,
    ) -> Result<Entry<'a>, Refusal> {
        let entry = entry.map_err(Refusal::structure)?;
        self.entry(context, number, &entry).map_err(|refusal| refusal.of_entry(number))
    }

    fn entry<'a>(
        &self,
        context: &Context<'_>,
        number: usize,
        entry: &fhir::BundleEntry<'a>,
    ) -> Result<Entry<'a>, Refusal> {
        let Some(request) = &entry.request else {
            return Err(Refusal::structure(missing("request", number)));
        };
        let method = match &*request.method {
            "GET" => Method::GET,
            "HEAD" => Method::HEAD,
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            "PATCH" => Method::PATCH,
            "DELETE" => Method::DELETE,
            _ => {
                let issue = Issue::error(IssueCode::Value, "The method is none of R4's HTTP verbs.");
                return Err(Refusal::structure(issue.at(format!("Bundle.entry[{number}].request.method"))));
            }
        };
        let mut headers = headers(request, context.entry_headers)?;
        let body = match entry.resource {
            Some(resource) if method == Method::PATCH => self.patch(resource, &mut headers)?,
            Some(resource) => self.slice(resource.span()),
            None => Bytes::new(),
        };
        let call = Call::of_entry(&request.url, context.base, &method, &headers, &body)?;
        let (representation, carried) = call.representation()?;
        // The answer is part of a Bundle, which has one format.
        let representation = Representation { format: Format::default(), ..representation };
        let interaction = call.interaction()?;
        let needs_resource = interaction.is_write() && method != Method::DELETE;
        if needs_resource && entry.resource.is_none() {
            return Err(Refusal::structure(missing("resource", number)));
        }
        match interaction {
            Interaction::Bundle { .. } => {
                return Err(Refusal::not_supported("A Bundle is not processed within another."));
            }
            Interaction::DeleteMany { .. } => {
                return Err(Refusal::invalid("_count of a conditional delete is not allowed in a Bundle."));
            }
            _ => {}
        }
        let full_url = entry.full_url.as_deref().map(str::to_owned);
        Ok(Entry { number, full_url, resource: entry.resource, interaction, method, representation, carried })
    }

    /// What a PATCH brings: JSON Patch stands in a Binary, since it is no resource.
    fn patch(&self, resource: Json<'_>, headers: &mut HeaderMap) -> Result<Bytes, Refusal> {
        let text = |name: &str| resource.get(name).and_then(Json::as_str);
        if text("resourceType").as_deref() != Some("Binary") {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/fhir+json"));
            return Ok(self.slice(resource.span()));
        }
        let misfit = |name: &str, sentence| Refusal::misfit(format!("Binary.{name}"), sentence);
        let media_type = text("contentType").and_then(|text| HeaderValue::from_str(&text).ok());
        let media_type = media_type.ok_or_else(|| misfit("contentType", "A patch must say what it is."))?;
        headers.insert(CONTENT_TYPE, media_type);
        let data = text("data").map(|data| data.split_ascii_whitespace().collect::<String>());
        let data = data.and_then(|data| STANDARD.decode(data).ok());
        Ok(data.ok_or_else(|| misfit("data", "A patch must be base64."))?.into())
    }

    /// Part of the body as it was sent; the document holds the same text.
    fn slice(&self, span: Range<usize>) -> Bytes {
        self.body.slice(span)
    }
}

impl Entry<'_> {
    /// The id of its resource, if it has a well-formed one.
    pub(crate) fn id(&self) -> Option<Id> {
        Id::parse(&self.resource?.get("id")?.as_str()?)
    }

    /// Does it alone.
    pub(crate) async fn answer(&self, context: &Context<'_>) -> Result<Reply, Refusal> {
        let base = context.base.clone().carrying(&self.carried);
        let context = Context { base: &base, ..context.clone() };
        let reply = perform(&context, self.interaction.clone()).await?;
        let content = match reply.content {
            _ if self.method == Method::HEAD => Content::Nothing,
            Content::Resource(json) => {
                Content::Resource(self.representation.write(json, reply.version.is_none()).1)
            }
            other => other,
        };
        Ok(Reply { content, ..reply })
    }
}

fn missing(name: &str, number: usize) -> Issue {
    Issue::error(IssueCode::Required, format!("The entry needs a {name}"))
        .at(format!("Bundle.entry[{number}].{name}"))
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
