//! The history of a resource, of a type, of the whole data store (R4 http, section 3.1.0.9).

use std::collections::BTreeSet;

use fhir::{Document, Json, ResourceKey, Time, parse_date_time};
use search::Position;
use store::{History, Scope, StoreError, Stored};

use crate::Context;
use crate::bundle::{BundleKind, BundleWriter};
use crate::interaction::{HistoryAsked, Parameters};
use crate::limits::LIST_ENTRIES_MAX;
use crate::links::history_path;
use crate::outcome::Refusal;
use crate::page_token::Page;
use crate::read::current;
use crate::reply::Reply;

/// What the parameters of a history ask for.
pub(crate) fn asked(of: &Scope, parameters: Parameters) -> Result<HistoryAsked, Refusal> {
    let mut asked = HistoryAsked::default();
    for (name, value) in &parameters {
        match name.as_str() {
            "_count" => asked.count = Some(count(value)?),
            "_since" => asked.since = Some(moment(name, value)?.from),
            "_at" => asked.at = Some(moment(name, value)?),
            "_list" if !matches!(of, Scope::Instance(_)) => asked.list = Some(list(value)?),
            "page" => asked.page = Some(value.clone()),
            "_sort" => return Err(Refusal::not_supported("A history is always newest first.")),
            _ => return Err(Refusal::invalid(TAKES)),
        }
    }
    if asked.since.is_some() && asked.at.is_some() {
        return Err(Refusal::invalid("_since and _at exclude each other."));
    }
    asked.parameters = parameters;
    Ok(asked)
}

const TAKES: &str = "A history takes only _count, _since, _at and page; of a type or the system also _list.";

fn list(value: &str) -> Result<ResourceKey, Refusal> {
    let id = value.strip_prefix("List/").unwrap_or(value);
    let key = ResourceKey::parse(&format!("List/{id}"));
    key.ok_or_else(|| Refusal::value("_list must be the id of a List."))
}

fn count(value: &str) -> Result<usize, Refusal> {
    let number = value.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| Refusal::value("_count must be a whole number from 1."))
}

fn moment(name: &str, value: &str) -> Result<fhir::Span, Refusal> {
    // A zone's plus sign that was not percent-encoded reads as a space.
    let value = value.replace(' ', "+");
    parse_date_time(&value)
        .ok_or_else(|| Refusal::value(format!("{name} must be a date, dateTime or instant.")))
}

/// One page of versions, newest first.
pub(crate) async fn history(context: &Context<'_>, of: Scope, asked: HistoryAsked) -> Result<Reply, Refusal> {
    let path = history_path(&of);
    let own = asked.parameters.clone();
    let (asked, after) = continued(context, &of, &path, asked)?;
    let limit = context.limits.page_versions.get();
    let count = asked.count.map_or(limit, |count| count.min(limit));
    let only = match &asked.list {
        None => None,
        Some(list) => Some(listed(context, list).await?),
    };
    let history = History {
        since: asked.since,
        until: asked.at.map(|span| shown_as(Time(span.to.0 - 1))),
        replaced_after: asked.at.map(|span| shown_as(span.from)),
        only,
        after,
        ..History::of(of.clone(), count)
    };
    let mut versions = context.store.history(&history, &context.visible).await?;
    let is_first = history.after.is_none();
    if let Scope::Instance(key) = &of
        && is_first
        && versions.versions.is_empty()
        && current(context, key).await?.is_none()
    {
        return Err(Refusal::not_found(key));
    }
    let mut links = vec![("self", context.base.query(&path, &own))];
    let first = (!is_first || versions.next.is_some()).then(|| Position(Vec::new()));
    for (relation, position) in [("first", first), ("next", versions.next.take())] {
        let Some(position) = position else { continue };
        let page = Page { count, parameters: criteria(asked.parameters.clone()), position, shown: None };
        links.push((relation, context.next_link(&path, &page)?));
    }
    Ok(Reply::resource(write(context, versions.total, &links, &versions.versions)))
}

/// The resources of this data store that a List names, without those it marks as deleted.
async fn listed(context: &Context<'_>, list: &ResourceKey) -> Result<BTreeSet<ResourceKey>, Refusal> {
    let found = current(context, list).await?.ok_or_else(|| Refusal::not_found(list))?;
    let body = found.body.ok_or_else(|| Refusal::gone(list, found.version))?;
    let list =
        Document::parse_slice(&body).map_err(|_| StoreError::Damaged("the body of a List".to_owned()))?;
    let entries = list.root().get("entry").into_iter().flat_map(Json::items);
    let items = entries
        .filter(|entry| entry.get("deleted").and_then(Json::as_bool) != Some(true))
        .filter_map(|entry| entry.get("item")?.get("reference")?.as_str());
    let keys: BTreeSet<ResourceKey> = items.filter_map(|item| context.base.key(&item)).collect();
    if keys.len() > LIST_ENTRIES_MAX {
        return Err(Refusal::too_costly("LIST_ENTRIES_MAX"));
    }
    Ok(keys)
}

fn write(
    context: &Context<'_>,
    total: Option<u64>,
    links: &[(&str, String)],
    versions: &[Stored],
) -> Vec<u8> {
    let mut bundle = BundleWriter::new(context.base, BundleKind::History, total, links, versions);
    for version in versions {
        bundle.version(version);
    }
    bundle.finish()
}

/// What a request for a page asks for: that of its token.
fn continued(
    context: &Context<'_>,
    of: &Scope,
    path: &str,
    asked: HistoryAsked,
) -> Result<(HistoryAsked, Option<Position>), Refusal> {
    let Some(token) = &asked.page else { return Ok((asked, None)) };
    let page = context.open_page(path, token).ok_or_else(Refusal::page_token)?;
    let is_changed = asked.since.is_some() || asked.at.is_some() || asked.list.is_some();
    if is_changed || asked.count.is_some_and(|count| count != page.count) {
        return Err(Refusal::page_token());
    }
    let first = self::asked(of, page.parameters)?;
    Ok((
        HistoryAsked { count: Some(page.count), ..first },
        Some(page.position).filter(|position| !position.0.is_empty()),
    ))
}

/// What a token must remember of the question.
fn criteria(mut parameters: Parameters) -> Parameters {
    parameters.retain(|(name, _)| matches!(name.as_str(), "_since" | "_at" | "_list"));
    parameters
}

/// The last moment that answers show as this one: they show milliseconds, and by those `_at` asks.
fn shown_as(time: Time) -> Time {
    Time(time.0.div_euclid(1000) * 1000 + 999)
}
