//! The entries of a posted Bundle as interactions (R4 http, section 3.1.0.11): the same values that HTTP requests
//! become.

use bytes::Bytes;
use fhir::{Document, Id, Issue, IssueCode, Json, bundle_entries};
use futures::future::BoxFuture;

use crate::interaction::{Interaction, Returning};
use crate::outcome::Refusal;
use crate::reply::{Content, Reply};
use crate::route::entry::{self, Asked, Verb};
use crate::{Context, batch, perform, transaction};

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
    asked: Asked,
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
            BundleUse::Transaction => transaction::transaction(&context, &posted, None).await,
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
        let asked = entry::asked(context, number, request, entry.resource, &self.body)?;
        if asked.interaction.is_write() && asked.verb != Verb::Delete && entry.resource.is_none() {
            return Err(Refusal::structure(missing("resource", number)));
        }
        match asked.interaction {
            Interaction::Bundle { .. } => {
                return Err(Refusal::not_supported("A Bundle is not processed within another."));
            }
            Interaction::DeleteMany { .. } => {
                return Err(Refusal::invalid("_count of a conditional delete is not allowed in a Bundle."));
            }
            _ => {}
        }
        let full_url = entry.full_url.as_deref().map(str::to_owned);
        Ok(Entry { number, full_url, resource: entry.resource, asked })
    }
}

impl Entry<'_> {
    /// The id of its resource, if it has a well-formed one.
    pub(crate) fn id(&self) -> Option<Id> {
        Id::parse(&self.resource?.get("id")?.as_str()?)
    }

    /// What it asks.
    pub(crate) fn interaction(&self) -> &Interaction {
        &self.asked.interaction
    }

    /// By which method.
    pub(crate) fn verb(&self) -> Verb {
        self.asked.verb
    }

    /// Does it alone.
    pub(crate) async fn answer(&self, context: &Context<'_>) -> Result<Reply, Refusal> {
        let base = context.base.clone().carrying(&self.asked.carried);
        let context = Context { base: &base, ..context.clone() };
        let reply = perform(&context, self.asked.interaction.clone()).await?;
        let content = match reply.content {
            _ if self.asked.verb == Verb::Head => Content::Nothing,
            Content::Resource(json) => {
                Content::Resource(self.asked.representation.write(json, reply.version.is_none()).1)
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
