//! A whole search: matches, page, total, and what the page includes; and how it would be answered.

use fhir::ResourceType;
use search::{Filter, Search};
use store::{Found, Plan, StoreError};

use crate::StorageError;
use crate::contents::Reading;
use crate::include::Included;
use crate::page::Page;

impl Reading<'_> {
    /// One page of matches and what they include (`Store::search`).
    pub(crate) fn search(&self, search: &Search) -> Result<Found, StoreError> {
        let page = self.page(search)?;
        let included = self.included(search, &page.rows)?;
        let Page { matches, previous, next, total, .. } = page;
        let Included { rows: included, is_cut: included_is_cut, .. } = included;
        Ok(Found { matches, included, included_is_cut, next, previous, total })
    }

    /// How a search would be answered (`Store::explain`).
    pub(crate) fn explain(&self, search: &Search) -> Result<Plan, StorageError> {
        let mut lines = Vec::new();
        for (of, filter) in search.types() {
            self.explain_type(*of, filter, &mut lines)?;
        }
        match search.sort.as_slice() {
            [] => lines.push("in the order written, from the bitmap".to_owned()),
            sort => lines.push(format!("order by {} keys; values from the index or the entries", sort.len())),
        }
        lines.push(format!("open the blocks of up to {} bodies", search.count));
        if !search.include.is_empty() {
            lines.push(format!("add up to {} included resources", search.include_max));
        }
        Ok(Plan(lines))
    }

    fn explain_type(
        &self,
        of: ResourceType,
        filter: &Filter,
        lines: &mut Vec<String>,
    ) -> Result<(), StorageError> {
        let Some(types) = self.of(of) else {
            lines.push(format!("there is no {of} to look at"));
            return Ok(());
        };
        let (segments, recent) = (types.segments.len(), types.recent_rows().count());
        lines.push(format!(
            "{of}: {} live, index in {segments} segments, {recent} recent versions looked at one by one",
            types.current().len()
        ));
        self.explain_filter(of, filter, 1, lines)
    }

    fn explain_filter(
        &self,
        of: ResourceType,
        filter: &Filter,
        depth: usize,
        lines: &mut Vec<String>,
    ) -> Result<(), StorageError> {
        let say = |what: String, lines: &mut Vec<String>| lines.push(format!("{}{what}", "  ".repeat(depth)));
        match filter {
            Filter::And(filters) | Filter::Or(filters) => {
                let how = if matches!(filter, Filter::And(_)) { "all of" } else { "any of" };
                say(format!("{how} {} conditions, the cheapest first:", filters.len()), lines);
                filters.iter().try_for_each(|filter| self.explain_filter(of, filter, depth + 1, lines))
            }
            Filter::Not(filter) => {
                say("all but:".to_owned(), lines);
                self.explain_filter(of, filter, depth + 1, lines)
            }
            Filter::Refers { param, of, filter } => {
                say(format!("refers by parameter {} to {} with:", param.0, of.name()), lines);
                self.explain_filter(*of, filter, depth + 1, lines)
            }
            Filter::ReferredBy { by, param, filter } => {
                say(format!("is referred to by parameter {} of {} with:", param.0, by.name()), lines);
                self.explain_filter(*by, filter, depth + 1, lines)
            }
            leaf => {
                let found = self.select(of, leaf)?.len();
                say(format!("{}: {found} pass", name(leaf)), lines);
                Ok(())
            }
        }
    }
}

fn name(leaf: &Filter) -> String {
    match leaf {
        Filter::Everything => "everything".to_owned(),
        Filter::Nothing => "nothing".to_owned(),
        Filter::Ids(ids) => format!("one of {} ids, by identity", ids.len()),
        Filter::Updated(..) => "by the time of writing".to_owned(),
        Filter::Has(param, _) => format!("a value of parameter {}", param.0),
        Filter::Missing(param) => format!("no value of parameter {}", param.0),
        _ => "a condition".to_owned(),
    }
}
