//! The history of a resource (R4 http, section 3.1.0.9).

use fhir::{ResourceKey, Time, parse_date_time};
use search::Position;
use store::{History, Stored, Versions};

use crate::Context;
use crate::bundle::{BundleKind, BundleWriter};
use crate::interaction::{HistoryAsked, Parameters};
use crate::links::history_path;
use crate::outcome::Refusal;
use crate::page_token::Page;
use crate::reply::Reply;

/// What the parameters of a history ask for.
pub(crate) fn asked(parameters: Parameters) -> Result<HistoryAsked, Refusal> {
    let mut asked = HistoryAsked::default();
    for (name, value) in &parameters {
        match name.as_str() {
            "_count" => asked.count = Some(count(value)?),
            "_since" => asked.since = Some(moment(name, value)?.from),
            "_at" => asked.at = Some(moment(name, value)?),
            "page" => asked.page = Some(value.clone()),
            "_list" => return Err(Refusal::not_supported("The parameter _list is not supported.")),
            _ => return Err(Refusal::invalid("A history takes only _count, _since, _at and page.")),
        }
    }
    if asked.since.is_some() && asked.at.is_some() {
        return Err(Refusal::invalid("_since and _at exclude each other."));
    }
    asked.parameters = parameters;
    Ok(asked)
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

/// One page of the versions of a resource, newest first.
pub(crate) async fn history(
    context: &Context<'_>,
    key: ResourceKey,
    asked: HistoryAsked,
) -> Result<Reply, Refusal> {
    let path = history_path(&key);
    let own = asked.parameters.clone();
    let (asked, after) = continued(context, &path, asked)?;
    let limit = context.limits.page_versions.get();
    let count = asked.count.map_or(limit, |count| count.min(limit));
    let of = History {
        since: asked.since,
        until: asked.at.map(|span| Time(shown(Time(span.to.0 - 1)).0 + 999)),
        after,
        ..History::of_instance(key.clone(), count)
    };
    let mut versions = context.store.history(&of, &context.visible).await?;
    let is_first = of.after.is_none();
    if is_first && versions.versions.is_empty() && !exists(context, &key).await? {
        return Err(Refusal::not_found(&key));
    }
    let total = versions.total.filter(|_| asked.since.is_none() && asked.at.is_none());
    if let Some(span) = asked.at {
        cut_before(&mut versions, span.from);
    }
    let mut links = vec![("self", context.base.query(&path, &own))];
    if let Some(position) = versions.next.take() {
        let page = Page { count, parameters: criteria(asked.parameters), position };
        links.push(("next", context.next_link(&path, &page)?));
    }
    Ok(Reply::resource(write(context, total, &links, &versions.versions)))
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
    path: &str,
    asked: HistoryAsked,
) -> Result<(HistoryAsked, Option<Position>), Refusal> {
    let Some(token) = &asked.page else { return Ok((asked, None)) };
    let page = context.open_page(path, token).ok_or_else(Refusal::page_token)?;
    if asked.since.is_some() || asked.at.is_some() || asked.count.is_some_and(|count| count != page.count) {
        return Err(Refusal::page_token());
    }
    let first = self::asked(page.parameters)?;
    Ok((HistoryAsked { count: Some(page.count), ..first }, Some(page.position)))
}

/// What a token must remember of the question.
fn criteria(mut parameters: Parameters) -> Parameters {
    parameters.retain(|(name, _)| matches!(name.as_str(), "_since" | "_at"));
    parameters
}

/// Whether there is or was such a resource, that the caller may know of.
async fn exists(context: &Context<'_>, key: &ResourceKey) -> Result<bool, Refusal> {
    Ok(crate::read::current(context, key).await?.is_some())
}

/// A time as answers show it, to the millisecond: by that `_at` asks.
fn shown(time: Time) -> Time {
    Time(time.0.div_euclid(1000) * 1000)
}

/// Keeps the versions that were current at `from` or later: of those written before, only the newest was.
fn cut_before(versions: &mut Versions, from: Time) {
    if let Some(last) = versions.versions.iter().position(|version| shown(version.updated) <= from) {
        versions.versions.truncate(last + 1);
        versions.next = None;
    }
}
