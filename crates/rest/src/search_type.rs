//! Search of one resource type (R4 search), and its pages.

use fhir::ResourceType;
use search::{Filter, Search};

use crate::Context;
use crate::bundle::{BundleKind, BundleWriter, SearchMode};
use crate::interaction::Parameters;
use crate::links::{encode, search_path};
use crate::outcome::Refusal;
use crate::page_token::Page;
use crate::reply::Reply;

/// One page of the matches of a search.
pub(crate) async fn search(
    context: &Context<'_>,
    of: ResourceType,
    parameters: Parameters,
) -> Result<Reply, Refusal> {
    let path = search_path(of);
    if !parameters.is_empty() {
        return Err(Refusal::not_supported("Search parameters are not supported."));
    }
    let mut search = Search::new(&context.visible, of, Filter::Everything);
    search.count = context.limits.page_matches.get();
    let found = context.store.search(&search).await?;
    let next = found.next.map(|position| {
        let page = Page { count: search.count, query: encode(&parameters), position };
        context.base.page(&path, search.count, &context.seal_page(&path, &page))
    });
    let mut links = vec![("self", context.base.query(&path, &parameters))];
    links.extend(next.map(|next| ("next", next)));
    let mut bundle =
        BundleWriter::new(context.base, BundleKind::Searchset, found.total, &links, &found.matches);
    for row in &found.matches {
        bundle.found(row, SearchMode::Match);
    }
    for row in &found.included {
        bundle.found(row, SearchMode::Include);
    }
    Ok(Reply::resource(bundle.finish()))
}
