//! Search of a type, of all types and in a compartment (R4 search), and its pages.

use fhir::{Issue, IssueCode};
use search::{Compiled, Position, Search, SearchScope, Total};

use crate::Context;
use crate::bundle::{BundleKind, BundleWriter, SearchMode};
use crate::contained::{self, Shown};
use crate::explain;
use crate::interaction::{Handling, Parameters};
use crate::limits::INCLUDED_MAX;
use crate::links::search_path;
use crate::outcome::Refusal;
use crate::page_token::{Page, ShownPart};
use crate::reply::Reply;
use crate::route::value;
use crate::vocabulary;

/// A search that is understood.
struct Asked {
    compiled: Compiled,
    /// The criteria that count, without `_count`: what a page token remembers.
    criteria: Parameters,
    count: usize,
    after: Option<Position>,
    /// What of the first match was shown already.
    part: Option<ShownPart>,
    /// What was searched for in fact, for the `self` link.
    shown: Parameters,
}

/// One page of the matches of a search.
pub(crate) async fn search(
    context: &Context<'_>,
    scope: &SearchScope,
    mut parameters: Parameters,
) -> Result<Reply, Refusal> {
    check_compartment(scope)?;
    let is_explained = explain::is_asked(context, &mut parameters)?;
    let path = search_path(scope);
    let asked = match value(&parameters, "page") {
        Some(_) => later_page(context, scope, &path, parameters).await?,
        None => first_page(context, scope, parameters).await?,
    };
    let mut search: Search =
        asked.compiled.search(&context.visible, asked.count, context.limits.page_matches.get());
    search.count = asked.count;
    search.include_max = INCLUDED_MAX;
    if asked.count == 0 {
        search.total = Total::Accurate;
    }
    search.after = asked.after.clone();
    if is_explained {
        return explain::explain(context, &search, &path, asked.shown).await;
    }
    let mut shown = match search.contents() {
        Some(_) => contained::page(context, &search, asked.part.clone()).await?,
        None => Shown::whole(context.store.search(&search).await?),
    };
    let is_whole = asked.after.is_none() && asked.part.is_none() && shown.found.next.is_none();
    if is_whole && shown.part.is_none() && shown.found.total.is_none() {
        shown.found.total = u64::try_from(shown.count()).ok();
    }
    let links = links(context, &path, asked, &mut shown)?;
    Ok(Reply::resource(write(context, &shown, &links)))
}

/// Where this page is, and the pages beside it; where the first one is if it is not the only one.
fn links(
    context: &Context<'_>,
    path: &str,
    asked: Asked,
    shown: &mut Shown,
) -> Result<Vec<(&'static str, String)>, Refusal> {
    let mut links = vec![("self", context.base.query(path, &asked.shown))];
    let (next, previous) = (shown.found.next.take(), shown.found.previous.take());
    let is_only = asked.after.is_none() && asked.part.is_none() && next.is_none();
    let Asked { count, criteria, .. } = asked;
    let mut page = Page { count, parameters: criteria, position: Position(Vec::new()), shown: None };
    let first = (!is_only).then(|| page.position.clone());
    for (relation, position) in [("first", first), ("previous", previous), ("next", next)] {
        let Some(position) = position else { continue };
        page.position = position;
        page.shown = shown.part.take_if(|_| relation == "next");
        links.push((relation, context.next_link(path, &page)?));
    }
    Ok(links)
}

fn write(context: &Context<'_>, shown: &Shown, links: &[(&str, String)]) -> Vec<u8> {
    let found = &shown.found;
    let mut bundle =
        BundleWriter::new(context.base, BundleKind::Searchset, found.total, links, &found.matches);
    match &shown.parts {
        Some(parts) => contained::write(found, parts, &mut bundle),
        None => found.matches.iter().for_each(|row| bundle.found(row, SearchMode::Match)),
    }
    for row in &found.included {
        bundle.found(row, SearchMode::Include);
    }
    if found.included_is_cut {
        let sentence = format!(
            "Not all that should be included is here: the limit is {INCLUDED_MAX} resources a page, and so many \
             bytes and rounds."
        );
        bundle.outcome(&Issue::warning(IssueCode::TooCostly, sentence).into());
    }
    bundle.finish()
}

