//! `Patient/{id}/$everything` and `Encounter/{id}/$everything`: the compartment and what supports it (R4 patient,
//! section 8.1.5.1; encounter, section 8.11.3.1).
//!
//! The first request walks the compartment once and keeps the keys, in order of type and id. If they are more than a
//! page they become a note of the data store, in which every later page finds its keys at once.

use std::collections::BTreeSet;

use bytes::Bytes;
use fhir::{Document, Id, Reference, ResourceKey, ResourceType, Span, Time, definitions};
use search::{Filter, Position, Prefix, Search, SearchScope};
use store::{CommitError, Note, Stored, Transaction, Write, uuid};

use super::OperationCall;
use super::care_date::CareDates;
use super::input::{Input, links};
use crate::Context;
use crate::bundle::{BundleKind, BundleWriter, SearchMode};
use crate::interaction::Parameters;
use crate::limits::{EVERYTHING_PAGES_MS, EVERYTHING_RESOURCES_MAX};
use crate::outcome::Refusal;
use crate::page_token::Page;
use crate::read::current;
use crate::reply::Reply;
use crate::route::value;

/// Under names that begin so, the keys of what is being paged are kept.
pub(crate) const NOTES: &str = "everything/";

/// Resources looked at together.
const WALK_ROWS: usize = 500;

const PARAMETERS: [&str; 6] = ["start", "end", "_since", "since", "_type", "_count"];

/// What is asked of a compartment.
struct Asked {
    dates: CareDates,
    since: Option<Span>,
    /// Only these types; `None`: all.
    types: Option<BTreeSet<ResourceType>>,
}

/// One page of everything.
pub(crate) async fn everything(context: &Context<'_>, call: OperationCall) -> Result<Reply, Refusal> {
    let key = call.instance().ok_or_else(|| Refusal::not_supported("$everything takes one resource."))?;
    let path = format!("{key}/$everything");
    if value(&call.parameters, "page").is_some() {
        return later_page(context, &path, &call.parameters).await;
    }
    let input = Input::of(&call)?;
    let (asked, count) = asked(context, key, &input)?;
    let about = current(context, key).await?.ok_or_else(|| Refusal::not_found(key))?;
    if about.body.is_none() {
        return Err(Refusal::gone(key, about.version));
    }
    let keys = gather(context, &about, &asked).await?;
    let mut links = vec![("self", context.base.query(&path, &input.query()))];
    if keys.len() > count && count > 0 {
        let note = keep(context, &keys).await?;
        links.push(("next", next_link(context, &path, count, &note, count)?));
    }
    let page: Vec<ResourceKey> = keys.iter().take(count).cloned().collect();
    answer(context, &page, keys.len(), &links).await
}

fn asked(context: &Context<'_>, key: &ResourceKey, input: &Input) -> Result<(Asked, usize), Refusal> {
    // R4 gives an encounter no care dates.
    let known = if key.of.name() == "Patient" { &PARAMETERS[..] } else { &PARAMETERS[2..] };
    input.check(known, false)?;
    let (start, end) = (input.moment("start")?, input.moment("end")?);
    let since = match (input.moment("_since")?, input.moment("since")?) {
        (Some(_), Some(_)) => return Err(Refusal::invalid("_since and since are the same: give one.")),
        (one, other) => one.or(other),
    };
    let mut types = BTreeSet::new();
    for name in input.texts("_type").iter().flat_map(|text| text.split(',')) {
        let unknown = || Refusal::value("_type must be names of resource types, separated by commas.");
        types.insert(ResourceType::parse(name.trim()).ok_or_else(unknown)?);
    }
    let limit = context.limits.page_matches.get();
    let count = match input.text("_count")? {
        None => limit,
        Some(text) => text
            .parse()
            .ok()
            .filter(|count| *count <= limit)
            .ok_or_else(|| Refusal::value(format!("_count must be from 0 to {limit}.")))?,
    };
    let types = (!types.is_empty()).then_some(types);
    Ok((Asked { dates: CareDates { start, end }, since, types }, count))
}

