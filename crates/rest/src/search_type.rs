//! Search of one resource type (R4 search), and its pages.

use fhir::ResourceType;
use search::{Compiled, Position, Search};
use store::Found;

use crate::Context;
use crate::bundle::{BundleKind, BundleWriter, SearchMode};
use crate::interaction::{Handling, Parameters};
use crate::links::search_path;
use crate::outcome::Refusal;
use crate::page_token::Page;
use crate::reply::Reply;
use crate::route::value;

/// A search that is understood.
struct Asked {
    compiled: Compiled,
    /// The criteria that count, without `_count`: what a page token remembers.
    criteria: Parameters,
    count: usize,
    after: Option<Position>,
    /// What was searched for in fact, for the `self` link.
    shown: Parameters,
}

/// One page of the matches of a search.
pub(crate) async fn search(
    context: &Context<'_>,
    of: ResourceType,
    parameters: Parameters,
) -> Result<Reply, Refusal> {
    let path = search_path(of);
    let asked = match value(&parameters, "page") {
        Some(_) => next_page(context, of, &path, parameters)?,
        None => first_page(context, of, parameters)?,
    };
    let limit = context.limits.page_matches.get();
    let mut search: Search = asked.compiled.search(&context.visible, limit, limit);
    search.count = asked.count;
    let is_first = asked.after.is_none();
    search.after = asked.after;
    let mut found = context.store.search(&search).await?;
    if is_first && found.next.is_none() && found.total.is_none() {
        found.total = u64::try_from(found.matches.len()).ok();
    }
    let mut links = vec![("self", context.base.query(&path, &asked.shown))];
    if let Some(position) = found.next.take() {
        let page = Page { count: asked.count, parameters: asked.criteria, position };
        links.push(("next", context.next_link(&path, &page)?));
    }
    Ok(Reply::resource(write(context, &found, &links)))
}

fn write(context: &Context<'_>, found: &Found, links: &[(&str, String)]) -> Vec<u8> {
    let mut bundle =
        BundleWriter::new(context.base, BundleKind::Searchset, found.total, links, &found.matches);
    for row in &found.matches {
        bundle.found(row, SearchMode::Match);
    }
    for row in &found.included {
        bundle.found(row, SearchMode::Include);
    }
    bundle.finish()
}

/// A search from its beginning.
fn first_page(context: &Context<'_>, of: ResourceType, parameters: Parameters) -> Result<Asked, Refusal> {
    let handling = context.preferences.handling;
    let compiled = compile(context, of, &parameters, handling)?;
    let mut shown = parameters;
    if !compiled.ignored.is_empty() {
        shown.retain(|one| is_used(context, of, one));
    }
    let limit = context.limits.page_matches.get();
    let count = match compiled.count {
        None => limit,
        Some(0) => return Err(Refusal::not_supported("_count=0 is not supported.")),
        Some(count) if count <= limit => count,
        Some(_) if handling == Handling::Lenient => {
            set_count(&mut shown, limit);
            limit
        }
        Some(_) => return Err(Refusal::value(format!("_count must be from 1 to {limit}."))),
    };
    let mut criteria = shown.clone();
    criteria.retain(|(name, _)| name != "_count");
    Ok(Asked { compiled, criteria, count, after: None, shown })
}

/// A search from where a page token says. The token holds all of it, so that nothing else may be asked.
fn next_page(
    context: &Context<'_>,
    of: ResourceType,
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
    let compiled = compile(context, of, &page.parameters, Handling::Strict)?;
    Ok(Asked {
        compiled,
        criteria: page.parameters,
        count: page.count,
        after: Some(page.position),
        shown: parameters,
    })
}

fn compile(
    context: &Context<'_>,
    of: ResourceType,
    parameters: &Parameters,
    handling: Handling,
) -> Result<Compiled, Refusal> {
    let handling = match handling {
        Handling::Strict => search::Handling::Strict,
        Handling::Lenient => search::Handling::Lenient,
    };
    let context = search::Context {
        of,
        parameters: &context.parameters,
        base: context.base.as_str(),
        now: context.now,
        handling,
    };
    search::compile(parameters, &context).map_err(|errors| Refusal::search(&errors))
}

/// Whether a parameter of a lenient search was understood.
fn is_used(context: &Context<'_>, of: ResourceType, one: &(String, String)) -> bool {
    compile(context, of, &vec![one.clone()], Handling::Lenient).is_ok_and(|alone| alone.ignored.is_empty())
}

fn set_count(parameters: &mut Parameters, count: usize) {
    for (name, value) in parameters {
        if name == "_count" {
            *value = count.to_string();
        }
    }
}