/// A search from its beginning.
async fn first_page(
    context: &Context<'_>,
    scope: &SearchScope,
    parameters: Parameters,
) -> Result<Asked, Refusal> {
    let handling = context.preferences.handling;
    let compiled = compile(context, scope, &parameters, handling).await?;
    let mut shown = parameters;
    for at in compiled.ignored_at.iter().rev() {
        shown.remove(*at);
    }
    let limit = context.limits.page_matches.get();
    let count = match compiled.count {
        None => limit,
        Some(count) if count <= limit => count,
        Some(_) if handling == Handling::Lenient => {
            set_count(&mut shown, limit);
            limit
        }
        Some(_) => return Err(Refusal::value(format!("_count must be from 0 to {limit}."))),
    };
    let mut criteria = shown.clone();
    criteria.retain(|(name, _)| name != "_count");
    Ok(Asked { compiled, criteria, count, after: None, part: None, shown })
}

/// A search from where a page token says. The token holds all of it, so that nothing else may be asked. One
/// without a place is that of the first page.
async fn later_page(
    context: &Context<'_>,
    scope: &SearchScope,
    path: &str,
    parameters: Parameters,
) -> Result<Asked, Refusal> {
    if parameters.iter().any(|(name, _)| !matches!(name.as_str(), "page" | "_count")) {
        return Err(Refusal::invalid("With page, only _count may be given: the page holds the search."));
    }
    let token = value(&parameters, "page").unwrap_or_default();
    let page = context.open_page(path, token).ok_or_else(Refusal::page_token)?;
    let count = value(&parameters, "_count");
    if count.is_some_and(|count| count.parse() != Ok(page.count)) {
        return Err(Refusal::page_token());
    }
    let compiled = compile(context, scope, &page.parameters, Handling::Strict).await?;
    Ok(Asked {
        compiled,
        criteria: page.parameters,
        count: page.count,
        after: Some(page.position).filter(|position| !position.0.is_empty()),
        part: page.shown,
        shown: parameters,
    })
}

async fn compile(
    context: &Context<'_>,
    scope: &SearchScope,
    parameters: &Parameters,
    handling: Handling,
) -> Result<Compiled, Refusal> {
    let handling = match handling {
        Handling::Strict => search::Handling::Strict,
        Handling::Lenient => search::Handling::Lenient,
    };
    let of = scope.types().first().copied().ok_or_else(no_such_compartment)?;
    let asked = search::Context {
        of,
        parameters: &context.parameters,
        vocabulary: &vocabulary::fetch(context, parameters).await?,
        base: context.base.as_str(),
        now: context.now,
        handling,
    };
    match search::compile_within(parameters, scope, &asked) {
        Ok(compiled) => Ok(compiled),
        Err(errors) if errors.iter().any(|error| matches!(error.reason, search::Reason::Awaited(_))) => {
            let progress = crate::operation::reindex::awaited(context).await?;
            Err(Refusal::search(&errors).saying(&format!("Indexed so far: {progress}.")))
        }
        Err(errors) => Err(Refusal::search(&errors)),
    }
}

/// Refuses a compartment that the standard does not define.
fn check_compartment(scope: &SearchScope) -> Result<(), Refusal> {
    if scope.types().is_empty() { Err(no_such_compartment()) } else { Ok(()) }
}

fn no_such_compartment() -> Refusal {
    Refusal::no_such_address(
        "There is no such compartment: the types that have one are Patient, Encounter, Practitioner, \
         RelatedPerson and Device, and each has its own types of members.",
    )
}

fn set_count(parameters: &mut Parameters, count: usize) {
    for (name, value) in parameters {
        if name == "_count" {
            *value = count.to_string();
        }
    }
}