impl Asked {
    fn wants(&self, of: ResourceType) -> bool {
        self.types.as_ref().is_none_or(|types| types.contains(&of))
    }
}

/// The keys of the compartment and of what supports it, in order of type and id.
async fn gather(context: &Context<'_>, about: &Stored, asked: &Asked) -> Result<Vec<ResourceKey>, Refusal> {
    let scope = SearchScope::Compartment { of: about.key.of, id: about.key.id.clone(), inner: None };
    let mut filter = scope.filter();
    if let Some(since) = asked.since {
        filter = filter.and(Filter::Updated(Prefix::GreaterOrEqual, since));
    }
    // Members of types that are not asked for still lead to what supports the others not at all.
    let types = scope.types().into_iter().filter(|of| asked.wants(*of));
    let types: Vec<_> = types.map(|of| (of, filter.clone())).collect();
    let (mut keys, mut supporting) = (BTreeSet::new(), BTreeSet::new());
    let mut search = Search::across(&context.visible, types);
    search.count = WALK_ROWS;
    while !search.types().is_empty() {
        let found = context.store.search(&search).await?;
        for row in &found.matches {
            take(context, &about.key, row, asked, &mut keys, &mut supporting)?;
        }
        if keys.len() + supporting.len() > EVERYTHING_RESOURCES_MAX {
            return Err(Refusal::too_costly("EVERYTHING_RESOURCES_MAX"));
        }
        match found.next {
            Some(next) => search.after = Some(next),
            None => break,
        }
    }
    let supporting: Vec<ResourceKey> = supporting
        .into_iter()
        .filter(|key: &ResourceKey| !keys.contains(key) && asked.wants(key.of))
        .collect();
    for some in supporting.chunks(WALK_ROWS) {
        let rows = context.store.read(some, &context.visible).await?;
        let since = asked.since.map(|since| since.from);
        let is_wanted = |row: &Stored| row.body.is_some() && since.is_none_or(|since| row.updated >= since);
        keys.extend(rows.into_iter().flatten().filter(is_wanted).map(|row| row.key));
    }
    Ok(keys.into_iter().collect())
}

/// Takes a member of the compartment, and notes what it refers to.
fn take(
    context: &Context<'_>,
    about: &ResourceKey,
    row: &Stored,
    asked: &Asked,
    keys: &mut BTreeSet<ResourceKey>,
    supporting: &mut BTreeSet<ResourceKey>,
) -> Result<(), Refusal> {
    let Some(body) = &row.body else { return Ok(()) };
    let document = Document::parse_slice(body).map_err(|_| Refusal::unreadable_stored(&row.key))?;
    if !asked.dates.hold(row.key.of, document.root()) {
        return Ok(());
    }
    keys.insert(row.key.clone());
    let is_itself = row.key == *about;
    let own = context.base.as_str().trim_end_matches('/');
    for link in links(&document) {
        let target = match Reference::parse(&link.text) {
            found @ Reference::Relative { .. } => found.key(),
            found @ Reference::Absolute { base, .. } if base == own => found.key(),
            _ => None,
        };
        let supports = |target: &ResourceKey| {
            let is_attachment = target.of.name() == "Binary";
            if link.is_reference { is_support(about, is_itself, target.of) } else { is_attachment }
        };
        supporting.extend(target.filter(supports));
    }
    Ok(())
}

/// Whether a resource that a member refers to belongs to everything: all of a type that never is in a patient's
/// compartment, so that nothing about other patients comes along, and what an encounter itself refers to.
fn is_support(about: &ResourceKey, is_itself: bool, target: ResourceType) -> bool {
    let patient = definitions().compartments().iter().find(|compartment| compartment.of.name() == "Patient");
    let is_of_patients = target.name() == "Patient"
        || patient.is_some_and(|compartment| !compartment.parameters_of(target).is_empty());
    !is_of_patients || (is_itself && about.of.name() == "Encounter")
}

/// Keeps the keys for later pages; gives the name they are found by.
async fn keep(context: &Context<'_>, keys: &[ResourceKey]) -> Result<String, Refusal> {
    let id = uuid(context.random);
    let mut content = String::with_capacity(keys.len() * 48);
    for key in keys {
        content.push_str(&key.to_string());
        content.push('\n');
    }
    let expires = Time(context.now.0.saturating_add(EVERYTHING_PAGES_MS * 1000));
    let note = Note { name: format!("{NOTES}{id}"), content: content.into(), expires: Some(expires) };
    let transaction = Transaction { preconditions: Vec::new(), writes: vec![Write::Note(note)] };
    match context.store.commit(transaction).await {
        Ok(_) => Ok(id),
        Err(CommitError::Failed(error)) => Err(error.into()),
        Err(CommitError::Conflict(_)) => Err(Refusal::page_token()),
    }
}

fn next_link(
    context: &Context<'_>,
    path: &str,
    count: usize,
    note: &str,
    from: usize,
) -> Result<String, Refusal> {
    let position = Position([&(from as u64).to_be_bytes()[..], note.as_bytes()].concat());
    context.next_link(path, &Page { count, parameters: Parameters::new(), position, shown: None })
}

/// The page of a token: the resources of its keys as they are now.
async fn later_page(context: &Context<'_>, path: &str, parameters: &Parameters) -> Result<Reply, Refusal> {
    let is_known =
        |name: &str| matches!(name, "page" | "_count" | "_format" | "_pretty" | "_summary" | "_elements");
    if parameters.iter().any(|(name, _)| !is_known(name)) {
        return Err(Refusal::invalid("With page, only _count may be given: the page holds the rest."));
    }
    let token = value(parameters, "page").unwrap_or_default();
    let page = context.open_page(path, token).ok_or_else(Refusal::page_token)?;
    if value(parameters, "_count").is_some_and(|count| count.parse() != Ok(page.count)) {
        return Err(Refusal::page_token());
    }
    let (from, note) = page.position.0.split_first_chunk::<8>().ok_or_else(Refusal::page_token)?;
    let from = usize::try_from(u64::from_be_bytes(*from)).map_err(|_| Refusal::page_token())?;
    let note = std::str::from_utf8(note).map_err(|_| Refusal::page_token())?;
    let kept = context.store.note(&format!("{NOTES}{note}")).await?.ok_or_else(Refusal::page_token)?;
    let (total, keys) = kept_keys(&kept.content, from, page.count)?;
    let shown = parameters.iter().filter(|(name, _)| matches!(name.as_str(), "page" | "_count"));
    let mut links = vec![("self", context.base.query(path, &shown.cloned().collect()))];
    if from >= page.count {
        let previous = next_link(context, path, page.count, note, from - page.count)?;
        links.push(("previous", previous));
    }
    if from + page.count < total {
        links.push(("next", next_link(context, path, page.count, note, from + page.count)?));
    }
    answer(context, &keys, total, &links).await
}

/// How many keys a note holds, and some of them.
fn kept_keys(content: &Bytes, from: usize, count: usize) -> Result<(usize, Vec<ResourceKey>), Refusal> {
    let text = std::str::from_utf8(content).map_err(|_| Refusal::page_token())?;
    let key = |line: &str| {
        let (of, id) = line.split_once('/')?;
        Some(ResourceKey { of: ResourceType::parse(of)?, id: Id::parse(id)? })
    };
    let keys: Option<Vec<_>> = text.lines().skip(from).take(count).map(key).collect();
    Ok((text.lines().count(), keys.ok_or_else(Refusal::page_token)?))
}

async fn answer(
    context: &Context<'_>,
    keys: &[ResourceKey],
    total: usize,
    links: &[(&str, String)],
) -> Result<Reply, Refusal> {
    let rows: Vec<Stored> = context.store.read(keys, &context.visible).await?.into_iter().flatten().collect();
    let mut bundle =
        BundleWriter::new(context.base, BundleKind::Searchset, u64::try_from(total).ok(), links, &rows);
    for row in &rows {
        bundle.found(row, SearchMode::Match);
    }
    Ok(Reply::resource(bundle.finish()))
}
